//! Orders in SQLite, in a right and in a wrong way: something for a check of data to tell apart.
//!
//! The right one acknowledges an order when it was written: the kernel has it then, so it survives the death of the process
//! (not that of the machine: nothing is flushed to the disk). The wrong one puts orders into a list, acknowledges, and
//! writes each half a second later: a crash loses what was acknowledged since.

use std::collections::VecDeque;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use engine_core::load::Store;
use rusqlite::{Connection, OptionalExtension, params};
use serde_json::{Value, json};

use crate::lock::lock;

/// So much later the wrong one writes.
const LATER: Duration = Duration::from_millis(500);

/// More orders than are lost in a crash.
const MANY: u64 = 100_000;

/// An order: its number, what, and how many.
type Order = (u64, String, u64);

/// Orders that were acknowledged and not written, the oldest first, and when each was acknowledged.
type Waiting = VecDeque<(Instant, Order)>;

/// See the module.
#[derive(Debug)]
pub(crate) struct Database {
    connection: Arc<Mutex<Connection>>,
    /// Of the wrong one.
    waiting: Option<Arc<Mutex<Waiting>>>,
    next: u64,
}

impl Database {
    /// Opens or makes it; in memory without a file.
    ///
    /// # Errors
    /// When it cannot be opened or written.
    pub(crate) fn open(path: Option<&Path>, store: Store) -> io::Result<Self> {
        // Numbers that were given and lost must not be given to other orders: a lost one would look as if it were there.
        let lost = store == Store::Wrong && path.is_some_and(Path::exists);
        let open = || -> rusqlite::Result<(Connection, u64)> {
            let connection = match path {
                Some(path) => Connection::open(path)?,
                None => Connection::open_in_memory()?,
            };
            connection.busy_timeout(Duration::from_secs(5))?;
            // With a journal of its own for each order, as SQLite has it where nothing is said: that needs room every time, so a
            // full disk shows at once. A log that is written over and over would go on in the room that it has.
            connection.query_row("PRAGMA journal_mode = DELETE", [], |_| Ok(()))?;
            connection.execute_batch(
                "PRAGMA synchronous = OFF;
                 CREATE TABLE IF NOT EXISTS orders (id INTEGER PRIMARY KEY, sku TEXT NOT NULL, n INTEGER NOT NULL) STRICT",
            )?;
            let last: i64 = connection.query_row("SELECT coalesce(max(id), 0) FROM orders", [], |row| row.get(0))?;
            Ok((connection, last.unsigned_abs() + if lost { MANY } else { 1 }))
        };
        let (connection, next) = open().map_err(io::Error::other)?;
        let connection = Arc::new(Mutex::new(connection));
        let waiting = (store == Store::Wrong).then(Arc::<Mutex<Waiting>>::default);
        if let Some(waiting) = &waiting {
            let (waiting, connection) = (Arc::clone(waiting), Arc::clone(&connection));
            let work = move || {
                // It ends with the process: that is what it is for.
                loop {
                    std::thread::sleep(LATER / 10);
                    let mut waiting = lock(&waiting);
                    let due = waiting.partition_point(|(since, _)| since.elapsed() >= LATER);
                    let batch: Vec<Order> = waiting.drain(..due).map(|(_, order)| order).collect();
                    // Who would listen to an error now?
                    let _ = write(&mut lock(&connection), &batch);
                }
            };
            std::thread::Builder::new().name("later".to_owned()).spawn(work)?;
        }
        Ok(Self { connection, waiting, next })
    }

    /// Takes an order; gives its number.
    ///
    /// # Errors
    /// When it could not be written, which only the right one knows.
    pub(crate) fn place(&mut self, sku: &str, count: u64) -> io::Result<u64> {
        let order = (self.next, sku.to_owned(), count);
        match &self.waiting {
            Some(waiting) => lock(waiting).push_back((Instant::now(), order)),
            None => write(&mut lock(&self.connection), &[order]).map_err(io::Error::other)?,
        }
        self.next += 1;
        Ok(self.next - 1)
    }

    /// Order `id`.
    pub(crate) fn get(&self, id: u64) -> Option<Value> {
        let waiting = self.waiting.as_ref().and_then(|waiting| {
            lock(waiting).iter().find(|(_, order)| order.0 == id).map(|(_, (_, sku, count))| (sku.clone(), *count))
        });
        let written = || {
            let connection = lock(&self.connection);
            let row = connection.query_row("SELECT sku, n FROM orders WHERE id = ?1", params![number(id)], |row| {
                Ok((row.get(0)?, row.get::<_, i64>(1)?.unsigned_abs()))
            });
            row.optional().ok().flatten()
        };
        let (sku, count): (String, u64) = waiting.or_else(written)?;
        Some(json!({ "id": id, "sku": sku, "n": count }))
    }

    /// Forgets all.
    ///
    /// # Errors
    /// When that cannot be written.
    pub(crate) fn clear(&mut self) -> io::Result<()> {
        if let Some(waiting) = &self.waiting {
            lock(waiting).clear();
        }
        lock(&self.connection).execute("DELETE FROM orders", []).map_err(io::Error::other)?;
        self.next = 1;
        Ok(())
    }
}

fn number(n: u64) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

fn write(connection: &mut Connection, orders: &[Order]) -> rusqlite::Result<()> {
    let transaction = connection.transaction()?;
    for (id, sku, count) in orders {
        transaction.prepare_cached("INSERT INTO orders VALUES (?1, ?2, ?3)")?.execute(params![
            number(*id),
            sku,
            number(*count)
        ])?;
    }
    transaction.commit()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_right_one_keeps_what_it_acknowledged_and_the_wrong_one_does_not() {
        let folder = tempfile::tempdir().unwrap();
        for (store, kept) in [(Store::Right, true), (Store::Wrong, false)] {
            let path = folder.path().join(store.name());
            let mut database = Database::open(Some(&path), store).unwrap();
            assert_eq!((database.place("P-1", 2).unwrap(), database.place("P-2", 1).unwrap()), (1, 2));
            assert_eq!(database.get(1).unwrap()["n"], 2, "both answer rightly while they live");
            // What the file has at this moment is what a crash would leave.
            let copy = folder.path().join("copy");
            std::fs::copy(&path, &copy).unwrap();
            let after = Database::open(Some(&copy), Store::Right).unwrap();
            assert_eq!(after.get(2).is_some(), kept, "{store:?}");
            drop(after);
            std::fs::remove_file(&copy).unwrap();
        }
    }

    #[test]
    fn numbers_go_on_and_all_is_forgotten_when_asked() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("orders");
        Database::open(Some(&path), Store::Right).unwrap().place("a", 1).unwrap();
        let mut database = Database::open(Some(&path), Store::Right).unwrap();
        assert_eq!(database.place("b", 1).unwrap(), 2);
        database.clear().unwrap();
        assert_eq!((database.get(1), database.place("c", 1).unwrap()), (None, 1));
        assert_eq!(Database::open(None, Store::Wrong).unwrap().place("d", 1).unwrap(), 1);
    }
}
