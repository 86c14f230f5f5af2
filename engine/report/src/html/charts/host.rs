//! What ran when, and what the machine did meanwhile.

use engine_core::host_sample::HostSample;
use engine_core::metric::Goal;
use engine_core::run::RunRecord;
use engine_core::unit::Unit;

use super::Detail;
use crate::html::chart::{Axis, Chart, Lane, Series};
use crate::html::escape::label;
use crate::view;

/// A lane for each declaration, a span for each round.
pub(super) fn spans(record: &RunRecord, detail: Detail) -> Option<Chart> {
    let mut lanes = Vec::new();
    for group in view::groups(record) {
        let mut spans: Vec<(f64, f64, bool)> = Vec::new();
        for step in &group.steps {
            // All metrics of a step share their rounds: the longest list has them all.
            let Some(measurement) = step.measurements.iter().max_by_key(|m| m.rounds.len()) else { continue };
            spans.extend(measurement.rounds.iter().map(|round| (round.at, round.seconds, !round.taints.is_empty())));
        }
        spans.sort_by(|a, b| a.0.total_cmp(&b.0));
        if !spans.is_empty() {
            lanes.push(Lane { name: label(group.name), spans });
        }
    }
    let all: usize = lanes.iter().map(|lane| lane.spans.len()).sum();
    let mut note = "One bar a round; disturbed ones are marked.".to_owned();
    if all > detail.spans {
        // From each lane the same share, evenly.
        let every = all.div_ceil(detail.spans.max(1));
        lanes.iter_mut().for_each(|lane| lane.spans = lane.spans.iter().step_by(every).copied().collect());
        put!(note, " Every {every}th of {all} rounds is shown.");
    }
    (!lanes.is_empty()).then(|| Chart {
        title: "What ran when".to_owned(),
        note,
        x: Axis::time("since the start"),
        lanes,
        ..Chart::default()
    })
}

type Line = (&'static str, fn(&HostSample) -> Option<f64>);

/// What the system monitor saw: a chart for each kind of thing of which there is something to see.
#[expect(clippy::cast_precision_loss, reason = "bytes of memory are far below 2^53")]
pub(super) fn machine(record: &RunRecord, detail: Detail) -> Vec<Chart> {
    let kinds: [(&str, &str, Unit, &[Line]); 8] = [
        (
            "Processors",
            "busy",
            Unit::Ratio,
            &[("all CPUs", |s| Some(s.cpu)), ("busiest CPU", |s| s.cores.iter().copied().reduce(f64::max))],
        ),
        (
            "Memory",
            "in use",
            Unit::Bytes,
            &[
                ("in use", |s| Some(s.memory_used as f64)),
                ("swap", |s| (s.swap_used > 0).then_some(s.swap_used as f64)),
            ],
        ),
        (
            "Waiting for resources",
            "share of time",
            Unit::Ratio,
            &[("CPU", |s| s.pressure_cpu), ("I/O", |s| s.pressure_io), ("memory", |s| s.pressure_memory)],
        ),
        ("Disks", "data", Unit::BytesPerSecond, &[("read", |s| s.disk_read), ("written", |s| s.disk_write)]),
        (
            "Network",
            "data",
            Unit::BytesPerSecond,
            &[
                ("received", |s| Some(s.network_received)),
                ("sent", |s| Some(s.network_sent)),
                ("loopback", |s| Some(s.loopback)),
            ],
        ),
        ("Temperature", "hottest sensor", Unit::Celsius, &[("hottest sensor", HostSample::hottest)]),
        ("Clock", "mean over CPUs", Unit::Hertz, &[("clock", |s| s.frequency)]),
        ("Power", "processors", Unit::Watts, &[("processors", |s| s.power)]),
    ];
    let bundle = record.host.len().div_ceil(detail.points.max(1)).max(1);
    let mut charts = Vec::new();
    for (title, axis, unit, lines) in kinds {
        let mut series: Vec<Series> = lines.iter().map(|(name, of)| over(&record.host, bundle, name, *of)).collect();
        // A line that is zero or missing throughout says nothing.
        series.retain(|series| series.y.iter().flatten().any(|value| *value != 0.0));
        if series.is_empty() {
            continue;
        }
        let note = if bundle > 1 { format!("Means of {bundle} samples each.") } else { String::new() };
        let values = series.iter().flat_map(|series| &series.y).flatten().copied();
        charts.push(Chart {
            title: title.to_owned(),
            note,
            x: Axis::time("since the start"),
            y: Axis::of(axis, unit, Goal::Neutral, values, false),
            from_zero: !matches!(unit, Unit::Celsius | Unit::Hertz),
            series,
            ..Chart::default()
        });
    }
    charts
}

fn over(samples: &[HostSample], bundle: usize, name: &str, of: fn(&HostSample) -> Option<f64>) -> Series {
    let mut series = Series { name: name.to_owned(), ..Series::default() };
    for chunk in samples.chunks(bundle) {
        let Some(first) = chunk.first() else { continue };
        let values: Vec<f64> = chunk.iter().filter_map(of).filter(|value| value.is_finite()).collect();
        series.x.push(first.at);
        #[expect(clippy::cast_precision_loss, reason = "a handful of samples")]
        series.y.push((!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64));
    }
    series
}
