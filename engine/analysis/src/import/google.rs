//! Google Benchmark's JSON: repetitions are of one process, so they are the samples of one round.

use engine_core::metric::{Goal, Metric};
use engine_core::series::Labels;
use engine_core::unit::Unit;

use super::node::Node;
use super::{Format, ImportError, ImportedRun, metric, time, units};

/// Keys of a repetition that are no counters of the user.
const OWN: [&str; 16] = [
    "name",
    "family_index",
    "per_family_instance_index",
    "run_name",
    "run_type",
    "repetitions",
    "repetition_index",
    "threads",
    "iterations",
    "real_time",
    "cpu_time",
    "time_unit",
    "label",
    "error_occurred",
    "error_message",
    "aggregate_name",
];

pub(super) fn read(file: &Node) -> Result<ImportedRun, ImportError> {
    let mut run = ImportedRun::new(Format::Google);
    if let Some(context) = file.field("context") {
        run.started = context.field("date").and_then(|date| time::micros(date.text().ok()?));
        run.host = context.field("host_name").map(|host| host.label());
        run.version = context.field("library_version").map(|version| version.label());
        if context.field("library_build_type").is_some_and(|build| build.label() == "debug") {
            run.remarks.push("the library was built for debugging, so times may be too long".to_owned());
        }
    }
    let all = file.need("benchmarks")?.items()?;
    let is_aggregate = |bench: &Node| match bench.field("run_type") {
        Some(kind) => kind.label() != "iteration",
        // Before version 1.5 only the name says so.
        None => bench.field("name").is_some_and(|name| {
            ["_mean", "_median", "_stddev", "_BigO", "_RMS"].iter().any(|end| name.label().ends_with(end))
        }),
    };
    // With threads the name says how many; the label does, so that a sweep over them is one.
    let run_name = |bench: &Node| {
        let name = bench.field("run_name").map_or_else(|| bench.need("name"), Ok)?.text()?.to_owned();
        Ok(bench
            .field("threads")
            .map_or(name.clone(), |threads| name.replace(&format!("/threads:{}", threads.label()), "")))
    };
    let mut measured: Vec<String> = Vec::new();
    for bench in all.iter().filter(|bench| !is_aggregate(bench)) {
        let name = run_name(bench)?;
        if bench.field("error_occurred").is_some_and(|error| error.value.as_bool() == Some(true)) {
            let why = bench.field("error_message").map_or_else(|| "without a message".to_owned(), |why| why.label());
            run.remarks.push(format!("`{name}` failed: {why}"));
            continue;
        }
        let values = values(bench)?;
        measured.push(name.clone());
        let target = run.bench(&name, &labels(bench));
        for (metric, value) in values {
            let series = target.series(&metric, &Labels::new());
            match series.rounds.first_mut() {
                Some(round) => round.push(value),
                None => series.rounds.push(vec![value]),
            }
        }
    }
    // With `--benchmark_report_aggregates_only` there are no repetitions.
    for bench in all.iter().filter(|bench| is_aggregate(bench)) {
        let (name, stat) = (run_name(bench)?, bench.field("aggregate_name").map(|stat| stat.label()));
        let Some(stat) = stat.filter(|stat| ["mean", "median", "stddev"].contains(&stat.as_str())) else { continue };
        if measured.contains(&name) {
            continue;
        }
        let values = values(bench)?;
        let target = run.bench(&name, &labels(bench));
        values.iter().for_each(|(metric, value)| target.statistic(metric, &stat, *value));
    }
    Ok(run)
}

fn labels(bench: &Node) -> Labels {
    let swept =
        ["run_name", "name"].iter().any(|key| bench.field(key).is_some_and(|name| name.label().contains("/threads:")));
    let threads = bench.field("threads").map(|threads| threads.label()).filter(|threads| swept || threads != "1");
    let label = bench.field("label").map(|label| label.label());
    let both = [("threads", threads), ("label", label)];
    both.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
}

fn values(bench: &Node) -> Result<Vec<(Metric, f64)>, ImportError> {
    let unit = bench.field("time_unit").map_or_else(|| "ns".to_owned(), |unit| unit.label());
    let factor = units::time(&unit).ok_or_else(|| bench.wrong(format!("`{unit}` is no unit of time")))?;
    let mut values = vec![(metric("time", Unit::Seconds, Goal::Lower), factor * bench.need("real_time")?.number()?)];
    if let Some(cpu) = bench.field("cpu_time") {
        values.push((metric("cpu", Unit::Seconds, Goal::Lower), factor * cpu.number()?));
    }
    for (key, value) in bench.entries()? {
        if OWN.contains(&key.as_str()) || !value.value.is_number() {
            continue;
        }
        let metric = match key.as_str() {
            "bytes_per_second" => metric("rate", Unit::BytesPerSecond, Goal::Higher),
            "items_per_second" => metric("items", Unit::PerSecond, Goal::Higher),
            // What a counter counts and which direction is good, only its author knows.
            other => metric(other, Unit::Count, Goal::Neutral),
        };
        values.push((metric, value.number()?));
    }
    Ok(values)
}
