use super::*;
use crate::args::{ArgValue, Args};
use crate::environment::{Cache, Dimm, Environment, Gpu, L3Group};
use crate::fact::Fact;
use crate::measurement::{Measurement, Round};
use crate::metric::MetricDef;
use crate::plan::{Plan, PlannedStep, Profile, Rounds, Warmup, Work};
use crate::run::{RunHeader, RunId, RunRecord, ScenarioRef, StepRecord, Timestamp};
use crate::series::Labels;
use crate::unit::Unit;

const RATE: MetricDef = MetricDef::rate("rate", Unit::BytesPerSecond, "");
const FLOPS: MetricDef = MetricDef::rate("rate", Unit::FlopsPerSecond, "");
const SIZE: MetricDef = MetricDef::fact("l3_size", Unit::Bytes, "");

fn step(name: &str, probe: &str, options: &[(&str, ArgValue)], def: MetricDef, value: f64) -> StepRecord {
    let args = Args(options.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect());
    let plan = PlannedStep {
        name: name.into(),
        labels: Labels::new(),
        work: Work::Probe { id: probe.into(), args },
        rounds: Rounds::Exact(5),
        warmup: Warmup::Detect,
        isolate: false,
        timeout: 1.0,
        budget: None,
        method: 1,
        estimate: 1.0,
    };
    let rounds = (0..6).map(|number| Round {
        number,
        attempt: 0,
        at: 0.0,
        seconds: 1.0,
        taints: vec![],
        superseded: false,
        values: vec![value],
        histogram: None,
    });
    let measurement = Measurement { metric: def.metric(), labels: Labels::new(), rounds: rounds.collect() };
    StepRecord { plan, outcome: None, stop: None, measurements: vec![measurement], windows: vec![] }
}

fn run(environment: Environment, profile: Option<ChosenProfile>, steps: Vec<StepRecord>) -> RunRecord {
    let mut record = RunRecord::new(RunHeader {
        id: RunId::new(Timestamp(1), 1),
        engine: "0".into(),
        scenario: ScenarioRef::default(),
        started: Timestamp(1),
        code: Default::default(),
        machine: "m".into(),
        tags: Default::default(),
        environment,
        plan: Plan::default(),
        machine_profile: profile,
    });
    record.steps = steps;
    record
}

/// Two modules of DDR5-6000 on two channels, and 96 MiB of last-level cache beneath eight cores.
fn desktop() -> Environment {
    let mut env = Environment::default();
    env.cpu.model = Fact::Known("AMD Ryzen 7 7800X3D 8-Core Processor".into());
    env.cpu.physical_cores = Fact::Known(8);
    env.cpu.logical_cpus = Fact::Known(16);
    env.cpu.l3_groups = Fact::Known(vec![L3Group { cpus: "0-15".into(), size_bytes: 96 << 20 }]);
    env.cpu.caches = Fact::Known(vec![Cache {
        name: "L3".into(),
        size_bytes: 96 << 20,
        line_bytes: Some(64),
        ways: Some(16),
        shared_cpu_lists: vec!["0-15".into()],
    }]);
    let dimm = |bank: &str| Dimm {
        locator: "DIMM 1".into(),
        bank: bank.into(),
        size_bytes: 16 << 30,
        speed_mts: Some(6000),
        technology: "DDR5".into(),
    };
    env.memory.total_bytes = Fact::Known(32_564_000 << 10);
    env.memory.dimms = Fact::Known(vec![dimm("P0 CHANNEL A"), dimm("P0 CHANNEL B")]);
    env.memory.channels = Fact::Known(2);
    let gpu = Gpu {
        name: "AMD 0x744c".into(),
        driver: Some("amdgpu".into()),
        driver_version: None,
        memory_bytes: Some(21_458_059_264),
    };
    env.gpus = Fact::Known(vec![gpu]);
    env
}

fn figure(subject: &str, value: &str, kind: FigureKind) -> Figure {
    Figure { subject: subject.parse().unwrap(), value: value.parse().unwrap(), kind, source: "test".into() }
}

fn profile() -> MachineProfile {
    MachineProfile {
        name: "desk".into(),
        description: String::new(),
        requires: Requirements {
            cpu: Some("*7800X3D*".into()),
            cores: Some(8),
            threads: Some(16),
            l3: Some(f64::from(96 << 20)),
            memory: MemoryMatch { size: Some(32e9), speed: Some(6000), channels: Some(2) },
            gpu: GpuMatch {
                name: vec!["*7900 XT".into(), "amd 0x744c".into()],
                memory: Some(f64::from(20 << 10) * 1048576.0),
            },
            storage: StorageMatch::default(),
        },
        figures: vec![
            figure("memory.stream.rate", "96 GB/s", FigureKind::Ceiling),
            figure("memory.stream.rate{kernel=triad,threads=all}", "64 GB/s", FigureKind::Typical),
            figure("gpu.copy.rate", "800 GB/s", FigureKind::Ceiling),
        ],
    }
}

