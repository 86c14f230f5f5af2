//! Points in time as other tools write them.

/// Reads `2026-11-26T17:09:05.12+00:00`, with a space in place of the `T`, with `Z`, or without a zone (taken as UTC):
/// microseconds since 1970.
pub(super) fn micros(text: &str) -> Option<i64> {
    let text = text.trim();
    let (date, rest) = text.split_once(['T', ' '])?;
    let mut parts = date.splitn(3, '-').map(str::parse::<i64>);
    let (year, month, day) = (parts.next()?.ok()?, parts.next()?.ok()?, parts.next()?.ok()?);
    let zone_at = rest.find(['Z', '+', '-']);
    let (clock, zone) = rest.split_at(zone_at.unwrap_or(rest.len()));
    let mut parts = clock.splitn(3, ':');
    let (hour, minute): (i64, i64) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
    let second: f64 = parts.next().unwrap_or("0").parse().ok()?;
    let offset = match zone.trim() {
        "" | "Z" => 0,
        zone => {
            let sign = if zone.starts_with('-') { -1 } else { 1 };
            let digits: String = zone.chars().filter(char::is_ascii_digit).collect();
            let (hours, minutes) = digits.split_at_checked(2)?;
            let minutes: i64 = if minutes.is_empty() { 0 } else { minutes.parse().ok()? };
            sign * (hours.parse::<i64>().ok()? * 60 + minutes)
        }
    };
    let valid = (1970..=9999).contains(&year)
        && (1..=12).contains(&month)
        && (1..=31).contains(&day)
        && (0..24).contains(&hour)
        && (0..60).contains(&minute)
        && (0.0..61.0).contains(&second);
    if !valid {
        return None;
    }
    let minutes = days(year, month, day) * 1440 + hour * 60 + minute - offset;
    #[expect(clippy::cast_possible_truncation, reason = "less than a minute")]
    let fraction = (second * 1e6).round() as i64;
    Some(minutes * 60_000_000 + fraction)
}

/// Days from 1970-01-01 to a date of the Gregorian calendar (Hinnant's algorithm: years begin in March).
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::micros;

    #[test]
    fn known_moments() {
        assert_eq!(micros("1970-01-01T00:00:00Z"), Some(0));
        assert_eq!(micros("2000-02-29 12:00:00"), Some(951_825_600_000_000));
        assert_eq!(micros("2026-11-26T17:09:05+00:00"), Some(1_795_712_945_000_000));
        assert_eq!(micros("2019-12-06T16:36:53+09:00"), micros("2019-12-06T07:36:53Z"));
        assert_eq!(micros("2026-11-26T17:08:59.971794+00:00"), Some(1_795_712_939_971_794));
        for bad in ["", "yesterday", "2026-13-01T00:00:00Z", "2026-01-01", "2026-01-01T99:00:00Z"] {
            assert_eq!(micros(bad), None, "{bad}");
        }
    }
}
