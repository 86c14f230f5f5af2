//! Atomic operations on one word, counted in such a way that a lost one shows.
//!
//! Every read-modify-write is a full one (`lock xadd`, `lock cmpxchg`, `xchg` on x86): its result is used, so that none
//! becomes a cheaper form. The loop is unrolled eight times; loads and stores are the baseline that has no lock.

use std::sync::atomic::{AtomicU64, Ordering};

/// Bytes that no two padded words share: two lines, because prefetchers fetch lines in pairs.
pub const PAD: usize = 128;
/// Words of a cache line of 64 bytes.
pub const WORDS: usize = 8;

/// Words on lines of their own.
#[derive(Debug, Default)]
#[repr(align(128))]
pub struct Line(pub [AtomicU64; WORDS]);

/// What is done to a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    /// `fetch_add` of one.
    Add,
    /// Exchange for another value.
    Swap,
    /// A load, then `compare_exchange` for one more until it succeeds.
    CompareExchange,
    /// A plain load.
    Load,
    /// A plain store.
    Store,
}

/// What one thread did, enough to tell afterwards whether anything was lost. Sums wrap.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tally {
    /// Operations done.
    pub operations: u64,
    /// Attempts of [`Operation::CompareExchange`] that failed because another thread was faster.
    pub retries: u64,
    /// Sum of the values put into the word; of a run of stores, the last.
    pub put: u64,
    /// Sum of the values taken out of it or seen in it.
    pub taken: u64,
}

/// The word holds something else than the operations leave: at least one was lost or torn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{operations} atomic operations ({operation:?}) leave {found}, not {expected}: at least one was lost or torn")]
pub struct Lost {
    operation: Operation,
    operations: u64,
    expected: u64,
    found: u64,
}

impl Operation {
    /// Does `count` operations on `word`. `salt` makes the values of one thread unlike those of another.
    pub fn run(self, word: &AtomicU64, count: u64, salt: u64, tally: &mut Tally) {
        let (mut put, mut taken, mut retries) = (0u64, 0u64, 0u64);
        match self {
            Self::Add => repeat(count, |_| taken = taken.wrapping_add(word.fetch_add(1, Ordering::AcqRel))),
            Self::Swap => repeat(count, |at| {
                let value = salt.wrapping_add(at);
                put = put.wrapping_add(value);
                taken = taken.wrapping_add(word.swap(value, Ordering::AcqRel));
            }),
            Self::CompareExchange => repeat(count, |_| {
                let mut seen = word.load(Ordering::Relaxed);
                while let Err(now) =
                    word.compare_exchange_weak(seen, seen.wrapping_add(1), Ordering::AcqRel, Ordering::Relaxed)
                {
                    seen = now;
                    retries += 1;
                }
            }),
            Self::Load => repeat(count, |_| taken = taken.wrapping_add(word.load(Ordering::Relaxed))),
            Self::Store => repeat(count, |at| {
                put = salt.wrapping_add(at);
                word.store(put, Ordering::Relaxed);
            }),
        }
        tally.operations += count;
        tally.retries += retries;
        tally.put = tally.put.wrapping_add(put);
        tally.taken = tally.taken.wrapping_add(std::hint::black_box(taken));
    }

    /// Whether the word, which held `before` and holds `after`, and what the threads tallied, fit together. Of stores
    /// only those of one thread in one run can be checked.
    ///
    /// # Errors
    /// What was expected and what was found.
    pub fn check(self, before: u64, after: u64, tallies: &[Tally]) -> Result<(), Lost> {
        let sum = |field: fn(&Tally) -> u64| tallies.iter().map(field).fold(0, u64::wrapping_add);
        let operations = sum(|tally| tally.operations);
        let (expected, found) = match self {
            Self::Add | Self::CompareExchange => (before.wrapping_add(operations), after),
            // Each value put in is either taken by another exchange or still there.
            Self::Swap => (before.wrapping_add(sum(|tally| tally.put)), after.wrapping_add(sum(|tally| tally.taken))),
            Self::Load => (before.wrapping_mul(operations), sum(|tally| tally.taken)),
            Self::Store => (sum(|tally| tally.put), after),
        };
        if expected == found { Ok(()) } else { Err(Lost { operation: self, operations, expected, found }) }
    }
}

