//! Stress as the plan and the record know it: what runs in the background, at which intensity, and what is measured beside it.
//!
//! A round measures quiet and stressed in turn: a quiet measurement stands before the first, after every few and after the
//! last stressed one, and each stressed one is held against the two quiet ones around it. The slowdown is a ratio within
//! one round, so what drifts from round to round cancels; its interval is over rounds.

use std::fmt::Write as _;

use serde::{Deserialize, Serialize};

use crate::args::Args;
use crate::load::LoadShape;
use crate::measurement::Stat;
use crate::metric::{Goal, Metric, MetricDef};
use crate::series::Labels;
use crate::stats::Stream;
use crate::unit::Unit;

/// Label that names the background; [`QUIET`] without one.
pub const BACKGROUND: &str = "background";

/// Label of the background's intensity in percent.
pub const INTENSITY: &str = "intensity";

/// Label of the stressor, where a background's own figures are meant.
pub const STRESSOR: &str = "stressor";

/// The background of a quiet measurement.
pub const QUIET: &str = "quiet";

/// Stressed measurements between two quiet ones, at most.
const BETWEEN: usize = 3;

/// How many times slower, or how many times less, the measured thing is than in the quiet around it.
pub const SLOWDOWN: MetricDef = MetricDef::cost("slowdown", Unit::Count, "stressed against quiet, 1 for no difference");

/// The same between two quiet measurements: its distance from 1 is what slowdowns cannot tell from noise.
pub const CONTROL: MetricDef = MetricDef::fact(
    "control",
    Unit::Ratio,
    "one quiet measurement against the one before: how far it is from 1 is noise",
);

/// What a stressor did by its own count.
pub const RATE: MetricDef = MetricDef::rate("stressor.rate", Unit::PerSecond, "pieces of work that a stressor did");

/// The share of a processor that a thread of a stressor had.
pub const CPU: MetricDef =
    MetricDef::fact("stressor.cpu", Unit::Ratio, "share of a processor that each thread of a stressor had");

/// Results that stressors verified.
pub const CHECKED: MetricDef = MetricDef::fact("stressor.checked", Unit::Count, "results that a stressor verified");

/// Metrics of a stress step, beside those of what is measured.
pub const METRICS: &[MetricDef] = &[SLOWDOWN, CONTROL, RATE, CPU, CHECKED];

/// What a step of stress does.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StressShape {
    /// What runs beside what is measured: one after the other, in an order drawn anew for each round.
    pub backgrounds: Vec<Background>,
    /// What is measured.
    pub measured: Measured,
    /// Seconds between a change of the background and the measurement.
    pub settle: f64,
}

/// Something that runs beside what is measured, at one intensity.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Background {
    /// Its name.
    pub name: String,
    /// Its intensity in percent, as text; several where its stressors have unlike ones.
    pub intensity: String,
    /// The stressors, all at the same time.
    pub stressors: Vec<Stressing>,
}

/// A stressor with its checked options.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Stressing {
    /// Its id, such as `stress.cpu`.
    pub id: String,
    /// Its options.
    pub args: Args,
}

/// What is measured, quiet and stressed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Measured {
    /// Nothing but the stressors themselves, each for so many seconds.
    Nothing {
        /// How long each background is held.
        hold: f64,
    },
    /// A probe.
    Probe {
        /// Its id.
        id: String,
        /// Its checked options.
        args: Args,
        /// What is compared.
        of: Of,
        /// A typical measurement, in seconds.
        seconds: f64,
    },
    /// A load.
    Load {
        /// Which load of the scenario.
        index: usize,
        /// What it does.
        shape: LoadShape,
        /// What is compared.
        of: Of,
    },
}

/// The figure that is compared.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Of {
    /// The metric.
    pub metric: String,
    /// Its statistic; none for what a round counts with.
    pub stat: Option<Stat>,
}

/// What is done next in a round.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// Measure with nothing in the background.
    Quiet,
    /// Measure with the background of this number.
    Stressed(usize),
}