fn all(kernel: &str) -> Vec<(&'static str, ArgValue)> {
    vec![("kernel", ArgValue::Text(kernel.into())), ("threads", ArgValue::Text("all".into()))]
}

fn value<'a>(expected: &'a Expected, series: &str) -> Option<&'a ExpectedValue> {
    expected.values.iter().find(|(id, _)| id.to_string() == series).map(|(_, value)| value)
}

#[test]
fn a_subject_reads_as_it_is_written_and_refuses_the_rest() {
    for text in
        ["memory.stream.rate", "memory.stream.rate{kernel=triad,threads=all}", "cache.latency.curve{size=4 KiB}"]
    {
        assert_eq!(text.parse::<Subject>().unwrap().to_string(), text);
    }
    for bad in ["", "rate", "memory.rate", "a.b.c{", "a.b.c{x}", "a.b.c{x=1,x=2}", "a b.c.d", "a.b.c.d", "a.b.c{x=}"] {
        let error = bad.parse::<Subject>().unwrap_err().to_string();
        assert!(error.contains("memory.stream.rate{kernel=triad}"), "{bad}: {error}");
    }
    let figure = figure("memory.stream.rate", "96 GB/s", FigureKind::Ceiling);
    let clocked = declared(&Environment {
        cpu: crate::environment::Cpu { max_mhz: Fact::Known(5050.0), ..Default::default() },
        ..Environment::default()
    });
    assert_eq!((clocked[0].subject.to_string().as_str(), clocked[0].value.value), ("cpu.clock.clock", 5.05e9));
    let json = serde_json::to_string(&figure).unwrap();
    assert_eq!(serde_json::from_str::<Figure>(&json).unwrap(), figure);
}

#[test]
fn a_profile_is_recognised_by_the_processor_alone() {
    let fit = profile().fit(&desktop());
    assert!(fit.is_recognised() && fit.differs.is_empty() && fit.unread.is_empty(), "{fit:?}");
    assert_eq!(fit.agreed, 8);
    let mut other = desktop();
    other.cpu.model = Fact::Known("AMD Ryzen 7 7700X 8-Core Processor".into());
    assert!(!profile().fit(&other).is_recognised());
    let mut fewer = desktop();
    fewer.cpu.logical_cpus = Fact::Known(4);
    assert!(!profile().fit(&fewer).is_recognised(), "a virtual machine with a part of it is another machine");
    let unread = Environment::default();
    assert!(!profile().fit(&unread).is_recognised(), "what is not known is not recognised");
}

#[test]
fn figures_about_another_part_are_left_out_unless_the_profile_was_named() {
    let mut env = desktop();
    env.memory.channels = Fact::Known(1);
    env.gpus = Fact::unknown("no `/sys/class`");
    let chosen = profile().chosen(&env, false);
    let subjects: Vec<String> = chosen.figures.iter().map(|figure| figure.subject.to_string()).collect();
    assert_eq!(subjects, ["gpu.copy.rate"]);
    assert_eq!(
        chosen.remarks,
        [
            "figures about the memory are left out: the number of memory channels is 1, the profile is for 2",
            "figures about the GPU are taken as they are: the GPU is not known: no `/sys/class`",
        ]
    );
    let named = profile().chosen(&env, true);
    assert_eq!(named.figures.len(), 3);
    assert!(named.remarks[0].starts_with("the number of memory channels is 1"), "{:?}", named.remarks);
    // The larger card of the same chip is another card.
    let mut larger = desktop();
    if let Fact::Known(gpus) = &mut larger.gpus {
        gpus[0].memory_bytes = Some(24 << 30);
    }
    assert!(profile().fit(&larger).differs.iter().any(|(part, _)| *part == Part::Gpu));
}

#[test]
fn the_profile_goes_before_the_machine_and_the_machine_before_the_run() {
    let steps = || {
        vec![
            step("a", "memory.stream", &all("triad"), RATE, 60e9),
            step("b", "memory.stream", &all("copy"), RATE, 55e9),
            step("c", "cache.latency", &[], SIZE, 95e6),
        ]
    };
    let chosen = profile().chosen(&desktop(), false);
    let expected = of_run(&run(desktop(), Some(chosen), steps()));
    let triad = value(&expected, "a.rate").unwrap();
    assert_eq!(
        (triad.value, triad.kind, triad.origin.clone()),
        (64e9, FigureKind::Typical, Origin::Profile("desk".into()))
    );
    assert_eq!(value(&expected, "b.rate").unwrap().value, 96e9);
    assert_eq!(value(&expected, "c.l3_size").unwrap().origin, Origin::Declared);
    assert!(expected.above.is_empty());

    let declared = of_run(&run(desktop(), None, steps()));
    let triad = value(&declared, "a.rate").unwrap();
    assert_eq!((triad.value, triad.origin.clone()), (96e9, Origin::Declared));
    assert_eq!(triad.source, "2 x 6000 MT/s x 8 B by the memory modules");

    let bare = of_run(&run(Environment::default(), None, steps()));
    let copy = value(&bare, "b.rate").unwrap();
    assert_eq!((copy.value, copy.origin.clone()), (60e9, Origin::Measured));
    assert!(copy.source.ends_with("a.rate"), "{}", copy.source);
    assert_eq!(value(&bare, "c.l3_size"), None);
    assert!(bare.absence.contains("--machine NAME"));
}

