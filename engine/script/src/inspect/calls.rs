//! Calls that carry options or need permissions: checked where they stand, whether or not anything runs them.

use std::collections::BTreeMap;

use engine_core::args::ArgValue;
use engine_core::expect::Expectation;
use engine_core::nearest::hint;
use engine_core::probe::{ParamKind, ProbeInfo};
use rhai::{Dynamic, Expr, FnCallExpr, Position};

use super::walk::Walk;
use crate::fault::Fault;
use crate::given;
use crate::verb_options::{Kind, OptionDef, of_verb};
use crate::verbs::{metric_name, probe_argument};

/// Functions of the language itself, which are registered nowhere.
pub(crate) fn is_keyword(name: &str) -> bool {
    matches!(
        name,
        "call"
            | "curry"
            | "Fn"
            | "is_shared"
            | "type_of"
            | "print"
            | "debug"
            | "eval"
            | "is_def_var"
            | "is_def_fn"
            | "this"
    )
}

/// What to write in place of functions that other languages have.
pub(crate) fn advice(name: &str) -> Option<String> {
    Some(
        match name {
            "println" | "printf" | "echo" | "console" => "write `log(\"text\")`",
            "require" | "load_module" => "write `import \"std/NAME\" as NAME;`",
            "length" | "size" | "count" => "write `.len()`",
            "get" | "post" | "put" | "delete" | "fetch" | "http" | "request" => {
                "requests stand in a journey: `fn buyer(user) { user.get(\"/\"); }`, which `load(..)` runs"
            }
            "expect" => "expectations stand in the options of a step: `expect: [\"median < 50 ms\"]`",
            "upper" | "to_uppercase" => "write `.to_upper()`",
            "lower" | "to_lowercase" => "write `.to_lower()`",
            _ => return None,
        }
        .to_owned(),
    )
}

/// Checks what a call says literally.
pub(crate) fn check(walk: &mut Walk<'_>, call: &FnCallExpr, pos: Position) {
    let name = call.name.as_str();
    if call.is_qualified() {
        let id = format!("{}.{name}", call.namespace.root());
        if let Some(probe) = walk.host.probe(&id) {
            if let Some(map @ Expr::Map(..)) = call.args.first() {
                probe_options(walk, probe, map, pos);
            } else if let Some(Expr::Array(..)) = call.args.first() {
                // Before the options, for probes that run or talk to a program.
                if let Some(map @ Expr::Map(..)) = call.args.get(1) {
                    probe_options(walk, probe, map, pos);
                }
                permission(walk, call, "run");
            }
        } else if id == "tool.read" {
            permission(walk, call, "read");
        }
        return;
    }
    match name {
        "command" => {
            if let (Some(probe), Some(map @ Expr::Map(..))) = (walk.host.probe("tool.command"), call.args.get(1)) {
                probe_options(walk, probe, map, pos);
            }
            permission(walk, call, "run");
        }
        "data" => permission(walk, call, "read"),
        "env" | "secret" => permission(walk, call, "env"),
        _ => {
            if let ("timed" | "record", Some(Expr::StringConstant(metric, at))) = (name, call.args.first())
                && let Err(fault) = metric_name(metric)
            {
                let at = walk.at(*at, metric.chars().count() + 2);
                walk.report(fault, at);
            }
            if let Some(table) = of_verb(name) {
                for arg in &call.args {
                    verb_options(walk, name, table, arg);
                }
            }
        }
    }
}

