//! What is expected of a load: the metrics that it has, expectations of its phases, and the one that checks imply.

use std::collections::BTreeMap;

use engine_core::expect::{Expectation, Selector, Value};
use engine_core::fault::FAULT_METRICS;
use engine_core::load::{CAPACITY_METRICS, METRICS, SCALE_METRICS};
use engine_core::plan::ExpectText;
use engine_core::unit::Unit;

use crate::fault::Fault;
use crate::given::Given;
use crate::host::Host;
use crate::inspect;
use crate::verbs::{LoadPoint, PhaseExpect, TrialsOf};

/// The metrics of a watched process, with their units.
const WATCHED: &[(&str, Unit)] = &[
    ("cpu", Unit::Ratio),
    ("rss", Unit::Bytes),
    ("fds", Unit::Count),
    ("threads", Unit::Count),
    ("switches", Unit::PerSecond),
    ("read", Unit::BytesPerSecond),
    ("written", Unit::BytesPerSecond),
];

/// Name under which a local target is watched.
const TARGET: &str = "target";

/// What a load can be asked for.
struct Known {
    units: BTreeMap<String, Option<Unit>>,
    /// Whatever begins so may be there: a target's own counters are known only when it runs.
    prefixes: Vec<String>,
    /// Whether a journey may record under any name.
    open: bool,
    /// Unit of the primary metric.
    primary: Unit,
}

/// What the records of trials and levels have of a load's own metrics.
const OF_TRIALS: &[&str] = &["rate", "response", "errors", "checks"];

impl Known {
    fn of(point: &LoadPoint, recorded: Option<Vec<String>>, counters: bool) -> Self {
        let mut units: BTreeMap<String, Option<Unit>> =
            METRICS.iter().map(|metric| (metric.id.to_owned(), Some(metric.unit))).collect();
        let watched: Vec<&str> = point.watches().chain([TARGET]).collect();
        for name in &watched {
            units.extend(WATCHED.iter().map(|(metric, unit)| (format!("{name}.{metric}"), Some(*unit))));
        }
        let open = recorded.is_none();
        units.extend(recorded.into_iter().flatten().map(|name| (name, None)));
        let prefixes = if counters { watched.iter().map(|name| format!("{name}.")).collect() } else { Vec::new() };
        Self { units, prefixes, open, primary: Unit::Seconds }
    }

    /// What a search or a sweep records, beside what each of its loads is judged by.
    fn of_trials(trials: &TrialsOf) -> Option<Self> {
        let (own, primary) = match trials {
            TrialsOf::None | TrialsOf::Fault(_) => return None,
            TrialsOf::Capacity(_) => (CAPACITY_METRICS, Unit::PerSecond),
            TrialsOf::Scale(_) => (SCALE_METRICS, Unit::PerSecond),
        };
        let load = METRICS.iter().filter(|metric| OF_TRIALS.contains(&metric.id));
        let units = own.iter().chain(load).map(|metric| (metric.id.to_owned(), Some(metric.unit))).collect();
        Some(Self { units, prefixes: Vec::new(), open: false, primary })
    }

    /// What a fault records, beside what its load does.
    fn with_faults(mut self) -> Self {
        self.units.extend(FAULT_METRICS.iter().map(|metric| (metric.id.to_owned(), Some(metric.unit))));
        self
    }

    /// The names, with those of an expectation that may be there.
    fn names<'a>(&'a self, parsed: &'a Expectation) -> Vec<&'a str> {
        let asked = parsed.metrics().filter_map(|selector| selector.metric.as_deref());
        let may = asked.filter(|name| self.open || self.prefixes.iter().any(|prefix| name.starts_with(prefix)));
        self.units.keys().map(String::as_str).chain(may).collect()
    }
}

/// Reads and checks the expectations of a point.
pub(crate) fn expectations(
    host: &Host,
    given: &Given,
    point: &LoadPoint,
    phases: &[PhaseExpect],
) -> Result<Vec<ExpectText>, Fault> {
    let found = inspect::journeys(host, point.journeys.iter().map(|journey| &journey.kept));
    let known = Known::of_trials(&point.trials)
        .unwrap_or_else(|| Known::of(point, found.recorded, given.get("counters").is_some()));
    let known = if matches!(point.trials, TrialsOf::Fault(_)) { known.with_faults() } else { known };
    let mut out = Vec::new();
    let mut checks = false;
    for (item, text) in given.texts("expect").into_iter().enumerate() {
        let at = given.at_item(host, "expect", item);
        let parsed = parse(&known, &text, given).map_err(|misread| {
            let (fault, column) = *misread;
            let at = column.map_or_else(|| at.clone(), |column| given.at_text(host, "expect", item, column));
            fault.or_at(Some(at))
        })?;
        checks |= parsed.metrics().any(|selector| selector.metric.as_deref() == Some("checks"));
        let place = (!at.pos.is_none()).then(|| host.place(&at));
        out.push(ExpectText { text, place });
    }
    for PhaseExpect { phase, number, expect } in phases {
        let at = given.at_item(host, "phases", *number);
        for text in expect {
            let parsed = parse(&known, text, given).map_err(|misread| misread.0.or_at(Some(at.clone())))?;
            checks |= parsed.metrics().any(|selector| selector.metric.as_deref() == Some("checks"));
            let place = (!at.pos.is_none()).then(|| host.place(&at));
            out.push(ExpectText { text: within(&parsed, phase), place });
        }
    }
    // The trials of a search are judged by its service level, which has it.
    if found.checks && !checks && !matches!(point.trials, TrialsOf::Capacity(_)) {
        // A check that fails fails no request; that nobody looks at it is the trap of other tools.
        out.push(ExpectText { text: "checks == 100 %".to_owned(), place: None });
    }
    Ok(out)
}

