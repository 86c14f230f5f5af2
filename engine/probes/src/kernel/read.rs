//! Reading a region from one end to the other, with a result that shows what was read.
//!
//! Each word is folded by exclusive or into one of four registers, an operation that takes its operand from memory and
//! costs what a plain load costs: four vectors a turn, as likwid-bench's `load`. The fold of all words is known from
//! the filling, so a pass that leaves out a word, reads one twice or is dropped by the compiler gives another.
#![cfg_attr(target_arch = "x86_64", expect(unsafe_code, reason = "assembly on pointers into the region's own buffer"))]

use super::isa::{Isa, IsaUnavailable};
use super::random::SplitMix;
use crate::harness::buffer::{Buffer, BufferError, Obtained, Pages};

/// Words of the longest turn (four vectors of 64 bytes): every length is a multiple of it.
pub const GRAIN: usize = 32;

/// Words of known content, filled by the thread that makes the region.
#[derive(Debug)]
pub struct Region {
    buffer: Buffer,
    words: usize,
    fold: u64,
}

/// The fold of all words is not that of what was filled in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("what was read folds to {found:#x}, and what is there to {expected:#x}")]
pub struct Misread {
    /// The fold of a pass.
    pub found: u64,
    /// The fold of the content.
    pub expected: u64,
}

/// How far a region is read that is read in pieces, again and again.
#[derive(Debug, Clone, Copy, Default)]
pub struct Sweep {
    next: usize,
    fold: u64,
    wrong: Option<Misread>,
}

impl Sweep {
    /// Counts words that were not read, to prove that the check sees it.
    #[cfg(test)]
    pub(crate) fn skip(&mut self, words: usize) {
        self.next += words;
    }
}

/// A pass for one instruction set.
#[derive(Debug, Clone, Copy)]
pub struct Reader {
    isa: Isa,
}

impl Reader {
    /// The one for `isa`.
    ///
    /// # Errors
    /// When the machine lacks it, or no pass is written for it.
    pub fn new(isa: Isa) -> Result<Self, IsaUnavailable> {
        let written = if cfg!(target_arch = "x86_64") { isa != Isa::AvxFma } else { isa == Isa::Scalar };
        if written && isa.is_available() { Ok(Self { isa }) } else { Err(IsaUnavailable { isa, best: best() }) }
    }

    /// The instruction set.
    #[must_use]
    pub fn isa(&self) -> Isa {
        self.isa
    }
}

/// The widest instruction set that this machine has for reading.
#[must_use]
pub fn best() -> Isa {
    let written = [Isa::Avx512, Isa::Avx, Isa::Sse2];
    written.into_iter().find(|isa| isa.is_available()).unwrap_or(Isa::Scalar)
}

impl Region {
    /// A region of `words` words, rounded up to a multiple of [`GRAIN`], filled from `seed` by this thread.
    ///
    /// # Errors
    /// As [`Buffer::map`].
    pub fn new(words: usize, pages: Pages, available: u64, seed: u64) -> Result<Self, BufferError> {
        let words = words.max(1).checked_next_multiple_of(GRAIN).filter(|words| *words <= usize::MAX / 16);
        let Some(words) = words else { return Err(BufferError::TooLarge { asked: usize::MAX, available }) };
        let mut buffer = Buffer::map(words * size_of::<u64>(), pages, available)?;
        let (mut random, mut fold) = (SplitMix::new(seed), 0);
        for word in buffer.slice_mut::<u64>(0, words) {
            *word = random.bits();
            fold ^= *word;
        }
        Ok(Self { buffer, words, fold })
    }

