//! 500 simulated nights: who is told what, and when.

use super::nights::{Truth, live};

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
        // The promise is two nights; `benches/claims/nightly` holds it over many histories, and says by how much it is missed.
        assert!(began.abs_diff(regression.from) <= 5, "{regression:?} began with night {began}?");
    }
    assert_eq!(told.times, [1, 1, 1], "once each");
    assert!(told.wrong.len() <= 1, "{:#?}", told.wrong);
    assert_eq!(told.environment, [truth.machine, truth.kernel], "one notice each");
    assert!(told.messages.len() <= 3 + 1 + 2 + told.recoveries, "{} messages", told.messages.len());
    assert!(told.recoveries >= 1, "the first one was mended");
}
