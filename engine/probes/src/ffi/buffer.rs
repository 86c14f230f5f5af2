//! `ffi.buffer`: what giving a buffer to C costs, lent and copied.
//!
//! Method: one buffer of Rust's is given to C, call after call. Lent: a pointer and a length. Copied: into memory that
//! both sides keep for that. Given: into memory from `malloc` that C frees, which is what an interface asks for when C is
//! to own its argument. Before each call the ends of the buffer are written anew, and C returns them, so that a call that
//! saw old bytes fails; the copy that is kept is compared whole outside the time. A turn of the loop makes eight calls, since
//! where a lone one lies in a line of code may change its time by half. All kinds take turns on one pinned CPU.
//!
//! What would make the number wrong: a compiler that leaves out a copy that nobody reads (it goes through memory that the
//! compiler must believe to be read); an allocator that goes to the kernel each time (that belongs to `given`, and shows
//! as page faults); a buffer that fits into a cache for one kind and not for another (they use the same one).
#![expect(unsafe_code, reason = "this probe gives pointers to foreign functions")]

use std::hint::black_box;

use engine_core::args::Args;
use engine_core::metric::MetricDef;
use engine_core::probe::{OwnNoise, ParamDef, ParamKind, ProbeInfo, RoundProcess};
use engine_core::series::Labels;
use engine_core::stats::Stream;
use engine_core::unit::Unit;

use super::foreign;
use super::turns::{self, Rung, keep, keep_at};
use crate::harness::repeated::repeated;
use crate::{Context, Probe, ProbeError};

const SIZE: ParamDef = ParamDef {
    name: "size",
    kind: ParamKind::Size { min: 16.0, max: 1_073_741_824.0 },
    default: Some("1 MiB"),
    tiny: Some("16 KiB"),
    doc: "bytes of the buffer",
};

const LATENCY: MetricDef = MetricDef::floor("latency", Unit::Seconds, "a call with the buffer, by how it is given");
const RATE: MetricDef = MetricDef::rate("rate", Unit::BytesPerSecond, "bytes copied for C in a second");
const FLOOR: MetricDef = MetricDef::fact("floor", Unit::Seconds, "one reading of the clock, taken off every pass");
const CALLS: MetricDef = MetricDef::fact("calls", Unit::Count, "calls that were timed and had the right result");

/// The probe.
pub static PROBE: Probe = Probe {
    info: &ProbeInfo {
        id: "ffi.buffer",
        summary: "What giving a buffer to C costs: lent, copied, and given for good.",
        method: 2,
        about: "One buffer is given to C call after call: `lent` (pointer and length), `copied` (into memory kept for that) \
                and `given` (into memory from `malloc`, freed by C). Its ends are written before each call and returned by \
                C; the copy that is kept is compared whole outside the time. Passes take turns on one CPU; one reading of the clock is \
                taken off each and shown as `floor`. The numbers are wrong when a compiler leaves out a copy that nobody \
                reads: the copies go through memory that it must believe to be read, and twice the calls must take twice \
                the time.",
        params: &[SIZE],
        metrics: &[LATENCY, RATE, FLOOR, CALLS],
        round_seconds: 0.3,
        process: RoundProcess::Engine,
        noise: OwnNoise::Quiet,
    },
    run,
};

/// The buffer of Rust's, and the copy.
struct Buffers {
    own: Vec<u8>,
    copy: Vec<u8>,
}

const KINDS: [&str; 3] = ["lent", "copied", "given"];
const CALLS_OF: [fn(&mut Buffers, u64) -> u64; 3] = [lent, copied, given];

fn run(args: &Args, cx: &mut Context<'_>) -> Result<(), ProbeError> {
    let size = args.number(SIZE.name) as usize;
    let rungs: Vec<Rung<Buffers>> = KINDS
        .iter()
        .zip(CALLS_OF)
        .map(|(name, calls)| Rung::new(*name, calls, if *name == "copied" { expected_copy } else { expected }))
        .collect();
    let seed = cx.seed;
    let turns = turns::take(cx, &rungs, move || Buffers::new(size, seed))?;
    for (kind, each) in KINDS.iter().zip(&turns.each) {
        let labels = Labels::new().with("kind", *kind);
        cx.record_with(LATENCY.metric(), labels.clone(), each);
        if *kind != "lent" {
            let rates: Vec<f64> = each.iter().map(|seconds| size as f64 / seconds).collect();
            cx.record_with(RATE.metric(), labels, &rates);
        }
    }
    cx.record(&FLOOR, turns.floor);
    cx.record(&CALLS, turns.total());
    Ok(())
}

impl Buffers {
    fn new(size: usize, seed: u64) -> Self {
        let mut bytes = Stream::new(seed, &[]);
        Self { own: (0..size).map(|_| bytes.next_u64() as u8).collect(), copy: vec![0; size] }
    }
}

