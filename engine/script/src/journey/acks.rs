//! What users were told is safe: the keys that journeys give to `ack`, kept to be asked for again.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use engine_core::fault::DataCheck;

use crate::plain::{Plain, json_of};

/// Keys that are kept at most; more are counted and not asked for.
const MOST: usize = 200_000;

/// Keys that are gone and named.
const NAMED: usize = 5;

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Acks {
    wanted: AtomicBool,
    kept: Mutex<Kept>,
    next: AtomicUsize,
}

#[derive(Debug, Default)]
struct Kept {
    keys: Vec<Plain>,
    all: u64,
    checked: u64,
    lost: Vec<usize>,
    said: Option<String>,
}

impl Acks {
    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A load begins: nothing was acknowledged yet.
    pub(crate) fn begin(&self, wanted: bool) {
        self.wanted.store(wanted, Ordering::Relaxed);
        self.next.store(0, Ordering::Relaxed);
        *self.kept() = Kept::default();
    }

    /// Whether anybody will ask.
    pub(crate) fn wanted(&self) -> bool {
        self.wanted.load(Ordering::Relaxed)
    }

    /// Keeps a key.
    pub(crate) fn add(&self, key: Plain) {
        let mut kept = self.kept();
        kept.all += 1;
        if kept.keys.len() < MOST {
            kept.keys.push(key);
        }
    }

    /// The next key to ask for, with its number.
    pub(crate) fn next(&self) -> Option<(usize, Plain)> {
        let at = self.next.fetch_add(1, Ordering::Relaxed);
        self.kept().keys.get(at).map(|key| (at, key.clone()))
    }

    /// Whether key number `at` was there.
    pub(crate) fn found(&self, at: usize, there: bool) {
        let mut kept = self.kept();
        kept.checked += 1;
        if !there {
            kept.lost.push(at);
        }
    }

    /// Keeps the first error of asking.
    pub(crate) fn said(&self, error: &str) {
        self.kept().said.get_or_insert_with(|| error.to_owned());
    }

    /// What came of asking, and the first error.
    pub(crate) fn outcome(&self) -> (DataCheck, Option<String>) {
        let kept = self.kept();
        let examples = kept.lost.iter().take(NAMED).filter_map(|at| kept.keys.get(*at)).map(json_of).collect();
        let data = DataCheck { acknowledged: kept.all, checked: kept.checked, lost: kept.lost.len() as u64, examples };
        (data, kept.said.clone())
    }

    /// Whether every key that is kept was asked for.
    pub(crate) fn is_done(&self) -> bool {
        let kept = self.kept();
        kept.checked >= kept.keys.len() as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_is_asked_for_once_and_what_is_gone_is_named() {
        let acks = Acks::default();
        acks.begin(true);
        (0..5).for_each(|n| acks.add(Plain::Whole(n)));
        assert!(acks.wanted() && !acks.is_done());
        while let Some((at, key)) = acks.next() {
            acks.found(at, key != Plain::Whole(3));
        }
        assert!(acks.is_done());
        let want = DataCheck { acknowledged: 5, checked: 5, lost: 1, examples: vec!["3".into()] };
        assert_eq!(acks.outcome(), (want, None));
        acks.begin(false);
        assert_eq!(acks.outcome().0, DataCheck::default());
    }
}
