//! Orders: the newest in memory; in a file, where there is one, all of them, each written before it is acknowledged.
//! What was written survives the death of the process, so a restarted target still has it. It does not survive the death
//! of the machine: nothing is flushed to the disk.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Write};
use std::path::Path;

use engine_core::load::Store;
use serde_json::{Value, json};

use crate::database::Database;

/// So many are kept in memory; a soak test must not make the target grow without end.
const KEPT: usize = 1 << 18;
/// Characters of a stock number.
const SKU: usize = 64;

#[derive(Debug, Default)]
pub(crate) struct Orders {
    /// Orders that are no longer in memory.
    gone: u64,
    kept: VecDeque<Order>,
    /// The file and the length of its whole lines.
    file: Option<(File, u64)>,
    /// All of them, where they are kept in a database instead.
    database: Option<Database>,
}

#[derive(Debug)]
struct Order {
    sku: Box<str>,
    count: u64,
}

impl Orders {
    /// Orders in a file, with those that it already has. A last line that was cut short was never acknowledged.
    ///
    /// # Errors
    /// When the file cannot be opened, read or written.
    pub(crate) fn kept_in(path: &Path) -> io::Result<Self> {
        let file = File::options().read(true).append(true).create(true).open(path)?;
        let mut orders = Self::default();
        let (mut reader, mut line, mut whole) = (BufReader::new(&file), String::new(), 0);
        while reader.read_line(&mut line)? > 0 && line.ends_with('\n') {
            let (count, sku) = line.trim_end().split_once('\t').unwrap_or(("0", ""));
            orders.keep(sku, count.parse().unwrap_or(0));
            whole += line.len() as u64;
            line.clear();
        }
        file.set_len(whole)?;
        orders.file = Some((file, whole));
        Ok(orders)
    }

    /// Orders in a database.
    ///
    /// # Errors
    /// When it cannot be opened or written.
    pub(crate) fn stored_in(path: Option<&Path>, store: Store) -> io::Result<Self> {
        Ok(Self { database: Some(Database::open(path, store)?), ..Self::default() })
    }

    fn keep(&mut self, sku: &str, count: u64) -> u64 {
        self.kept.push_back(Order { sku: sku.into(), count });
        if self.kept.len() > KEPT {
            self.kept.pop_front();
            self.gone += 1;
        }
        self.gone + self.kept.len() as u64
    }

    /// Takes an order; gives its number, from 1 on.
    ///
    /// # Errors
    /// When it could not be written: it is not taken then.
    pub(crate) fn place(&mut self, sku: &str, count: u64) -> io::Result<u64> {
        let sku: String = sku.chars().filter(|c| !c.is_control()).take(SKU).collect();
        if let Some(database) = &mut self.database {
            return database.place(&sku, count);
        }
        if let Some((file, whole)) = &mut self.file {
            let line = format!("{count}\t{sku}\n");
            if let Err(error) = file.write_all(line.as_bytes()) {
                // Half a line would swallow the next order.
                file.set_len(*whole)?;
                return Err(error);
            }
            *whole += line.len() as u64;
        }
        Ok(self.keep(&sku, count))
    }

    /// Order `id`, while it is in memory.
    pub(crate) fn get(&self, id: u64) -> Option<Value> {
        if let Some(database) = &self.database {
            return database.get(id);
        }
        let at = usize::try_from(id.checked_sub(self.gone + 1)?).ok()?;
        let order = self.kept.get(at)?;
        Some(json!({ "id": id, "sku": order.sku, "n": order.count }))
    }

    /// Forgets all; gives the number that the next order will have.
    ///
    /// # Errors
    /// When the file cannot be emptied.
    pub(crate) fn clear(&mut self) -> io::Result<u64> {
        self.gone = 0;
        self.kept.clear();
        if let Some(database) = &mut self.database {
            database.clear()?;
        }
        if let Some((file, whole)) = &mut self.file {
            file.set_len(0)?;
            *whole = 0;
        }
        Ok(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_acknowledged_survives_the_process() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("orders");
        let mut orders = Orders::kept_in(&path).unwrap();
        assert_eq!((orders.place("P-0007", 2).unwrap(), orders.place("a\nb", 1).unwrap()), (1, 2));
        drop(orders);
        // A crash in the middle of the third.
        File::options().append(true).open(&path).unwrap().write_all(b"3\tP-0").unwrap();
        let mut orders = Orders::kept_in(&path).unwrap();
        assert_eq!(orders.get(1).unwrap(), json!({ "id": 1, "sku": "P-0007", "n": 2 }));
        assert_eq!(orders.get(2).unwrap()["sku"], "ab");
        assert_eq!(orders.get(3), None);
        assert_eq!(orders.place("x", 9).unwrap(), 3);
        drop(orders);
        let mut orders = Orders::kept_in(&path).unwrap();
        assert_eq!(orders.get(3).unwrap()["n"], 9);
        assert_eq!((orders.clear().unwrap(), orders.get(1)), (1, None));
        assert_eq!(orders.place("y", 1).unwrap(), 1);
    }

    #[test]
    fn memory_is_bounded_and_numbers_go_on() {
        let mut orders = Orders::default();
        for _ in 0..KEPT + 3 {
            orders.place("x", 1).unwrap();
        }
        assert_eq!((orders.get(3), orders.kept.len()), (None, KEPT));
        let newest = KEPT as u64 + 3;
        assert_eq!(orders.get(newest).unwrap()["id"], newest);
        assert_eq!((orders.get(0), orders.get(newest + 1)), (None, None));
    }
}
