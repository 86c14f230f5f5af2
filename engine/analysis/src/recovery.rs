//! How fast a service got well after a fault: windows in, figures out. Pure.
//!
//! The definition, which every report prints with the result:
//!
//! * The *baseline* is the windows before the fault: the median of their 95th percentiles of the response time, the share
//!   of failed requests over all of them, and the median rate of successes.
//! * A window is *well* when its 95th percentile is at most `1 + latency` times the baseline's, its share of failures at
//!   most `errors` above it, and its rate of successes at least `1 - rate` times it. A window without a success is not well.
//! * *Steady state* is a hypothesis about the time before: at least `least` windows, nearly all of them well, and their
//!   percentiles spread by no more than `spread`. When it does not hold nothing can be said: the result is inconclusive.
//! * *Time to detect* runs from the fault to the first window that is not well; there is none when the fault did not show.
//! * *Time to recover* runs from the removal of the fault to the start of the first of `consecutive` windows in a row that
//!   are well. Removal is when the cause is gone, not when the service is back.
//! * *Area lost* is the successes that the baseline's rate would have brought, less those that came, from the fault to the
//!   recovery.
//!
//! Load must arrive in an open loop: clients that wait for answers would ask for less while the service is down.

pub use engine_core::fault::{Baseline, Criteria, Recovery, Seen, Window};

/// Analyses one fault: injected at `fault`, removed at `removed`, with windows from before it to well after it.
///
/// A window belongs to the time before only when it ended by then, and to the time after only when it began then.
#[must_use]
pub fn recovery(windows: &[Window], fault: f64, removed: f64, criteria: &Criteria) -> Recovery {
    let inconclusive = |reason: String| Recovery::Inconclusive { reason };
    let mut windows: Vec<Window> = windows.iter().copied().filter(|window| window.length > 0.0).collect();
    windows.sort_by(|one, next| one.start.total_cmp(&next.start));
    if fault.is_nan() || removed.is_nan() || fault > removed {
        return inconclusive("the fault was removed before it was there".to_owned());
    }
    // A hundredth of a window: starts and lengths are sums of decimal fractions.
    let slack = windows.first().map_or(0.0, |window| window.length * 0.01);
    let before: Vec<Window> = windows.iter().copied().filter(|window| window.end() <= fault + slack).collect();
    let baseline = match steady(&before, criteria) {
        Ok(baseline) => baseline,
        Err(reason) => return inconclusive(reason),
    };
    let well = |window: &Window| is_well(window, &baseline, criteria);
    let during: Vec<Window> = windows.iter().copied().filter(|window| window.end() > fault + slack).collect();
    let after: Vec<Window> = during.iter().copied().filter(|window| window.start >= removed - slack).collect();
    if after.len() < criteria.consecutive {
        return inconclusive(format!(
            "{} windows after the removal, {} are needed to call it well",
            after.len(),
            criteria.consecutive
        ));
    }
    let detect = during.iter().find(|window| !well(window)).map(|window| (window.start - fault).max(0.0));
    let row = after.windows(criteria.consecutive.max(1)).find(|row| row.iter().all(well));
    let well_at = row.map(|row| row[0].start);
    let until = well_at.unwrap_or(f64::INFINITY);
    let hit = || during.iter().filter(|window| window.start < until);
    Recovery::Seen(Seen {
        detect,
        recover: well_at.map(|start| (start - removed).max(0.0)),
        worst_p95: during.iter().filter_map(|window| window.p95).fold(0.0, f64::max),
        worst_rate: during.iter().map(Window::rate).fold(f64::INFINITY, f64::min),
        failed: during.iter().map(|window| window.failed).sum(),
        lost: hit().map(|window| (baseline.rate - window.rate()) * window.length).sum::<f64>().max(0.0),
        baseline,
    })
}

/// The baseline, when the steady-state hypothesis holds.
fn steady(before: &[Window], criteria: &Criteria) -> Result<Baseline, String> {
    if before.len() < criteria.least {
        return Err(format!("{} windows before the fault, at least {} are needed", before.len(), criteria.least));
    }
    let requests: u64 = before.iter().map(|window| window.succeeded + window.failed).sum();
    if requests < criteria.requests {
        return Err(format!("{requests} requests before the fault, at least {} are needed", criteria.requests));
    }
    let percentiles: Vec<f64> = before.iter().filter_map(|window| window.p95).collect();
    let (Some(p95), Some(rate)) = (median(&percentiles), median(&before.iter().map(Window::rate).collect::<Vec<_>>()))
    else {
        return Err("no request was answered before the fault".to_owned());
    };
    let failed: u64 = before.iter().map(|window| window.failed).sum();
    let baseline = Baseline { p95, errors: ratio(failed, requests), rate, windows: before.len() };
    let deviations: Vec<f64> = percentiles.iter().map(|value| (value - p95).abs()).collect();
    let spread = median(&deviations).unwrap_or(0.0) / p95;
    if spread.is_nan() || spread > criteria.spread {
        return Err(format!(
            "response times before the fault spread by {:.0} %, at most {:.0} % are steady",
            spread * 100.0,
            criteria.spread * 100.0
        ));
    }
    // Wider than what counts as well later: a healthy service may have a slow second, and is not unsteady for that.
    let lenient = Criteria { latency: criteria.latency.max(2.0 * criteria.spread), ..*criteria };
    let unwell = before.iter().filter(|window| !is_well(window, &baseline, &lenient)).count();
    if ratio(unwell as u64, before.len() as u64) > criteria.unwell {
        return Err(format!("{unwell} of {} windows before the fault were not well", before.len()));
    }
    Ok(baseline)
}

fn is_well(window: &Window, baseline: &Baseline, criteria: &Criteria) -> bool {
    window.succeeded > 0
        && window.p95.is_some_and(|p95| p95 <= baseline.p95 * (1.0 + criteria.latency))
        && window.errors() <= baseline.errors + criteria.errors
        && window.rate() >= baseline.rate * (1.0 - criteria.rate)
}

fn median(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    match sorted.len() {
        0 => None,
        count if count % 2 == 1 => Some(sorted[middle]),
        _ => Some(f64::midpoint(sorted[middle - 1], sorted[middle])),
    }
}

#[expect(clippy::cast_precision_loss, reason = "numbers of requests are far below 2^53")]
fn ratio(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

#[cfg(test)]
mod tests;
