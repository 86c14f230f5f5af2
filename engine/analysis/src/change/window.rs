//! All that a stretch of points shows: levels, ramps, spikes, changes of spread, suspicions, put in order.

use engine_core::stats::quantile::{median, sorted};

use super::levels::{Levels, levels};
use super::noise::{resolution, spread_about_zero};
use super::ramp::{AGAINST_STEP, Ramp, ramp};
use super::{ChangePoint, Kind, MIN_POINTS, SHORTEST, Tier, late, spike, spread, suspect};

/// Half the width of a 95 % interval, in standard errors.
const WIDE: f64 = 1.96;

/// Alerts closer than this to a change of level are part of it.
const SAME_PLACE: usize = 5;

/// A level has returned when it differs from the one before the change by less than this share of the change.
const RETURNED: f64 = 0.25;

/// How values are looked at: relative changes of positive values are differences of their logarithms.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Scale {
    logarithmic: bool,
}

impl Scale {
    fn of(values: &[f64]) -> (Self, Vec<f64>) {
        let logarithmic = values.iter().all(|value| *value > 0.0);
        let scaled = if logarithmic { values.iter().map(|value| value.ln()).collect() } else { values.to_vec() };
        (Self { logarithmic }, scaled)
    }

    /// A difference on the scale as a relative change of the level `from`.
    fn relative(self, difference: f64, from: f64) -> f64 {
        if self.logarithmic {
            difference.exp_m1()
        } else if from == 0.0 {
            f64::NAN
        } else {
            difference / from.abs()
        }
    }

    fn sized(self, point: ChangePoint, difference: f64, error: f64, from: f64) -> ChangePoint {
        let (size, one, other) = (
            self.relative(difference, from),
            self.relative(difference - WIDE * error, from),
            self.relative(difference + WIDE * error, from),
        );
        ChangePoint { size, size_low: one.min(other), size_high: one.max(other), ..point }
    }
}

fn point(kind: Kind, tier: Tier, place: (usize, usize, usize)) -> ChangePoint {
    let (low, index, high) = place;
    ChangePoint { index, low, high, kind, tier, size: f64::NAN, size_low: f64::NAN, size_high: f64::NAN }
}

/// The change points among finite values, in rising order of place; they are the end of a history of `seen` points.
pub(crate) fn analyse(values: &[f64], seen: usize) -> Vec<ChangePoint> {
    let n = values.len();
    if n < MIN_POINTS {
        return Vec::new();
    }
    let (scale, scaled) = Scale::of(values);
    let floor = resolution(&sorted(&scaled));
    if floor == 0.0 {
        return Vec::new(); // All values are equal.
    }
    let found = levels(&scaled, floor, seen);
    let ramps = ramps(&found, &scaled);
    let mut points = steps(&found, &ramps, scale, &scaled);
    points.extend(ramps.iter().map(|ramp| {
        let point = point(Kind::Trend, Tier::Confirmed, (ramp.earliest, ramp.start, ramp.latest));
        scale.sized(point, ramp.rise, ramp.error, ramp.base)
    }));
    let fitted = fitted(&found, &ramps);
    let residuals: Vec<f64> = scaled.iter().zip(&fitted).map(|(value, level)| value - level).collect();
    let sigma = spread_about_zero(&residuals).max(floor);
    let taken: Vec<usize> = points.iter().map(|point| point.index).collect();
    let free = |at: usize, reach: usize| taken.iter().all(|other| at.abs_diff(*other) >= reach);

    for spike in spike::spikes(&residuals, sigma) {
        let lasted = spike.at + spike.length + SHORTEST <= n;
        if lasted && free(spike.at, 1) {
            let tier = if spike.alone { Tier::Confirmed } else { Tier::Suspect };
            let point = point(Kind::Spike, tier, (spike.at, spike.at, spike.at));
            points.push(scale.sized(point, spike.height, sigma, fitted[spike.at]));
        }
    }
    for change in spread::changes(&residuals, floor, seen).into_iter().filter(|change| free(change.at, 2 * SAME_PLACE))
    {
        let point = point(Kind::Variance, Tier::Confirmed, (change.low, change.at, change.high));
        let (low, high) =
            ((change.ratio.ln() - WIDE * change.error).exp(), (change.ratio.ln() + WIDE * change.error).exp());
        points.push(ChangePoint { size: change.ratio - 1.0, size_low: low - 1.0, size_high: high - 1.0, ..point });
    }
    let from = found.bounds[found.bounds.len() - 2].max(ramps.iter().map(|ramp| ramp.start).max().unwrap_or(0));
    // The points since the last change of any kind, whose spread is that of now.
    let recent = points.iter().filter(|point| point.kind == Kind::Variance).map(|point| point.index).max().unwrap_or(0);
    if let Some(suspicion) = suspect::suspicion(&residuals[from.max(recent)..], floor) {
        let at = n - suspicion.points;
        if free(at, SAME_PLACE) {
            let kind = if suspicion.points == 1 { Kind::Spike } else { Kind::Step };
            let point = point(kind, Tier::Suspect, (at.saturating_sub(1), at, (at + 1).min(n - 1)));
            points.push(scale.sized(point, suspicion.shift, suspicion.error, fitted[at]));
        }
    }
    points.sort_by_key(|point| (point.index, point.kind as usize));
    points
}

