//! Runs that never were, for the tests of rules: a few words make one, and three functions hold a rule against it.

use std::collections::BTreeMap;

use engine_core::args::{ArgValue, Args};
use engine_core::environment::Environment;
use engine_core::fact::Fact;
use engine_core::finding::Finding;
use engine_core::histogram::Histogram;
use engine_core::host_sample::HostSample;
use engine_core::load::{LoadShape, LoadWindow, ScaleShape, Varied, WindowRow};
use engine_core::measurement::{Measurement, Record, Round};
use engine_core::metric::{Goal, Metric, Nature};
use engine_core::plan::{PlannedStep, Rounds, Warmup, Work};
use engine_core::run::{RunRecord, StepRecord};
use engine_core::series::Labels;
use engine_core::step::Outcome;
use engine_core::unit::Unit;

use super::{Settings, advise};
use crate::advice::rule::Assess;
use crate::simulated::Simulated;

/// A run in the making.
pub(crate) struct Made(RunRecord);

/// One metric of a step: five rounds about a value.
pub(crate) fn m(metric: &str, unit: Unit, value: f64) -> Measurement {
    ml(metric, "", unit, value)
}

/// The same with labels, `a=1, b=2`.
pub(crate) fn ml(metric: &str, labels: &str, unit: Unit, value: f64) -> Measurement {
    let values = [0.998, 1.001, 1.0, 0.999, 1.002].map(|noise| value * noise);
    let rounds = values.iter().zip(0..).map(|(value, number)| round(number, vec![*value]));
    Measurement { metric: Metric::scripted(metric, unit), labels: pairs(labels), rounds: rounds.collect() }
}

/// One round of values, one a second: what a load samples.
pub(crate) fn ones(metric: &str, unit: Unit, values: &[f64]) -> Measurement {
    let mut round = round(0, values.to_vec());
    round.seconds = values.len() as f64;
    Measurement { metric: Metric::scripted(metric, unit), labels: Labels::new(), rounds: vec![round] }
}

/// Latencies of a load: pairs of seconds and how often.
pub(crate) fn times(metric: &str, counts: &[(f64, u64)]) -> Measurement {
    at("", metric, counts)
}

/// Latencies of an endpoint.
pub(crate) fn at(name: &str, metric: &str, counts: &[(f64, u64)]) -> Measurement {
    let mut histogram = Histogram::new();
    for (seconds, count) in counts {
        for _ in 0..*count {
            histogram.record((seconds * 1e9) as u64);
        }
    }
    let labels = if name.is_empty() { Labels::new() } else { Labels::new().with("name", name) };
    let metric = Metric { id: metric.to_owned(), unit: Unit::Seconds, goal: Goal::Lower, nature: Nature::Cost };
    let record = Record::latencies(metric, labels, histogram.into());
    let round = Round { histogram: record.histogram, seconds: 5.0, ..round(0, record.values) };
    Measurement { metric: record.metric, labels: record.labels, rounds: vec![round] }
}

fn round(number: u32, values: Vec<f64>) -> Round {
    Round { number, at: 10.0 * f64::from(number), seconds: 1.0, values, ..Round::default() }
}

fn pairs(text: &str) -> Labels {
    text.split(", ").filter_map(|pair| pair.split_once('=')).collect()
}

impl Made {
    pub(crate) fn new() -> Self {
        Self(Simulated::new().record())
    }

    /// A step of a probe, with its options as `depth=1, block=4 KiB`.
    pub(crate) fn probe(self, id: &str, options: &str, metrics: &[Measurement]) -> Self {
        let args = pairs(options).0.into_iter().map(|(name, value)| (name, ArgValue::Text(value))).collect();
        let name = format!("{id}.{}", self.0.steps.len());
        let work = Work::Probe { id: id.to_owned(), args: Args(args) };
        self.step(&name, Labels::new(), work, metrics, vec![])
    }

    /// A program of the user's.
    pub(crate) fn command(self, labels: &str, metrics: &[Measurement]) -> Self {
        let args = BTreeMap::from([("command".to_owned(), ArgValue::List(vec!["./app".to_owned()]))]);
        let work = Work::Probe { id: "tool.command".to_owned(), args: Args(args) };
        self.step("app", pairs(labels), work, metrics, vec![])
    }

    /// A load, with the requests that ended well in each second of its course.
    pub(crate) fn load(self, name: &str, metrics: &[Measurement], rates: &[f64]) -> Self {
        let index = self.0.steps.len();
        let window = |(second, rate): (usize, &f64)| LoadWindow {
            step: index,
            round: 0,
            at: second as f64,
            seconds: 1.0,
            rows: vec![WindowRow { ok: *rate as u64, started: *rate as u64, ..WindowRow::default() }],
            users: 1,
            phase: String::new(),
        };
        let windows = rates.iter().enumerate().map(window).collect();
        self.step(name, Labels::new(), Work::Load { index: 0, shape: LoadShape::default() }, metrics, windows)
    }

