//! The order of findings: the first by its score, then the others on what it leaves.
//!
//! A finding would save a share `s` of the time of its step. After one that saves `t` of the same step, of what is left it
//! saves `(s - t) / (1 - t)` at least where both come from one resource (the same time, counted once), and
//! `s / (1 - t)` where they come from different ones (other time).

use engine_core::finding::{Finding, Priority};

/// The findings, most urgent first, each with its calculation.
pub(super) fn rank(mut waiting: Vec<Finding>) -> Vec<Finding> {
    let mut ranked: Vec<Finding> = Vec::new();
    while !waiting.is_empty() {
        for finding in &mut waiting {
            let (left, after) = left(finding, &ranked);
            finding.priority =
                Priority::of(&finding.gain, finding.confidence.value, finding.effort, left, after.as_deref());
        }
        let next = (0..waiting.len()).max_by(|a, b| {
            let (a, b) = (&waiting[*a], &waiting[*b]);
            let key = |finding: &Finding| (finding.priority.score, finding.confidence.value);
            // Equal ones stand in the order of their names.
            key(a).partial_cmp(&key(b)).unwrap_or(std::cmp::Ordering::Equal).then_with(|| b.rule.cmp(&a.rule))
        });
        match next {
            Some(next) => ranked.push(waiting.remove(next)),
            None => break,
        }
    }
    ranked
}

/// Share of the time left after those ranked before that a finding still saves, and which they are.
fn left(finding: &Finding, before: &[Finding]) -> (Option<f64>, Option<String>) {
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
    let own = (saved.value - same).max(0.0).min(remaining);
    (Some(own / remaining), (!names.is_empty()).then(|| names.join(", ")))
}
