//! `engine doctor`: what this machine can and cannot measure.

use engine_probes::host::doctor::{Request, Status, rows};

use crate::app::App;
use crate::args::DoctorArgs;
use crate::exit::{Exit, Fatal};

/// One row per part: ok, warning or missing, with the fix.
pub(crate) fn run(app: &App, args: &DoctorArgs) -> Result<Exit, Fatal> {
    let results = app.database()?;
    let request = Request {
        results: results.parent().map(std::path::Path::to_owned).unwrap_or_default(),
        scratch: super::run::scratch_base(app),
        search: std::env::var("PATH").unwrap_or_default(),
    };
    let rows = rows(&request);
    let word = |status: Status| match status {
        Status::Ok => "ok",
        Status::Warning => "warning",
        Status::Missing => "missing",
    };
    if app.output.json {
        let list: Vec<serde_json::Value> = rows
            .iter()
            .map(|row| serde_json::json!({ "name": row.name, "status": word(row.status), "found": row.found, "fix": row.fix }))
            .collect();
        app.out(&serde_json::json!({ "schema_version": 1, "rows": list }).to_string());
    } else {
        for row in &rows {
            let mark = match row.status {
                Status::Ok => "✓",
                Status::Warning => "!",
                Status::Missing => "✗",
            };
            app.out(&format!(
                "{mark} {:<18} {:<8} {}",
                row.name,
                word(row.status),
                engine_report::clean::line(&row.found)
            ));
            if let Some(fix) = row.fix.as_ref().filter(|_| row.status != Status::Ok) {
                app.out(&format!("  {:<18} {:<8} fix: {fix}", "", ""));
            }
        }
    }
    let poor = rows.iter().any(|row| row.status != Status::Ok);
    Ok(if args.strict && poor { Exit::Expectation } else { Exit::Pass })
}
