//! Tests of a user's rule: a run in a few words, and whether the rule must fire on it.

use std::collections::BTreeMap;

use engine_analysis::advice::{Assess, Settings, advise};
use engine_core::args::{ArgValue, Args};
use engine_core::code::CodeUnderTest;
use engine_core::environment::Environment;
use engine_core::load::LoadShape;
use engine_core::measurement::{Measurement, Round};
use engine_core::metric::Metric;
use engine_core::plan::{Plan, PlannedStep, Rounds, Warmup, Work};
use engine_core::run::{RunHeader, RunId, RunRecord, RunState, ScenarioRef, StepRecord, Timestamp};
use engine_core::series::Labels;
use engine_core::step::Outcome;
use engine_core::unit::Unit;
use rhai::{Array, Dynamic, Map};

use super::read::{amount, known, text};
use super::{RuleTest, UserRule};

/// What a test wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wanted {
    Fires,
    Quiet,
    NotAssessed,
}

/// A test.
#[derive(Debug, Clone)]
pub(super) struct Trial {
    name: String,
    steps: Vec<Made>,
    wanted: Wanted,
    says: Vec<String>,
}

/// A step of its run.
#[derive(Debug, Clone)]
struct Made {
    /// Name of a load; else it is a probe.
    load: Option<String>,
    probe: String,
    options: Labels,
    metrics: Vec<(String, f64, Unit)>,
}

/// A test from its map.
pub(super) fn read(map: &Map) -> Result<Trial, String> {
    known(map, &["name", "steps", "fires", "says"])?;
    let list = |name: &str| map.get(name).cloned().and_then(|list| list.try_cast::<Array>()).unwrap_or_default();
    let wanted = match map.get("fires").cloned() {
        None => Wanted::NotAssessed,
        Some(fires) => match fires.as_bool() {
            Ok(true) => Wanted::Fires,
            Ok(false) => Wanted::Quiet,
            Err(kind) => {
                return Err(format!("`fires` is true or false, got {kind}; without it the rule is not assessed"));
            }
        },
    };
    let steps = list("steps").iter().map(step).collect::<Result<_, _>>()?;
    let says = list("says").iter().map(ToString::to_string).collect();
    Ok(Trial { name: text(map, "name")?, steps, wanted, says })
}

fn step(value: &Dynamic) -> Result<Made, String> {
    let map = value.clone().try_cast::<Map>().ok_or("a step is a map: `#{ probe: .., metrics: .. }`")?;
    known(&map, &["probe", "load", "options", "metrics"])?;
    let part = |name: &str| map.get(name).cloned().and_then(|part| part.try_cast::<Map>()).unwrap_or_default();
    let load = map.get("load").map(|_| text(&map, "load")).transpose()?;
    let probe = if load.is_some() { String::new() } else { text(&map, "probe")? };
    let options = part("options").iter().map(|(name, value)| (name.to_string(), value.to_string())).collect();
    let metrics = part("metrics")
        .iter()
        .map(|(name, value)| {
            let (value, unit) = amount(value).map_err(|why| format!("metric `{name}`: {why}"))?;
            Ok((name.to_string(), value, unit))
        })
        .collect::<Result<_, String>>()?;
    Ok(Made { load, probe, options, metrics })
}

/// Runs the tests of a rule.
pub(super) fn all(rule: &UserRule) -> Vec<RuleTest> {
    let named = |test: &str, why: String| RuleTest {
        rule: rule.id.clone(),
        test: test.to_owned(),
        passed: why.is_empty(),
        why,
    };
    let mut results: Vec<RuleTest> = rule.tests.iter().map(|test| named(&test.name, once(rule, test))).collect();
    for (wanted, what) in [(Wanted::Fires, "a case that fires"), (Wanted::Quiet, "a near miss that does not fire")] {
        if !rule.tests.iter().any(|test| test.wanted == wanted) {
            results.push(named("tests", format!("there is no test with {what}")));
        }
    }
    results
}

/// Why a test failed; empty where it did not.
fn once(rule: &UserRule, test: &Trial) -> String {
    let run = record(&test.steps);
    let advice = advise(&run, &[rule as &dyn Assess], &Settings::default());
    let lacking = advice.not_assessed.first().map(|one| one.missing.clone());
    match (test.wanted, advice.findings.first(), lacking) {
        (Wanted::Fires, Some(found), _) => {
            let evidence: Vec<String> = found.evidence.iter().map(ToString::to_string).collect();
            let text = format!("{}\n{}\n{}", found.cause, found.action, evidence.join("\n"));
            let absent = test.says.iter().find(|wanted| !text.contains(wanted.as_str()));
            absent.map_or_else(String::new, |wanted| format!("`{wanted}` is not in: {text}"))
        }
        (Wanted::Quiet, None, None) => String::new(),
        (Wanted::NotAssessed, _, Some(why)) if !why.starts_with("the rule failed") => String::new(),
        (_, _, Some(why)) => format!("not assessed: {why}"),
        (Wanted::Fires, None, None) => "it does not fire".to_owned(),
        (Wanted::Quiet, Some(found), _) => format!("it fires: {}", found.cause),
        (Wanted::NotAssessed, _, None) => "it was assessed".to_owned(),
    }
}

/// A run with these steps, each of five rounds.
fn record(steps: &[Made]) -> RunRecord {
    let mut run = RunRecord::new(RunHeader {
        id: RunId::new(Timestamp(1_700_000_000_000_000), 1),
        engine: env!("CARGO_PKG_VERSION").to_owned(),
        scenario: ScenarioRef::default(),
        started: Timestamp(1_700_000_000_000_000),
        code: CodeUnderTest::default(),
        machine: String::new(),
        tags: BTreeMap::new(),
        environment: Environment::default(),
        plan: Plan::default(),
        machine_profile: None,
    });
    run.state = RunState::Complete;
    for (at, made) in steps.iter().enumerate() {
        let args = made.options.0.iter().map(|(name, value)| (name.clone(), ArgValue::Text(value.clone()))).collect();
        let (name, work) = match &made.load {
            Some(name) => (name.clone(), Work::Load { index: 0, shape: LoadShape::default() }),
            None => (format!("{}.{at}", made.probe), Work::Probe { id: made.probe.clone(), args: Args(args) }),
        };
        let plan = PlannedStep {
            name,
            labels: Labels::new(),
            work,
            rounds: Rounds::Exact(5),
            warmup: Warmup::Rounds(0),
            isolate: false,
            timeout: 60.0,
            budget: None,
            method: 1,
            estimate: 1.0,
        };
        let measurements = made.metrics.iter().map(|(name, value, unit)| Measurement {
            metric: Metric::scripted(name, *unit),
            labels: Labels::new(),
            rounds: (0..5)
                .map(|number| Round { number, seconds: 1.0, values: vec![*value], ..Round::default() })
                .collect(),
        });
        let measurements = measurements.collect();
        run.steps.push(StepRecord {
            plan,
            outcome: Some(Outcome::Measured),
            stop: None,
            measurements,
            windows: vec![],
        });
    }
    run
}
