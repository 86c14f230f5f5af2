//! Waits that come of variation: a few long requests among short ones, or arrivals in bursts. By Kingman's formula a wait is
//! in proportion to the sum of the squared variations of arrivals and of service.

use crate::advice::{Variation, arrivals, wait};
use crate::rules::prelude::*;

/// Kingman's wait and the measured one may differ by so many times, before the formula is not believed.
const APART: f64 = 2.0;

/// The rule.
pub(crate) static RULE: Rule = Rule {
    about: About {
        id: "service.variation",
        title: "Requests wait because work or arrivals vary much",
        looks_at: "wait of a load at least `wait` of its mean `response`, while the squared variation of the response where nobody waits, or of the requests that begin in each second, is at least `varies` (one is random)",
        needs: "a load of ten seconds or more at arrivals of its own, with a part of low load (a ramp) or a sweep over users in the same run: `engine run load`",
        model: "Kingman: the wait is in proportion to the sum of both squared variations; each above one comes down to one, where the formula with some number of workers gives the measured wait within a factor of two",
        effort: Effort::Days,
        wrong_when: "long requests are long because they meet each other (a lock), not by themselves",
        limits: &[
            LimitDef::new("wait", 0.3, Unit::Ratio, "wait over response"),
            LimitDef::new("varies", 2.0, Unit::Count, "squared coefficient of variation"),
        ],
    },
    check,
};

fn check(facts: &Facts<'_>, limits: &Limits<'_>) -> Checked {
    let (mut drafts, mut asked, mut lacking) = (Vec::new(), false, None);
    for load in facts.some_loads()?.iter().filter(|load| !load.is_closed()) {
        let parts = || -> Result<_, Missing> {
            Ok((load.unloaded(facts)?, Variation::of_service(load, facts)?, arrivals(load)?))
        };
        let (service, work, comes) = match parts() {
            Ok(parts) => parts,
            Err(missing) => {
                lacking = Some(missing);
                continue;
            }
        };
        asked = true;
        let (rate, response, part) = load.loaded()?;
        let share = service.range().over(response.range()).map(|part| (1.0 - part).clamp(0.0, 0.99));
        let most = if work.range.value >= comes.range.value { work.range } else { comes.range };
        if share.value < limits.of("wait") || most.value < limits.of("varies") {
            continue;
        }
        let sum = |a: Range, b: Range| Range::new(a.value + b.value, a.low + b.low, a.high + b.high);
        let variation = sum(work.range, comes.range);
        let calm = sum(work.range.within(0.0, 1.0), comes.range.within(0.0, 1.0));
        let measured = response.value - service.value;
        let model = wait(rate.value, service.value, variation.value, measured);
        let fits = model.filter(|(_, wait)| (1.0 / APART..=APART).contains(&(wait / measured)));
        let gain = match fits {
            Some((workers, wait)) => kingman(
                "a response",
                (variation, calm),
                &service,
                &response,
                &format!("Kingman's own wait, with about {workers} at work at once, is {}", Unit::Seconds.format(wait)),
            ),
            None => unknown("Kingman's formula gives no wait near the measured one with any number of workers"),
        };
        let (why, what) = if work.range.value >= comes.range.value {
            (
                "some take many times as long as most",
                "give the long requests workers and a queue of their own, cut them into pieces (pages, streams), or end them by a time-out",
            )
        } else {
            (
                "they come in bursts",
                "spread what comes at once: random pauses for timers and retries, a queue that lets in at an even rate, fewer requests of one page at the same time",
            )
        };
        drafts.push(
            Draft::new(load.path(), Resource::Workers)
                .on(&[&response, &service, &rate])
                .shown(derived("1 - unloaded / response", facts.id(), share, Unit::Ratio, limits.at_least("wait")))
                .shown(derived("greater squared variation, of work or of arrivals", facts.id(), most, Unit::Count, limits.at_least("varies")))
                .cause(format!(
                    "a response takes {} where {} are work: {why} (squared variation {:.2} of the work over {} requests, {:.2} of the arrivals over {} seconds; 1 is random)",
                    response.text(),
                    service.text(),
                    work.range.value,
                    work.samples,
                    comes.range.value,
                    comes.samples
                ))
                .action(what)
                .fit(0.7, "that long requests can be kept apart is assumed")
                .gain(part_of(gain, part, "of the response time is at the highest rates")),
        );
    }
    match (asked, lacking) {
        (false, Some(missing)) => Err(missing),
        (false, None) => Err(Missing::of("no load with arrivals of its own")),
        (true, _) => Ok(Draft::strongest(drafts)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::advice::fixture::*;

    /// A load of 80 requests a second for one worker of 10 ms; `long` milliseconds for one in seventeen, and seconds that differ
    /// by twice `apart`.
    fn run(response: f64, long: u64, apart: f64) -> Made {
        let service = times("response", &[(5e-3, 1600), (long as f64 * 1e-3, 100)]);
        let level = engine_core::measurement::Measurement { labels: [("users", "1")].into_iter().collect(), ..service };
        let metrics = [times("response", &[(response, 1600)]), m("rate", Unit::PerSecond, 80.0)];
        let rates: Vec<f64> = (0..21).map(|at| if at % 2 == 0 { 80.0 + apart } else { 80.0 - apart }).collect();
        Made::new().cpus(4).sweep("users", &[1.0, 4.0], &[level]).load("shop", &metrics, &rates)
    }

    #[test]
    fn work_of_two_lengths_is_the_formula_of_pollaczek_and_khinchine() {
        // Squared variation 4 of the work and 1 of the arrivals: W = 100 ms. With 1 and 1 it is 40 ms: 110 / 50.
        let found = fires(
            &RULE,
            run(0.11, 90, 8.9),
            &["4.00 of the work", "1700 requests", "queue of their own", "with about 1 at work at once, is 9"],
        );
        let gain = found.gain.modelled().expect("a model");
        assert_eq!(gain.model, engine_core::finding::Model::Kingman);
        assert!((gain.speedup.value - 2.2).abs() < 0.1, "{gain:?}");
        // Work that varies hardly, arrivals at random: no matter of variation.
        quiet(&RULE, run(0.11, 6, 8.9));
        // It varies, and nobody waits for it.
        quiet(&RULE, run(0.012, 90, 8.9));
        lacking(&RULE);
    }

    #[test]
    fn bursts_are_told_from_long_requests() {
        // Seconds of 120 and of 40: dispersion 21, while the work does not vary.
        fires(&RULE, run(0.12, 5, 40.0), &["come in bursts", "of the arrivals over 20 seconds", "random pauses"]);
    }

    #[test]
    fn a_wait_that_is_not_the_formulas_has_no_gain() {
        // Two seconds where Kingman expects a tenth.
        let found = fires(&RULE, run(2.0, 90, 8.9), &["2 s"]);
        assert!(found.gain.modelled().is_none(), "{:?}", found.gain);
    }
}
