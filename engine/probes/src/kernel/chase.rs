//! Load-to-use latency: a walk along pointers, each load waiting for the one before.
//!
//! The lines of a region are linked to a single cycle in random order (Sattolo's algorithm), so that no prefetcher can
//! guess and no line is left out; real pointers are stored, since an index costs a cycle of its own on many cores.
//! Two named orders, because references legitimately differ: over the whole region, or within groups of 64 pages,
//! which keeps most misses of the TLB out.
#![expect(unsafe_code, reason = "following pointers through a mapped buffer")]

use super::random::SplitMix;
use crate::harness::buffer::{Buffer, Obtained, PAGE};

/// Bytes from one link to the next: a cache line.
pub const LINE: usize = 64;
/// Loads of one turn of the loop; the number of loads of a walk is rounded up to it.
pub const UNROLL: u64 = 128;

/// The order of a walk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Order {
    /// Random over the whole region.
    FullRandom,
    /// Random within a group of this many 4 KiB pages, group after group. Multichase's default has 64.
    PageLocal {
        /// Pages of a group; at least 1.
        pages: usize,
    },
}

/// The links are not one cycle over all lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BrokenChain {
    /// A link leaves the region or misses the start of a line.
    #[error("link {step} of the chase leads out of its {lines} lines")]
    Astray {
        /// Links followed before.
        step: usize,
        /// Lines of the region.
        lines: usize,
    },
    /// The walk comes back too early, or not at all.
    #[error("the chase visits {visited} lines before it comes back, and must visit {lines}")]
    NotOneCycle {
        /// Lines visited.
        visited: usize,
        /// Lines of the region.
        lines: usize,
    },
}

/// A region with its links, and where the walk stands.
#[derive(Debug)]
pub struct Chase {
    buffer: Buffer,
    /// Where in the buffer the region begins, in bytes.
    offset: usize,
    lines: usize,
    position: *const usize,
}

// SAFETY: `position` points into the buffer that the value owns.
unsafe impl Send for Chase {}

impl Chase {
    /// Links the first `bytes` of `buffer` (at least two lines, at most all of it; rounded down to whole lines).
    /// First touches what was untouched, so it is for the thread that will walk.
    ///
    /// # Panics
    /// When `bytes` exceeds the buffer.
    #[must_use]
    pub fn new(buffer: Buffer, bytes: usize, order: Order, seed: u64) -> Self {
        let position = buffer.as_ptr().cast();
        let mut chase = Self { buffer, offset: 0, lines: 0, position };
        chase.relink(bytes, order, seed);
        chase
    }

    /// Links anew, for another size in the same memory.
    ///
    /// # Panics
    /// When `bytes` exceeds the buffer.
    pub fn relink(&mut self, bytes: usize, order: Order, seed: u64) {
        self.relink_at(0, bytes, order, seed);
    }

    /// Links anew, for a region of another size that begins `offset` bytes into the memory (whole lines).
    ///
    /// # Panics
    /// When the region exceeds the buffer.
    pub fn relink_at(&mut self, offset: usize, bytes: usize, order: Order, seed: u64) {
        let lines = (bytes / LINE).max(2);
        self.offset = offset / LINE * LINE;
        let start = self.start() as usize;
        let words = self.buffer.slice_mut::<usize>(self.offset, lines * WORDS);
        let mut random = SplitMix::new(seed);
        for line in 0..lines {
            words[line * WORDS] = start + line * LINE;
        }
        let group = match order {
            Order::FullRandom => lines,
            Order::PageLocal { pages } => (pages.max(1) * (PAGE / LINE)).min(lines),
        };
        for first in (0..lines).step_by(group) {
            let last = (first + group).min(lines);
            // Sattolo: swapping only with lower places makes one cycle of the group.
            for i in (first + 1..last).rev() {
                let j = first + random.below(i - first);
                words.swap(i * WORDS, j * WORDS);
            }
            // Swapping one link of each of two cycles joins them.
            if first > 0 {
                words.swap(first * WORDS, (first - group) * WORDS);
            }
        }
        self.lines = lines;
        self.position = self.start();
    }

    /// Lines of the cycle.
    #[must_use]
    pub fn lines(&self) -> usize {
        self.lines
    }

