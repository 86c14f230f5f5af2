//! A wait (a slow call, here a sleep) while a lock is held, so that all threads wait one after another. The twin waits
//! first and takes the lock for the work alone.

use std::sync::Mutex;
use std::time::Duration;

use crate::work::{mix, share};

const ITEMS: usize = 160;
const STEPS: u64 = 300_000;
const WAIT: Duration = Duration::from_millis(2);

/// All items, by so many threads.
pub fn run(faulty: bool, threads: usize) {
    let total = Mutex::new(0u64);
    share(ITEMS, threads, |items| {
        for item in items {
            if !faulty {
                std::thread::sleep(WAIT);
            }
            let mut total = total.lock().expect("nobody panics");
            if faulty {
                std::thread::sleep(WAIT);
            }
            *total = total.wrapping_add(mix(item as u64, STEPS));
        }
    });
    println!("{:x}", total.into_inner().expect("nobody panics"));
}
