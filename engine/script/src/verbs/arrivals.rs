//! Who arrives when: `constant poisson ramp steps sine bursts replay`, as values that `load` takes.

use std::rc::Rc;

use engine_core::arrivals::{Arrivals, Phase, Spacing};
use engine_core::quantity::Quantity;
use engine_core::unit::Dimension;
use engine_load::model::{self, ArrivalPlan, ArrivalPlanError, Think};
use rhai::{Array, Dynamic, Engine, Map, Position};

use crate::fault::{Fault, Raised};
use crate::journey::{Data, Pause};
use crate::quantity;
use crate::verb_options::{shown, time};

/// Fastest arrivals that make sense: ten million a second.
const FASTEST: f64 = 1e7;

/// How the rate goes over time.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Shape {
    Constant(f64),
    Ramp(f64, f64),
    /// Rate and seconds of each.
    Steps(Vec<(f64, f64)>),
    Sine {
        mean: f64,
        amplitude: f64,
        period: f64,
    },
    /// Rate and seconds of both halves.
    Bursts((f64, f64), (f64, f64)),
    /// Seconds since the start.
    Replay(Rc<Vec<f64>>),
}

/// A model of arrivals.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Coming {
    pub(crate) shape: Shape,
    pub(crate) spacing: Spacing,
}

fn wrong(message: String) -> Box<rhai::EvalAltResult> {
    Fault::invalid("wrong-call", message).boxed(Position::NONE)
}

/// Arrivals per second.
pub(crate) fn rate(value: &Dynamic) -> Result<f64, String> {
    let wanted = || format!("must be a rate such as `\"200/s\"`, got {}", shown(value));
    match quantity::read(value) {
        Some(Ok(Quantity { value: rate, dimension: Dimension::PER_TIME })) => {
            if (0.0..=FASTEST).contains(&rate) {
                Ok(rate)
            } else {
                Err(format!("must be from 0 to {FASTEST:.0} a second, got {}", shown(value)))
            }
        }
        Some(Err(error)) => Err(format!("must be a rate such as `\"200/s\"`: {error}")),
        _ => Err(wanted()),
    }
}

/// `"200/s"` or `"0/s -> 200/s"`.
pub(crate) fn rates(value: &Dynamic) -> Result<(f64, f64), String> {
    let text = value.clone().into_immutable_string().unwrap_or_default();
    match text.split_once("->") {
        Some((from, to)) => Ok((rate(&from.trim().into())?, rate(&to.trim().into())?)),
        None => rate(value).map(|rate| (rate, rate)),
    }
}

impl Coming {
    const fn even(shape: Shape) -> Self {
        Self { shape, spacing: Spacing::Even }
    }

    /// How long it goes on by itself, in seconds.
    pub(crate) fn own_duration(&self) -> Option<f64> {
        match &self.shape {
            Shape::Steps(steps) => Some(steps.iter().map(|(_, seconds)| seconds).sum()),
            Shape::Replay(times) => Some(times.last().map_or(0.0, |last| last + 1e-6)),
            _ => None,
        }
    }

    /// The highest rate.
    pub(crate) fn peak(&self) -> f64 {
        match &self.shape {
            Shape::Constant(rate) => *rate,
            Shape::Ramp(from, to) => from.max(*to),
            Shape::Steps(steps) => steps.iter().map(|(rate, _)| *rate).fold(0.0, f64::max),
            Shape::Sine { mean, amplitude, .. } => mean + amplitude,
            Shape::Bursts((on, _), (off, _)) => on.max(*off),
            #[expect(clippy::cast_precision_loss, reason = "far fewer arrivals than 2^53")]
            Shape::Replay(times) => {
                // Arrivals within any second.
                let within = |at: usize| times[at..].partition_point(|time| *time < times[at] + 1.0);
                (0..times.len()).map(within).max().unwrap_or(0) as f64
            }
        }
    }

    /// The same course in another time: the rates stay.
    pub(crate) fn squeezed(&self, factor: f64, most: f64) -> Self {
        let shape = match &self.shape {
            Shape::Steps(steps) => {
                Shape::Steps(steps.iter().map(|(rate, seconds)| (*rate, seconds * factor)).collect())
            }
            Shape::Sine { mean, amplitude, period } => {
                Shape::Sine { mean: *mean, amplitude: *amplitude, period: period * factor }
            }
            Shape::Bursts(on, off) => Shape::Bursts((on.0, on.1 * factor), (off.0, off.1 * factor)),
            // Recorded times would come closer together, so they are cut short instead.
            Shape::Replay(times) => Shape::Replay(Rc::new(times.iter().copied().filter(|time| *time < most).collect())),
            same => same.clone(),
        };
        Self { shape, spacing: self.spacing }
    }

