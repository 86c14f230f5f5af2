//! `engine advise`: what limits, what to do about it, and what that should bring.

use std::path::Path;

use engine_core::finding::Advice;
use engine_core::run::RunRecord;
use engine_report::{TimeZone, advice_file_names, json, markdown, text};

use crate::advising::Advising;
use crate::app::App;
use crate::args::AdviseArgs;
use crate::exit::{Exit, Fatal};
use crate::reports::write;

/// Asks the rules about a run, shows what they say, and writes it where that was asked.
pub(crate) fn run(app: &App, args: &AdviseArgs) -> Result<Exit, Fatal> {
    let mut advising = Advising::new(app)?;
    for text in &args.limit {
        advising.limit("--limit", text)?;
    }
    for text in &args.share {
        advising.share("--share", text)?;
    }
    if args.test_rules {
        return Ok(test(app, &advising));
    }
    let record = app.lookup(&args.run)?;
    let rules = advising.rules();
    let wanted = |id: &str| args.only.is_empty() || args.only.iter().any(|glob| engine_core::selector::glob(glob, id));
    let rules: Vec<_> = rules.into_iter().filter(|rule| wanted(rule.about().id)).collect();
    if rules.is_empty() {
        return Err(Fatal::usage(format!("no rule matches `{}`", args.only.join(","))));
    }
    let mut advice = engine_analysis::advice::advise(&record, &rules, &advising.settings);
    if args.verify {
        return crate::verifying::run(app, &advice, args.profile.as_deref());
    }
    advice.calibration = crate::verifying::calibration(app);
    if let Some(folder) = &args.out {
        written(app, folder, &record, &advice)?;
    }
    if app.output.json {
        app.out(&json::advice(&advice));
    } else {
        app.out(&text::advice(&advice, app.style()));
    }
    Ok(Exit::Pass)
}

/// Writes both files; those of an earlier call stay.
fn written(app: &App, folder: &Path, record: &RunRecord, advice: &Advice) -> Result<(), Fatal> {
    let names = advice_file_names(record.header.started, &TimeZone::UTC);
    let free = |names: &engine_report::FileNames| {
        !folder.join(&names.report).exists() && !folder.join(&names.results).exists()
    };
    let numbered = (2..1000).map(|number| names.numbered(number));
    let names = std::iter::once(names.clone()).chain(numbered).find(free).unwrap_or(names);
    for (name, text) in [(&names.report, markdown::advice(advice)), (&names.results, json::advice(advice))] {
        let path = folder.join(name);
        write(&path, &text)?;
        app.note(&format!("wrote {}", path.display()));
    }
    Ok(())
}

/// `--test-rules`: each test of the user's own rules.
fn test(app: &App, advising: &Advising) -> Exit {
    let own = advising.own();
    let results = own.test();
    for result in &results {
        let text = match result.passed {
            true => format!("ok      {} / {}", result.rule, result.test),
            false => format!("FAILED  {} / {}: {}", result.rule, result.test, result.why),
        };
        app.out(&engine_report::clean::line(&text));
    }
    let failed = results.iter().filter(|result| !result.passed).count();
    app.note(&format!("{} rules, {} tests, {failed} failed", own.len(), results.len()));
    if own.is_empty() {
        let folders: Vec<String> = app.rule_folders().iter().map(|path| path.display().to_string()).collect();
        app.note(&format!("there are no rules in {}", folders.join(", ")));
    }
    if failed == 0 { Exit::Pass } else { Exit::Expectation }
}
