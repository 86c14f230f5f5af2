//! Makes the scheduler switch: two threads that can only work in turn.
//!
//! Method: each thread has a partner; a number goes to it through a pipe and comes back one higher, so that each piece is
//! two switches. The number is checked.
//!
//! What makes it wrong: partners on two processors wake each other across them, which costs more than a switch; both are
//! left to the scheduler here, as those of a program would be.

use std::io::{Read, Write};

use engine_core::args::Args;
use engine_core::probe::ProbeInfo;

use super::{DURATION, INTENSITY, NICE, RAMP, THREADS, info};
use crate::stress::{Needs, Stressor, Worker};

/// See the top of the file.
pub(in crate::stress) static STRESSOR: Stressor = Stressor { info: &INFO, needs, work };

static INFO: ProbeInfo = info(
    "stress.switches",
    "Makes the scheduler switch between threads that can only work in turn.",
    "A number goes through a pipe and comes back one higher. Partners on two processors wake each other across them, so as \
     the price of a switch it is wrong.",
    &[INTENSITY, DURATION, RAMP, THREADS, NICE],
);

fn needs(args: &Args) -> Needs {
    // Two pipes each.
    Needs { count: 4 * args.threads("threads", crate::room::processors().len()) as u64, ..Needs::default() }
}

/// Round trips between two looks at the clock.
const PIECE: u64 = 50;

fn work(_args: &Args, worker: &mut Worker) -> Result<(), String> {
    let text = |error: std::io::Error| error.to_string();
    let (mut partner_in, mut out) = std::io::pipe().map_err(text)?;
    let (mut back, mut partner_out) = std::io::pipe().map_err(text)?;
    let partner = move || {
        let mut bytes = [0_u8; 8];
        while partner_in.read_exact(&mut bytes).is_ok() {
            let next = u64::from_le_bytes(bytes).wrapping_add(1);
            if partner_out.write_all(&next.to_le_bytes()).is_err() {
                break;
            }
        }
    };
    let partner = std::thread::Builder::new().stack_size(64 << 10).spawn(partner).map_err(text)?;
    let mut number = 0_u64;
    loop {
        for _ in 0..PIECE {
            let mut bytes = [0_u8; 8];
            out.write_all(&number.to_le_bytes()).and_then(|()| back.read_exact(&mut bytes)).map_err(text)?;
            if worker.plants() {
                bytes[1] ^= 1;
            }
            let got = u64::from_le_bytes(bytes);
            worker.checked(got == number.wrapping_add(1), || format!("switches: {got} came back for {number}"));
            number = number.wrapping_add(1);
        }
        if !worker.turn(PIECE * 2) {
            break;
        }
    }
    drop(out);
    let _ = partner.join();
    Ok(())
}
