//! Finds what `import` and `include` name: standard modules, and files under the scenario's folder. Nothing else.

#![expect(
    deprecated,
    reason = "the language marks stored contexts volatile; its version is pinned and tests hold each use"
)]

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::{Component, Path};
use std::rc::{Rc, Weak};

use engine_core::nearest::nearest;
use engine_core::step::Place;
use rhai::{
    AST, Dynamic, Engine, EvalAltResult, FnPtr, Module, ModuleResolver, NativeCallContext, Position, Scope, Shared,
};

use crate::diagnostic::Link;
use crate::fault::{At, Fault, Raised};
use crate::host::{Host, Loaded};
use crate::permissions::real;
use crate::sites::Sites;
use crate::sources::SourceText;
use crate::stdlib::STDLIB;

const EXTENSION: &str = "rhai";

/// The language's door to [`module`].
pub(crate) struct Resolver(pub(crate) Weak<Host>);

impl ModuleResolver for Resolver {
    fn resolve(&self, engine: &Engine, source: Option<&str>, path: &str, pos: Position) -> Raised<Shared<Module>> {
        let Some(host) = self.0.upgrade() else {
            return Err(EvalAltResult::ErrorModuleNotFound(path.to_owned(), pos).into());
        };
        let at = At { file: source.unwrap_or_default().to_owned(), pos, length: path.chars().count() + 2 };
        let raise = |fault: Fault| fault.or_at(Some(at.clone())).boxed(pos);
        let source = imported(&host, source.unwrap_or_default(), path).map_err(raise)?;
        if let Some(loaded) = host.modules.borrow().get(&source.name) {
            return Ok(loaded.module.clone());
        }
        open(&host, &source.name, host.place(&at), "imports").map_err(raise)?;
        let loaded = module(&host, engine, &source);
        close(&host);
        loaded.map_err(|error| {
            Box::new(EvalAltResult::ErrorInModule(source.name.clone(), named(error, &source.name), pos))
        })
    }
}

/// An error of a module's top level, under the module's name: the language does not keep it.
fn named(error: Box<EvalAltResult>, file: &str) -> Box<EvalAltResult> {
    Box::new(EvalAltResult::ErrorInFunctionCall(String::new(), file.to_owned(), error, Position::NONE))
}

/// Marks a source as being read.
pub(crate) fn open(host: &Host, name: &str, place: Place, verb: &str) -> Result<(), Fault> {
    let mut opening = host.opening.borrow_mut();
    if let Some(start) = opening.iter().position(|(open, _)| open == name) {
        let chain: Vec<&str> = opening[start..].iter().map(|(open, _)| open.as_str()).chain([name]).collect();
        let message = if chain.len() == 2 {
            format!("`{name}` {verb} itself")
        } else {
            format!("`{name}` {verb} itself: {}", chain.join(" -> "))
        };
        return Err(Fault::invalid("cycle", message).help("move what both need into a module of its own"));
    }
    let how = if verb == "includes" { "included from" } else { "imported from" };
    host.sources.came(name, Link { how: how.to_owned(), place: place.clone() });
    opening.push((name.to_owned(), place));
    Ok(())
}

/// Ends what [`open`] began.
pub(crate) fn close(host: &Host) {
    host.opening.borrow_mut().pop();
}

/// Compiles a source once, and notes where its calls stand.
pub(crate) fn compile(host: &Host, engine: &Engine, source: &Rc<SourceText>) -> Raised<Rc<AST>> {
    if let Some((ast, _)) = &*source.compiled.borrow() {
        return Ok(Rc::clone(ast));
    }
    let mut ast = engine.compile(&source.text).map_err(|error| {
        let diagnostic = crate::translate::parse(&host.sources, &source.name, &error);
        let reported = crate::verbs::Reported(diagnostic);
        Box::new(EvalAltResult::ErrorRuntime(Dynamic::from(reported), error.1))
    })?;
    ast.set_source(source.name.as_str());
    let sites = Sites::of(&ast);
    let ast = Rc::new(ast);
    source.compiled.replace(Some((Rc::clone(&ast), Rc::new(sites))));
    Ok(ast)
}

/// Added to each module: calls a closure that the module made, where its constants and imports are.
const RUN: &str =
    "fn engine_run(f) { f.call() } fn engine_run(f, a) { f.call(a) } fn engine_run(f, a, b) { f.call(a, b) }";

/// A closure that a module made, as a function value that can be called from anywhere.
pub(crate) fn homed(host: &Rc<Host>, file: &str, function: FnPtr) -> Raised<FnPtr> {
    let mut runner = forwarder(host, file, "engine_run")?;
    runner.add_curry(Dynamic::from(function));
    Ok(runner)
}

