//! References to runs: `@last`, `@-2`, `@NAME` of a baseline, an id or its beginning, or an exported file.

use std::path::Path;

use engine_core::nearest::hint;
use engine_core::run::{RunId, RunRecord};
use rusqlite::OptionalExtension;

use crate::error::{At, Error};
use crate::{Store, read_export};

/// How many candidates an error lists; the query asks for one more.
const SHOWN: usize = 8;

impl Store {
    /// The run that a reference means: `@last` or `@-1` (the last started, of any profile), `@-2` (the one before),
    /// `@NAME` (the newest run of that baseline), or the beginning of an id.
    ///
    /// # Errors
    /// [`Error::UnknownRun`], [`Error::UnknownBaseline`] and [`Error::Ambiguous`] with what would work.
    pub fn resolve(&self, reference: &str) -> Result<RunId, Error> {
        match reference.strip_prefix('@') {
            Some("last") => self.nth_newest(reference, 1),
            Some(back) if back.starts_with('-') => match back[1..].parse() {
                Ok(back @ 1..) => self.nth_newest(reference, back),
                _ => Err(self.unknown(reference, "; counting back starts with `@-1`, the last run".to_owned())),
            },
            Some(name) => self.of_baseline(name),
            None => self.of_prefix(reference),
        }
    }

    /// The record that a reference means; an existing file is read as an exported run.
    ///
    /// # Errors
    /// Those of [`Store::resolve`], [`Store::run`] and [`read_export`].
    pub fn load(&self, reference: &str) -> Result<RunRecord, Error> {
        let file = Path::new(reference);
        let looks_like_file = !reference.starts_with('@') && (reference.contains(['/', '.']) || file.is_file());
        if looks_like_file { read_export(file) } else { self.run(&self.resolve(reference)?) }
    }

    /// The `back`-th newest run, from 1.
    fn nth_newest(&self, reference: &str, back: u32) -> Result<RunId, Error> {
        let sql = "SELECT id FROM runs ORDER BY started DESC, id DESC LIMIT 1 OFFSET ?1";
        let found = self.connection.query_row(sql, [back - 1], |row| row.get(0).map(RunId)).optional().at(&self.path)?;
        found.map_or_else(
            || {
                let stored = self.count()?;
                Err(self.unknown(
                    reference,
                    match stored {
                        0 => "; nothing is stored yet: run a scenario".to_owned(),
                        1 => "; one run is stored: `@last`".to_owned(),
                        _ => format!("; {stored} runs are stored: `@last` to `@-{stored}`"),
                    },
                ))
            },
            Ok,
        )
    }

    fn of_baseline(&self, name: &str) -> Result<RunId, Error> {
        let found = self.baselines_named(name, None, None)?;
        match found.as_slice() {
            [one] => Ok(one.run().clone()),
            [] => Err(self.unknown_baseline(name)?),
            several => {
                let candidates = several
                    .iter()
                    .take(SHOWN)
                    .map(|baseline| {
                        format!("{} (`{}` on machine `{}`)", baseline.run().short(), baseline.suite, baseline.machine)
                    })
                    .collect();
                Err(Error::Ambiguous { path: self.path.clone(), typed: format!("@{name}"), candidates })
            }
        }
    }

    fn of_prefix(&self, typed: &str) -> Result<RunId, Error> {
        let prefix = typed.to_ascii_lowercase();
        if prefix.is_empty() {
            return Err(self.unknown_run(typed));
        }
        let sql = "SELECT id FROM runs WHERE substr(id, 1, length(?1)) = ?1 ORDER BY id DESC LIMIT 9";
        let mut statement = self.connection.prepare_cached(sql).at(&self.path)?;
        let found: Vec<String> =
            statement.query_map([&prefix], |row| row.get(0)).and_then(Iterator::collect).at(&self.path)?;
        match found.as_slice() {
            [one] => Ok(RunId(one.clone())),
            [] => Err(self.unknown_run(typed)),
            several => {
                let candidates = several.iter().take(SHOWN).map(|id| format!("`{id}`")).collect();
                Err(Error::Ambiguous { path: self.path.clone(), typed: typed.to_owned(), candidates })
            }
        }
    }

    /// The error for an id that is not stored, with the nearest one that is.
    pub(crate) fn unknown_run(&self, typed: &str) -> Error {
        let length = typed.chars().count();
        let ids =
            self.connection.prepare("SELECT id FROM runs ORDER BY started DESC LIMIT 1000").and_then(|mut found| {
                found.query_map([], |row| row.get::<_, String>(0))?.collect::<rusqlite::Result<Vec<_>>>()
            });
        let ids = ids.unwrap_or_default();
        let near = hint(typed, ids.iter().filter_map(|id| id.get(..length.min(id.len()))));
        let near = if near.is_empty() { "; `engine runs list` shows what is stored".to_owned() } else { near };
        self.unknown(typed, near)
    }

    fn unknown(&self, typed: &str, hint: String) -> Error {
        Error::UnknownRun { path: self.path.clone(), typed: typed.to_owned(), hint }
    }

    /// How many runs are stored, of all profiles.
    ///
    /// # Errors
    /// Those of reading.
    pub fn count(&self) -> Result<u64, Error> {
        let count: i64 = self.connection.query_row("SELECT count(*) FROM runs", [], |row| row.get(0)).at(&self.path)?;
        Ok(count.unsigned_abs())
    }
}
