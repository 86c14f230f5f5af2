//! The store as its users see it: checked input, memory and, where there is one, the log under it.

use std::fs;
use std::path::Path;

use super::code::{put_bits, take_bits};
use super::patterns::Patterns;
use super::{MOST_BITS, MOST_VALUE, Match, StoreError};
use crate::log::{Damage, Durability, FRAME, HEADER, Kind, Log, Torn};
use crate::{Sdr, SdrError};

/// Patterns by key, in memory alone or with a file under them.
#[derive(Debug)]
pub struct PatternStore {
    patterns: Patterns,
    log: Option<Log>,
    /// Bytes of the file that a compaction would keep.
    needed: u64,
}

/// A pattern and its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// The pattern.
    pub sdr: Sdr,
    /// Its value.
    pub value: Vec<u8>,
}

/// What a store takes, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Memory {
    /// The store itself, without what it points to.
    pub own: usize,
    /// Keys and places of patterns.
    pub places: usize,
    /// Patterns and values.
    pub contents: usize,
    /// The inverted index.
    pub index: usize,
    /// The table from keys to places.
    pub directory: usize,
    /// Buffers and names of the log.
    pub log: usize,
}

impl Memory {
    /// All of it.
    #[must_use]
    pub fn total(&self) -> usize {
        self.own + self.heap()
    }

    /// All that was obtained from the allocator.
    #[must_use]
    pub fn heap(&self) -> usize {
        self.places + self.contents + self.index + self.directory + self.log
    }
}

/// What was gathered from a damaged file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Salvaged {
    /// Sound records that were read.
    pub records: u64,
    /// Places that could not be read. A record that was there may have replaced or deleted an earlier one, which is then
    /// back.
    pub damaged: Vec<Damage>,
}

/// What a record says.
#[derive(Debug)]
enum Change<'a> {
    Put(u64, &'a [u32], &'a [u8]),
    Delete(u64),
}

const PUT: u8 = 1;
const DELETE: u8 = 2;

impl<'a> Change<'a> {
    /// Reads a body; `on` is where the bits of a pattern go.
    fn read(body: &'a [u8], size: u32, on: &'a mut Vec<u32>) -> Result<Self, &'static str> {
        let wrong = "a sound record says nothing that this program knows";
        let (&kind, rest) = body.split_first().ok_or(wrong)?;
        let (key, mut rest) = rest.split_first_chunk().ok_or(wrong)?;
        let key = u64::from_le_bytes(*key);
        match kind {
            PUT => {
                take_bits(&mut rest, size, on).ok_or("a sound record holds no pattern of this store")?;
                Ok(Self::Put(key, on, rest))
            }
            DELETE if rest.is_empty() => Ok(Self::Delete(key)),
            _ => Err(wrong),
        }
    }

    fn write(&self, to: &mut Vec<u8>) {
        let (kind, key) = match *self {
            Self::Put(key, ..) => (PUT, key),
            Self::Delete(key) => (DELETE, key),
        };
        to.push(kind);
        to.extend_from_slice(&key.to_le_bytes());
        if let Self::Put(_, on, value) = self {
            put_bits(on, to);
            to.extend_from_slice(value);
        }
    }
}

/// Bytes in a file of a put of a stored pattern.
fn length(on: &[u32], value: &[u8]) -> u64 {
    let mut bytes = Vec::new();
    put_bits(on, &mut bytes);
    (FRAME + 9 + bytes.len() + value.len()) as u64
}

fn check_size(size: u32) -> Result<(), StoreError> {
    if (2..=MOST_BITS).contains(&size) { Ok(()) } else { Err(StoreError::Size { size, most: MOST_BITS }) }
}

impl PatternStore {
    /// An empty store of patterns of `size` bits, without a file.
    ///
    /// # Errors
    /// A size outside 2 to [`MOST_BITS`].
    pub fn in_memory(size: u32) -> Result<Self, StoreError> {
        check_size(size)?;
        Ok(Self { patterns: Patterns::new(size), log: None, needed: HEADER })
    }

    /// An empty store of patterns of `size` bits in a new file.
    ///
    /// # Errors
    /// A size outside 2 to [`MOST_BITS`], a file that exists, and those of the system.
    pub fn create(path: impl AsRef<Path>, size: u32) -> Result<Self, StoreError> {
        check_size(size)?;
        let log = Log::create(path.as_ref(), Kind::Patterns, size)?;
        Ok(Self { patterns: Patterns::new(size), log: Some(log), needed: HEADER })
    }

