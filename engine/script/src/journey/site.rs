//! Places in a journey where a request or a check is written with constants: its options are read once for each thread,
//! and the request itself is made ready once, whatever it carries.
//!
//! `user.get("/", #{ name: "front" })` evaluates to what it did before; only its constant arguments are replaced, in the
//! thread's own copy of the function, by one value that holds what they mean. Errors in them arise when the place is
//! reached, as before.

use std::cell::OnceCell;
use std::rc::Rc;

use engine_load::user::Mark;
use rhai::{Dynamic, Expr, FnCallExpr, FnCallHashes, GlobalRuntimeState, ImmutableString, Map, Module, Position, Stmt};

use super::request::{Given, Ready};

/// A request as its place has it.
#[derive(Debug)]
pub(crate) struct RequestSite {
    /// The path, where it is constant too.
    pub(crate) target: Option<ImmutableString>,
    pub(crate) options: Map,
    pub(crate) given: OnceCell<Given>,
    pub(crate) ready: OnceCell<Ready>,
}

/// A request's place, as a value of the language.
#[derive(Debug, Clone)]
pub(crate) struct Site(pub(crate) Rc<RequestSite>);

/// A check's place, as a value of the language.
#[derive(Debug, Clone)]
pub(crate) struct CheckSite(pub(crate) Rc<Mark>);

/// Methods of a user with an address and options.
const REQUESTS: [&str; 6] = ["get", "head", "post", "put", "delete", "patch"];

/// Replaces what is constant in the requests and checks of `user` in a function's statements.
pub(crate) fn prepare(statements: &mut [Stmt], user: &str, state: &GlobalRuntimeState) {
    if has_own_methods(state) || statements.iter().any(|stmt| rebinds(stmt, user)) {
        return;
    }
    let walker = Walker { user };
    for stmt in statements {
        walker.stmt(stmt);
    }
}

/// Whether a statement gives the user's name to something else.
fn rebinds(stmt: &Stmt, user: &str) -> bool {
    let mut found = false;
    stmt.walk(&mut Vec::new(), &mut |path| {
        found |= match path.last() {
            Some(rhai::ASTNode::Stmt(Stmt::Var(var, ..))) => var.0.name == user,
            Some(rhai::ASTNode::Stmt(Stmt::For(each, _))) => {
                each.0.name == user || each.1.as_ref().is_some_and(|second| second.name == user)
            }
            Some(rhai::ASTNode::Stmt(Stmt::TryCatch(flow, _))) => {
                matches!(&flow.expr, Expr::Variable(name, ..) if name.1 == user)
            }
            Some(rhai::ASTNode::Stmt(Stmt::Assignment(both))) => {
                matches!(&both.1.lhs, Expr::Variable(name, ..) if name.1 == user)
            }
            Some(rhai::ASTNode::Stmt(Stmt::Import(import, _))) => import.1.name == user,
            _ => false,
        };
        !found
    });
    found
}

/// Whether the scenario, or a module that it imports, has functions by the names of ours, which then come first.
fn has_own_methods(state: &GlobalRuntimeState) -> bool {
    let ours = |name: &str| name == "check" || REQUESTS.contains(&name);
    let own = |module: &Module| module.iter_script_fn_info().any(|(_, _, name, ..)| ours(name));
    // Methods of modules within modules are known to the outer one, but not by name.
    let hidden =
        |module: &Module| module.iter_sub_modules().next().is_some() && module.contains_indexed_global_functions();
    state.lib.iter().any(|module| own(module))
        || state.iter_imports_raw().any(|(_, module)| own(module) || hidden(module))
}

struct Walker<'a> {
    user: &'a str,
}

