//! A service that closes the connection after each answer. The twin keeps it.

use crate::http::{self, Manner};

/// Answers everything after a little work.
pub fn serve(faulty: bool, port: u16) {
    http::serve(port, Manner { keep: !faulty, ..http::USUAL }, |path| {
        (200, format!("{:x}", crate::work::mix(path.len() as u64, 80_000)).into_bytes())
    });
}
