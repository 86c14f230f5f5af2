//! Stress as reports lay it out: a row for each background and intensity, how much slower what was measured was beside it,
//! and what the stressors did. Text, Markdown and JSON start from here.

use engine_core::measurement::{Estimate, Measurement};
use engine_core::plan::Work;
use engine_core::run::{RunRecord, StepRecord};
use engine_core::series::Labels;
use engine_core::stress::{BACKGROUND, CHECKED, CONTROL, CPU, INTENSITY, QUIET, RATE, SLOWDOWN, STRESSOR, StressShape};
use engine_core::unit::Unit;

use crate::view;

/// A stress step.
#[derive(Debug)]
pub(crate) struct Interference<'a> {
    pub(crate) step: &'a StepRecord,
    pub(crate) shape: &'a StressShape,
    /// Unit of what was measured; none where only the stressors were looked at.
    pub(crate) unit: Option<Unit>,
    /// The quiet measurements, with the series' own labels where there are any.
    pub(crate) quiet: Vec<(String, Estimate)>,
    /// One quiet measurement against the one before.
    pub(crate) control: Vec<(String, Estimate)>,
    pub(crate) rows: Vec<Row>,
}

/// One background at one intensity.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) background: String,
    pub(crate) intensity: String,
    /// Labels of the series beside those of the background, such as `size=4 MiB`.
    pub(crate) series: String,
    pub(crate) slowdown: Option<Estimate>,
    /// What was measured beside it.
    pub(crate) measured: Option<Estimate>,
    pub(crate) stressors: Vec<Own>,
    /// Why there is no figure, or why rounds are missing.
    pub(crate) missing: Option<String>,
}

/// What a stressor did.
#[derive(Debug, Clone)]
pub(crate) struct Own {
    pub(crate) name: String,
    /// Pieces of work a second.
    pub(crate) rate: Option<Estimate>,
    /// Share of a processor that each of its threads had.
    pub(crate) cpu: Option<Estimate>,
    /// Results that it verified, in all rounds.
    pub(crate) checked: f64,
}

/// What an interval of slowdowns says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Says {
    /// Wholly above 1.
    Slower,
    /// Wholly below 1.
    Faster,
    /// Around 1.
    NoDifference,
    /// There is no interval.
    TooFew,
}

impl Says {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Slower => "slower",
            Self::Faster => "faster",
            Self::NoDifference => "no difference shown",
            Self::TooFew => "too few rounds to tell",
        }
    }
}

impl Row {
    /// What its slowdown says; nothing without one.
    pub(crate) fn says(&self) -> Option<Says> {
        let Some(interval) = self.slowdown?.interval else { return Some(Says::TooFew) };
        Some(match (interval.low > 1.0, interval.high < 1.0) {
            (true, _) => Says::Slower,
            (_, true) => Says::Faster,
            _ => Says::NoDifference,
        })
    }

    /// `cpu.float`, with the labels of the series where there are any.
    pub(crate) fn title(&self) -> String {
        if self.series.is_empty() { self.background.clone() } else { format!("{} ({})", self.background, self.series) }
    }
}

impl Interference<'_> {
    /// Of each background and intensity the series that is surest to be slower: with the highest lower end.
    pub(crate) fn slowest(&self) -> Vec<&Row> {
        let height =
            |row: &Row| row.slowdown.map_or(0.0, |found| found.interval.map_or(found.value, |interval| interval.low));
        let mut slowest: Vec<&Row> = Vec::new();
        for row in &self.rows {
            let known =
                slowest.iter_mut().find(|known| known.background == row.background && known.intensity == row.intensity);
            match known {
                Some(known) if height(known) < height(row) => *known = row,
                Some(_) => {}
                None => slowest.push(row),
            }
        }
        slowest
    }
}

