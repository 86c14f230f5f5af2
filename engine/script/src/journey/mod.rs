//! Virtual users written as functions of a scenario.
//!
//! Each thread of a load makes a program of its own ([`program`]): an engine of the language, and the scenario's top level
//! evaluated once, which is pure. A user is a [`Person`] that the journey's function gets; whatever it asks for looks
//! blocking, and suspends the user's coroutine. Heavy native work (JSON, patterns, digests) runs on the thread's own
//! stack.

mod acks;
mod body;
mod codec;
mod free;
mod person;
mod program;
mod request;
mod response;
mod rows;
mod site;
mod sockets;
mod stage;
mod think;
mod trace;

pub(crate) use acks::Acks;
pub(crate) use free::{recorded, slept, timed};
pub(crate) use program::{Blueprint, Purpose, Refused, ScriptJourney, outcome_of};
pub(crate) use request::wire;
pub(crate) use rows::Data;
pub(crate) use stage::{Conditions, Stage};
pub(crate) use think::Pause;

use std::rc::Rc;

use rhai::Engine;

use crate::host::Host;

/// Registers what journeys call.
pub(crate) fn register(engine: &mut Engine, host: &Rc<Host>) {
    person::register(engine, host);
    request::register(engine, host);
    response::register(engine, host);
    rows::register(engine, host);
    sockets::register(engine, host);
    think::register(engine, host);
    free::register(engine, host);
    codec::register(engine, host);
}
