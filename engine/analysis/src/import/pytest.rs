//! pytest-benchmark's `--benchmark-json`: all of a file is of one process, so one round with all its samples.

use engine_core::metric::Goal;
use engine_core::series::Labels;
use engine_core::unit::Unit;

use super::node::Node;
use super::{Format, ImportError, ImportedRun, metric, time};

pub(super) fn read(file: &Node) -> Result<ImportedRun, ImportError> {
    let mut run = ImportedRun::new(Format::Pytest);
    run.version = file.field("version").map(|version| version.label());
    run.started = file.field("datetime").and_then(|moment| time::micros(moment.text().ok()?));
    if let Some(commit) = file.field("commit_info") {
        let known = |key| commit.field(key).map(|value| value.label()).filter(|text| !text.contains("unknown"));
        (run.commit, run.branch) = (known("id"), known("branch"));
        run.dirty = commit.field("dirty").and_then(|dirty| dirty.value.as_bool()).filter(|_| run.commit.is_some());
    }
    run.host = file.field("machine_info").and_then(|machine| Some(machine.field("node")?.label()));
    let seconds = metric("time", Unit::Seconds, Goal::Lower);
    for bench in file.need("benchmarks")?.items()? {
        let name = bench.field("fullname").map_or_else(|| bench.need("name"), Ok)?.text()?.to_owned();
        let mut labels = Labels::new();
        if let Some(group) = bench.field("group") {
            labels = labels.with("group", group.label());
        }
        for (parameter, value) in bench.field("params").map(|all| all.entries()).transpose()?.unwrap_or_default() {
            labels = labels.with(parameter, value.label());
        }
        let stats = bench.need("stats")?;
        let data = stats.field("data").map(|data| data.items()).transpose()?.unwrap_or_default();
        let samples: Vec<f64> = data.iter().filter_map(|sample| sample.number().ok()).collect();
        if samples.len() < data.len() {
            let odd = data.iter().find(|sample| sample.number().is_err());
            let reason = odd.map(|sample| sample.wrong("this is no number").to_string()).unwrap_or_default();
            run.remarks.push(format!("{reason}; of `{name}` the statistics are kept in place of the samples"));
        }
        let bench = run.bench(&name, &labels);
        if !samples.is_empty() && samples.len() == data.len() {
            bench.round(&seconds, samples);
        } else {
            for stat in ["median", "mean", "min", "max", "stddev", "q1", "q3"] {
                if let Some(value) = stats.field(stat) {
                    bench.statistic(&seconds, stat, value.number()?);
                }
            }
        }
    }
    Ok(run)
}
