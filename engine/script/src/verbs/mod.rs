//! The functions that scripts call, by what they are for.

mod custom;
mod data;
mod declare;
mod include;
mod machine;
mod run;
mod spec;
mod strings;
mod view;

use std::collections::BTreeMap;
use std::rc::Rc;

use rhai::{Engine, Module};

use crate::host::Host;

pub(crate) use custom::metric_name;
pub(crate) use declare::Filter;
pub(crate) use include::{Reported, run_source};
pub(crate) use spec::{Spec, permit_manifest, probe_argument};
pub(crate) use view::RunView;

/// Modules of native functions, by name.
pub(crate) type Modules = BTreeMap<String, Module>;

/// Registers every function of ours.
pub(crate) fn register(engine: &mut Engine, host: &Rc<Host>, filter: Rc<Filter>) {
    crate::quantity::register(engine);
    crate::secret::register(engine);
    strings::register(engine);
    let mut modules = Modules::new();
    spec::register(engine, &mut modules, host);
    declare::register(engine, host, &filter);
    custom::register(engine, host, filter);
    include::register(engine, host);
    run::register(engine, host);
    machine::register(engine, &mut modules, host);
    data::register(engine, &mut modules, host);
    view::register(engine);
    host.sources.native.borrow_mut().extend(modules.keys().cloned());
    for (name, module) in modules {
        engine.register_static_module(name, module.into());
    }
}
