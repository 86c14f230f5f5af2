//! All expectations of a run.

use std::collections::BTreeSet;

use engine_core::expect::{Baseline, Context, Expectation, judge};
use engine_core::expected;
use engine_core::judgement::{Judged, Judgement, Severity};
use engine_core::measurement::Measurement;
use engine_core::plan::{Declaration, ExpectText};
use engine_core::run::{RunRecord, StepRecord};
use engine_core::series::SeriesId;
use engine_core::unit::Unit;

use crate::alike::{compared_series, step_refusals, whole_refusals};

/// Judges every expectation of the plan, in the order in which they are written. Series of `baseline` stand for the
/// value `baseline`; without one, expectations that need it are not judged. With one that may not be compared with
/// this run (see [`crate::compare`]), they are unsure, and the reason says why.
#[must_use]
pub fn judge_run(run: &RunRecord, baseline: Option<&RunRecord>) -> Vec<Judged> {
    let baseline = baseline.map(|record| comparable(record, run));
    let expected = expected::of_run(run);
    let plan = &run.header.plan;
    let mut judged = Vec::new();
    for declaration in &plan.declarations {
        let steps: Vec<&StepRecord> = run.steps.iter().filter(|step| step.plan.name == declaration.name).collect();
        for expect in &declaration.expect {
            let context = Context {
                declaration,
                profile: plan.profile,
                baseline: baseline.as_ref(),
                expected: Some(&expected),
                host: &run.host,
                place: expect.place.as_ref(),
            };
            judged.push(match Expectation::parse(&expect.text) {
                Ok(expectation) => judge(&expectation, &steps, &context),
                // Checked before the run; a record of another version may still hold what this one cannot read.
                Err(error) => unreadable(declaration, expect, &error.to_string()),
            });
        }
        judged.extend(implied(declaration, &steps, run));
    }
    judged
}

/// A load that checks expects all its checks to be met, unless the scenario says what it expects of them.
fn implied(declaration: &Declaration, steps: &[&StepRecord], run: &RunRecord) -> Option<Judged> {
    let checks = |step: &&StepRecord| step.plan.is_load() && step.measurements.iter().any(|m| m.metric.id == "checks");
    let said = declaration.expect.iter().filter_map(|expect| Expectation::parse(&expect.text).ok());
    let mut said = said.map(|expectation| expectation.claim().left.metric.clone());
    if !steps.iter().any(checks) || said.any(|metric| metric.as_deref() == Some("checks")) {
        return None;
    }
    let place = declaration.place.as_ref();
    let profile = run.header.plan.profile;
    let context = Context { declaration, profile, baseline: None, expected: None, host: &run.host, place };
    Some(judge(&Expectation::parse("checks == 100 %").ok()?, steps, &context))
}

/// The series of `old` that `run` may be held against.
fn comparable<'a>(old: &'a RunRecord, run: &RunRecord) -> Baseline<'a> {
    let differences = old.header.environment.differences(&run.header.environment);
    let refusal = whole_refusals(old, run, &differences).into_iter().next().map(|(refusal, _)| refusal.reason);
    let left_out: BTreeSet<String> =
        step_refusals(old, run).into_iter().filter_map(|refusal| refusal.subject).collect();
    Baseline { series: compared_series(old, &left_out).into_iter().collect(), refusal }
}

fn unreadable(declaration: &Declaration, expect: &ExpectText, reason: &str) -> Judged {
    Judged {
        step: declaration.name.clone(),
        text: expect.text.clone(),
        severity: Severity::Fail,
        judgement: Judgement::Fail,
        series: String::new(),
        observed: None,
        limit: None,
        unit: Unit::Count,
        reason: reason.to_owned(),
        place: expect.place.clone(),
    }
}

