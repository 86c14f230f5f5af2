//! `htm.memory`: how many bytes a remembered synapse takes.
//!
//! Method: the hello stream goes through a pooler and a temporal memory of 2,048 columns with 8 cells; then the memory's
//! bytes are divided by its synapses. They are taken twice: as the capacity of all its arrays, and as what the process
//! has grown by in resident memory (`VmRSS`), in a process of its own.
//!
//! What would make the number wrong: memory that the allocator had free before (it is a new process, and the stream and
//! the pooler are made before the first reading); capacity that was never touched, which is counted and not resident; an
//! array that is left out of the count (then the resident memory is larger by far, which is refused); fewer synapses than
//! published after the whole stream (refused).

use engine_core::args::Args;
use engine_core::metric::MetricDef;
use engine_core::probe::{OwnNoise, ParamDef, ParamKind, ProbeInfo, RoundProcess};
use engine_core::unit::Unit;
use engine_htm::Sdr;
use engine_htm::hello::Hello;
use engine_htm::memory::{MemoryParams, TemporalMemory};

use super::{check, failed, stream};
use crate::{Context, Probe, ProbeError};

const STEPS: ParamDef = ParamDef {
    name: "steps",
    kind: ParamKind::Count { min: 10, max: 1_000_000 },
    default: Some("5000"),
    tiny: Some("40"),
    doc: "steps of the benchmark stream before the memory is weighed",
};

const COUNTED: MetricDef = MetricDef::cost("synapse", Unit::Bytes, "bytes of a synapse, by the capacity of all arrays");
const RESIDENT: MetricDef =
    MetricDef::cost("resident", Unit::Bytes, "bytes of a synapse, by the growth of the process");
const DENSE: MetricDef =
    MetricDef::cost("dense_ratio", Unit::Ratio, "size against a bitmap of a bit for each segment and cell");
const PATTERN: MetricDef =
    MetricDef::cost("pattern_ratio", Unit::Ratio, "size of a representation of 2 % against its bitmap");
const SYNAPSES: MetricDef = MetricDef::fact("synapses", Unit::Count, "synapses that were weighed");

/// The probe.
pub static PROBE: Probe = Probe {
    info: &ProbeInfo {
        id: "htm.memory",
        summary: "Bytes that a temporal memory takes for a synapse, by counting and by the process's growth.",
        method: 1,
        about: "The community's benchmark stream through 2,048 columns with 8 cells; then the memory's bytes are divided \
                by its synapses: the capacity of all arrays, and the growth of the resident memory of a process of its \
                own. The number is wrong when an array is left out of the count, or memory freed before is used again: \
                counts that are far from the growth are refused.",
        params: &[STEPS],
        metrics: &[COUNTED, RESIDENT, DENSE, PATTERN, SYNAPSES],
        round_seconds: 1.0,
        process: RoundProcess::Child,
        noise: OwnNoise::Quiet,
    },
    run,
};

/// Resident bytes of this process; `None` where the system does not tell.
fn resident() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<f64>().ok().map(|kib| kib * 1024.0)
}

fn run(args: &Args, cx: &mut Context<'_>) -> Result<(), ProbeError> {
    let steps = usize::try_from(args.whole(STEPS.name)).unwrap_or(usize::MAX);
    let inputs = stream::columns("hello", steps, cx.seed)?;
    let before = resident();
    let params = MemoryParams { columns: stream::COLUMNS, cells_per_column: 8, ..MemoryParams::default() };
    let mut memory = TemporalMemory::new(params).map_err(failed)?;
    let mut anomaly = 0.0;
    for (at, columns) in inputs.iter().enumerate() {
        cx.check()?;
        memory.step(columns, true).map_err(failed)?;
        if at + 1_000 >= steps {
            anomaly += memory.anomaly() / steps.min(1_000) as f64;
        }
    }
    let after = resident();
    check::limits(&memory)?;
    if steps == Hello::STEPS as usize {
        check::published(memory.segments(), memory.synapses(), anomaly)?;
    }
    let (bytes, synapses) = (memory.bytes() as f64, memory.synapses() as f64);
    if synapses == 0.0 {
        return Err(ProbeError::verification("nothing was learned"));
    }
    if let (Some(before), Some(after)) = (before, after) {
        let grown = (after - before).max(0.0);
        // Where little is learned, other memory of the process decides.
        if bytes > 8e6 {
            verify(bytes, grown)?;
            cx.record(&RESIDENT, grown / synapses);
        }
    } else {
        cx.note("the system does not tell how much memory the process has");
    }
    cx.record(&COUNTED, bytes / synapses);
    cx.record(&DENSE, bytes / (memory.segments() as f64 * f64::from(memory.params().cells()) / 8.0));
    let pattern = Sdr::new(stream::COLUMNS, (0..41).map(|bit| bit * 49).collect()).map_err(failed)?;
    let sparse = size_of_val(pattern.on()) as f64;
    cx.record(&PATTERN, sparse / (f64::from(pattern.size()) / 8.0));
    cx.record(&SYNAPSES, synapses);
    Ok(())
}

/// That what was counted is what the process has grown by: capacity may be untouched, and allocators keep some.
fn verify(counted: f64, grown: f64) -> Result<(), ProbeError> {
    if (counted * 0.5..counted * 1.6).contains(&grown) {
        return Ok(());
    }
    let message = format!("{counted:.0} bytes are counted, and the process has grown by {grown:.0}");
    Err(ProbeError::verification(message))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::harness::tests::{round, values};

    #[test]
    fn a_short_stream_is_weighed() {
        let (records, _) = round(&PROBE, &[]).unwrap();
        // Few synapses carry the lists of all cells.
        assert!(values(&records, "synapse")[0] > 6.0);
        assert!((values(&records, "pattern_ratio")[0] - 164.0 / 256.0).abs() < 1e-9);
    }

    #[test]
    fn a_forgotten_array_is_found() {
        assert!(verify(10e6, 11e6).is_ok());
        assert!(verify(10e6, 20e6).is_err() && verify(10e6, 1e6).is_err());
    }
}