/// Runs a module's top level. Each of its functions also becomes a value of the module, so that `users::buyer` can be
/// handed over like any function.
fn module(host: &Rc<Host>, engine: &Engine, source: &Rc<SourceText>) -> Raised<Shared<Module>> {
    let ast = compile(host, engine, source)?;
    let mut whole = ast.merge(&host.plain.compile(RUN)?);
    // Merging forgets it.
    whole.set_source(source.name.as_str());
    let mut module = Module::eval_ast_as_new(Scope::new(), &whole, engine)?;
    for function in ast.iter_functions() {
        let plain = function.this_type.is_none() && !function.name.starts_with("anon$");
        if plain && matches!(function.access, rhai::FnAccess::Public) && !module.contains_var(function.name) {
            let value = forwarder(host, &source.name, function.name)?;
            module.set_var(function.name, Dynamic::from(value));
        }
    }
    module.build_index();
    let module: Shared<Module> = module.into();
    host.modules.borrow_mut().insert(source.name.clone(), Loaded { module: module.clone(), ast });
    Ok(module)
}

/// A function value that calls a module's function, from wherever it is called.
fn forwarder(host: &Rc<Host>, file: &str, name: &str) -> Raised<FnPtr> {
    let (host, file, function) = (Rc::downgrade(host), file.to_owned(), name.to_owned());
    // One line for each number of values, compiled when it is first called: journeys are called very often.
    let lines: RefCell<BTreeMap<usize, Shared<Module>>> = RefCell::default();
    FnPtr::from_fn(name, move |ctx: NativeCallContext<'_>, args: &mut [&mut Dynamic]| {
        let gone = || EvalAltResult::ErrorModuleNotFound(file.clone(), Position::NONE);
        let host = host.upgrade().ok_or_else(gone)?;
        let module = host.modules.borrow().get(&file).map(|loaded| loaded.module.clone()).ok_or_else(gone)?;
        let known = lines.borrow().get(&args.len()).cloned();
        let line = match known {
            Some(line) => line,
            None => {
                let names: Vec<String> = (0..args.len()).map(|n| format!("a{n}")).collect();
                let list = names.join(", ");
                let text = format!("fn engine_forward({list}) {{ forwarded::{function}({list}) }}");
                let line = host.plain.compile(text)?.shared_lib().clone();
                lines.borrow_mut().insert(args.len(), line.clone());
                line
            }
        };
        let mut store = ctx.store_data();
        store.global.push_import("forwarded", module);
        store.global.lib.push(line);
        let inner = store.create_context(ctx.engine());
        let values: Vec<Dynamic> = args.iter_mut().map(|value| value.take()).collect();
        FnPtr::new("engine_forward")?.call_raw(&inner, None, values)
    })
}

/// The source that `import "path"` in `from` names.
pub(crate) fn imported(host: &Host, from: &str, path: &str) -> Result<Rc<SourceText>, Fault> {
    match path.strip_prefix("std/") {
        Some(name) => standard(host, name),
        None => file(host, from, path, "import"),
    }
}

/// The source that `include("name")` in `from` names: an embedded scenario, else a file.
pub(crate) fn included(host: &Host, from: &str, name: &str) -> Result<Rc<SourceText>, Fault> {
    let embedded = host.options.embedded.iter().find(|(known, _)| *known == name);
    if let Some((known, text)) = embedded {
        return embedded_source(host, known, text);
    }
    file(host, from, name, "include")
}

/// An embedded scenario as a source.
pub(crate) fn embedded_source(host: &Host, name: &str, text: &str) -> Result<Rc<SourceText>, Fault> {
    let shown = format!("embedded:{name}");
    if let Some(known) = host.sources.get(&shown) {
        return Ok(known);
    }
    let source = SourceText::new(&shown, text.as_bytes().to_vec(), None, host.options.limits.source);
    source
        .map(|source| host.sources.add(source))
        .map_err(|diagnostic| Fault::invalid(diagnostic.code, diagnostic.message))
}

fn standard(host: &Host, name: &str) -> Result<Rc<SourceText>, Fault> {
    let shown = format!("std/{name}");
    if let Some(known) = host.sources.get(&shown) {
        return Ok(known);
    }
    let plain = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    let own = host.options.stdlib_dir.as_ref().filter(|_| plain).map(|dir| dir.join(name).with_extension(EXTENSION));
    let bytes = match own.filter(|path| path.is_file()) {
        Some(path) => host
            .files
            .read(&path, host.options.limits.source)
            .map(|bytes| bytes.to_vec())
            .map_err(|error| Fault::invalid("unreadable", format!("cannot read `{}`: {error}", path.display())))?,
        None => match STDLIB.iter().find(|(known, _)| *known == name) {
            Some((_, text)) => text.as_bytes().to_vec(),
            None => {
                let names: Vec<String> = STDLIB.iter().map(|(known, _)| format!("std/{known}")).collect();
                return Err(missing(&shown, names, "import"));
            }
        },
    };
    add(host, &shown, bytes, None)
}