/// Calls C so many times with what `give` makes of the bytes, whose ends are written anew for each call. Where the bytes
/// lie stays in registers: a caller that holds a slice has not to look it up.
#[inline(always)]
fn calls(own: &mut [u8], count: u64, mut give: impl FnMut(&[u8]) -> u64) -> u64 {
    let (mut sum, mut at) = (0i64, 0i64);
    repeated(count, || {
        let [first, .., last] = &mut *own else { return };
        (*first, *last) = (at as u8, (at >> 8) as u8);
        keep_at(first);
        // One call after the other: no compiler gathers what belongs to eight of them.
        sum = keep(sum.wrapping_add(give(own) as i64));
        at = keep(at + 1);
    });
    sum as u64
}

/// Looked up once, and not known to the compiler.
type Ends = unsafe extern "C" fn(*const u8, usize) -> u64;

fn lent(buffers: &mut Buffers, count: u64) -> u64 {
    let ends: Ends = black_box(foreign::ladder_ends);
    calls(&mut buffers.own, count, |own| {
        // SAFETY: as many bytes can be read from there as is said.
        unsafe { ends(own.as_ptr(), own.len()) }
    })
}

fn copied(buffers: &mut Buffers, count: u64) -> u64 {
    let copy = buffers.copy.as_mut_slice();
    let ends: Ends = black_box(foreign::ladder_ends);
    calls(&mut buffers.own, count, |own| {
        copy.copy_from_slice(own);
        keep_at(copy);
        // SAFETY: as many bytes can be read from there as is said.
        unsafe { ends(copy.as_ptr(), copy.len()) }
    })
}

fn given(buffers: &mut Buffers, count: u64) -> u64 {
    calls(&mut buffers.own, count, |own| {
        let length = own.len();
        // SAFETY: as many bytes are asked for as are written and read; the function frees what it is given, once.
        unsafe {
            let memory = libc::malloc(length).cast::<u8>();
            if memory.is_null() {
                return 0;
            }
            std::ptr::copy_nonoverlapping(own.as_ptr(), memory, length);
            foreign::ladder_keep(memory, length)
        }
    })
}

/// What so many calls add up to: the lengths, and what was written at the ends.
fn expected(buffers: &Buffers, count: u64) -> u64 {
    // Sums over whole turns of a byte, and over what is left.
    let below = |count: u64| count.wrapping_mul(count.wrapping_sub(1)) / 2;
    let low = (count / 256).wrapping_mul(below(256)).wrapping_add(below(count % 256));
    let high = (0..256u64).fold(0u64, |sum, byte| {
        let turns = count / 65_536 * 256 + (count % 65_536).saturating_sub(byte * 256).min(256);
        sum.wrapping_add(byte.wrapping_mul(turns))
    });
    (buffers.own.len() as u64).wrapping_mul(count).wrapping_add(low << 48).wrapping_add(high << 56)
}

/// The same after copies; another number when the last one is not whole.
fn expected_copy(buffers: &Buffers, count: u64) -> u64 {
    let sum = expected(buffers, count);
    if buffers.copy == buffers.own { sum } else { !sum }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::harness::tests::{round_within, values};

    #[test]
    fn every_kind_has_a_possible_cost() {
        let (records, _) = round_within(&PROBE, &[], &[("latency", 1e-10..1e-1)]).unwrap();
        assert!(values(&records, "latency").iter().all(|cost| (1e-10..1e-1).contains(cost)), "{records:?}");
        assert_eq!(records.iter().filter(|record| record.metric.id == "rate").count(), 2);
    }

    #[test]
    fn the_expected_sum_is_that_of_a_plain_loop() {
        let buffers = Buffers::new(100, 1);
        for count in [0, 1, 255, 256, 257, 65_535, 65_536, 70_001, 200_000u64] {
            let plain = (0..count)
                .fold(0u64, |sum, at| sum.wrapping_add(100 + ((at & 255) << 48)).wrapping_add(((at >> 8) & 255) << 56));
            assert_eq!(expected(&buffers, count), plain, "{count}");
        }
    }

    #[test]
    fn all_kinds_agree_and_a_copy_that_is_not_whole_does_not() {
        let mut buffers = Buffers::new(5_000, 3);
        for calls in CALLS_OF {
            assert_eq!(calls(&mut buffers, 700), expected(&buffers, 700));
        }
        copied(&mut buffers, 1);
        assert_eq!(expected_copy(&buffers, 1), expected(&buffers, 1));
        buffers.copy[2_500] ^= 1;
        assert_ne!(expected_copy(&buffers, 1), expected(&buffers, 1));
    }
}
