//! The store as its users see it: checked input over eight shards.

use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering as Memory};
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use super::dot::dot;
use super::rounded::{Query, length};
use super::shard::Shard;
use super::{RESONANCE, SHARDS};
use crate::log::{Kind, Log, Torn, io_error};
use crate::store::{MOST_VALUE, StoreError};

/// The most numbers of an embedding.
const MOST_NUMBERS: u32 = 1 << 16;
/// Lengths of embeddings that can be compared in `f32`.
const LENGTHS: std::ops::RangeInclusive<f64> = 1e-15..=1e15;

/// An entry.
#[derive(Debug, Clone, PartialEq)]
pub struct Tensor {
    /// Where it points.
    pub embedding: Vec<f32>,
    /// What changed, in the caller's form.
    pub diff: Vec<u8>,
    /// What else is known, in the caller's form.
    pub metadata: Vec<u8>,
    /// How well it fits the others: 1, or what [`TensorStore::contract_resonance`] found below the threshold.
    pub resonance: f32,
}

impl Tensor {
    /// An entry that nothing was compared with yet.
    #[must_use]
    pub fn new(embedding: Vec<f32>, diff: Vec<u8>, metadata: Vec<u8>) -> Self {
        Self { embedding, diff, metadata, resonance: 1.0 }
    }
}

/// An entry that a search found.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Near {
    /// Its number.
    pub id: u64,
    /// The cosine of the angle between its embedding and the query.
    pub cosine: f32,
}

/// The best comes first: the larger cosine, then the smaller number.
#[derive(Debug, PartialEq)]
struct Ranked(Near);

impl Eq for Ranked {}

impl Ord for Ranked {
    fn cmp(&self, other: &Self) -> Ordering {
        other.0.cosine.total_cmp(&self.0.cosine).then(self.0.id.cmp(&other.0.id))
    }
}

impl PartialOrd for Ranked {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// Keeps the `k` nearest while shards are looked through.
#[derive(Debug)]
pub(crate) struct Nearest {
    k: usize,
    least: f32,
    /// The worst of them on top.
    heap: BinaryHeap<Ranked>,
}

impl Nearest {
    /// The least cosine of interest now. It never falls.
    #[inline]
    pub(crate) fn floor(&self) -> f32 {
        match self.heap.peek() {
            Some(worst) if self.heap.len() == self.k => worst.0.cosine.max(self.least),
            _ => self.least,
        }
    }

    pub(crate) fn offer(&mut self, id: u64, cosine: f32) {
        let near = Ranked(Near { id, cosine });
        if cosine < self.least {
        } else if self.heap.len() < self.k {
            self.heap.push(near);
        } else if let Some(mut worst) = self.heap.peek_mut()
            && near < *worst
        {
            *worst = near;
        }
    }
}

/// Triples of embedding, diff and metadata in eight shards. All methods may be called from several threads at once.
#[derive(Debug)]
pub struct TensorStore {
    width: u32,
    shards: [RwLock<Shard>; SHARDS],
    next: AtomicU64,
}

fn shard_file(folder: &Path, shard: usize) -> PathBuf {
    folder.join(format!("shard-{shard}"))
}

fn check_width(width: u32) -> Result<(), StoreError> {
    if (1..=MOST_NUMBERS).contains(&width) {
        return Ok(());
    }
    let what = format!("a store holds embeddings of 1 to {MOST_NUMBERS} numbers, not of {width}");
    Err(StoreError::Embedding { what })
}

impl TensorStore {
    /// An empty store of embeddings of `width` numbers (usually [`super::EMBEDDING`]), without files.
    ///
    /// # Errors
    /// A width outside 1 to 65,536.
    pub fn in_memory(width: u32) -> Result<Self, StoreError> {
        check_width(width)?;
        Ok(Self::over(width, std::array::from_fn(|_| Shard::new(width as usize))))
    }

    fn over(width: u32, shards: [Shard; SHARDS]) -> Self {
        let next = shards.iter().filter_map(Shard::highest).max().map_or(0, |highest| highest + 1);
        Self { width, shards: shards.map(RwLock::new), next: AtomicU64::new(next) }
    }

