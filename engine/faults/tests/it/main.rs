//! What needs real processes: owners that are killed, children, victims.
#![expect(clippy::unwrap_used, reason = "these are tests")]

mod journal;
mod stress;
mod victim;

use std::path::Path;
use std::time::{Duration, Instant};

use engine_faults::Launcher;

/// The stand-in for the engine.
const CHILD: &str = env!("CARGO_BIN_EXE_engine-faults-child");

fn launcher() -> Launcher {
    Launcher::new(CHILD, &["__faults"])
}

/// Waits until something is so; the bound only ends a test that would never end.
fn wait_until(what: &str, so: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(300);
    while !so() {
        assert!(Instant::now() < deadline, "never: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// What lies in a folder, by name.
fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}
