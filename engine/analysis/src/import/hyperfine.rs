//! hyperfine's `--export-json`: each time is of a process of its own, so each is a round.

use engine_core::metric::Goal;
use engine_core::series::Labels;
use engine_core::unit::Unit;

use super::node::Node;
use super::{Format, ImportError, ImportedRun, metric};

pub(super) fn read(file: &Node) -> Result<ImportedRun, ImportError> {
    let mut run = ImportedRun::new(Format::Hyperfine);
    let (wall, memory) = (metric("wall", Unit::Seconds, Goal::Lower), metric("memory", Unit::Bytes, Goal::Lower));
    for result in file.need("results")?.items()? {
        let name = result.need("command")?.text()?.to_owned();
        let mut labels = Labels::new();
        for (parameter, value) in result.field("parameters").map(|all| all.entries()).transpose()?.unwrap_or_default() {
            labels = labels.with(parameter, value.label());
        }
        let bench = run.bench(&name, &labels);
        match result.field("times") {
            Some(times) => times.numbers()?.into_iter().for_each(|time| bench.round(&wall, vec![time])),
            None => {
                for stat in ["median", "mean", "min", "max", "stddev"] {
                    if let Some(value) = result.field(stat) {
                        bench.statistic(&wall, stat, value.number()?);
                    }
                }
            }
        }
        // Of the processor's time only the mean is there.
        for id in ["user", "system"] {
            if let Some(value) = result.field(id) {
                bench.statistic(&metric(id, Unit::Seconds, Goal::Lower), "mean", value.number()?);
            }
        }
        if let Some(peaks) = result.field("memory_usage_byte") {
            peaks.numbers()?.into_iter().for_each(|peak| bench.round(&memory, vec![peak]));
        }
        if let Some(codes) = result.field("exit_codes") {
            // One that a signal ended has null.
            let failed = codes.items()?.iter().filter(|code| code.value.as_i64() != Some(0)).count();
            if failed > 0 {
                run.remarks.push(format!("{failed} runs of `{name}` ended with an error"));
            }
        }
    }
    Ok(run)
}
