//! Rules of one shape: two variants of an operation, both measured in the run, of which the one that people take by habit
//! is slower by more than a limit.

use engine_core::finding::{Experiment, Resource, Trial};
use engine_core::metric::Goal;
use engine_core::series::Labels;
use engine_core::unit::Unit;

use super::seen::derived;
use super::{Checked, Draft, Facts, Limits, Seen, ratio};

/// One variant: a metric of a probe under options and labels.
pub(crate) struct Side<'a>(pub(crate) &'a str, pub(crate) &'a str, pub(crate) &'a [(&'a str, &'a str)]);

/// Two variants of one operation.
pub(crate) struct Pair<'a> {
    /// The variant by habit.
    pub(crate) slow: Side<'a>,
    /// The better one.
    pub(crate) fast: Side<'a>,
    /// Whether more or less is better.
    pub(crate) goal: Goal,
    /// Where the time goes.
    pub(crate) resource: Resource,
    /// What becomes faster.
    pub(crate) of: &'a str,
    /// Whether the labels are options of the probes, so that it can be tried.
    pub(crate) tried: bool,
}

/// Asks about a pair: fires when it is at least `ratio` (a limit of the rule) times as slow. `say` gives cause and action
/// from the texts of both values and of their ratio.
pub(crate) fn pair(
    facts: &Facts<'_>,
    limits: &Limits<'_>,
    pair: &Pair<'_>,
    say: impl FnOnce(&str, &str, &str) -> (String, String),
) -> Checked {
    let Pair { slow: Side(slow_probe, slow_metric, slow_labels), .. } = pair;
    let Pair { fast: Side(fast_probe, fast_metric, fast_labels), .. } = pair;
    let slow = facts.seen(slow_probe, slow_metric, slow_labels)?;
    let fast = facts.seen(fast_probe, fast_metric, fast_labels)?;
    let times =
        if pair.goal == Goal::Higher { fast.range().over(slow.range()) } else { slow.range().over(fast.range()) };
    if !times.is_finite() || times.value < limits.of("ratio") {
        return Ok(None);
    }
    let (cause, action) = say(&slow.text(), &fast.text(), &Unit::Count.format(times.value));
    let mut draft = Draft::new(&slow.step, pair.resource)
        .on(&[&slow, &fast])
        .shown(derived(ratio_of(&slow, &fast, pair.goal), facts.id(), times, Unit::Count, limits.at_least("ratio")))
        .cause(cause)
        .action(action)
        .gain(ratio(pair.of, &slow, &fast, pair.goal));
    if pair.tried && slow_metric == fast_metric {
        let trial = |probe: &str, options: &[(&str, &str)]| Trial {
            probe: probe.to_owned(),
            options: options.iter().copied().collect::<Labels>(),
        };
        draft = draft.experiment(Experiment {
            before: trial(slow_probe, slow_labels),
            after: trial(fast_probe, fast_labels),
            metric: (*slow_metric).to_owned(),
            predicted: times.within(1.0, 1e6),
            changes: None,
        });
    }
    Ok(Some(draft))
}

fn ratio_of(slow: &Seen, fast: &Seen, goal: Goal) -> String {
    let (above, below) = if goal == Goal::Higher { (fast, slow) } else { (slow, fast) };
    format!("{} / {}", above.source, below.source)
}
