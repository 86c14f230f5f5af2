//! Rate and latency over time, in as many points as a line has room for.

use engine_core::histogram::Packed;
use engine_core::load::{LoadWindow, METRICS, WARM_UP, WindowRow};
use engine_core::measurement::{Measurement, Record, Round, Stat};
use engine_core::run::StepRecord;
use engine_core::series::Labels;

use super::{Line, PERCENTILES};

/// Points of a chart at most.
const POINTS: usize = 48;

/// One stretch of a load.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Moment {
    /// Start, in seconds since the load's start.
    pub(crate) at: f64,
    /// Length in seconds.
    pub(crate) seconds: f64,
    /// The phase at its start.
    pub(crate) phase: String,
    /// Requests that ended well, a second.
    pub(crate) rate: f64,
    /// 99th percentile of the response time in seconds; none where nothing ended.
    pub(crate) p99: Option<f64>,
    /// Share of what ended that did not end well.
    pub(crate) errors: f64,
}

/// All of them in order.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Course {
    /// The stretches.
    pub(crate) moments: Vec<Moment>,
}

/// The course of a load's last round; none where it kept no windows.
pub(crate) fn course(step: &StepRecord) -> Option<Course> {
    let round = step.windows.last()?.round;
    let windows: Vec<&LoadWindow> = step.windows.iter().filter(|window| window.round == round).collect();
    let bundle = windows.len().div_ceil(POINTS).max(1);
    let moments: Vec<Moment> = windows.chunks(bundle).filter_map(moment).collect();
    (!moments.is_empty()).then_some(Course { moments })
}

fn moment(windows: &[&LoadWindow]) -> Option<Moment> {
    let (first, last) = (windows.first()?, windows.last()?);
    let rows: Vec<&WindowRow> = windows.iter().filter_map(|window| window.total()).collect();
    let seconds = last.end() - first.at;
    let sum = |of: fn(&WindowRow) -> u64| rows.iter().map(|row| of(row)).sum::<u64>();
    let (ok, ended) = (sum(|row| row.ok), sum(WindowRow::ended));
    let response = Packed::merged(rows.iter().filter_map(|row| row.response.as_ref()));
    // The last piece of a second would make the rate look as it never was.
    if seconds < 0.2 && ended == 0 {
        return None;
    }
    Some(Moment {
        at: first.at,
        seconds,
        phase: first.phase.clone(),
        rate: if seconds > 0.0 { ok as f64 / seconds } else { 0.0 },
        p99: response.value_at_quantile(0.99).map(|p99| p99.floor() as f64 / 1e9),
        errors: if ended == 0 { 0.0 } else { (ended - ok) as f64 / ended as f64 },
    })
}

impl Course {
    /// Bars for rate and 99th percentile, with the smallest and largest of each; those without a value are blanks.
    pub(crate) fn bars(&self, of: fn(&Moment) -> Option<f64>, bars: &[char]) -> (String, f64, f64) {
        let values: Vec<Option<f64>> = self.moments.iter().map(of).collect();
        let (low, high) = values
            .iter()
            .flatten()
            .fold((f64::INFINITY, 0.0_f64), |(low, high), value| (low.min(*value), high.max(*value)));
        let top = bars.len() - 1;
        let bar = |value: &Option<f64>| match value {
            None => ' ',
            Some(_) if high <= 0.0 => bars[0],
            Some(value) => bars[((value / high) * top as f64).round().clamp(0.0, top as f64) as usize],
        };
        (values.iter().map(bar).collect(), if low.is_finite() { low } else { 0.0 }, high)
    }

    /// Where it begins and ends, in seconds.
    pub(crate) fn span(&self) -> (f64, f64) {
        let first = self.moments.first().map_or(0.0, |moment| moment.at);
        (first, self.moments.last().map_or(first, |moment| moment.at + moment.seconds))
    }
}

/// When a statistic of the response time first went beyond a limit in a window, with the window's phase and rate.
pub(crate) fn first_beyond(step: &StepRecord, labels: &Labels, p: f64, limit: f64) -> Option<(f64, String, f64)> {
    let mut wanted = labels.clone();
    let phase = wanted.0.remove("phase");
    step.windows.iter().filter(|window| window.phase != WARM_UP).find_map(|window| {
        if phase.as_ref().is_some_and(|phase| *phase != window.phase) {
            return None;
        }
        let fits =
            |row: &&WindowRow| if wanted.is_empty() { row.labels.is_empty() } else { row.labels.matches(&wanted) };
        let row = window.rows.iter().find(fits)?;
        let found = row.response.as_ref()?.value_at_quantile(p / 100.0)?.floor() as f64 / 1e9;
        let rate = window.total().map_or(0.0, |row| row.ended() as f64 / window.seconds.max(1e-9));
        (found > limit).then(|| (window.at, window.phase.clone(), rate))
    })
}

/// Everything that a load's windows hold, where its sums were never made: the run was killed before.
pub(super) fn total(step: &StepRecord) -> Option<Line> {
    of_windows(step, &Labels::new())
}

/// The same for each endpoint.
pub(super) fn lines(step: &StepRecord) -> Vec<Line> {
    let mut all: Vec<Labels> = Vec::new();
    for row in step.windows.iter().flat_map(|window| &window.rows) {
        if !row.labels.is_empty() && !all.contains(&row.labels) {
            all.push(row.labels.clone());
        }
    }
    all.iter().filter_map(|labels| of_windows(step, labels)).collect()
}

fn of_windows(step: &StepRecord, labels: &Labels) -> Option<Line> {
    let windows: Vec<&LoadWindow> = step.windows.iter().filter(|window| window.counts()).collect();
    let mut sum = WindowRow::default();
    windows.iter().flat_map(|window| &window.rows).filter(|row| row.labels == *labels).for_each(|row| sum.merge(row));
    let seconds: f64 = windows.iter().map(|window| window.seconds).sum();
    let response = sum.response.clone().filter(|response| !response.is_empty())?;
    let record = Record::latencies(METRICS.first()?.metric(), Labels::new(), response);
    let round = Round { values: record.values, histogram: record.histogram, ..Round::default() };
    let measurement = Measurement { metric: record.metric, labels: Labels::new(), rounds: vec![round] };
    let stats = PERCENTILES.iter().map(|(_, p)| Stat::Percentile(*p)).chain([Stat::Max]);
    Some(Line {
        name: labels.get("name").unwrap_or_default().to_owned(),
        requests: measurement.statistic(Stat::Count)?.samples,
        rate: (seconds > 0.0).then(|| sum.ok as f64 / seconds),
        arrivals: None,
        response: stats.filter_map(|stat| measurement.statistic(stat)).collect(),
        errors: (sum.ended() > 0).then(|| (sum.ended() - sum.ok) as f64 / sum.ended() as f64),
    })
}
