use engine_core::finding::{Level, Potential, Range};
use engine_core::unit::Unit;

use super::fixture::*;
use super::*;
use crate::rules::rules;

/// A service that waits for a sync, and makes connections: two resources, in one load.
fn shop(connects: u64) -> Made {
    Made::new().cpus(2).probe("storage.fsync", "method=fdatasync", &[m("latency", Unit::Seconds, 5e-3)]).load(
        "shop",
        &[
            times("service", &[(0.010, 2000)]),
            times("response", &[(0.010, 2000)]),
            times("connect", &[(0.002, connects)]),
            ones("target.written", Unit::BytesPerSecond, &[1e6; 5]),
        ],
        &[200.0],
    )
}

fn of(run: Made) -> Advice {
    advise(&run.record(), &rules(), &Settings::default())
}

fn score(advice: &Advice, rule: &str) -> f64 {
    advice.findings.iter().find(|finding| finding.rule == rule).map_or(f64::NAN, |finding| finding.priority.score)
}

#[test]
fn findings_of_the_users_own_work_are_ranked_by_what_they_save() {
    let advice = of(shop(2000));
    let first = &advice.findings[0];
    assert!(matches!(first.priority.level, Level::Critical | Level::High), "{:#?}", first.priority);
    assert!(first.priority.calculation.contains("x confidence"), "{}", first.priority.calculation);
    let rules: Vec<&str> = advice.findings.iter().map(|finding| finding.rule.as_str()).collect();
    assert!(rules.contains(&"storage.fsync_share") && rules.contains(&"network.connection_reuse"), "{rules:?}");
    let later = advice.findings.iter().filter(|finding| finding.gain.saved().is_some()).nth(1).expect("a second");
    assert!(later.priority.calculation.contains("of what is left after"), "{}", later.priority.calculation);
}

#[test]
fn time_of_one_resource_is_counted_once() {
    let range = |saved: f64| Range::new(saved, 0.8 * saved, saved);
    let Potential::Known { value, interval, rules, .. } = of(shop(2000)).potential else { panic!("it is known") };
    // fsync: half of the time, 8 times cheaper: 0.4375; connections: a fifth.
    let (sync, connect) = (range(0.4375), range(0.2));
    assert!((value - sync.value - connect.value).abs() < 0.02, "{value} of {rules:?}");
    assert!(
        interval.low <= sync.value + 1e-9 && interval.low > connect.value,
        "at least the largest alone: {interval:?}"
    );
    assert!(interval.high >= value && interval.high < 1.0);
}

#[test]
fn an_operation_of_the_machine_is_ranked_low_until_its_share_is_given() {
    let run = || {
        Made::new()
            .probe("tool.ladder", "layer=spawn", &[m("latency", Unit::Seconds, 1e-3)])
            .probe("tool.ladder", "layer=stdio", &[m("latency", Unit::Seconds, 1e-5)])
            .record()
    };
    let advice = advise(&run(), &rules(), &Settings::default());
    let found = &advice.findings[0];
    assert_eq!((found.rule.as_str(), found.priority.level), ("tool.persistent", Level::Low));
    assert!(found.priority.calculation.contains("the run does not say"), "{}", found.priority.calculation);
    assert!(matches!(&advice.potential, Potential::NotKnown { reason } if reason.contains("--share")));
    let settings = Settings { shares: BTreeMap::from([("tool.persistent".to_owned(), 0.5)]), ..Settings::default() };
    let advice = advise(&run(), &rules(), &settings);
    // Half of the work a hundred times as fast: 49.5 % of the time.
    assert!((advice.findings[0].gain.saved().expect("known").value - 0.495).abs() < 1e-3);
    assert!(score(&advice, "tool.persistent") > 0.2);
}

#[test]
fn a_limit_of_the_configuration_decides() {
    let run = shop(2000).record();
    let limits = BTreeMap::from([("storage.fsync_share.share".to_owned(), 0.9)]);
    let advice = advise(&run, &rules(), &Settings { limits, ..Settings::default() });
    assert!(advice.quiet.iter().any(|rule| rule == "storage.fsync_share"));
}

#[test]
fn a_disturbed_and_invalid_run_is_trusted_less() {
    let sound = of(shop(2000));
    let doubtful = of(shop(2000).changed(|record| {
        record.validity.lower(engine_core::run::ValidityLevel::Invalid, "steal");
    }));
    let of = |advice: &Advice| advice.findings[0].confidence.value;
    assert!(of(&doubtful) < 0.5 * of(&sound));
    assert!(doubtful.findings[0].confidence.because.iter().any(|why| why.contains("invalid")));
}
