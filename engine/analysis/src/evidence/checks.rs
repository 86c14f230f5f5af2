//! What a test takes for granted, held against the data, in words: independence, outliers, unlike spreads, ties.

use engine_core::stats::outlier::tukey;
use engine_core::stats::quantile::{mad, median, sorted};

use crate::change::noise::correlation;

/// One thing that is taken for granted.
pub(super) struct Check {
    /// Whether the data speak against it.
    pub(super) is_doubtful: bool,
    /// One sentence.
    pub(super) text: String,
}

impl Check {
    fn new(is_doubtful: bool, text: String) -> Self {
        Self { is_doubtful, text }
    }

    /// The sentence with its mark.
    pub(super) fn line(&self) -> String {
        format!("{}: {}", if self.is_doubtful { "doubtful" } else { "holds" }, self.text)
    }
}

/// Whether each value tells something new, rather than resembling the one before or rising or falling throughout.
pub(super) fn independence(name: &str, values: &[f64], unit: &str) -> Check {
    let n = values.len();
    if n < 8 {
        return Check::new(
            false,
            format!("{n} {unit} of the {name} side are too few to see whether they depend on each other"),
        );
    }
    let middle = median(values);
    let centred: Vec<f64> = values.iter().map(|value| value - middle).collect();
    let lag = correlation(&centred, &[0, n]);
    let drift = kendall(values);
    // Of Kendall's tau without ties: variance 2 (2n + 5) / 9n(n - 1).
    let deviation = (2.0 * (2.0 * n as f64 + 5.0) / (9.0 * n as f64 * (n as f64 - 1.0))).sqrt();
    let bound = 1.96 / (n as f64).sqrt();
    if drift.abs() > 2.58 * deviation {
        let word = if drift > 0.0 { "rise" } else { "fall" };
        let text = format!(
            "the {unit} of the {name} side {word} from first to last (Kendall's tau {drift:.2}): they do not vary about one level"
        );
        return Check::new(true, text);
    }
    let text = format!(
        "each of the {unit} of the {name} side resembles the one before by {lag:.2} (chance alone: up to {bound:.2})"
    );
    Check::new(lag > bound, text)
}

/// How often a later value is larger, less how often it is smaller, as a share of all pairs.
fn kendall(values: &[f64]) -> f64 {
    let mut sum = 0.0;
    for (at, early) in values.iter().enumerate() {
        for late in &values[at + 1..] {
            sum += f64::from(u8::from(late > early)) - f64::from(u8::from(late < early));
        }
    }
    let n = values.len() as f64;
    2.0 * sum / (n * (n - 1.0))
}

/// Whether single values lie far from the others.
pub(super) fn outliers(name: &str, values: &[f64], harmless: &str) -> Option<Check> {
    if values.len() < 5 {
        return None;
    }
    let found = tukey(&sorted(values));
    let far = found.severe;
    let text = match far {
        0 => format!("no value of the {name} side lies far from the others"),
        1 => format!("1 value of the {name} side lies far from the others; {harmless}"),
        n => format!("{n} values of the {name} side lie far from the others; {harmless}"),
    };
    // A test of ranks and a median bear some of them.
    Some(Check::new(far * 10 > values.len() as u64, text))
}

/// Whether both sides spread alike.
pub(super) fn spreads(old: &[f64], new: &[f64]) -> Option<Check> {
    if old.len().min(new.len()) < 5 {
        return None;
    }
    let (before, after) = (mad(old) / median(old).abs(), mad(new) / median(new).abs());
    let ratio = after / before;
    if !ratio.is_finite() || ratio <= 0.0 {
        return Some(Check::new(false, "one side does not vary at all".to_owned()));
    }
    let text =
        format!("the new side spreads {ratio:.2} times as far as the old one; the test allows for unlike spreads");
    Some(Check::new(!(0.25..=4.0).contains(&ratio), text))
}

/// Whether many values are equal, as with a coarse clock.
pub(super) fn ties(old: &[f64], new: &[f64]) -> Option<Check> {
    let all: Vec<f64> = sorted(&[old, new].concat());
    let equal = all.windows(2).filter(|pair| pair[0].to_bits() == pair[1].to_bits()).count();
    let share = equal as f64 / all.len().max(2) as f64;
    let text = format!("{:.0} % of the values are equal to another: the clock or the counter is coarse", share * 100.0);
    (share > 0.2).then(|| Check::new(share > 0.5, text))
}
