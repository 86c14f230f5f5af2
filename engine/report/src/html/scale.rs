//! From numbers to places on a drawing, and the ticks between.

/// Maps a range of numbers to a range of places.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scale {
    low: f64,
    high: f64,
    log: bool,
    from: f64,
    to: f64,
}

impl Scale {
    /// A scale over the finite values, with a little room; on a logarithmic one only positive values count.
    pub(super) fn over(values: impl Iterator<Item = f64>, log: bool, zero: bool, places: (f64, f64)) -> Self {
        let usable = values.filter(|value| value.is_finite() && (!log || *value > 0.0));
        let (mut low, mut high) = usable.fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), v| (l.min(v), h.max(v)));
        if low > high {
            (low, high) = if log { (1.0, 10.0) } else { (0.0, 1.0) };
        }
        if zero && !log {
            low = low.min(0.0);
        }
        if low.total_cmp(&high).is_eq() {
            (low, high) = match (log, low) {
                (true, at) => (at / 2.0, at * 2.0),
                (false, 0.0) => (0.0, 1.0),
                (false, at) => (at - at.abs() / 2.0, at + at.abs() / 2.0),
            };
        }
        Self { low, high, log, from: places.0, to: places.1 }
    }

    /// The same with room above, so that no line touches the edge.
    pub(super) fn roomy(mut self, zero: bool) -> Self {
        if self.log {
            let room = (self.high / self.low).powf(0.05);
            (self.low, self.high) = (self.low / room, self.high * room);
        } else {
            let room = (self.high - self.low) * 0.06;
            self.high += room;
            if !(zero && self.low >= 0.0) {
                self.low -= room;
            }
        }
        self
    }

    /// Where a number lies; none where it cannot be drawn.
    pub(super) fn place(&self, value: f64) -> Option<f64> {
        if !value.is_finite() || (self.log && value <= 0.0) {
            return None;
        }
        let on = |value: f64| if self.log { value.ln() } else { value };
        let share = (on(value) - on(self.low)) / (on(self.high) - on(self.low));
        let share = share.clamp(-0.01, 1.01);
        share.is_finite().then_some(self.from + share * (self.to - self.from))
    }

    /// About `wanted` round numbers, multiples of a round step of `factor`, within the range.
    pub(super) fn ticks(&self, factor: f64, wanted: usize) -> Vec<f64> {
        let (low, high) = (self.low / factor, self.high / factor);
        let ticks: Vec<f64> = if self.log { powers(low, high, wanted) } else { steps(low, high, wanted) };
        ticks.into_iter().map(|tick| tick * factor).collect()
    }
}

fn steps(low: f64, high: f64, wanted: usize) -> Vec<f64> {
    #[expect(clippy::cast_precision_loss, reason = "a handful")]
    let raw = (high - low) / wanted.max(1) as f64;
    if !(raw.is_finite() && raw > 0.0) {
        return Vec::new();
    }
    let power = 10_f64.powf(raw.log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0].into_iter().map(|m| m * power).find(|step| *step >= raw).unwrap_or(raw);
    let first = (low / step).ceil();
    let count = ((high / step).floor() - first).clamp(-1.0, 50.0);
    (0..50_i32).map(f64::from).take_while(|k| *k <= count).map(|k| (first + k) * step).collect()
}

fn powers(low: f64, high: f64, wanted: usize) -> Vec<f64> {
    let (first, last) = (low.log10().floor(), high.log10().ceil());
    #[expect(clippy::cast_precision_loss, reason = "a handful")]
    let every = ((last - first) / wanted.max(1) as f64).ceil().max(1.0);
    let parts: &[f64] = if last - first <= 2.0 { &[1.0, 2.0, 5.0] } else { &[1.0] };
    let decades = (0..60_i32).map(|k| first + f64::from(k) * every).take_while(|power| *power <= last);
    let all = decades.flat_map(|power| parts.iter().map(move |part| part * 10_f64.powf(power)));
    all.filter(|tick| (low..=high).contains(tick)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_and_inside() {
        let scale = Scale::over([0.0, 97.0].into_iter(), false, true, (0.0, 100.0));
        assert_eq!(scale.ticks(1.0, 5), [0.0, 20.0, 40.0, 60.0, 80.0]);
        let scale = Scale::over([0.001, 0.9].into_iter(), true, false, (100.0, 0.0));
        let ticks = scale.ticks(1e-3, 4);
        assert_eq!(ticks.len(), 3, "{ticks:?}");
        assert!((ticks[2] - 0.1).abs() < 1e-12);
        assert_eq!(scale.place(0.0), None);
        assert_eq!(scale.place(0.001), Some(100.0));
    }

    #[test]
    fn odd_values_still_have_a_scale() {
        for values in [vec![], vec![f64::NAN], vec![5.0], vec![0.0], vec![1e300, -1e300], vec![f64::INFINITY]] {
            for log in [true, false] {
                let scale = Scale::over(values.iter().copied(), log, false, (0.0, 1.0)).roomy(false);
                assert!(scale.ticks(1.0, 5).len() < 60, "{values:?}");
                for value in &values {
                    assert!(scale.place(*value).is_none_or(f64::is_finite));
                }
            }
        }
    }
}
