//! Where a metric is going: a line through its present level, held against "no change" on its own past.
//!
//! The line is that of Theil and Sen: the median of all slopes between two points, which single points cannot bend. It is
//! believed only when it earned that: from places in the last two thirds of the level's past, both the line through what
//! was known by then and the value of "no change" (the best of the last value, the median of the last five and that of
//! all) foretell what followed up to the horizon. The line must have erred less, by the test of Diebold and Mariano (1995) with errors
//! that overlap paid for, else there is no forecast. The interval is the larger of what the scatter about the line
//! gives (the prediction interval of a regression) and what the foretold errors of the past were.
//!
//! What would make it wrong: a history with a cycle of about the horizon's length, and anything that has not happened yet.

use engine_core::change::Kind;
use engine_core::forecast::{Backtest, Forecast, Reached};
use engine_core::history::Timeline;
use engine_core::run::Timestamp;
use engine_core::stats::quantile::{median, quantile, sorted};
use engine_core::stats::{Interval, normal_cdf};

use crate::policy::student_quantile;

/// Fewest runs of the present level.
const LEAST: usize = 20;

/// Fewest places in the past from which is foretold.
const ORIGINS: usize = 8;

/// Level at which the line must beat "no change".
const LEVEL: f64 = 0.05;

/// Days of microseconds.
const DAY: f64 = 86_400e6;

/// Foretells a metric so many days after its last run. `threshold` is in the metric's unit.
///
/// # Errors
/// Why there is no forecast, in words: too few runs, a horizon beyond the past, or a line that is no better than "no
/// change".
pub fn forecast(timeline: &Timeline, days: f64, threshold: Option<f64>) -> Result<Forecast, String> {
    let (times, values) = present(timeline);
    let (Some(first), Some(last)) = (times.first().copied(), times.last().copied()) else {
        return Err("there is no run".to_owned());
    };
    if values.len() < LEAST {
        return Err(format!("{} runs of the present level are too few: {LEAST} are needed", values.len()));
    }
    let span = last - first;
    if span <= 0.0 || days > span {
        return Err(format!("the present level is {span:.1} days old, too short a past for {days:.1} days ahead"));
    }
    let backtest = backtest(&times, &values, days)?;
    let saved = 1.0 - backtest.0.line / backtest.0.no_change;
    if !(backtest.0.p < LEVEL && saved > 0.05) {
        return Err(format!(
            "a line does not foretell it better than \"no change\" (from {} places in the past; p = {:.2})",
            backtest.0.origins, backtest.0.p
        ));
    }
    let (backtest, errors) = backtest;
    let line = Line::through(&times, &values);
    let half = |ahead: f64| line.half(&times, &values, last + ahead).max(foretold(&errors, ahead));
    let value = line.at(last + days);
    let moment = |day: f64| Timestamp((day * DAY) as i64);
    let interval = Interval::new(value - half(days), value + half(days));
    Ok(Forecast {
        days,
        at: moment(last + days),
        slope: line.slope,
        value,
        interval,
        backtest,
        threshold: threshold.map(|threshold| reached(&line, last, days, threshold, &half)),
    })
}

/// The runs of the present level: days since 1970, and values.
fn present(timeline: &Timeline) -> (Vec<f64>, Vec<f64>) {
    let level = |kind| matches!(kind, Kind::Step | Kind::Return);
    let changes = timeline.changes.iter().filter(|found| level(found.change.kind)).map(|found| found.change.index);
    let start = changes.chain(timeline.accepted.iter().copied()).max().unwrap_or(0);
    let points = timeline.history.points.iter().skip(start);
    points.map(|point| (point.started.0 as f64 / DAY, point.value())).filter(|(_, value)| value.is_finite()).unzip()
}

/// A line by Theil and Sen.
struct Line {
    slope: f64,
    intercept: f64,
    /// Time about which it turns.
    centre: f64,
}

impl Line {
    fn through(times: &[f64], values: &[f64]) -> Self {
        let mut slopes = Vec::with_capacity(times.len() * times.len() / 2);
        for (at, early) in times.iter().enumerate() {
            for (later, late) in times.iter().enumerate().skip(at + 1) {
                if late > early {
                    slopes.push((values[later] - values[at]) / (late - early));
                }
            }
        }
        let slope = if slopes.is_empty() { 0.0 } else { median(&slopes) };
        let centre = times.iter().sum::<f64>() / times.len().max(1) as f64;
        let rest: Vec<f64> = times.iter().zip(values).map(|(t, v)| v - slope * (t - centre)).collect();
        Self { slope, intercept: median(&rest), centre }
    }

    fn at(&self, time: f64) -> f64 {
        self.intercept + self.slope * (time - self.centre)
    }

    /// Half of the 95 % prediction interval of a regression at a time.
    fn half(&self, times: &[f64], values: &[f64], at: f64) -> f64 {
        let n = times.len() as f64;
        let squares: f64 = times.iter().zip(values).map(|(t, v)| (v - self.at(*t)).powi(2)).sum();
        let spread: f64 = times.iter().map(|t| (t - self.centre).powi(2)).sum();
        let deviation = (squares / (n - 2.0)).sqrt();
        let lever = 1.0 + 1.0 / n + (at - self.centre).powi(2) / spread.max(f64::MIN_POSITIVE);
        student_quantile(0.975, n - 2.0) * deviation * lever.sqrt()
    }
}