/// Checks what a request of a user says literally: `user.get("/path", #{ .. })`.
pub(crate) fn request(walk: &mut Walk<'_>, call: &FnCallExpr) {
    let (target, options) = match (call.name.as_str(), call.args.as_slice()) {
        ("head" | "post" | "put" | "delete" | "patch" | "get", [target, rest @ ..]) => (target, rest.first()),
        ("request", [_, target, rest @ ..]) => (target, rest.first()),
        _ => return,
    };
    let start = first_text(target);
    // Maps have a `get` too.
    let address = start.is_some_and(|text| text.starts_with('/') || text.starts_with("http"));
    if !address && call.name == "get" {
        return;
    }
    if let Some(options) = options {
        verb_options(walk, "request", crate::verb_options::REQUEST, options);
    }
    if let Expr::StringConstant(text, pos) = target {
        let at = walk.at(*pos, text.chars().count() + 2);
        match engine_load::http::Target::parse(text) {
            Ok(engine_load::http::Target::Full(url)) => {
                let _ = crate::verbs::permit(walk.host, &url.origin, at);
            }
            Ok(engine_load::http::Target::Path(_)) => {}
            Err(error) => walk.report(Fault::invalid("wrong-call", error.to_string()), at),
        }
    }
}

/// The text with which an expression begins, where that is a literal: `"/a" + b`, `` `/a/${b}` ``.
fn first_text(expr: &Expr) -> Option<&str> {
    match expr {
        Expr::StringConstant(text, _) => Some(text.as_str()),
        Expr::InterpolatedString(parts, _) => parts.first().and_then(first_text),
        Expr::FnCall(call, _) if call.is_operator_call() => call.args.first().and_then(first_text),
        _ => None,
    }
}

fn verb_options(walk: &mut Walk<'_>, verb: &str, table: &[OptionDef], arg: &Expr) {
    let Expr::Map(map, _) = arg else { return };
    for (key, value) in &map.0 {
        let at = walk.at(key.pos, key.name.chars().count());
        let Some(option) = table.iter().find(|option| option.name == key.name.as_str()) else {
            walk.report(given::unknown(verb, &key.name, table), at);
            continue;
        };
        if let (Some(literal), false) = (literal(value), matches!(option.kind, Kind::Any))
            && let Err(unfit) = option.check(&literal)
        {
            let at = match (unfit.item, value) {
                (Some(item), Expr::Array(items, _)) => {
                    items.get(item).map_or(at, |item| walk.at(item.start_position(), 1))
                }
                _ => at,
            };
            walk.report(Fault::invalid("wrong-option", unfit.message), at);
            continue;
        }
        if let ("expect", Expr::Array(items, _)) = (key.name.as_str(), value) {
            for item in items {
                expectation(walk, item);
            }
        }
    }
}

/// The grammar only: which metrics there are is known when the declaration is made.
fn expectation(walk: &mut Walk<'_>, item: &Expr) {
    let Expr::StringConstant(text, pos) = item else { return };
    if let Err(error) = Expectation::parse(text) {
        let line = pos.line().and_then(|line| walk.source.line(line)).unwrap_or_default();
        let from = pos.position().unwrap_or(1);
        let plain = line.chars().nth(from - 1) == Some('"') && !text.contains(['\\', '\n', '"']);
        let column = if plain { from + error.column } else { from };
        let place = match (pos.line().and_then(|line| u16::try_from(line).ok()), u16::try_from(column).ok()) {
            (Some(line), Some(column)) => Position::new(line, column),
            _ => *pos,
        };
        let at = walk.at(place, 1);
        walk.report(Fault::invalid("expectation", format!("in expectation `{text}`: {}", error.problem)), at);
    }
}

