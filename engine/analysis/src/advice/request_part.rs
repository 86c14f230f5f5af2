//! Rules of one shape: a part of a request that only some of them need, its time, as often as it comes, over all of the
//! response time.

use engine_core::finding::{Range, Resource};
use engine_core::measurement::Stat;
use engine_core::unit::Unit;

use super::seen::derived;
use super::{Checked, Draft, Facts, Limits, Seen, overhead};

/// A part of a request that only some of them need.
pub(crate) struct RequestPart {
    /// Its metric in a load.
    pub(crate) metric: &'static str,
    /// What a request does that needs it, in words.
    pub(crate) did: &'static str,
    /// What to do about it.
    pub(crate) action: &'static str,
    /// What the other side takes for it, where the run measured that: a client sees only the time until its own side is done.
    pub(crate) other: fn(&Facts<'_>) -> Option<Seen>,
}

/// Looks at every load: the part's mean times how often it came, over the mean response, is at least the limit `share`.
pub(crate) fn part_of_requests(facts: &Facts<'_>, limits: &Limits<'_>, of: &RequestPart) -> Checked {
    let metric = of.metric;
    let mut drafts = Vec::new();
    for load in facts.some_loads()? {
        let (Ok(part), Ok(count)) = (load.seen(metric, Stat::Mean), load.seen(metric, Stat::Count)) else { continue };
        let (response, requests) = (load.seen("response", Stat::Mean)?, load.seen("response", Stat::Count)?);
        let often = count.value / requests.value.max(1.0);
        // What a client sees is its own side of it. What another target took for the other side stands for this one's, which may
        // need none of it.
        let other = (of.other)(facts);
        let own = part.range();
        let cost = match other.as_ref().map(Seen::range) {
            Some(other) => Range::new(own.value + other.value.max(0.0), own.low, own.high + other.high.max(0.0)),
            None => own,
        };
        let share = cost.over(response.range()).map(|share| (share * often).clamp(0.0, 0.95));
        if share.value < limits.of("share") {
            continue;
        }
        let theirs = if other.is_some() { format!("({metric} + other side)") } else { metric.to_owned() };
        let from = format!("{theirs} x how often / response");
        let mut inputs = vec![part.input(metric), response.input("response")];
        inputs.extend(other.iter().map(|other| other.input("other side")));
        let both = other
            .as_ref()
            .map_or_else(String::new, |other| format!(" and {} on the other side (measured apart)", other.text()));
        let mut draft = Draft::new(load.path(), Resource::Network).on(&[&part, &response]);
        if let Some(other) = &other {
            draft = draft.on(&[other]);
        }
        drafts.push(
            draft
                .shown(derived(&from, facts.id(), share, Unit::Ratio, limits.at_least("share")))
                .cause(format!(
                    "{} of the requests {}, in {} on average{both}, of a response of {}",
                    Unit::Ratio.format(often.min(1.0)),
                    of.did,
                    part.text(),
                    response.text()
                ))
                .action(of.action)
                .gain(overhead("a request", share, &from, inputs)),
        );
    }
    Ok(Draft::strongest(drafts))
}
