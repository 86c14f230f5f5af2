//! `engine compare --file`: two sets of values from files.

use std::path::Path;

use engine_analysis::compare_samples;
use engine_analysis::series_file::{self, Columns};
use engine_core::judgement::Verdict;
use engine_core::metric::Goal;

use crate::app::App;
use crate::args::{CompareArgs, FailOn, GoalName};
use crate::exit::{Exit, Fatal};

/// Reads both files, compares by process run, shows the verdict, and decides by `--fail-on`.
pub(crate) fn run(app: &App, args: &CompareArgs) -> Result<Exit, Fatal> {
    let columns = Columns { time: None, value: args.value.as_deref(), group: args.group.as_deref() };
    let read = |path: &str| {
        let (name, text) = super::trend::content(Path::new(path))?;
        series_file::grouped(&name, &text, columns).map_err(|error| Fatal::usage(format!("`{path}`: {error}")))
    };
    let (old, new) = (read(&args.old)?, read(&args.new)?);
    let effect = args
        .min_effect
        .as_deref()
        .map(|text| crate::config::share(text).map_err(|message| Fatal::usage(format!("`--min-effect`: {message}"))))
        .transpose()?;
    if args.paired && old.len() != new.len() {
        let message = format!("`--paired`: {} process runs in one file and {} in the other", old.len(), new.len());
        return Err(Fatal::usage(message));
    }
    let goal = match args.goal {
        GoalName::Lower => Goal::Lower,
        GoalName::Higher => Goal::Higher,
    };
    let found = compare_samples(&old, &new, goal, args.paired, &app.comparing(effect, false).criteria);
    if app.output.json {
        let (change, p) = (found.change.as_ref(), found.p);
        let needed = found.rounds_needed;
        app.out(&engine_report::json::samples(found.verdict, change, p, needed, &found.shape, &found.reason));
    } else {
        let p = found.p.map_or_else(String::new, |p| format!(", p = {p:.4}"));
        app.out(&format!("{}: {}{p}", found.verdict.name(), found.reason));
        app.out(&format!("{} process runs before, {} after", old.len(), new.len()));
        for change in &found.shape {
            let text = format!(
                "beside the middle: the {} is {:.2} times what it was (p = {:.2e})",
                change.shape.name(),
                change.ratio,
                change.p
            );
            app.out(&text);
        }
    }
    Ok(match found.verdict {
        Verdict::Worse if args.fail_on.contains(&FailOn::Regression) => Exit::Regression,
        Verdict::Inconclusive if args.fail_on.contains(&FailOn::Inconclusive) => Exit::Inconclusive,
        _ => Exit::Pass,
    })
}
