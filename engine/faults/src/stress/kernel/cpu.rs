//! Loads processors to a chosen share with arithmetic whose results are known.
//!
//! Method: each thread is bound to a processor of its own and works in pieces of about 0.1 ms; its own CPU clock, read
//! between them, is fed back so that the share holds (`governor.rs`). Every piece has a known answer: the state of a linear
//! generator against its closed form (integer), a rotation that must come back to where it began (float), a dot product of
//! whole numbers against the sum of squares (vector), the number of primes below 10,000 (primes).
//!
//! What makes it wrong: other programs on the same processor are part of what `/proc/stat` shows, and of what is fed back
//! only with `of: "processor"`; then they may have more than the share by themselves; a hypervisor that takes time away lets the CPU clock run on; pieces longer than a period make the share coarse.

use engine_core::args::Args;
use engine_core::probe::{ParamDef, ParamKind, ProbeInfo};

use super::{DURATION, INTENSITY, Lcg, NICE, RAMP, THREADS, info};
use crate::stress::{Needs, Stressor, Worker};

/// See the top of the file.
pub(in crate::stress) static STRESSOR: Stressor = Stressor { info: &INFO, needs: |_| Needs::default(), work };

static INFO: ProbeInfo = info(
    "stress.cpu",
    "Keeps processors busy for a chosen share of the time.",
    "Threads bound to a processor each work in verified pieces of 0.1 ms; their own CPU clock is fed back. Others on the \
     same processor and stolen time make the share wrong as seen from outside.",
    &[
        ParamDef {
            name: "kernel",
            kind: ParamKind::Choice(&["mixed", "integer", "float", "vector", "primes"]),
            default: Some("mixed"),
            tiny: None,
            doc: "what is calculated",
        },
        ParamDef {
            name: "of",
            kind: ParamKind::Choice(&["own", "processor"]),
            default: Some("own"),
            tiny: None,
            doc: "what the intensity is a share of: what each thread works itself, or how busy its processor is with others' \
                  work included",
        },
        INTENSITY,
        DURATION,
        RAMP,
        THREADS,
        NICE,
    ],
);

/// Steps of the generator in a piece.
const STEPS: u64 = 60_000;
/// Turns of the rotation in a piece.
const TURNS: u32 = 20_000;
/// Length of the vectors: sums stay whole in single precision.
const LENGTH: usize = 64;
/// Dot products in a piece.
const PRODUCTS: u32 = 2_000;
/// Primes below 10,000.
const PRIMES: usize = 1229;

type Piece = fn(&mut Worker);

fn work(args: &Args, worker: &mut Worker) -> Result<(), String> {
    let pieces: &[Piece] = match args.text("kernel") {
        "integer" => &[integer],
        "float" => &[float],
        "vector" => &[vector],
        "primes" => &[primes],
        _ => &[integer, float, vector, primes],
    };
    for piece in pieces.iter().cycle() {
        piece(worker);
        if !worker.turn(1) {
            break;
        }
    }
    Ok(())
}

fn integer(worker: &mut Worker) {
    let start = Lcg(worker.seed);
    let mut state = start;
    for _ in 0..STEPS {
        state.step();
    }
    let mut end = std::hint::black_box(state);
    if worker.plants() {
        end.0 ^= 1 << 17;
    }
    let right = start.ahead(STEPS);
    worker.checked(end == right, || format!("integer: {:#x} instead of {:#x}", end.0, right.0));
}

fn float(worker: &mut Worker) {
    let angle = std::f64::consts::TAU / f64::from(TURNS);
    let (sine, cosine) = std::hint::black_box(angle).sin_cos();
    let (mut x, mut y) = (1.0_f64, 0.0_f64);
    for _ in 0..TURNS {
        (x, y) = (cosine * x - sine * y, sine * x + cosine * y);
    }
    let mut end = std::hint::black_box(x);
    if worker.plants() {
        end = f64::from_bits(end.to_bits() ^ 1 << 40);
    }
    let right = (end - 1.0).abs() < 1e-9 && y.abs() < 1e-9;
    worker.checked(right, || format!("float: ({end}, {y}) instead of (1, 0)"));
}

fn vector(worker: &mut Worker) {
    #[expect(clippy::cast_precision_loss, reason = "numbers below 64")]
    let values: [f32; LENGTH] = std::hint::black_box(std::array::from_fn(|at| at as f32));
    let mut wrong = None;
    let planted = worker.plants();
    for _ in 0..PRODUCTS {
        let values = std::hint::black_box(&values);
        let mut lanes = [0.0_f32; 16];
        for part in values.chunks_exact(16) {
            for (lane, value) in lanes.iter_mut().zip(part) {
                *lane += value * value;
            }
        }
        let mut sum: f32 = lanes.iter().sum();
        if planted {
            sum = f32::from_bits(sum.to_bits() ^ 1 << 12);
        }
        // The sum of the squares of 0 to 63.
        if sum.to_bits() != 85_344.0_f32.to_bits() {
            wrong = Some(sum);
        }
    }
    worker.checked(wrong.is_none(), || format!("vector: {wrong:?} instead of 85344"));
}

fn primes(worker: &mut Worker) {
    let mut composite = [false; 10_000];
    for at in 2..100 {
        if !composite[at] {
            for multiple in (at * at..composite.len()).step_by(at) {
                composite[multiple] = true;
            }
        }
    }
    if worker.plants() {
        composite[9973] = !composite[9973];
    }
    let found = std::hint::black_box(&composite)[2..].iter().filter(|composite| !**composite).count();
    worker.checked(found == PRIMES, || format!("primes: {found} below 10,000 instead of {PRIMES}"));
}
