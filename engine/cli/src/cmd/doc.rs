//! `engine doc`: the script language, its probes and its functions.

use std::path::Path;

use crate::app::App;
use crate::args::DocArgs;
use crate::exit::{Exit, Fatal};
use crate::reports::write;

/// Documentation of one name, of everything as Markdown, or definition files for editors.
pub(crate) fn run(app: &App, args: &DocArgs) -> Result<Exit, Fatal> {
    let registry: Vec<_> = engine_probes::registry::registry().iter().map(|probe| probe.info).collect();
    let docs = engine_script::reference(&registry);
    if let Some(folder) = &args.definitions {
        for (name, text) in docs.definitions() {
            write(&folder.join(name), &text)?;
        }
        return Ok(Exit::Pass);
    }
    if args.markdown {
        app.out(&docs.markdown());
        return Ok(Exit::Pass);
    }
    let Some(name) = &args.name else {
        for function in &docs.functions {
            app.out(&format!("{:<22} {}", function.path(), function.summary));
        }
        app.note("`engine doc NAME` shows one with its options and an example, `engine doc --markdown` all");
        return Ok(Exit::Pass);
    };
    if Path::new(name).extension().is_some_and(|suffix| suffix == "rhai") {
        let list = crate::args::ListArgs {
            what: crate::args::ListWhat::Params,
            scenario: Some(name.clone()),
            reading: crate::args::Reading::default(),
        };
        return super::list::run(app, &list);
    }
    app.out(&docs.doc(name).map_err(Fatal::usage)?);
    Ok(Exit::Pass)
}
