//! Experiments: the scenario that runs both sides of one, what it measured, and how well predictions held so far.
//!
//! Both sides are steps of one plan, so that the session runs them interleaved, in a random order within each round. The gain
//! is taken within each round and the median over rounds counts, so that drift hits both alike.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use engine_core::finding::{Calibration, Experiment, Finding, Range, Trial, Verified};
use engine_core::metric::Goal;
use engine_core::run::RunRecord;
use engine_core::stats::quantile::median;
use engine_core::stats::{bootstrap, quantile::sorted};

use super::Facts;

/// Rounds of an experiment.
const ROUNDS: usize = 7;

/// An experiment with all options as they were where its sides were measured: a file of the same size, builds of the same crate. A
/// prediction holds for those alone, and the defaults of a probe may be others.
pub(super) fn as_measured(mut experiment: Experiment, facts: &Facts<'_>) -> Experiment {
    for trial in [&mut experiment.before, &mut experiment.after] {
        if let Some(options) = facts.options(&trial.probe, &experiment.metric, &trial.options) {
            trial.options = options.joined(&trial.options);
        }
    }
    experiment
}

/// The scenario of the experiments of these findings; none where no finding has one.
#[must_use]
pub fn script(findings: &[&Finding]) -> Option<String> {
    let mut out =
        format!("//! Do the findings hold?\nsuite(\"verify\", #{{ rounds: {ROUNDS}, tags: [\"verify\"] }});\n");
    let mut any = false;
    for finding in findings {
        let Some(experiment) = &finding.experiment else { continue };
        any = true;
        for (side, trial) in [("before", &experiment.before), ("after", &experiment.after)] {
            // Writing to a `String` cannot fail.
            let _ = writeln!(out, "bench(\"{}.{side}\", {});", finding.rule, call(trial));
        }
    }
    any.then_some(out)
}

/// A probe as a script calls it.
fn call(trial: &Trial) -> String {
    let options: Vec<String> =
        trial.options.0.iter().map(|(name, value)| format!("{name}: {}", literal(value))).collect();
    let function = trial.probe.replacen('.', "::", 1);
    if options.is_empty() { format!("{function}()") } else { format!("{function}(#{{ {} }})", options.join(", ")) }
}

/// Whole numbers and truth values are bare, all else is text.
fn literal(value: &str) -> String {
    let number = !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit());
    if number || value == "true" || value == "false" { value.to_owned() } else { format!("{value:?}") }
}

/// How many times as good the second side of an experiment was in its run; none where a side was not measured.
#[must_use]
pub fn measured(run: &RunRecord, rule: &str, experiment: &Experiment) -> Option<Range> {
    let side = |name: &str, trial: &Trial| {
        let step = run.step(&format!("{rule}.{name}"))?;
        let own = |label: &String| trial.options.get(label);
        // Of the measurements of a step, the one whose labels the trial does not contradict.
        step.measurements.iter().find(|measurement| {
            measurement.metric.id == experiment.metric
                && measurement.labels.0.iter().all(|(label, value)| own(label).is_none_or(|wanted| wanted == value))
        })
    };
    let (before, after) = (side("before", &experiment.before)?, side("after", &experiment.after)?);
    let of = |measurement: &engine_core::measurement::Measurement| -> BTreeMap<u32, f64> {
        let value = |round| Some((measurement.round_value(round)?, round.number));
        measurement.counted().filter_map(value).map(|(value, number)| (number, value)).collect()
    };
    let (old, new) = (of(before), of(after));
    let better = |old: f64, new: f64| if before.metric.goal == Goal::Higher { new / old } else { old / new };
    let ratios: Vec<f64> = old
        .iter()
        .filter_map(|(round, old)| Some(better(*old, *new.get(round)?)))
        .filter(|ratio| ratio.is_finite() && *ratio > 0.0)
        .collect();
    if ratios.is_empty() {
        return None;
    }
    let ordered = sorted(&ratios);
    let value = median(&ratios);
    let ends = bootstrap::median_of_sorted(&ordered);
    let (low, high) = ends.map_or((ordered[0], ordered[ordered.len() - 1]), |ends| (ends.low, ends.high));
    Some(Range::new(value, low, high))
}

