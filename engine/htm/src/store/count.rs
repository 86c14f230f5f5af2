//! Counting overlaps in one block: each posting list of a query's on bits adds one to the counters of its patterns, then
//! the counters are looked through for those that are high enough.
//!
//! The counters of a block stay in the first-level cache, and a list is two bytes a pattern, so a query reads little and
//! writes near. The counting itself is one addition a posting, which no vector instruction does better (a scatter is
//! slower); looking through the counters is done 256 at a time, in the widest vectors that the processor has and this crate's Rust may name (AVX2).

/// Patterns in a block: as many counters of a byte as fit the first-level cache.
pub(crate) const BLOCK: usize = 1 << 15;

/// Counters looked at together.
const CHUNK: usize = 256;
/// Counters looked at together where one of a chunk is high enough.
const PART: usize = 32;

/// A counter: as narrow as the query allows.
pub(crate) trait Counter: Copy + Ord {
    /// Nothing counted.
    const ZERO: Self;
    /// One more.
    fn next(self) -> Self;
    /// As a number.
    fn get(self) -> u32;
    /// The nearest that a counter can be.
    fn clamped(number: u32) -> Self;
}

macro_rules! counter {
    ($type:ty) => {
        impl Counter for $type {
            const ZERO: Self = 0;
            #[inline(always)]
            fn next(self) -> Self {
                self.wrapping_add(1)
            }
            #[inline(always)]
            fn get(self) -> u32 {
                u32::from(self)
            }
            #[inline(always)]
            fn clamped(number: u32) -> Self {
                Self::try_from(number).unwrap_or(Self::MAX)
            }
        }
    };
}
counter!(u8);
counter!(u16);
counter!(u32);

/// Takes what is high enough.
pub(crate) trait Sink {
    /// The least overlap that is of interest now. It never falls.
    fn floor(&self) -> u32;
    /// A pattern with at least that overlap.
    fn offer(&mut self, slot: usize, overlap: u32);
}

/// Asks for a list before it is needed. Lists lie apart, and a processor only foresees what it has begun to read: with
/// an index that no cache holds, half of a search would be waiting for their beginnings.
#[inline(always)]
pub(crate) fn fetch<T>(list: &[T]) {
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        // Of long lists the processor foresees the rest.
        let lines = size_of_val(list).div_ceil(LINE).min(LINES);
        for line in 0..lines {
            #[expect(unsafe_code, reason = "the instruction takes a pointer")]
            // SAFETY: the address lies within the list; and a prefetch reads nothing that a program could see.
            unsafe {
                _mm_prefetch::<_MM_HINT_T0>(list.as_ptr().cast::<i8>().add(line * LINE));
            }
        }
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = list;
}

/// Bytes of a cache line.
const LINE: usize = 64;
/// Lines of a list that are asked for.
const LINES: usize = 32;

/// The counters of one block.
#[derive(Debug)]
pub(crate) struct Counters<C>(Box<[C; BLOCK]>);

impl<C: Counter> Counters<C> {
    /// All at zero.
    pub(crate) fn new() -> Self {
        let Ok(counters) = vec![C::ZERO; BLOCK].into_boxed_slice().try_into() else {
            unreachable!("the vector has the length of the array");
        };
        Self(counters)
    }

    /// Counts one list of slots.
    #[inline]
    pub(crate) fn count(&mut self, list: &[u16]) {
        // By eights: the loop's own instructions would be a fifth of it.
        let (eights, rest) = list.as_chunks::<8>();
        for eight in eights {
            for &slot in eight {
                self.add(slot);
            }
        }
        for &slot in rest {
            self.add(slot);
        }
    }

    #[inline(always)]
    fn add(&mut self, slot: u16) {
        // The remainder is never taken of a slot that a block has: it spares the check.
        let counter = &mut self.0[usize::from(slot) % BLOCK];
        *counter = counter.next();
    }

