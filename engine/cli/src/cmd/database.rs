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
            // A copy that nobody has read is a hope.
            let health = engine_store::Store::open_readonly(&file)?.check()?;
            for problem in &health.problems {
                app.output.err(problem);
            }
            app.note(&format!("wrote {}: {} runs, checked", file.display(), health.runs));
            Ok(if health.is_ok() { Exit::Pass } else { Exit::Store })
        }
    }
}
