//! How models are written: a head that says what it is, the content, and a checksum over both.
//!
//! `ENGINHTM` (8 bytes), kind (4 letters), version (u32), length of the content (u64), content, CRC-64 of everything
//! before it. All numbers are little-endian. Nothing of a file is believed before its checksum is right, and what is
//! inside is checked against the limits of the model all the same.

use std::io::{Read, Write};

const MAGIC: [u8; 8] = *b"ENGINHTM";
/// The version of every format here.
const VERSION: u32 = 1;
/// Bytes before the content.
const HEAD: usize = 24;

/// Why a saved model could not be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LoadError {
    /// The source could not be read.
    #[error("cannot read the model: {0}")]
    Io(#[from] std::io::Error),
    /// It is something else.
    #[error("this is no saved {expected}")]
    Kind {
        /// What was to be read.
        expected: &'static str,
    },
    /// It was written by another version.
    #[error("the model has format version {found}, and this program reads {VERSION}")]
    Version {
        /// The version of the file.
        found: u32,
    },
    /// It ends too early.
    #[error("the model is cut short: {missing} bytes are missing")]
    Truncated {
        /// How many bytes are missing.
        missing: u64,
    },
    /// The checksum is wrong.
    #[error("the model is damaged: its checksum is wrong")]
    Checksum,
    /// The content contradicts itself.
    #[error("the model is damaged: {0}")]
    Content(&'static str),
}

/// What kind of model a file holds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Kind {
    pub(crate) letters: [u8; 4],
    pub(crate) name: &'static str,
}

/// Writes a model's content in its frame.
pub(crate) fn write(kind: Kind, content: &[u8], to: &mut dyn Write) -> std::io::Result<()> {
    let mut head = Vec::with_capacity(HEAD);
    head.extend(MAGIC);
    head.extend(kind.letters);
    head.extend(VERSION.to_le_bytes());
    head.extend((content.len() as u64).to_le_bytes());
    let sum = crc64(crc64(0, &head), content);
    to.write_all(&head)?;
    to.write_all(content)?;
    to.write_all(&sum.to_le_bytes())
}

/// Reads a model's frame and gives its content.
pub(crate) fn read(kind: Kind, from: &mut dyn Read) -> Result<Vec<u8>, LoadError> {
    let mut head = Vec::with_capacity(HEAD);
    from.take(HEAD as u64).read_to_end(&mut head)?;
    let other = LoadError::Kind { expected: kind.name };
    if head.len() < HEAD {
        let ours = MAGIC.starts_with(&head[..head.len().min(8)]) && !head.is_empty();
        return Err(if ours { LoadError::Truncated { missing: (HEAD - head.len()) as u64 } } else { other });
    }
    if head[..8] != MAGIC || head[8..12] != kind.letters {
        return Err(other);
    }
    let mut at = Reader::new(&head[12..]);
    let version = at.u32()?;
    if version != VERSION {
        return Err(LoadError::Version { found: version });
    }
    let len = at.u64()?;
    // Grown as it is read: a damaged length asks for no memory.
    let mut content = Vec::new();
    from.take(len.saturating_add(8)).read_to_end(&mut content)?;
    let missing = len.saturating_add(8) - content.len() as u64;
    if missing > 0 {
        return Err(LoadError::Truncated { missing });
    }
    let sum = content.split_off(content.len() - 8);
    if sum != crc64(crc64(0, &head), &content).to_le_bytes() {
        return Err(LoadError::Checksum);
    }
    Ok(content)
}

/// Appends numbers to a content.
#[derive(Debug, Default)]
pub(crate) struct Writer(pub(crate) Vec<u8>);

/// Takes numbers from a content.
#[derive(Debug)]
pub(crate) struct Reader<'a> {
    rest: &'a [u8],
}

macro_rules! numbers {
    ($($name:ident: $type:ty;)*) => {
        impl Writer {
            $(pub(crate) fn $name(&mut self, value: $type) {
                self.0.extend(value.to_le_bytes());
            })*
        }
        impl Reader<'_> {
            $(pub(crate) fn $name(&mut self) -> Result<$type, LoadError> {
                Ok(<$type>::from_le_bytes(self.bytes()?))
            })*
        }
    };
}
macro_rules! lists {
    ($($name:ident of $one:ident: $type:ty;)*) => {
        impl Writer {
            /// A list: its length, then its numbers.
            $(pub(crate) fn $name(&mut self, values: &[$type]) {
                self.u32(values.len() as u32);
                values.iter().for_each(|&value| self.$one(value));
            })*
        }
        impl Reader<'_> {
            /// A list of exactly `count` numbers, where that is known.
            $(pub(crate) fn $name(&mut self, count: Option<usize>) -> Result<Vec<$type>, LoadError> {
                let len = self.u32()? as usize;
                if count.is_some_and(|count| count != len) {
                    return Err(LoadError::Content("a list has the wrong length"));
                }
                if self.rest.len() / size_of::<$type>() < len {
                    return Err(LoadError::Content("a list is longer than the file"));
                }
                (0..len).map(|_| self.$one()).collect()
            })*
        }
    };
}
numbers! { u8: u8; u16: u16; u32: u32; u64: u64; f32: f32; f64: f64; }
lists! { u16s of u16: u16; u32s of u32: u32; f32s of f32: f32; }

