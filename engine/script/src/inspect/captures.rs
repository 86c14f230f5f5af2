//! Assignments to captured variables. Captures of functions that the engine calls later are copies, so such an
//! assignment would be lost; in the plain language it would change the variable for all others.

use std::collections::BTreeSet;

use rhai::{ASTNode, Expr, FnCallExpr, FnPtr, Position, Stmt};

use super::walk::Walk;
use crate::fault::Fault;
use crate::sites::Sites;

/// A closure in the text: its function, and the variables that it captures.
fn closure(expr: &Expr) -> Option<(String, BTreeSet<String>)> {
    match expr {
        Expr::Stmt(block) => block.statements().iter().find_map(|stmt| match stmt {
            Stmt::Expr(inner) => closure(inner),
            Stmt::FnCall(call, _) => curried(call),
            _ => None,
        }),
        Expr::FnCall(call, _) => curried(call),
        _ => None,
    }
}

fn curried(call: &FnCallExpr) -> Option<(String, BTreeSet<String>)> {
    if call.name != "curry" {
        return None;
    }
    let (function, captured) = call.args.split_first()?;
    let Expr::DynamicConstant(value, _) = function else { return None };
    let name = value.read_lock::<FnPtr>()?.fn_name().to_owned();
    let captured = captured.iter().filter_map(|expr| match expr {
        Expr::Variable(var, ..) => Some(var.1.to_string()),
        _ => None,
    });
    Some((name, captured.collect()))
}

/// The expression, and what stands in it where it is a map or a list.
fn within(expr: &Expr) -> Vec<&Expr> {
    match expr {
        Expr::Map(map, _) => map.0.iter().flat_map(|(_, value)| within(value)).collect(),
        Expr::Array(items, _) => items.iter().flat_map(within).collect(),
        other => vec![other],
    }
}

/// Checks the functions that a call hands over to be called later.
pub(crate) fn check(walk: &mut Walk<'_>, call: &FnCallExpr) {
    if call.is_qualified()
        || !matches!(call.name.as_str(), "custom" | "load" | "capacity" | "scale" | "setup" | "teardown" | "finish")
    {
        return;
    }
    for arg in call.args.iter().flat_map(within) {
        if let Some((name, captured)) = closure(arg) {
            let mut found = Vec::new();
            assignments(walk.sites, &name, &captured, &mut found, 0);
            for (variable, pos) in found {
                let message = format!("`{variable}` belongs to the scenario: what this function assigns to it is lost");
                let fault = Fault::invalid("captured", message).help(
                    "captured values are copied; keep what changes in a variable of the function, or `record(..)` it",
                );
                let at = walk.at(pos, variable.chars().count());
                walk.report(fault, at);
            }
        }
    }
}

fn assignments(
    sites: &Sites,
    name: &str,
    captured: &BTreeSet<String>,
    found: &mut Vec<(String, Position)>,
    depth: usize,
) {
    // Closures in closures: the language's own depth of expressions bounds them far below this.
    const DEEPEST: usize = 64;
    if captured.is_empty() || depth > DEEPEST {
        return;
    }
    let Some(body) = sites.function(name) else { return };
    let mut own = BTreeSet::new();
    let mut inner = Vec::new();
    body.walk(&mut |path: &[ASTNode<'_>]| {
        match path.last() {
            Some(ASTNode::Stmt(Stmt::Var(var, ..))) => {
                own.insert(var.0.name.to_string());
            }
            Some(ASTNode::Stmt(Stmt::Assignment(assignment))) => {
                if let Some((variable, pos)) = root(&assignment.1.lhs)
                    && captured.contains(&variable)
                    && !own.contains(&variable)
                {
                    found.push((variable, pos));
                }
            }
            Some(ASTNode::Expr(expr)) => {
                if let Some((name, captures)) = closure(expr) {
                    inner.push((name, captures.intersection(captured).cloned().collect::<BTreeSet<_>>()));
                }
            }
            _ => {}
        }
        true
    });
    inner.dedup();
    for (name, captures) in inner {
        assignments(sites, &name, &captures, found, depth + 1);
    }
}

/// The variable at the front of `a.b[c]`.
fn root(expr: &Expr) -> Option<(String, Position)> {
    match expr {
        Expr::Variable(var, _, pos) => Some((var.1.to_string(), *pos)),
        Expr::Dot(pair, ..) | Expr::Index(pair, ..) => root(&pair.lhs),
        _ => None,
    }
}
