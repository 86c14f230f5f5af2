//! `engine db`: the file of the results itself.

use crate::app::App;
use crate::args::DbCommand;
use crate::exit::{Exit, Fatal};

/// Checks or copies the file.
pub(crate) fn run(app: &App, command: DbCommand) -> Result<Exit, Fatal> {
    let store = app.reader()?;
    match command {
        DbCommand::Check => {
            let health = store.check()?;
            if app.output.json {
                app.out(&serde_json::json!({ "schema_version": 1, "database": health }).to_string());
            } else {
                app.out(&format!(
                    "{}: {} runs, {} baselines, {} bytes, schema {}, SQLite {}",
                    store.path().display(),
                    health.runs,
                    health.baselines,
                    health.bytes,
                    health.version,
                    health.library
                ));
                for problem in &health.problems {
                    app.output.err(problem);
                }
            }
            Ok(if health.problems.is_empty() { Exit::Pass } else { Exit::Store })
        }
        DbCommand::Backup { file } => {
            store.backup(&file)?;
            app.note(&format!("wrote {}", file.display()));
            Ok(Exit::Pass)
        }
    }
}
