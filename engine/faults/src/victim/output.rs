//! What a victim prints: read all the time, so that it never waits for us, and kept only at its end.

use std::collections::VecDeque;
use std::io::{ErrorKind, Read};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Bytes that are kept.
const KEPT: usize = 64 << 10;

/// The end of what was printed.
#[derive(Debug, Default)]
pub struct Output {
    inner: Mutex<(VecDeque<u8>, u64)>,
    /// Pipes that are still read.
    open: AtomicUsize,
}

impl Output {
    /// The last 64 KiB, as text.
    #[must_use]
    pub fn text(&self) -> String {
        let inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(&inner.0.iter().copied().collect::<Vec<u8>>()).into_owned()
    }

    /// How many bytes were printed in all.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner).1
    }

    /// Waits until all has been read that will ever be printed, at most so long: a process that escaped may hold a pipe.
    pub(crate) fn await_end(&self, most: Duration) {
        let until = Instant::now() + most;
        while self.open.load(Ordering::Acquire) > 0 && Instant::now() < until {
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    fn add(&self, bytes: &[u8]) {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        inner.1 += bytes.len() as u64;
        inner.0.extend(bytes);
        let over = inner.0.len().saturating_sub(KEPT);
        inner.0.drain(..over);
    }
}

/// Reads a pipe to its end, in a thread of its own. The thread is not awaited: a process that escaped with the pipe in its
/// hands must not hold us.
pub(super) fn read(mut pipe: impl Read + Send + 'static, into: Arc<Output>) {
    into.open.fetch_add(1, Ordering::AcqRel);
    std::thread::spawn(move || {
        let mut buffer = [0_u8; 8192];
        loop {
            match pipe.read(&mut buffer) {
                Ok(0) => break,
                Ok(count) => into.add(&buffer[..count]),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => break,
            }
        }
        into.open.fetch_sub(1, Ordering::AcqRel);
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_end_is_kept() {
        let output = Output::default();
        (0..100).for_each(|_| output.add(&[b'x'; 5000]));
        output.add(b"the end");
        assert_eq!((output.text().len(), output.bytes()), (KEPT, 500_007));
        assert!(output.text().ends_with("the end"));
    }

    #[test]
    fn the_last_words_are_waited_for() {
        let (reader, mut writer) = std::io::pipe().unwrap();
        let output = Arc::new(Output::default());
        read(reader, Arc::clone(&output));
        let printer = std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(50));
            std::io::Write::write_all(&mut writer, b"no database").unwrap();
        });
        output.await_end(Duration::from_secs(300));
        assert_eq!(output.text(), "no database");
        printer.join().unwrap();
    }
}
