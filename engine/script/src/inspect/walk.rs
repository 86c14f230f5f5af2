//! One walk over a source: every call, every import, every option map.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use engine_core::nearest::hint;
use rhai::{AST, ASTNode, Engine, Expr, FnCallExpr, Position, Stmt};

use super::{calls, captures};
use crate::diagnostic::Diagnostic;
use crate::docs::WRITTEN;
use crate::fault::{At, Fault};
use crate::host::Host;
use crate::resolve;
use crate::sites::Sites;
use crate::sources::SourceText;
use crate::translate;

/// How many values each function takes.
pub(crate) type Functions = BTreeMap<String, BTreeSet<usize>>;

/// The native functions: by module, the global ones under the empty name.
#[derive(Debug, Default)]
pub(crate) struct Known {
    modules: BTreeMap<String, Functions>,
}

impl Known {
    /// What is registered, so that nothing can be listed and not exist, or the other way round.
    pub(crate) fn of(engine: &Engine) -> Self {
        let all = engine.collect_fn_metadata(
            None,
            |info| Some((info.namespace.to_string(), info.metadata.name.to_string(), info.metadata.num_params)),
            true,
        );
        let mut known = Self::default();
        for (module, name, count) in all {
            known.modules.entry(module).or_default().entry(name).or_default().insert(count);
        }
        known
    }

    fn module(&self, name: &str) -> Option<&Functions> {
        self.modules.get(name)
    }
}

/// A source under inspection.
pub(crate) struct Walk<'a> {
    pub(crate) host: &'a Host,
    pub(crate) source: &'a SourceText,
    pub(crate) ast: &'a AST,
    pub(crate) sites: &'a Sites,
    pub(crate) found: Vec<Diagnostic>,
    native: &'a Functions,
    known: &'a Known,
    own: Functions,
    imports: BTreeMap<String, Option<Functions>>,
}

/// Functions that a script defines.
fn own(ast: &AST) -> Functions {
    let mut functions = Functions::new();
    for function in ast.iter_functions() {
        functions.entry(function.name.to_owned()).or_default().insert(function.params.len());
    }
    functions
}

/// Inspects a compiled source. Sources that it imports are read too, and inspected by later calls.
pub(crate) fn inspect(host: &Rc<Host>, engine: &Engine, known: &Known, source: &Rc<SourceText>) -> Vec<Diagnostic> {
    let Some((ast, sites)) = source.compiled.borrow().clone() else { return Vec::new() };
    let empty = Functions::new();
    let mut walk = Walk {
        host,
        source,
        ast: &ast,
        sites: &sites,
        found: Vec::new(),
        native: known.module("").unwrap_or(&empty),
        known,
        own: own(&ast),
        imports: BTreeMap::new(),
    };
    walk.definitions();
    // Imports first: a function may call what the top level imports further down.
    ast.walk(&mut |path| {
        if let Some(ASTNode::Stmt(Stmt::Import(import, pos))) = path.last() {
            walk.import(engine, &import.0, import.1.name.as_str(), *pos);
        }
        true
    });
    ast.walk(&mut |path| {
        match path.last() {
            Some(ASTNode::Expr(Expr::FnCall(call, pos)) | ASTNode::Stmt(Stmt::FnCall(call, pos))) => {
                walk.call(call, *pos);
            }
            Some(ASTNode::Expr(Expr::MethodCall(call, pos))) => walk.method(call, *pos),
            _ => {}
        }
        true
    });
    let mut found = walk.found;
    // The language walks functions in no fixed order.
    found.sort_by_key(|d| (d.place.line, d.place.column));
    found
}

