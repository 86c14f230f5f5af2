//! Counters of several threads in one cache line. The twin has a line for each.

use std::sync::atomic::{AtomicU64, Ordering};

const COUNTS: usize = 60_000_000;

#[derive(Default)]
#[repr(align(128))]
struct Padded(AtomicU64);

/// Counts so far in all, each thread its share.
pub fn run(faulty: bool, threads: usize) {
    let close: Vec<AtomicU64> = (0..threads).map(|_| AtomicU64::new(0)).collect();
    let apart: Vec<Padded> = (0..threads).map(|_| Padded::default()).collect();
    let counters: Vec<&AtomicU64> =
        if faulty { close.iter().collect() } else { apart.iter().map(|one| &one.0).collect() };
    std::thread::scope(|scope| {
        for counter in &counters {
            scope.spawn(move || {
                for _ in 0..COUNTS / threads {
                    counter.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
    });
    println!("{}", counters.iter().map(|one| one.load(Ordering::Relaxed)).sum::<u64>());
}