impl Background {
    /// The labels of what is measured beside it.
    #[must_use]
    pub fn labels(&self) -> Labels {
        Labels::new().with(BACKGROUND, &self.name).with(INTENSITY, &self.intensity)
    }

    /// Name and intensity for people.
    #[must_use]
    pub fn describe(&self) -> String {
        format!("{} at {} %", self.name, self.intensity)
    }

    /// The longest of its ramps, in seconds.
    #[must_use]
    pub fn ramp(&self) -> f64 {
        self.stressors.iter().map(|stressor| stressor.args.number("ramp")).fold(0.0, f64::max)
    }
}

impl Of {
    /// Metric and statistic as expectations write them.
    #[must_use]
    pub fn describe(&self) -> String {
        self.stat.map_or_else(|| self.metric.clone(), |stat| format!("{}.{stat}", self.metric))
    }
}

impl Measured {
    /// One line.
    #[must_use]
    pub fn describe(&self) -> String {
        match self {
            Self::Nothing { hold } => format!("nothing else, each for {hold} s"),
            Self::Probe { id, of, .. } => format!("{} of {id}", of.describe()),
            Self::Load { shape, of, .. } => format!("{} of {}", of.describe(), shape.describe()),
        }
    }

    /// A typical measurement, in seconds.
    #[must_use]
    pub fn seconds(&self) -> f64 {
        match self {
            Self::Nothing { hold } => *hold,
            Self::Probe { seconds, .. } => *seconds,
            Self::Load { shape, .. } => shape.seconds() + 0.5,
        }
    }

    /// What is compared; nothing where only the stressors are looked at.
    #[must_use]
    pub const fn of(&self) -> Option<&Of> {
        match self {
            Self::Nothing { .. } => None,
            Self::Probe { of, .. } | Self::Load { of, .. } => Some(of),
        }
    }
}

impl StressShape {
    /// What a round does, in order: the backgrounds in an order drawn from the seed, with quiet around them.
    #[must_use]
    pub fn turns(&self, seed: u64) -> Vec<Turn> {
        let mut order: Vec<usize> = (0..self.backgrounds.len()).collect();
        Stream::new(seed, &[TURNS]).shuffle(&mut order);
        if self.measured.of().is_none() {
            return order.into_iter().map(Turn::Stressed).collect();
        }
        let mut turns = vec![Turn::Quiet];
        for few in order.chunks(BETWEEN) {
            turns.extend(few.iter().map(|at| Turn::Stressed(*at)));
            turns.push(Turn::Quiet);
        }
        turns
    }

    /// What two steps must have in common to measure the same: where a load goes may change from run to run.
    #[must_use]
    pub fn same(&self) -> Self {
        let mut same = self.clone();
        if let Measured::Load { index, shape, .. } = &mut same.measured {
            *index = 0;
            shape.target.clear();
        }
        same
    }

    /// A typical round, in seconds: every measurement, its settling, and what starting and ending a stressor takes.
    #[must_use]
    pub fn seconds(&self) -> f64 {
        let each = self.measured.seconds() + self.settle;
        let turns = self.turns(0);
        let ramps: f64 = self.backgrounds.iter().map(Background::ramp).sum();
        #[expect(clippy::cast_precision_loss, reason = "a handful of measurements")]
        let (turns, stressed) = (turns.len() as f64, self.backgrounds.len() as f64);
        each * turns + (0.25 + self.settle) * stressed + ramps
    }

    /// One line: what is measured, beside what.
    #[must_use]
    pub fn describe(&self) -> String {
        let mut text = format!("{} beside ", self.measured.describe());
        let mut at = 0;
        while let Some(first) = self.backgrounds.get(at) {
            let same = self.backgrounds[at..].iter().take_while(|other| other.name == first.name).count();
            let levels: Vec<&str> =
                self.backgrounds[at..at + same].iter().map(|other| other.intensity.as_str()).collect();
            let comma = if at > 0 { ", " } else { "" };
            let _ = write!(text, "{comma}{} ({} %)", first.name, levels.join(", "));
            at += same;
        }
        text
    }
}

