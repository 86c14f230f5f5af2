//! `engine report`: a stored run, in any format.

use engine_report::{Report, TimeZone, html, text};

use crate::app::App;
use crate::args::ReportArgs;
use crate::exit::{Exit, Fatal};
use crate::machine;
use crate::reports::{format_of, render, write};

/// Writes the report of a run to files, or shows it.
pub(crate) fn run(app: &App, args: &ReportArgs) -> Result<Exit, Fatal> {
    let record = app.lookup(&args.run)?;
    let cases = engine_analysis::case_ratios(&record, &app.comparing(None, false).criteria);
    let health = engine_analysis::health(&record, &machine::thresholds(app));
    let advice = crate::advising::of(app, &record);
    let report = Report {
        cases: &cases,
        health: Some(&health),
        advice: advice.as_ref(),
        zone: TimeZone::system(),
        ..Report::of(&record)
    };
    let render = |format: &str| match format {
        "html" if args.lite => Ok(html::report(&report, html::Kind::Lite)),
        _ => render(&report, format),
    };
    for path in &args.out {
        write(path, &render(&format_of(path)?)?)?;
        app.note(&format!("wrote {}", path.display()));
    }
    if let Some(format) = &args.format {
        app.out(&render(format)?);
    } else if app.output.json {
        app.out(&engine_report::json::report(&report));
    } else if args.out.is_empty() {
        app.out(&text::summary(&report, app.style()));
    }
    Ok(Exit::Pass)
}
