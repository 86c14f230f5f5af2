//! The learned detector: a Hierarchical Temporal Memory that predicts the next value, with the anomaly likelihood on top
//! (`engine-htm`). It finds what breaks a pattern, also where each single value is usual, and needs some hundred points to learn.

use engine_htm::detect::{Detector, DetectorParams};

use super::{Anomalies, Reading};

/// From this score on a point is the first of something unusual. Chosen for few false alarms: on eight series of the Numenta
/// anomaly benchmark it finds two thirds of the labelled windows, and half as many places beside them.
const FLAG: f64 = 0.9;

/// See the module.
#[derive(Debug, Clone)]
pub struct Learned {
    detector: Detector,
    /// Whether times are seconds since 1970, so that the time of day and the weekend are known to the memory.
    dated: bool,
}

impl Learned {
    /// A detector that only learns from the first points: 15 % of those that are `expected`, and at most 750, as in the
    /// Numenta anomaly benchmark; 750 where nobody knows. With `dated`, times are seconds since 1970.
    #[must_use]
    pub fn new(expected: Option<usize>, dated: bool) -> Self {
        let probation = expected.map_or(750, |points| (points * 15 / 100).min(750));
        let detector = Detector::new(DetectorParams { probation, ..DetectorParams::default() });
        Self { detector, dated }
    }
}

impl Anomalies for Learned {
    fn update(&mut self, time: f64, value: f64) -> Reading {
        let time = self.dated.then_some(time as i64);
        // Its parameters are possible for every range of values; a value that it refuses is no anomaly.
        let score = self.detector.update(time, value).unwrap_or(0.0);
        Reading { score, flag: score >= FLAG }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_broken_pattern_of_usual_values_scores_highest_and_a_value_out_of_range_is_flagged() {
        let mut detector = Learned::new(Some(4000), false);
        let mut readings = Vec::new();
        for at in 0..4000_u32 {
            // A triangle of 40 points; from 3,600 to 3,640 it stands still at a value that it often has.
            let phase = at % 40;
            let usual = f64::from(phase.min(40 - phase));
            let value = match at {
                3600..3640 => 10.0,
                3900 => 200.0,
                _ => usual,
            };
            readings.push(detector.update(f64::from(at), value));
        }
        let highest = |range: std::ops::Range<usize>| readings[range].iter().map(|r| r.score).fold(0.0, f64::max);
        assert!(highest(3600..3660) > 2.0 * highest(1000..3600), "{} {}", highest(3600..3660), highest(1000..3600));
        let flagged: Vec<usize> = (0..4000).filter(|at| readings[*at].flag).collect();
        assert_eq!(flagged, [3900]);
    }

    #[test]
    fn a_missing_value_is_not_unusual() {
        let mut detector = Learned::new(None, false);
        assert_eq!(detector.update(0.0, f64::NAN), Reading::USUAL);
    }
}
