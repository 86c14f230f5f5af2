//! `engine config`.

use crate::app::App;
use crate::args::ConfigCommand;
use crate::config;
use crate::exit::{Exit, Fatal};
use crate::reports::write;

/// Shows, converts, or writes the defaults.
pub(crate) fn run(app: &App, command: ConfigCommand) -> Result<Exit, Fatal> {
    match command {
        ConfigCommand::Show { origin } => {
            if app.output.json {
                let values: serde_json::Map<String, serde_json::Value> = app
                    .loaded
                    .values
                    .iter()
                    .map(|(key, (value, layer))| {
                        (key.clone(), serde_json::json!({ "value": value, "origin": layer.to_string() }))
                    })
                    .collect();
                app.out(&serde_json::json!({ "schema_version": 1, "settings": values }).to_string());
                return Ok(Exit::Pass);
            }
            for (key, (value, layer)) in &app.loaded.values {
                let line = format!("{key} = {value}");
                app.out(&if origin { format!("{line:<48} # {layer}") } else { line });
            }
        }
        ConfigCommand::Import { file, out } => {
            let text = config::import(&file)?;
            match out {
                Some(out) if out.exists() => {
                    return Err(Fatal::usage(format!("`{}` exists: remove it or name another file", out.display())));
                }
                Some(out) => write(&out, &text)?,
                None => app.out(&text),
            }
        }
        ConfigCommand::Default => app.out(config::text()),
    }
    Ok(Exit::Pass)
}
