//! An explanation in the words of a performance engineer: the data, the question, the test, the numbers, what the test
//! takes for granted, and what was decided.

use engine_core::change::{Kind, Tier};
use engine_core::evidence::{Changed, Compared, Evidence, Explanation, SideData, Unit};
use engine_core::history::Direction;
use engine_core::judgement::Verdict;
use engine_core::measurement::{MIN_ROUNDS, Measurement, Round};
use engine_core::metric::Goal;
use engine_core::series::Labels;
use engine_core::stats::quantile::{mad, median, sorted};
use engine_core::unit::Unit as Of;

use super::checks::{Check, independence, outliers, spreads, ties};
use crate::change::noise::MAD_TO_SD;
use crate::sets::predicted;
use crate::verdict::{Criteria, Decided, decide_among, percent, round};

/// Most values that are written out.
const SHOWN: usize = 12;

/// Puts what a verdict rests on into words; the numbers are worked out anew from the data.
#[must_use]
pub fn explain(evidence: &Evidence) -> Explanation {
    match evidence {
        Evidence::Compared(one) => compared(one),
        Evidence::Changed(one) => changed(one),
    }
}

fn compared(one: &Compared) -> Explanation {
    let (few, many) = match one.unit {
        Unit::Round => ("round", "rounds"),
        Unit::Run => ("run", "runs"),
    };
    let mut out = Explanation {
        title: format!("{}/{} is {}: {}", one.suite, one.series, one.verdict.name(), one.reason),
        parts: Vec::new(),
    };
    let unit = one.metric.unit;
    out.part("Data", vec![side("old", &one.old, unit, many), side("new", &one.new, unit, many)]);
    let better = match one.metric.goal {
        Goal::Lower => "less is better",
        Goal::Higher => "more is better",
        Goal::Neutral => "the metric has no direction, so it is never better or worse",
    };
    let least = round(one.min_effect * 100.0);
    let question = format!(
        "Is the new side different by more than {least} %, the smallest change that counts? For `{}`, {better}.",
        one.metric.id
    );
    let sampling = match one.unit {
        Unit::Round => {
            let whole = match one.apart {
                Some(_) => "and what shifts a whole run is known from other stored runs",
                None => "so what shifts a whole run is not seen; a window of runs as baseline sees it",
            };
            format!(
                "Each round counts as one value: its best sample for a capability, the median of its samples for a cost. \
                 Both sides are one run, {whole}."
            )
        }
        Unit::Run => {
            "Each run counts as one value, the median of its rounds, because a run as a whole shifts all its rounds."
                .to_owned()
        }
    };
    out.part("Question", vec![question, sampling]);
    let set_test = one.old.values.len() >= MIN_ROUNDS && one.new.values.len() >= MIN_ROUNDS;
    out.part("Test", test(one, set_test));
    out.part("Numbers", numbers(one, set_test, few));
    let mut checks = vec![
        Some(independence("old", &one.old.values, many)),
        Some(independence("new", &one.new.values, many)),
        outliers("old", &one.old.values, "they widen the interval and rather hide a change"),
        outliers("new", &one.new.values, "ranks bear them, a mean would not"),
    ];
    if set_test {
        checks.extend([spreads(&one.old.values, &one.new.values), ties(&one.old.values, &one.new.values)]);
    }
    let checks: Vec<Check> = checks.into_iter().flatten().collect();
    out.part("What the test takes for granted", checks.iter().map(Check::line).collect());
    out.part("Decision", decision(one, least, many));
    out
}

/// One side in a line.
fn side(name: &str, data: &SideData, unit: Of, many: &str) -> String {
    let runs = match data.runs.as_slice() {
        [] => "no run".to_owned(),
        [one] => format!("run {}", one.short()),
        several => format!("{} runs, {} to {}", several.len(), several[0].short(), several[several.len() - 1].short()),
    };
    let code = data.code.as_ref().map_or_else(String::new, |code| format!(", commit {code}"));
    let values: Vec<String> = data.values.iter().take(SHOWN).map(|value| unit.format(*value)).collect();
    let more =
        if data.values.len() > SHOWN { format!(" and {} more", data.values.len() - SHOWN) } else { String::new() };
    let summary = if data.values.is_empty() {
        "no value".to_owned()
    } else {
        let spread = round(100.0 * MAD_TO_SD * mad(&data.values) / median(&data.values).abs());
        let spread = if spread.is_finite() { format!(", {spread} % apart") } else { String::new() };
        format!("{} {many}, median {}{spread}", data.values.len(), unit.format(median(&data.values)))
    };
    format!("{name}: {runs}{code}: {summary}: {}{more}", values.join(", "))
}

