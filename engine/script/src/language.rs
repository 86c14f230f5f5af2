//! The language itself, set up: what it may do, how far it may go, and what it must not do.

use std::cell::Cell;
use std::rc::Rc;

use engine_core::nearest::hint;
use rhai::packages::{Package, StandardPackage};
use rhai::{Engine, OptimizationLevel, Position, Token};

use crate::depth;
use crate::diagnostic::ErrorClass;
use crate::fault::Fault;
use crate::host::Host;
use crate::resolve::Resolver;
use crate::verbs::{self, Filter};

/// Words that the language reserves for nothing: they may name functions of modules, keys and parameters.
const FREE_WORDS: [&str; 25] = [
    "async",
    "await",
    "case",
    "default",
    "go",
    "is",
    "match",
    "module",
    "new",
    "nil",
    "null",
    "package",
    "protected",
    "public",
    "shared",
    "spawn",
    "static",
    "super",
    "sync",
    "thread",
    "use",
    "var",
    "void",
    "with",
    "yield",
];

/// A virtual user's computation gives way to others every so many operations (a mask).
const BREATH: u64 = (1 << 16) - 1;

/// An engine with everything that scripts can call.
pub(crate) fn engine(host: &Rc<Host>, filter: Rc<Filter>) -> Engine {
    let mut engine = Engine::new_raw();
    StandardPackage::new().register_into_engine(&mut engine);
    let limits = &host.options.limits;
    // Without optimisation: the optimiser panics on `C.a = 2` for a constant map, folds the places of keys away, and
    // drops branches that a check must see.
    engine.set_optimization_level(OptimizationLevel::None);
    engine.set_strict_variables(true);
    engine.set_fail_on_invalid_map_property(true);
    engine.set_max_operations(limits.call_operations.max(limits.plan_operations));
    engine.set_max_call_levels(limits.call_levels);
    engine.set_max_expr_depths(limits.expression_depth, limits.expression_depth);
    engine.set_max_string_size(limits.string);
    engine.set_max_array_size(limits.array);
    engine.set_max_map_size(limits.map);
    engine.set_max_variables(limits.variables);
    engine.set_max_functions(limits.functions);
    engine.set_max_modules(limits.modules);
    engine.disable_symbol("eval");
    // A function curried with itself doubles in size at every turn, and no limit counts that; closures do the same job.
    engine.disable_symbol("curry");
    engine.set_module_resolver(Resolver(Rc::downgrade(host)));
    let guard = Rc::clone(&host.guard);
    let stage = Rc::downgrade(host);
    engine.on_progress(move |count| {
        // A long computation of one user does not keep its thread from the others.
        if count & BREATH == 0
            && engine_load::coroutine::stack_low() != 0
            && let Some(stage) = stage.upgrade().as_ref().and_then(|host| host.stage.get())
        {
            let _ = stage.breathe();
        }
        guard.progress(count)
    });
    let guard = Rc::clone(&host.guard);
    let accesses = Cell::new(0_u64);
    #[expect(deprecated, reason = "the language marks it volatile; its version is pinned and a test holds its use")]
    engine.on_var(move |_, _, ctx| {
        let count = accesses.get() + 1;
        accesses.set(count);
        let small = engine_load::coroutine::stack_low() != 0;
        let (stride, deepest) = if small { depth::ON_SMALL } else { depth::ON_LARGE };
        if count.is_multiple_of(stride) && depth::too_deep(ctx.scope().iter_raw().map(|(_, _, value)| value), deepest) {
            let message = format!("a value is nested more than {deepest} levels deep");
            let fault = Fault::new(ErrorClass::Limit, "too-deep", message);
            return Err(guard.trip(fault).boxed(Position::NONE));
        }
        Ok(None)
    });
    let before = Cell::new(false);
    let behind = Cell::new(false);
    #[expect(deprecated, reason = "the language marks it volatile; its version is pinned and a test holds its use")]
    engine.on_parse_token(move |token, _, _| {
        // `until` and `in` begin nothing, so behind `#{`, a comma or a dot they can only be names.
        let name = before.replace(matches!(token, Token::MapStart | Token::Comma | Token::Period));
        // Behind `::` can only be a name: `build::debug` is not the function that prints.
        let path = behind.replace(matches!(token, Token::DoubleColon));
        match token {
            Token::Reserved(word) if path && *word == "debug" => Token::Identifier(word),
            Token::Reserved(word) if FREE_WORDS.contains(&word.as_str()) => Token::Identifier(word),
            Token::Until if name => Token::Identifier(Box::new("until".into())),
            Token::In if name => Token::Identifier(Box::new("in".into())),
            other => other,
        }
    });
    #[expect(deprecated, reason = "the language marks it volatile; its version is pinned and a test holds its use")]
    engine.on_missing_function(|name, args, is_method, _| {
        // `x.f` of a map that holds no `f` would else be reported as a function of that name and type.
        let keys = args.first().filter(|_| is_method).and_then(|object| {
            object.read_lock::<rhai::Map>().map(|map| map.keys().map(ToString::to_string).collect::<Vec<_>>())
        });
        match keys.map(|keys| hint(name, keys.iter().map(String::as_str))) {
            Some(near) if !near.is_empty() => {
                let fault = Fault::invalid("unknown-function", format!("there is no function `{name}`{near}"));
                Err(fault.boxed(Position::NONE))
            }
            _ => Ok(None),
        }
    });
    engine.register_type_with_name::<Fault>("Error");
    engine.register_fn("to_string", |fault: &mut Fault| fault.message.clone());
    engine.register_fn("to_debug", |fault: &mut Fault| fault.message.clone());
    engine.register_get("message", |fault: &mut Fault| fault.message.clone());
    verbs::register(&mut engine, host, filter);
    engine
}