    /// An empty store in a new folder, which holds a log for each shard.
    ///
    /// # Errors
    /// As [`TensorStore::in_memory`]; a folder that exists, and those of the system.
    pub fn create(folder: impl AsRef<Path>, width: u32) -> Result<Self, StoreError> {
        check_width(width)?;
        let folder = folder.as_ref();
        if folder.exists() {
            return Err(StoreError::Exists(folder.to_owned()));
        }
        // All shards or none: the folder gets its name when it is complete.
        let mut name = folder.as_os_str().to_owned();
        name.push(".new");
        let new = PathBuf::from(name);
        fs::create_dir(&new).map_err(io_error("create", &new))?;
        for shard in 0..SHARDS {
            drop(Log::create(&shard_file(&new, shard), Kind::Tensors, width)?);
        }
        fs::rename(&new, folder).map_err(io_error("create", folder))?;
        Self::open(folder)
    }

    /// The store of a folder.
    ///
    /// # Errors
    /// A shard that is missing, is of another version or width, is damaged in its middle, or is open elsewhere.
    pub fn open(folder: impl AsRef<Path>) -> Result<Self, StoreError> {
        let (mut shards, mut width) = (Vec::with_capacity(SHARDS), None);
        for at in 0..SHARDS {
            let path = shard_file(folder.as_ref(), at);
            let mut shard: Option<Shard> = None;
            let log = Log::open(&path, Kind::Tensors, |header, body| {
                shard.get_or_insert_with(|| Shard::new(header.width as usize)).apply(body)
            })?;
            let expected = *width.get_or_insert(log.width());
            if log.width() != expected {
                let what = format!("its embeddings have {} numbers, those of the others {expected}", log.width());
                return Err(StoreError::Foreign { path, expected: Kind::Tensors.name(), what });
            }
            let mut shard = shard.unwrap_or_else(|| Shard::new(expected as usize));
            shard.set_log(log);
            shards.push(shard);
        }
        let width = width.unwrap_or(super::EMBEDDING);
        match shards.try_into() {
            Ok(shards) => Ok(Self::over(width, shards)),
            Err(_) => unreachable!("so many were opened"),
        }
    }

