//! The dashboard: pages, REST API and live view over HTTP, from the binary alone.
//!
//! [`bind`] takes a port on the loopback addresses, [`Server::start`] answers there on a thread of its own, and [`Hub`] is
//! what a run tells its events. What needs the settings, the probes or the script language is asked of a [`Backend`].
//!
//! The server is careful: see `guard` for what stands before every answer, and `listen` for what a connection may take. A run
//! never waits for a browser: events are only noted, and whoever reads too slowly is dropped.
#![forbid(unsafe_code)]

mod answers;
mod api;
mod assets;
mod backend;
mod db;
mod error;
mod finish;
mod guard;
mod guide;
mod kept;
mod listen;
mod live;
mod openapi;
mod params;
mod server;
mod shape;
mod state;
mod time;

pub use answers::{LONG, prepare};
pub use backend::{
    Backend, Coming, ImportAs, ImportedRun, Job, Machine, MachineRow, MachineStatus, PlanDiagnostic, PlanParam,
    PlanPhase, PlanPreview, PlanStep, Refusal, Refused, RunRequest, ScenarioRow, Sides,
};
pub use listen::{Bound, bind};
pub use live::Hub;
pub use server::{Server, fresh_token};
pub use state::Settings;

/// The description of the REST API, OpenAPI 3.1 as JSON; the same that is served.
#[must_use]
pub fn openapi() -> String {
    api::document()
}

/// The same for people: `docs/rest-api.md`.
#[must_use]
pub fn rest_guide() -> String {
    guide::markdown(&openapi())
}

/// What a step of a plan does: its probe, or words.
#[must_use]
pub fn what(work: &engine_core::plan::Work) -> String {
    shape::what(work)
}
