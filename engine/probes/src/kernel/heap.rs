//! The C library's allocator: blocks that come and go, in four patterns. It is called directly, so that it does not
//! matter which allocator the program itself is built with.
//!
//! One byte of each page of a block is written, since memory that is never touched costs nothing; the address passes
//! through a barrier, since a compiler may drop a pair of `malloc` and `free` that it can see through.
#![expect(unsafe_code, reason = "malloc, realloc and free, and the memory that they give")]

use std::hint::black_box;
use std::ptr::NonNull;

use super::random::SplitMix;
use crate::harness::buffer::PAGE;

/// The allocator has no memory, or gives memory that it must not give.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum HeapError {
    /// It refuses.
    #[error("the allocator refuses a block of {0} bytes")]
    Refused(usize),
    /// A block does not hold what was written to it: it overlaps another one.
    #[error("a block of {0} bytes does not hold what was written to it")]
    Overlap(usize),
}

/// A block of the allocator; who takes it must give it back.
#[derive(Debug)]
pub struct Block {
    start: NonNull<u8>,
    bytes: usize,
}

// SAFETY: a block belongs to its value alone, and the allocator takes blocks back from any thread.
unsafe impl Send for Block {}

impl Block {
    /// A block of at least one byte, with a byte of each page written.
    ///
    /// # Errors
    /// When there is no memory.
    #[inline]
    pub fn new(bytes: usize) -> Result<Self, HeapError> {
        // SAFETY: any size may be asked for.
        let start = NonNull::new(unsafe { libc::malloc(bytes) }.cast::<u8>()).ok_or(HeapError::Refused(bytes))?;
        let mut block = Self { start: black_box(start), bytes };
        block.touch(0);
        Ok(block)
    }

    /// Writes a byte of each page from byte `from` on.
    #[inline]
    fn touch(&mut self, from: usize) {
        for at in (from..self.bytes).step_by(PAGE) {
            // SAFETY: inside the block; volatile, since nobody reads it.
            unsafe { self.start.add(at).write_volatile(1) };
        }
    }

    /// Makes the block longer and writes a byte of each new page. True when it moved.
    ///
    /// # Errors
    /// When there is no memory; the block stays as it was.
    pub fn grow(&mut self, bytes: usize) -> Result<bool, HeapError> {
        // SAFETY: `start` came from the allocator and is replaced by what comes back.
        let grown = NonNull::new(unsafe { libc::realloc(self.start.as_ptr().cast(), bytes) }.cast::<u8>());
        let grown = black_box(grown.ok_or(HeapError::Refused(bytes))?);
        let moved = grown != self.start;
        let from = std::mem::replace(&mut self.bytes, bytes);
        self.start = grown;
        self.touch(from);
        Ok(moved)
    }

    /// Bytes asked for.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Address of the first byte.
    #[must_use]
    pub fn address(&self) -> usize {
        self.start.as_ptr() as usize
    }

    /// Writes `mark` to both ends.
    pub fn sign(&mut self, mark: u8) {
        // SAFETY: both bytes are inside the block, which has at least one.
        unsafe {
            self.start.write_volatile(mark);
            self.start.add(self.bytes - 1).write_volatile(mark);
        }
    }

    /// Whether both ends still hold `mark`.
    ///
    /// # Errors
    /// When they do not.
    pub fn check(&self, mark: u8) -> Result<(), HeapError> {
        // SAFETY: as for `sign`.
        let ends = unsafe { [self.start.read_volatile(), self.start.add(self.bytes - 1).read_volatile()] };
        if ends == [mark; 2] { Ok(()) } else { Err(HeapError::Overlap(self.bytes)) }
    }
}

impl Drop for Block {
    #[inline]
    fn drop(&mut self) {
        // SAFETY: `start` came from the allocator and is given back once.
        unsafe { libc::free(black_box(self.start.as_ptr()).cast()) };
    }
}

/// Takes and gives back one block of `bytes` at a time, `count` times.
///
/// # Errors
/// When there is no memory.
pub fn pairs(bytes: usize, count: u64) -> Result<(), HeapError> {
    for _ in 0..count {
        drop(Block::new(bytes)?);
    }
    Ok(())
}

/// From now on the C library maps blocks of 128 KiB and more and unmaps them when they are given back, as it does in a
/// new process: it learns from blocks that come back to keep such memory. There is no way back, so it is for a process
/// of one's own. False where the C library cannot.
#[must_use]
pub fn forget_habits() -> bool {
    #[cfg(target_env = "gnu")]
    // SAFETY: sets a number inside the C library.
    let done = unsafe { libc::mallopt(libc::M_MMAP_THRESHOLD, 128 << 10) } == 1;
    #[cfg(not(target_env = "gnu"))]
    let done = false;
    done
}

/// Many blocks that are taken together and given back in random order.
#[derive(Debug)]
pub struct Batch {
    blocks: Vec<Option<Block>>,
    order: Vec<usize>,
}

impl Batch {
    /// Room for so many blocks.
    #[must_use]
    pub fn new(blocks: usize, seed: u64) -> Self {
        let mut order: Vec<usize> = (0..blocks).collect();
        let mut random = SplitMix::new(seed);
        for i in (1..blocks).rev() {
            order.swap(i, random.below(i + 1));
        }
        Self { blocks: (0..blocks).map(|_| None).collect(), order }
    }

