//! One shard: its entries in rows, and the log under them, where there is one.

use hashbrown::HashTable;

use super::dot::{dot, dots};
use super::rounded::{Query, Scale, length};
use super::tensor_store::{Nearest, Tensor};
use crate::log::Log;
use crate::store::StoreError;

/// Rows whose bytes are compared before any is compared in full.
const TOGETHER: usize = 64;

const PUT: u8 = 1;
const DELETE: u8 = 2;
const MARK: u8 = 3;
/// The highest number that was ever given here, where a compaction leaves no entry of it.
const HIGHEST: u8 = 4;

/// What an entry has beside its embedding.
#[derive(Debug)]
struct Rest {
    id: u64,
    resonance: f32,
    diff: Box<[u8]>,
    metadata: Box<[u8]>,
}

/// Entries in rows: row `i` of each list belongs to the same entry.
#[derive(Debug)]
pub(crate) struct Shard {
    width: usize,
    rest: Vec<Rest>,
    numbers: Vec<f32>,
    bytes: Vec<i8>,
    scales: Vec<Scale>,
    /// Rows by number.
    places: HashTable<u32>,
    /// The highest number that was ever given here.
    highest: Option<u64>,
    log: Option<Log>,
}

/// Numbers count up, so their lowest bits are the same in one shard: spread them.
fn hash(id: u64) -> u64 {
    let z = (id ^ (id >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z ^ (z >> 29)
}

impl Shard {
    pub(crate) fn new(width: usize) -> Self {
        let (rest, numbers, bytes, scales) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        Self { width, rest, numbers, bytes, scales, places: HashTable::new(), highest: None, log: None }
    }

    pub(crate) fn set_log(&mut self, log: Log) {
        self.log = Some(log);
    }

    pub(crate) fn log(&self) -> Option<&Log> {
        self.log.as_ref()
    }

    pub(crate) fn len(&self) -> usize {
        self.rest.len()
    }

    pub(crate) fn highest(&self) -> Option<u64> {
        self.highest
    }

    fn row(&self, id: u64) -> Option<usize> {
        self.places.find(hash(id), |&row| self.rest[row as usize].id == id).map(|&row| row as usize)
    }

    pub(crate) fn embedding(&self, id: u64) -> Option<&[f32]> {
        self.row(id).map(|row| self.numbers(row))
    }

    fn numbers(&self, row: usize) -> &[f32] {
        &self.numbers[row * self.width..][..self.width]
    }

    pub(crate) fn get(&self, id: u64) -> Option<Tensor> {
        let row = self.row(id)?;
        let Rest { resonance, diff, metadata, .. } = &self.rest[row];
        Some(Tensor {
            embedding: self.numbers(row).to_vec(),
            diff: diff.to_vec(),
            metadata: metadata.to_vec(),
            resonance: *resonance,
        })
    }

    /// Adds an entry whose embedding was checked, under a number that nobody has.
    pub(crate) fn write(&mut self, id: u64, tensor: &Tensor) -> Result<(), StoreError> {
        if let Some(log) = &mut self.log {
            log.append(|to| encode(id, tensor, to))?;
        }
        self.insert(id, tensor);
        Ok(())
    }

    fn insert(&mut self, id: u64, tensor: &Tensor) {
        let row = self.rest.len() as u32;
        self.highest = self.highest.max(Some(id));
        self.rest.push(Rest {
            id,
            resonance: tensor.resonance,
            diff: tensor.diff.as_slice().into(),
            metadata: tensor.metadata.as_slice().into(),
        });
        self.numbers.extend_from_slice(&tensor.embedding);
        let scale = Scale::round(&tensor.embedding, length(&tensor.embedding), &mut self.bytes);
        self.scales.push(scale);
        self.places.insert_unique(hash(id), row, |&row| hash(self.rest[row as usize].id));
    }

    pub(crate) fn delete(&mut self, id: u64) -> Result<bool, StoreError> {
        if self.row(id).is_none() {
            return Ok(false);
        }
        if let Some(log) = &mut self.log {
            log.append(|to| short(DELETE, id, to))?;
        }
        Ok(self.remove(id))
    }

    /// Removes an entry; the last row takes its place.
    fn remove(&mut self, id: u64) -> bool {
        let Ok(entry) = self.places.find_entry(hash(id), |&row| self.rest[row as usize].id == id) else {
            return false;
        };
        let row = entry.remove().0 as usize;
        let last = self.rest.len() - 1;
        if row != last {
            let moved = self.rest[last].id;
            if let Some(place) = self.places.find_mut(hash(moved), |&place| place as usize == last) {
                *place = row as u32;
            }
        }
        self.rest.swap_remove(row);
        self.scales.swap_remove(row);
        let width = self.width;
        self.numbers.copy_within(last * width.., row * width);
        self.numbers.truncate(last * width);
        self.bytes.copy_within(last * width.., row * width);
        self.bytes.truncate(last * width);
        true
    }

    /// Keeps a resonance with an entry.
    pub(crate) fn mark(&mut self, id: u64, resonance: f32) -> Result<(), StoreError> {
        let row = self.row(id).ok_or(StoreError::Missing(id))?;
        if let Some(log) = &mut self.log {
            log.append(|to| {
                short(MARK, id, to);
                to.extend_from_slice(&resonance.to_le_bytes());
            })?;
        }
        self.rest[row].resonance = resonance;
        Ok(())
    }

    /// Removes every entry whose resonance is below the threshold; how many.
    pub(crate) fn prune(&mut self, threshold: f32) -> Result<usize, StoreError> {
        let low: Vec<u64> = self.rest.iter().filter(|rest| rest.resonance < threshold).map(|rest| rest.id).collect();
        for &id in &low {
            self.delete(id)?;
        }
        Ok(low.len())
    }

    /// Offers every entry that may be among the nearest: by its bytes first, and in full where they do not rule it out.
    pub(crate) fn search(&self, vector: &[f32], query: &Query, nearest: &mut Nearest) {
        let mut found = [0; TOGETHER];
        for (at, scales) in self.scales.chunks(TOGETHER).enumerate() {
            let first = at * TOGETHER;
            let found = &mut found[..scales.len()];
            dots(&query.bytes, &self.bytes[first * self.width..][..scales.len() * self.width], found);
            for (row, (scale, &dot_of_bytes)) in scales.iter().zip(&*found).enumerate() {
                if query.at_most(scale, dot_of_bytes) >= nearest.floor() {
                    let row = first + row;
                    let cosine = dot(vector, self.numbers(row)) * (query.inverse() * scale.inverse);
                    nearest.offer(self.rest[row].id, cosine.clamp(-1.0, 1.0));
                }
            }
        }
    }

    /// Reads one record of a log.
    pub(crate) fn apply(&mut self, body: &[u8]) -> Result<(), &'static str> {
        let wrong = "a sound record says nothing that this program knows";
        let (&kind, body) = body.split_first().ok_or(wrong)?;
        let (id, body) = body.split_first_chunk().ok_or(wrong)?;
        let id = u64::from_le_bytes(*id);
        match kind {
            PUT => {
                let tensor = decode(body, self.width).ok_or("a sound record holds no entry of this store")?;
                self.insert(id, &tensor);
            }
            DELETE => drop(self.remove(id)),
            HIGHEST => self.highest = self.highest.max(Some(id)),
            MARK => {
                let row = self.row(id).ok_or(wrong)?;
                let resonance = body.first_chunk().ok_or(wrong)?;
                self.rest[row].resonance = f32::from_le_bytes(*resonance);
            }
            _ => return Err(wrong),
        }
        Ok(())
    }

    /// Gives back what deleted entries take, in memory and in the file.
    pub(crate) fn compact(&mut self) -> Result<(), StoreError> {
        if let Some(mut log) = self.log.take() {
            let done = log.rewrite(|record| {
                if let Some(highest) = self.highest {
                    record(&mut |to| short(HIGHEST, highest, to))?;
                }
                let ids = self.rest.iter().map(|rest| rest.id);
                ids.filter_map(|id| Some((id, self.get(id)?)))
                    .try_for_each(|(id, tensor)| record(&mut |to| encode(id, &tensor, to)))
            });
            self.log = Some(log);
            done?;
        }
        self.rest.shrink_to_fit();
        self.numbers.shrink_to_fit();
        self.bytes.shrink_to_fit();
        self.scales.shrink_to_fit();
        self.places.shrink_to_fit(|&row| hash(self.rest[row as usize].id));
        Ok(())
    }

    /// Bytes on the heap.
    pub(crate) fn heap(&self) -> usize {
        self.rest.capacity() * size_of::<Rest>()
            + self.rest.iter().map(|rest| rest.diff.len() + rest.metadata.len()).sum::<usize>()
            + self.numbers.capacity() * size_of::<f32>()
            + self.bytes.capacity()
            + self.scales.capacity() * size_of::<Scale>()
            + self.places.allocation_size()
            + self.log.as_ref().map_or(0, Log::heap)
    }
}

fn short(kind: u8, id: u64, to: &mut Vec<u8>) {
    to.push(kind);
    to.extend_from_slice(&id.to_le_bytes());
}

/// An entry: resonance, numbers, length of the diff, diff, metadata.
fn encode(id: u64, tensor: &Tensor, to: &mut Vec<u8>) {
    short(PUT, id, to);
    to.extend_from_slice(&tensor.resonance.to_le_bytes());
    for number in &tensor.embedding {
        to.extend_from_slice(&number.to_le_bytes());
    }
    to.extend_from_slice(&(tensor.diff.len() as u32).to_le_bytes());
    to.extend_from_slice(&tensor.diff);
    to.extend_from_slice(&tensor.metadata);
}

fn decode(body: &[u8], width: usize) -> Option<Tensor> {
    let (resonance, body) = body.split_first_chunk()?;
    let (numbers, body) = body.split_at_checked(width * size_of::<f32>())?;
    let (length, body) = body.split_first_chunk()?;
    let (diff, metadata) = body.split_at_checked(u32::from_le_bytes(*length) as usize)?;
    Some(Tensor {
        embedding: numbers.as_chunks().0.iter().map(|number| f32::from_le_bytes(*number)).collect(),
        diff: diff.to_vec(),
        metadata: metadata.to_vec(),
        resonance: f32::from_le_bytes(*resonance),
    })
}
