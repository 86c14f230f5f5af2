//! k6's summary: `--summary-export`, or what `handleSummary` is given. It holds statistics, no samples.

use engine_core::metric::Goal;
use engine_core::series::Labels;
use engine_core::unit::Unit;

use super::node::Node;
use super::record::slug;
use super::{Format, ImportError, ImportedRun, metric};

pub(super) fn read(file: &Node) -> Result<ImportedRun, ImportError> {
    let mut run = ImportedRun::new(Format::K6);
    for (full, entry) in file.need("metrics")?.entries()? {
        // `http_req_duration{expected_response:true}`
        let (name, tags) = full.split_once('{').unwrap_or((&full, ""));
        let mut labels = Labels::new();
        for tag in tags.trim_end_matches('}').split(',').filter(|tag| !tag.is_empty()) {
            let (tag, value) = tag.split_once(':').unwrap_or((tag, ""));
            labels = labels.with(slug(tag.trim()), value.trim());
        }
        let values = entry.field("values").unwrap_or_else(|| entry.clone());
        let contains = entry.field("contains").map(|what| what.label());
        let (value_unit, goal) = unit(name, contains.as_deref());
        let factor = if value_unit == Unit::Seconds { 1e-3 } else { 1.0 };
        let is_ratio =
            entry.field("type").map_or_else(|| values.field("passes").is_some(), |kind| kind.label() == "rate");
        let target = run.bench("k6", &Labels::new());
        for (stat, value) in values.entries()? {
            // Thresholds stand beside the statistics; passes and fails are counts behind a ratio.
            if !value.value.is_number() {
                continue;
            }
            let number = value.number()?;
            let id = slug(name);
            let (metric, number, stat) = match (stat.as_str(), is_ratio) {
                ("passes" | "fails", true) => {
                    (metric(&format!("{id}.{stat}"), Unit::Count, Goal::Neutral), number, None)
                }
                ("rate" | "value", true) => (metric(&id, Unit::Ratio, ratio_goal(name)), number, None),
                ("count", _) => {
                    let unit = if is_data(name, contains.as_deref()) { Unit::Bytes } else { Unit::Count };
                    (metric(&format!("{id}.count"), unit, Goal::Neutral), number, None)
                }
                ("rate", _) if is_data(name, contains.as_deref()) => {
                    (metric(&id, Unit::BytesPerSecond, Goal::Neutral), number, None)
                }
                ("rate", _) => (metric(&id, Unit::PerSecond, rate_goal(name)), number, None),
                ("value", _) => (metric(&id, value_unit, goal), factor * number, None),
                (stat, _) => (metric(&id, value_unit, goal), factor * number, Some(statistic(stat))),
            };
            let labels = match stat {
                Some(stat) => labels.clone().with("stat", stat),
                None => labels.clone(),
            };
            target.series(&metric, &labels).rounds.push(vec![number]);
        }
    }
    Ok(run)
}

/// `p(95)` as `p95`, `med` as `median`, `avg` as `mean`.
fn statistic(stat: &str) -> String {
    match stat {
        "avg" => "mean".to_owned(),
        "med" => "median".to_owned(),
        other => other.replace(['(', ')'], ""),
    }
}

/// Times are in milliseconds. A summary export does not say what is one, so there the names that k6 gives decide.
fn unit(name: &str, contains: Option<&str>) -> (Unit, Goal) {
    const TIMES: [&str; 8] = [
        "http_req_",
        "iteration_duration",
        "group_duration",
        "ws_connecting",
        "ws_session_duration",
        "ws_ping",
        "grpc_req_duration",
        "browser_",
    ];
    match contains {
        Some("time") => (Unit::Seconds, Goal::Lower),
        Some("data") => (Unit::Bytes, Goal::Neutral),
        Some(_) => (Unit::Count, Goal::Neutral),
        None if TIMES.iter().any(|known| name.starts_with(known)) => (Unit::Seconds, Goal::Lower),
        None => (Unit::Count, Goal::Neutral),
    }
}

fn is_data(name: &str, contains: Option<&str>) -> bool {
    contains == Some("data") || (contains.is_none() && name.starts_with("data_"))
}

fn ratio_goal(name: &str) -> Goal {
    match name {
        "checks" => Goal::Higher,
        "http_req_failed" => Goal::Lower,
        _ => Goal::Neutral,
    }
}

fn rate_goal(name: &str) -> Goal {
    match name {
        "http_reqs" | "iterations" => Goal::Higher,
        "dropped_iterations" => Goal::Lower,
        _ => Goal::Neutral,
    }
}
