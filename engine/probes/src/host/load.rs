//! Load and pressure now.

use super::tree::Tree;
use engine_core::environment::LoadPoint;
use engine_core::fact::Fact;

/// Load and pressure at this moment.
pub(crate) fn read(tree: &Tree) -> LoadPoint {
    let averages = tree.text("/proc/loadavg");
    let average = |index: usize| {
        averages.clone().and_then(|text| {
            let number = text.split_ascii_whitespace().nth(index).and_then(finite);
            Fact::or_unknown(number, format!("`/proc/loadavg` holds `{text}`"))
        })
    };
    let pressure = |resource: &str| {
        let path = format!("/proc/pressure/{resource}");
        tree.text(&path).and_then(|text| {
            Fact::or_unknown(some(&text, "avg10").map(|percent| percent / 100.0), format!("`{path}` holds `{text}`"))
        })
    };
    LoadPoint {
        average_1: average(0),
        average_5: average(1),
        average_15: average(2),
        pressure_cpu: pressure("cpu"),
        pressure_io: pressure("io"),
        pressure_memory: pressure("memory"),
    }
}

/// A record of nothing, for this reason.
pub(crate) fn unread(reason: &str) -> LoadPoint {
    let unknown = || Fact::unknown(reason);
    LoadPoint {
        average_1: unknown(),
        average_5: unknown(),
        average_15: unknown(),
        pressure_cpu: unknown(),
        pressure_io: unknown(),
        pressure_memory: unknown(),
    }
}

fn finite(text: &str) -> Option<f64> {
    text.parse::<f64>().ok().filter(|number| number.is_finite())
}

/// A member of the `some` line of a pressure file: `some avg10=0.06 avg60=0.34 avg300=0.48 total=5423896`.
fn some(text: &str, name: &str) -> Option<f64> {
    let line = text.lines().find_map(|line| line.strip_prefix("some "))?;
    line.split_ascii_whitespace().find_map(|word| finite(word.strip_prefix(name)?.strip_prefix('=')?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_some_line_counts() {
        let text = "some avg10=12.50 avg60=0.34 avg300=0.48 total=5423896\nfull avg10=99.00 total=7";
        assert_eq!(some(text, "avg10"), Some(12.5));
        assert_eq!(some(text, "total"), Some(5_423_896.0));
        assert_eq!(some("full avg10=1.0", "avg10"), None);
        assert_eq!(some("some avg10=nan", "avg10"), None);
    }

    proptest! {
        #[test]
        fn nothing_panics(text in any::<String>()) {
            let _ = (some(&text, "avg10"), some(&format!("some {text}"), ""), finite(&text));
        }
    }
}
