//! Times by a pattern of cron in a time zone, by `croner` and `jiff`.
//!
//! Summer time follows what Vixie cron does: a fixed time that the clock leaves out comes when the clock has jumped, one
//! that it shows twice comes once, the first time; a pattern with any hour or minute goes by elapsed time, so it comes
//! in both of the repeated hours.

use std::str::FromStr;

use engine_core::run::Timestamp;
use jiff::tz::TimeZone;
use jiff::{Timestamp as Moment, Zoned};

/// Why a pattern or a zone cannot be followed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CronError {
    /// The pattern is not one.
    #[error(
        "`{pattern}` is no pattern of cron: {reason}; wanted are minute hour day-of-month month day-of-week, such as `0 2 * * *`"
    )]
    Pattern {
        /// What was given.
        pattern: String,
        /// What is wrong.
        reason: String,
    },
    /// It never comes.
    #[error("`{pattern}` never comes: no date fits it")]
    Never {
        /// What was given.
        pattern: String,
    },
    /// There is no such zone.
    #[error("there is no time zone `{zone}`; wanted is a name such as `Europe/Berlin` or `UTC`")]
    Zone {
        /// What was given.
        zone: String,
    },
}

/// A pattern in a time zone.
#[derive(Debug, Clone)]
pub struct Cron {
    pattern: croner::Cron,
    zone: TimeZone,
}

impl Cron {
    /// Reads a pattern and looks up a zone.
    ///
    /// # Errors
    /// When one of them is not one, or the pattern never comes.
    pub fn new(pattern: &str, zone: &str) -> Result<Self, CronError> {
        let wrong = |reason: String| CronError::Pattern { pattern: pattern.to_owned(), reason };
        let fields = pattern.split_whitespace().count();
        if !pattern.trim_start().starts_with('@') && !(5..=6).contains(&fields) {
            return Err(wrong(format!("it has {fields} fields")));
        }
        let parsed = croner::Cron::from_str(pattern).map_err(|error| wrong(error.to_string()))?;
        let named = TimeZone::get(zone).map_err(|_| CronError::Zone { zone: zone.to_owned() })?;
        let cron = Self { pattern: parsed, zone: named };
        // February 30 is only found out by looking.
        if cron.after(Timestamp(0)).is_none() {
            return Err(CronError::Never { pattern: pattern.to_owned() });
        }
        Ok(cron)
    }

    /// The first time after a moment; none when none comes.
    #[must_use]
    pub fn after(&self, moment: Timestamp) -> Option<Timestamp> {
        let from = Moment::from_microsecond(moment.0).ok()?.to_zoned(self.zone.clone());
        let next: Zoned = self.pattern.find_next_occurrence(&from, false).ok()?;
        let next = next.timestamp().as_microsecond();
        // The search counts seconds; a moment within one must not give that second again.
        (next > moment.0).then_some(Timestamp(next))
    }

    /// The next times after a moment.
    pub fn times(&self, moment: Timestamp) -> impl Iterator<Item = Timestamp> + '_ {
        std::iter::successors(self.after(moment), |last| self.after(*last))
    }

    /// The shortest time between two of the next hundred times, in seconds.
    #[must_use]
    pub fn shortest_gap(&self, from: Timestamp) -> f64 {
        let times: Vec<Timestamp> = self.times(from).take(100).collect();
        let gaps = times.windows(2).map(|pair| pair[1].0 - pair[0].0);
        #[expect(clippy::cast_precision_loss, reason = "microseconds of gaps are far below 2^53")]
        gaps.min().map_or(f64::INFINITY, |gap| gap as f64 / 1e6)
    }

    /// A moment as people of the zone write it.
    #[must_use]
    pub fn local(&self, moment: Timestamp) -> String {
        Moment::from_microsecond(moment.0).map_or_else(
            |_| "?".to_owned(),
            |moment| moment.to_zoned(self.zone.clone()).strftime("%Y-%m-%d %H:%M:%S %Z").to_string(),
        )
    }
}

/// The name of the machine's time zone; `UTC` where it has none.
#[must_use]
pub fn system_zone() -> String {
    TimeZone::system().iana_name().unwrap_or("UTC").to_owned()
}