fn add(host: &Host, shown: &str, bytes: Vec<u8>, folder: Option<&Path>) -> Result<Rc<SourceText>, Fault> {
    let source = SourceText::new(shown, bytes, folder.map(Path::to_owned), host.options.limits.source)
        .map_err(|diagnostic| Fault::new(diagnostic.class, diagnostic.code, diagnostic.message))?;
    Ok(host.sources.add(source))
}

fn missing(path: &str, names: Vec<String>, verb: &str) -> Fault {
    let near = nearest(path, names.iter().map(String::as_str));
    let fault = Fault::invalid("missing-file", format!("there is nothing to {verb} called `{path}`"));
    match (near, names.is_empty()) {
        (Some(near), _) => fault.help(format!("did you mean `{near}`?")),
        (None, true) => fault,
        (None, false) => {
            fault.help(format!("there are `{}`", names.into_iter().take(20).collect::<Vec<_>>().join("`, `")))
        }
    }
}

/// A file under the scenario's folder, relative to the source that names it.
fn file(host: &Host, from: &str, path: &str, verb: &str) -> Result<Rc<SourceText>, Fault> {
    let outside = |why: &str| {
        Fault::invalid("outside", format!("cannot {verb} `{path}`: {why}"))
            .help("files lie under the scenario's folder; standard modules are named `std/NAME`")
    };
    if path.is_empty() || path.contains('\0') {
        return Err(outside("that is no path"));
    }
    if Path::new(path).is_absolute() {
        return Err(outside("the path is absolute"));
    }
    let folder = host.sources.get(from).and_then(|source| source.folder.clone());
    let (Some(folder), Some(root)) = (folder, host.root.as_ref()) else {
        let names = host.options.embedded.iter().map(|(name, _)| (*name).to_owned());
        let standard = STDLIB.iter().map(|(name, _)| format!("std/{name}"));
        let names = if verb == "include" { names.collect() } else { standard.collect() };
        return Err(missing(path, names, verb));
    };
    let mut target = folder.join(path);
    if target.extension().is_none_or(|found| found != EXTENSION) {
        target.as_mut_os_string().push(".");
        target.as_mut_os_string().push(EXTENSION);
    }
    let found = real(&target);
    if !found.starts_with(root) {
        return Err(outside("it lies outside the scenario's folder"));
    }
    if !found.is_file() {
        return Err(missing(path, beside(&folder, verb, host), verb));
    }
    let inner = found.strip_prefix(root).unwrap_or(&found);
    let shown = shown(host, inner);
    if let Some(known) = host.sources.get(&shown) {
        return Ok(known);
    }
    let bytes = host
        .files
        .read(&found, host.options.limits.source)
        .map(|bytes| bytes.to_vec())
        .map_err(|error| Fault::invalid("unreadable", format!("cannot read `{shown}`: {error}")))?;
    add(host, &shown, bytes, found.parent())
}

/// A file under the scenario's folder as messages show it: as the user named that folder.
fn shown(host: &Host, inner: &Path) -> String {
    let main = host.frames.borrow().first().map_or_else(String::new, |frame| frame.file.clone());
    let folder = Path::new(&main).parent().filter(|_| Path::new(&main).extension().is_some());
    folder.unwrap_or(Path::new("")).join(inner).display().to_string()
}

/// The files that could have been meant, without their extension.
fn beside(folder: &Path, verb: &str, host: &Host) -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(folder)
        .into_iter()
        .flatten()
        .filter_map(Result::ok)
        .flat_map(|entry| {
            let path = entry.path();
            let inner = std::fs::read_dir(&path).into_iter().flatten().filter_map(Result::ok).map(|inner| inner.path());
            std::iter::once(path.clone()).chain(inner.take(100)).collect::<Vec<_>>()
        })
        .take(1000)
        .filter(|path| path.extension().is_some_and(|found| found == EXTENSION))
        .filter_map(|path| {
            let inner = path.strip_prefix(folder).ok()?.with_extension("");
            inner.components().all(|part| matches!(part, Component::Normal(_))).then(|| inner.display().to_string())
        })
        .collect();
    if verb == "include" {
        names.extend(host.options.embedded.iter().map(|(name, _)| (*name).to_owned()));
    } else {
        names.extend(STDLIB.iter().map(|(name, _)| format!("std/{name}")));
    }
    names.sort();
    names
}
