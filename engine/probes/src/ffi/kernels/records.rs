//! Two guarantees on bytes: a text is what it claims to be (parsing), and what is read cannot change or go away (a copy of
//! one's own).
#![expect(unsafe_code, reason = "the sides without the guarantee")]

use super::super::turns::keep_at;
use super::{COUNT, Data, Kernel, Side};
use crate::harness::opaque::clobber;
use crate::kernel::random::SplitMix;

/// Digits of a number, and bytes of a line.
const DIGITS: usize = 8;
const LINE: usize = DIGITS + 1;
/// Bytes of a record.
const RECORD: usize = 64;
/// Records of a sweep.
const RECORDS: usize = 128;

unsafe extern "C" {
    fn safety_parsing(text: *const u8, lines: usize) -> u64;
    fn safety_parsing_checked(text: *const u8, lines: usize) -> u64;
    fn safety_copying(bytes: *const u8, record: usize, records: usize) -> u64;
    fn safety_copying_checked(bytes: *const u8, record: usize, records: usize) -> u64;
}

/// Numbers as text, and records.
pub(super) struct Records {
    text: Vec<u8>,
    numbers: Vec<u32>,
    bytes: Vec<u8>,
}

impl Records {
    pub(super) fn new(random: &mut SplitMix) -> Self {
        let numbers: Vec<u32> = (0..COUNT).map(|_| random.below(100_000_000) as u32).collect();
        let text = numbers.iter().flat_map(|number| format!("{number:08}\n").into_bytes()).collect();
        Self { text, numbers, bytes: (0..RECORD * RECORDS).map(|_| random.bits() as u8).collect() }
    }
}

/// A line's number without a check of anything.
#[inline(always)]
fn unchecked(line: &[u8]) -> u32 {
    // SAFETY: lines have eight digits, of which numbers below 2^32 come.
    (0..DIGITS).fold(0u32, |number, at| unsafe {
        number.unchecked_mul(10).unchecked_add(u32::from(*line.get_unchecked(at)).wrapping_sub(u32::from(b'0')))
    })
}

/// Lines of eight digits become numbers. Safe: valid UTF-8, digits only, no overflow, as the standard library does it.
pub(super) const PARSING: Kernel = Kernel {
    name: "parsing",
    operations: COUNT,
    sides: &[
        (Side::Safe, |data| {
            let number = |line: &[u8]| std::str::from_utf8(&line[..DIGITS]).ok()?.parse::<u32>().ok();
            data.records.text.chunks_exact(LINE).map(|line| u64::from(number(line).unwrap_or(0))).sum()
        }),
        (Side::Unsafe, |data| data.records.text.chunks_exact(LINE).map(|line| u64::from(unchecked(line))).sum()),
        (Side::C, |data| {
            // SAFETY: the text has so many lines.
            unsafe { safety_parsing(data.records.text.as_ptr(), data.records.numbers.len()) }
        }),
        (Side::CChecked, |data| {
            // SAFETY: as before.
            unsafe { safety_parsing_checked(data.records.text.as_ptr(), data.records.numbers.len()) }
        }),
    ],
    expected: |data| data.records.numbers.iter().map(|number| u64::from(*number)).sum(),
};

/// First and last byte of each record. Safe: in a copy of one's own; proven: borrowed, which the compiler has checked.
pub(super) const COPYING: Kernel = Kernel {
    name: "copying",
    operations: RECORDS,
    sides: &[
        (Side::Safe, |data| {
            of_records(data, |record| {
                let mut own = record.to_vec();
                keep_at(&mut own);
                u64::from(own[0]) + u64::from(own[own.len() - 1])
            })
        }),
        (Side::Proven, |data| {
            of_records(data, |record| {
                clobber();
                u64::from(record[0]) + u64::from(record[record.len() - 1])
            })
        }),
        (Side::Unsafe, |data| {
            of_records(data, |record| {
                clobber();
                // SAFETY: a record has so many bytes.
                unsafe { u64::from(*record.get_unchecked(0)) + u64::from(*record.get_unchecked(RECORD - 1)) }
            })
        }),
        (Side::C, |data| {
            // SAFETY: there are so many records of such a length.
            unsafe { safety_copying(data.records.bytes.as_ptr(), RECORD, RECORDS) }
        }),
        (Side::CChecked, |data| {
            // SAFETY: as before.
            unsafe { safety_copying_checked(data.records.bytes.as_ptr(), RECORD, RECORDS) }
        }),
    ],
    expected: |data| {
        let ends = |record: &[u8]| record.first().zip(record.last()).map_or(0, |(a, b)| u64::from(*a) + u64::from(*b));
        data.records.bytes.chunks(RECORD).map(ends).sum()
    },
};

#[inline(always)]
fn of_records(data: &Data, look: impl Fn(&[u8]) -> u64) -> u64 {
    data.records.bytes.chunks_exact(RECORD).map(look).sum()
}
