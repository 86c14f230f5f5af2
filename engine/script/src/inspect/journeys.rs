//! What the text of journeys tells: whether they check anything, and what they record.

use std::collections::BTreeSet;
use std::rc::Rc;

use rhai::{ASTNode, Expr, FnCallExpr, FnPtr, Stmt};

use crate::host::Host;
use crate::kept::Kept;
use crate::sites::Sites;

/// See the module.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Told {
    /// Whether `user.check(..)` stands anywhere.
    pub(crate) checks: bool,
    /// Names given to `timed` and `record`; none when one of them is not a literal.
    pub(crate) recorded: Option<Vec<String>>,
}

/// Looks through the functions of journeys and whatever they call, in whichever source.
pub(crate) fn journeys<'a>(host: &Host, all: impl Iterator<Item = &'a Kept>) -> Told {
    let mut names = BTreeSet::new();
    let mut told = Told { checks: false, recorded: Some(Vec::new()) };
    let mut seen = BTreeSet::new();
    // Where a function of a name is looked for: in one source, or in all.
    let mut open: Vec<(Option<String>, String)> = all.map(|kept| (None, kept.name().to_owned())).collect();
    while let Some((file, name)) = open.pop() {
        if !seen.insert((file.clone(), name.clone())) {
            continue;
        }
        let sources: Vec<(String, Rc<Sites>)> = match &file {
            Some(file) => host.sources.sites(file).map(|sites| (file.clone(), sites)).into_iter().collect(),
            None => {
                host.sources.all().iter().filter_map(|s| Some((s.name.clone(), host.sources.sites(&s.name)?))).collect()
            }
        };
        for (file, sites) in sources {
            let Some(tree) = sites.function(&name) else { continue };
            tree.walk(&mut |path: &[ASTNode<'_>]| {
                match path.last() {
                    Some(ASTNode::Expr(Expr::DynamicConstant(value, _))) => {
                        if let Some(function) = value.read_lock::<FnPtr>() {
                            open.push((Some(file.clone()), function.fn_name().to_owned()));
                        }
                    }
                    Some(ASTNode::Expr(Expr::FnCall(call, _)) | ASTNode::Stmt(Stmt::FnCall(call, _))) => {
                        one(host, &file, call, &mut names, &mut told, &mut open);
                    }
                    Some(ASTNode::Expr(Expr::MethodCall(call, _))) => {
                        told.checks |= call.name.as_str() == "check" && call.args.len() == 2;
                        // A method of ours, or one that any source defines.
                        open.push((None, call.name.to_string()));
                    }
                    _ => {}
                }
                true
            });
        }
    }
    if let Some(list) = &mut told.recorded {
        list.extend(names);
    }
    told
}

fn one(
    host: &Host,
    file: &str,
    call: &FnCallExpr,
    names: &mut BTreeSet<String>,
    told: &mut Told,
    open: &mut Vec<(Option<String>, String)>,
) {
    let name = call.name.as_str();
    if call.is_qualified() {
        let root = call.namespace.root();
        if !host.sources.native.borrow().contains(root) {
            // Whichever module goes by that name here; a function of the same name elsewhere is looked at for nothing.
            open.push((None, name.to_owned()));
        }
        return;
    }
    match (name, call.args.first()) {
        ("timed" | "record", Some(Expr::StringConstant(text, _))) => {
            names.insert(text.to_string());
        }
        ("timed" | "record", Some(_)) => told.recorded = None,
        ("ack", _) => {
            names.insert("acknowledged".to_owned());
        }
        _ if !call.is_operator_call() => open.push((Some(file.to_owned()), name.to_owned())),
        _ => {}
    }
}