    /// When arrivals are due, as the one phase `name`.
    pub(crate) fn plan(&self, name: &str, duration: f64, seed: u64) -> Result<ArrivalPlan, ArrivalPlanError> {
        let spacing = self.spacing;
        let phases = |phases: Vec<Phase>| ArrivalPlan::new(name, &Arrivals::Phases(phases), duration, seed);
        match &self.shape {
            Shape::Constant(rate) => {
                let (rate, one) = (*rate, spacing == Spacing::Even);
                let model = if one { Arrivals::Constant { rate } } else { Arrivals::Poisson { rate } };
                ArrivalPlan::new(name, &model, duration, seed)
            }
            Shape::Ramp(from, to) => phases(vec![Phase { from: *from, to: *to, duration, spacing }]),
            Shape::Steps(steps) => phases(model::steps(steps, spacing)),
            Shape::Sine { mean, amplitude, period } => {
                phases(model::sine(*mean, *amplitude, *period, duration, spacing))
            }
            Shape::Bursts(on, off) => phases(model::bursts(*on, *off, duration, spacing)),
            Shape::Replay(times) => {
                ArrivalPlan::replay(name, times.iter().copied().filter(|time| *time < duration).collect())
            }
        }
    }
}

impl std::fmt::Display for Coming {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.shape {
            Shape::Constant(rate) => write!(f, "arrivals {rate}/s")?,
            Shape::Ramp(from, to) => write!(f, "arrivals from {from}/s to {to}/s")?,
            Shape::Steps(steps) => write!(f, "arrivals in {} steps", steps.len())?,
            Shape::Sine { mean, amplitude, period } => {
                write!(f, "arrivals {mean}/s swinging by {amplitude}/s in {period} s")?;
            }
            Shape::Bursts((on, time), (off, pause)) => {
                write!(f, "arrivals in bursts of {on}/s for {time} s, {off}/s for {pause} s between")?;
            }
            Shape::Replay(times) => return write!(f, "{} recorded arrivals", times.len()),
        }
        f.write_str(if self.spacing == Spacing::Poisson { ", Poisson" } else { "" })
    }
}

fn a_rate(verb: &str, value: &Dynamic) -> Raised<f64> {
    rate(value).map_err(|message| wrong(format!("`{verb}` {message}")))
}

fn a_time(verb: &str, value: &Dynamic) -> Raised<f64> {
    time(value).map_err(|message| wrong(format!("`{verb}` {message}")))
}

/// Recorded times: numbers are seconds, others have their unit.
fn recorded(values: &[Dynamic]) -> Raised<Coming> {
    let seconds = |value: &Dynamic| match quantity::read(value) {
        Some(Ok(Quantity { value, dimension: Dimension::TIME | Dimension::NONE }))
            if value.is_finite() && value >= 0.0 =>
        {
            Ok(value)
        }
        _ => Err(wrong(format!("`replay` takes times from 0 on, rising, in seconds; got {}", shown(value)))),
    };
    let times: Vec<f64> = values.iter().map(seconds).collect::<Raised<_>>()?;
    if let Some(at) = times.windows(2).position(|two| two[1] < two[0]) {
        return Err(wrong(format!(
            "`replay` takes times in rising order: {} comes after {}",
            times[at + 1],
            times[at]
        )));
    }
    if times.is_empty() {
        return Err(wrong("`replay` has no times".to_owned()));
    }
    Ok(Coming::even(Shape::Replay(Rc::new(times))))
}