/// How many times worse a value is than the quiet one, whatever direction is good; none where that makes no sense.
#[must_use]
pub fn slowdown(metric: &Metric, stressed: f64, quiet: f64) -> Option<f64> {
    let ratio = match metric.goal {
        Goal::Higher => quiet / stressed,
        Goal::Lower | Goal::Neutral => stressed / quiet,
    };
    (stressed > 0.0 && quiet > 0.0 && ratio.is_finite()).then_some(ratio)
}

/// Key of the random stream that orders the turns.
const TURNS: u64 = 0x7374_7265_7373_0001;

#[cfg(test)]
mod tests {
    use super::*;

    fn shape(count: usize, measured: Measured) -> StressShape {
        let background = |at: usize| Background {
            name: format!("b{}", at / 2),
            intensity: if at.is_multiple_of(2) { "50" } else { "100" }.to_owned(),
            stressors: Vec::new(),
        };
        StressShape { backgrounds: (0..count).map(background).collect(), measured, settle: 0.5 }
    }

    fn probe() -> Measured {
        let of = Of { metric: "latency".into(), stat: None };
        Measured::Probe { id: "memory.latency".into(), args: Args::default(), of, seconds: 2.0 }
    }

    #[test]
    fn quiet_stands_around_every_few_and_each_background_has_its_turn() {
        for count in 1..9 {
            let shape = shape(count, probe());
            let mut orders = std::collections::BTreeSet::new();
            for seed in 0..20 {
                let turns = shape.turns(seed);
                assert_eq!(turns, shape.turns(seed), "a resumed run does the same");
                assert_eq!((turns.first(), turns.last()), (Some(&Turn::Quiet), Some(&Turn::Quiet)));
                let runs: Vec<usize> = turns.split(|turn| *turn == Turn::Quiet).map(<[Turn]>::len).collect();
                assert!(runs[1..runs.len() - 1].iter().all(|run| (1..=BETWEEN).contains(run)), "{runs:?}");
                let mut stressed: Vec<usize> = turns
                    .iter()
                    .filter_map(|turn| if let Turn::Stressed(at) = turn { Some(*at) } else { None })
                    .collect();
                orders.insert(stressed.clone());
                stressed.sort_unstable();
                assert_eq!(stressed, (0..count).collect::<Vec<_>>());
            }
            assert!(orders.len() > 1 || count == 1, "{count}");
        }
    }

    #[test]
    fn without_a_measured_thing_there_is_no_quiet() {
        assert!(shape(3, Measured::Nothing { hold: 1.0 }).turns(1).iter().all(|turn| *turn != Turn::Quiet));
    }

    #[test]
    fn worse_is_above_one_whichever_direction_is_good() {
        let latency = MetricDef::floor("latency", Unit::Seconds, "").metric();
        let rate = MetricDef::rate("rate", Unit::BytesPerSecond, "").metric();
        assert_eq!(slowdown(&latency, 3.0, 2.0), Some(1.5));
        assert_eq!(slowdown(&rate, 2.0, 3.0), Some(1.5));
        assert_eq!(slowdown(&rate, 0.0, 3.0), None, "what came to a standstill has no factor");
    }

    #[test]
    fn a_line_says_what_is_measured_beside_what_and_a_plan_survives_being_stored() {
        let shape = shape(3, probe());
        assert_eq!(shape.describe(), "latency of memory.latency beside b0 (50, 100 %), b1 (50 %)");
        let json = serde_json::to_string(&shape).unwrap();
        assert_eq!(serde_json::from_str::<StressShape>(&json).unwrap(), shape);
        assert!((shape.seconds() - (2.5 * 5.0 + 0.75 * 3.0)).abs() < 1e-9, "five measurements, three of them stressed");
    }
}