impl Writer {
    pub(crate) fn flag(&mut self, value: bool) {
        self.u8(u8::from(value));
    }
}

impl<'a> Reader<'a> {
    pub(crate) const fn new(content: &'a [u8]) -> Self {
        Self { rest: content }
    }

    fn bytes<const N: usize>(&mut self) -> Result<[u8; N], LoadError> {
        let (first, rest) = self.rest.split_first_chunk().ok_or(LoadError::Content("it ends too early"))?;
        self.rest = rest;
        Ok(*first)
    }

    pub(crate) fn flag(&mut self) -> Result<bool, LoadError> {
        match self.u8()? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(LoadError::Content("a flag is neither yes nor no")),
        }
    }

    /// That nothing is left.
    pub(crate) const fn end(&self) -> Result<(), LoadError> {
        if self.rest.is_empty() { Ok(()) } else { Err(LoadError::Content("it goes on behind its end")) }
    }
}

/// CRC-64/XZ (ECMA-182, reflected), continued from the sum of what came before.
pub(crate) fn crc64(before: u64, bytes: &[u8]) -> u64 {
    let mut sum = !before;
    for &byte in bytes {
        sum = TABLE[usize::from(sum as u8 ^ byte)] ^ (sum >> 8);
    }
    !sum
}

static TABLE: [u64; 256] = {
    let mut table = [0; 256];
    let mut at = 0;
    while at < 256 {
        let mut sum = at as u64;
        let mut bit = 0;
        while bit < 8 {
            sum = if sum & 1 == 1 { (sum >> 1) ^ 0xc96c_5795_d787_0f42 } else { sum >> 1 };
            bit += 1;
        }
        table[at] = sum;
        at += 1;
    }
    table
};

#[cfg(test)]
mod tests {
    use super::*;

    const KIND: Kind = Kind { letters: *b"TEST", name: "test" };

    fn written() -> Vec<u8> {
        let mut content = Writer::default();
        content.u16s(&[3, 5]);
        content.flag(true);
        content.f64(0.25);
        let mut file = Vec::new();
        write(KIND, &content.0, &mut file).expect("a vector takes everything");
        file
    }

    #[test]
    fn the_checksum_is_the_published_one() {
        assert_eq!(crc64(0, b"123456789"), 0x995d_c9bb_df19_39fa);
        assert_eq!(crc64(crc64(0, b"1234"), b"56789"), 0x995d_c9bb_df19_39fa);
    }

    #[test]
    fn what_was_written_is_read() {
        let content = read(KIND, &mut written().as_slice()).expect("whole");
        let mut reader = Reader::new(&content);
        assert_eq!(reader.u16s(Some(2)).expect("a list"), [3, 5]);
        assert!(reader.end().is_err());
        assert!(reader.flag().expect("a flag"));
        assert!((reader.f64().expect("a number") - 0.25).abs() < 1e-15);
        reader.end().expect("nothing is left");
        assert!(reader.u8().is_err());
    }

    #[test]
    fn every_cut_and_every_flipped_bit_is_an_error() {
        let file = written();
        for len in 0..file.len() {
            assert!(read(KIND, &mut &file[..len]).is_err(), "cut to {len}");
        }
        assert!(matches!(read(KIND, &mut &file[..10]), Err(LoadError::Truncated { missing: 14 })));
        for bit in 0..file.len() * 8 {
            let mut damaged = file.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert!(read(KIND, &mut damaged.as_slice()).is_err(), "bit {bit}");
        }
    }

    #[test]
    fn another_kind_or_version_says_so() {
        let other = Kind { letters: *b"OTHR", name: "other" };
        assert_eq!(read(other, &mut written().as_slice()).expect_err("another").to_string(), "this is no saved other");
        let mut newer = written();
        newer[12] = 9;
        assert!(matches!(read(KIND, &mut newer.as_slice()), Err(LoadError::Version { found: 9 })));
        let mut reader = Reader::new(&[255, 255, 255, 255, 0]);
        assert!(matches!(reader.f32s(None), Err(LoadError::Content(_))), "no memory for a length that cannot be");
    }
}
