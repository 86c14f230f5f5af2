//! Notes for GitHub.

use engine_report::{Report, Unsure, github};
use insta::assert_snapshot;

use crate::fixture;

#[test]
fn what_failed_is_shown_at_its_line() {
    let record = fixture::run();
    assert_snapshot!(github::annotations(&Report::of(&record)));
}

#[test]
fn an_unsure_expectation_counts_as_the_user_says() {
    let record = fixture::run();
    let errors = |unsure| {
        let text = github::annotations(&Report { unsure, ..Report::of(&record) });
        (text.matches("::error ").count(), text.matches("title=expectation unsure").count())
    };
    assert_eq!(errors(Unsure::Unsure), (3, 1));
    assert_eq!(errors(Unsure::Fail), (4, 1));
    assert_eq!(errors(Unsure::Pass), (3, 0));
}

#[test]
fn a_clean_run_has_no_notes() {
    let mut record = fixture::partial();
    record.notes.clear();
    assert_eq!(github::annotations(&Report::of(&record)), "");
}