/// How well predictions held: a row for each rule, and one with an empty name for all together.
#[must_use]
pub fn calibration(all: &[Verified]) -> Vec<Calibration> {
    let mut rules: BTreeMap<&str, Vec<&Verified>> = BTreeMap::new();
    for one in all {
        rules.entry("").or_default().push(one);
        rules.entry(&one.rule).or_default().push(one);
    }
    rules
        .into_iter()
        .map(|(rule, own)| Calibration {
            rule: rule.to_owned(),
            trials: own.len(),
            coverage: own.iter().filter(|one| one.holds()).count() as f64 / own.len() as f64,
            median_error: median(&own.iter().map(|one| one.error()).collect::<Vec<_>>()),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::advice::fixture::*;
    use engine_core::run::{RunId, Timestamp};
    use engine_core::unit::Unit;

    fn finding() -> Finding {
        let run = Made::new().probe("tool.ladder", "layer=spawn", &[m("latency", Unit::Seconds, 1e-3)]).probe(
            "tool.ladder",
            "layer=stdio",
            &[m("latency", Unit::Seconds, 1e-5)],
        );
        let rules = crate::rules::rules();
        let rule = rules.iter().find(|rule| rule.about().id == "tool.persistent").expect("the rule");
        ask(*rule, &run.record()).expect("asked").expect("fires")
    }

    #[test]
    fn both_sides_are_steps_of_one_scenario() {
        let text = script(&[&finding()]).expect("it can be tried");
        assert!(text.contains("bench(\"tool.persistent.before\", tool::ladder(#{ layer: \"spawn\" }));"), "{text}");
        assert!(text.contains("bench(\"tool.persistent.after\", tool::ladder(#{ layer: \"stdio\" }));"), "{text}");
        assert_eq!(
            (literal("32"), literal("4 KiB"), literal("true")),
            ("32".into(), "\"4 KiB\"".into(), "true".into())
        );
    }

    #[test]
    fn what_was_measured_with_other_options_is_tried_with_them() {
        let rate = |value| [m("iops", Unit::PerSecond, value)];
        let run = Made::new()
            .probe("storage.randread", "depth=1, block=4 KiB, jobs=1, rate=0, size=64 MiB", &rate(1e4))
            .probe("storage.randread", "depth=32, block=4 KiB, jobs=1, rate=0, size=64 MiB", &rate(1e5));
        let rules = crate::rules::rules();
        let rule = rules.iter().find(|rule| rule.about().id == "storage.queue_depth").expect("the rule");
        let found = ask(*rule, &run.record()).expect("asked").expect("fires");
        let text = script(&[&found]).expect("it can be tried");
        for depth in [1, 32] {
            let call = format!("block: \"4 KiB\", depth: {depth}, jobs: 1, rate: 0, size: \"64 MiB\"");
            assert!(text.contains(&call), "{text}");
        }
        // The label of a measurement goes before the option that it was made under.
        let both =
            [ml("latency", "layer=spawn", Unit::Seconds, 1e-3), ml("latency", "layer=stdio", Unit::Seconds, 1e-5)];
        let run = Made::new().probe("tool.ladder", "layer=each, payload=1 KiB", &both).record();
        let rule = rules.iter().find(|rule| rule.about().id == "tool.persistent").expect("the rule");
        let text = script(&[&ask(*rule, &run).expect("asked").expect("fires")]).expect("it can be tried");
        assert!(text.contains("layer: \"spawn\", payload: \"1 KiB\"") && !text.contains("each"), "{text}");
    }

    #[test]
    fn the_gain_is_taken_within_each_round() {
        let found = finding();
        let side = |values: &[f64]| {
            let mut one = ml("latency", "layer=x", Unit::Seconds, 1.0);
            one.metric.goal = Goal::Lower;
            for (round, value) in one.rounds.iter_mut().zip(values) {
                round.values = vec![*value];
            }
            one.labels = engine_core::series::Labels::new();
            one
        };
        // A machine that slows down to a half over the run: the ratio stays four.
        let run = Made::new()
            .probe("tool.ladder", "", &[side(&[4.0, 5.0, 6.0, 7.0, 8.0])])
            .probe("tool.ladder", "", &[side(&[1.0, 1.25, 1.5, 1.75, 2.0])])
            .changed(|record| {
                for (step, name) in record.steps.iter_mut().zip(["tool.persistent.before", "tool.persistent.after"]) {
                    step.plan.name = name.to_owned();
                }
            })
            .record();
        let gain = measured(&run, "tool.persistent", found.experiment.as_ref().expect("one")).expect("measured");
        assert!((gain.value - 4.0).abs() < 1e-9 && gain.low <= gain.value && gain.value <= gain.high, "{gain:?}");
        assert!(measured(&run, "other.rule", found.experiment.as_ref().expect("one")).is_none());
    }

    #[test]
    fn calibration_counts_what_held() {
        let one = |predicted: f64, measured: f64| Verified {
            at: Timestamp(0),
            rule: "a.b".into(),
            predicted_by: RunId("p".into()),
            measured_by: RunId("m".into()),
            predicted: Range::new(predicted, 0.9 * predicted, 1.1 * predicted),
            measured: Range::exact(measured),
        };
        let found = calibration(&[one(2.0, 2.1), one(2.0, 4.0)]);
        assert_eq!(found.len(), 2);
        assert_eq!((found[0].rule.as_str(), found[1].trials, found[1].coverage), ("", 2, 0.5));
        assert!((found[1].median_error - 0.5 * (0.1 / 2.1 + 0.5)).abs() < 1e-9);
        assert!(calibration(&[]).is_empty());
    }
}