    /// Number of blocks.
    #[must_use]
    pub fn size(&self) -> usize {
        self.blocks.len()
    }

    /// Takes all blocks.
    ///
    /// # Errors
    /// When there is no memory.
    pub fn take(&mut self, bytes: usize) -> Result<(), HeapError> {
        for place in &mut self.blocks {
            *place = Some(Block::new(bytes)?);
        }
        Ok(())
    }

    /// Gives all blocks back and says how many there were.
    pub fn give(&mut self) -> usize {
        self.order.iter().filter(|&&at| self.blocks[at].take().is_some()).count()
    }
}

/// Grows a block from `first` to `last` bytes by `step`, gives it back, and says how often it moved on how many steps.
///
/// # Errors
/// When there is no memory, or what was written did not move along.
pub fn growth(first: usize, last: usize, step: impl Fn(usize) -> usize) -> Result<(u64, u64), HeapError> {
    const MARK: u8 = 0x5a;
    let mut block = Block::new(first)?;
    let (mut moved, mut steps) = (0, 0);
    while block.bytes() < last {
        block.sign(MARK);
        let before = block.bytes();
        moved += u64::from(block.grow(step(before).clamp(before + 1, last))?);
        steps += 1;
        // SAFETY: both bytes are inside the block, which only grew.
        let kept = unsafe { [block.start.read_volatile(), block.start.add(before - 1).read_volatile()] };
        if kept != [MARK; 2] {
            return Err(HeapError::Overlap(before));
        }
    }
    Ok((moved, steps))
}

/// Blocks of many sizes and lifetimes: what makes a heap larger than what lives in it.
#[derive(Debug)]
pub struct Mixed {
    blocks: Vec<(Block, u8)>,
    random: SplitMix,
    live: usize,
    /// Addresses of all blocks that ever lived.
    places: Vec<usize>,
}

impl Mixed {
    /// An empty heap.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self { blocks: Vec::new(), random: SplitMix::new(seed), live: 0, places: Vec::new() }
    }

    /// Takes blocks of `least` to `most` bytes, every doubling equally often, until so many bytes live.
    ///
    /// # Errors
    /// When there is no memory.
    pub fn fill(&mut self, live: usize, least: usize, most: usize) -> Result<(), HeapError> {
        let octaves = (most / least).max(1).ilog2().max(1) as usize;
        while self.live < live {
            let base = least << self.random.below(octaves);
            let bytes = base + self.random.below(base);
            let mark = self.random.below(256) as u8;
            let mut block = Block::new(bytes)?;
            block.sign(mark);
            self.live += bytes;
            self.places.push(block.address());
            self.blocks.push((block, mark));
        }
        Ok(())
    }

    /// Gives random blocks back until no more than so many bytes live.
    ///
    /// # Errors
    /// When a block does not hold what was written.
    pub fn thin(&mut self, live: usize) -> Result<(), HeapError> {
        while self.live > live && !self.blocks.is_empty() {
            let (block, mark) = self.blocks.swap_remove(self.random.below(self.blocks.len()));
            block.check(mark)?;
            self.live -= block.bytes();
        }
        Ok(())
    }

    /// Bytes that live, as asked for.
    #[must_use]
    pub fn live(&self) -> usize {
        self.live
    }

    /// Addresses of all blocks that ever lived, ascending.
    #[must_use]
    pub fn places(&mut self) -> &[usize] {
        self.places.sort_unstable();
        self.places.dedup();
        &self.places
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_come_and_go() {
        pairs(16, 1_000).unwrap();
        let mut batch = Batch::new(100, 3);
        batch.take(5_000).unwrap();
        assert_eq!((batch.size(), batch.give(), batch.give()), (100, 100, 0));
        let order: std::collections::BTreeSet<usize> = batch.order.iter().copied().collect();
        assert!(order.len() == 100 && batch.order != (0..100).collect::<Vec<_>>());
        assert!(matches!(pairs(usize::MAX / 2, 1), Err(HeapError::Refused(_))));
    }

    #[test]
    fn a_growing_block_keeps_what_it_holds() {
        let (moved, steps) = growth(1, 1 << 20, |bytes| bytes * 2).unwrap();
        assert!(steps == 20 && moved <= steps, "{moved} of {steps}");
        assert_eq!(growth(4096, 5 * 4096, |bytes| bytes + 4096).unwrap().1, 4);
    }

    #[test]
    fn mixed_lifetimes_keep_their_marks_and_a_wrong_one_is_flagged() {
        let mut heap = Mixed::new(9);
        for _ in 0..3 {
            heap.fill(200_000, 16, 8192).unwrap();
            assert!((200_000..220_000).contains(&heap.live()));
            heap.thin(50_000).unwrap();
            assert!(heap.live() <= 50_000);
        }
        assert!(heap.places().is_sorted() && heap.places().len() > heap.blocks.len());
        // Somebody else writes into each block, as an allocator would that gives the same bytes twice.
        for (block, mark) in &mut heap.blocks {
            block.sign(mark.wrapping_add(1));
        }
        assert!(matches!(heap.thin(0), Err(HeapError::Overlap(_))));
    }
}