#[test]
fn the_cores_can_reach_what_one_of_them_does_as_often() {
    let threads = |threads: ArgValue| vec![("threads", threads)];
    let one = step("f", "cpu.fma", &threads(ArgValue::Number(crate::quantity::Quantity::number(1.0))), FLOPS, 80e9);
    let many = step("g", "cpu.fma", &threads(ArgValue::Text("all".into())), FLOPS, 600e9);
    let expected = of_run(&run(desktop(), None, vec![one.clone(), many.clone()]));
    assert_eq!(value(&expected, "g.rate").unwrap().value, 640e9);
    assert_eq!(value(&expected, "f.rate"), None);
    assert_eq!(value(&of_run(&run(desktop(), None, vec![many])), "g.rate"), None);
}

#[test]
fn what_lies_beyond_a_ceiling_is_told() {
    let chosen = profile().chosen(&desktop(), false);
    let above = |rate: f64, size: f64| {
        let mut options = all("copy");
        options.push(("size", ArgValue::Number(crate::quantity::Quantity::bytes(size))));
        let steps = vec![step("a", "memory.stream", &options, RATE, rate)];
        let record = run(desktop(), Some(chosen.clone()), steps);
        let mut tiny = record.clone();
        tiny.header.plan.profile = Profile::Tiny;
        assert!(of_run(&tiny).above.is_empty());
        let found = of_run(&record);
        (found.above.len(), found.values.len())
    };
    assert_eq!(above(97e9, 1e9), (0, 1), "within two percent");
    assert_eq!(above(120e9, 1e9), (1, 1));
    assert_eq!(above(900e9, 1e6), (0, 0), "an array in the caches never crosses the bus");
    assert_eq!(above(120e9, 268_435_456.0), (1, 1), "the default grows with the caches");
    // Another card is not the card either, where the figure names it.
    let mut other = step("s", "gpu.copy", &[], RATE, 300e9);
    other.measurements[0].labels = Labels::new().with("device", "AMD Radeon RX 7900 XT (RADV NAVI31)");
    let named = figure("gpu.copy.rate{device=*rx 7900 xt*}", "800 GB/s", FigureKind::Ceiling);
    assert!(named.subject.fits(&other.plan, &other.measurements[0]));
    other.measurements[0].labels = Labels::new().with("device", "AMD Radeon Graphics (RADV RAPHAEL_MENDOCINO)");
    assert!(!named.subject.fits(&other.plan, &other.measurements[0]));
    // A software adapter is not the card.
    let mut soft = step("s", "gpu.copy", &[], RATE, 900e9);
    soft.measurements[0].labels = Labels::new().with("software", "true");
    assert_eq!(
        of_run(&run(desktop(), Some(chosen), vec![soft])),
        Expected {
            absence: "the machine profile `desk` has no figure for it, and nothing else gives one".into(),
            ..Expected::default()
        }
    );
}

#[test]
fn unlike_caches_of_a_hybrid_declare_nothing() {
    let mut env = desktop();
    let cache =
        |bytes| Cache { name: "L2".into(), size_bytes: bytes, line_bytes: None, ways: None, shared_cpu_lists: vec![] };
    env.cpu.caches = Fact::Known(vec![cache(1 << 20), cache(2 << 20)]);
    assert!(declared(&env).iter().all(|figure| figure.subject.probe != "cache.latency"));
}

#[test]
fn a_share_is_of_what_is_good() {
    assert_eq!(share(crate::metric::Goal::Higher, 48.0, 96.0), Some(0.5));
    assert_eq!(share(crate::metric::Goal::Lower, 2.0, 1.0), Some(0.5));
    assert_eq!(share(crate::metric::Goal::Lower, 0.0, 1.0), None);
}

#[test]
fn globs() {
    for (pattern, text, fits) in [
        ("*7800X3D*", "AMD Ryzen 7 7800x3d 8-Core", true),
        ("AMD*Core", "AMD Ryzen 7 8-Core", true),
        ("*7900 XT", "AMD Radeon RX 7900 XTX", false),
        ("a*a", "a", false),
        ("", "", true),
        ("a", "ab", false),
        ("*", "anything", true),
    ] {
        assert_eq!(glob(pattern, text), fits, "{pattern} {text}");
    }
}

#[test]
fn a_header_of_an_earlier_version_has_no_profile() {
    let mut json = serde_json::to_value(run(desktop(), None, vec![]).header).unwrap();
    assert_eq!(json.as_object_mut().unwrap().remove("machine_profile"), None, "none is not written");
    let read: RunHeader = serde_json::from_value(json).unwrap();
    assert_eq!(read.machine_profile, None);
}
