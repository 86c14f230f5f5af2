//! What happens to users, as text for whoever looks on (`--once --trace`).

use std::sync::Arc;

use super::person::Person;

/// Where lines go.
#[derive(Clone)]
pub(crate) struct Trace {
    journey: String,
    out: Arc<dyn Fn(&str) + Send + Sync>,
}

impl std::fmt::Debug for Trace {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Trace").field("journey", &self.journey).finish_non_exhaustive()
    }
}

impl Trace {
    pub(crate) fn new(journey: String, out: Arc<dyn Fn(&str) + Send + Sync>) -> Self {
        Self { journey, out }
    }

    /// A line about a user.
    pub(crate) fn say(&self, person: &Person, text: &str) {
        (self.out)(&format!(
            "{}user {} iteration {}: {text}",
            self.journey,
            person.user.number(),
            person.user.iteration()
        ));
    }
}

/// The start of a text, on one line.
pub(crate) fn excerpt(text: &str) -> String {
    const MOST: usize = 200;
    let line: String = text.chars().take(MOST).map(|c| if c.is_control() { ' ' } else { c }).collect();
    if text.chars().count() > MOST { format!("{line}..") } else { line }
}
