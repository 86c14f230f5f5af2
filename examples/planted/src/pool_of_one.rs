//! A pool with one worker, who waits for something else most of the time. The twin has two.

use std::sync::Mutex;
use std::time::Duration;

use crate::http::{self, Pool};
use crate::work::Draws;

/// Answers everything after an exponential time of 5 ms with a worker.
pub fn serve(faulty: bool, port: u16) {
    let pool = Pool::of(if faulty { 1 } else { 2 });
    let draws = Mutex::new(Draws(1));
    http::serve(port, http::USUAL, move |_| {
        pool.with(|| {
            let wait = draws.lock().expect("nobody panics").exponential(0.005);
            std::thread::sleep(Duration::from_secs_f64(wait));
        });
        (200, b"ok".to_vec())
    });
}
