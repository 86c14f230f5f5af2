//! The witness stands inside measured code: after it is opened it must not allocate. A program of its own, since an
//! allocator is chosen for the whole program.
#![expect(unsafe_code, reason = "an allocator that counts")]

use engine_probes::host::Witness;
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

// SAFETY: hands every call on to the system's allocator unchanged; counting touches no allocation.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.set(ALLOCATIONS.get() + 1);
        // SAFETY: the caller keeps the contract of this function, which is that of the system's.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: as above; the pointer came from the system's allocator.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

#[test]
fn nothing_is_allocated_between_start_and_finish() {
    let before_open = ALLOCATIONS.get();
    let mut witness = Witness::open();
    let opened = ALLOCATIONS.get();
    assert!(opened > before_open, "the counter does not count");
    for _ in 0..10 {
        witness.start();
        std::hint::black_box(witness.finish());
    }
    assert_eq!(ALLOCATIONS.get() - opened, 0);
}