/// Days ahead and absolute error of a foretold value.
type Errors = Vec<(f64, f64)>;

/// Foretells the past from each place in its second half.
fn backtest(times: &[f64], values: &[f64], days: f64) -> Result<(Backtest, Errors), String> {
    let n = values.len();
    let (mut losses, mut lines, mut nones) = (Vec::new(), Vec::new(), Vec::new());
    let mut errors = Vec::new();
    let mut most_ahead = 1;
    // From so many places at most: the line costs the square of the points.
    let first = (n / 3).max(LEAST / 2);
    let stride = ((n - first) / 60).max(1);
    for origin in (first..n - 1).step_by(stride) {
        let (seen, told) = (&times[..=origin], &values[..=origin]);
        let ahead: Vec<usize> = (origin + 1..n).take_while(|at| times[*at] - times[origin] <= days).collect();
        // The horizon must be covered, else near values stand in for far ones.
        let reach = ahead.last().map_or(0.0, |at| times[*at] - times[origin]);
        if reach < 0.6 * days {
            continue;
        }
        let line = Line::through(seen, told);
        let recent = median(&told[told.len().saturating_sub(5)..]);
        let far: Vec<usize> = ahead.iter().copied().filter(|at| times[*at] - times[origin] >= 0.5 * days).collect();
        let mean = |of: &dyn Fn(usize) -> f64| far.iter().map(|at| of(*at)).sum::<f64>() / far.len() as f64;
        let by_line = mean(&|at| (values[at] - line.at(times[at])).abs());
        let by = |level: f64| mean(&|at| (values[at] - level).abs());
        lines.push(by_line);
        nones.push([by(told[origin]), by(recent), by(median(told))]);
        most_ahead = most_ahead.max(ahead.len().div_ceil(stride));
        errors.extend(ahead.iter().map(|at| (times[*at] - times[origin], (values[*at] - line.at(times[*at])).abs())));
    }
    if lines.len() < ORIGINS {
        return Err(format!(
            "the past allows {days:.1} days ahead to be tried from {} places only: {ORIGINS} are needed",
            lines.len()
        ));
    }
    let count = lines.len() as f64;
    let mean_of = |which: usize| nones.iter().map(|none| none[which]).sum::<f64>() / count;
    let better = (0..3).min_by(|a, b| mean_of(*a).total_cmp(&mean_of(*b))).unwrap_or(0);
    losses.extend(lines.iter().zip(&nones).map(|(line, none)| none[better] - line));
    let found = Backtest {
        origins: lines.len(),
        line: lines.iter().sum::<f64>() / count,
        no_change: mean_of(better),
        p: no_better(&losses, most_ahead),
    };
    Ok((found, errors))
}

/// The one-sided p-value of "the mean is not above zero" for values of which each overlaps the next `lags`: the variance
/// of the mean by Newey and West.
fn no_better(values: &[f64], lags: usize) -> f64 {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let covariance =
        |lag: usize| values.iter().zip(values.iter().skip(lag)).map(|(a, b)| (a - mean) * (b - mean)).sum::<f64>() / n;
    let lags = lags.min(values.len() / 2);
    let mut variance = covariance(0);
    for lag in 1..=lags {
        variance += 2.0 * (1.0 - lag as f64 / (lags + 1) as f64) * covariance(lag);
    }
    let error = (variance.max(0.0) / n).sqrt();
    if error > 0.0 { 1.0 - normal_cdf(mean / error) } else { f64::from(u8::from(mean <= 0.0)) }
}

/// What 95 % of the foretold errors of about this distance were within.
fn foretold(errors: &[(f64, f64)], ahead: f64) -> f64 {
    let near: Vec<f64> = errors
        .iter()
        .filter(|(days, _)| (0.5 * ahead..=1.2 * ahead.max(f64::MIN_POSITIVE)).contains(days))
        .map(|(_, error)| *error)
        .collect();
    if near.is_empty() { 0.0 } else { quantile(&sorted(&near), 0.95) }
}

/// When the line, and the ends of the interval about it, reach a value.
fn reached(line: &Line, last: f64, days: f64, threshold: f64, half: &dyn Fn(f64) -> f64) -> Reached {
    let now = line.at(last);
    let rising = line.slope > 0.0;
    let beyond = |value: f64| if rising { value >= threshold } else { value <= threshold };
    let first = |offset: f64| {
        let steps = 400;
        (0..=steps).map(|step| days * f64::from(step) / f64::from(steps)).find(|ahead| {
            let towards = if rising { 1.0 } else { -1.0 };
            beyond(line.at(last + ahead) + offset * towards * half(*ahead))
        })
    };
    let moment = |ahead: Option<f64>| ahead.map(|ahead| Timestamp(((last + ahead) * DAY) as i64));
    Reached {
        value: threshold,
        passed: beyond(now),
        at: moment(first(0.0)),
        earliest: moment(first(1.0)),
        latest: moment(first(-1.0)),
    }
}

#[cfg(test)]
mod tests;
