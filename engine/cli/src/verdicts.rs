//! Verdicts get a short id when they are shown, and what they rest on is kept for `engine explain`.

use engine_core::comparison::Comparison;
use engine_core::evidence::Evidence;
use engine_core::history::Timeline;

use crate::app::App;

/// Keeps what the verdicts of a comparison rest on, in the order of its series, and gives each its id.
pub(crate) fn name_series(app: &App, kind: &str, comparison: &mut Comparison, evidence: &[Evidence]) {
    for (series, id) in comparison.series.iter_mut().zip(kept(app, kind, evidence)) {
        series.explained_by = Some(id);
    }
}

/// The same for the changes of histories.
pub(crate) fn name_changes(app: &App, timelines: &mut [Timeline]) {
    let of = |timeline: &Timeline| {
        let changes = timeline.changes.iter();
        changes.map(|found| engine_analysis::evidence::of_change(timeline, found)).collect::<Vec<_>>()
    };
    let evidence: Vec<Evidence> = timelines.iter().flat_map(of).collect();
    let changes = timelines.iter_mut().flat_map(|timeline| timeline.changes.iter_mut());
    for (change, id) in changes.zip(kept(app, "trend", &evidence)) {
        change.id = Some(id);
    }
}

/// Keeps evidence; no ids where the store cannot be written, as on a read-only disk: the verdicts are shown all the same.
fn kept(app: &App, kind: &str, evidence: &[Evidence]) -> Vec<String> {
    if evidence.is_empty() {
        return Vec::new();
    }
    let kept = app.store().and_then(|mut store| Ok(store.keep_verdicts(kind, evidence)?));
    kept.unwrap_or_else(|error| {
        tracing::warn!(%error, "what the verdicts rest on is not kept");
        Vec::new()
    })
}
