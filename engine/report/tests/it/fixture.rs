//! The records that the tests show.

use std::collections::BTreeMap;

use engine_core::args::{ArgValue, Args};
use engine_core::code::{CodeSource, CodeUnderTest};
use engine_core::comparison::{CaseRatio, Comparison, Refusal, SeriesVerdict, Side};
use engine_core::environment::{Class, Difference, Environment};
use engine_core::event::{Note, NoteLevel, StopReason};
use engine_core::fact::Fact;
use engine_core::health::{Health, HealthRow, HealthVerdict};
use engine_core::host_sample::HostSample;
use engine_core::judgement::{Change, Judged, Judgement, Severity, Verdict};
use engine_core::measurement::{Estimate, Measurement, Round};
use engine_core::metric::{Metric, MetricDef};
use engine_core::plan::{Declaration, ExpectText, Plan, PlannedStep, Profile, Rounds, Warmup, Work};
use engine_core::quantity::Quantity;
use engine_core::run::{
    RunHeader, RunId, RunRecord, RunState, ScenarioRef, StepRecord, Timestamp, Validity, ValidityLevel,
};
use engine_core::series::{Labels, SeriesId};
use engine_core::stats::Interval;
use engine_core::step::{Failure, FailureKind, Outcome, Place, Skip, SkipKind};
use engine_core::taint::Taint;
use engine_core::unit::Unit;
use engine_report::{Cause, Exit};

/// 2026-11-23 05:45:01.25 UTC.
pub(crate) const STARTED: Timestamp = Timestamp(1_795_412_701_250_000);

const TIME: MetricDef = MetricDef::cost("time", Unit::Seconds, "");
const RATE: MetricDef = MetricDef::rate("rate", Unit::BytesPerSecond, "");
const LATENCY: MetricDef = MetricDef::floor("latency", Unit::Seconds, "");
const IOPS: MetricDef = MetricDef::rate("iops", Unit::PerSecond, "");
const SIZE: MetricDef = MetricDef::fact("l3_size", Unit::Bytes, "");
const MEMORY: MetricDef = MetricDef::cost("peak_memory", Unit::Bytes, "");
const COUNT: MetricDef = MetricDef::fact("primes", Unit::Count, "");

pub(crate) fn place(line: usize) -> Option<Place> {
    Some(Place { file: "scenarios/quick.rhai".into(), line, column: 5 })
}

pub(crate) fn planned(name: &str, labels: &[(&str, &str)], probe: &str) -> PlannedStep {
    let args = BTreeMap::from([("size".to_owned(), ArgValue::Number(Quantity::bytes(4096.0)))]);
    PlannedStep {
        name: name.into(),
        labels: labels.iter().copied().collect(),
        work: Work::Probe { id: probe.into(), args: Args(args) },
        rounds: Rounds::Adaptive { min: 5, max: 30, until: 0.02 },
        warmup: Warmup::Detect,
        isolate: false,
        timeout: 60.0,
        budget: None,
        method: 2,
        estimate: 1.0,
    }
}

/// Rounds whose samples lie around `centre`: three a round, each round shifted by its own share.
pub(crate) fn measurement(def: MetricDef, labels: &[(&str, &str)], centre: f64, shifts: &[f64]) -> Measurement {
    measured(def.metric(), labels, centre, shifts)
}

pub(crate) fn measured(metric: Metric, labels: &[(&str, &str)], centre: f64, shifts: &[f64]) -> Measurement {
    let rounds = shifts.iter().zip(0..).map(|(shift, number)| Round {
        number,
        attempt: 0,
        at: 1.5 + 4.0 * f64::from(number),
        seconds: 0.75,
        taints: vec![],
        superseded: false,
        values: [0.998, 1.0, 1.004].iter().map(|within| centre * (1.0 + shift) * within).collect(),
        histogram: None,
    });
    Measurement { metric, labels: labels.iter().copied().collect(), rounds: rounds.collect() }
}

