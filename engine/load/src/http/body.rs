//! What becomes of a body's bytes: kept or only counted, up to a limit.

use super::Keep;
use crate::error::{ErrorClass, Failure};

/// Counts a body, and keeps it where wanted.
#[derive(Debug)]
pub(crate) struct Sink {
    pub(crate) kept: Vec<u8>,
    pub(crate) size: u64,
    pub(super) keep: bool,
    pub(super) most: u64,
}

impl Sink {
    pub(crate) fn new(keep: Keep, most: u64) -> Self {
        Self { kept: Vec::new(), size: 0, keep: keep == Keep::All, most }
    }

    pub(crate) fn take(&mut self, bytes: &[u8]) -> Result<(), Failure> {
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
