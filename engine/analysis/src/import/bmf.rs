//! Bencher Metric Format: by benchmark and measure a value, perhaps with the ends of an interval.

use engine_core::metric::{Goal, Metric};
use engine_core::series::Labels;
use engine_core::unit::Unit;

use super::node::Node;
use super::record::slug;
use super::{Format, ImportError, ImportedRun, metric};

pub(super) fn read(file: &Node) -> Result<ImportedRun, ImportError> {
    let mut run = ImportedRun::new(Format::Bmf);
    for (name, measures) in file.entries()? {
        for (measure, values) in measures.entries()? {
            let (metric, factor) = measured(&measure);
            let value = factor * values.need("value")?.number()?;
            let bench = run.bench(&name, &Labels::new());
            bench.round(&metric, vec![value]);
            for (key, stat) in [("lower_value", "lower"), ("upper_value", "upper")] {
                if let Some(end) = values.field(key) {
                    bench.statistic(&metric, stat, factor * end.number()?);
                }
            }
        }
    }
    Ok(run)
}

/// The measures that Bencher defines, with the units that it gives them; of others only their author knows.
fn measured(measure: &str) -> (Metric, f64) {
    match measure {
        "latency" => (metric("latency", Unit::Seconds, Goal::Lower), 1e-9),
        "throughput" => (metric("throughput", Unit::PerSecond, Goal::Higher), 1.0),
        "build-time" => (metric("build-time", Unit::Seconds, Goal::Lower), 1.0),
        "file-size" => (metric("file-size", Unit::Bytes, Goal::Lower), 1.0),
        other => (metric(&slug(other), Unit::Count, Goal::Neutral), 1.0),
    }
}
