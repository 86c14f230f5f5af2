//! Takes memory, moves it, and checks that it keeps what it was given.
//!
//! Method: `fill` touches a share of what is available and keeps it, writing a pattern that depends on the place of each
//! word and its complement, and reading both back: a bit that stays, flips or is addressed wrongly shows. `bandwidth`
//! copies the region from half to half. `allocate` takes and gives back blocks from 16 B to 256 KiB with a canary each.
//! `fault` maps, touches and unmaps fresh pages, which must come zeroed.
//!
//! What makes it wrong: memory that was taken but never touched is not used; a region inside the last cache moves nothing;
//! pages that are shared or compressed by the kernel take less than they seem to.

use engine_core::args::Args;
use engine_core::probe::{ParamDef, ParamKind, ProbeInfo};

use super::{DURATION, INTENSITY, Lcg, NICE, RAMP, THREADS, info};
use crate::room;
use crate::stress::{Needs, Stressor, Worker};

/// See the top of the file.
pub(in crate::stress) static STRESSOR: Stressor = Stressor { info: &INFO, needs, work };

static INFO: ProbeInfo = info(
    "stress.memory",
    "Takes memory, moves it, and checks that it keeps what it was given.",
    "Fill with place-dependent patterns, copy, allocate with canaries, or fault in fresh pages. A region inside a cache \
     makes bandwidth wrong; what is not touched is not taken.",
    &[
        ParamDef {
            name: "mode",
            kind: ParamKind::Choice(&["fill", "bandwidth", "allocate", "fault"]),
            default: Some("fill"),
            tiny: None,
            doc: "what is done with it",
        },
        ParamDef {
            name: "pattern",
            kind: ParamKind::Choice(&["address", "inversions", "walking"]),
            default: Some("address"),
            tiny: None,
            doc: "what `fill` writes: a word that depends on its place, all zeroes and then all ones, or one bit that walks; \
                  each and its complement",
        },
        ParamDef {
            name: "share",
            kind: ParamKind::Count { min: 0, max: 100 },
            default: Some("25"),
            tiny: Some("0"),
            doc: "percent of the memory that is available at the start",
        },
        ParamDef {
            name: "size",
            kind: ParamKind::Size { min: 1_048_576.0, max: 1e13 },
            default: Some("64 MiB"),
            tiny: Some("8 MiB"),
            doc: "at least so much, all threads together",
        },
        INTENSITY,
        DURATION,
        RAMP,
        THREADS,
        NICE,
    ],
);

/// Words written or checked between two looks at the clock.
const PIECE: usize = 64 << 10;

fn needs(args: &Args) -> Needs {
    let share = room::memory_available() / 100 * args.whole("share");
    Needs { memory: share.max(args.whole("size")), ..Needs::default() }
}

fn work(args: &Args, worker: &mut Worker) -> Result<(), String> {
    let bytes = worker.needs().memory / worker.threads.max(1) as u64;
    let words = usize::try_from(bytes / 8).map_err(|_| "more memory than can be addressed")?;
    match args.text("mode") {
        "bandwidth" => bandwidth(worker, words),
        "allocate" => allocate(worker, words * 8),
        "fault" => fault(worker, words * 8),
        _ => fill(worker, words, Pattern::of(args.text("pattern"))),
    }
}

/// A region of zeroes that is not touched yet; an error instead of an abort where there is none.
fn region(words: usize) -> Result<Vec<u64>, String> {
    let mut region = Vec::new();
    region.try_reserve_exact(words).map_err(|error| format!("{} MiB: {error}", words >> 17))?;
    Ok(region)
}

/// What `fill` writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Pattern {
    /// Each word tells its place: finds words that are addressed wrongly, too.
    Address,
    /// Zeroes, then ones: finds bits that stay.
    Inversions,
    /// One bit a word, a place further in each word and pass: finds neighbours that pull each other.
    Walking,
}

impl Pattern {
    fn of(name: &str) -> Self {
        match name {
            "inversions" => Self::Inversions,
            "walking" => Self::Walking,
            _ => Self::Address,
        }
    }

    /// What the word at a place holds in a pass: in odd ones the complement of the pass before.
    const fn word(self, seed: u64, pass: u64, place: usize) -> u64 {
        let value = match self {
            Self::Address => (place as u64 ^ seed).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29) ^ place as u64,
            Self::Inversions => 0,
            Self::Walking => 1 << ((place as u64 + pass / 2) & 63),
        };
        if pass & 1 == 0 { value } else { !value }
    }
}