pub(crate) fn step(plan: PlannedStep, measurements: Vec<Measurement>) -> StepRecord {
    StepRecord { plan, outcome: Some(Outcome::Measured), stop: Some(StopReason::Narrow), measurements, windows: vec![] }
}

const FIVE: [f64; 5] = [-0.012, 0.004, 0.0, 0.009, -0.003];

fn steps() -> Vec<StepRecord> {
    let mut steps = vec![step(
        planned("cpu.primes", &[], "cpu.primes"),
        vec![measurement(TIME, &[], 0.0123, &FIVE), measurement(COUNT, &[], 148_933.0, &[0.0; 5]).exact()],
    )];
    for (threads, rate) in [("1", 10.3e9), ("2", 19.8e9)] {
        steps.push(step(
            planned("memory.stream", &[("threads", threads)], "memory.stream"),
            vec![measurement(RATE, &[], rate, &FIVE)],
        ));
    }
    for (block, base) in [("4 KiB", 81e-6), ("64 KiB", 142e-6), ("1 MiB", 910e-6)] {
        for (depth, factor) in [("1", 1.0), ("32", 7.7)] {
            let mut one = step(
                planned("disk.randread", &[("block", block), ("depth", depth)], "storage.randread"),
                vec![measurement(LATENCY, &[], base * factor, &FIVE), measurement(IOPS, &[], 1.0 / base, &FIVE)],
            );
            if (block, depth) == ("1 MiB", "32") {
                one.measurements.clear();
                one.outcome =
                    Some(Outcome::Failed(Failure::new(FailureKind::Timeout, "a round took longer than 60 s")));
            }
            if (block, depth) == ("64 KiB", "32") {
                for measurement in &mut one.measurements {
                    measurement.rounds[1].taints = vec![Taint::PressureIo { share: 0.31 }];
                }
            }
            steps.push(one);
        }
    }
    for (case, centre) in [("old", 0.1052), ("new", 0.1013)] {
        steps.push(step(
            planned("grep.count", &[("case", case)], "tool.command"),
            vec![measurement(TIME, &[], centre, &FIVE), measurement(MEMORY, &[], 4.2e6, &[0.0; 5])],
        ));
    }
    let mut curve: Vec<Measurement> = vec![measurement(SIZE, &[], 33_554_432.0, &[0.0, 0.0, 0.0]).exact()];
    // Out of order on purpose: a probe may walk its sizes at random.
    for power in (12..=28_u32).rev() {
        let size = Quantity::bytes(f64::from(1_u32 << power)).to_string();
        let latency = match power {
            12..=15 => 1.05e-9,
            16..=20 => 3.6e-9,
            21..=24 => 14.2e-9,
            _ => 92e-9,
        };
        curve.push(measurement(LATENCY, &[("size", &size)], latency, &FIVE));
    }
    steps.push(step(planned("cache.latency", &[], "cache.latency"), curve));
    let mut fsync =
        step(planned("storage.fsync", &[], "storage.fsync"), vec![measurement(LATENCY, &[], 7.2e-3, &FIVE)]);
    let rounds = &mut fsync.measurements[0].rounds;
    rounds[2].taints = vec![Taint::Steal { share: 0.032 }, Taint::Preempted { n: 260 }];
    rounds[2].superseded = true;
    let again =
        Round { attempt: 1, superseded: false, taints: vec![Taint::Steal { share: 0.081 }], ..rounds[2].clone() };
    rounds.push(again);
    fsync.stop = Some(StopReason::Budget);
    steps.push(fsync);
    let mut gpu = step(planned("gpu.copy", &[], "gpu.copy"), vec![]);
    gpu.stop = None;
    gpu.outcome = Some(Outcome::Skipped(Skip::new(
        SkipKind::Hardware,
        "no Vulkan device was found",
        "install the driver of your GPU; `engine doctor` shows what is missing",
    )));
    steps.push(gpu);
    let mut parse = step(planned("parse", &[], "custom"), vec![]);
    parse.plan.work = Work::Custom { index: 0, metrics: vec!["parse".into()] };
    parse.plan.method = 0;
    parse.stop = None;
    let failure = Failure {
        place: place(31),
        ..Failure::new(FailureKind::Script, "unknown property `nmae`, did you mean `name`?")
    };
    parse.outcome = Some(Outcome::Failed(failure));
    steps.push(parse);
    steps
}