pub(crate) fn register(engine: &mut Engine) {
    engine.register_type_with_name::<Coming>("Arrivals");
    engine.register_fn("to_string", |coming: &mut Coming| coming.to_string());
    engine.register_fn("poisson", |coming: &mut Coming| Coming { spacing: Spacing::Poisson, ..coming.clone() });
    // The one word for both: arrivals at a rate, or a time that is always the same.
    engine.register_fn("constant", |value: Dynamic| -> Raised<Dynamic> {
        match quantity::read(&value) {
            Some(Ok(quantity)) if quantity.dimension == Dimension::TIME => {
                let seconds = a_time("constant", &value)?;
                Ok(Dynamic::from(Pause(Rc::new(Think::Constant(seconds)))))
            }
            _ => Ok(Dynamic::from(Coming::even(Shape::Constant(a_rate("constant", &value)?)))),
        }
    });
    engine.register_fn("poisson", |value: &str| -> Raised<Coming> {
        let rate = a_rate("poisson", &value.into())?;
        Ok(Coming { shape: Shape::Constant(rate), spacing: Spacing::Poisson })
    });
    engine.register_fn("poisson", |value: quantity::Qty| -> Raised<Coming> {
        let rate = a_rate("poisson", &Dynamic::from(value))?;
        Ok(Coming { shape: Shape::Constant(rate), spacing: Spacing::Poisson })
    });
    engine.register_fn("ramp", |from: Dynamic, to: Dynamic| -> Raised<Coming> {
        Ok(Coming::even(Shape::Ramp(a_rate("ramp", &from)?, a_rate("ramp", &to)?)))
    });
    engine.register_fn("steps", |rates: Array, each: Dynamic| -> Raised<Coming> {
        let each = a_time("steps", &each)?;
        let steps = rates.iter().map(|rate| Ok((a_rate("steps", rate)?, each))).collect::<Raised<Vec<_>>>()?;
        if steps.is_empty() {
            return Err(wrong("`steps` has no steps".to_owned()));
        }
        Ok(Coming::even(Shape::Steps(steps)))
    });
    engine.register_fn("sine", |mean: Dynamic, amplitude: Dynamic, period: Dynamic| -> Raised<Coming> {
        let (mean, amplitude) = (a_rate("sine", &mean)?, a_rate("sine", &amplitude)?);
        if amplitude > mean {
            return Err(wrong("`sine` swings by at most its mean: a rate is not below zero".to_owned()));
        }
        Ok(Coming::even(Shape::Sine { mean, amplitude, period: a_time("sine", &period)? }))
    });
    engine.register_fn("bursts", |on: Dynamic, lasts: Dynamic, pause: Dynamic| -> Raised<Coming> {
        let on = (a_rate("bursts", &on)?, a_time("bursts", &lasts)?);
        Ok(Coming::even(Shape::Bursts(on, (0.0, a_time("bursts", &pause)?))))
    });
    engine.register_fn("bursts", |on: Dynamic, lasts: Dynamic, off: Dynamic, pause: Dynamic| -> Raised<Coming> {
        let on = (a_rate("bursts", &on)?, a_time("bursts", &lasts)?);
        Ok(Coming::even(Shape::Bursts(on, (a_rate("bursts", &off)?, a_time("bursts", &pause)?))))
    });
    engine.register_fn("replay", |times: Array| recorded(&times));
    engine.register_fn("replay", |rows: Data, column: &str| -> Raised<Coming> {
        if rows.len() == 0 {
            // Without the permission to read there are none, which is told elsewhere.
            return Ok(Coming::even(Shape::Replay(Rc::new(vec![0.0]))));
        }
        let values = rows.into_iter().map(|row| row.read_lock::<Map>().and_then(|row| row.get(column).cloned()));
        let values: Option<Vec<Dynamic>> = values.collect();
        recorded(&values.ok_or_else(|| wrong(format!("`replay` finds no column `{column}` in each row")))?)
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_go_from_somewhere_to_somewhere() {
        assert_eq!(rates(&"0/s -> 200/s".into()), Ok((0.0, 200.0)));
        assert_eq!(rates(&"3/s".into()), Ok((3.0, 3.0)));
        for bad in ["-1/s", "200", "5 s", "1e9/s", "1/s -> x"] {
            assert!(rates(&bad.into()).is_err(), "{bad}");
        }
    }

    #[test]
    fn shapes_know_their_peak_and_length() {
        let replay = recorded(&[0.0.into(), 0.5.into(), 0.9.into(), 3.0.into()]).unwrap();
        assert_eq!((replay.peak(), replay.own_duration().map(f64::floor)), (3.0, Some(3.0)));
        let steps = Coming::even(Shape::Steps(vec![(10.0, 2.0), (20.0, 1.0)]));
        assert_eq!((steps.peak(), steps.own_duration()), (20.0, Some(3.0)));
        assert_eq!(steps.plan("x", 3.0, 1).unwrap().count_until(9.0), 40);
        assert_eq!(steps.squeezed(0.1, 1.0).own_duration().map(|s| (s * 10.0).round()), Some(3.0));
        assert!(recorded(&[1.0.into(), 0.5.into()]).is_err());
    }
}
