//! fio's JSON: for each job and direction bandwidth, operations a second, latency and its percentiles.
//!
//! `latency` is what the application waits (`lat`); `completion` is without submission (`clat`), of which fio gives the
//! percentiles. Older versions write microseconds where the key does not end in `_ns`.

use engine_core::metric::Goal;
use engine_core::series::Labels;
use engine_core::unit::Unit;

use super::node::Node;
use super::{Bench, Format, ImportError, ImportedRun, metric};

pub(super) fn read(file: &Node) -> Result<ImportedRun, ImportError> {
    let mut run = ImportedRun::new(Format::Fio);
    run.version = file.field("fio version").map(|version| version.label().trim_start_matches("fio-").to_owned());
    if let Some(moment) = file.field("timestamp_ms") {
        #[expect(clippy::cast_possible_truncation, reason = "milliseconds since 1970 fit")]
        let micros = (moment.number()? * 1000.0) as i64;
        run.started = Some(micros);
    }
    for job in file.need("jobs")?.items()? {
        let name = job.need("jobname")?.text()?.to_owned();
        if let Some(code) = job.field("error").filter(|code| code.value.as_i64() != Some(0)) {
            run.remarks.push(format!("job `{name}` ended with error {}", code.label()));
        }
        for direction in ["read", "write", "trim"] {
            let Some(part) = job.field(direction) else { continue };
            let done = part.field("total_ios").map_or_else(|| part.need("io_bytes"), Ok)?.number()?;
            if done > 0.0 {
                let bench = run.bench(&name, &Labels::new().with("direction", direction));
                measured(bench, &part)?;
            }
        }
        if let Some(sync) = job.field("sync").filter(|sync| has(sync, "total_ios")) {
            latency(run.bench(&name, &Labels::new().with("direction", "sync")), &sync, "lat", "latency")?;
        }
        // The processor's time is of the whole job.
        let bench = run.bench(&name, &Labels::new());
        for (key, id) in [("usr_cpu", "user"), ("sys_cpu", "system")] {
            if let Some(share) = job.field(key) {
                bench.round(&metric(id, Unit::Ratio, Goal::Lower), vec![share.number()? / 100.0]);
            }
        }
    }
    Ok(run)
}

fn has(node: &Node, key: &str) -> bool {
    node.field(key).and_then(|value| value.value.as_f64()).is_some_and(|value| value > 0.0)
}

fn measured(bench: &mut Bench, part: &Node) -> Result<(), ImportError> {
    let bytes = match part.field("bw_bytes") {
        Some(bytes) => bytes.number()?,
        None => 1024.0 * part.need("bw")?.number()?,
    };
    bench.round(&metric("rate", Unit::BytesPerSecond, Goal::Higher), vec![bytes]);
    bench.round(&metric("iops", Unit::PerSecond, Goal::Higher), vec![part.need("iops")?.number()?]);
    latency(bench, part, "lat", "latency")?;
    latency(bench, part, "slat", "submission")?;
    latency(bench, part, "clat", "completion")
}

fn latency(bench: &mut Bench, part: &Node, key: &str, id: &str) -> Result<(), ImportError> {
    let (times, factor) = match part.field(&format!("{key}_ns")) {
        Some(times) => (times, 1e-9),
        None => match part.field(key) {
            Some(times) => (times, 1e-6),
            None => return Ok(()),
        },
    };
    // Synchronous engines have no submission of its own.
    if times.field("N").is_some() && !has(&times, "N") {
        return Ok(());
    }
    let metric = metric(id, Unit::Seconds, Goal::Lower);
    for (key, stat) in [("mean", "mean"), ("min", "min"), ("max", "max"), ("stddev", "stddev")] {
        if let Some(value) = times.field(key) {
            bench.statistic(&metric, stat, factor * value.number()?);
        }
    }
    let percentiles = times.field("percentile").map(|all| all.entries()).transpose()?.unwrap_or_default();
    for (percentile, value) in percentiles {
        let short = percentile.trim_end_matches('0').trim_end_matches('.');
        bench.statistic(&metric, &format!("p{short}"), factor * value.number()?);
    }
    Ok(())
}
