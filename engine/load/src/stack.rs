//! Stacks of virtual users: one reservation, cut into slots of 256 KiB.
//!
//! Memory is reserved, not used: an idle user's stack has only the pages resident that it ever touched, about 13 KiB for
//! a script. The lowest page of each slot is a guard: touching it is a segmentation fault and never another user's
//! memory. Where the kernel has `MADV_GUARD_INSTALL` (Linux 6.13) a guard costs no memory map of its own; on older
//! kernels it costs one, and the number of users is bounded by `vm.max_map_count`.

use std::cell::RefCell;
use std::io;
use std::num::NonZeroUsize;
use std::rc::Rc;

use corosensei::stack::{Stack, StackPointer};

/// Size of a stack with its guard page, in bytes. Rhai takes 6 to 12 KiB for each nested call.
pub const STACK_SIZE: usize = 256 * 1024;

/// The page below a stack, in bytes.
pub const GUARD_SIZE: usize = 4096;

/// `MADV_GUARD_INSTALL`, not yet named by `libc`.
const MADV_GUARD_INSTALL: libc::c_int = 102;

/// Maps that are left to everything else where each guard costs one.
const SPARE_MAPS: usize = 1000;

/// How guard pages are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Guard {
    /// By a mark in the page table: no map of its own.
    Marked,
    /// By `mprotect`: splits the map in two.
    Protected,
}

#[derive(Debug)]
struct Reservation {
    start: *mut libc::c_void,
    slots: usize,
    guard: Guard,
    free: RefCell<Free>,
}

#[derive(Debug)]
struct Free {
    /// Slots that were used and given back, warm ones last.
    returned: Vec<usize>,
    /// The first slot that never was used.
    fresh: usize,
}

impl Drop for Reservation {
    fn drop(&mut self) {
        // SAFETY: this is the map made in `Stacks::new`; every stack holds the reservation alive, so none is in use.
        unsafe { libc::munmap(self.start, self.slots * STACK_SIZE) };
    }
}

/// A pool of stacks for one thread.
#[derive(Debug, Clone)]
pub struct Stacks {
    pool: Rc<Reservation>,
}

/// A stack out of the pool; goes back when dropped.
#[derive(Debug)]
pub struct PooledStack {
    pool: Rc<Reservation>,
    slot: usize,
}

impl Stacks {
    /// Reserves `slots` stacks, which use no memory yet. `threads` threads do the same, which counts where the number of
    /// memory maps is the limit.
    ///
    /// # Errors
    /// If the address space or the number of memory maps does not allow it.
    pub fn new(slots: usize, threads: usize) -> io::Result<Self> {
        let slots = slots.max(1);
        // SAFETY: an anonymous map without a fixed address touches nobody's memory.
        let start = unsafe {
            libc::mmap(
                std::ptr::null_mut(),
                slots * STACK_SIZE,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE | libc::MAP_STACK,
                -1,
                0,
            )
        };
        if start == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the range is the map just made. Huge pages would make every idle stack cost 2 MiB; a refusal is harmless.
        unsafe { libc::madvise(start, slots * STACK_SIZE, libc::MADV_NOHUGEPAGE) };
        // SAFETY: the first page of the map, in which nothing is stored yet.
        let marked = unsafe { libc::madvise(start, GUARD_SIZE, MADV_GUARD_INSTALL) } == 0;
        let guard = if marked { Guard::Marked } else { Guard::Protected };
        let free = RefCell::new(Free { returned: Vec::new(), fresh: 0 });
        let pool = Rc::new(Reservation { start, slots, guard, free });
        if guard == Guard::Protected && slots * threads.max(1) > map_limit() {
            return Err(io::Error::other(format!(
                "{} users need more memory maps than `vm.max_map_count` allows on this kernel (older than 6.13); at most {}",
                slots * threads.max(1),
                map_limit()
            )));
        }
        Ok(Self { pool })
    }

    /// A stack; `None` when all are taken.
    ///
    /// # Errors
    /// If its guard page cannot be made.
    pub fn take(&self) -> io::Result<Option<PooledStack>> {
        let mut free = self.pool.free.borrow_mut();
        if let Some(slot) = free.returned.pop() {
            return Ok(Some(PooledStack { pool: Rc::clone(&self.pool), slot }));
        }
        if free.fresh == self.pool.slots {
            return Ok(None);
        }
        let slot = free.fresh;
        let low = self.pool.low(slot) as *mut libc::c_void;
        let done = match self.pool.guard {
            // SAFETY: the lowest page of a slot that nobody uses yet.
            Guard::Marked => unsafe { libc::madvise(low, GUARD_SIZE, MADV_GUARD_INSTALL) },
            // SAFETY: as above.
            Guard::Protected => unsafe { libc::mprotect(low, GUARD_SIZE, libc::PROT_NONE) },
        };
        if done != 0 {
            return Err(io::Error::last_os_error());
        }
        free.fresh += 1;
        Ok(Some(PooledStack { pool: Rc::clone(&self.pool), slot }))
    }
}

impl Reservation {
    fn low(&self, slot: usize) -> usize {
        self.start as usize + slot * STACK_SIZE
    }
}

impl PooledStack {
    /// The lowest address that may be used: just above the guard page.
    pub fn low(&self) -> usize {
        self.pool.low(self.slot) + GUARD_SIZE
    }
}

impl Drop for PooledStack {
    fn drop(&mut self) {
        self.pool.free.borrow_mut().returned.push(self.slot);
    }
}

// SAFETY: the slot is mapped, exclusively ours until dropped, far larger than the least stack, aligned to pages, and its
// lowest page is a guard.
unsafe impl Stack for PooledStack {
    fn base(&self) -> StackPointer {
        NonZeroUsize::new(self.pool.low(self.slot) + STACK_SIZE).expect("the end of a map is not address zero")
    }

    fn limit(&self) -> StackPointer {
        NonZeroUsize::new(self.pool.low(self.slot)).expect("no map starts at address zero")
    }
}

/// How many stacks fit where each costs two memory maps.
fn map_limit() -> usize {
    let maps = std::fs::read_to_string("/proc/sys/vm/max_map_count").ok();
    let maps: usize = maps.and_then(|text| text.trim().parse().ok()).unwrap_or(65_530);
    (maps / 2).saturating_sub(SPARE_MAPS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stacks_are_apart_aligned_and_used_again() {
        let stacks = Stacks::new(3, 1).unwrap();
        let taken: Vec<PooledStack> = (0..3).map(|_| stacks.take().unwrap().unwrap()).collect();
        assert!(stacks.take().unwrap().is_none(), "a fourth of three");
        for pair in taken.windows(2) {
            assert_eq!(pair[1].low() - pair[0].low(), STACK_SIZE);
        }
        assert_eq!(taken[0].base().get() - taken[0].low(), STACK_SIZE - GUARD_SIZE);
        let low = taken[1].low();
        drop(taken);
        let again: Vec<PooledStack> = (0..3).map(|_| stacks.take().unwrap().unwrap()).collect();
        assert!(again.iter().any(|stack| stack.low() == low));
    }

    #[test]
    fn a_reservation_costs_no_memory() {
        // 100,000 stacks are 25 GiB of addresses.
        let stacks = Stacks::new(100_000, 1);
        if let Ok(stacks) = stacks {
            let stack = stacks.take().unwrap().unwrap();
            assert!(stack.low() > 0);
        }
    }
}
