//! The order of findings: the first by its score, then the others on what it leaves.
//!
//! A score is what is sure: the lower end of what a finding saves. Where several are equally sure, the one of which more is expected
//! comes first.
//!
//! A finding would save a share `s` of the time of its step. After one that saves `t` of the same step, of what is left it
//! saves `(s - t) / (1 - t)` at least where both come from one resource (the same time, counted once), and
//! `s / (1 - t)` where they come from different ones (other time). What those before take is what is expected of them.

use engine_core::finding::{Finding, Priority, Range};

/// The findings, most urgent first, each with its calculation.
pub(super) fn rank(mut waiting: Vec<Finding>) -> Vec<Finding> {
    let mut ranked: Vec<Finding> = Vec::new();
    while !waiting.is_empty() {
        let mut expected = Vec::new();
        for finding in &mut waiting {
            let (left, after) = left(finding, &ranked);
            let confidence = finding.confidence.value;
            finding.priority = Priority::of(&finding.gain, confidence, finding.effort, left, after.as_deref());
            expected.push(Priority::weighed(left.map_or(0.0, |left| left.value), confidence, finding.effort));
        }
        let next = (0..waiting.len()).max_by(|a, b| {
            let key = |at: usize| {
                let finding = &waiting[at];
                (finding.priority.score, expected[at], finding.confidence.value)
            };
            // Equal ones stand in the order of their names.
            key(*a)
                .partial_cmp(&key(*b))
                .unwrap_or(std::cmp::Ordering::Equal)
                .then_with(|| waiting[*b].rule.cmp(&waiting[*a].rule))
        });
        match next {
            Some(next) => ranked.push(waiting.remove(next)),
            None => break,
        }
    }
    ranked
}

/// Share of the time left after those ranked before that a finding still saves, and which they are.
fn left(finding: &Finding, before: &[Finding]) -> (Option<Range>, Option<String>) {
    let Some(saved) = finding.gain.saved() else { return (None, None) };
    let earlier = before.iter().filter(|other| other.work() == finding.work());
    let mut names = Vec::new();
    // Shares of the time as it was: what earlier ones took, in all and of the same resource.
    let (mut gone, mut same) = (0.0_f64, 0.0_f64);
    for other in earlier {
        let Some(theirs) = other.gain.saved().filter(|saved| saved.value > 0.0) else { continue };
        names.push(format!("`{}`", other.rule));
        if other.resource == finding.resource {
            same = same.max(theirs.value);
        } else {
            gone = (gone + theirs.value).min(0.999);
        }
    }
    let remaining = (1.0 - gone - same).max(0.001);
    let own = saved.map(|saved| (saved - same).max(0.0).min(remaining) / remaining);
    (Some(own), (!names.is_empty()).then(|| names.join(", ")))
}