/// Every series of a run that has samples, in the order of its plan.
pub(crate) fn series(run: &RunRecord) -> Vec<(SeriesId, &Measurement)> {
    let mut all = Vec::new();
    for step in &run.steps {
        for measurement in step.measurements.iter().filter(|m| m.counted().next().is_some()) {
            let labels = step.plan.labels.joined(&measurement.labels);
            let id = SeriesId { step: step.plan.name.clone(), metric: measurement.metric.id.clone(), labels };
            all.push((id, measurement));
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulated::{self, Simulated};
    use engine_core::fact::Fact;
    use engine_core::plan::Profile;

    #[test]
    fn all_expectations_are_judged_in_order() {
        let mut run = Simulated::new().step("a", "wall", &[0.1; 6]).step("b", "wall", &[0.2; 6]).record();
        simulated::expect(&mut run, "a", &["wall < 1 s", "wall < 50 ms @warn", "wall <= 1.05 * baseline", "wall <"]);
        simulated::expect(&mut run, "b", &["median < 1 s"]);
        let found: Vec<(String, Judgement)> =
            judge_run(&run, None).into_iter().map(|judged| (judged.series, judged.judgement)).collect();
        assert_eq!(
            found,
            [
                ("a.wall".to_owned(), Judgement::Pass),
                ("a.wall".to_owned(), Judgement::Fail),
                ("a.wall".to_owned(), Judgement::Unjudged),
                (String::new(), Judgement::Fail),
                ("b.wall".to_owned(), Judgement::Pass),
            ]
        );
        let slower = Simulated::new().step("a", "wall", &[0.05; 6]).record();
        assert_eq!(judge_run(&run, Some(&slower))[2].judgement, Judgement::Fail);
        assert_eq!(judge_run(&run, Some(&run))[2].judgement, Judgement::Pass);
        let mut elsewhere = slower.clone();
        elsewhere.header.environment.cpu.model = Fact::Known("B".into());
        run.header.environment.cpu.model = Fact::Known("A".into());
        let judged = &judge_run(&run, Some(&elsewhere))[2];
        assert_eq!(judged.judgement, Judgement::Unsure);
        assert!(judged.reason.contains("`cpu.model` was B and is A"), "{}", judged.reason);
        let mut method = slower.clone();
        method.steps[0].plan.method = 9;
        assert_eq!(judge_run(&run, Some(&method))[2].judgement, Judgement::Unsure);
        run.header.plan.profile = Profile::Tiny;
        assert!(
            judge_run(&run, None).iter().filter(|j| j.text != "wall <").all(|j| j.judgement == Judgement::Unjudged)
        );
    }

    #[test]
    fn what_is_expected_of_the_machine_is_judged_or_left() {
        use engine_core::expected::{ChosenProfile, Figure, FigureKind};
        let mut run = Simulated::new().step("a", "wall", &[0.1; 6]).record();
        simulated::expect(&mut run, "a", &["wall <= 1.25 * expected", "wall <= expected @warn"]);
        let judgements = |run: &RunRecord| -> Vec<Judgement> {
            judge_run(run, None).into_iter().map(|judged| judged.judgement).collect()
        };
        assert_eq!(judgements(&run), [Judgement::Unjudged; 2]);
        assert!(judge_run(&run, None)[0].reason.contains("--machine NAME"));
        let figure = Figure {
            subject: "fake.probe.wall".parse().unwrap(),
            value: "90 ms".parse().unwrap(),
            kind: FigureKind::Typical,
            source: "the maker".into(),
        };
        let profile = ChosenProfile { name: "desk".into(), named: false, figures: vec![figure], remarks: vec![] };
        run.header.machine_profile = Some(profile);
        assert_eq!(judgements(&run), [Judgement::Pass, Judgement::Fail]);
    }

    #[test]
    fn a_load_that_checks_expects_them_to_be_met() {
        use engine_core::plan::Work;
        let mut run = Simulated::new().step("shop", "checks", &[0.999]).record();
        assert_eq!(judge_run(&run, None), [], "it is no load");
        let work = Work::Load { index: 0, shape: engine_core::load::LoadShape::default() };
        run.steps[0].plan.work = work.clone();
        run.header.plan.steps[0].work = work;
        run.steps[0].measurements[0].metric.unit = Unit::Ratio;
        let judged = judge_run(&run, None);
        assert_eq!((judged[0].text.as_str(), judged[0].judgement), ("checks == 100 %", Judgement::Fail));
        run.steps[0].measurements[0].rounds[0].values = vec![1.0];
        assert_eq!(judge_run(&run, None)[0].judgement, Judgement::Pass);
        simulated::expect(&mut run, "shop", &["checks > 95 %"]);
        assert_eq!(judge_run(&run, None).len(), 1, "the scenario says what it expects");
    }
}
