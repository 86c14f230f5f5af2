//! A service whose last step fails half of the time, after all the work, while its clients ask again at once. The twin does
//! not fail.

use std::sync::Mutex;
use std::time::Duration;

use crate::http::{self, Pool};
use crate::work::Draws;

/// Answers with two workers, each request after 3 ms.
pub fn serve(faulty: bool, port: u16) {
    let pool = Pool::of(2);
    let draws = Mutex::new(Draws(1));
    http::serve(port, http::USUAL, move |_| {
        pool.with(|| std::thread::sleep(Duration::from_millis(3)));
        let fails = faulty && draws.lock().expect("nobody panics").even() < 0.5;
        if fails { (503, b"the last step failed".to_vec()) } else { (200, b"ok".to_vec()) }
    });
}
