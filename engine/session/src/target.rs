//! The demo target as a child of the session.

use engine_core::load::DemoTarget;

/// A demo target that runs; it ends when this is dropped.
#[derive(Debug)]
pub struct Started {
    /// Its process.
    pub pid: u32,
    /// Where it answers.
    pub url: String,
}

/// Starts the demo target: `command` is the engine's own program.
///
/// # Errors
/// Why it does not run.
pub fn start(_command: &[String], _settings: &DemoTarget) -> Result<Started, String> {
    Err("this build has no demo target".to_owned())
}
