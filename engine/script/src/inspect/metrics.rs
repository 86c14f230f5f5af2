//! The metrics that script code records, as far as its text tells.

use std::collections::BTreeSet;

use crate::sites::{Sites, line_column};
use rhai::{AST, ASTNode, Expr, FnCallExpr, FnPtr, Stmt};

/// Names given to `timed` and `record` in a function and in the functions that it calls; none when one of them is not
/// a literal, because then anything may be recorded.
pub(crate) fn recorded(sites: &Sites, function: &FnPtr, native: &dyn Fn(&str) -> bool) -> Option<Vec<String>> {
    let mut names = Vec::new();
    let mut seen = BTreeSet::new();
    let mut open = vec![function.fn_name().to_owned()];
    while let Some(name) = open.pop() {
        if !seen.insert(name.clone()) {
            continue;
        }
        let Some(tree) = sites.function(&name) else { continue };
        if !body(&tree, &mut names, &mut open, native) {
            return None;
        }
    }
    // The language walks functions in no fixed order; a plan must be the same each time.
    names.sort();
    let mut unique: Vec<String> = Vec::new();
    for (_, name) in names {
        if !unique.contains(&name) {
            unique.push(name);
        }
    }
    Some(unique)
}

fn body(
    ast: &AST,
    names: &mut Vec<((usize, usize), String)>,
    open: &mut Vec<String>,
    native: &dyn Fn(&str) -> bool,
) -> bool {
    let mut known = true;
    ast.walk(&mut |path: &[ASTNode<'_>]| {
        let call: &FnCallExpr = match path.last() {
            Some(ASTNode::Expr(Expr::FnCall(call, _)) | ASTNode::Stmt(Stmt::FnCall(call, _))) => call,
            Some(ASTNode::Expr(Expr::DynamicConstant(value, _))) => {
                if let Some(function) = value.read_lock::<FnPtr>() {
                    open.push(function.fn_name().to_owned());
                }
                return true;
            }
            _ => return true,
        };
        if call.is_qualified() {
            // A function of an imported module may record anything.
            known &= native(call.namespace.root());
            return known;
        }
        match (call.name.as_str(), call.args.first()) {
            ("timed" | "record", Some(Expr::StringConstant(name, pos))) => {
                names.push((line_column(*pos), name.to_string()));
            }
            ("timed" | "record", Some(_)) => known = false,
            (name, _) if !call.is_operator_call() => open.push(name.to_owned()),
            _ => {}
        }
        known
    });
    known
}
