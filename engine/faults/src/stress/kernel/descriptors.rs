//! Opens descriptors up to a number and closes them again.
//!
//! Method: each thread opens pipes until it has `count` descriptors, sends a byte through the last one, which must be the
//! byte that comes out, and closes the oldest ones.
//!
//! What makes it wrong: the limit of the process may be lower than what is asked for; then it works with fewer, and says so
//! when it has none.

use std::collections::VecDeque;
use std::io::{PipeReader, PipeWriter, Read, Write};

use engine_core::args::Args;
use engine_core::probe::{ParamDef, ParamKind, ProbeInfo};

use super::{DURATION, INTENSITY, NICE, RAMP, THREADS, info};
use crate::stress::{Needs, Stressor, Worker};

/// See the top of the file.
pub(in crate::stress) static STRESSOR: Stressor = Stressor { info: &INFO, needs, work };

static INFO: ProbeInfo = info(
    "stress.descriptors",
    "Opens descriptors up to a number and closes them again.",
    "Pipes are opened, used once and closed. A limit below what is asked for makes the number wrong.",
    &[
        ParamDef {
            name: "count",
            kind: ParamKind::Count { min: 2, max: 1_000_000 },
            default: Some("400"),
            tiny: Some("40"),
            doc: "descriptors that each thread keeps open",
        },
        INTENSITY,
        DURATION,
        RAMP,
        THREADS,
        NICE,
    ],
);

fn needs(args: &Args) -> Needs {
    let threads = args.threads("threads", crate::room::processors().len()) as u64;
    Needs { count: args.whole("count").saturating_mul(threads), ..Needs::default() }
}

fn work(args: &Args, worker: &mut Worker) -> Result<(), String> {
    let mut open: VecDeque<(PipeReader, PipeWriter)> = VecDeque::new();
    for number in 0_u64.. {
        while open.len() as u64 * 2 >= args.whole("count") {
            open.pop_front();
        }
        match std::io::pipe() {
            Ok(pipe) => open.push_back(pipe),
            Err(error) if open.is_empty() => return Err(format!("not one pipe: {error}")),
            Err(_) => {
                open.pop_front();
            }
        }
        if let Some((reader, writer)) = open.back_mut() {
            #[expect(clippy::cast_possible_truncation, reason = "a byte of the number is what is sent")]
            let sent = [number as u8];
            let mut got = [0_u8];
            writer.write_all(&sent).and_then(|()| reader.read_exact(&mut got)).map_err(|error| error.to_string())?;
            if worker.plants() {
                got[0] ^= 0x10;
            }
            worker.checked(got == sent, || format!("descriptors: {got:?} came out instead of {sent:?}"));
        }
        if !worker.turn(1) {
            break;
        }
    }
    Ok(())
}
