use super::*;

const HOUR: i64 = 3_600_000_000;
const DAY: i64 = 24 * HOUR;

fn at(text: &str) -> Timestamp {
    Timestamp(text.parse::<jiff::Timestamp>().unwrap().as_microsecond())
}

pub(crate) fn schedule(cron: &str) -> Schedule {
    Schedule {
        name: "nightly".to_owned(),
        cron: cron.to_owned(),
        zone: "UTC".to_owned(),
        scenario: "quick".to_owned(),
        args: Vec::new(),
        folder: "/".to_owned(),
        enabled: true,
        jitter: 0.0,
        catch_up: true,
        limit: 3600.0,
        busy: None,
        battery: false,
        missing_after: 3600.0,
        confirm: false,
        created: Timestamp(0),
    }
}

fn take(schedule: &Schedule, mark: Timestamp, now: Timestamp, past: Past) -> Option<Step> {
    let cron = Cron::new(&schedule.cron, &schedule.zone).unwrap();
    step(schedule, &cron, Mark { due: mark, checked: mark }, now, past)
}

#[test]
fn a_time_that_has_come_starts_a_run_and_one_that_has_not_does_nothing() {
    let nightly = schedule("0 2 * * *");
    assert_eq!(take(&nightly, at("2026-01-01T03:00:00Z"), at("2026-01-02T01:59:59Z"), Past::default()), None);
    let step = take(&nightly, at("2026-01-01T03:00:00Z"), at("2026-01-02T02:00:20Z"), Past::default()).unwrap();
    let start = step.start.unwrap();
    assert_eq!((start.due, start.cause, start.times), (at("2026-01-02T02:00:00Z"), Cause::Scheduled, 1));
    assert_eq!((step.notes.len(), step.next.due), (0, at("2026-01-02T02:00:00Z")));
}

#[test]
fn downtime_is_made_up_for_by_one_run_or_noted() {
    let mut nightly = schedule("0 2 * * *");
    let (from, to) = (at("2026-01-01T03:00:00Z"), at("2026-01-05T09:00:00Z"));
    let step = take(&nightly, from, to, Past::default()).unwrap();
    let start = step.start.unwrap();
    assert_eq!((start.cause, start.times, start.due), (Cause::CatchUp, 4, at("2026-01-05T02:00:00Z")));
    assert_eq!(step.notes, []);
    nightly.catch_up = false;
    let step = take(&nightly, from, to, Past::default()).unwrap();
    assert_eq!(step.start, None);
    assert_eq!((step.notes[0].ending, step.notes[0].times), (Ending::Missed, 4));
    // A time that has just come is run anyway, and is the one that makes up for the others.
    let step = take(&nightly, from, at("2026-01-05T02:00:30Z"), Past::default()).unwrap();
    assert_eq!(step.start.unwrap().cause, Cause::Scheduled);
    assert_eq!((step.notes[0].ending, step.notes[0].times), (Ending::Missed, 3));
}

#[test]
fn a_run_never_overlaps_itself_and_another_schedule_waits() {
    let hourly = schedule("0 * * * *");
    let (began, ended) = (at("2026-01-01T10:00:00Z"), at("2026-01-01T12:30:00Z"));
    let past = Past { own: Some((began, ended)), held: None };
    let step = take(&hourly, began, ended, past).unwrap();
    assert_eq!(step.start, None);
    assert_eq!((step.notes[0].ending, step.notes[0].times), (Ending::Skipped, 2));
    assert_eq!(step.next.due, at("2026-01-01T12:00:00Z"));
    let past = Past { own: None, held: Some(at("2026-01-01T10:30:00Z")) };
    let mut daily = schedule("0 11 * * *");
    daily.catch_up = false;
    let start = take(&daily, began, ended, past).unwrap().start.unwrap();
    assert_eq!((start.cause, start.reason.as_str()), (Cause::Scheduled, "it waited for another run"));
}

#[test]
fn a_clock_that_was_set_back_is_followed_from_where_it_is() {
    let nightly = schedule("0 2 * * *");
    // A correction of seconds does not give the same time twice.
    assert_eq!(take(&nightly, at("2026-01-02T02:00:00Z"), at("2026-01-02T01:59:58Z"), Past::default()), None);
    let now = at("2026-01-02T02:00:00Z");
    let step = take(&nightly, at("2027-05-01T02:00:00Z"), now, Past::default()).unwrap();
    assert_eq!((step.next, step.start), (Mark { due: now, checked: now }, None));
    assert!(step.notes[0].reason.contains("the clock was set back by 484 d"), "{}", step.notes[0].reason);
    let next = take(&nightly, now, at("2026-01-03T02:00:01Z"), Past::default()).unwrap();
    assert_eq!(next.start.unwrap().due, at("2026-01-03T02:00:00Z"));
}

#[test]
fn a_jitter_is_drawn_from_name_and_time_and_lies_within_its_bounds() {
    let mut nightly = schedule("0 2 * * *");
    nightly.jitter = 600.0;
    let dues: Vec<Timestamp> = (0..500).map(|day| Timestamp(day * DAY + 2 * HOUR)).collect();
    let drawn: Vec<i64> = dues.iter().map(|due| jitter(&nightly, *due)).collect();
    assert!(drawn.iter().all(|put_off| (0..600 * 1_000_000).contains(put_off)));
    assert_eq!(drawn, dues.iter().map(|due| jitter(&nightly, *due)).collect::<Vec<_>>(), "the same each time");
    let mean = drawn.iter().sum::<i64>() / 500 / 1_000_000;
    assert!((250..350).contains(&mean), "spread over the whole: {mean}");
    let due = at("2026-01-02T02:00:00Z");
    let put_off = jitter(&nightly, due);
    let before = Timestamp(due.0 + put_off - 1);
    assert_eq!(
        take(&nightly, Timestamp(due.0 - DAY), before, Past::default()),
        None,
        "not before its jitter has passed"
    );
    assert!(take(&nightly, Timestamp(due.0 - DAY), Timestamp(due.0 + put_off), Past::default()).is_some());
}

#[test]
fn a_year_of_minutes_missed_is_not_counted_for_ever() {
    let minutely = schedule("* * * * *");
    let step = take(&minutely, at("2026-01-01T00:00:00Z"), at("2027-01-01T00:00:00Z"), Past::default()).unwrap();
    assert_eq!(step.next.due, at("2027-01-01T00:00:00Z"));
    assert!(step.start.unwrap().reason.starts_with("10000 or more"));
}
