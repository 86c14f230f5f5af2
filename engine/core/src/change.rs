//! Change points of a series as plain data: who finds them and who shows them both know only this.

use serde::{Deserialize, Deserializer, Serialize};

/// What kind of change it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// From one level to another at once.
    Step,
    /// From one level to another little by little.
    Trend,
    /// A few points apart, and back.
    Spike,
    /// The spread changed, the level did not.
    Variance,
    /// Back to the level before the last change.
    Return,
}

impl Kind {
    /// The word in reports and JSON.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Step => "step",
            Self::Trend => "trend",
            Self::Spike => "spike",
            Self::Variance => "variance",
            Self::Return => "return",
        }
    }
}

/// How sure it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Tier {
    /// A few points speak for it; it may pass.
    Suspect,
    /// It lasted, and stands out of the noise.
    Confirmed,
}

impl Tier {
    /// The word in reports and JSON.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Suspect => "suspect",
            Self::Confirmed => "confirmed",
        }
    }
}

/// One change.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct ChangePoint {
    /// First point of the new regime, from 0; of a trend its first point, of a spike the point that stands out.
    pub index: usize,
    /// Lower end of the 95 % interval of `index`.
    pub low: usize,
    /// Upper end, included.
    pub high: usize,
    /// What kind of change it is.
    pub kind: Kind,
    /// How sure it is.
    pub tier: Tier,
    /// Relative change: 0.05 is 5 % more than before; of a trend from its beginning to its end, of a spike against the
    /// level around it, of a variance change that of the standard deviation. `NaN` where the level before is zero.
    #[serde(deserialize_with = "nullable")]
    pub size: f64,
    /// Lower end of the 95 % interval of `size`.
    #[serde(deserialize_with = "nullable")]
    pub size_low: f64,
    /// Upper end.
    #[serde(deserialize_with = "nullable")]
    pub size_high: f64,
}

/// A number that JSON writes as `null` where it is none.
fn nullable<'de, D: Deserializer<'de>>(from: D) -> Result<f64, D::Error> {
    Ok(Option::<f64>::deserialize(from)?.unwrap_or(f64::NAN))
}

/// A series with what changed in it.
#[derive(Debug, Clone, PartialEq)]
pub struct Trend {
    /// Its name.
    pub name: String,
    /// Its points; those that are not finite numbers are missing.
    pub values: Vec<f64>,
    /// What changed, in rising order of place.
    pub changes: Vec<ChangePoint>,
}