impl Walk<'_> {
    pub(crate) fn at(&self, pos: Position, length: usize) -> At {
        At { file: self.source.name.clone(), pos, length }
    }

    pub(crate) fn report(&mut self, fault: Fault, at: At) {
        let mut diagnostic = translate::fault(&self.host.sources, &fault, &at);
        diagnostic.chain = self.host.sources.chain(&self.source.name);
        if !self.found.contains(&diagnostic) {
            self.found.push(diagnostic);
        }
    }

    /// A scenario's function with the name of one of ours would silently take its place.
    fn definitions(&mut self) {
        let names: Vec<(String, Position)> = self
            .ast
            .iter_fn_def()
            .filter(|def| {
                def.this_type.is_none() && WRITTEN.iter().any(|entry| entry.module.is_empty() && entry.name == def.name)
            })
            .map(|def| (def.name.to_string(), def.body.start_position()))
            .collect();
        for (name, body) in names {
            let line = body.line().and_then(|line| self.source.line(line)).unwrap_or_default();
            let column = line.find(&format!("fn {name}")).map(|at| line[..at].chars().count() + 4);
            let pos = match (
                column.and_then(|column| u16::try_from(column).ok()),
                body.line().and_then(|line| u16::try_from(line).ok()),
            ) {
                (Some(column), Some(line)) => Position::new(line, column),
                _ => body,
            };
            let fault = Fault::invalid(
                "reserved-name",
                format!("`{name}` is a function of the engine: another one would silently take its place"),
            );
            let at = self.at(pos, name.chars().count());
            self.report(fault.help("give it another name"), at);
        }
    }

    fn import(&mut self, engine: &Engine, path: &Expr, alias: &str, pos: Position) {
        let Expr::StringConstant(text, at) = path else {
            let fault =
                Fault::invalid("import", "the path of an import must be a plain text, so that it can be checked");
            let at = self.at(pos, 6);
            self.report(fault, at);
            return;
        };
        let here = self.at(*at, text.chars().count() + 2);
        let functions = match resolve::imported(self.host, &self.source.name, text) {
            Err(fault) => {
                self.report(fault, here);
                None
            }
            Ok(source) => {
                let place = self.host.place(&here);
                self.host
                    .sources
                    .came(&source.name, crate::diagnostic::Link { how: "imported from".to_owned(), place });
                match resolve::compile(self.host, engine, &source) {
                    Ok(ast) => Some(own(&ast)),
                    Err(error) => {
                        let mut diagnostic = translate::eval(&self.host.sources, &source.name, &error);
                        diagnostic.chain = self.host.sources.chain(&source.name);
                        self.found.push(diagnostic);
                        None
                    }
                }
            }
        };
        self.imports.insert(alias.to_owned(), functions);
    }

    fn call(&mut self, call: &FnCallExpr, pos: Position) {
        if call.is_operator_call() {
            return;
        }
        let (name, count) = (call.name.as_str(), call.args.len());
        if call.is_qualified() {
            self.qualified(call, pos);
        } else if !calls::is_keyword(name) {
            let counts = join(self.own.get(name), self.native.get(name));
            self.judge(name, name, &counts, count, pos, |walk| {
                if walk.sites.variables.contains_key(name) {
                    return Some(format!("a function in a variable is called with `{name}.call(..)`"));
                }
                None
            });
        }
        calls::check(self, call, pos);
        captures::check(self, call);
    }

    fn qualified(&mut self, call: &FnCallExpr, pos: Position) {
        let root = call.namespace.root().to_owned();
        let name = call.name.as_str();
        let shown = format!("{root}::{name}");
        if call.namespace.path.len() > 1 {
            return;
        }
        let functions = match self.imports.get(&root) {
            Some(Some(functions)) => functions.clone(),
            Some(None) => return,
            None => match self.known.module(&root) {
                Some(functions) => functions.clone(),
                None => {
                    let names = self.known.modules.keys().filter(|known| !known.is_empty());
                    let near = hint(&root, names.map(String::as_str).chain(self.imports.keys().map(String::as_str)));
                    let fault = Fault::invalid("unknown-module", format!("there is no module `{root}`{near}"));
                    let at = self.at(call.namespace.position(), root.chars().count());
                    self.report(fault, at);
                    return;
                }
            },
        };
        let counts = join(functions.get(name), None);
        if counts.is_empty() {
            let near = hint(name, functions.keys().map(String::as_str));
            let fault = Fault::invalid("unknown-function", format!("there is no function `{shown}`{near}"));
            let list: Vec<&str> =
                functions.keys().map(String::as_str).filter(|known| !known.starts_with("anon$")).take(12).collect();
            let fault = if near.is_empty() && !list.is_empty() {
                fault.help(format!("`{root}` has `{}`", list.join("`, `")))
            } else {
                fault
            };
            let at = self.at(pos, name.chars().count());
            self.report(fault, at);
            return;
        }
        self.judge(name, &shown, &counts, call.args.len(), pos, |_| None);
    }

    fn method(&mut self, call: &FnCallExpr, pos: Position) {
        let name = call.name.as_str();
        // A map's function is called like a method, so any key may be one.
        if calls::is_keyword(name) || self.sites.keys.contains(name) {
            return;
        }
        let natives = self.native.get(name).map(|counts| counts.iter().filter_map(|n| n.checked_sub(1)).collect());
        let imported = self.imports.values().flatten().filter_map(|functions| functions.get(name));
        let mut counts = join(self.own.get(name), natives.as_ref());
        imported.for_each(|more| counts.extend(more));
        self.judge(name, name, &counts, call.args.len(), pos, |_| None);
        calls::request(self, call);
    }

    fn judge(
        &mut self,
        name: &str,
        shown: &str,
        counts: &BTreeSet<usize>,
        count: usize,
        pos: Position,
        help: impl Fn(&Self) -> Option<String>,
    ) {
        if counts.contains(&count) {
            return;
        }
        let at = self.at(pos, name.chars().count());
        let fault = if counts.is_empty() {
            let names = self.own.keys().chain(self.native.keys()).map(String::as_str);
            let written = WRITTEN.iter().map(|entry| entry.name);
            let near = match hint(name, written) {
                near if near.is_empty() => {
                    hint(name, names.filter(|known| known.starts_with(|c: char| c.is_alphabetic())))
                }
                near => near,
            };
            let fault = Fault::invalid("unknown-function", format!("there is no function `{shown}`{near}"));
            match help(self).or_else(|| calls::advice(name)) {
                Some(help) => fault.help(help),
                None => fault,
            }
        } else {
            let takes: Vec<String> = counts.iter().map(ToString::to_string).collect();
            let noun = if takes == ["1"] { "value" } else { "values" };
            let message = format!("`{shown}` takes {} {noun}, got {count}", takes.join(" or "));
            let entry = WRITTEN.iter().find(|entry| entry.name == name);
            let fault = Fault::invalid("wrong-arity", message);
            match entry {
                Some(entry) => fault.help(format!("write `{}`", entry.signature)),
                None => fault,
            }
        };
        self.report(fault, at);
    }
}

fn join(one: Option<&BTreeSet<usize>>, two: Option<&BTreeSet<usize>>) -> BTreeSet<usize> {
    one.into_iter().chain(two).flatten().copied().collect()
}
