//! What all findings together could bring, as one interval. Time is counted once.
//!
//! Per step: of the findings on one resource the largest counts, as they speak of the same time. Of different resources
//! nobody knows whether their times overlap: at least the largest goes, at most the sum. The value is the sum of what each
//! saves, as ranked, on what those before left, which is what shares of one whole that do not overlap add up to. Over
//! several steps of the user's work the mean is taken, those without a finding included: the run does not say how often
//! each is done.

use std::collections::BTreeMap;

use engine_core::finding::{Finding, Potential, Range, Resource};
use engine_core::stats::Interval;

/// More than this is never claimed.
const MOST: f64 = 0.999;

/// The potential of findings in a run with so many steps of the user's own work.
pub(super) fn potential(findings: &[Finding], objective: &str, workloads: usize) -> Potential {
    let mut steps: BTreeMap<&str, BTreeMap<Resource, Range>> = BTreeMap::new();
    let mut rules = Vec::new();
    let mut open = Vec::new();
    for finding in findings {
        let Some(saved) = finding.gain.saved() else {
            open.push(finding.rule.as_str());
            continue;
        };
        rules.push(finding.rule.clone());
        let known = steps.entry(finding.work()).or_default().entry(finding.resource).or_insert(saved);
        *known = Range {
            value: known.value.max(saved.value),
            low: known.low.max(saved.low),
            high: known.high.max(saved.high),
        };
    }
    if steps.is_empty() {
        let names: Vec<String> = open.iter().take(3).map(|rule| format!("`{rule}`")).collect();
        let more = if open.len() > 3 { format!(" and {} more", open.len() - 3) } else { String::new() };
        let reason = if open.is_empty() {
            "nothing was found".to_owned()
        } else {
            format!(
                "of {}{more} none is known to be a share of your work: name it with `--share RULE=30%`, or run your own \
                 work (a load, a program)",
                names.join(", ")
            )
        };
        return Potential::NotKnown { reason };
    }
    // What the user gave as shares of all their work stands beside the mean of the steps.
    let given = steps.remove("").map(|resources| of_step(&resources));
    let each: Vec<Range> = steps.values().map(of_step).collect();
    let parts = each.len().max(workloads).max(1) as f64;
    let mean = |of: fn(&Range) -> f64| each.iter().map(of).sum::<f64>() / parts;
    let steps = Range::new(mean(|range| range.value), mean(|range| range.low), mean(|range| range.high));
    let all = given.map_or(steps, |given| Range {
        value: (steps.value + given.value).min(MOST),
        low: steps.low.max(given.low),
        high: (steps.high + given.high).min(MOST),
    });
    let interval = Interval::new(all.low, all.high);
    Potential::Known { objective: objective.to_owned(), value: all.value, interval, rules }
}

fn of_step(resources: &BTreeMap<Resource, Range>) -> Range {
    let most = |of: fn(&Range) -> f64| resources.values().map(of).fold(0.0, f64::max);
    let sum = |of: fn(&Range) -> f64| resources.values().map(of).sum::<f64>().min(MOST);
    Range::new(sum(|range| range.value), most(|range| range.low), sum(|range| range.high))
}