    /// The store of a file. [`PatternStore::torn`] says whether an interrupted put was cut off its end.
    ///
    /// # Errors
    /// A file that is no store, is of another version, is damaged in its middle, or that another store has open.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, StoreError> {
        let mut patterns: Option<Patterns> = None;
        let mut on = Vec::new();
        let log = Log::open(path.as_ref(), Kind::Patterns, |header, body| {
            let patterns = patterns.get_or_insert_with(|| Patterns::new(header.width));
            match Change::read(body, header.width, &mut on)? {
                Change::Put(key, on, value) => patterns.put(key, on, value),
                Change::Delete(key) => patterns.delete(key),
            };
            Ok(())
        })?;
        let patterns = patterns.unwrap_or_else(|| Patterns::new(log.width()));
        let mut needed = HEADER;
        patterns.each(|_, on, value| needed += length(on, value));
        Ok(Self { patterns, log: Some(log), needed })
    }

    /// Gathers all sound records of a damaged file in a new one, and opens that. The damaged file is not changed.
    ///
    /// # Errors
    /// A file whose header is damaged in both copies, a new file that exists, and those of the system.
    pub fn salvage(damaged: impl AsRef<Path>, to: impl AsRef<Path>) -> Result<(Self, Salvaged), StoreError> {
        let (damaged, to) = (damaged.as_ref(), to.as_ref());
        let mut store: Option<Self> = None;
        let (mut on, mut records) = (Vec::new(), 0);
        let (header, places) = Log::salvage(damaged, Kind::Patterns, |header, body| {
            let store = match &mut store {
                Some(store) => store,
                None => store.insert(Self::create(to, header.width)?),
            };
            if let Ok(change) = Change::read(body, header.width, &mut on) {
                records += 1;
                store.apply(change)?;
            }
            Ok(())
        })?;
        let store = match store {
            Some(store) => store,
            None => Self::create(to, header.width)?,
        };
        store.sync()?;
        Ok((store, Salvaged { records, damaged: places }))
    }

    /// Bits of every pattern.
    #[must_use]
    pub fn size(&self) -> u32 {
        self.patterns.size()
    }

    /// How many patterns there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.patterns.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn check<'a>(&self, sdr: &'a Sdr) -> Result<&'a [u32], StoreError> {
        let (expected, got) = (self.size(), sdr.size());
        match sdr.on().len() {
            _ if got != expected => Err(SdrError::Size { expected, got }.into()),
            0 => Err(StoreError::Empty),
            all if all == expected as usize => Err(StoreError::Full { size: expected }),
            _ => Ok(sdr.on()),
        }
    }

    /// First into the file, then into memory: what fails changes nothing.
    fn apply(&mut self, change: Change<'_>) -> Result<bool, StoreError> {
        if let Some(log) = &mut self.log {
            let (Change::Put(key, ..) | Change::Delete(key)) = change;
            let mut on = Vec::new();
            let before = self.patterns.get(key, &mut on).map_or(0, |value| length(&on, value));
            let written = log.append(|to| change.write(to))?;
            self.needed -= before;
            if matches!(change, Change::Put(..)) {
                self.needed += written;
            }
        }
        Ok(match change {
            Change::Put(key, on, value) => self.patterns.put(key, on, value),
            Change::Delete(key) => self.patterns.delete(key),
        })
    }

    /// Stores a pattern and its value under a key; whether it replaced one.
    ///
    /// # Errors
    /// A pattern of another width, without or with all on bits; a value longer than [`MOST_VALUE`]; those of the system.
    /// Nothing is then changed.
    pub fn put(&mut self, key: u64, sdr: &Sdr, value: &[u8]) -> Result<bool, StoreError> {
        let on = self.check(sdr)?;
        if value.len() > MOST_VALUE {
            return Err(StoreError::Value { key, bytes: value.len(), most: MOST_VALUE });
        }
        self.apply(Change::Put(key, on, value))
    }

    /// The pattern and the value of a key.
    #[must_use]
    pub fn get(&self, key: u64) -> Option<Stored> {
        let mut on = Vec::new();
        let value = self.patterns.get(key, &mut on)?.to_vec();
        let sdr = Sdr::new(self.size(), on).ok()?;
        Some(Stored { sdr, value })
    }

    /// Whether there is a pattern of this key.
    #[must_use]
    pub fn contains(&self, key: u64) -> bool {
        self.patterns.contains(key)
    }

    /// All keys, in no order.
    pub fn keys(&self) -> impl Iterator<Item = u64> {
        self.patterns.keys()
    }

    /// Removes a pattern; whether there was one.
    ///
    /// # Errors
    /// Those of the system. Nothing is then changed.
    pub fn delete(&mut self, key: u64) -> Result<bool, StoreError> {
        if self.contains(key) { self.apply(Change::Delete(key)) } else { Ok(false) }
    }

    /// The `k` patterns that share most on bits with the query, the best first; of equal ones those with the smaller key.
    /// A pattern that shares none is no match.
    ///
    /// # Errors
    /// A query of another width, without or with all on bits.
    pub fn nearest(&self, query: &Sdr, k: usize) -> Result<Vec<Match>, StoreError> {
        Ok(self.patterns.nearest(self.check(query)?, k, 1))
    }

    /// All patterns that share at least `threshold` on bits (at least one) with the query, in the same order.
    ///
    /// # Errors
    /// As [`PatternStore::nearest`].
    pub fn within(&self, query: &Sdr, threshold: u32) -> Result<Vec<Match>, StoreError> {
        Ok(self.patterns.within(self.check(query)?, threshold))
    }

    /// Waits until everything is safe from a power cut.
    ///
    /// # Errors
    /// Those of the system.
    pub fn sync(&self) -> Result<(), StoreError> {
        self.log.as_ref().map_or(Ok(()), Log::sync)
    }

    /// Chooses when a put is safe.
    pub fn set_durability(&mut self, durability: Durability) {
        if let Some(log) = &mut self.log {
            log.set_durability(durability);
        }
    }

    /// Gives back what deleted and replaced patterns take, in memory and in the file. Worth its time when
    /// [`PatternStore::wasted`] exceeds half of [`PatternStore::file_size`].
    ///
    /// # Errors
    /// Those of the system. The old file is then still there and in use.
    pub fn compact(&mut self) -> Result<(), StoreError> {
        if let Some(log) = &mut self.log {
            let patterns = &self.patterns;
            log.rewrite(|record| {
                let mut outcome = Ok(());
                patterns.each(|key, on, value| {
                    if outcome.is_ok() {
                        outcome = record(&mut |to| Change::Put(key, on, value).write(to));
                    }
                });
                outcome
            })?;
        }
        self.patterns.compact();
        Ok(())
    }

    /// The file, where there is one.
    #[must_use]
    pub fn path(&self) -> Option<&Path> {
        self.log.as_ref().map(Log::path)
    }

    /// Bytes of the file; 0 without one.
    #[must_use]
    pub fn file_size(&self) -> u64 {
        self.log.as_ref().map_or(0, Log::end)
    }

    /// Bytes of the file that a compaction would give back.
    #[must_use]
    pub fn wasted(&self) -> u64 {
        self.file_size().saturating_sub(self.needed)
    }

    /// What opening the file cut off its end, if anything.
    #[must_use]
    pub fn torn(&self) -> Option<&Torn> {
        self.log.as_ref().and_then(Log::torn)
    }

    /// What the store takes, to the byte.
    #[must_use]
    pub fn memory(&self) -> Memory {
        let (directory, blocks) = self.patterns.parts();
        let mut memory = Memory {
            own: size_of::<Self>(),
            places: blocks.capacity() * size_of_val(&blocks[..1]),
            contents: 0,
            index: 0,
            directory,
            log: self.log.as_ref().map_or(0, Log::heap),
        };
        for block in blocks {
            let bytes = block.bytes();
            memory.places += bytes.places;
            memory.contents += bytes.contents;
            memory.index += bytes.index;
        }
        memory
    }

    /// Closes the store and removes its file, if it has one.
    ///
    /// # Errors
    /// Those of the system.
    pub fn remove(self) -> Result<(), StoreError> {
        match self.log {
            Some(log) => fs::remove_file(log.path()).map_err(crate::log::io_error("remove", log.path())),
            None => Ok(()),
        }
    }
}