trait Exact {
    fn exact(self) -> Self;
}

impl Exact for Measurement {
    /// All samples equal.
    fn exact(mut self) -> Self {
        for round in &mut self.rounds {
            let value = round.values[1];
            round.values.fill(value);
        }
        self
    }
}

fn environment() -> Environment {
    let mut environment = Environment::default();
    environment.cpu.model = Fact::Known("AMD EPYC 7R13 Processor".into());
    environment.cpu.logical_cpus = Fact::Known(4);
    environment.cpu.allowed_count = Fact::Known(2);
    environment.memory.total_bytes = Fact::Known(16_700_000_000);
    environment.os.kernel = Fact::Known("6.1.0-37-amd64".into());
    environment.os.distribution = Fact::Known("Debian GNU/Linux 12".into());
    environment.virtualization.hypervisor = Fact::Known(Some("KVM".into()));
    environment.virtualization.container = Fact::Known(None);
    environment.cpu.governor = Fact::unknown("no `/sys/devices/system/cpu/cpufreq`");
    environment.binary.profile = Fact::Known("release".into());
    environment.binary.sha256 = Fact::Known("9f86d081884c7d659a2feaa0c55ad015".into());
    environment
}

pub(crate) fn header(name: &str, steps: &[StepRecord]) -> RunHeader {
    let mut declarations: Vec<Declaration> = Vec::new();
    for step in steps {
        if !declarations.iter().any(|declaration| declaration.name == step.plan.name) {
            let reference = (step.plan.name == "grep.count").then(|| "old".to_owned());
            declarations.push(Declaration {
                name: step.plan.name.clone(),
                expect: vec![ExpectText { text: "median < 50 ms".into(), place: place(5) }],
                reference,
                tags: vec![],
                place: place(5),
            });
        }
    }
    RunHeader {
        id: RunId("01k9x8y7z6abcdefghjkmnpqrs".into()),
        engine: "0.1.0".into(),
        scenario: ScenarioRef { name: name.into(), source: "scenarios/quick.rhai".into(), hash: "ab".repeat(32) },
        started: STARTED,
        code: CodeUnderTest {
            root: Fact::Known("/src/shop".into()),
            commit: Fact::Known("1a2b3c4d5e6f708192a3b4c5d6e7f80910111213".into()),
            branch: Fact::Known("main".into()),
            dirty: Fact::Known(true),
            committed_at: Fact::Known(1_795_400_000),
            source: CodeSource::Git,
        },
        machine: "m-5f2c9a81".into(),
        tags: BTreeMap::from([("runner".to_owned(), "ci-3".to_owned())]),
        environment: environment(),
        plan: Plan {
            suite: name.into(),
            title: "Is this machine healthy? Five minutes, safe on a busy laptop.".into(),
            seed: 7,
            profile: Profile::Default,
            budget: Some(300.0),
            declarations,
            steps: steps.iter().map(|step| step.plan.clone()).collect(),
            params: Labels::new().with("limit", "2000000"),
            ..Plan::default()
        },
        machine_profile: None,
    }
}

