//! Checks what a device left in an array, word by word, against what the processor computes.
//!
//! A kernel sums the array, one sum for each thread, so every word takes part without the array being carried over the
//! bus. The kernel itself is checked as well: blocks of the array are read back and compared in place.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::windows::LANES;
use crate::ProbeError;
use crate::kernel::random::SplitMix;

/// Vectors of four words that a workgroup of the summing kernel reads.
pub(super) const SPAN: u32 = 16_384;
/// Bytes of that span.
pub(super) const SPAN_BYTES: u64 = SPAN as u64 * 16;

/// The sum of every thread of the summing kernel, for an array that holds `word(place)` at each place.
pub(super) fn sums(words: u64, cores: usize, word: impl Fn(u32) -> u32 + Sync) -> Vec<u32> {
    let lanes = LANES as usize;
    let groups = usize::try_from(words / (u64::from(SPAN) * 4)).unwrap_or(0);
    let mut sums = vec![0_u32; groups * lanes];
    let parts: Vec<std::sync::Mutex<(usize, &mut [u32])>> =
        sums.chunks_mut(lanes).enumerate().map(std::sync::Mutex::new).collect();
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..cores.clamp(1, 16) {
            scope.spawn(|| {
                while let Some(part) = parts.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let mut part = part.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
                    let (group, sums) = &mut *part;
                    span(u32::try_from(*group).unwrap_or(u32::MAX), sums, &word);
                }
            });
        }
    });
    drop(parts);
    sums
}

/// Adds one workgroup's span up, as its threads do.
fn span(group: u32, sums: &mut [u32], word: &(impl Fn(u32) -> u32 + Sync)) {
    for round in 0..SPAN / LANES {
        let first = (group * SPAN + round * LANES) * 4;
        for (lane, sum) in (0..).zip(sums.iter_mut()) {
            let place = first + 4 * lane;
            for part in 0..4 {
                *sum = sum.wrapping_add(word(place + part));
            }
        }
    }
}

/// Compares all sums.
///
/// # Errors
/// A failed verification with the first place at fault.
pub(super) fn compare(what: &str, found: &[u32], expected: &[u32]) -> Result<(), ProbeError> {
    if found.len() != expected.len() {
        return Err(ProbeError::verification(format!("{what}: {} sums, not {}", found.len(), expected.len())));
    }
    let wrong = found.iter().zip(expected).filter(|(one, other)| one != other).count();
    match found.iter().zip(expected).position(|(one, other)| one != other) {
        None => Ok(()),
        Some(first) => {
            let byte = first as u64 / u64::from(LANES) * SPAN_BYTES;
            let all = expected.len();
            let message = format!("{what}: {wrong} of {all} sums over the array are wrong, the first from byte {byte}");
            Err(ProbeError::verification(message))
        }
    }
}

/// Compares what each thread left.
///
/// # Errors
/// A failed verification with the first thread at fault.
pub(super) fn same(what: &str, found: &[u32], expected: &[u32]) -> Result<(), ProbeError> {
    let wrong = found.iter().zip(expected).filter(|(one, other)| one != other).count();
    let first = found.iter().zip(expected).position(|(one, other)| one != other);
    match first {
        None if found.len() == expected.len() => Ok(()),
        _ => {
            let (all, first) = (expected.len(), first.unwrap_or(found.len()));
            Err(ProbeError::verification(format!("{what}: {wrong} of {all} are wrong, the first of thread {first}")))
        }
    }
}

/// Bytes of a block that is read back.
pub(super) const BLOCK: u64 = 4096;

/// Places (in bytes) of blocks to read back: the first, the last, and a few between.
pub(super) fn blocks(size: u64, seed: u64) -> Vec<u64> {
    let count = usize::try_from(size / BLOCK).unwrap_or(usize::MAX);
    let mut random = SplitMix::new(seed);
    let between = (0..6).map(|_| random.below(count) as u64 * BLOCK);
    [0, (count as u64 - 1) * BLOCK].into_iter().chain(between).collect()
}

/// Compares a block that was read back from `offset`.
///
/// # Errors
/// A failed verification with the first word at fault.
pub(super) fn block(what: &str, offset: u64, found: &[u32], word: impl Fn(u32) -> u32) -> Result<(), ProbeError> {
    let first = u32::try_from(offset / 4).unwrap_or(u32::MAX);
    for (place, &bits) in (first..).zip(found) {
        let expected = word(place);
        if bits != expected {
            let message = format!("{what}: word {place} is {bits:#010x}, not {expected:#010x}");
            return Err(ProbeError::verification(message));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failed(outcome: Result<(), ProbeError>) -> String {
        outcome.unwrap_err().to_string()
    }

    #[test]
    fn every_word_takes_part_in_one_sum() {
        let words = u64::from(SPAN) * 4 * 3;
        let clean = sums(words, 2, |place| place.wrapping_mul(7));
        assert_eq!(clean.len(), 3 * 256);
        for broken in [0, 1023, 1024, 65_535, 65_536, 196_607] {
            let one = sums(words, 1, |place| place.wrapping_mul(7) + u32::from(place == broken));
            let unlike = clean.iter().zip(&one).filter(|(a, b)| a != b).count();
            assert_eq!(unlike, 1, "word {broken}");
            let told = failed(compare("copy", &one, &clean));
            assert!(told.contains("1 of 768"), "{told}");
            assert!(told.contains(&format!("from byte {}", u64::from(broken) / 65_536 * SPAN_BYTES)), "{told}");
        }
        assert!(compare("copy", &clean, &clean).is_ok());
        assert!(failed(compare("copy", &clean[1..], &clean)).contains("767 sums"));
    }

    #[test]
    fn words_in_the_wrong_place_are_seen_in_a_block() {
        let mut found: Vec<u32> = (256..260).collect();
        assert!(block("copy", 1024, &found, |place| place).is_ok());
        found.swap(1, 2);
        assert!(failed(block("copy", 1024, &found, |place| place)).contains("word 257 is 0x00000102"));
        let blocks = blocks(1 << 20, 5);
        assert!(blocks.len() == 8 && blocks.iter().all(|at| at % BLOCK == 0 && at + BLOCK <= 1 << 20));
    }
}
