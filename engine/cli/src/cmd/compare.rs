//! `engine compare`: which metrics changed between two runs, and how sure that is.

use engine_report::{TimeZone, html, text};
use globset::Glob;

use crate::app::App;
use crate::args::{CompareArgs, FailOn};
use crate::baselines::Subject;
use crate::causes::regressions;
use crate::exit::{Exit, Fatal};
use crate::reports::write;

/// Compares, shows, and decides by `--fail-on`.
pub(crate) fn run(app: &App, args: &CompareArgs) -> Result<Exit, Fatal> {
    if args.file {
        return super::compare_files::run(app, args);
    }
    let store = app.reader()?;
    let mut news = Vec::new();
    for reference in args.new.split(',').map(str::trim) {
        news.push(store.load(reference.strip_prefix("file:").unwrap_or(reference))?);
    }
    news.sort_by_key(|run| (run.header.started, run.header.id.clone()));
    let against = match news.last() {
        Some(new) => app.against(&store, &args.old, Subject::of(&new.header))?,
        None => return Err(Fatal::usage("the new side names no run")),
    };
    if let Some(remark) = &against.remark {
        app.note(&engine_report::clean::line(remark));
    }
    let effect = args
        .min_effect
        .as_deref()
        .map(|text| crate::config::share(text).map_err(|message| Fatal::usage(format!("`--min-effect`: {message}"))))
        .transpose()?;
    let options = app.comparing(effect, args.allow_unlike);
    let Some(mut comparison) = against.compare(&news, &options) else {
        return Ok(if args.fail_on.contains(&FailOn::Inconclusive) { Exit::Inconclusive } else { Exit::NothingRan });
    };
    let evidence = against.evidence(&comparison, &news, &options);
    crate::verdicts::name_series(app, "compare", &mut comparison, &evidence);
    if !args.metric.is_empty() {
        let globs = args
            .metric
            .iter()
            .map(|glob| Glob::new(glob).map(|glob| glob.compile_matcher()))
            .collect::<Result<Vec<_>, _>>()
            .map_err(|error| Fatal::usage(format!("`--metric`: {error}")))?;
        let wanted = |id: &engine_core::series::SeriesId| {
            let name = format!("{}.{}", id.step, id.metric);
            globs.iter().any(|glob| glob.is_match(&name))
        };
        comparison.series.retain(|series| wanted(&series.id));
        comparison.only_old.retain(wanted);
        comparison.only_new.retain(wanted);
    }
    let zone = TimeZone::system();
    if let Some(path) = &args.out {
        // Two single runs can lie over one another; of sets there is no one course.
        let pair = match (against.runs.as_slice(), news.as_slice()) {
            ([old], [new]) => Some((old, new)),
            _ => None,
        };
        let kind = if args.lite { html::Kind::Lite } else { html::Kind::Full };
        let text = match path.extension().and_then(|suffix| suffix.to_str()) {
            Some("html") => html::comparison(&comparison, pair, &zone, kind),
            _ => engine_report::markdown::comparison(&comparison, &zone),
        };
        write(path, &text)?;
    }
    if app.output.json {
        app.out(&engine_report::json::comparison(&comparison));
    } else {
        app.out(&text::comparison(&comparison, &zone, app.style()));
    }
    let causes = regressions(&comparison, &args.fail_on);
    for (_, reason) in &causes {
        app.note(&engine_report::clean::line(reason));
    }
    Ok(Exit::of(&causes.iter().map(|(exit, _)| *exit).collect::<Vec<_>>()))
}