    /// Bytes of the cycle.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.lines * LINE
    }

    /// Follows at least `loads` links, from where the last walk ended, and says how many.
    pub fn walk(&mut self, loads: u64) -> u64 {
        let turns = loads.div_ceil(UNROLL).max(1);
        // SAFETY: the links form cycles inside the buffer (see `relink`), which `&mut self` keeps as they are.
        self.position = unsafe { follow(self.position, turns) };
        turns * UNROLL
    }

    /// The line at which the walk stands.
    #[must_use]
    pub fn line(&self) -> usize {
        (self.position as usize - self.start() as usize) / LINE
    }

    /// Follows every link once, with checks: one cycle over all lines, and nothing outside.
    ///
    /// # Errors
    /// How the links are broken.
    pub fn verify(&self) -> Result<(), BrokenChain> {
        let start = self.start() as usize;
        let words = self.buffer.slice::<usize>(self.offset, self.lines * WORDS);
        let mut line = 0;
        for step in 0..self.lines {
            let offset = words[line * WORDS].wrapping_sub(start);
            if offset >= self.lines * LINE || !offset.is_multiple_of(LINE) {
                return Err(BrokenChain::Astray { step, lines: self.lines });
            }
            line = offset / LINE;
            if line == 0 && step + 1 < self.lines {
                return Err(BrokenChain::NotOneCycle { visited: step + 1, lines: self.lines });
            }
        }
        if line == 0 { Ok(()) } else { Err(BrokenChain::NotOneCycle { visited: self.lines + 1, lines: self.lines }) }
    }

    /// What pages the region lies in.
    #[must_use]
    pub fn obtained(&self) -> Option<Obtained> {
        self.buffer.obtained()
    }

    /// Address of the first link, which is what the links are relative to.
    pub(super) fn start(&self) -> *const usize {
        self.buffer.slice::<usize>(self.offset, 1).as_ptr()
    }

    /// The link of a line, as the line that it leads to.
    pub(super) fn next(&self, line: usize) -> usize {
        (self.buffer.slice::<usize>(self.offset + line * LINE, 1)[0].wrapping_sub(self.start() as usize)) / LINE
    }

    /// Gives the memory back, for another use.
    #[must_use]
    pub fn into_buffer(self) -> Buffer {
        self.buffer
    }
}

/// Words of a line; the link is the first.
pub(super) const WORDS: usize = LINE / size_of::<usize>();

/// Follows `turns * UNROLL` links; `turns` is at least 1.
///
/// # Safety
/// `at` and every link from it on point to readable, aligned links.
#[cfg(target_arch = "x86_64")]
pub(super) unsafe fn follow(mut at: *const usize, turns: u64) -> *const usize {
    // SAFETY: reads only what the caller vouches for; all that is written is declared.
    unsafe {
        std::arch::asm!(
            ".p2align 5",
            "2:",
            ".rept 128",
            "mov {at}, [{at}]",
            ".endr",
            "dec {turns}",
            "jnz 2b",
            at = inout(reg) at,
            turns = inout(reg) turns => _,
            options(nostack, readonly),
        );
    }
    at
}

/// Follows `turns * UNROLL` links; `turns` is at least 1.
///
/// # Safety
/// `at` and every link from it on point to readable, aligned links.
#[cfg(target_arch = "aarch64")]
pub(super) unsafe fn follow(mut at: *const usize, turns: u64) -> *const usize {
    // SAFETY: reads only what the caller vouches for; all that is written is declared.
    unsafe {
        std::arch::asm!(
            "2:",
            ".rept 128",
            "ldr {at}, [{at}]",
            ".endr",
            "subs {turns}, {turns}, #1",
            "b.ne 2b",
            at = inout(reg) at,
            turns = inout(reg) turns => _,
            options(nostack, readonly),
        );
    }
    at
}

