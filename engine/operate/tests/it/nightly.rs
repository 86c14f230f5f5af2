//! 500 simulated nights: who is told what, and when.

use engine_core::notice::{Message, NoticeKind};

use super::nights::{Regression, Told, Truth, live};

#[test]
fn three_regressions_in_five_hundred_nights_are_told_once_each_and_nobody_is_flooded() {
    let truth = Truth::usual();
    let told = live(&truth, 1);
    for (regression, found) in truth.regressions.iter().zip(&told.found) {
        let (began, delay) = found.unwrap_or_else(|| panic!("{regression:?} was never told: {:?}", told.wrong));
        println!(
            "a regression of {:.0} % with night {}: told after {delay} runs ({} hours), as beginning with night {began}",
            regression.size * 100.0,
            regression.from,
            delay * 24
        );
        assert!(began.abs_diff(regression.from) <= 2, "{regression:?} began with night {began}?");
    }
    assert_eq!(told.times, [1, 1, 1], "once each");
    assert!(told.wrong.len() <= 1, "{:#?}", told.wrong);
    assert_eq!(told.environment, [truth.machine, truth.kernel], "one notice each");
    assert!(told.messages.len() <= 3 + 1 + 2 + told.recoveries, "{} messages", told.messages.len());
    assert!(told.recoveries >= 1, "the first one was mended");
}

#[test]
fn a_regression_beside_a_change_of_the_environment_is_told_once_and_nothing_else_is() {
    for slower in [0.0, 0.03] {
        for seed in 1..=5 {
            let truth = beside(slower);
            let told = live(&truth, seed);
            let messages = since(&told, truth.kernel);
            let context = format!("{slower}, seed {seed}: {:#?}", told.wrong);
            assert_eq!((told.environment.as_slice(), told.times.as_slice()), (&[40][..], &[1][..]), "{context}");
            assert_eq!(messages.len(), 2, "{context}");
            let message = messages[1];
            let item = &message.notice.items[0];
            let causes = item.causes.join("\n");
            for part in ["while 5 others moved by", "the code changed: ", "finding measurement.debug_build: "] {
                assert!(causes.contains(part), "{part} is not in {causes}");
            }
            for command in
                ["engine explain v", "engine alerts show a", "engine trend '", "engine compare ", "engine advise "]
            {
                assert!(item.look.iter().any(|look| look.starts_with(command)), "{command} is not in {:?}", item.look);
            }
            assert!(item.size.is_some() && item.since.is_some() && item.against.is_some(), "{item:?}");
        }
    }
}

#[test]
fn a_kernel_that_makes_everything_slower_is_one_notice() {
    for seed in 1..=5 {
        let truth = Truth { regressions: Vec::new(), ..beside(0.06) };
        let told = live(&truth, seed);
        let messages = since(&told, truth.kernel);
        assert_eq!((told.environment.as_slice(), messages.len()), (&[40][..], 1), "seed {seed}: {:#?}", told.wrong);
    }
}

#[test]
fn what_was_mended_and_made_again_is_told_again() {
    for seed in 1..=3 {
        let regression = |from, until| Regression { series: 1, from, until, size: 0.06 };
        let regressions = vec![regression(40, 70), regression(100, 130)];
        let truth =
            Truth { nights: 130, series: 2, regressions, machine: usize::MAX, kernel: usize::MAX, ..Truth::usual() };
        let told = live(&truth, seed);
        assert_eq!((told.times.as_slice(), told.recoveries), (&[1, 1][..], 1), "seed {seed}: {:#?}", told.wrong);
        assert_eq!(told.wrong, [], "seed {seed}");
        for (regression, found) in truth.regressions.iter().zip(&told.found) {
            let (began, delay) = found.unwrap_or_else(|| panic!("{regression:?} was never told"));
            assert!(began.abs_diff(regression.from) <= 2 && delay <= 15, "{regression:?}: {began}, {delay} runs later");
        }
    }
}

/// 60 nights of six series, with another kernel on the 40th that makes everything slower by so much, and one regression
/// two nights later.
fn beside(slower: f64) -> Truth {
    let regression = Regression { series: 3, from: 42, until: 60, size: 0.08 };
    Truth {
        nights: 60,
        regressions: vec![regression],
        machine: usize::MAX,
        kernel: 40,
        slower,
        debug: true,
        ..Truth::usual()
    }
}

/// What was told from a night on, but that something is well again.
fn since(told: &Told, night: usize) -> Vec<&Message> {
    let new = |(at, message): &&(usize, Message)| *at >= night && message.notice.kind != NoticeKind::Recovery;
    told.messages.iter().filter(new).map(|(_, message)| message).collect()
}