    /// Hands on every one of the first `len` slots that is high enough, and sets their counters to zero.
    pub(crate) fn drain(&mut self, len: usize, sink: &mut impl Sink) {
        let counters = &mut self.0[..len];
        #[cfg(target_arch = "x86_64")]
        if is_x86_feature_detected!("avx2") {
            #[expect(unsafe_code, reason = "calls a function that is compiled for a wider instruction set")]
            // SAFETY: the processor has what the function is compiled for.
            return unsafe { drain_avx2(counters, sink) };
        }
        drain(counters, sink);
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn drain_avx2<C: Counter>(counters: &mut [C], sink: &mut impl Sink) {
    drain(counters, sink);
}

/// The loop itself, compiled once for each instruction set.
#[inline(always)]
fn drain<C: Counter>(counters: &mut [C], sink: &mut impl Sink) {
    let mut floor = C::clamped(sink.floor());
    let (chunks, rest) = counters.as_chunks_mut::<CHUNK>();
    for (at, chunk) in chunks.iter_mut().enumerate() {
        if most(chunk) >= floor {
            for (part, counters) in chunk.as_chunks::<PART>().0.iter().enumerate() {
                if most(counters) >= floor {
                    floor = offer(counters, at * CHUNK + part * PART, floor, sink);
                }
            }
        }
        *chunk = [C::ZERO; CHUNK];
    }
    offer(rest, chunks.len() * CHUNK, floor, sink);
    rest.fill(C::ZERO);
}

/// The highest of some counters: without a branch inside, so that it becomes vector instructions.
#[inline(always)]
fn most<C: Counter, const N: usize>(counters: &[C; N]) -> C {
    counters.iter().fold(C::ZERO, |most, &counter| most.max(counter))
}

/// One by one; what is of interest afterwards.
#[inline(always)]
fn offer<C: Counter>(counters: &[C], first: usize, mut floor: C, sink: &mut impl Sink) -> C {
    for (at, &counter) in counters.iter().enumerate() {
        if counter >= floor {
            sink.offer(first + at, counter.get());
            floor = C::clamped(sink.floor());
        }
    }
    floor
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Above(u32, Vec<(usize, u32)>);
    impl Sink for Above {
        fn floor(&self) -> u32 {
            self.0
        }
        fn offer(&mut self, slot: usize, overlap: u32) {
            self.1.push((slot, overlap));
        }
    }

    fn try_width<C: Counter>() {
        let mut counters = Counters::<C>::new();
        for round in 0..2 {
            for list in [&[0, 5, 63, 64, 130, 32_767][..], &[5, 64, 130], &[130], &[131]] {
                counters.count(list);
            }
            let mut found = Above(2, Vec::new());
            counters.drain(131, &mut found);
            assert_eq!(found.1, [(5, 2), (64, 2), (130, 3)], "round {round}");
            let mut rest = Above(1, Vec::new());
            counters.drain(BLOCK, &mut rest);
            assert_eq!(rest.1, [(131, 1), (32_767, 1)], "what is drained is zero, what is not stays");
        }
    }

    #[test]
    fn counters_count_and_are_drained_whatever_their_width() {
        try_width::<u8>();
        try_width::<u16>();
        try_width::<u32>();
    }

    #[test]
    fn every_instruction_set_finds_the_same() {
        let mut counters = Counters::<u8>::new();
        let list: Vec<u16> = (0..BLOCK as u16).filter(|slot| slot % 37 == 3 || slot % 41 == 5).collect();
        let twice: Vec<u16> = list.iter().copied().filter(|slot| slot % 3 == 0).collect();
        counters.count(&list);
        counters.count(&twice);
        let (mut plain, mut best) = (Above(2, Vec::new()), Above(2, Vec::new()));
        let mut copy = counters.0.clone();
        drain(&mut copy[..BLOCK - 7], &mut plain);
        counters.drain(BLOCK - 7, &mut best);
        assert_eq!(plain.1, best.1);
        assert!(!plain.1.is_empty());
        #[cfg(target_arch = "x86_64")]
        if is_x86_feature_detected!("avx2") {
            let mut again = Counters::<u8>::new();
            again.count(&list);
            again.count(&twice);
            let mut narrow = Above(2, Vec::new());
            #[expect(unsafe_code, reason = "calls a function that is compiled for a wider instruction set")]
            // SAFETY: the processor has what the function is compiled for.
            unsafe {
                drain_avx2(&mut again.0[..BLOCK - 7], &mut narrow);
            }
            assert_eq!(narrow.1, plain.1);
        }
    }
}
