//! JMH's JSON: each fork is a process, so a round; its iterations are the samples of the round.

use engine_core::metric::{Goal, Metric};
use engine_core::series::Labels;
use engine_core::unit::Unit;

use super::node::Node;
use super::record::slug;
use super::{Format, ImportError, ImportedRun, metric, units};

/// Most samples of a histogram that are written out.
const MOST: f64 = 100_000.0;

pub(super) fn read(file: &Node) -> Result<ImportedRun, ImportError> {
    let mut run = ImportedRun::new(Format::Jmh);
    for result in file.items()? {
        run.version = run.version.or_else(|| result.field("jmhVersion").map(|version| version.label()));
        let name = result.need("benchmark")?.text()?.to_owned();
        let mode = result.field("mode").map(|mode| mode.label());
        let threads = result.field("threads").map(|threads| threads.label()).filter(|threads| threads != "1");
        let own = [("mode", mode), ("threads", threads)];
        let mut labels: Labels = own.into_iter().filter_map(|(name, value)| Some((name, value?))).collect();
        for (parameter, value) in result.field("params").map(|all| all.entries()).transpose()?.unwrap_or_default() {
            labels = labels.with(parameter, value.label());
        }
        add(&mut run, &name, &labels, None, &result.need("primaryMetric")?)?;
        let more = result.field("secondaryMetrics").map(|all| all.entries()).transpose()?.unwrap_or_default();
        for (id, secondary) in more {
            add(&mut run, &name, &labels, Some(&id), &secondary)?;
        }
    }
    Ok(run)
}

fn add(run: &mut ImportedRun, name: &str, labels: &Labels, id: Option<&str>, of: &Node) -> Result<(), ImportError> {
    let unit = of.need("scoreUnit")?.label();
    let (metric, factor) = measured(&unit, id);
    let raw = of.field("rawData").map(|raw| raw.items()).transpose()?.unwrap_or_default();
    let histogram = of.field("rawDataHistogram").map(|raw| raw.items()).transpose()?.unwrap_or_default();
    let mut rounds = Vec::new();
    for fork in &raw {
        rounds.push(fork.numbers()?.into_iter().map(|value| factor * value).collect::<Vec<f64>>());
    }
    if rounds.is_empty() {
        for fork in &histogram {
            rounds.push(written_out(fork, factor)?);
        }
    }
    rounds.retain(|round| !round.is_empty());
    let bench = run.bench(name, labels);
    if rounds.is_empty() {
        // A secondary metric that was not measured has no number at all.
        if let Some(score) = of.field("score").filter(|score| score.value.is_number()) {
            bench.statistic(&metric, "mean", factor * score.number()?);
        }
        return Ok(());
    }
    rounds.into_iter().for_each(|round| bench.round(&metric, round));
    Ok(())
}

/// A fork's iterations, each a list of `[value, count]`, as samples.
fn written_out(fork: &Node, factor: f64) -> Result<Vec<f64>, ImportError> {
    let mut pairs = Vec::new();
    for iteration in fork.items()? {
        for pair in iteration.items()? {
            match pair.numbers()?.as_slice() {
                &[value, count] if count >= 1.0 => pairs.push((factor * value, count)),
                _ => return Err(pair.wrong("a value and how often it was seen are expected")),
            }
        }
    }
    let total: f64 = pairs.iter().map(|(_, count)| count).sum();
    if total > MOST {
        return Err(fork.wrong(format!("{total:.0} samples are more than the {MOST:.0} that are read")));
    }
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked to be few")]
    Ok(pairs.into_iter().flat_map(|(value, count)| std::iter::repeat_n(value, count as usize)).collect())
}

/// The metric of a unit such as `ops/s`, `us/op`, `MB/sec`, and the unit in base units.
fn measured(unit: &str, id: Option<&str>) -> (Metric, f64) {
    let named = |id: Option<&str>, own: &str| id.map_or_else(|| own.to_owned(), slug);
    let (above, below) = unit.split_once('/').unwrap_or((unit, ""));
    // Profilers divide by 1024 twice and write MB.
    let binary = |unit: &str| match unit {
        "B" => Some(1.0),
        "KB" => Some(1024.0),
        "MB" => Some(1_048_576.0),
        "GB" => Some(1_073_741_824.0),
        _ => None,
    };
    match (above, below) {
        ("ops", per) if units::time(per).is_some() => {
            (metric(&named(id, "rate"), Unit::PerSecond, Goal::Higher), 1.0 / units::time(per).unwrap_or(1.0))
        }
        (time, "op") if units::time(time).is_some() => {
            (metric(&named(id, "time"), Unit::Seconds, Goal::Lower), units::time(time).unwrap_or(1.0))
        }
        (size, "sec" | "s") if binary(size).is_some() => {
            (metric(&named(id, "bandwidth"), Unit::BytesPerSecond, Goal::Neutral), binary(size).unwrap_or(1.0))
        }
        (size, "op") if binary(size).is_some() => {
            (metric(&named(id, "size"), Unit::Bytes, Goal::Lower), binary(size).unwrap_or(1.0))
        }
        (time, "") if units::time(time).is_some() => {
            (metric(&named(id, "time"), Unit::Seconds, Goal::Lower), units::time(time).unwrap_or(1.0))
        }
        (_, "op") => (metric(&named(id, "count"), Unit::Count, Goal::Lower), 1.0),
        _ => (metric(&named(id, "value"), Unit::Count, Goal::Neutral), 1.0),
    }
}
