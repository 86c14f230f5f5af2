//! Fake probes, a fake session, and the few functions through which all tests look at a scenario.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use engine_core::args::Args;
use engine_core::event::NoteLevel;
use engine_core::measurement::Record;
use engine_core::metric::MetricDef;
use engine_core::plan::{Plan, Work};
use engine_core::probe::{OwnNoise, ParamDef, ParamKind, ProbeInfo, RoundProcess};
use engine_core::series::Labels;
use engine_core::step::{Place, Skip, SkipKind};
use engine_core::unit::Unit;
use engine_script::{Checked, HostFacts, Options, Permissions, Scenario, Source, check, load};
use engine_session::{CustomContext, ProbeError, Scripted};

const fn param(name: &'static str, kind: ParamKind, default: &'static str) -> ParamDef {
    ParamDef { name, kind, default: Some(default), tiny: None, doc: "" }
}

const fn probe(
    id: &'static str,
    params: &'static [ParamDef],
    metrics: &'static [MetricDef],
    process: RoundProcess,
) -> ProbeInfo {
    ProbeInfo {
        id,
        summary: "A fake.",
        method: 1,
        about: "",
        params,
        metrics,
        round_seconds: 1.0,
        process,
        noise: OwnNoise::Quiet,
    }
}

const LATENCY: MetricDef = MetricDef::cost("latency", Unit::Seconds, "");

pub(crate) static PRIMES: ProbeInfo = probe(
    "cpu.primes",
    &[ParamDef {
        name: "limit",
        kind: ParamKind::Count { min: 1, max: 1 << 40 },
        default: Some("1000000"),
        tiny: Some("10000"),
        doc: "primes below this",
    }],
    &[MetricDef::cost("time", Unit::Seconds, "")],
    RoundProcess::Engine,
);
pub(crate) static STREAM: ProbeInfo = probe(
    "memory.stream",
    &[
        param("kernel", ParamKind::Choice(&["copy", "scale", "add", "triad"]), "triad"),
        param("threads", ParamKind::Threads, "1"),
        param("size", ParamKind::Size { min: 65_536.0, max: 1e12 }, "256 MiB"),
        param("stores", ParamKind::Choice(&["plain", "stream"]), "plain"),
    ],
    &[MetricDef::rate("rate", Unit::BytesPerSecond, "")],
    RoundProcess::Engine,
);
pub(crate) static CACHE: ProbeInfo = probe(
    "cache.latency",
    &[],
    &[
        MetricDef::floor("latency", Unit::Seconds, ""),
        MetricDef::fact("l1_size", Unit::Bytes, ""),
        MetricDef::fact("l2_size", Unit::Bytes, ""),
        MetricDef::fact("l3_size", Unit::Bytes, ""),
    ],
    RoundProcess::Engine,
);
pub(crate) static FSYNC: ProbeInfo = probe("storage.fsync", &[], &[LATENCY], RoundProcess::Engine);
pub(crate) static SPAWN: ProbeInfo = probe("tool.spawn", &[], &[LATENCY], RoundProcess::Starts);
pub(crate) static COMMAND: ProbeInfo = probe(
    "tool.command",
    &[
        ParamDef { name: "command", kind: ParamKind::Command, default: None, tiny: None, doc: "program and arguments" },
        param("runs", ParamKind::Count { min: 1, max: 1_000_000 }, "10"),
    ],
    &[
        MetricDef::cost("wall", Unit::Seconds, ""),
        MetricDef::cost("user", Unit::Seconds, ""),
        MetricDef::cost("system", Unit::Seconds, ""),
        MetricDef::cost("peak_memory", Unit::Bytes, ""),
        MetricDef::fact("exit", Unit::Count, ""),
    ],
    RoundProcess::Starts,
);
pub(crate) static BUILD: ProbeInfo = probe(
    "build.debug",
    &[param("manifest", ParamKind::Manifest, "")],
    &[MetricDef::cost("wall", Unit::Seconds, "")],
    RoundProcess::Starts,
);
pub(crate) static SP_STEP: ProbeInfo = probe(
    "htm.sp_step",
    &[param("columns", ParamKind::Count { min: 1, max: 1 << 20 }, "2048")],
    &[LATENCY],
    RoundProcess::Engine,
);

/// Options with all fakes, two cores, and nothing allowed.
pub(crate) fn options() -> Options {
    let mut options = Options::new(vec![&PRIMES, &STREAM, &CACHE, &FSYNC, &SPAWN, &COMMAND, &BUILD, &SP_STEP]);
    options.facts =
        HostFacts { cores: 2, memory: 8 << 30, has: BTreeSet::from(["io_uring".to_owned()]), ..HostFacts::default() };
    options
}

/// Options that allow everything.
pub(crate) fn trusted() -> Options {
    Options { permissions: Permissions::all(), ..options() }
}

/// A scenario of a text.
pub(crate) fn text(script: &str) -> Source {
    Source::Text { name: "a.rhai".to_owned(), text: script.to_owned(), base: PathBuf::from(".") }
}

