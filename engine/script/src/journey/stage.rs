//! What the users of one thread share: who runs now, the conditions of the load, and what was made ready once.

use std::cell::RefCell;
use std::collections::HashMap;
use std::hash::Hash;
use std::rc::Rc;
use std::sync::{Arc, Mutex, PoisonError};

use engine_core::event::Note;
use engine_load::user::Mark;
use engine_load::{Failure, json};
use regex::Regex;
use rhai::{Dynamic, ImmutableString, Map};

use super::acks::Acks;
use super::person::Person;
use super::request::Requests;
use super::trace::Trace;

/// The conditions of a load, as its declaration gives them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Conditions {
    /// Time for a request that says nothing, in nanoseconds.
    pub(crate) timeout: u64,
    /// Headers of every request.
    pub(crate) headers: Vec<(String, String)>,
    /// Path in front of every path.
    pub(crate) base: String,
    /// `user.data`.
    pub(crate) data: Map,
    /// Users at the same time, at most: rows of data are dealt out in turns of so many.
    pub(crate) users: u64,
    /// Iterations are numbered over all users.
    pub(crate) shared: bool,
    /// Whether users think and keep a pace.
    pub(crate) hurried: bool,
}

/// Messages that all users of a load leave at most.
const NOTES: usize = 100;

/// Entries that one cache keeps at most.
const MOST: usize = 4096;

/// Values found by a text, made once.
#[derive(Debug)]
pub(crate) struct Cache<K, V>(RefCell<HashMap<K, Rc<V>>>);

impl<K, V> Default for Cache<K, V> {
    fn default() -> Self {
        Self(RefCell::default())
    }
}

impl<K: Hash + Eq, V> Cache<K, V> {
    /// The value for `key`.
    pub(crate) fn get<E>(&self, key: K, make: impl FnOnce(&K) -> Result<V, E>) -> Result<Rc<V>, E> {
        if let Some(known) = self.0.borrow().get(&key) {
            return Ok(Rc::clone(known));
        }
        let made = Rc::new(make(&key)?);
        let mut all = self.0.borrow_mut();
        if all.len() < MOST {
            all.insert(key, Rc::clone(&made));
        }
        Ok(made)
    }
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Stage {
    current: RefCell<Option<Person>>,
    pub(crate) conditions: Conditions,
    /// What `setup` returned.
    pub(crate) setup: Dynamic,
    pub(crate) requests: Requests,
    pub(crate) checks: Cache<ImmutableString, Mark>,
    pub(crate) values: Cache<ImmutableString, Mark>,
    pub(crate) paths: Cache<ImmutableString, json::Path>,
    pub(crate) patterns: Cache<ImmutableString, Regex>,
    trace: Option<Trace>,
    notes: Arc<Mutex<Vec<Note>>>,
    /// What was acknowledged.
    pub(crate) acks: Arc<Acks>,
    /// What `setup` and `teardown` fail with is told whole; a journey's first failures too.
    pub(crate) told: std::cell::Cell<u32>,
}

impl Stage {
    pub(crate) fn new(
        conditions: Conditions,
        setup: Dynamic,
        trace: Option<Trace>,
        notes: Arc<Mutex<Vec<Note>>>,
    ) -> Self {
        Self {
            current: RefCell::new(None),
            conditions,
            setup,
            requests: Requests::default(),
            checks: Cache::default(),
            values: Cache::default(),
            paths: Cache::default(),
            patterns: Cache::default(),
            trace,
            notes,
            acks: Arc::default(),
            told: std::cell::Cell::new(0),
        }
    }

    /// Keeps there what is acknowledged.
    pub(crate) fn with_acks(self, acks: Arc<Acks>) -> Self {
        Self { acks, ..self }
    }

    /// Who runs now.
    pub(crate) fn current(&self) -> Option<Person> {
        self.current.borrow().clone()
    }

    /// `person` runs now: it begins, or others ran while it waited.
    pub(crate) fn runs(&self, person: &Person) {
        self.current.replace(Some(person.clone()));
    }

    /// Lets others run for a moment.
    pub(crate) fn breathe(&self) -> Result<(), Failure> {
        let Some(person) = self.current() else { return Ok(()) };
        let result = person.user.breathe();
        self.runs(&person);
        result
    }

    /// Keeps a message of a user; thousands of users say the same, so only the first are kept.
    pub(crate) fn note(&self, note: Note) {
        let mut notes = self.notes.lock().unwrap_or_else(PoisonError::into_inner);
        if notes.len() < NOTES {
            notes.push(note);
        }
    }

    /// Says what happens, where somebody looks on.
    pub(crate) fn trace(&self, say: impl FnOnce() -> String) {
        if let Some(trace) = &self.trace
            && let Some(person) = self.current()
        {
            trace.say(&person, &say());
        }
    }
}
