//! Large answers through a send buffer of 4 KiB: each piece waits until the one before it is acknowledged. The twin leaves
//! the buffer to the kernel.

use std::time::Duration;

use crate::http::{self, Manner};

/// Answers everything with 256 KiB, made in 20 ms.
pub fn serve(faulty: bool, port: u16) {
    http::serve(port, Manner { send_buffer: faulty.then_some(4096), ..http::USUAL }, |_| {
        std::thread::sleep(Duration::from_millis(20));
        (200, vec![b'x'; 256 << 10])
    });
}