fn fill(worker: &mut Worker, words: usize, kind: Pattern) -> Result<(), String> {
    let pattern = |seed, pass, place| kind.word(seed, pass, place);
    let mut region = region(words)?;
    let seed = worker.seed;
    let mut pass = 0;
    loop {
        for start in (0..words).step_by(PIECE) {
            let end = (start + PIECE).min(words);
            if region.len() < end {
                region.extend((start..end).map(|place| pattern(seed, pass, place)));
            } else {
                region[start..end].iter_mut().zip(start..).for_each(|(word, place)| *word = pattern(seed, pass, place));
            }
            if !worker.turn(1) {
                return Ok(());
            }
        }
        let words_now = std::hint::black_box(region.as_mut_slice());
        if worker.plants() {
            words_now[words / 2] ^= 1 << 33;
        }
        for start in (0..words).step_by(PIECE) {
            let piece = &words_now[start..(start + PIECE).min(words)];
            let wrong = piece.iter().zip(start..).find(|(word, place)| **word != pattern(seed, pass, *place));
            worker.checked(wrong.is_none(), || match wrong {
                Some((word, place)) => {
                    let flipped = word ^ pattern(seed, pass, place);
                    format!("memory: word {place} holds {word:#018x}, bits {flipped:#x} flipped")
                }
                None => String::new(),
            });
            if !worker.turn(1) {
                return Ok(());
            }
        }
        pass += 1;
    }
}

fn bandwidth(worker: &mut Worker, words: usize) -> Result<(), String> {
    let half = (words / 2).max(PIECE);
    let (mut from, mut to) = (region(half)?, region(half)?);
    let pattern = |seed, place| Pattern::Address.word(seed, 0, place);
    from.extend((0..half).map(|place| pattern(worker.seed, place)));
    to.resize(half, 0);
    loop {
        for start in (0..half).step_by(PIECE) {
            let end = (start + PIECE).min(half);
            to[start..end].copy_from_slice(&from[start..end]);
            if worker.plants() {
                to[start] ^= 1 << 9;
            }
            // One word of each piece: reading all would halve what is moved.
            let to = std::hint::black_box(&to);
            worker.checked(to[start] == pattern(worker.seed, start), || format!("bandwidth: word {start} is wrong"));
            if !worker.turn(1) {
                return Ok(());
            }
        }
    }
}

fn allocate(worker: &mut Worker, bytes: usize) -> Result<(), String> {
    let mut random = Lcg(worker.seed);
    let mut held: std::collections::VecDeque<(Vec<u64>, u64)> = std::collections::VecDeque::new();
    let mut size = 0;
    loop {
        for _ in 0..64 {
            let words = 2_usize << (random.step() >> 60).min(14);
            let canary = random.step();
            let mut block = region(words)?;
            block.resize(words, canary);
            size += words * 8;
            held.push_back((block, canary));
            while size > bytes {
                let Some((mut block, canary)) = held.pop_front() else { break };
                if worker.plants() {
                    block[0] ^= 1;
                }
                size -= block.len() * 8;
                let block = std::hint::black_box(&block);
                let kept = block.first() == Some(&canary) && block.last() == Some(&canary);
                worker.checked(kept, || "allocate: a canary is dead".to_owned());
            }
        }
        if !worker.turn(64) {
            return Ok(());
        }
    }
}

fn fault(worker: &mut Worker, bytes: usize) -> Result<(), String> {
    const PAGE: usize = 4096;
    let length = bytes.clamp(PAGE, 4 << 20) / PAGE * PAGE;
    loop {
        // SAFETY: a private anonymous map at a place of the kernel's choice touches nothing of ours.
        let map = unsafe {
            libc::mmap(
                std::ptr::null_mut(),
                length,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_PRIVATE | libc::MAP_ANONYMOUS,
                -1,
                0,
            )
        };
        if map == libc::MAP_FAILED {
            return Err(format!("a map of {length} B: {}", std::io::Error::last_os_error()));
        }
        // SAFETY: the map is ours, zeroed, this long, and given back only behind the last use of the slice.
        let region = unsafe { std::slice::from_raw_parts_mut(map.cast::<u8>(), length) };
        let mut zero = true;
        for page in (0..length).step_by(PAGE) {
            if worker.plants() {
                region[page] = 1;
            }
            zero &= region[page] == 0;
            region[page] = 0xff;
        }
        worker.checked(zero, || "fault: a fresh page was not zero".to_owned());
        // SAFETY: the map is ours and nothing refers to it any more.
        unsafe { libc::munmap(map, length) };
        if !worker.turn((length / PAGE) as u64) {
            return Ok(());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_and_complements_differ() {
        for place in 0..1000 {
            for kind in ["address", "inversions", "walking"].map(Pattern::of) {
                assert_eq!(kind.word(7, 0, place), !kind.word(7, 1, place), "{kind:?}");
                assert!(kind == Pattern::Inversions || kind.word(7, 0, place) != kind.word(7, 0, place + 1));
            }
            let walks = (0..64).map(|pass| Pattern::Walking.word(7, 2 * pass, place)).fold(0, |all, word| all | word);
            assert_eq!(walks, u64::MAX, "every bit has its turn");
        }
    }
}
