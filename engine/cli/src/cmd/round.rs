//! The engine's own child: one isolated round, asked and answered as JSON.

use std::io::Read;

use engine_session::isolate::{ChildRequest, answer};

use crate::exit::{Exit, Fatal};
use crate::output::Output;

/// Reads one request on standard input and writes one reply on standard output.
pub(crate) fn run() -> Result<Exit, Fatal> {
    let usage = |error: &dyn std::fmt::Display| Fatal::usage(format!("`__round` is the engine's own child: {error}"));
    let mut text = String::new();
    std::io::stdin().lock().read_to_string(&mut text).map_err(|error| usage(&error))?;
    let request: ChildRequest = serde_json::from_str(&text).map_err(|error| usage(&error))?;
    let reply = answer(request, engine_probes::registry::find);
    let text = serde_json::to_string(&reply).map_err(|error| Fatal::new(Exit::Internal, error.to_string()))?;
    Output { quiet: true, json: true, color: false, width: 100 }.out(&text);
    Ok(Exit::Pass)
}
