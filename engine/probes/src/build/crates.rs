//! `build.crates`: how long each crate of a build takes.
//!
//! Method: `cargo build --timings --offline` into an empty target folder. The times are cargo's own, from the report that
//! it writes; stable cargo gives them in no other form. `time` is a crate's whole compilation; `frontend` the part until
//! its types are known, when those that only need types can begin; `codegen` the rest. What stands behind `crate` is the
//! package, with what of it was built when that is not its library. The critical path is the longest chain of crates of
//! which each was the last that the next one waited for.
//!
//! What would make the number wrong: crates that are compiled at the same time slow each other down, so times are those
//! of this build and not of a crate alone (`jobs: 1` gives them one after the other); cargo writes hundredths of a
//! second.

use engine_core::args::Args;
use engine_core::metric::MetricDef;
use engine_core::probe::{OwnNoise, ParamDef, ParamKind, ProbeInfo, RoundProcess};
use engine_core::series::Labels;
use engine_core::unit::Unit;

use super::job::Job;
use super::metrics::{CPU, WALL};
use super::options::{KIND, Kind, params};
use super::timings::{self, critical_path};
use crate::{Context, Probe, ProbeError};

const SLOWEST: ParamDef = ParamDef {
    name: "slowest",
    kind: ParamKind::Count { min: 1, max: 1000 },
    default: Some("40"),
    tiny: None,
    doc: "how many crates are recorded by name; the others together",
};

const TIME: MetricDef = MetricDef::cost("time", Unit::Seconds, "compilation of one crate");
const FRONTEND: MetricDef = MetricDef::cost("frontend", Unit::Seconds, "the part of it until its types are known");
const CODEGEN: MetricDef = MetricDef::cost("codegen", Unit::Seconds, "the rest of it");
const CRITICAL_PATH: MetricDef =
    MetricDef::cost("critical_path", Unit::Seconds, "longest chain of crates that waited for one another");
const UNITS: MetricDef = MetricDef::fact("units", Unit::Count, "crates, programs and build scripts");

/// The probe.
pub static PROBE: Probe = Probe {
    info: &ProbeInfo {
        id: "build.crates",
        summary: "How long each crate of a build takes, and which chain of them is the longest.",
        method: 1,
        about: "`cargo build --timings --offline` into an empty target folder; the times are cargo's own, from the data \
                in its report. The times of crates are wrong as costs of a crate alone when several are compiled at \
                once (`jobs: 1`); cargo gives them in hundredths of a second.",
        params: params![KIND, SLOWEST],
        metrics: &[WALL, CPU, TIME, FRONTEND, CODEGEN, CRITICAL_PATH, UNITS],
        round_seconds: 2.0,
        process: RoundProcess::Starts,
        noise: OwnNoise::Crowd,
    },
    run,
};

fn run(args: &Args, cx: &mut Context<'_>) -> Result<(), ProbeError> {
    let job = Job::new(args, Kind::of(args), cx)?;
    let place = job.place()?;
    let mut call = job.build_call(place.path());
    call.arguments.push("--timings".into());
    let built = job.build_by(&call, cx)?;
    let report = place.path().join("cargo-timings/cargo-timing.html");
    let page = std::fs::read_to_string(&report)
        .map_err(|error| ProbeError::failed(format!("cargo wrote no report of timings: {error}")))?;
    let mut units = timings::units(&page).map_err(|error| ProbeError::failed(error.to_string()))?;
    // A build script's run is a unit without an artifact.
    let compiled = units.iter().filter(|unit| unit.mode != "run-custom-build").count();
    if compiled != built.messages.compiled() {
        let said = built.messages.compiled();
        return Err(ProbeError::verification(format!("cargo compiled {said} crates and reports times of {compiled}")));
    }

    cx.record(&WALL, built.cost.wall);
    cx.record(&CPU, built.cost.user + built.cost.system);
    cx.record(&CRITICAL_PATH, critical_path(&units));
    cx.record(&UNITS, units.len() as f64);
    units.sort_by(|a, b| b.duration.total_cmp(&a.duration).then_with(|| a.name.cmp(&b.name)));
    let named = units.len().min(args.whole(SLOWEST.name) as usize);
    let labels: Vec<String> = units.iter().map(timings::Unit::label).collect();
    for (unit, label) in units.iter().zip(&labels).take(named) {
        let twice = labels.iter().filter(|other| *other == label).count() > 1;
        let name = if twice { format!("{label} {}", unit.version) } else { label.clone() };
        let labels = Labels::new().with("crate", name);
        cx.record_at(&TIME, labels.clone(), unit.duration);
        if let Some(types) = unit.types() {
            cx.record_at(&FRONTEND, labels.clone(), types);
            cx.record_at(&CODEGEN, labels, (unit.duration - types).max(0.0));
        }
    }
    if named < units.len() {
        let rest = units[named..].iter().map(|unit| unit.duration).sum();
        cx.record_at(&TIME, Labels::new().with("crate", format!("{} others", units.len() - named)), rest);
    }
    Ok(())
}
