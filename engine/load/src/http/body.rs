//! What becomes of a body's bytes: kept or only counted, up to a limit.

use crate::error::{ErrorClass, Failure};

/// Counts a body, and keeps it where wanted.
#[derive(Debug)]
pub(super) struct Sink {
    pub(super) kept: Vec<u8>,
    pub(super) size: u64,
    pub(super) keep: bool,
    pub(super) most: u64,
}

impl Sink {
    pub(super) fn take(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        self.size += bytes.len() as u64;
        if self.size > self.most {
            return Err(Failure::new(ErrorClass::BodyTooLarge, format!("more than {} bytes", self.most)));
        }
        if self.keep {
            self.kept.extend_from_slice(bytes);
        }
        Ok(())
    }
}
