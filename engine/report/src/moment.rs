//! Times and durations for people and for file names.

use engine_core::run::Timestamp;
use jiff::Zoned;
use jiff::tz::TimeZone;

/// `2026-11-23 05:45:01 UTC`, in a zone.
pub(crate) fn for_people(moment: Timestamp, zone: &TimeZone) -> String {
    zoned(moment, zone).strftime("%Y-%m-%d %H:%M:%S %Z").to_string()
}

/// `2026-11-23 05:45`, in a zone: for lists.
pub(crate) fn short(moment: Timestamp, zone: &TimeZone) -> String {
    zoned(moment, zone).strftime("%Y-%m-%d %H:%M").to_string()
}

/// RFC 3339 in UTC with microseconds: for machines.
pub(crate) fn rfc3339(moment: Timestamp) -> String {
    format!("{:.6}", jiff_timestamp(moment))
}

/// ISO 8601 without fraction or zone, in UTC: what JUnit's schema asks for.
pub(crate) fn iso8601(moment: Timestamp) -> String {
    zoned(moment, &TimeZone::UTC).strftime("%Y-%m-%dT%H:%M:%S").to_string()
}

/// `20261123T054501Z`, or with its offset `20261123T064501+0100`: safe in file names and in the order of time.
pub(crate) fn compact(moment: Timestamp, zone: &TimeZone) -> String {
    let zoned = zoned(moment, zone);
    let format = if zoned.offset().is_zero() { "%Y%m%dT%H%M%SZ" } else { "%Y%m%dT%H%M%S%z" };
    zoned.strftime(format).to_string()
}

/// `85 ms`, `3.2 s`, `3 min 12 s`, `2 h 05 min`.
pub(crate) fn duration(seconds: f64) -> String {
    if !seconds.is_finite() || seconds < 0.0 {
        return "n/a".to_owned();
    }
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "not negative; saturates")]
    let whole = seconds.round() as u64;
    match whole {
        _ if seconds < 1.0 => format!("{:.0} ms", seconds * 1e3),
        _ if seconds < 60.0 => format!("{seconds:.1} s"),
        0..3600 => format!("{} min {:02} s", whole / 60, whole % 60),
        _ => format!("{} h {:02} min", whole / 3600, whole % 3600 / 60),
    }
}

fn zoned(moment: Timestamp, zone: &TimeZone) -> Zoned {
    jiff_timestamp(moment).to_zoned(zone.clone())
}

/// A time beyond what a calendar holds (year 9999) is shown as 1970: it is a broken clock either way.
fn jiff_timestamp(moment: Timestamp) -> jiff::Timestamp {
    jiff::Timestamp::from_microsecond(moment.0).unwrap_or(jiff::Timestamp::UNIX_EPOCH)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOMENT: Timestamp = Timestamp(1_795_412_701_250_000);

    #[test]
    fn a_moment_is_written_in_its_zone() {
        let zone = TimeZone::fixed(jiff::tz::offset(1));
        assert_eq!(for_people(MOMENT, &TimeZone::UTC), "2026-11-23 05:45:01 UTC");
        assert_eq!(compact(MOMENT, &TimeZone::UTC), "20261123T054501Z");
        assert_eq!(compact(MOMENT, &zone), "20261123T064501+0100");
        assert_eq!(rfc3339(MOMENT), "2026-11-23T05:45:01.250000Z");
        assert_eq!(rfc3339(Timestamp(i64::MAX)), "1970-01-01T00:00:00.000000Z");
    }

    #[test]
    fn a_duration_is_rounded_as_people_say_it() {
        let cases =
            [(0.085, "85 ms"), (3.24, "3.2 s"), (59.99, "60.0 s"), (192.0, "3 min 12 s"), (7500.0, "2 h 05 min")];
        for (seconds, text) in cases {
            assert_eq!(duration(seconds), text);
        }
        assert_eq!(duration(f64::NAN), "n/a");
    }
}