    /// A sweep of a load over users.
    pub(crate) fn sweep(self, name: &str, levels: &[f64], metrics: &[Measurement]) -> Self {
        let sweep = ScaleShape {
            of: Varied::Users,
            levels: levels.to_vec(),
            hold: 1.0,
            most: 1.0,
            spacing: engine_core::arrivals::Spacing::default(),
            max_users: None,
        };
        let work = Work::Scale { index: 0, shape: LoadShape::default(), sweep };
        self.step(name, Labels::new(), work, metrics, vec![])
    }

    fn step(
        mut self,
        name: &str,
        labels: Labels,
        work: Work,
        metrics: &[Measurement],
        windows: Vec<LoadWindow>,
    ) -> Self {
        let plan = PlannedStep {
            name: name.to_owned(),
            labels,
            work,
            rounds: Rounds::Exact(5),
            warmup: Warmup::Detect,
            isolate: false,
            timeout: 60.0,
            budget: None,
            method: 1,
            estimate: 1.0,
        };
        let outcome = Some(Outcome::Measured);
        let measurements = metrics.to_vec();
        self.0.header.plan.steps.push(plan.clone());
        self.0.steps.push(StepRecord { plan, outcome, stop: None, measurements, windows });
        self
    }

    /// Changes the environment.
    pub(crate) fn environment(mut self, change: impl FnOnce(&mut Environment)) -> Self {
        change(&mut self.0.header.environment);
        self
    }

    /// CPUs of the machine.
    pub(crate) fn cpus(self, cpus: u32) -> Self {
        self.environment(|environment| {
            environment.cpu.allowed_count = Fact::Known(cpus);
            environment.cpu.logical_cpus = Fact::Known(cpus);
        })
    }

    /// Samples of the monitor, one a second.
    pub(crate) fn host(mut self, count: usize, fill: impl Fn(&mut HostSample)) -> Self {
        self.0.host = (0..count)
            .map(|second| {
                let mut sample = HostSample { at: second as f64 + 1.0, cores: vec![0.0; 2], ..HostSample::default() };
                fill(&mut sample);
                sample
            })
            .collect();
        self
    }

    /// Changes the record itself.
    pub(crate) fn changed(mut self, change: impl FnOnce(&mut RunRecord)) -> Self {
        change(&mut self.0);
        self
    }

    pub(crate) fn record(self) -> RunRecord {
        self.0
    }
}

/// The finding of a rule, if it fires.
pub(crate) fn ask(rule: &dyn Assess, run: &RunRecord) -> Result<Option<Finding>, String> {
    let advice = advise(run, &[rule], &Settings::default());
    match advice.not_assessed.first() {
        Some(missing) => Err(missing.missing.clone()),
        None => Ok(advice.findings.into_iter().next()),
    }
}

/// It fires, and its text has these values and nothing that was not filled in.
pub(crate) fn fires(rule: &dyn Assess, run: Made, texts: &[&str]) -> Finding {
    let run = run.record();
    let found = ask(rule, &run).expect("it can be asked").expect("it fires");
    let shown: Vec<String> = found.evidence.iter().map(ToString::to_string).collect();
    let formula = found.gain.modelled().map(|modelled| modelled.formula.clone()).unwrap_or_default();
    let text = format!("{}\n{}\n{}\n{formula}", found.cause, found.action, shown.join("\n"));
    for wanted in texts {
        assert!(text.contains(wanted), "`{wanted}` is not in:\n{text}");
    }
    assert!(!found.evidence.is_empty() && !found.cause.is_empty() && !found.action.is_empty(), "{found:#?}");
    for bad in ["NaN", " n/a", "{}", "  "] {
        assert!(!text.contains(bad), "`{bad}` in:\n{text}");
    }
    assert!(!text.split(|c: char| !c.is_alphanumeric()).any(|word| word == "inf"), "an infinite value in:\n{text}");
    // What is stored is read back as it was.
    let json = serde_json::to_string(&found).expect("a finding can be stored");
    let _: Finding = serde_json::from_str(&json).expect("a finding can be read back");
    found
}

/// It can be asked and does not fire.
pub(crate) fn quiet(rule: &dyn Assess, run: Made) {
    let found = ask(rule, &run.record()).expect("it can be asked");
    assert!(found.is_none(), "it fires: {found:#?}");
}

/// It cannot be asked of an empty run.
pub(crate) fn lacking(rule: &dyn Assess) {
    assert!(ask(rule, &Made::new().record()).is_err(), "a guess about an empty run");
}
