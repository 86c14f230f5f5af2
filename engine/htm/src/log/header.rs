//! The header of a log: what the file is, in two copies, so that one damaged place does not cost the file.
//!
//! A copy has 32 bytes, all numbers little-endian: `HTMSTORE`, version (4), kind (1), three zeroes, width (4), the file's
//! own random number (8), CRC-32 of the 28 bytes before (4). Every version keeps name, version and checksum at their
//! places.

use crate::store::StoreError;
use std::path::Path;

/// Bytes of both copies.
pub(crate) const HEADER: u64 = 64;
/// The form that is written and read.
pub(crate) const VERSION: u32 = 1;

const NAME: [u8; 8] = *b"HTMSTORE";
const COPY: usize = 32;

/// What a log holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Patterns,
    Tensors,
}

impl Kind {
    const ALL: [Self; 2] = [Self::Patterns, Self::Tensors];

    fn code(self) -> u8 {
        match self {
            Self::Patterns => 1,
            Self::Tensors => 2,
        }
    }

    /// In an error message.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Patterns => "pattern store",
            Self::Tensors => "shard of a tensor store",
        }
    }
}

/// What a header says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) kind: Kind,
    /// Bits of a pattern, numbers of an embedding.
    pub(crate) width: u32,
    /// Goes into every checksum, so that a piece of another file is no record of this one.
    pub(crate) nonce: u64,
}

impl Header {
    /// Both copies.
    pub(crate) fn bytes(self) -> [u8; HEADER as usize] {
        let mut both = [0; HEADER as usize];
        for copy in both.chunks_exact_mut(COPY) {
            copy[..8].copy_from_slice(&NAME);
            copy[8..12].copy_from_slice(&VERSION.to_le_bytes());
            copy[12] = self.kind.code();
            copy[16..20].copy_from_slice(&self.width.to_le_bytes());
            copy[20..28].copy_from_slice(&self.nonce.to_le_bytes());
            let sum = crc32fast::hash(&copy[..28]);
            copy[28..].copy_from_slice(&sum.to_le_bytes());
        }
        both
    }

    /// Reads the first sound copy of what the file begins with: at most 64 bytes.
    ///
    /// # Errors
    /// No header, a damaged one, one of another version or kind.
    pub(crate) fn read(start: &[u8], kind: Kind, path: &Path) -> Result<Self, StoreError> {
        let foreign = |what: String| StoreError::Foreign { path: path.to_owned(), expected: kind.name(), what };
        let sound = start
            .chunks_exact(COPY)
            .find(|copy| copy.starts_with(&NAME) && crc32fast::hash(&copy[..28]).to_le_bytes() == copy[28..]);
        let Some(copy) = sound else {
            let named = |copy: &[u8]| copy.starts_with(&NAME[..copy.len().min(NAME.len())]);
            return Err(match start.len() {
                // Of a name damaged in both copies nothing can be told from a foreign file.
                short if short < COPY && named(start) => {
                    StoreError::Unfinished { path: path.to_owned(), bytes: short as u64 }
                }
                _ if start.chunks(COPY).any(named) => StoreError::Header(path.to_owned()),
                _ => foreign("it begins with other bytes; choose another file".to_owned()),
            });
        };
        let number = |at: usize| u32::from_le_bytes([copy[at], copy[at + 1], copy[at + 2], copy[at + 3]]);
        if number(8) != VERSION {
            return Err(StoreError::Version { path: path.to_owned(), found: number(8), known: VERSION });
        }
        let found = Kind::ALL.into_iter().find(|kind| kind.code() == copy[12]);
        if found != Some(kind) {
            let is = found.map_or("something newer", Kind::name);
            return Err(foreign(format!("it is a {is}; open it as that")));
        }
        let mut nonce = [0; 8];
        nonce.copy_from_slice(&copy[20..28]);
        Ok(Self { kind, width: number(16), nonce: u64::from_le_bytes(nonce) })
    }
}
