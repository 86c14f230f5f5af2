//! Curves: one metric over one label, such as latency over size. They are shown as a line, not as a hundred rows.

use engine_core::measurement::Measurement;
use engine_core::quantity::Quantity;
use engine_core::series::Labels;
use engine_core::unit::Unit;

use crate::view::{Figures, figures};

/// A metric over one label.
#[derive(Debug)]
pub(crate) struct Curve<'a> {
    /// Name of the metric.
    pub(crate) metric: &'a str,
    /// Unit of all points.
    pub(crate) unit: Unit,
    /// The label along which it runs.
    pub(crate) axis: &'a str,
    /// Labels that all its points share.
    pub(crate) fixed: Labels,
    /// Its points in order: by value where the label holds quantities, else as recorded.
    pub(crate) points: Vec<Point<'a>>,
}

/// One point of a curve.
#[derive(Debug)]
pub(crate) struct Point<'a> {
    /// Value of the label.
    pub(crate) at: &'a str,
    /// What was found there.
    pub(crate) figures: Figures,
}

/// The curves among these measurements, in order of first record. Of several labels, the one with most values is the
/// axis, and each combination of the others makes a curve of its own. Labels among `marks`, which all measurements of
/// the step carry, are not looked at.
pub(crate) fn of<'a>(measurements: &'a [Measurement], marks: &Labels) -> Vec<Curve<'a>> {
    let mut curves: Vec<Curve<'_>> = Vec::new();
    for measurement in measurements {
        let Some(axis) = axis(measurement, measurements, marks) else { continue };
        let (Some(at), Some(figures)) = (measurement.labels.get(axis), figures(measurement)) else { continue };
        let mut fixed = measurement.labels.clone();
        fixed.0.retain(|name, _| name != axis && marks.get(name).is_none());
        let metric = measurement.metric.id.as_str();
        let point = Point { at, figures };
        match curves.iter_mut().find(|c| c.metric == metric && c.axis == axis && c.fixed == fixed) {
            Some(curve) => curve.points.push(point),
            None => {
                curves.push(Curve { metric, unit: measurement.metric.unit, axis, fixed, points: vec![point] });
            }
        }
    }
    for curve in &mut curves {
        curve.sort();
    }
    curves
}

/// Fewer points than this are read as easily in their rows.
const FEWEST: usize = 4;

/// The curve through one measurement at each value of an axis; none where the values are no quantities or too few, or
/// the measurements are of several metrics.
pub(crate) fn along<'a>(axis: &'a str, points: impl Iterator<Item = (&'a str, &'a Measurement)>) -> Option<Curve<'a>> {
    let points: Vec<(&str, &Measurement)> = points.collect();
    let metric = &points.first()?.1.metric;
    if points.len() < FEWEST || !points.iter().all(|(at, of)| quantity(at).is_some() && of.metric == *metric) {
        return None;
    }
    let points = points.iter().filter_map(|(at, of)| Some(Point { at, figures: figures(of)? })).collect();
    let mut curve = Curve { metric: &metric.id, unit: metric.unit, axis, fixed: Labels::new(), points };
    curve.sort();
    Some(curve)
}

fn axis<'a>(measurement: &'a Measurement, all: &[Measurement], marks: &Labels) -> Option<&'a str> {
    let values = |name: &str| {
        let same = all.iter().filter(|other| other.metric.id == measurement.metric.id);
        let mut values: Vec<&str> = same.filter_map(|other| other.labels.get(name)).collect();
        values.sort_unstable();
        values.dedup();
        values.len()
    };
    // The first of equals, so that the choice does not depend on how `max_by_key` breaks ties.
    let own = measurement.labels.0.keys().filter(|name| marks.get(name).is_none());
    own.rev().max_by_key(|name| values(name)).map(String::as_str)
}

fn quantity(text: &str) -> Option<f64> {
    text.parse::<Quantity>().ok().map(|quantity| quantity.value)
}