/// Reads and checks the service level of a search.
pub(crate) fn slo(host: &Host, given: &Given, point: &LoadPoint) -> Result<Vec<String>, Fault> {
    let found = inspect::journeys(host, point.journeys.iter().map(|journey| &journey.kept));
    let mut known = Known::of(point, found.recorded, false);
    // Trials watch no process.
    known.units.retain(|name, _| !name.starts_with(&format!("{TARGET}.")));
    let mut slo = Vec::new();
    let mut checks = false;
    for (item, text) in given.texts("slo").into_iter().enumerate() {
        let parsed = parse(&known, &text, given).map_err(|misread| {
            let (fault, column) = *misread;
            let item_at = given.at_item(host, "slo", item);
            fault.or_at(Some(column.map_or(item_at, |column| given.at_text(host, "slo", item, column))))
        })?;
        let others = [Value::Baseline, Value::Reference, Value::Expected];
        if parsed.claim().right.iter().any(|value| others.contains(value)) {
            let message = format!("in `{text}`: a trial has only itself and a number to be held against");
            return Err(Fault::invalid("expectation", message).or_at(Some(given.at_item(host, "slo", item))));
        }
        checks |= parsed.metrics().any(|selector| selector.metric.as_deref() == Some("checks"));
        slo.push(text);
    }
    if found.checks && !checks {
        slo.push("checks == 100 %".to_owned());
    }
    Ok(slo)
}

/// A fault, and the column of the text that it is about.
type Misread = Box<(Fault, Option<usize>)>;

fn parse(known: &Known, text: &str, given: &Given) -> Result<Expectation, Misread> {
    let fault = |error: engine_core::expect::ExpectError| -> Misread {
        let fault = Fault::invalid("expectation", format!("in expectation `{text}`: {}", error.problem));
        Box::new((fault, Some(error.column)))
    };
    let parsed = Expectation::parse(text).map_err(fault)?;
    parsed.check_metrics(&known.names(&parsed)).map_err(fault)?;
    let unit = |metric: Option<&str>| match metric {
        Some(name) => known.units.get(name).copied().flatten(),
        None => Some(known.primary),
    };
    parsed.check_units(unit).map_err(fault)?;
    if parsed.needs_reference() && given.get("reference").is_none() {
        let message = format!("in expectation `{text}`: `reference` needs a case to compare with");
        let help = "add `cases: [#{ name: \"old\" }, ..], reference: \"old\"`";
        return Err(Box::new((Fault::invalid("expectation", message).help(help), None)));
    }
    Ok(parsed)
}

/// The expectation with every series of it taken in a phase, unless it names one.
fn within(parsed: &Expectation, phase: &str) -> String {
    let mut claim = parsed.claim().clone();
    let label = |selector: &mut Selector| {
        let host = selector.metric.as_deref().is_some_and(|name| name.starts_with("host."));
        if selector.labels.get("phase").is_none() && !host {
            selector.metric.get_or_insert_with(|| "response".to_owned());
            selector.labels = selector.labels.clone().with("phase", phase.to_owned());
        }
    };
    label(&mut claim.left);
    for value in &mut claim.right {
        if let Value::Selector(selector) = value {
            label(selector);
        }
    }
    claim.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn phases_are_labels() {
        let within = |text: &str| within(&Expectation::parse(text).unwrap(), "steady");
        assert_eq!(within("response.p99 < 1 s"), "response{phase=steady}.p99 < 1 s");
        assert_eq!(within("rate >= 0.99 * target"), "rate{phase=steady} >= 0.99 * target");
        assert_eq!(within("p99 < 1 s"), "response{phase=steady}.p99 < 1 s");
        assert_eq!(within("errors{phase=ramp} < 1 %"), "errors{phase=ramp} < 1 %");
        assert_eq!(within("host.cpu < 80 %"), "host.cpu < 80 %");
    }
}
