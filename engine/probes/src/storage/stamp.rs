//! What a test file holds: random bytes that nothing can compress or merge, each unit of 4 KiB with a stamp that says
//! which unit of which file it is and how its bytes are made. So a read that brought the wrong block, or nothing at
//! all, is seen from the first bytes, and any unit can be made again and compared in full.

use engine_core::stats::Stream;

/// Bytes that carry one stamp.
pub(crate) const UNIT: usize = 4096;
/// The same in words.
pub(crate) const WORDS: usize = UNIT / 8;
/// Words of the stamp: magic, key of the file, number of the unit, writer, part.
const STAMP: usize = 5;
const MAGIC: u64 = 0x656e_6769_6e65_494f;

/// Who wrote a unit. The bytes after the stamp are made of the file's key, the tag and the part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Writer {
    /// 0 when the file was made, else names the round and the buffer.
    pub(crate) tag: u64,
    /// The unit's number when the file was made, else its place in the buffer.
    pub(crate) part: u64,
}

/// Makes a whole unit as the file is first written.
pub(crate) fn make(unit: &mut [u64], key: u64, index: u64) {
    let writer = Writer { tag: 0, part: index };
    body(unit, key, writer);
    stamp(unit, key, index, writer);
}

/// The bytes after the stamp.
pub(crate) fn body(unit: &mut [u64], key: u64, writer: Writer) {
    let mut stream = Stream::new(key, &[writer.tag, writer.part]);
    for word in &mut unit[STAMP..] {
        *word = stream.next_u64();
    }
}

/// The stamp alone: what changes when a buffer is written to another place.
#[inline]
pub(crate) fn stamp(unit: &mut [u64], key: u64, index: u64, writer: Writer) {
    unit[..STAMP].copy_from_slice(&[MAGIC, key, index, writer.tag, writer.part]);
}

/// Whether the stamp is that of the unit. Reads one line of the cache.
#[inline]
pub(crate) fn is_unit(unit: &[u64], key: u64, index: u64) -> bool {
    unit[0] == MAGIC && unit[1] == key && unit[2] == index
}

/// Whether every byte of the unit is as it was written.
pub(crate) fn is_intact(unit: &[u64], key: u64, index: u64) -> bool {
    let mut again = [0; WORDS];
    body(&mut again, key, writer(unit));
    is_unit(unit, key, index) && unit[STAMP..WORDS] == again[STAMP..]
}

/// Who wrote a unit that carries a stamp.
pub(crate) fn writer(unit: &[u64]) -> Writer {
    Writer { tag: unit[3], part: unit[4] }
}

/// The key of the file whose first unit this is; none when the file is not one of ours.
pub(crate) fn key_of(unit: &[u64]) -> Option<u64> {
    (unit[0] == MAGIC && unit[2] == 0).then_some(unit[1])
}

/// Why a device could store less than was written.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub(crate) enum Compressible {
    #[error("its bytes carry {0:.2} bits of 8")]
    Bytes(f64),
    #[error("{:.0} % of its words repeat", .0 * 100.0)]
    Repeats(f64),
}

/// Fewest bits a random byte carries in a sample of at least 16 KiB; at 4 KiB the estimate itself costs 0.05 bits.
const LEAST_BITS: f64 = 7.9;
/// Largest share of eight-byte words that may be there twice; chance makes none.
const MOST_REPEATS: f64 = 0.01;

/// Looks for what a compressing or merging device would save: bytes that are not equally frequent, and words that
/// repeat. A necessary check, not a sufficient one: our own bytes are random by their making.
pub(crate) fn check_random(words: &[u64]) -> Result<(), Compressible> {
    let mut counts = [0_u32; 256];
    for byte in words.iter().flat_map(|word| word.to_le_bytes()) {
        counts[usize::from(byte)] += 1;
    }
    let all = (words.len() * 8) as f64;
    let shares = counts.iter().filter(|count| **count > 0).map(|count| f64::from(*count) / all);
    let bits: f64 = shares.map(|share| -share * share.log2()).sum();
    if bits < LEAST_BITS {
        return Err(Compressible::Bytes(bits));
    }
    let mut sorted = words.to_vec();
    sorted.sort_unstable();
    let repeats = sorted.windows(2).filter(|pair| pair[0] == pair[1]).count() as f64 / words.len() as f64;
    if repeats > MOST_REPEATS { Err(Compressible::Repeats(repeats)) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const UNITS: usize = 8;

    fn file(key: u64) -> Vec<u64> {
        let mut words = vec![0; UNITS * WORDS];
        for (index, unit) in (0..).zip(words.chunks_exact_mut(WORDS)) {
            make(unit, key, index);
        }
        words
    }

    #[test]
    fn a_unit_knows_its_place_and_its_bytes() {
        let mut words = file(7);
        assert_eq!((key_of(&words), key_of(&words[WORDS..]), key_of(&[0; WORDS])), (Some(7), None, None));
        let unit = &mut words[3 * WORDS..4 * WORDS];
        assert!(is_unit(unit, 7, 3) && is_intact(unit, 7, 3));
        assert!(!is_unit(unit, 7, 2) && !is_unit(unit, 8, 3));
        unit[WORDS - 1] ^= 1 << 40;
        assert!(is_unit(unit, 7, 3) && !is_intact(unit, 7, 3));
    }

    #[test]
    fn a_buffer_written_elsewhere_is_made_again_from_its_stamp() {
        let mut unit = [0; WORDS];
        let writer = Writer { tag: 99, part: 2 };
        body(&mut unit, 7, writer);
        stamp(&mut unit, 7, 41, writer);
        assert!(is_intact(&unit, 7, 41));
        stamp(&mut unit, 7, 41, Writer { tag: 98, part: 2 });
        assert!(!is_intact(&unit, 7, 41));
    }

    #[test]
    fn what_compresses_or_merges_is_flagged() {
        assert_eq!(check_random(&file(7)), Ok(()));
        assert!(matches!(check_random(&vec![0; UNITS * WORDS]), Err(Compressible::Bytes(bits)) if bits == 0.0));
        let text: Vec<u64> = (0..UNITS * WORDS).map(|at| u64::from_le_bytes(*b"abcdefgh") + at as u64).collect();
        assert!(matches!(check_random(&text), Err(Compressible::Bytes(_))));
        // Random bytes, but one block again and again.
        let one = file(7)[..WORDS].to_vec();
        let merged: Vec<u64> = (0..UNITS).flat_map(|_| one.clone()).collect();
        assert!(matches!(check_random(&merged), Err(Compressible::Repeats(share)) if share > 0.8));
    }
}
