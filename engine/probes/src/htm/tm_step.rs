//! `htm.tm_step`: a step of the temporal memory on three streams.
//!
//! Method: 2,048 columns with 8 (or 32) cells and the published default parameters; each step is timed by itself, learning
//! on. `hello` is the community's benchmark (a noisy sine, through a spatial pooler beforehand), `sequence` 100 patterns
//! that come again and again, `random` a tenth of the columns anew at each step, of which nothing can be predicted: every
//! column bursts, and the community's implementation is known to be slow there.
//!
//! What would make the number wrong: a memory that does not learn (after the 5,000 steps of `hello` with 8 cells it must
//! have the published number of segments and synapses, within 10 %, and the published mean anomaly, within 0.03; a
//! sequence must be predicted after 12 repetitions; random patterns must not be); an anomaly that is not the share of columns that
//! were not predicted (compared at each step); counts that are not those of the segments (counted anew at the end); fewer
//! steps, since a step costs more the more has been learned (`steps` is part of what is compared).

use engine_core::args::Args;
use engine_core::metric::MetricDef;
use engine_core::probe::{OwnNoise, ParamDef, ParamKind, ProbeInfo, RoundProcess};
use engine_core::unit::Unit;
use engine_htm::anomaly::raw_anomaly;
use engine_htm::hello::Hello;
use engine_htm::memory::{MemoryParams, TemporalMemory};

use super::{check, failed, stream};
use crate::harness::Stopwatch;
use crate::{Context, Probe, ProbeError};

const STREAM: ParamDef = ParamDef {
    name: "stream",
    kind: ParamKind::Choice(&["hello", "sequence", "random"]),
    default: Some("hello"),
    tiny: None,
    doc: "the community's benchmark, 100 patterns in a circle, or patterns that never come again",
};
const CELLS: ParamDef = ParamDef {
    name: "cells",
    kind: ParamKind::Count { min: 1, max: 256 },
    default: Some("8"),
    tiny: None,
    doc: "cells of a column",
};
const STEPS: ParamDef = ParamDef {
    name: "steps",
    kind: ParamKind::Count { min: 10, max: 1_000_000 },
    default: Some("5000"),
    tiny: Some("40"),
    doc: "steps of a round, each a sample, from an empty memory",
};

const TIME: MetricDef = MetricDef::cost("time", Unit::Seconds, "one step");
const MEAN: MetricDef = MetricDef::cost("mean_time", Unit::Seconds, "all steps of the round, divided by their number");
const SEGMENTS: MetricDef = MetricDef::fact("segments", Unit::Count, "segments at the end");
const SYNAPSES: MetricDef = MetricDef::fact("synapses", Unit::Count, "synapses at the end");
const ANOMALY: MetricDef =
    MetricDef::fact("anomaly", Unit::Ratio, "share of columns that were not predicted, mean of the last fifth");

/// The probe.
pub static PROBE: Probe = Probe {
    info: &ProbeInfo {
        id: "htm.tm_step",
        summary: "A step of the temporal memory of Hierarchical Temporal Memory, on a noisy, a known or a random stream.",
        method: 1,
        about: "2,048 columns, 8 cells (option), published default parameters, learning on; every step is a sample, and \
                the memory begins empty. The anomaly of each step is compared with the columns that were predicted, all \
                segments are checked against the limits at the end, and the whole benchmark must end with the published \
                number of segments and synapses and the published anomaly. The number is wrong when less is learned \
                than should be, which these tell, and is not comparable between unlike numbers of steps: a step costs \
                more the more has been learned.",
        params: &[STREAM, CELLS, STEPS],
        metrics: &[TIME, MEAN, SEGMENTS, SYNAPSES, ANOMALY],
        round_seconds: 1.0,
        process: RoundProcess::Engine,
        noise: OwnNoise::Quiet,
    },
    run,
};

fn run(args: &Args, cx: &mut Context<'_>) -> Result<(), ProbeError> {
    let kind = args.text(STREAM.name);
    let steps = usize::try_from(args.whole(STEPS.name)).unwrap_or(usize::MAX);
    let cells = u32::try_from(args.whole(CELLS.name)).unwrap_or(u32::MAX);
    let inputs = stream::columns(kind, steps, cx.seed)?;
    let params = MemoryParams { columns: stream::COLUMNS, cells_per_column: cells, ..MemoryParams::default() };
    let mut memory = TemporalMemory::new(params).map_err(failed)?;
    let (mut times, mut anomalies) = (Vec::with_capacity(steps), Vec::with_capacity(steps));
    for columns in &inputs {
        cx.check()?;
        let predicted = memory.predicted_columns();
        let clock = Stopwatch::start();
        let done = memory.step(columns, true);
        times.push(clock.stop().as_secs_f64());
        done.map_err(failed)?;
        let expected = raw_anomaly(columns, &predicted).map_err(failed)?;
        if (memory.anomaly() - expected).abs() > 1e-9 {
            let wrong = format!("an anomaly of {}, and {expected} of the columns were not predicted", memory.anomaly());
            return Err(ProbeError::verification(wrong));
        }
        anomalies.push(memory.anomaly());
    }
    let last = &anomalies[steps - (steps / 5).max(1)..];
    let anomaly = last.iter().sum::<f64>() / last.len() as f64;
    check::limits(&memory)?;
    verify(kind, &memory, steps, anomaly)?;
    cx.record_all(&TIME, &times);
    cx.record(&MEAN, times.iter().sum::<f64>() / steps as f64);
    cx.record(&SEGMENTS, memory.segments() as f64);
    cx.record(&SYNAPSES, memory.synapses() as f64);
    cx.record(&ANOMALY, anomaly);
    Ok(())
}

/// That the memory has learned what its stream has to teach.
fn verify(kind: &str, memory: &TemporalMemory, steps: usize, anomaly: f64) -> Result<(), ProbeError> {
    match kind {
        "hello" if steps == Hello::STEPS as usize && memory.params().cells_per_column == 8 => {
            check::published(memory.segments(), memory.synapses(), anomaly)
        }
        "sequence" if steps >= 1_500 && anomaly > 0.05 => {
            Err(ProbeError::verification(format!("a sequence that came often has an anomaly of {anomaly:.3}")))
        }
        "random" if anomaly < 0.9 => {
            Err(ProbeError::verification(format!("random patterns have an anomaly of {anomaly:.3}")))
        }
        _ if memory.segments() == 0 => Err(ProbeError::verification("nothing was learned")),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::harness::tests::{round, values};

    #[test]
    fn every_stream_is_learned_with_8_and_32_cells() {
        for kind in ["hello", "sequence", "random"] {
            for cells in ["8", "32"] {
                let (records, _) = round(&PROBE, &[("stream", kind), ("cells", cells)]).unwrap();
                let times = values(&records, "time");
                assert!(times.len() == 40 && times.iter().all(|time| (1e-7..60.0).contains(time)), "{times:?}");
                assert!(values(&records, "synapses")[0] > 1_000.0);
            }
        }
    }

    #[test]
    fn a_memory_that_did_not_learn_is_found() {
        let memory = TemporalMemory::new(MemoryParams { cells_per_column: 8, ..MemoryParams::default() }).unwrap();
        assert!(verify("hello", &memory, 5_000, 0.37).is_err());
        assert!(verify("hello", &memory, 40, 0.37).is_err());
        assert!(verify("sequence", &memory, 5_000, 0.5).is_err());
        assert!(verify("random", &memory, 40, 0.1).is_err());
    }
}
