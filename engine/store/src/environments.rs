//! The environments of runs, for what explains a metric.

use std::collections::BTreeMap;

use engine_core::environment::Environment;
use engine_core::run::RunId;
use rusqlite::OptionalExtension;

use crate::error::{At, Error};
use crate::{Store, json};

impl Store {
    /// The environment at the start of each of these runs; runs that are not stored are left out.
    ///
    /// # Errors
    /// Those of reading.
    pub fn environments<'a>(
        &self,
        runs: impl IntoIterator<Item = &'a RunId>,
    ) -> Result<BTreeMap<RunId, Environment>, Error> {
        let sql =
            "SELECT json_extract(h.header, '$.environment') FROM headers h JOIN runs r USING (run) WHERE r.id = ?1";
        let mut statement = self.connection.prepare_cached(sql).at(&self.path)?;
        let mut found = BTreeMap::new();
        for run in runs {
            if found.contains_key(run) {
                continue;
            }
            let text: Option<String> = statement.query_row([&run.0], |row| row.get(0)).optional().at(&self.path)?;
            let Some(text) = text else { continue };
            let environment = json::read(&text).map_err(|detail| Error::Unreadable {
                path: self.path.clone(),
                run: run.0.clone(),
                detail,
            })?;
            found.insert(run.clone(), environment);
        }
        Ok(found)
    }
}
