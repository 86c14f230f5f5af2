//! One mutex around all of the work, so that threads work one at a time. The twin gives each thread a total of its own and
//! adds them at the end.

use std::sync::Mutex;

use crate::work::{mix, share};

const ITEMS: usize = 400;
const STEPS: u64 = 700_000;

/// All items, by so many threads.
pub fn run(faulty: bool, threads: usize) {
    let total = Mutex::new(0u64);
    share(ITEMS, threads, |items| {
        let mut own = 0u64;
        for item in items {
            if faulty {
                let mut total = total.lock().expect("nobody panics");
                *total = total.wrapping_add(mix(item as u64, STEPS));
            } else {
                own = own.wrapping_add(mix(item as u64, STEPS));
            }
        }
        let mut total = total.lock().expect("nobody panics");
        *total = total.wrapping_add(own);
    });
    println!("{:x}", total.into_inner().expect("nobody panics"));
}