fn test(one: &Compared, set_test: bool) -> Vec<String> {
    let level = round(one.confidence * 100.0);
    if !set_test && one.unit == Unit::Run && one.old.values.len() >= MIN_ROUNDS {
        return vec![format!(
            "Student's {level} % prediction interval, on logarithms: from how far apart the old runs lie it follows how far \
             the mean of {} further runs of the same code may lie from theirs. p is the two-sided p-value of the same t.",
            one.new.values.len()
        )];
    }
    if !set_test {
        return vec![format!("None: at least {MIN_ROUNDS} values are needed to say anything.")];
    }
    let apart = one.apart.map(|apart| {
        format!(
            "Within their levels, {}. The interval is at least as wide as Student's prediction interval for the difference \
             of two further ones, and p at least as large as that of the same t.",
            apart.describe()
        )
    });
    let lines = vec![
        format!(
            "The change is the median of the ratios of every new value to every old one (Hodges and Lehmann), with the \
             {level} % interval that belongs to the Mann-Whitney test: it needs no assumption about the distribution."
        ),
        "p is that of a permutation test: how many ways of dealing the same values to the two sides give a Welch statistic as \
         large as the one seen."
            .to_owned(),
    ];
    lines.into_iter().chain(apart).collect()
}

fn numbers(one: &Compared, set_test: bool, few: &str) -> Vec<String> {
    let mut lines = Vec::new();
    if let Some(change) = &one.change {
        let interval = change
            .interval
            .map_or_else(|| "no interval".to_owned(), |i| format!("{} .. {}", percent(i.low), percent(i.high)));
        lines.push(format!("change {} ({interval})", percent(change.ratio)));
    }
    if let Some(p) = one.p {
        let adjusted = one.adjusted_p.filter(|_| one.among > 1);
        let text = adjusted.map_or_else(String::new, |adjusted| {
            format!("; {} adjusted for {} series at once (Benjamini and Hochberg, 5 %)", small(adjusted), one.among)
        });
        lines.push(format!("p = {}{text}", small(p)));
        if set_test {
            let ways = ways(one.old.values.len(), one.new.values.len());
            lines.push(format!("the smallest p that so few values can reach is {}", small(2.0 / ways)));
        }
    }
    for change in &one.shape {
        lines.push(format!(
            "beside the middle: the {} is {} times what it was (p = {})",
            change.shape.name(),
            round(change.ratio),
            small(change.p)
        ));
    }
    let again = anew(one, set_test);
    let shown = again.change.map(|change| percent(change.ratio)).unwrap_or_else(|| "no ratio".to_owned());
    let differs = again.change.map(|c| c.ratio.to_bits()) != one.change.map(|c| c.ratio.to_bits());
    lines.push(if differs {
        format!(
            "worked out anew from the data kept here: {shown}, {}; not all that was compared is kept",
            again.verdict.name()
        )
    } else if again.verdict == one.verdict {
        "worked out anew from the data kept here: the same".to_owned()
    } else {
        format!("taken alone, this series would be {}; among {} it is not", again.verdict.name(), one.among)
    });
    if let Some(needed) = one.needed.filter(|_| one.verdict == Verdict::Inconclusive) {
        lines.push(format!("about {needed} {few}s would decide it, if the change is what it now seems to be"));
    }
    lines
}

/// The verdict again, from the values alone.
fn anew(one: &Compared, set_test: bool) -> Decided {
    let criteria = Criteria { min_effect: one.min_effect, confidence: one.confidence };
    if one.unit == Unit::Run && !set_test {
        return predicted(&one.old.values, &one.new.values, one.metric.goal, &criteria);
    }
    let side = |values: &[f64]| Measurement {
        metric: one.metric.clone(),
        labels: Labels::new(),
        rounds: values
            .iter()
            .zip(0..)
            .map(|(value, number)| Round {
                number,
                attempt: 0,
                at: f64::from(number),
                seconds: 0.0,
                taints: Vec::new(),
                superseded: false,
                histogram: None,
                values: vec![*value],
            })
            .collect(),
    };
    decide_among(&side(&one.old.values), &side(&one.new.values), one.apart, &criteria)
}

fn decision(one: &Compared, least: f64, many: &str) -> Vec<String> {
    let text = match one.verdict {
        Verdict::Better => format!("better: the whole interval lies beyond {least} % in the good direction"),
        Verdict::Worse => format!("worse: the whole interval lies beyond {least} % in the bad direction"),
        Verdict::Equivalent => format!("equivalent: the whole interval lies within {least} %"),
        Verdict::Inconclusive => match (&one.metric.goal, &one.change) {
            (Goal::Neutral, Some(_)) => "inconclusive: the metric does not say which direction is good".to_owned(),
            _ => format!("inconclusive: {}", one.reason),
        },
    };
    let wrong = match one.verdict {
        Verdict::Better | Verdict::Worse => Some(format!(
            "It would be wrong if something else changed between the two sides, which no test on these {many} can see: \
             `engine compare` lists in what the environments differ."
        )),
        _ => None,
    };
    std::iter::once(text).chain(wrong).collect()
}

