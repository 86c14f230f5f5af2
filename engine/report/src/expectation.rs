//! Expectations and case ratios in words.

use engine_core::comparison::CaseRatio;
use engine_core::judgement::{Change, Judged, Judgement, Severity};

use crate::clean::clip;
use crate::view;

/// `4 passed, 1 failed, 1 unsure`; a broken `@warn` is no failure.
pub(crate) fn tally(judged: &[Judged]) -> String {
    let word = |one: &Judged| match (one.judgement, one.severity) {
        (Judgement::Pass, _) => "passed",
        (Judgement::Fail, Severity::Warn) => "warned",
        (Judgement::Fail, _) => "failed",
        (Judgement::Unsure, _) => "unsure",
        (Judgement::Unjudged, _) => "not judged",
    };
    let parts: Vec<String> = ["passed", "failed", "warned", "unsure", "not judged"]
        .into_iter()
        .map(|wanted| (judged.iter().filter(|one| word(one) == wanted).count(), wanted))
        .filter(|(number, _)| *number > 0)
        .map(|(number, word)| format!("{number} {word}"))
        .collect();
    parts.join(", ")
}

/// Why, of which series, against which limit, and where it is written.
pub(crate) fn explanation(one: &Judged) -> String {
    let mut text = clip(&one.reason, 400);
    if !one.series.is_empty() {
        text = format!("{text}; decided by {}", clip(&one.series, 120));
    }
    if let Some(limit) = one.limit {
        text = format!("{text}; limit {}", one.unit.format(limit));
    }
    if let Some(place) = &one.place {
        text = format!("{text} ({})", clip(&place.to_string(), 120));
    }
    text
}

/// `0.963 x old [0.955, 0.970]`.
pub(crate) fn ratio(ratio: &CaseRatio) -> String {
    let against = clip(&ratio.reference, 40);
    let found = ratio.change.as_ref().map_or_else(|| "no ratio to".to_owned(), change);
    let labels = view::labels(&ratio.labels);
    let labels = if labels.is_empty() { labels } else { format!(" ({labels})") };
    match ratio.change.and_then(|change| change.interval) {
        Some(i) => format!("{found} {against} [{:.3}, {:.3}]{labels}", i.low, i.high),
        None => format!("{found} {against}{labels}"),
    }
}

fn change(change: &Change) -> String {
    if change.ratio.is_finite() { format!("{:.3} x", change.ratio) } else { "no ratio to".to_owned() }
}
