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
    /// What it costs with both sides of it, where the run measured that: a client sees only the time until its own side is done.
    pub(crate) whole: fn(&Facts<'_>) -> Option<Seen>,
}

/// Looks at every load: the part's mean times how often it came, over the mean response, is at least the limit `share`.
pub(crate) fn part_of_requests(facts: &Facts<'_>, limits: &Limits<'_>, of: &RequestPart) -> Checked {
    let metric = of.metric;
    let mut drafts = Vec::new();
    for load in facts.some_loads()? {
        let (Ok(part), Ok(count)) = (load.seen(metric, Stat::Mean), load.seen(metric, Stat::Count)) else { continue };
        let (response, requests) = (load.seen("response", Stat::Mean)?, load.seen("response", Stat::Count)?);
        let often = count.value / requests.value.max(1.0);
        // What a client sees is its own side; where both sides were measured, their sum counts the client's twice, so that the
        // truth lies between the lesser of both and the sum.
        let whole = (of.whole)(facts);
        let cost = match &whole {
            Some(whole) => {
                let (own, both) = (part.range(), whole.range());
                Range::new(own.value.max(both.value), own.low.min(both.low), own.high + both.high)
            }
            None => part.range(),
        };
        let share = cost.over(response.range()).map(|share| (share * often).clamp(0.0, 0.95));
        if share.value < limits.of("share") {
            continue;
        }
        let from = format!("{metric} x how often / response");
        let mut inputs = vec![part.input(metric), response.input("response")];
        inputs.extend(whole.iter().map(|whole| whole.input("both sides")));
        let both = whole
            .as_ref()
            .map_or_else(String::new, |whole| format!(" ({} with the other side, measured apart)", whole.text()));
        let mut draft = Draft::new(load.path(), Resource::Network).on(&[&part, &response]);
        if let Some(whole) = &whole {
            draft = draft.on(&[whole]);
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
