//! The cases of one run against their reference case.

use engine_core::comparison::CaseRatio;
use engine_core::run::{RunRecord, StepRecord};
use engine_core::series::Labels;

use crate::verdict::{Criteria, decide};

/// The label that names a case.
const CASE: &str = "case";

/// For each declaration with a reference case, every other case held against it, metric by metric and point by point
/// of its sweep. Rounds are interleaved, so ratios are taken within each round and common drift cancels.
#[must_use]
pub fn case_ratios(run: &RunRecord, criteria: &Criteria) -> Vec<CaseRatio> {
    let mut ratios = Vec::new();
    for declaration in &run.header.plan.declarations {
        let Some(reference) = &declaration.reference else { continue };
        let steps: Vec<&StepRecord> = run.steps.iter().filter(|step| step.plan.name == declaration.name).collect();
        for step in &steps {
            let Some(case) = step.plan.labels.get(CASE).filter(|case| case != reference) else { continue };
            let labels = step.plan.labels.clone().with(CASE, reference);
            let Some(other) = steps.iter().find(|other| other.plan.labels == labels) else { continue };
            for measurement in &step.measurements {
                let same = |m: &&engine_core::measurement::Measurement| {
                    m.metric == measurement.metric && m.labels == measurement.labels
                };
                let Some(before) = other.measurements.iter().find(same) else { continue };
                if before.counted().next().is_none() || measurement.counted().next().is_none() {
                    continue;
                }
                let decided = decide(before, measurement, true, criteria);
                ratios.push(CaseRatio {
                    step: declaration.name.clone(),
                    metric: measurement.metric.clone(),
                    case: case.to_owned(),
                    reference: reference.clone(),
                    labels: without_case(&step.plan.labels.joined(&measurement.labels)),
                    change: decided.change,
                    verdict: decided.verdict,
                    reason: decided.reason,
                });
            }
        }
    }
    ratios
}

fn without_case(labels: &Labels) -> Labels {
    labels.0.iter().filter(|(name, _)| *name != CASE).map(|(name, value)| (name.clone(), value.clone())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulated::{Simulated, measured};
    use engine_core::judgement::Verdict;
    use engine_core::stats::Stream;

    /// Rounds on a machine that slows down by half over the run.
    fn drifting(stream: &mut Stream, scale: f64) -> Vec<f64> {
        (0..20).map(|round| scale * (1.0 + f64::from(round) / 40.0) * (1.0 + 0.002 * stream.normal())).collect()
    }

    fn run(scales: [f64; 3]) -> RunRecord {
        let mut stream = Stream::new(3, &[1]);
        let mut simulated = Simulated::new();
        for (case, scale) in ["old", "new", "other"].into_iter().zip(scales) {
            let labels = [("case", case), ("size", "1 KiB")];
            simulated = simulated.measured("grep", &labels, vec![measured("wall", &drifting(&mut stream, scale))]);
        }
        let mut run = simulated.record();
        run.header.plan.declarations[0].reference = Some("old".to_owned());
        run
    }

    #[test]
    fn pairing_by_round_finds_what_drift_would_hide() {
        let ratios = case_ratios(&run([1.0, 1.03, 1.0]), &Criteria::default());
        let found: Vec<(&str, Verdict)> = ratios.iter().map(|ratio| (ratio.case.as_str(), ratio.verdict)).collect();
        assert_eq!(found, [("new", Verdict::Worse), ("other", Verdict::Equivalent)]);
        assert_eq!(ratios[0].labels.to_string(), "{size=1 KiB}");
        assert!((ratios[0].change.unwrap().ratio - 1.03).abs() < 0.003);
        assert!(ratios[0].reason.ends_with("paired by round"), "{}", ratios[0].reason);
    }

    #[test]
    fn without_a_reference_there_is_nothing_to_say() {
        let mut plain = run([1.0; 3]);
        plain.header.plan.declarations[0].reference = None;
        assert!(case_ratios(&plain, &Criteria::default()).is_empty());
        plain.header.plan.declarations[0].reference = Some("gone".to_owned());
        assert!(case_ratios(&plain, &Criteria::default()).is_empty());
    }
}
