//! The engine that reads rules: the language without files and network, `rule(..)`, facts and gains.

use std::cell::RefCell;
use std::rc::Rc;

use engine_core::step::Place;
use rhai::packages::{Package, StandardPackage};
use rhai::{Dynamic, Engine, EvalAltResult, FnPtr, Map, NativeCallContext, OptimizationLevel, Position};

use super::UserRule;
use super::facts;
use super::read;
use crate::diagnostic::{Diagnostic, ErrorClass};

/// Operations of one check, and of reading a file.
const OPERATIONS: u64 = 5_000_000;

/// What ends a check when the run lacks a number.
#[derive(Debug, Clone)]
pub(super) struct Lacking(pub(super) String);

/// A declaration as it stands in the file.
struct Declared {
    id: String,
    fields: Map,
    at: Position,
}

/// The rules of one file.
pub(super) fn rules(file: &str, text: &str) -> Result<Vec<UserRule>, Box<Diagnostic>> {
    let declared: Rc<RefCell<Vec<Declared>>> = Rc::default();
    let mut engine = Engine::new_raw();
    StandardPackage::new().register_into_engine(&mut engine);
    engine.set_optimization_level(OptimizationLevel::None);
    engine.set_strict_variables(true);
    engine.set_fail_on_invalid_map_property(true);
    engine.set_max_operations(OPERATIONS);
    engine.set_max_call_levels(32);
    engine.set_max_expr_depths(64, 64);
    engine.set_max_string_size(1 << 16);
    engine.set_max_array_size(10_000);
    engine.set_max_map_size(10_000);
    engine.set_max_modules(0);
    engine.disable_symbol("eval");
    facts::register(&mut engine);
    let into = Rc::clone(&declared);
    engine.register_fn("rule", move |ctx: NativeCallContext<'_>, id: &str, fields: Map| {
        into.borrow_mut().push(Declared { id: id.to_owned(), fields, at: ctx.call_position() });
    });
    let shown = |class, code, message: String, at: Position| Box::new(diagnostic(file, text, class, code, message, at));
    let ast = engine
        .compile(text)
        .map_err(|error| shown(ErrorClass::Invalid, "syntax", error.err_type().to_string(), error.position()))?;
    engine
        .run_ast(&ast)
        .map_err(|error| shown(ErrorClass::Invalid, "bad-rule", said(&error), inner(&error).position()))?;
    let (engine, ast) = (Rc::new(engine), Rc::new(ast));
    let mut rules = Vec::new();
    for Declared { id, fields, at } in declared.borrow_mut().drain(..) {
        let rule = read::rule(file, (&engine, &ast), &id, fields);
        rules.push(rule.map_err(|why| shown(ErrorClass::Invalid, "bad-rule", format!("rule `{id}`: {why}"), at))?);
    }
    if rules.is_empty() {
        let why = "the file declares no rule: `rule(\"family.name\", #{ .. })`".to_owned();
        return Err(shown(ErrorClass::Invalid, "bad-rule", why, Position::NONE));
    }
    Ok(rules)
}

fn diagnostic(
    file: &str,
    text: &str,
    class: ErrorClass,
    code: &'static str,
    message: String,
    at: Position,
) -> Diagnostic {
    // An error at the end of the text has no position: the last line that has something on it is shown.
    let last = || text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()).last();
    let (line, column) = match (at.line(), at.position()) {
        (Some(line), column) => (line, column.unwrap_or(1)),
        (None, _) => last().map_or((0, 0), |(number, line)| (number + 1, line.trim_end().chars().count().max(1))),
    };
    let mut out = Diagnostic::error(class, code, message, Place { file: file.to_owned(), line, column });
    out.line = text.lines().nth(line.wrapping_sub(1)).map(str::to_owned);
    out
}

/// The error within those of the calls around it.
fn inner(error: &EvalAltResult) -> &EvalAltResult {
    match error {
        EvalAltResult::ErrorInFunctionCall(_, _, cause, _) => inner(cause),
        other => other,
    }
}

fn said(error: &EvalAltResult) -> String {
    match inner(error) {
        EvalAltResult::ErrorRuntime(value, _) => value.to_string(),
        other => {
            let text = other.to_string();
            // The position is shown in front.
            text.split(" (line ").next().unwrap_or(&text).to_owned()
        }
    }
}

/// What a run lacks, if that is what ended a check.
pub(super) fn missing(error: &EvalAltResult) -> Option<String> {
    match inner(error) {
        EvalAltResult::ErrorRuntime(value, _) => value.clone().try_cast::<Lacking>().map(|lacking| lacking.0),
        _ => None,
    }
}

/// An error of a check: `file:line:column: what`.
pub(super) fn told(file: &str, error: &EvalAltResult) -> String {
    let at = inner(error).position();
    let place = Place { file: file.to_owned(), line: at.line().unwrap_or(0), column: at.position().unwrap_or(0) };
    format!("{place}: {}", said(error))
}

/// Ends the check: the run lacks this.
pub(super) fn lacking(what: String) -> Box<EvalAltResult> {
    Box::new(EvalAltResult::ErrorRuntime(Dynamic::from(Lacking(what)), Position::NONE))
}

/// Whether a value is a function.
pub(super) fn function(value: Dynamic) -> Option<FnPtr> {
    value.try_cast::<FnPtr>()
}
