//! What the rules found, in words that every format for people shares.

use engine_core::finding::{Advice, Bottleneck, Calibration, Evidence, Finding, Gain, Level, Potential, Range, Share};
use engine_core::stats::Interval;
use engine_core::unit::Unit;

/// `1.78 times [1.5 .. 2.1] as fast`.
fn times(range: Range) -> String {
    format!(
        "{} times as fast [{} .. {}]",
        Unit::Count.format(range.value),
        Unit::Count.format(range.low),
        Unit::Count.format(range.high)
    )
}

fn percent(range: Range) -> String {
    let Range { value, low, high } = range;
    format!("{} [{} .. {}]", Unit::Ratio.format(value), Unit::Ratio.format(low), Unit::Ratio.format(high))
}

/// What a finding should bring: the model, and its part of the objective.
pub(crate) fn gain(finding: &Finding) -> String {
    match &finding.gain {
        Gain::Unknown { reason } => format!("unknown: {reason}"),
        Gain::Modelled(modelled) => {
            let whole = match (&modelled.share, modelled.saved()) {
                (Share::Unknown, _) | (_, None) => {
                    format!("what share of your work that is, the run does not say (`--share {}=30%`)", finding.rule)
                }
                (Share::Part { range, from, .. }, Some(saved)) => {
                    format!("{} of the time: {} {from}", percent(saved), Unit::Ratio.format(range.value))
                }
                (Share::Whole, Some(saved)) => format!("{} of the time of `{}`", percent(saved), finding.subject),
            };
            format!("{}: {} by {}; {whole}", modelled.of, times(modelled.speedup), modelled.model.name())
        }
    }
}

/// The formula with its inputs; empty without a model.
pub(crate) fn formula(finding: &Finding) -> String {
    let Some(modelled) = finding.gain.modelled() else { return String::new() };
    let inputs: Vec<String> = modelled
        .inputs
        .iter()
        .map(|input| format!("{} = {} ({})", input.name, input.unit.format(input.range.value), input.from))
        .collect();
    format!("{}; {}", modelled.formula, inputs.join(", "))
}

/// Confidence and why.
pub(crate) fn confidence(finding: &Finding) -> String {
    let why = &finding.confidence.because;
    let why = if why.is_empty() { String::new() } else { format!(" ({})", why.join("; ")) };
    format!("{:.2}{why}", finding.confidence.value)
}

/// All findings together.
pub(crate) fn potential(potential: &Potential) -> String {
    match potential {
        Potential::NotKnown { reason } => format!("not known: {reason}"),
        Potential::Known { objective, value, interval: Interval { low, high }, rules } => format!(
            "{} of {objective}, by {}; time of one resource counts once, from the largest alone to the sum",
            percent(Range { value: *value, low: *low, high: *high }),
            if rules.len() == 1 { "one finding".to_owned() } else { format!("{} findings", rules.len()) }
        ),
    }
}

/// How many findings of each level: `1 critical, 3 low`.
pub(crate) fn tally(advice: &Advice) -> String {
    let parts: Vec<String> = [Level::Critical, Level::High, Level::Medium, Level::Low]
        .into_iter()
        .filter_map(|level| {
            let count = advice.findings.iter().filter(|finding| finding.priority.level == level).count();
            (count > 0).then(|| format!("{count} {}", level.name()))
        })
        .collect();
    if parts.is_empty() { "nothing found".to_owned() } else { parts.join(", ") }
}

/// The heading of a view.
pub(crate) fn step(view: &Bottleneck) -> &str {
    if view.step.is_empty() { "whole run" } else { &view.step }
}

/// A cell of the view: the value alone.
pub(crate) fn short(evidence: Option<&Evidence>) -> String {
    match evidence {
        None => "unknown".to_owned(),
        Some(Evidence { value: Some(value), unit, .. }) => unit.format(*value),
        Some(Evidence { word, .. }) => word.clone().unwrap_or_else(|| "unknown".to_owned()),
    }
}

/// How earlier estimates of a rule held; empty where none was verified.
pub(crate) fn calibration(advice: &Advice, rule: &str) -> String {
    let found = advice.calibration.iter().find(|one| one.rule == rule);
    found.map_or_else(String::new, |found| {
        let Calibration { trials, coverage, median_error, .. } = found;
        let trials = if *trials == 1 { "one experiment".to_owned() } else { format!("{trials} experiments") };
        format!(
            "{trials} so far: {} within the predicted interval, median error {}",
            Unit::Ratio.format(*coverage),
            Unit::Ratio.format(*median_error)
        )
    })
}
