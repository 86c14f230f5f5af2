//! A list, its items one by one, and several items at once. The fault is in the client: it asks for each item by itself.

use std::time::Duration;

use crate::http;

/// Answers `/list`, `/item?id=..` and `/items?ids=..`, each with a wait as for a database.
pub fn serve(port: u16) {
    http::serve(port, http::USUAL, |path| {
        let wait = match path.split('?').next() {
            Some("/list") => Duration::from_millis(6),
            Some("/items") => Duration::from_micros(1000 + 20 * path.split(',').count() as u64),
            _ => Duration::from_micros(1000),
        };
        std::thread::sleep(wait);
        (200, b"ok".to_vec())
    });
}