fn changed(one: &Changed) -> Explanation {
    let change = &one.change;
    let unit = one.metric.unit;
    let direction = match one.direction {
        Direction::Neither => String::new(),
        direction => format!(", {}", direction.name()),
    };
    let size = |size: f64| if size.is_finite() { percent(1.0 + size) } else { "from zero".to_owned() };
    let mut out = Explanation {
        title: format!(
            "{}: {} {}{direction}: {}",
            one.key.selector(),
            change.tier.name(),
            change.kind.name(),
            size(change.size)
        ),
        parts: Vec::new(),
    };
    let cut = change.index.saturating_sub(one.offset).min(one.values.len());
    let (before, after) = one.values.split_at(cut);
    let level = |name: &str, values: &[f64], from: usize| {
        if values.is_empty() {
            return format!("{name}: no run");
        }
        let spread = round(100.0 * MAD_TO_SD * mad(values) / median(values).abs());
        let (to, all) = (from + values.len() - 1, sorted(values));
        format!(
            "{name}: points {from} to {to}, {} runs, median {}, {spread} % apart, from {} to {}",
            values.len(),
            unit.format(median(values)),
            unit.format(all[0]),
            unit.format(all[all.len() - 1])
        )
    };
    let place = format!(
        "{} points on {} and machine {}; each run counts as one, with the median of its rounds",
        one.points,
        one.key.branch.as_deref().unwrap_or("no branch"),
        one.key.machine
    );
    out.part("Data", vec![place, level("old level", before, one.offset), level("new level", after, change.index)]);
    out.part("Test", vec![kind(change.kind).to_owned(), tier(change.tier).to_owned()]);
    let run = |side: &Option<(engine_core::run::RunId, Option<String>)>| {
        side.as_ref().map_or_else(
            || "the beginning".to_owned(),
            |(run, code)| format!("run {} ({})", run.short(), code.as_deref().unwrap_or("unknown commit")),
        )
    };
    let mut numbers = vec![
        format!("size {} ({} .. {})", size(change.size), size(change.size_low), size(change.size_high)),
        format!("first point of the new level: {}, with 95 % between {} and {}", change.index, change.low, change.high),
        format!("between {} and {}", run(&one.between[0]), run(&one.between[1])),
    ];
    if let Some(distance) = distance(before, after).filter(|_| matches!(change.kind, Kind::Step | Kind::Return)) {
        numbers.push(format!(
            "the levels lie {} standard deviations of a single run apart, and {} of their means",
            round(distance.0),
            round(distance.1)
        ));
    }
    out.part("Numbers", numbers);
    let mut checks = vec![independence("old", before, "runs"), independence("new", after, "runs")];
    checks.extend(outliers("old", before, "spikes are clipped before levels are looked for"));
    checks.extend(outliers("new", after, "spikes are clipped before levels are looked for"));
    out.part("What the test takes for granted", checks.iter().map(Check::line).collect());
    out.part("At this place", one.remarks.clone());
    let decision = match (one.direction, change.tier) {
        (Direction::Worse, Tier::Confirmed) => {
            "A regression. `engine baseline accept RUN --why ..` makes the new level normal, if it is meant to be."
        }
        (Direction::Worse, Tier::Suspect) => "Perhaps a regression: a few runs more will confirm it or take it back.",
        (Direction::Better, _) => "An improvement.",
        (Direction::Neither, _) => {
            "Neither better nor worse: the level did not change, or the metric has no direction."
        }
    };
    out.part("Decision", vec![decision.to_owned()]);
    out
}

/// How far two levels lie apart: in standard deviations of one value, and of the difference of their means.
fn distance(before: &[f64], after: &[f64]) -> Option<(f64, f64)> {
    if before.len() < 2 || after.len() < 2 {
        return None;
    }
    let deviation = |values: &[f64]| MAD_TO_SD * mad(values);
    let (n, m) = (before.len() as f64, after.len() as f64);
    let pooled = ((deviation(before).powi(2) * n + deviation(after).powi(2) * m) / (n + m)).sqrt();
    let apart = (median(after) - median(before)).abs();
    (pooled > 0.0).then(|| (apart / pooled, apart / (pooled * (1.0 / n + 1.0 / m).sqrt())))
}

const fn kind(kind: Kind) -> &'static str {
    match kind {
        Kind::Step => {
            "The history is divided into levels with the least sum of absolute deviations, each further level at a price; a \
             change stays only where the levels beside it stand out of the noise, which is paid for by its autocorrelation."
        }
        Kind::Trend => "A ramp explains these points better than one step does.",
        Kind::Spike => "A few points lie far from the level around them, which goes on after them.",
        Kind::Variance => "The level stayed, and the spread of the points about it changed.",
        Kind::Return => "As a step; the new level is that before the last change.",
    }
}

const fn tier(tier: Tier) -> &'static str {
    match tier {
        Tier::Suspect => "Suspected: few points show it so far, and about one in some hundred such suspicions passes.",
        Tier::Confirmed => "Confirmed: it lasted for five points or more and stands out of the noise.",
    }
}

/// Two significant digits.
fn small(p: f64) -> String {
    if p < 1e-3 { format!("{p:.1e}") } else { format!("{p:.4}") }
}

/// In how many ways values can be dealt to the two sides.
fn ways(n: usize, m: usize) -> f64 {
    (1..=m).fold(1.0, |ways, i| ways * (n + i) as f64 / i as f64)
}