    fn read(&self, id: u64) -> RwLockReadGuard<'_, Shard> {
        self.shards[(id % SHARDS as u64) as usize].read().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, id: u64) -> RwLockWriteGuard<'_, Shard> {
        self.shards[(id % SHARDS as u64) as usize].write().unwrap_or_else(PoisonError::into_inner)
    }

    fn each(&self) -> impl Iterator<Item = RwLockReadGuard<'_, Shard>> {
        (0..SHARDS as u64).map(|shard| self.read(shard))
    }

    /// Numbers of every embedding.
    #[must_use]
    pub fn width(&self) -> u32 {
        self.width
    }

    /// How many entries there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.each().map(|shard| shard.len()).sum()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The length of an embedding that can be used.
    fn check(&self, embedding: &[f32]) -> Result<f64, StoreError> {
        let wrong = |what| Err(StoreError::Embedding { what });
        if embedding.len() != self.width as usize {
            return wrong(format!("it has {} numbers where {} are expected", embedding.len(), self.width));
        }
        if let Some(at) = embedding.iter().position(|number| !number.is_finite()) {
            return wrong(format!("number {at} is {}; leave out what could not be computed", embedding[at]));
        }
        match length(embedding) {
            0.0 => wrong("all its numbers are 0, so it points nowhere".to_owned()),
            length if LENGTHS.contains(&length) => Ok(length),
            length => wrong(format!("its length is {length:e}; scale it to about 1, which changes no cosine")),
        }
    }

    /// Stores an entry and gives it a number.
    ///
    /// # Errors
    /// An embedding of another width, without length, or with numbers that are none; a diff or metadata longer than
    /// [`MOST_VALUE`]; those of the system. Nothing is then changed.
    pub fn write(&self, tensor: &Tensor) -> Result<u64, StoreError> {
        self.check(&tensor.embedding)?;
        if !tensor.resonance.is_finite() {
            let what = format!("its resonance is {}; 1 says that nothing was compared yet", tensor.resonance);
            return Err(StoreError::Embedding { what });
        }
        let id = self.next.fetch_add(1, Memory::Relaxed);
        if let Some(bytes) = [tensor.diff.len(), tensor.metadata.len()].into_iter().find(|&bytes| bytes > MOST_VALUE) {
            return Err(StoreError::Value { key: id, bytes, most: MOST_VALUE });
        }
        self.change(id).write(id, tensor)?;
        Ok(id)
    }

    /// An entry.
    #[must_use]
    pub fn get(&self, id: u64) -> Option<Tensor> {
        self.read(id).get(id)
    }

    /// Removes an entry; whether there was one.
    ///
    /// # Errors
    /// Those of the system. Nothing is then changed.
    pub fn delete(&self, id: u64) -> Result<bool, StoreError> {
        self.change(id).delete(id)
    }

    /// The `k` entries nearest to the query whose cosine is at least [`RESONANCE`], the nearest first; of equally near ones
    /// those with the smaller number.
    ///
    /// # Errors
    /// A query of another width, without length, or with numbers that are none.
    pub fn search(&self, query: &[f32], k: usize) -> Result<Vec<Near>, StoreError> {
        self.search_from(query, k, RESONANCE)
    }

    /// As [`TensorStore::search`], from any cosine on; -1 takes all.
    ///
    /// # Errors
    /// As [`TensorStore::search`].
    pub fn search_from(&self, query: &[f32], k: usize, least: f32) -> Result<Vec<Near>, StoreError> {
        let rounded = Query::new(query, self.check(query)?);
        let mut nearest = Nearest { k, least, heap: BinaryHeap::new() };
        if k > 0 {
            for shard in self.each() {
                shard.search(query, &rounded, &mut nearest);
            }
        }
        Ok(nearest.heap.into_sorted_vec().into_iter().map(|ranked| ranked.0).collect())
    }

    /// The cosine of two entries. Where it is below [`RESONANCE`], the first entry keeps it as its resonance, which
    /// [`TensorStore::pulse_prune`] goes by.
    ///
    /// # Errors
    /// An entry that does not exist, and those of the system.
    pub fn contract_resonance(&self, a: u64, b: u64) -> Result<f32, StoreError> {
        let other = self.read(b).embedding(b).map(<[f32]>::to_vec).ok_or(StoreError::Missing(b))?;
        let mut shard = self.change(a);
        let own = shard.embedding(a).ok_or(StoreError::Missing(a))?;
        let cosine = (f64::from(dot(own, &other)) / length(own) / length(&other)).clamp(-1.0, 1.0) as f32;
        if cosine < RESONANCE {
            shard.mark(a, cosine)?;
        }
        Ok(cosine)
    }

    /// Removes every entry whose resonance is below the threshold; how many.
    ///
    /// # Errors
    /// Those of the system. What was removed before stays removed.
    pub fn pulse_prune(&self, threshold: f32) -> Result<usize, StoreError> {
        (0..SHARDS as u64).map(|shard| self.change(shard).prune(threshold)).sum()
    }

    /// Gives back what deleted entries take, in memory and in the files.
    ///
    /// # Errors
    /// Those of the system. The old file of that shard is then still there and in use.
    pub fn compact(&self) -> Result<(), StoreError> {
        (0..SHARDS as u64).try_for_each(|shard| self.change(shard).compact())
    }

    /// Waits until everything is safe from a power cut.
    ///
    /// # Errors
    /// Those of the system.
    pub fn sync(&self) -> Result<(), StoreError> {
        self.each().try_for_each(|shard| shard.log().map_or(Ok(()), Log::sync))
    }

    /// What opening the files cut off their ends.
    #[must_use]
    pub fn torn(&self) -> Vec<Torn> {
        self.each().filter_map(|shard| shard.log().and_then(Log::torn).cloned()).collect()
    }

    /// What the store takes, in bytes.
    #[must_use]
    pub fn memory(&self) -> usize {
        size_of::<Self>() + self.each().map(|shard| shard.heap()).sum::<usize>()
    }
}
