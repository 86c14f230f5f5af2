//! `include`: another scenario's steps, declared under its suite's name.

use std::rc::Rc;

use engine_core::plan::Part;
use rhai::{Engine, Map, NativeCallContext, Scope};

use crate::builder::{self, Frame};
use crate::fault::{Fault, Raised};
use crate::given::Given;
use crate::host::Host;
use crate::resolve;
use crate::sources::SourceText;
use crate::verb_options::{self, INCLUDE};

pub(crate) fn register(engine: &mut Engine, host: &Rc<Host>) {
    let h = Rc::clone(host);
    engine.register_fn("include", move |ctx: NativeCallContext<'_>, name: &str| include(&h, &ctx, name, Map::new()));
    let h = Rc::clone(host);
    engine.register_fn("include", move |ctx: NativeCallContext<'_>, name: &str, options: Map| {
        include(&h, &ctx, name, options)
    });
}

fn include(host: &Host, ctx: &NativeCallContext<'_>, name: &str, options: Map) -> Raised<()> {
    host.declaring(ctx)?;
    let given = Given::new(host, ctx, 1, options, INCLUDE)?;
    let only = builder::globs(&given.texts("only"))
        .map_err(|message| given.raise(Fault::invalid("wrong-option", message), "only"))?;
    let at = host.at_argument(ctx, 0);
    let source = resolve::included(host, ctx.call_source().unwrap_or_default(), name)
        .map_err(|fault| fault.or_at(Some(at.clone())).raise(ctx))?;
    let place = host.place(&host.at(ctx));
    let cycle = resolve::open(host, &source.name, place, "includes").map_err(|fault| fault.or_at(Some(at)).raise(ctx));
    cycle?;
    let stem = std::path::Path::new(source.name.trim_start_matches("embedded:")).file_stem();
    let params = given.inner_map("params").into_iter().map(|(name, value)| (name.to_string(), value)).collect();
    host.frames.borrow_mut().push(Frame {
        file: source.name.clone(),
        suite: stem.map_or_else(String::new, |stem| stem.to_string_lossy().into_owned()),
        included: true,
        only,
        params,
        case: case(&given)?,
        ..Frame::default()
    });
    let result = run_source(host, ctx.engine(), &source);
    let frame = host.frames.borrow_mut().pop().unwrap_or_default();
    if let Some(budget) = given.get("budget").and_then(|value| verb_options::time(value).ok()) {
        let name = frame.suite.clone();
        host.builder.borrow_mut().parts.push(Part { name, budget: host.scaled(budget) });
    }
    resolve::close(host);
    result.map_err(|error| {
        // The place of the inclusion joins the chain as that of a call.
        let inner = crate::translate::eval(&host.sources, &source.name, &error);
        let mut chain = inner.chain.clone();
        chain.push(crate::diagnostic::Link { how: "included from".to_owned(), place: host.place(&host.at(ctx)) });
        Reported(crate::diagnostic::Diagnostic { chain, ..inner }).boxed(ctx)
    })?;
    if let Some(name) = frame.params.keys().find(|name| !frame.used.contains(name)) {
        let fault = Fault::invalid("unknown-param", format!("`{}` has no parameter `{name}`", frame.suite));
        return Err(given.raise(fault, "params"));
    }
    Ok(())
}

/// The case that the included scenario is, and the one that it is held against.
fn case(given: &Given) -> Raised<Option<(String, String)>> {
    let Some(case) = given.text("case") else { return Ok(None) };
    if !engine_core::series::is_step_name(&case) || case.contains('/') {
        let message = format!("`{case}` cannot name a case: names are made of letters, digits, `_`, `.` and `-`");
        return Err(given.raise(Fault::invalid("bad-name", message), "case"));
    }
    let reference = given.text("reference").unwrap_or_else(|| case.clone());
    Ok(Some((case, reference)))
}

/// A diagnostic that is already complete, on its way out.
#[derive(Debug, Clone)]
pub(crate) struct Reported(pub(crate) crate::diagnostic::Diagnostic);

impl Reported {
    fn boxed(self, ctx: &NativeCallContext<'_>) -> Box<rhai::EvalAltResult> {
        Box::new(rhai::EvalAltResult::ErrorRuntime(rhai::Dynamic::from(self), ctx.call_position()))
    }
}

/// Compiles a source and runs its top level.
pub(crate) fn run_source(host: &Host, engine: &Engine, source: &Rc<SourceText>) -> Raised<()> {
    let ast = resolve::compile(host, engine, source)?;
    engine.run_ast_with_scope(&mut Scope::new(), &ast)?;
    match host.guard.tripped() {
        Some(fault) => Err(fault.boxed(rhai::Position::NONE)),
        None => Ok(()),
    }
}