fn probe_options(walk: &mut Walk<'_>, probe: &'static ProbeInfo, arg: &Expr, _call: Position) {
    let Expr::Map(map, _) = arg else { return };
    for (key, value) in &map.0 {
        let at = walk.at(key.pos, key.name.chars().count());
        let Some(param) = probe.param(&key.name) else {
            let near = hint(&key.name, probe.params.iter().map(|param| param.name));
            let mut fault =
                Fault::invalid("unknown-option", format!("`{}` has no option `{}`{near}", probe.id, key.name));
            if near.is_empty() {
                let names: Vec<&str> = probe.params.iter().map(|param| param.name).collect();
                fault = fault.help(match names.as_slice() {
                    [] => "it has no options".to_owned(),
                    names => format!("its options are `{}`", names.join("`, `")),
                });
            }
            walk.report(fault, at);
            continue;
        };
        let Some(literal) = literal(value) else { continue };
        if let Some(value) = probe_argument(&literal) {
            if let Err(error) = param.check(&value) {
                walk.report(Fault::invalid("wrong-option", error.to_string()), at);
            } else if let (ParamKind::Command, Expr::Array(items, _)) =
                (param.kind, value_expr(value_of(map, &key.name)))
            {
                run_permission(walk, items.first(), key.pos, key.name.chars().count());
            } else if let (ParamKind::Manifest, ArgValue::Text(path)) = (param.kind, &value)
                && !path.is_empty()
            {
                let _ = crate::verbs::permit_manifest(walk.host, path, at);
            }
        } else {
            let shown = crate::verb_options::shown(&literal);
            let message = format!("`{}` must be {}, got {shown}", key.name, param.kind.describe());
            walk.report(Fault::invalid("wrong-option", message), at);
        }
    }
}

type MapLiteral = (rhai::StaticVec<(rhai::Ident, Expr)>, BTreeMap<rhai::Identifier, Dynamic>);

fn value_of<'a>(map: &'a MapLiteral, key: &str) -> Option<&'a Expr> {
    map.0.iter().find(|(name, _)| name.name == key).map(|(_, value)| value)
}

fn value_expr(expr: Option<&Expr>) -> &Expr {
    const NOTHING: &Expr = &Expr::Unit(Position::NONE);
    expr.unwrap_or(NOTHING)
}

fn run_permission(walk: &mut Walk<'_>, program: Option<&Expr>, pos: Position, length: usize) {
    if let Some(Expr::StringConstant(program, _)) = program {
        let granted = walk.host.options.permissions.allows_run(program);
        let at = walk.at(pos, length);
        let _ = walk.host.permit(granted, &format!("--allow-run={program}"), &format!("may not run `{program}`"), at);
    }
}

fn permission(walk: &mut Walk<'_>, call: &FnCallExpr, kind: &str) {
    let host = walk.host;
    match (kind, call.args.first()) {
        ("run", Some(Expr::Array(items, pos))) => run_permission(walk, items.first(), *pos, 1),
        ("env", Some(Expr::StringConstant(name, pos))) => {
            let granted = host.options.permissions.allows_env(name);
            let what = format!("may not read the environment variable `{name}`");
            let _ = host.permit(granted, &format!("--allow-env={name}"), &what, walk.at(*pos, 1));
        }
        ("read", Some(Expr::StringConstant(path, pos))) => {
            let (granted, flag) = host.read_permission(path);
            let _ = host.permit(granted, &flag, &format!("may not read `{path}`"), walk.at(*pos, 1));
        }
        _ => {}
    }
}

/// The value of an expression that says it literally.
fn literal(expr: &Expr) -> Option<Dynamic> {
    match expr {
        Expr::Array(items, _) => items.iter().map(literal).collect::<Option<rhai::Array>>().map(Dynamic::from_array),
        Expr::Map(map, _) => {
            let fields: Option<rhai::Map> = map
                .0
                .iter()
                .map(|(key, value)| literal(value).map(|value| (key.name.as_str().into(), value)))
                .collect();
            fields.map(Dynamic::from_map)
        }
        // `-1` is a call of the operator.
        Expr::FnCall(call, _) if call.is_operator_call() && call.name == "-" && call.args.len() == 1 => {
            let value = literal(&call.args[0])?;
            value.as_int().map(|n| Dynamic::from(-n)).or_else(|_| value.as_float().map(|n| Dynamic::from(-n))).ok()
        }
        Expr::StringConstant(..)
        | Expr::IntegerConstant(..)
        | Expr::FloatConstant(..)
        | Expr::BoolConstant(..)
        | Expr::CharConstant(..)
        | Expr::Unit(_) => expr.get_literal_value(None),
        _ => None,
    }
}