/// Calls `step` so many times with its number, unrolled.
#[inline(always)]
fn repeat(count: u64, mut step: impl FnMut(u64)) {
    const UNROLL: u64 = 8;
    let whole = count - count % UNROLL;
    let mut at = 0;
    while at < whole {
        for i in 0..UNROLL {
            step(at + i);
        }
        at += UNROLL;
    }
    (whole..count).for_each(step);
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Barrier;

    const ALL: [Operation; 4] = [Operation::Add, Operation::Swap, Operation::CompareExchange, Operation::Load];

    fn together(operation: Operation, threads: u64, count: u64) -> (u64, u64, Vec<Tally>) {
        let word = AtomicU64::new(3);
        let tallies = std::thread::scope(|scope| {
            let started: Vec<_> = (0..threads)
                .map(|thread| {
                    let word = &word;
                    scope.spawn(move || {
                        let mut tally = Tally::default();
                        operation.run(word, count, thread << 40, &mut tally);
                        tally
                    })
                })
                .collect();
            started.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        (3, word.into_inner(), tallies)
    }

    #[test]
    fn what_threads_do_together_adds_up() {
        for operation in ALL {
            for count in [0, 7, 20_001] {
                let (before, after, tallies) = together(operation, 3, count);
                operation.check(before, after, &tallies).unwrap();
                assert_eq!(tallies.iter().map(|tally| tally.operations).sum::<u64>(), 3 * count);
            }
        }
    }

    /// The fault that the check is for: two threads load, then both store, as if the lock were missing.
    #[test]
    fn an_addition_without_its_lock_is_flagged() {
        let (word, meet) = (AtomicU64::new(0), Barrier::new(2));
        let torn = || {
            for _ in 0..10 {
                let seen = word.load(Ordering::Relaxed);
                meet.wait();
                word.store(seen + 1, Ordering::Relaxed);
                meet.wait();
            }
            Tally { operations: 10, ..Tally::default() }
        };
        let tallies = std::thread::scope(|scope| {
            let (one, two) = (scope.spawn(torn), scope.spawn(torn));
            [one.join().unwrap(), two.join().unwrap()]
        });
        let lost = Operation::Add.check(0, word.into_inner(), &tallies).unwrap_err();
        assert_eq!((lost.expected, lost.found), (20, 10));
    }

    #[test]
    fn a_lost_exchange_a_lost_store_and_a_load_of_another_value_are_flagged() {
        let mut tally = Tally::default();
        let word = AtomicU64::new(5);
        Operation::Swap.run(&word, 100, 1 << 20, &mut tally);
        assert_eq!(Operation::Swap.check(5, word.load(Ordering::Relaxed), &[tally]), Ok(()));
        // Somebody stores in between: the value that was there is taken by nobody.
        assert!(Operation::Swap.check(5, 77, &[tally]).is_err());
        let (word, mut tally) = (AtomicU64::new(5), Tally::default());
        Operation::Store.run(&word, 20, 7, &mut tally);
        assert_eq!(word.load(Ordering::Relaxed), 26);
        assert!(Operation::Store.check(5, 26, &[tally]).is_ok() && Operation::Store.check(5, 25, &[tally]).is_err());
        let mut tally = Tally::default();
        Operation::Load.run(&AtomicU64::new(5), 100, 0, &mut tally);
        assert!(Operation::Load.check(5, 5, &[tally]).is_ok() && Operation::Load.check(6, 6, &[tally]).is_err());
    }

    #[test]
    fn padded_words_share_no_pair_of_lines() {
        assert_eq!((align_of::<Line>(), size_of::<Line>()), (PAD, PAD));
    }
}
