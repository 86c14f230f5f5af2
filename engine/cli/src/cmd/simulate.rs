//! `engine simulate`: what would be found in the user's own histories, how soon, and how often nothing is called something.

use engine_analysis::simulate::{Found, Sensitivity, Simulation, simulate};
use engine_report::text::{self, SensitivityRow};

use crate::app::App;
use crate::args::SimulateArgs;
use crate::exit::{Exit, Fatal};

/// Simulates each history and shows what came of it.
pub(crate) fn run(app: &App, args: &SimulateArgs) -> Result<Exit, Fatal> {
    let size = crate::config::share(&args.inject).map_err(|message| Fatal::usage(format!("`--inject`: {message}")))?;
    if !(size > 0.0 && size < 1.0) {
        return Err(Fatal::usage(format!("`--inject` must lie between 0 and 100 %, got `{}`", args.inject)));
    }
    let store = app.reader()?;
    let all = ["*".to_owned()];
    let selectors = if args.metric.is_empty() { all.as_slice() } else { args.metric.as_slice() };
    let histories = super::trend_stored::histories(app, &store, selectors, &args.which)?;
    let timelines = super::analysed(&store, histories)?;
    let options = Simulation {
        size,
        within: usize::try_from(args.within).unwrap_or(usize::MAX),
        draws: usize::try_from(args.draws).unwrap_or(usize::MAX),
        seed: args.seed,
        ..Simulation::default()
    };
    let found = simulate(&timelines, &options);
    if app.output.json {
        let series: Vec<serde_json::Value> =
            timelines.iter().zip(&found).map(|(timeline, found)| json(timeline, found)).collect();
        let document = serde_json::json!({
            "schema_version": 1, "injected": options.size, "within_runs": options.within, "draws": options.draws,
            "power": options.power, "seed": options.seed, "series": series,
        });
        app.out(&document.to_string());
    } else {
        let rows: Vec<SensitivityRow> =
            timelines.iter().zip(&found).map(|(timeline, found)| row(timeline, found)).collect();
        app.out(&text::sensitivity(&rows, options.size, options.within, app.style()));
    }
    Ok(if found.iter().any(Result::is_ok) { Exit::Pass } else { Exit::NothingRan })
}

fn json(timeline: &engine_core::history::Timeline, found: &Result<Sensitivity, String>) -> serde_json::Value {
    let key = &timeline.history.key;
    let tier =
        |found: &Found| serde_json::json!({ "share": found.share, "runs_median": found.median, "runs_p90": found.p90 });
    let mut value = serde_json::json!({ "name": key.selector(), "branch": key.branch, "machine": key.machine });
    let rest = match found {
        Ok(found) => serde_json::json!({
            "n": found.runs, "noise": found.noise, "suspected": tier(&found.suspected), "confirmed": tier(&found.confirmed),
            "smallest": found.smallest, "smallest_after_runs": found.smallest_after,
            "false_suspects_per_100_runs": found.false_suspects, "false_confirmed_per_100_runs": found.false_confirmed,
        }),
        Err(reason) => serde_json::json!({ "n": timeline.history.points.len(), "not_simulated": reason }),
    };
    if let (Some(value), Some(rest)) = (value.as_object_mut(), rest.as_object()) {
        value.extend(rest.clone());
    }
    value
}

fn row(timeline: &engine_core::history::Timeline, found: &Result<Sensitivity, String>) -> SensitivityRow {
    let key = &timeline.history.key;
    let branch = key.branch.as_ref().map_or_else(String::new, |branch| format!(" ({branch})"));
    SensitivityRow {
        name: format!("{}{branch}", key.selector()),
        runs: timeline.history.points.len(),
        found: found.as_ref().ok().map(|found| text::SensitivityCells {
            noise: found.noise,
            suspected: (found.suspected.share, found.suspected.median),
            confirmed: (found.confirmed.share, found.confirmed.median),
            smallest: found.smallest,
            smallest_after: found.smallest_after,
            false_alarms: [found.false_suspects, found.false_confirmed],
        }),
        reason: found.as_ref().err().cloned().unwrap_or_default(),
    }
}
