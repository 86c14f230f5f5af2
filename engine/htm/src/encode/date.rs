//! The date encoder: a moment as the parts that repeat: season, day of the week, weekend, time of day.
//!
//! Every part is optional and lies behind the others in one representation. Moments are seconds since 1970-01-01 00:00
//! UTC; add the zone's offset before, where local time matters.

use super::{EncodeError, ScalarEncoder, ScalarParams, require};
use crate::sdr::Sdr;

/// Seconds of a day.
const DAY: i64 = 86_400;

/// The parts of a [`DateEncoder`]: each has its number of active bits, and 0 leaves it out.
#[derive(Debug, Clone, PartialEq)]
pub struct DateParams {
    /// Active bits for the season; two days share bits when they are less than `season_radius` apart.
    pub season: u32,
    /// In days.
    pub season_radius: f64,
    /// Active bits for the day of the week; neighbouring days share none.
    pub weekday: u32,
    /// Active bits that say whether it is Saturday or Sunday.
    pub weekend: u32,
    /// Active bits for the time of day; two moments share bits when they are less than `time_radius` apart.
    pub time_of_day: u32,
    /// In hours.
    pub time_radius: f64,
}

impl Default for DateParams {
    /// The time of day alone, as in Numenta's published anomaly detector: 21 bits, 9.49 hours.
    fn default() -> Self {
        Self { season: 0, season_radius: 91.5, weekday: 0, weekend: 0, time_of_day: 21, time_radius: 9.49 }
    }
}

/// What the parts of a moment are.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Calendar {
    /// Days since 1 January, from 0.
    pub day_of_year: u32,
    /// Days since Monday, from 0.
    pub weekday: u32,
    /// Hours since midnight.
    pub hour: f64,
}

impl Calendar {
    /// The parts of a moment in seconds since 1970 (proleptic Gregorian calendar; Hinnant, *chrono-compatible low-level
    /// date algorithms*).
    #[must_use]
    pub fn of(seconds: i64) -> Self {
        let days = seconds.div_euclid(DAY);
        // Years that begin in March have their leap day at the end.
        let shifted = days + 719_468;
        let in_era = shifted.rem_euclid(146_097);
        let year_of_era = (in_era - in_era / 1_460 + in_era / 36_524 - in_era / 146_096) / 365;
        let since_march = in_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let year = year_of_era + i64::from(since_march >= 306);
        let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
        let day_of_year = if since_march >= 306 { since_march - 306 } else { since_march + 59 + i64::from(leap) };
        Self {
            day_of_year: day_of_year as u32,
            weekday: (days + 3).rem_euclid(7) as u32,
            hour: seconds.rem_euclid(DAY) as f64 / 3_600.0,
        }
    }
}

/// The encoder.
#[derive(Debug, Clone)]
pub struct DateEncoder {
    season: Option<ScalarEncoder>,
    weekday: Option<ScalarEncoder>,
    weekend: u32,
    time: Option<ScalarEncoder>,
}

/// A part that repeats after `period`, with `active` bits, whose values share bits when less than `radius` apart.
fn part(active: u32, period: f64, radius: f64, name: &'static str) -> Result<Option<ScalarEncoder>, EncodeError> {
    if active == 0 {
        return Ok(None);
    }
    require(radius > 0.0 && radius <= period, name, "must lie between 0 and its period")?;
    let size = (period / radius * f64::from(active)).round();
    require(size <= f64::from(1 << 24), name, "makes too wide a representation")?;
    let params =
        ScalarParams { low: 0.0, high: period, size: (size as u32).max(active), active, periodic: true, clip: true };
    ScalarEncoder::new(params).map(Some)
}

