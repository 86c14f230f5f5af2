//! `engine baseline`: named runs to compare with.

use engine_report::{BaselineRow, TimeZone, text};
use engine_store::{Baseline, NewBaseline, Store};

use crate::app::App;
use crate::args::BaselineCommand;
use crate::exit::{Exit, Fatal};

/// Sets, lists, shows, exports or removes.
pub(crate) fn run(app: &App, command: BaselineCommand) -> Result<Exit, Fatal> {
    let writes = matches!(command, BaselineCommand::Set { .. } | BaselineCommand::Remove { .. });
    let mut store = if writes { app.store()? } else { app.reader()? };
    match command {
        BaselineCommand::Set { name, run, why } => {
            let name = name.trim_start_matches('@').to_owned();
            let run = app.resolve(&store, &run)?;
            let who = std::env::var("USER").or_else(|_| std::env::var("LOGNAME")).unwrap_or_default();
            let set = store.set_baseline(&NewBaseline { name, runs: vec![run], who, why, unprotected: false })?;
            app.note(&format!("@{} is now run {} of `{}`", set.name, set.run().short(), set.suite));
        }
        BaselineCommand::List => {
            let baselines = store.baselines()?;
            if app.output.json {
                app.out(&serde_json::json!({ "schema_version": 1, "baselines": baselines }).to_string());
            } else {
                let rows = baselines.iter().map(|baseline| row(&store, baseline)).collect::<Result<Vec<_>, _>>()?;
                app.out(&text::baselines(&rows, &TimeZone::system(), app.style()));
            }
        }
        BaselineCommand::Show { name } => {
            let baseline = store.baseline(name.trim_start_matches('@'), None, None)?;
            if app.output.json {
                app.out(&serde_json::json!({ "schema_version": 1, "baseline": baseline }).to_string());
            } else {
                let rows = [row(&store, &baseline)?];
                app.out(&text::baselines(&rows, &TimeZone::system(), app.style()));
                for (word, text) in [("set by", &baseline.who), ("because", &baseline.why)] {
                    if !text.is_empty() {
                        app.out(&engine_report::clean::line(&format!("{word}: {text}")));
                    }
                }
            }
        }
        BaselineCommand::Export { name, out } => {
            let run = store.export_baseline(name.trim_start_matches('@'), None, &out)?;
            app.note(&format!("wrote run {} to {}", run.short(), out.display()));
        }
        BaselineCommand::Remove { name } => {
            let removed = store.remove_baseline(name.trim_start_matches('@'), None)?;
            for baseline in removed {
                app.note(&format!("@{} of `{}` is forgotten; its runs stay", baseline.name, baseline.suite));
            }
        }
    }
    Ok(Exit::Pass)
}

fn row(store: &Store, baseline: &Baseline) -> Result<BaselineRow, Fatal> {
    let record = store.run(baseline.run())?;
    Ok(BaselineRow {
        name: baseline.name.clone(),
        run: baseline.run().short().to_owned(),
        scenario: baseline.suite.clone(),
        started: record.header.started,
        set: baseline.created,
        code: record.header.code.short(),
        machine: baseline.machine.clone(),
    })
}
