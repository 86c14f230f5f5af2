//! Steps that all workers share, with a barrier after each at which they poll: with more workers than processors those that
//! poll take the processors from those that work. The twin is the same with as many workers as processors.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use crate::work::mix;

const STEPS: usize = 300;
const WORK: u64 = 800_000;
const POLLS: u32 = 200;

/// Waits until all have come.
fn meet(waiting: &AtomicUsize, turn: &AtomicUsize, threads: usize) {
    let now = turn.load(Ordering::Acquire);
    if waiting.fetch_add(1, Ordering::AcqRel) + 1 == threads {
        waiting.store(0, Ordering::Release);
        turn.fetch_add(1, Ordering::AcqRel);
        return;
    }
    loop {
        for _ in 0..POLLS {
            if turn.load(Ordering::Acquire) != now {
                return;
            }
            std::hint::spin_loop();
        }
        std::thread::yield_now();
    }
}

/// All steps, each shared by so many threads.
pub fn run(threads: usize) {
    let (waiting, turn, total) = (AtomicUsize::new(0), AtomicUsize::new(0), AtomicU64::new(0));
    std::thread::scope(|scope| {
        for thread in 0..threads {
            let (waiting, turn, total) = (&waiting, &turn, &total);
            scope.spawn(move || {
                for step in 0..STEPS {
                    let parts = (thread..16).step_by(threads);
                    let sum = parts.fold(0u64, |sum, part| sum.wrapping_add(mix((16 * step + part) as u64, WORK / 16)));
                    total.fetch_add(sum, Ordering::Relaxed);
                    meet(waiting, turn, threads);
                }
            });
        }
    });
    println!("{:x}", total.into_inner());
}
