//! Rules of one shape: a part of a request that only some of them need, its time, as often as it comes, over all of the
//! response time.

use engine_core::finding::Resource;
use engine_core::measurement::Stat;
use engine_core::unit::Unit;

use super::seen::derived;
use super::{Checked, Draft, Facts, Limits, overhead};

/// A part of a request that only some of them need.
pub(crate) struct RequestPart {
    /// Its metric in a load.
    pub(crate) metric: &'static str,
    /// What a request does that needs it, in words.
    pub(crate) did: &'static str,
    /// What to do about it.
    pub(crate) action: &'static str,
}

/// Looks at every load: the part's mean times how often it came, over the mean response, is at least the limit `share`.
pub(crate) fn part_of_requests(facts: &Facts<'_>, limits: &Limits<'_>, of: &RequestPart) -> Checked {
    let metric = of.metric;
    let mut drafts = Vec::new();
    for load in facts.some_loads()? {
        let (Ok(part), Ok(count)) = (load.seen(metric, Stat::Mean), load.seen(metric, Stat::Count)) else { continue };
        let (response, requests) = (load.seen("response", Stat::Mean)?, load.seen("response", Stat::Count)?);
        let often = count.value / requests.value.max(1.0);
        let share = part.range().over(response.range()).map(|share| (share * often).clamp(0.0, 0.95));
        if share.value < limits.of("share") {
            continue;
        }
        let from = format!("{metric} x how often / response");
        drafts.push(
            Draft::new(load.path(), Resource::Network)
                .on(&[&part, &response])
                .shown(derived(&from, facts.id(), share, Unit::Ratio, limits.at_least("share")))
                .cause(format!(
                    "{} of the requests {}, in {} on average, of a response of {}",
                    Unit::Ratio.format(often.min(1.0)),
                    of.did,
                    part.text(),
                    response.text()
                ))
                .action(of.action)
                .gain(overhead("a request", share, &from, vec![part.input(metric), response.input("response")])),
        );
    }
    Ok(Draft::strongest(drafts))
}