impl Walker<'_> {
    fn block<'b>(&self, statements: impl IntoIterator<Item = &'b mut Stmt>) {
        for stmt in statements {
            self.stmt(stmt);
        }
    }

    fn stmt(&self, stmt: &mut Stmt) {
        match stmt {
            Stmt::Var(var, ..) => self.expr(&mut var.1),
            Stmt::Expr(expr) => self.expr(expr),
            Stmt::Assignment(both) => self.expr(&mut both.1.rhs),
            Stmt::FnCall(call, _) => call.args.iter_mut().for_each(|expr| self.expr(expr)),
            Stmt::Return(Some(expr), ..) => self.expr(expr),
            Stmt::Block(block) => self.block(block.statements_mut()),
            Stmt::If(flow, _) | Stmt::While(flow, _) | Stmt::Do(flow, ..) | Stmt::TryCatch(flow, _) => {
                self.expr(&mut flow.expr);
                self.block(flow.body.statements_mut());
                self.block(flow.branch.statements_mut());
            }
            Stmt::For(each, _) => {
                self.expr(&mut each.2.expr);
                self.block(each.2.body.statements_mut());
            }
            _ => {}
        }
    }

    fn expr(&self, expr: &mut Expr) {
        match expr {
            Expr::Dot(both, ..) => {
                let of_user = matches!(&both.lhs, Expr::Variable(name, ..) if name.1 == self.user);
                let method = match &mut both.rhs {
                    Expr::Dot(inner, ..) | Expr::Index(inner, ..) => &mut inner.lhs,
                    other => other,
                };
                match method {
                    Expr::MethodCall(call, pos) if of_user => self.method(call, *pos),
                    Expr::MethodCall(call, _) => call.args.iter_mut().for_each(|expr| self.expr(expr)),
                    _ => {}
                }
                self.expr(&mut both.lhs);
            }
            Expr::FnCall(call, _) => call.args.iter_mut().for_each(|expr| self.expr(expr)),
            Expr::Array(items, _) | Expr::InterpolatedString(items, _) => {
                items.iter_mut().for_each(|expr| self.expr(expr));
            }
            Expr::Map(map, _) => map.0.iter_mut().for_each(|(_, expr)| self.expr(expr)),
            Expr::And(items, _) | Expr::Or(items, _) | Expr::Coalesce(items, _) => {
                items.iter_mut().for_each(|expr| self.expr(expr));
            }
            Expr::Index(both, ..) => {
                self.expr(&mut both.lhs);
                self.expr(&mut both.rhs);
            }
            Expr::Stmt(block) => self.block(block.statements_mut()),
            _ => {}
        }
    }

    /// A method of the user.
    fn method(&self, call: &mut FnCallExpr, pos: Position) {
        call.args.iter_mut().for_each(|expr| self.expr(expr));
        let constant = |value: Dynamic| Expr::DynamicConstant(Box::new(value), pos);
        let known = if REQUESTS.contains(&call.name.as_str()) {
            match call.args.as_mut_slice() {
                [target] => {
                    if let Expr::StringConstant(text, _) = target {
                        *target = constant(request(Some(text.clone()), Map::new()));
                    }
                    true
                }
                [target, options] => {
                    // A file may change between two requests.
                    let map = options.get_literal_value(None).and_then(Dynamic::try_cast::<Map>);
                    if let Some(map) = map.filter(|map| options.is_constant() && !map.contains_key("file")) {
                        let text = match target {
                            Expr::StringConstant(text, _) => Some(text.clone()),
                            _ => None,
                        };
                        if text.is_some() {
                            *target = Expr::Unit(pos);
                        }
                        *options = constant(request(text, map));
                    }
                    true
                }
                _ => false,
            }
        } else if call.name == "check" {
            if let [Expr::StringConstant(name, _), _] = call.args.as_slice() {
                let mark = Rc::new(Mark::check(name));
                call.args[0] = constant(Dynamic::from(CheckSite(mark)));
            }
            call.args.len() == 2
        } else {
            false
        };
        if known {
            // Nobody else has methods of these names, so nobody else is asked.
            call.hashes = FnCallHashes::from_native_only(call.hashes.native());
        }
    }
}

fn request(target: Option<ImmutableString>, options: Map) -> Dynamic {
    Dynamic::from(Site(Rc::new(RequestSite { target, options, given: OnceCell::new(), ready: OnceCell::new() })))
}