/// The level of each point.
fn fitted(found: &Levels, ramps: &[Ramp]) -> Vec<f64> {
    let mut fitted = Vec::with_capacity(found.clipped.len());
    for b in found.bounds.windows(2) {
        // The clipped mean of skewed noise lies beside its median; residuals are about the median.
        let middle = median(&found.clipped[b[0]..b[1]]);
        fitted.resize(b[1], middle);
    }
    for ramp in ramps {
        for (t, level) in fitted.iter_mut().enumerate().take(ramp.to).skip(ramp.from) {
            *level = ramp.at(t);
        }
    }
    fitted
}

/// The ramps that take the place of levels: over each longest run of changes in one direction, then over each level that
/// is left.
fn ramps(found: &Levels, values: &[f64]) -> Vec<Ramp> {
    let bounds = &found.bounds;
    let segments = bounds.len() - 1;
    let level = |segment: usize| found.level(bounds[segment], bounds[segment + 1]);
    let mut ramps: Vec<Ramp> = Vec::new();
    let mut first = 0;
    while first + 1 < segments {
        let rises = level(first + 1) > level(first);
        let mut last = first + 1;
        while last + 1 < segments && (level(last + 1) > level(last)) == rises {
            last += 1;
        }
        ramps.extend(over(found, values, first, last));
        first = last;
    }
    for segment in 0..segments {
        let (from, to) = (bounds[segment], bounds[segment + 1]);
        if !ramps.iter().any(|ramp| ramp.from < to && from < ramp.to) {
            ramps.extend(over(found, values, segment, segment));
        }
    }
    ramps.sort_by_key(|ramp| ramp.start);
    ramps
}

fn over(found: &Levels, values: &[f64], first: usize, last: usize) -> Option<Ramp> {
    let squares =
        (first..=last).map(|segment| found.sums.error(found.bounds[segment], found.bounds[segment + 1])).sum();
    let ramp = ramp(found, found.bounds[first], found.bounds[last + 1], last - first, squares)?;
    (last - first > 1 || !is_late_step(found, values, &ramp)).then_some(ramp)
}

/// Whether a ramp up to the end of the series is rather a step near the end.
fn is_late_step(found: &Levels, values: &[f64], ramp: &Ramp) -> bool {
    if ramp.to < values.len() {
        return false;
    }
    let (values, sigma) = (&values[ramp.from..ramp.to], found.pooled.sqrt());
    let Some((_, step)) = late::step(values, sigma) else { return false };
    let about = late::losses(values, sigma, |t| ramp.at(ramp.from + t));
    step - about < AGAINST_STEP * found.pooled
}

/// The changes of level that no ramp explains.
fn steps(found: &Levels, ramps: &[Ramp], scale: Scale, values: &[f64]) -> Vec<ChangePoint> {
    let (bounds, n) = (&found.bounds, values.len());
    let mut steps = Vec::new();
    for (segment, b) in bounds.windows(3).enumerate() {
        let at = b[1];
        if ramps.iter().any(|ramp| ramp.from < at && at < ramp.to) {
            continue;
        }
        let (before, after) = (found.level(b[0], b[1]), found.level(b[1], b[2]));
        let error = (found.error(b[0], b[1]) + found.error(b[1], b[2])).sqrt();
        let returns = segment > 0 && {
            let earlier = found.level(bounds[segment - 1], b[0]);
            let back = (after - earlier).abs();
            back <= RETURNED * (after - before).abs() && (after - before).signum() != (before - earlier).signum()
        };
        let kind = if returns { Kind::Return } else { Kind::Step };
        let (low, mut index, high) = found.placed(segment + 1);
        // The shortest level that is looked for may have begun too early, for want of points.
        if b[2] - b[1] <= SHORTEST + 2 {
            match late::step(&values[b[0]..b[2]], found.pooled.sqrt()).filter(|_| b[2] == n) {
                Some((place, _)) => index = b[0] + place,
                None => {
                    let early = |t: usize| (values[t] - before).abs() < (values[t] - after).abs();
                    index += (index..b[2] - 1).take_while(|t| early(*t)).count();
                }
            }
        }
        let tier = if n - index < SHORTEST { Tier::Suspect } else { Tier::Confirmed };
        let point = point(kind, tier, (low, index, high.max(index)));
        steps.push(scale.sized(point, after - before, error, before));
    }
    steps
}
