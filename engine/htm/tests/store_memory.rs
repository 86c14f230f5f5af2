//! The store says to the byte what it takes: compared with an allocator that counts.
#![expect(unsafe_code, reason = "an allocator is unsafe to write")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicIsize, Ordering};

use engine_htm::Sdr;
use engine_htm::store::PatternStore;

struct Counting;

/// Bytes that are held now. This program has one test, so nothing else allocates beside it.
static HELD: AtomicIsize = AtomicIsize::new(0);

// SAFETY: every call goes to the system's allocator unchanged; only a number is kept beside it.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        HELD.fetch_add(layout.size() as isize, Ordering::Relaxed);
        // SAFETY: the caller's promises are handed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        HELD.fetch_sub(layout.size() as isize, Ordering::Relaxed);
        // SAFETY: the caller's promises are handed on.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn held() -> isize {
    HELD.load(Ordering::Relaxed)
}

/// Puts, replaces and deletes over several blocks, and compares after every step that may change the form of things.
fn follow(mut store: PatternStore, before: isize) {
    let mut state = 1_u64;
    let mut next = move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as u32
    };
    let check = |store: &PatternStore, when: &str| {
        let (taken, said) = (held() - before, store.memory().heap() as isize);
        assert_eq!(taken, said, "{when}: {:?}", store.memory());
    };
    check(&store, "empty");
    for key in 0..70_000_u64 {
        let sdr = Sdr::new(300, (0..6).map(|_| next() % 300).collect()).expect("inside");
        store.put(key % 50_000, &sdr, &[7; 20][..(key % 20) as usize]).expect("nothing stands against it");
        if key % 9_999 == 0 || key < 40 {
            drop(sdr);
            check(&store, "filled");
        }
    }
    check(&store, "full");
    for key in 0..40_000 {
        store.delete(key).expect("nothing stands against it");
    }
    check(&store, "emptied");
    store.compact().expect("nothing stands against it");
    check(&store, "compacted");
    let sdr = Sdr::new(300, vec![1, 2, 3]).expect("inside");
    assert!(!store.nearest(&sdr, 5).expect("a good query").is_empty());
    drop(sdr);
    check(&store, "searched");
    drop(store);
    assert_eq!(held(), before, "nothing is left");
}

#[test]
fn what_a_store_says_it_takes_is_what_the_allocator_gave() {
    // What the threads and the folder need once is there before.
    let folder = tempfile::tempdir().expect("a folder for tests");
    let path = folder.path().join("store");
    drop(PatternStore::create(folder.path().join("first"), 300).expect("a new file"));
    let before = held();
    follow(PatternStore::in_memory(300).expect("a good size"), before);
    let before = held();
    follow(PatternStore::create(&path, 300).expect("a new file"), before);
    let before = held();
    let store = PatternStore::open(&path).expect("the file is sound");
    assert_eq!(held() - before, store.memory().heap() as isize, "opened");
}