/// The view of a stress step; none of other steps.
pub(crate) fn view<'a>(record: &RunRecord, step: &'a StepRecord) -> Option<Interference<'a>> {
    let Work::Stress { shape } = &step.plan.work else { return None };
    let of = shape.measured.of();
    let measured: Vec<&Measurement> = step
        .measurements
        .iter()
        .filter(|m| Some(m.metric.id.as_str()) == of.map(|of| of.metric.as_str()) && m.labels.get(BACKGROUND).is_some())
        .collect();
    let figure = |measurement: &Measurement| match of.and_then(|of| of.stat) {
        Some(stat) => measurement.statistic(stat),
        None => measurement.estimate(),
    };
    let quiet = measured
        .iter()
        .filter(|m| m.labels.get(BACKGROUND) == Some(QUIET))
        .filter_map(|m| Some((series(&m.labels), figure(m)?)))
        .collect();
    let named = |id: &str| step.measurements.iter().filter(move |m| m.metric.id == id).collect::<Vec<_>>();
    let control = named(CONTROL.id).iter().filter_map(|m| Some((series(&m.labels), m.estimate()?))).collect();
    let slowdowns = named(SLOWDOWN.id);
    let (rates, cpus, checks) = (named(RATE.id), named(CPU.id), named(CHECKED.id));
    let mut rows = Vec::new();
    for background in &shape.backgrounds {
        let labels = background.labels();
        let stressors: Vec<Own> = rates
            .iter()
            .filter(|m| m.labels.matches(&labels))
            .map(|rate| {
                let same = |all: &[&Measurement]| all.iter().find(|m| m.labels == rate.labels).copied().cloned();
                Own {
                    name: rate.labels.get(STRESSOR).unwrap_or_default().to_owned(),
                    rate: rate.estimate(),
                    cpu: same(&cpus).and_then(|m| m.estimate()),
                    checked: same(&checks).map_or(0.0, |m| m.pooled().iter().sum()),
                }
            })
            .collect();
        let missing = missing(record, step, &background.describe());
        let row = |of: Option<&Measurement>| {
            let beside = of.and_then(|of| measured.iter().find(|m| m.labels == of.labels).copied());
            Row {
                background: background.name.clone(),
                intensity: background.intensity.clone(),
                series: of.map(|of| series(&of.labels)).unwrap_or_default(),
                slowdown: of.and_then(Measurement::estimate),
                measured: beside.and_then(figure),
                stressors: stressors.clone(),
                missing: missing.clone(),
            }
        };
        let own: Vec<&&Measurement> = slowdowns.iter().filter(|m| m.labels.matches(&labels)).collect();
        match own.as_slice() {
            [] => rows.push(row(None)),
            own => rows.extend(own.iter().map(|m| row(Some(m)))),
        }
    }
    Some(Interference { step, shape, unit: measured.first().map(|m| m.metric.unit), quiet, control, rows })
}

/// The labels that tell series of one background apart; those of a load's path are no such labels.
fn series(labels: &Labels) -> String {
    let mut own = labels.clone();
    own.0.retain(|name, _| !matches!(name.as_str(), BACKGROUND | INTENSITY | STRESSOR | "driver"));
    view::labels(&own)
}

/// Why a background was not measured, as the run noted it.
fn missing(record: &RunRecord, step: &StepRecord, background: &str) -> Option<String> {
    let path = step.plan.path();
    let front = format!("{background}: not measured: ");
    record
        .notes
        .iter()
        .filter(|note| note.step.as_deref() == Some(path.as_str()))
        .find_map(|note| note.message.strip_prefix(&front).map(str::to_owned))
}

/// A ratio as a factor: `1.53x`.
pub(crate) fn factor(value: f64) -> String {
    let digits = if value >= 100.0 {
        0
    } else if value >= 10.0 {
        1
    } else {
        2
    };
    if value.is_finite() { format!("{value:.digits$}x") } else { "n/a".to_owned() }
}

/// `1.41 .. 1.62`, or why there is none.
pub(crate) fn bounds(estimate: &Estimate) -> String {
    estimate.interval.map_or_else(|| "too few".to_owned(), |i| format!("{:.2} .. {:.2}", i.low, i.high))
}

/// The line of a stress step that has just ended: the worst of its rows.
pub(crate) fn short(step: &StepRecord) -> Option<String> {
    let Work::Stress { shape } = &step.plan.work else { return None };
    let count = shape.backgrounds.len();
    let worst = step
        .measurements
        .iter()
        .filter(|m| m.metric.id == SLOWDOWN.id)
        .filter_map(|m| Some((m, m.estimate()?)))
        .max_by(|(_, a), (_, b)| a.value.total_cmp(&b.value));
    let Some((worst, estimate)) = worst else {
        let named = crate::number::count(count, "background");
        return (!step.measurements.is_empty()).then(|| format!("{named} held, {}", rounds(step)));
    };
    let interval = estimate.interval.map(|i| format!(" [{:.2}, {:.2}]", i.low, i.high)).unwrap_or_default();
    let label = |name| crate::clean::clip(worst.labels.get(name).unwrap_or_default(), 40);
    let (background, intensity) = (label(BACKGROUND), label(INTENSITY));
    let value = factor(estimate.value);
    Some(format!("at worst {value}{interval} beside {background} at {intensity} %, {}", rounds(step)))
}

fn rounds(step: &StepRecord) -> String {
    crate::number::count(step.rounds(), "round")
}
