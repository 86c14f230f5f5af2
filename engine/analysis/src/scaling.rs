//! What a sweep over users or rates says: the fitted law, knee and peak, and whether Little's law holds.
//!
//! The law is of concurrency. In a sweep over users that is the level; in one over rates it is the mean number inside, as
//! measured, and levels with less than one inside say nothing. The knee is looked for along what was swept.

use engine_core::load::{Fitted, Scaling, Varied, trial_record};
use engine_core::series::Labels;
use engine_core::unit::Unit;

use crate::knee::knee;
use crate::little;
use crate::usl::{self, Estimated, Fit};

/// Deviation from Little's law from where on something is wrong.
const TOLERANCE: f64 = 0.05;

/// Fits the law, with what it says in words; see the module.
#[must_use]
pub fn scaling(measured: &Scaling) -> Fitted {
    let mut fitted = Fitted::default();
    let swept = measured.of.name();
    let along: Vec<(f64, f64)> =
        measured.levels.iter().flat_map(|level| level.rates.iter().map(|rate| (level.level, *rate))).collect();
    if !measured.unsteady.is_empty() {
        let levels: Vec<String> = measured.unsteady.iter().map(|level| measured.of.label(*level)).collect();
        fitted.notes.push(format!("not fitted, as never steady: {swept} {}", levels.join(", ")));
    }
    match knee(&along) {
        Some(knee) => {
            put(&mut fitted, "knee", knee.at);
            put(&mut fitted, "knee_rate", knee.throughput);
            fitted.notes.push(format!(
                "the knee is at {swept} {} with {}: beyond, more brings less than half of what the first ones brought",
                measured.of.label(round(knee.at)),
                Unit::PerSecond.format(knee.throughput)
            ));
        }
        None => fitted.notes.push(format!("no knee within the {swept} that were measured")),
    }
    match fit_of(measured) {
        Ok(fit) => {
            coefficients(&mut fitted, &fit);
            fitted.notes.push(fit.in_words("users", Unit::PerSecond));
        }
        Err(reason) => fitted.notes.push(format!("no law is fitted: {reason}")),
    }
    littles(measured, &mut fitted);
    fitted
}

/// The law of a sweep.
fn fit_of(measured: &Scaling) -> Result<Fit, String> {
    let points: Vec<(f64, f64)> = measured
        .levels
        .iter()
        .map(|level| (if measured.of == Varied::Users { level.level } else { level.inside }, &level.rates))
        .filter(|(at, _)| *at >= 1.0)
        .flat_map(|(at, rates)| rates.iter().map(move |rate| (at, *rate)))
        .filter(|(_, rate)| *rate > 0.0)
        .collect();
    usl::fit(&points).map_err(|error| error.to_string())
}

fn put(fitted: &mut Fitted, id: &str, value: f64) {
    fitted.records.extend(trial_record(id, Labels::new(), value));
}

fn coefficients(fitted: &mut Fitted, fit: &Fit) {
    let mut estimate = |id: &str, found: &Estimated| {
        put(fitted, id, found.value);
        put(fitted, &format!("{id}_low"), found.interval.low);
        put(fitted, &format!("{id}_high"), found.interval.high);
    };
    estimate("alpha", &fit.alpha);
    estimate("beta", &fit.beta);
    estimate("gamma", &fit.gamma);
    // Where beta may be zero there may be no peak at all.
    if let Some(peak) = fit.peak.filter(|_| fit.beta.interval.low > 0.0) {
        estimate("peak", &peak.throughput);
        put(fitted, "peak_at", peak.at.value);
    }
}

/// A level as people name it.
fn round(level: f64) -> f64 {
    (level * 10.0).round() / 10.0
}

