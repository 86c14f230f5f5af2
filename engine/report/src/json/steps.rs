//! The results file: steps, metrics, rounds.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;

use super::interference::InterferenceText;
use super::fault::FaultText;
use super::load::LoadText;

/// A place in a scenario, counted from 1; 0 is unknown.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct PlaceText {
    /// The file as the user named it.
    pub(super) file: String,
    /// Line.
    pub(super) line: usize,
    /// Column.
    pub(super) column: usize,
}

/// One step: a point of a sweep, a case, or a declaration without either.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct StepResult {
    /// `name{labels}`, unique.
    pub(super) path: String,
    /// Name of the declaration.
    pub(super) name: String,
    /// Which point.
    pub(super) labels: BTreeMap<String, String>,
    /// Id of the probe; null for script code.
    pub(super) probe: Option<String>,
    /// Options of the probe as text with units.
    pub(super) options: BTreeMap<String, String>,
    /// Version of the probe's method; 0 for script code. Numbers of unlike versions are not compared.
    pub(super) method: u32,
    /// Whether each round had a process of its own.
    pub(super) isolated: bool,
    /// How it ended.
    pub(super) outcome: OutcomeText,
    /// Why it took no more rounds: `done`, `narrow`, `budget`, `interrupted`, `aborted`; null where it was not measured.
    pub(super) stop: Option<&'static str>,
    /// Its metrics in order of first record; the first is the primary one.
    pub(super) metrics: Vec<MetricResult>,
    /// What only a load has; null for other steps.
    pub(super) load: Option<LoadText>,
    /// What only stress has; null for other steps.
    pub(super) interference: Option<InterferenceText>,
    /// What only a fault has; null for other steps.
    pub(super) fault: Option<FaultText>,
}

/// How a step ended.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct OutcomeText {
    /// The word.
    pub(super) status: Status,
    /// Class of the skip or failure.
    pub(super) class: Option<&'static str>,
    /// Why it was skipped or failed.
    pub(super) reason: Option<String>,
    /// What to do about a skip.
    pub(super) remedy: Option<String>,
    /// Where in the scenario a failure arose.
    pub(super) place: Option<PlaceText>,
}

/// How a step ended, in a word.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Status {
    /// It has results.
    Measured,
    /// It could not be measured here; that is no failure.
    Skipped,
    /// It went wrong.
    Failed,
    /// The run ended before.
    Unfinished,
}

/// One metric of one step. All values are in `unit`.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct MetricResult {
    /// `step.metric{labels}`: the identity over runs of the same scenario.
    pub(super) series: String,
    /// Name of the metric.
    pub(super) metric: String,
    /// Labels beyond the step's own, such as the size on a latency curve.
    pub(super) labels: BTreeMap<String, String>,
    /// Base unit: `s`, `B`, `B/s`, `1/s`, `FLOP/s`, `Hz`, `C`, `W`, `1`, `ratio`, or a product such as `B*s`.
    pub(super) unit: String,
    /// Which direction is good.
    pub(super) goal: GoalText,
    /// `capability`: a round counts with its best sample; `cost`: with its median.
    pub(super) nature: &'static str,
    /// Median over rounds; null when no round counts.
    pub(super) estimate: Option<EstimateText>,
    /// What the machine should reach; null where nobody knows.
    pub(super) expected: Option<ExpectedText>,
    /// Samples of all rounds that count, pooled; null without samples.
    pub(super) samples: Option<PooledText>,
    /// Whether a round that counts was disturbed.
    pub(super) tainted: bool,
    /// All rounds in the order in which they were taken.
    pub(super) rounds: Vec<RoundResult>,
}

/// What the machine should reach, in the metric's unit.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct ExpectedText {
    /// How much.
    pub(super) value: Option<f64>,
    /// `ceiling`: nothing can be better; `typical`: what such a machine usually reaches.
    pub(super) kind: &'static str,
    /// Name of the machine profile; null where the machine declares it, or the run measured it elsewhere.
    pub(super) profile: Option<String>,
    /// Who says so, or the arithmetic that gives it.
    pub(super) source: String,
    /// How much of it was reached: 1 is all, less is worse, in the direction that is good.
    pub(super) share_ratio: Option<f64>,
    /// Whether it lies beyond a ceiling: then the number is wrong, or the machine is another one.
    pub(super) beyond: bool,
}

/// Which direction is good.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum GoalText {
    /// Smaller is better.
    Lower,
    /// Larger is better.
    Higher,
    /// Neither.
    Neutral,
}

/// A value with its interval.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct EstimateText {
    /// The value.
    pub(super) value: Option<f64>,
    /// 95 % interval over rounds; null below five rounds.
    pub(super) interval: Option<IntervalText>,
    /// Rounds that count.
    pub(super) rounds: usize,
    /// Samples within them.
    pub(super) samples: usize,
    /// Whether the value is only a bound from below, as it lies among requests that were cut off or timed out.
    pub(super) above: bool,
}

/// A closed range.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct IntervalText {
    /// Lower end.
    pub(super) low: Option<f64>,
    /// Upper end.
    pub(super) high: Option<f64>,
}

/// Statistics of pooled samples. They mix the variation within rounds with that between them.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct PooledText {
    /// Number of samples.
    pub(super) n: usize,
    /// Smallest.
    pub(super) min: Option<f64>,
    /// Arithmetic mean.
    pub(super) mean: Option<f64>,
    /// Median.
    pub(super) p50: Option<f64>,
    /// 90th percentile.
    pub(super) p90: Option<f64>,
    /// 95th percentile.
    pub(super) p95: Option<f64>,
    /// 99th percentile; with fewer than 100 samples it lies between the two largest.
    pub(super) p99: Option<f64>,
    /// 99.9th percentile.
    pub(super) p99_9: Option<f64>,
    /// Largest.
    pub(super) max: Option<f64>,
}

/// One attempt at one round.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct RoundResult {
    /// Number of the round, from 0.
    pub(super) round: u32,
    /// 0, or how often it was taken again.
    pub(super) attempt: u32,
    /// Whether it counts: a later attempt replaces the earlier ones.
    pub(super) counted: bool,
    /// Start in seconds since the run's start.
    pub(super) at_seconds: Option<f64>,
    /// Duration in seconds.
    pub(super) seconds: Option<f64>,
    /// What it counts with; null without samples.
    pub(super) value: Option<f64>,
    /// Smallest sample.
    pub(super) min: Option<f64>,
    /// Largest sample.
    pub(super) max: Option<f64>,
    /// Number of samples.
    pub(super) samples: usize,
    /// What disturbed it.
    pub(super) taints: Vec<TaintText>,
}

/// One disturbance.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct TaintText {
    /// `steal`, `CPU pressure`, `I/O pressure`, `memory pressure`, `migration`, `preemption`, `throttling`, `CPU quota` or `clock drift`.
    pub(super) cause: &'static str,
    /// The cause with its size, for people.
    pub(super) text: String,
}