/// Checks a text with everything allowed.
pub(crate) fn look(script: &str) -> Checked {
    check(&text(script), &trusted())
}

/// The plan of a text that must be good.
#[track_caller]
pub(crate) fn plan(script: &str) -> Plan {
    plan_with(script, &trusted())
}

/// The plan of a text under these options.
#[track_caller]
pub(crate) fn plan_with(script: &str, options: &Options) -> Plan {
    let checked = check(&text(script), options);
    let told: Vec<String> = checked.diagnostics.iter().map(|d| d.render(false)).collect();
    checked.plan.unwrap_or_else(|| panic!("{}", told.join("\n")))
}

/// The first error: line, column, message. Nothing else may be wrong before it.
#[track_caller]
pub(crate) fn check_error(script: &str, line: usize, column: usize, message: &str) {
    let checked = look(script);
    assert!(checked.plan.is_none(), "accepted: {script}");
    let first = &checked.diagnostics[0];
    let got = (first.place.line, first.place.column, first.message.as_str());
    assert_eq!(got, (line, column, message), "\n{}", first.render(false));
    assert_eq!(first.place.file, "a.rhai");
}

/// The message of the only error.
#[track_caller]
pub(crate) fn only_error(script: &str) -> engine_script::Diagnostic {
    let checked = look(script);
    assert_eq!(checked.diagnostics.len(), 1, "{:#?}", checked.diagnostics);
    checked.diagnostics.into_iter().next().unwrap()
}

/// The options of a planned step.
#[track_caller]
pub(crate) fn args(plan: &Plan, step: usize) -> &Args {
    match &plan.steps[step].work {
        Work::Probe { args, .. } => args,
        other => panic!("{other:?}"),
    }
}

/// A session that keeps what script code does.
#[derive(Debug)]
pub(crate) struct FakeSession {
    pub(crate) records: Vec<Record>,
    pub(crate) notes: Vec<(NoteLevel, String, Option<Place>)>,
    pub(crate) measured: Vec<(String, Args)>,
    pub(crate) cancelled: bool,
    pub(crate) seconds: f64,
    pub(crate) seed: u64,
}

impl Default for FakeSession {
    fn default() -> Self {
        Self { records: Vec::new(), notes: Vec::new(), measured: Vec::new(), cancelled: false, seconds: 30.0, seed: 1 }
    }
}

impl FakeSession {
    /// The values recorded of a metric.
    pub(crate) fn values(&self, metric: &str) -> Vec<f64> {
        self.records.iter().filter(|r| r.metric.id == metric).flat_map(|r| r.values.clone()).collect()
    }

    /// All messages.
    pub(crate) fn said(&self) -> String {
        self.notes.iter().map(|(_, text, _)| text.as_str()).collect::<Vec<_>>().join("\n")
    }
}

impl CustomContext for FakeSession {
    fn record(&mut self, record: Record) {
        self.records.push(record);
    }

    fn measure(&mut self, probe: &str, args: &Args) -> Result<Vec<Record>, ProbeError> {
        self.measured.push((probe.to_owned(), args.clone()));
        let metric = |def: &MetricDef, values: Vec<f64>| Record {
            metric: def.metric(),
            labels: Labels::new(),
            values,
            histogram: None,
        };
        match probe {
            "memory.stream" => Ok(vec![metric(&STREAM.metrics[0], vec![1e9, 2e9])]),
            "htm.sp_step" => Ok(vec![metric(&LATENCY, vec![0.001])]),
            "storage.fsync" => Err(Skip::new(SkipKind::Hardware, "there is no disk", "plug one in").into()),
            _ => Err(ProbeError::failed("broken")),
        }
    }

    fn note(&mut self, level: NoteLevel, message: &str, place: Option<Place>) {
        self.notes.push((level, message.to_owned(), place));
    }

    fn cancelled(&self) -> bool {
        self.cancelled
    }

    fn seed(&self) -> u64 {
        self.seed
    }

    fn deadline(&self) -> Instant {
        Instant::now() + Duration::from_secs_f64(self.seconds)
    }
}

/// A loaded scenario.
#[track_caller]
pub(crate) fn loaded(script: &str) -> Scenario {
    load(&text(script), trusted())
        .unwrap_or_else(|errors| panic!("{}", errors.iter().map(|d| d.render(false)).collect::<String>()))
}

/// Runs round one of the first custom step.
#[track_caller]
pub(crate) fn run_custom(script: &str) -> (FakeSession, Result<(), ProbeError>) {
    let mut scenario = loaded(script);
    let mut session = FakeSession::default();
    let point = scenario.plan().steps[0].labels.clone();
    let result = scenario.custom(0, &point, &mut session);
    (session, result)
}

/// Runs round one of the first custom step, which must succeed.
#[track_caller]
pub(crate) fn good_custom(script: &str) -> FakeSession {
    let (session, result) = run_custom(script);
    result.unwrap_or_else(|error| panic!("{error} {error:?}"));
    session
}