fn judged(
    step: &str,
    text: &str,
    judgement: Judgement,
    unit: Unit,
    found: [f64; 3],
    limit: f64,
    reason: &str,
) -> Judged {
    let [value, low, high] = found;
    Judged {
        step: step.into(),
        text: text.into(),
        severity: if text.contains("@warn") { Severity::Warn } else { Severity::Fail },
        judgement,
        series: format!("{step}.time"),
        observed: Some(Estimate {
            value,
            interval: Some(Interval { low, high }),
            rounds: 5,
            samples: 15,
            above: false,
        }),
        limit: Some(limit),
        unit,
        reason: reason.into(),
        place: place(6),
    }
}

/// A run with everything that can happen to a step.
pub(crate) fn run() -> RunRecord {
    let steps = steps();
    let header = header("quick", &steps);
    let host = (0..60).map(|second| HostSample {
        at: f64::from(second),
        cpu: 0.3 + 0.01 * f64::from(second),
        memory_used: 6 << 30,
        frequency: Some(3.5e9),
        power: Some(60.0 + f64::from(second)),
        memory_total: 16 << 30,
        cost: 0.0011,
        ..HostSample::default()
    });
    let mut missing = judged(
        "parse",
        "parse.p99 < 2 ms",
        Judgement::Fail,
        Unit::Seconds,
        [0.0; 3],
        2e-3,
        "the step failed, so there is no sample",
    );
    missing.observed = None;
    RunRecord {
        state: RunState::Complete,
        validity: Validity {
            level: ValidityLevel::Degraded,
            reasons: vec!["3 of 67 rounds that count were disturbed by the hypervisor".into()],
        },
        duration: 192.4,
        faults: vec![],
        judged: vec![
            judged(
                "cpu.primes",
                "median < 50 ms",
                Judgement::Pass,
                Unit::Seconds,
                [0.0123, 0.0122, 0.0124],
                0.05,
                "the whole interval is inside",
            ),
            judged(
                "storage.fsync",
                "latency.p99 < 5 ms @warn",
                Judgement::Fail,
                Unit::Seconds,
                [7.2e-3, 7.1e-3, 7.4e-3],
                5e-3,
                "the whole interval is outside",
            ),
            judged(
                "memory.stream",
                "rate > 10 GB/s",
                Judgement::Unsure,
                Unit::BytesPerSecond,
                [10.3e9, 9.9e9, 10.7e9],
                10e9,
                "the interval lies on both sides of the limit",
            ),
            judged(
                "grep.count",
                "time <= 1.02 * reference",
                Judgement::Pass,
                Unit::Ratio,
                [0.963, 0.955, 0.97],
                1.02,
                "the whole interval is inside",
            ),
            missing,
        ],
        host: host.collect(),
        notes: vec![
            Note {
                level: NoteLevel::Warning,
                step: None,
                message: "`memory_gb = 32` is configured, 15.6 GiB were found".into(),
                place: None,
                at: None,
            },
            Note {
                level: NoteLevel::Info,
                step: Some("finish".into()),
                message: "bytes per prime second: 1.2e8".into(),
                place: place(40),
                at: Some(12.5),
            },
        ],
        after: None,
        sequence: 400,
        steps,
        header,
    }
}

pub(crate) fn cases() -> Vec<CaseRatio> {
    vec![CaseRatio {
        step: "grep.count".into(),
        metric: TIME.metric(),
        case: "new".into(),
        reference: "old".into(),
        labels: Labels::new(),
        change: Some(Change { ratio: 0.963, interval: Some(Interval { low: 0.955, high: 0.97 }) }),
        verdict: Verdict::Better,
        reason: "the whole interval is below 0.98".into(),
    }]
}

pub(crate) fn health() -> Health {
    let row = |name: &str, observed, limit, unit, verdict, reason: &str| HealthRow {
        name: name.into(),
        observed,
        limit,
        unit,
        verdict,
        reason: reason.into(),
    };
    Health::of(vec![
        row("CPU", Some(0.594), 0.8, Unit::Ratio, HealthVerdict::Healthy, "median over the run"),
        row(
            "memory",
            Some(0.812),
            0.75,
            Unit::Ratio,
            HealthVerdict::Warning,
            "at most 81.2 % were in use, the limit is 75 %",
        ),
        row("latency", None, 1.0, Unit::Seconds, HealthVerdict::Unknown, "no step measured it"),
    ])
}

