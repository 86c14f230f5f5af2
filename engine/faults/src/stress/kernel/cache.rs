//! Throws out of the shared caches what others keep there.
//!
//! Method: a region of several times the last cache is walked line by line with a write to each, in steps that no
//! prefetcher follows, so that each access brings a line in and pushes another one out. A sum over what was written is
//! compared with its closed form after each walk.
//!
//! What makes it wrong: a region smaller than the cache; a hypervisor that partitions it; where processors do not share a
//! last cache, those far from the stressor see little.

use engine_core::args::Args;
use engine_core::probe::{ParamDef, ParamKind, ProbeInfo};

use super::{DURATION, INTENSITY, NICE, RAMP, THREADS, info};
use crate::stress::{Needs, Stressor, Worker};

/// See the top of the file.
pub(in crate::stress) static STRESSOR: Stressor = Stressor { info: &INFO, needs, work };

static INFO: ProbeInfo = info(
    "stress.cache",
    "Throws out of the shared caches what others keep there.",
    "A region of several times the last cache is written line by line in an order that no prefetcher follows. A region \
     inside the cache, or a partitioned cache, makes it wrong.",
    &[
        ParamDef {
            name: "size",
            kind: ParamKind::Size { min: 1_048_576.0, max: 1e11 },
            default: Some("128 MiB"),
            tiny: Some("8 MiB"),
            doc: "the region of each thread; several times the last cache",
        },
        INTENSITY,
        DURATION,
        RAMP,
        THREADS,
        NICE,
    ],
);

/// Words in a cache line.
const LINE: usize = 8;
/// Lines between two looks at the clock.
const PIECE: usize = 8192;

fn needs(args: &Args) -> Needs {
    // Threads are known only when started: as many as there could be.
    let threads = args.threads("threads", crate::room::processors().len()) as u64;
    Needs { memory: args.whole("size").saturating_mul(threads), ..Needs::default() }
}

fn work(args: &Args, worker: &mut Worker) -> Result<(), String> {
    // A power of two, so that an odd step visits each line once.
    let lines = usize::try_from(args.whole("size") / 64).map_err(|_| "too large")?.max(2);
    let lines = 1_usize << lines.ilog2();
    let step = (lines / 3 * 2 + 1) | 1;
    let mut region = Vec::new();
    region.try_reserve_exact(lines * LINE).map_err(|error| error.to_string())?;
    region.resize(lines * LINE, 0_u64);
    let (mut at, mut walk) = (0_usize, 0_u64);
    loop {
        for start in (0..lines).step_by(PIECE) {
            for _ in start..(start + PIECE).min(lines) {
                at = (at + step) & (lines - 1);
                region[at * LINE] += 1;
            }
            if !worker.turn(PIECE as u64) {
                return Ok(());
            }
        }
        walk += 1;
        if worker.plants() {
            region[LINE] ^= 1 << 21;
        }
        let sum = std::hint::black_box(&region).iter().step_by(LINE).fold(0_u64, |sum, word| sum.wrapping_add(*word));
        let right = walk * lines as u64;
        worker.checked(sum == right, || format!("cache: {sum} instead of {right} after {walk} walks"));
        if sum != right {
            // One error is one error, not one in each walk from here on.
            region.fill(0);
            walk = 0;
        }
    }
}