/// Little's law at each level, the worst in words.
fn littles(measured: &Scaling, fitted: &mut Fitted) {
    let checks = measured.levels.iter().filter_map(|level| {
        let steady = little::Steady { users: level.inside, rate: level.iterations, response: level.stay, think: 0.0 };
        little::check(&steady, TOLERANCE).map(|check| (level, check))
    });
    let worst = checks.max_by(|a, b| a.1.ratio.ln().abs().total_cmp(&b.1.ratio.ln().abs()));
    let Some((level, check)) = worst else { return };
    put(fitted, "little", check.ratio);
    let (name, at) = (measured.of.name(), measured.of.label(level.level));
    let all = if check.agrees { "at every level, the worst being" } else { "at" };
    fitted.notes.push(format!("{} ({all} {name} {at})", check.in_words(level.inside)));
}

#[cfg(test)]
mod tests {
    use super::*;
    use engine_core::load::ScalingLevel;

    /// Levels that follow a law exactly, with some noise that is known.
    fn levels(of: Varied, law: impl Fn(f64) -> f64, at: &[f64]) -> Scaling {
        let level = |n: &f64| {
            let rate = law(*n);
            let rates = [-0.002, 0.001, 0.0, 0.002, -0.001].iter().map(|noise| rate * (1.0 + noise)).collect();
            let level = if of == Varied::Users { *n } else { rate };
            ScalingLevel { level, rates, inside: *n, iterations: rate, stay: n / rate }
        };
        Scaling { of, levels: at.iter().map(level).collect(), unsteady: vec![] }
    }

    fn value(fitted: &Fitted, id: &str) -> Option<f64> {
        fitted.records.iter().find(|record| record.metric.id == id).map(|record| record.values[0])
    }

    #[test]
    fn the_coefficients_of_a_known_law_come_back() {
        let law = |n: f64| 100.0 * n / (1.0 + 0.05 * (n - 1.0) + 0.001 * n * (n - 1.0));
        for of in [Varied::Users, Varied::Rate] {
            let fitted = scaling(&levels(of, law, &[1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 48.0]));
            let near = |id: &str, want: f64, by: f64| {
                let found = value(&fitted, id).unwrap_or(f64::NAN);
                assert!((found / want - 1.0).abs() < by, "{id} is {found}, wanted {want}");
                let (low, high) = (value(&fitted, &format!("{id}_low")), value(&fitted, &format!("{id}_high")));
                if let (Some(low), Some(high)) = (low, high) {
                    assert!(low <= want && want <= high, "{id}: {low}..{high}");
                }
            };
            near("alpha", 0.05, 0.05);
            near("beta", 0.001, 0.05);
            near("gamma", 100.0, 0.01);
            near("peak_at", (0.95_f64 / 0.001).sqrt(), 0.03);
            near("little", 1.0, 1e-9);
            assert!(fitted.notes.iter().any(|note| note.contains("coherency limits")), "{:?}", fitted.notes);
            assert!(fitted.notes.iter().any(|note| note.starts_with("Little's law holds")), "{:?}", fitted.notes);
        }
        // One that grows with its users has neither peak nor knee.
        let line = scaling(&levels(Varied::Users, |n| 100.0 * n, &[1.0, 2.0, 4.0, 8.0, 16.0]));
        assert_eq!((value(&line, "peak"), value(&line, "knee")), (None, None));
    }

    #[test]
    fn too_little_is_said_to_be_too_little() {
        let few = scaling(&levels(Varied::Users, |n| 100.0 * n, &[1.0, 2.0]));
        assert!(value(&few, "alpha").is_none());
        assert!(few.notes.iter().any(|note| note.starts_with("no law is fitted: 2 levels")), "{:?}", few.notes);
    }

    #[test]
    fn what_was_not_counted_breaks_littles_law() {
        let mut lost = levels(Varied::Users, |n| 100.0 * n, &[1.0, 2.0, 4.0, 8.0]);
        lost.levels[2].stay *= 0.5;
        let fitted = scaling(&lost);
        assert!((value(&fitted, "little").unwrap() - 2.0).abs() < 1e-9);
        assert!(fitted.notes.iter().any(|note| note.starts_with("Little's law fails")), "{:?}", fitted.notes);
    }
}