pub(crate) fn exit() -> Exit {
    Exit {
        code: 10,
        causes: vec![
            Cause { code: 10, reason: "1 expectation failed".into() },
            Cause { code: 12, reason: "1 expectation is unsure".into() },
        ],
    }
}

/// A run that was killed after its second step.
pub(crate) fn partial() -> RunRecord {
    let mut record = run();
    record.state = RunState::Partial;
    record.validity = Validity::default();
    record.judged.clear();
    record.host.clear();
    for step in record.steps.iter_mut().skip(2) {
        step.outcome = None;
        step.stop = None;
        step.measurements.clear();
    }
    record
}

pub(crate) fn estimate(value: f64, half: f64) -> Estimate {
    let interval = Some(Interval { low: value * (1.0 - half), high: value * (1.0 + half) });
    Estimate { value, interval, rounds: 10, samples: 100, above: false }
}

pub(crate) fn comparison() -> Comparison {
    let one = |step: &str, def: MetricDef, old: f64, new: f64, spread: f64, verdict, rounds_needed| SeriesVerdict {
        id: SeriesId { step: step.into(), metric: def.id.into(), labels: Labels::new() },
        metric: def.metric(),
        old: estimate(old, spread),
        new: estimate(new, spread),
        change: Some(Change {
            ratio: new / old,
            interval: Some(Interval { low: new / old * (1.0 - 2.0 * spread), high: new / old * (1.0 + 2.0 * spread) }),
        }),
        verdict,
        reason: match verdict {
            Verdict::Worse => "the whole interval lies beyond the smallest change that counts",
            Verdict::Inconclusive => "the interval reaches from better to worse",
            _ => "as it is",
        }
        .into(),
        rounds_needed,
        p: None,
        adjusted_p: None,
        apart: None,
        shape: vec![],
        explained_by: None,
    };
    let side = |id: &str, started: i64, code: &str| Side {
        run: RunId(id.into()),
        scenario: "quick".into(),
        started: Timestamp(started),
        code: Some(code.into()),
        machine: "m-5f2c9a81".into(),
        others: vec![],
    };
    let difference = |field: &str, a: &str, b: &str, severity| Difference {
        field: field.into(),
        a: a.into(),
        b: b.into(),
        severity,
    };
    Comparison {
        old: side("01k9x8y7z6abcdefghjkmnpqrs", STARTED.0 - 86_400_000_000, "1a2b3c4d5e6f"),
        new: side("01k9zzzzzzabcdefghjkmnpqrs", STARTED.0, "77aa88bb99cc+"),
        threshold: 0.02,
        differences: vec![
            difference("os.kernel", "6.1.0-37-amd64", "6.1.0-38-amd64", Class::Note),
            difference("cpu.governor", "performance", "powersave", Class::Unlike),
        ],
        refusals: vec![Refusal {
            subject: Some("storage.fsync".into()),
            reason: "its method changed from version 1 to 2".into(),
            remedy: "run the older commit again with this engine".into(),
        }],
        series: vec![
            one("cpu.primes", TIME, 0.0123, 0.01231, 0.004, Verdict::Equivalent, None),
            one("memory.stream", RATE, 10.3e9, 9.4e9, 0.006, Verdict::Worse, None),
            one("tool.spawn", TIME, 1.1e-3, 1.14e-3, 0.06, Verdict::Inconclusive, Some(64)),
            one("cache", LATENCY, 92e-9, 81e-9, 0.01, Verdict::Better, None),
        ],
        only_old: vec![SeriesId { step: "gone".into(), metric: "time".into(), labels: Labels::new() }],
        only_new: vec![],
    }
}
