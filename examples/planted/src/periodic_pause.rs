//! A service that stands still every three seconds, as for a collection of garbage or a checkpoint. The twin does not.

use std::sync::{Arc, RwLock};
use std::time::Duration;

use crate::http;

/// Answers everything within 15 ms, where it does not stand still.
pub fn serve(faulty: bool, port: u16) {
    let world = Arc::new(RwLock::new(()));
    let stopped = Arc::clone(&world);
    let pauses = move || {
        loop {
            std::thread::sleep(Duration::from_millis(2600));
            let _stopped = stopped.write().expect("nobody panics");
            std::thread::sleep(Duration::from_millis(400));
        }
    };
    if faulty {
        std::thread::spawn(pauses);
    }
    http::serve(port, http::USUAL, move |_| {
        let _going = world.read().expect("nobody panics");
        std::thread::sleep(Duration::from_millis(15));
        (200, b"ok".to_vec())
    });
}
