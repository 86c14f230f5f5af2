//! The functions that scripts call, by what they are for.

mod arrivals;
mod custom;
mod data;
mod declare;
mod fault;
mod faults;
mod include;
mod load;
mod load_model;
mod machine;
mod run;
mod spec;
mod stress;
mod strings;
mod target;
mod trials;
mod view;

use std::collections::BTreeMap;
use std::rc::Rc;

use rhai::{Engine, Module};

use crate::host::Host;

pub(crate) use custom::metric_name;
pub(crate) use data::file_bytes;
pub(crate) use declare::Filter;
pub(crate) use fault::repetitions;
pub(crate) use include::{Reported, run_source};
pub(crate) use load::{LoadPoint, permit};
pub(crate) use load_model::PhaseExpect;
pub(crate) use spec::{Spec, permit_manifest, probe_argument};
pub(crate) use stress::stressors;
pub(crate) use target::Place;
pub(crate) use trials::TrialsOf;
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
    faults::register(engine, &mut modules, host);
    declare::register(engine, host, &filter);
    load::register(engine, host, &filter);
    stress::register(engine, host, &filter);
    arrivals::register(engine);
    target::register(engine, host);
    custom::register(engine, host, filter);
    include::register(engine, host);
    run::register(engine, host);
    machine::register(engine, &mut modules, host);
    data::register(engine, &mut modules, host);
    view::register(engine);
    crate::journey::register(engine, host);
    host.sources.native.borrow_mut().extend(modules.keys().cloned());
    for (name, module) in modules {
        engine.register_static_module(name, module.into());
    }
}
