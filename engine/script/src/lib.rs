//! Reads scenarios: the script language, its checks, and the plan that comes of it. The only crate that knows Rhai.
//!
//! A scenario declares; the engine plans, repeats and records. [`check`] says what is wrong with one without running
//! anything, [`load`] also keeps its functions for the session to call.
#![forbid(unsafe_code)]

mod builder;
pub mod codes;
mod depth;
mod diagnostic;
mod docs;
mod fault;
mod fault_options;
mod files;
mod given;
mod guard;
mod hints;
mod host;
mod inspect;
mod journey;
mod kept;
mod language;
mod live;
mod load_expect;
mod options;
mod params;
mod permissions;
mod plain;
mod quantity;
mod read;
mod resolve;
mod rules;
mod scenario;
mod secret;
mod sites;
mod sources;
mod stdlib;
mod stress_options;
mod table;
mod tool;
mod translate;
mod trial_options;
mod verb_options;
mod verbs;
mod worker;

pub use diagnostic::{Diagnostic, ErrorClass, Link, Severity};
pub use docs::{Docs, FunctionDoc, OptionDoc, reference};
pub use options::{HostFacts, Limits, Options, ReadEnv, Source, TraceLine};
pub use params::ParamDoc;
pub use permissions::Permissions;
pub use rules::{RuleTest, UserRules};
pub use scenario::{Checked, Scenario, SourceHash, check, class, load};
pub use sources::title;
pub use tool::tool;