/// Follows `turns * UNROLL` links.
///
/// # Safety
/// `at` and every link from it on point to readable, aligned links.
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
pub(super) unsafe fn follow(mut at: *const usize, turns: u64) -> *const usize {
    for _ in 0..turns * UNROLL {
        // SAFETY: as the caller vouches.
        at = unsafe { at.read_volatile() } as *const usize;
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::harness::buffer::Pages;

    fn chase(bytes: usize, order: Order) -> Chase {
        Chase::new(Buffer::map(1 << 20, Pages::System, u64::MAX).unwrap(), bytes, order, 7)
    }

    const ORDERS: [Order; 3] = [Order::FullRandom, Order::PageLocal { pages: 64 }, Order::PageLocal { pages: 1 }];

    #[test]
    fn every_order_is_one_cycle_over_all_lines() {
        for order in ORDERS {
            for lines in [2, 3, 64, 65, 127, 4_096, 4_097, 16_384] {
                let chase = chase(lines * LINE, order);
                assert_eq!(chase.lines(), lines);
                chase.verify().unwrap();
            }
        }
    }

    #[test]
    fn a_walk_ends_where_its_length_says() {
        for order in ORDERS {
            let mut chase = chase(100 * LINE, order);
            let mut steps = 0;
            for loads in [1, 128, 129, 1_000] {
                steps += chase.walk(loads);
                let mut line = 0;
                for _ in 0..steps % 100 {
                    line = (chase.buffer.slice::<usize>(0, 100 * WORDS)[line * WORDS] - chase.buffer.as_ptr() as usize)
                        / LINE;
                }
                assert_eq!(chase.line(), line);
            }
        }
    }

    #[test]
    fn page_local_finishes_a_group_before_the_next() {
        let chase = chase(256 << 10, Order::PageLocal { pages: 4 });
        let words = chase.buffer.slice::<usize>(0, chase.lines() * WORDS);
        let (mut line, mut changes) = (0, 0);
        for _ in 0..chase.lines() {
            let next = (words[line * WORDS] - chase.buffer.as_ptr() as usize) / LINE;
            changes += usize::from(next / 256 != line / 256);
            line = next;
        }
        assert_eq!(changes, 16, "one visit to each of 16 groups");
    }

    #[test]
    fn a_region_may_begin_anywhere_in_the_memory() {
        let mut chase = chase(4 << 10, Order::FullRandom);
        for offset in [LINE, 4096, 100 * LINE + 8] {
            chase.relink_at(offset, 64 << 10, Order::PageLocal { pages: 4 }, 3);
            assert_eq!(chase.start() as usize - chase.buffer.as_ptr() as usize, offset / LINE * LINE);
            chase.verify().unwrap();
            chase.walk(1_000);
            assert!(chase.line() < chase.lines());
        }
    }

    #[test]
    fn neighbours_in_a_full_random_walk_are_far_apart() {
        let chase = chase(1 << 20, Order::FullRandom);
        let start = chase.buffer.as_ptr() as usize;
        let words = chase.buffer.slice::<usize>(0, chase.lines() * WORDS);
        let near = (0..chase.lines()).filter(|l| ((words[l * WORDS] - start) / LINE).abs_diff(*l) <= 4).count();
        assert!(near < chase.lines() / 100, "{near} of {} links are short", chase.lines());
    }

    #[test]
    fn planted_errors_are_found() {
        let mut short = chase(64 << 10, Order::FullRandom);
        short.buffer.slice_mut::<usize>(0, short.lines * WORDS).swap(0, 500 * WORDS);
        assert!(matches!(short.verify(), Err(BrokenChain::NotOneCycle { .. })), "two cycles");
        let mut wild = chase(64 << 10, Order::FullRandom);
        wild.buffer.slice_mut::<usize>(0, wild.lines * WORDS)[77 * WORDS] += 8;
        assert!(matches!(wild.verify(), Err(BrokenChain::Astray { .. })), "not at the start of a line");
        let mut stuck = chase(64 << 10, Order::FullRandom);
        let own = stuck.buffer.as_ptr() as usize + 77 * LINE;
        stuck.buffer.slice_mut::<usize>(0, stuck.lines * WORDS)[77 * WORDS] = own;
        assert!(matches!(stuck.verify(), Err(BrokenChain::NotOneCycle { .. })), "never comes back");
    }

    #[test]
    fn equal_seeds_give_equal_orders() {
        let links = |seed| {
            let chase =
                Chase::new(Buffer::map(1 << 16, Pages::System, u64::MAX).unwrap(), 1 << 16, Order::FullRandom, seed);
            let start = chase.buffer.as_ptr() as usize;
            chase
                .buffer
                .slice::<usize>(0, 1024 * WORDS)
                .iter()
                .step_by(WORDS)
                .map(|link| link - start)
                .collect::<Vec<_>>()
        };
        assert_eq!(links(1), links(1));
        assert_ne!(links(1), links(2));
    }
}
