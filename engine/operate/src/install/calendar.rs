//! A pattern of cron as calendar events of systemd: `0 */6 * * 1-5` is `Mon..Fri *-*-* 00,06,12,18:00:00`.
//!
//! Source: systemd.time(7). Only what both mean alike is converted; the rest is refused, with what to do instead. Where
//! both days of cron are given, either of them counts, so that there are two events. (Beside: systemd skips what a summer
//! time leaves out and starts twice what it repeats; the built-in scheduler does neither.)

use std::fmt::Write;

/// Why a pattern cannot be converted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}; use `engine schedule install --systemd --service`, which follows every pattern by itself")]
pub struct Unlike(pub String);

/// A field's values; none for all.
type Values = Option<Vec<u32>>;

const DAYS: [&str; 7] = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];
const MONTHS: [&str; 12] = ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"];

/// The five fields of a pattern, as lists of values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fields {
    /// 0 to 59.
    pub minute: Values,
    /// 0 to 23.
    pub hour: Values,
    /// 1 to 31.
    pub day: Values,
    /// 1 to 12.
    pub month: Values,
    /// 0 to 6, from Sunday.
    pub weekday: Values,
}

/// Reads a pattern that real cron and systemd understand.
///
/// # Errors
/// When it uses more than five fields, or letters that only some crons know.
pub fn fields(pattern: &str) -> Result<Fields, Unlike> {
    let pattern = match pattern.trim().to_ascii_lowercase().as_str() {
        "@hourly" => "0 * * * *".to_owned(),
        "@daily" | "@midnight" => "0 0 * * *".to_owned(),
        "@weekly" => "0 0 * * 0".to_owned(),
        "@monthly" => "0 0 1 * *".to_owned(),
        "@yearly" | "@annually" => "0 0 1 1 *".to_owned(),
        _ => pattern.trim().to_owned(),
    };
    let parts: Vec<&str> = pattern.split_whitespace().collect();
    let [minute, hour, day, month, weekday] = parts.as_slice() else {
        return Err(Unlike(format!("`{pattern}` has seconds or years, which cron has not")));
    };
    let days: Vec<String> = DAYS.iter().map(|day| day.to_ascii_uppercase()).collect();
    let names: Vec<&str> = days.iter().map(String::as_str).collect();
    let mut weekday = values(weekday, 0, 7, &names)?;
    if let Some(list) = &mut weekday {
        list.iter_mut().for_each(|day| *day %= 7);
        list.sort_unstable();
        list.dedup();
        if list.len() == 7 {
            weekday = None;
        }
    }
    let mut names = vec![""];
    names.extend(MONTHS);
    Ok(Fields {
        minute: values(minute, 0, 59, &[])?,
        hour: values(hour, 0, 23, &[])?,
        day: values(day, 1, 31, &[])?,
        month: values(month, 1, 12, &names)?,
        weekday,
    })
}

fn values(text: &str, low: u32, high: u32, names: &[&str]) -> Result<Values, Unlike> {
    let unlike = || Unlike(format!("`{text}` is not understood by every cron"));
    let number = |word: &str| -> Result<u32, Unlike> {
        let named = names.iter().position(|name| !name.is_empty() && name.eq_ignore_ascii_case(word));
        let value = named.and_then(|at| u32::try_from(at).ok()).or_else(|| word.parse().ok()).ok_or_else(unlike)?;
        if (low..=high).contains(&value) { Ok(value) } else { Err(unlike()) }
    };
    let mut all = Vec::new();
    for part in text.split(',') {
        let (range, step) = match part.split_once('/') {
            None => (part, 1),
            Some((range, step)) => (range, step.parse().ok().filter(|step| *step > 0).ok_or_else(unlike)?),
        };
        let (from, to) = match range.split_once('-') {
            _ if range == "*" => (low, high),
            Some((from, to)) => (number(from)?, number(to)?),
            // A start with a step, as in `5/15`, means different things to different crons.
            None if part.contains('/') => return Err(unlike()),
            None => (number(range)?, number(range)?),
        };
        if from > to {
            return Err(unlike());
        }
        all.extend((from..=to).step_by(usize::try_from(step).unwrap_or(1)));
    }
    all.sort_unstable();
    all.dedup();
    let whole = usize::try_from(high - low + 1).unwrap_or(0);
    Ok((all.len() < whole).then_some(all))
}

/// The calendar events of a pattern in a zone.
///
/// # Errors
/// When the pattern means something that systemd cannot say.
pub fn events(pattern: &str, zone: &str) -> Result<Vec<String>, Unlike> {
    let fields = fields(pattern)?;
    let list = |values: &Values, digits: usize| match values {
        None => "*".to_owned(),
        Some(values) => values.iter().map(|value| format!("{value:0digits$}")).collect::<Vec<_>>().join(","),
    };
    let time = format!("{}:{}:00", list(&fields.hour, 2), list(&fields.minute, 2));
    let event = |day: &Values, weekday: &Values| {
        let mut text = String::new();
        if let Some(days) = weekday {
            let names: Vec<&str> =
                days.iter().filter_map(|day| DAYS.get(usize::try_from(*day).unwrap_or(7)).copied()).collect();
            // Writing to a string does not fail.
            let _ = write!(text, "{} ", names.join(","));
        }
        let _ = write!(text, "*-{}-{} {time} {zone}", list(&fields.month, 2), list(day, 2));
        text
    };
    Ok(match (&fields.day, &fields.weekday) {
        // Either counts, as cron has it.
        (day @ Some(_), weekday @ Some(_)) => vec![event(day, &None), event(&None, weekday)],
        (day, weekday) => vec![event(day, weekday)],
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_become_events() {
        let event = |pattern: &str| events(pattern, "UTC").unwrap().join(" | ");
        assert_eq!(event("0 */6 * * *"), "*-*-* 00,06,12,18:00:00 UTC");
        assert_eq!(event("0 2 * * *"), "*-*-* 02:00:00 UTC");
        assert_eq!(
            event("*/15 9-17 * * 1-5"),
            "Mon,Tue,Wed,Thu,Fri *-*-* 09,10,11,12,13,14,15,16,17:00,15,30,45:00 UTC"
        );
        assert_eq!(event("5 4 * * sun"), "Sun *-*-* 04:05:00 UTC");
        assert_eq!(event("0 0 * jan,jul 7"), "Sun *-01,07-* 00:00:00 UTC");
        assert_eq!(event("30 1 1 * 1"), "*-*-01 01:30:00 UTC | Mon *-*-* 01:30:00 UTC", "either day counts");
        assert_eq!(event("* * * * *"), "*-*-* *:*:00 UTC");
        assert_eq!(event("@weekly"), "Sun *-*-* 00:00:00 UTC");
        assert_eq!(event("0 0 * * 0-7"), "*-*-* 00:00:00 UTC");
    }

    #[test]
    fn what_not_all_understand_is_refused() {
        for pattern in [
            "0 0 2 * * *",
            "0 0 L * *",
            "0 0 * * 1#2",
            "0 0 * * 5L",
            "0 0 15W * *",
            "5/15 * * * *",
            "0 22-4 * * *",
            "@reboot",
        ] {
            assert!(fields(pattern).is_err(), "{pattern}");
        }
    }
}