impl Curve<'_> {
    /// Orders the points by value where the axis holds quantities.
    fn sort(&mut self) {
        if self.points.iter().all(|point| quantity(point.at).is_some()) {
            let key = |point: &Point<'_>| quantity(point.at).unwrap_or(f64::INFINITY);
            self.points.sort_by(|a, b| key(a).total_cmp(&key(b)));
        }
    }

    /// Smallest and largest value.
    pub(crate) fn range(&self) -> (f64, f64) {
        let values = || self.points.iter().map(|point| point.figures.estimate.value);
        (values().fold(f64::INFINITY, f64::min), values().fold(f64::NEG_INFINITY, f64::max))
    }

    /// Whether the values span so much that only a logarithmic scale shows their shape.
    pub(crate) fn is_logarithmic(&self) -> bool {
        let (low, high) = self.range();
        low > 0.0 && high / low > 20.0
    }

    /// The height of each point, 0..1, on the curve's own scale.
    pub(crate) fn heights(&self) -> Vec<f64> {
        let (low, high) = self.range();
        let log = self.is_logarithmic();
        let on_scale = |value: f64| if log { value.ln() } else { value };
        let span = on_scale(high) - on_scale(low);
        self.points
            .iter()
            .map(|point| {
                let height = (on_scale(point.figures.estimate.value) - on_scale(low)) / span;
                if height.is_finite() { height.clamp(0.0, 1.0) } else { 0.0 }
            })
            .collect()
    }

    /// Every point that is worth a mention when there is room for `most`: both ends, and those between at equal steps.
    pub(crate) fn chosen(&self, most: usize) -> Vec<&Point<'_>> {
        let last = self.points.len().saturating_sub(1);
        if last < most.max(2) {
            return self.points.iter().collect();
        }
        let gaps = most.max(2) - 1;
        (0..=gaps).filter_map(|i| self.points.get(i * last / gaps)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use engine_core::measurement::Round;
    use engine_core::metric::MetricDef;

    fn at(labels: &[(&str, &str)], value: f64) -> Measurement {
        let round = Round {
            number: 0,
            attempt: 0,
            at: 0.0,
            seconds: 1.0,
            taints: vec![],
            superseded: false,
            values: vec![value],
            histogram: None,
        };
        Measurement {
            metric: MetricDef::floor("latency", Unit::Seconds, "").metric(),
            labels: labels.iter().copied().collect(),
            rounds: vec![round],
        }
    }

    #[test]
    fn the_label_with_most_values_is_the_axis_and_the_others_part_curves() {
        let mut all = Vec::new();
        for size in ["1 MiB", "4 KiB", "64 KiB"] {
            for pages in ["huge", "small"] {
                all.push(at(&[("pages", pages), ("size", size)], 1e-9));
            }
        }
        let curves = of(&all, &Labels::new());
        let shape: Vec<_> = curves.iter().map(|c| (c.axis, c.fixed.to_string(), c.points.len())).collect();
        assert_eq!(shape, [("size", "{pages=huge}".to_owned(), 3), ("size", "{pages=small}".to_owned(), 3)]);
        assert_eq!(curves[0].points.iter().map(|p| p.at).collect::<Vec<_>>(), ["4 KiB", "64 KiB", "1 MiB"]);
    }

    #[test]
    fn a_mark_is_no_axis_and_parts_no_curves() {
        let all: Vec<Measurement> =
            ["4 KiB", "1 MiB"].iter().map(|size| at(&[("engine", "pread"), ("size", size)], 1.0)).collect();
        let marks = Labels::new().with("engine", "pread");
        let curves = of(&all, &marks);
        assert_eq!((curves.len(), curves[0].axis, curves[0].fixed.is_empty()), (1, "size", true));
        assert!(of(&[at(&[("engine", "pread")], 1.0)], &marks).is_empty(), "that is one number");
    }

    #[test]
    fn a_sweep_along_quantities_is_a_curve() {
        let depths = ["128", "1", "32", "8"].map(|depth| (depth, at(&[], depth.parse().unwrap())));
        let curve = along("depth", depths.iter().map(|(depth, of)| (*depth, of))).unwrap();
        assert_eq!(curve.points.iter().map(|point| point.at).collect::<Vec<_>>(), ["1", "8", "32", "128"]);
        assert!(along("depth", depths[..3].iter().map(|(depth, of)| (*depth, of))).is_none(), "too few");
        let names = ["a", "b", "c", "d"].map(|name| (name, at(&[], 1.0)));
        assert!(along("name", names.iter().map(|(name, of)| (*name, of))).is_none(), "no quantities");
    }

    #[test]
    fn names_stay_in_their_order_and_both_ends_are_always_chosen() {
        let all: Vec<Measurement> =
            ["z", "b", "y", "a", "x", "c"].iter().map(|name| at(&[("at", name)], 1.0)).collect();
        let curves = of(&all, &Labels::new());
        let chosen: Vec<_> = curves[0].chosen(3).iter().map(|point| point.at).collect();
        assert_eq!(chosen, ["z", "y", "c"]);
        assert_eq!(curves[0].heights(), [0.0; 6], "a flat line has no height");
    }
}