impl DateEncoder {
    /// An encoder.
    ///
    /// # Errors
    /// No part at all, or a radius that is not between 0 and its period.
    pub fn new(params: &DateParams) -> Result<Self, EncodeError> {
        let encoder = Self {
            season: part(params.season, 366.0, params.season_radius, "season_radius")?,
            weekday: part(params.weekday, 7.0, 1.0, "weekday")?,
            weekend: params.weekend,
            time: part(params.time_of_day, 24.0, params.time_radius, "time_radius")?,
        };
        require(encoder.size() > 0, "time_of_day", "or another part must have bits")?;
        Ok(encoder)
    }

    /// Bits of a representation.
    #[must_use]
    pub fn size(&self) -> u32 {
        let parts = [&self.season, &self.weekday, &self.time];
        parts.into_iter().flatten().map(ScalarEncoder::size).sum::<u32>() + 2 * self.weekend
    }

    /// Encodes a moment in seconds since 1970.
    ///
    /// # Errors
    /// None but those of its parts, which do not arise: every moment has them all.
    pub fn encode(&self, seconds: i64) -> Result<Sdr, EncodeError> {
        let calendar = Calendar::of(seconds);
        let mut all = Sdr::empty(0);
        if let Some(season) = &self.season {
            all = all.followed_by(&season.encode(f64::from(calendar.day_of_year))?);
        }
        if let Some(weekday) = &self.weekday {
            all = all.followed_by(&weekday.encode(f64::from(calendar.weekday))?);
        }
        if self.weekend > 0 {
            let first = if calendar.weekday >= 5 { self.weekend } else { 0 };
            all = all.followed_by(&Sdr::sorted(2 * self.weekend, (first..first + self.weekend).collect()));
        }
        if let Some(time) = &self.time {
            all = all.followed_by(&time.encode(calendar.hour)?);
        }
        Ok(all)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_days() {
        // 1970-01-01 was a Thursday; 2000-02-29 a Tuesday; 2026-12-31 23:30 a Thursday.
        assert_eq!(Calendar::of(0), Calendar { day_of_year: 0, weekday: 3, hour: 0.0 });
        assert_eq!(Calendar::of(951_782_400), Calendar { day_of_year: 59, weekday: 1, hour: 0.0 });
        assert_eq!(Calendar::of(1_798_759_800), Calendar { day_of_year: 364, weekday: 3, hour: 23.5 });
        assert_eq!(Calendar::of(-1), Calendar { day_of_year: 364, weekday: 2, hour: 86_399.0 / 3_600.0 });
    }

    #[test]
    fn days_of_a_year_go_up_by_one() {
        // From 1896 to 2104: with 1900 and 2100, which are no leap years.
        let mut before = Calendar::of(-2_335_219_200 - DAY);
        for day in 0..76_000_i64 {
            let today = Calendar::of(-2_335_219_200 + day * DAY);
            assert!(
                today.day_of_year == before.day_of_year + 1
                    || (today.day_of_year == 0 && (364..=365).contains(&before.day_of_year)),
                "day {day}"
            );
            assert_eq!(today.weekday, (before.weekday + 1) % 7);
            before = today;
        }
    }

    #[test]
    fn like_moments_share_bits() {
        let encoder = DateEncoder::new(&DateParams { weekday: 5, weekend: 3, season: 4, ..DateParams::default() })
            .expect("possible");
        let at = |hours: i64| encoder.encode(hours * 3_600).expect("every moment has its parts");
        assert_eq!(at(0).on().len(), 21 + 5 + 3 + 4);
        assert!(at(0).overlap(&at(1)) > at(0).overlap(&at(6)));
        // A week later only the season has moved.
        assert!(at(0).overlap(&at(168)) >= 29);
        // Thursday and Saturday, at the same time of day.
        assert!(at(0).overlap(&at(48)) <= 25);
    }

    #[test]
    fn an_encoder_without_parts_is_an_error() {
        let nothing = DateParams { time_of_day: 0, ..DateParams::default() };
        assert!(DateEncoder::new(&nothing).is_err());
        assert!(DateEncoder::new(&DateParams { time_radius: 25.0, ..DateParams::default() }).is_err());
    }
}
