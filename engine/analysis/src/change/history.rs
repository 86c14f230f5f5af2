//! A history that grows: what it shows is a function of its points alone, however they came.
//!
//! The last points are looked at as a whole, again with each that is added; when there are [`WINDOW`] of them, what is
//! settled is put down for good and the window moves on. So a new point costs the same however long the history is, and
//! analysing all at once is nothing but adding them one by one.

use rayon::prelude::*;

use super::window::analyse;
use super::{ChangePoint, Kind, Tier};

/// Points that are looked at together.
pub(super) const WINDOW: usize = 640;

/// A change that has lasted so long is settled.
const SETTLED: usize = 120;

/// A history of one metric.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct History {
    settled: Vec<ChangePoint>,
    values: Vec<f64>,
    /// Where each value of the window stands in the history.
    places: Vec<usize>,
    points: usize,
    missing: usize,
}

impl History {
    /// A history without points.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a point. One that is not a finite number keeps its place and is not looked at.
    pub fn push(&mut self, value: f64) {
        let place = self.points;
        self.points += 1;
        if !value.is_finite() {
            self.missing += 1;
            return;
        }
        self.values.push(value);
        self.places.push(place);
        if self.values.len() >= WINDOW {
            self.settle();
        }
    }

    /// Accepts the level from `index` on as the new normal: nothing before it is held against what follows.
    pub fn accept(&mut self, index: usize) {
        let cut = self.places.partition_point(|place| *place < index);
        let before: Vec<ChangePoint> = self.within().into_iter().filter(|point| point.index < cut).collect();
        self.put_down(&before, cut);
    }

    /// All change points, in rising order of place.
    #[must_use]
    pub fn changes(&self) -> Vec<ChangePoint> {
        let mut all = self.settled.clone();
        all.extend(self.within().iter().map(|point| self.placed(point)));
        all
    }

    /// Points so far, missing ones included.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.points
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.points == 0
    }

    /// Points that were not finite numbers.
    #[must_use]
    pub const fn missing(&self) -> usize {
        self.missing
    }

    /// What the window shows, by places in the window.
    fn within(&self) -> Vec<ChangePoint> {
        let mut points = analyse(&self.values, self.points);
        // A trend that goes on is the one that was put down.
        let before = self.settled.iter().rev().find(|point| point.kind != Kind::Spike && point.kind != Kind::Variance);
        if let Some(before) = before.filter(|point| point.kind == Kind::Trend) {
            let goes_on = |point: &ChangePoint| {
                point.kind == Kind::Trend && point.index < WINDOW / 10 && (point.size > 0.0) == (before.size > 0.0)
            };
            points.retain(|point| !goes_on(point));
        }
        points
    }

    fn placed(&self, point: &ChangePoint) -> ChangePoint {
        let place = |at: usize| self.places.get(at).copied().unwrap_or(self.points);
        ChangePoint { index: place(point.index), low: place(point.low), high: place(point.high), ..*point }
    }

    fn settle(&mut self) {
        let points = self.within();
        let lasts = |point: &&ChangePoint| {
            point.tier == Tier::Confirmed
                && matches!(point.kind, Kind::Step | Kind::Return | Kind::Trend)
                && point.index > 0
                && point.index + SETTLED <= self.values.len()
        };
        let cut = points.iter().rev().find(lasts).map_or(WINDOW / 2, |point| point.index);
        let done: Vec<ChangePoint> = points.into_iter().filter(|point| point.index <= cut).collect();
        self.put_down(&done, cut);
    }

    fn put_down(&mut self, points: &[ChangePoint], cut: usize) {
        let done: Vec<ChangePoint> = points.iter().map(|point| self.placed(point)).collect();
        self.settled.extend(done);
        self.values.drain(..cut);
        self.places.drain(..cut);
    }
}

/// The change points of a whole series, in rising order of place. Values that are not finite numbers keep their places
/// and are not looked at.
#[must_use]
pub fn detect(values: &[f64]) -> Vec<ChangePoint> {
    let mut history = History::new();
    for value in values {
        history.push(*value);
    }
    history.changes()
}

/// The change points of each of many series, on as many threads as there are processors, in the order of the series.
#[must_use]
pub fn detect_all(series: &[Vec<f64>]) -> Vec<Vec<ChangePoint>> {
    series.par_iter().map(|values| detect(values)).collect()
}
