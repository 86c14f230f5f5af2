//! What Rust's test harness prints of `#[bench]`: the median of one process, and how far its samples lie apart.

use engine_core::metric::Goal;
use engine_core::series::Labels;
use engine_core::unit::Unit;

use super::{Format, ImportError, ImportedRun, metric, units};

/// Whether a line is a result.
pub(super) fn is_result(line: &str) -> bool {
    line.trim_start().starts_with("test ") && line.contains(" bench:") && line.contains("/iter")
}

pub(super) fn read(text: &str) -> Result<ImportedRun, ImportError> {
    let mut run = ImportedRun::new(Format::Libtest);
    let seconds = metric("time", Unit::Seconds, Goal::Lower);
    for (line, number) in text.lines().zip(1..).filter(|(line, _)| is_result(line)) {
        let fail = |reason: &str| ImportError::Line { line: number, reason: reason.to_owned() };
        let (name, result) = line.trim_start()[5..].split_once(" bench:").ok_or_else(|| fail("there is no result"))?;
        let name = name.trim_end().trim_end_matches("...").trim_end();
        let (value, rest) = result.split_once("/iter").ok_or_else(|| fail("there is no `/iter`"))?;
        let mut words = value.split_whitespace();
        let amount = number_of(words.next().unwrap_or("")).ok_or_else(|| fail("there is no number before `/iter`"))?;
        let unit = words.next().unwrap_or("");
        let factor = units::time(unit).ok_or_else(|| fail(&format!("`{unit}` is no unit of time")))?;
        let bench = run.bench(name, &Labels::new());
        bench.round(&seconds, vec![amount * factor]);
        if let Some(range) = rest.split_once("(+/-").and_then(|(_, rest)| rest.split_once(')')) {
            let range = number_of(range.0.trim()).ok_or_else(|| fail("there is no number after `+/-`"))?;
            // The harness writes the distance from the smallest to the largest of its (winsorised) samples.
            bench.statistic(&seconds, "range", range * factor);
        }
        if let Some(rate) = rest.split_once(") = ").and_then(|(_, rate)| rate.trim().strip_suffix("MB/s")) {
            let rate = number_of(rate.trim()).ok_or_else(|| fail("there is no number before `MB/s`"))?;
            bench.round(&metric("rate", Unit::BytesPerSecond, Goal::Higher), vec![1e6 * rate]);
        }
    }
    Ok(run)
}

/// A number with commas between its thousands.
fn number_of(text: &str) -> Option<f64> {
    text.replace(',', "").parse().ok().filter(|value: &f64| value.is_finite())
}
