//! What a load's rows say around a fault: its windows by intended start, and its metrics.

use std::collections::BTreeMap;

use engine_core::fault::{FaultRecord, FaultShape, PHASES, Recovery, Window, fault_metric};
use engine_core::load::WARM_UP;
use engine_core::measurement::Record;
use engine_core::series::Labels;
use engine_load::record::{Kind, Label, Row};

/// The windows: each slice of the schedule is a phase that is called by its number.
pub(super) fn windows(rows: &BTreeMap<Label, Row>, fault: &FaultShape) -> Vec<Window> {
    let mut slices: BTreeMap<u32, Row> = BTreeMap::new();
    for (label, row) in rows.iter().filter(|(label, _)| matches!(label.kind, Kind::Request | Kind::NotStarted)) {
        if let Ok(number) = label.phase.parse() {
            slices.entry(number).or_default().merge(row);
        }
    }
    let whole = fault.seconds();
    let window = |(number, row): (u32, Row)| {
        let start = f64::from(number) * fault.window;
        let p95 = row.response.value_at_quantile(0.95).map(|found| found.floor() as f64 / 1e9);
        Window {
            start,
            length: fault.window.min(whole - start),
            succeeded: row.ok,
            failed: row.failed + row.timed_out + row.cut_off,
            p95: p95.filter(|_| row.ok > 0),
        }
    };
    let counts = |window: &Window| window.length > 1e-9 && window.start > fault.warmup - 1e-9;
    slices.into_iter().map(window).filter(counts).collect()
}

/// When the phases around the fault end, in seconds; the warm-up is one of its own.
pub(super) fn phases(fault: &FaultShape) -> Vec<(String, f64)> {
    let ends = [fault.after, fault.removed(), fault.seconds()];
    let warmup = (fault.warmup > 0.0).then(|| (WARM_UP.to_owned(), fault.warmup));
    warmup.into_iter().chain(PHASES.iter().zip(ends).map(|(name, end)| ((*name).to_owned(), end))).collect()
}

/// The rows with the phase around the fault in the place of the slice: by the middle of the slice.
pub(super) fn banded(rows: &BTreeMap<Label, Row>, fault: &FaultShape) -> BTreeMap<Label, Row> {
    let phases = phases(fault);
    let mut banded: BTreeMap<Label, Row> = BTreeMap::new();
    for (label, row) in rows {
        let middle = label.phase.parse::<f64>().map_or(0.0, |number| (number + 0.5) * fault.window);
        let phase = phases.iter().find(|(_, end)| middle < *end).or(phases.last());
        let label = Label { phase: phase.map_or("", |(name, _)| name).into(), ..label.clone() };
        banded.entry(label).or_default().merge(row);
    }
    banded
}

/// The metrics of one repetition. `hits` is what met a fault of the network, and what it hit.
pub(super) fn records(fault: &FaultRecord, restarts: u64, hits: Option<(u64, u64)>, mark: &Labels) -> Vec<Record> {
    let mut records = Vec::new();
    let mut put = |id: &str, value: Option<f64>| {
        let value = value.filter(|value| value.is_finite());
        records
            .extend(value.zip(fault_metric(id)).map(|(value, def)| Record::value(def.metric(), mark.clone(), value)));
    };
    if let Recovery::Seen(seen) = &fault.recovery {
        put("recover", seen.recover);
        put("detect", seen.detect);
        put("worst", Some(seen.worst_p95));
        put("worst_rate", Some(seen.worst_rate));
        put("failures", Some(seen.failed as f64));
        put("area", Some(seen.lost));
    }
    if let Some(data) = &fault.data {
        put("lost", Some(data.lost as f64));
    }
    put("restarts", Some(restarts as f64));
    put("reached", hits.map(|(met, _)| met as f64));
    put("hit", hits.map(|(_, hit)| hit as f64));
    records
}