    /// Bytes that a pass reads.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        (self.words * size_of::<u64>()) as u64
    }

    /// What pages the region lies in.
    #[must_use]
    pub fn obtained(&self) -> Option<Obtained> {
        self.buffer.obtained()
    }

    /// Reads everything once.
    ///
    /// # Errors
    /// When the fold is not that of the content.
    #[inline]
    pub fn read(&self, reader: &Reader) -> Result<(), Misread> {
        let found = self.part(reader, 0, self.words);
        if found == self.fold { Ok(()) } else { Err(Misread { found, expected: self.fold }) }
    }

    /// Reads the next `words` words of a sweep (a multiple of [`GRAIN`] that divides the region), and says how many
    /// bytes that were; begins anew at the end.
    ///
    /// # Panics
    /// As [`Region::part`].
    pub fn read_on(&self, reader: &Reader, sweep: &mut Sweep, words: usize) -> u64 {
        sweep.fold ^= self.part(reader, sweep.next, words);
        sweep.next += words;
        if sweep.next >= self.words {
            if sweep.fold != self.fold && sweep.wrong.is_none() {
                sweep.wrong = Some(Misread { found: sweep.fold, expected: self.fold });
            }
            (sweep.next, sweep.fold) = (0, 0);
        }
        (words * size_of::<u64>()) as u64
    }

    /// Whether all that a sweep read was there: in each time through, and so far in the last.
    ///
    /// # Errors
    /// The first that was not.
    pub fn check(&self, reader: &Reader, sweep: &Sweep) -> Result<(), Misread> {
        let expected = if sweep.next == 0 { 0 } else { self.part(reader, 0, sweep.next) };
        match sweep.wrong {
            Some(wrong) => Err(wrong),
            None if sweep.fold != expected => Err(Misread { found: sweep.fold, expected }),
            None => Ok(()),
        }
    }

    /// The fold of `words` words from word `first` on; both multiples of [`GRAIN`], `words` not zero.
    ///
    /// # Panics
    /// When they are not, or the part does not lie in the region.
    #[must_use]
    pub fn part(&self, reader: &Reader, first: usize, words: usize) -> u64 {
        assert!(first.is_multiple_of(GRAIN) && words.is_multiple_of(GRAIN) && words > 0, "{words} words at {first}");
        let part = &self.buffer.slice::<u64>(0, self.words)[first..first + words];
        #[cfg(target_arch = "x86_64")]
        return x86::fold(reader.isa, part);
        #[cfg(not(target_arch = "x86_64"))]
        {
            let _ = reader;
            // Each pass reads anew: nothing may be kept from the one before.
            crate::harness::opaque::clobber();
            part.iter().fold(0, |fold, word| fold ^ word)
        }
    }

    /// Spoils one word, to prove that a pass sees it.
    #[cfg(test)]
    pub(crate) fn spoil(&mut self, word: usize) {
        self.buffer.slice_mut::<u64>(0, self.words)[word] ^= 1;
    }
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use super::GRAIN;
    use crate::kernel::isa::Isa;
    use std::arch::asm;

    /// What the four registers hold at the end, folded to one vector.
    #[repr(align(64))]
    struct Lanes([u64; 8]);

    macro_rules! fold {
        ($name:ident, $turn:literal, $zero:literal, $step:literal, $join:literal, $put:literal, $after:literal) => {
            /// # Safety
            /// `from` holds `n` words and is aligned to 64 bytes; `n` is a positive multiple of the grain; the machine
            /// has the instruction set.
            unsafe fn $name(from: *const u64, n: usize, to: *mut u64) {
                // SAFETY: as the caller vouches; `to` has room for a vector of 64 bytes; all that is written is
                // declared, and the upper parts of the registers hold nothing of the compiler's.
                unsafe {
                    asm!(
                        ".irp r,0,1,2,3",
                        $zero,
                        ".endr",
                        ".p2align 5",
                        "2:",
                        ".irp r,0,1,2,3",
                        $step,
                        ".endr",
                        "add {i}, {turn}",
                        "cmp {i}, {n}",
                        "jb 2b",
                        ".irp r,1,2,3",
                        $join,
                        ".endr",
                        $put,
                        $after,
                        turn = const $turn,
                        i = inout(reg) 0usize => _,
                        n = in(reg) n,
                        from = in(reg) from,
                        to = in(reg) to,
                        out("xmm0") _,
                        out("xmm1") _,
                        out("xmm2") _,
                        out("xmm3") _,
                        options(nostack),
                    );
                }
            }
        };
    }

    fold!(
        sse2,
        8,
        "pxor xmm\\r, xmm\\r",
        "pxor xmm\\r, [{from} + {i}*8 + \\r*16]",
        "pxor xmm0, xmm\\r",
        "movdqa [{to}], xmm0",
        ""
    );
    fold!(
        avx,
        16,
        "vxorpd ymm\\r, ymm\\r, ymm\\r",
        "vxorpd ymm\\r, ymm\\r, [{from} + {i}*8 + \\r*32]",
        "vxorpd ymm0, ymm0, ymm\\r",
        "vmovapd [{to}], ymm0",
        "vzeroupper"
    );
    fold!(
        avx512,
        32,
        "vpxorq zmm\\r, zmm\\r, zmm\\r",
        "vpxorq zmm\\r, zmm\\r, [{from} + {i}*8 + \\r*64]",
        "vpxorq zmm0, zmm0, zmm\\r",
        "vmovdqa64 [{to}], zmm0",
        "vzeroupper"
    );

    /// The same with one word at a time.
    ///
    /// # Safety
    /// As for the others.
    unsafe fn scalar(from: *const u64, n: usize, to: *mut u64) {
        // SAFETY: reads only what the caller vouches for; all that is written is declared.
        unsafe {
            let mut folds = [0u64; 4];
            let [a, b, c, d] = &mut folds;
            asm!(
                ".p2align 5",
                "2:",
                "xor {a}, [{from} + {i}*8]",
                "xor {b}, [{from} + {i}*8 + 8]",
                "xor {c}, [{from} + {i}*8 + 16]",
                "xor {d}, [{from} + {i}*8 + 24]",
                "add {i}, 4",
                "cmp {i}, {n}",
                "jb 2b",
                i = inout(reg) 0usize => _,
                n = in(reg) n,
                from = in(reg) from,
                a = inout(reg) *a,
                b = inout(reg) *b,
                c = inout(reg) *c,
                d = inout(reg) *d,
                options(nostack, readonly),
            );
            to.write(folds.iter().fold(0, |fold, word| fold ^ word));
        }
    }

    /// The fold of all words; their number is a positive multiple of the grain, their start a multiple of 64 bytes.
    #[inline]
    pub(super) fn fold(isa: Isa, words: &[u64]) -> u64 {
        debug_assert!(words.len().is_multiple_of(GRAIN) && words.as_ptr().addr().is_multiple_of(64));
        let mut lanes = Lanes([0; 8]);
        let pass = match isa {
            Isa::Scalar => scalar,
            Isa::Sse2 => sse2,
            Isa::Avx | Isa::AvxFma => avx,
            Isa::Avx512 => avx512,
        };
        // SAFETY: a buffer starts on a page and parts of it on a grain, so that the start is aligned; the length is a
        // positive multiple of the grain; a `Reader` only exists for what the machine has.
        unsafe { pass(words.as_ptr(), words.len(), lanes.0.as_mut_ptr()) };
        lanes.0.iter().fold(0, |fold, lane| fold ^ lane)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn readers() -> Vec<Reader> {
        Isa::ALL.into_iter().filter_map(|isa| Reader::new(isa).ok()).collect()
    }

    #[test]
    fn every_instruction_set_reads_every_word() {
        assert!(!readers().is_empty() && Reader::new(Isa::AvxFma).is_err());
        for words in [1, GRAIN, GRAIN + 1, 4 * GRAIN, 4_096] {
            for reader in readers() {
                let mut region = Region::new(words, Pages::System, u64::MAX, 7).unwrap();
                region.read(&reader).unwrap_or_else(|error| panic!("{reader:?}: {error}"));
                for word in [0, region.words / 2, region.words - 1] {
                    region.spoil(word);
                    assert!(region.read(&reader).is_err(), "{reader:?} does not see word {word}");
                    region.spoil(word);
                }
                region.read(&reader).unwrap();
            }
        }
    }

    #[test]
    fn a_part_left_out_shows() {
        let region = Region::new(4_096, Pages::System, u64::MAX, 7).unwrap();
        let reader = Reader::new(best()).unwrap();
        let halves = region.part(&reader, 0, 2_048) ^ region.part(&reader, 2_048, 2_048);
        assert_eq!(halves, region.fold);
        assert_ne!(region.part(&reader, 0, 4_096 - GRAIN), region.fold);
    }

    #[test]
    #[should_panic(expected = "words at")]
    fn a_part_that_is_no_multiple_panics() {
        let region = Region::new(GRAIN, Pages::System, u64::MAX, 7).unwrap();
        let _ = region.part(&Reader::new(best()).unwrap(), 0, 1);
    }
}
