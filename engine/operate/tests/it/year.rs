//! A simulated year of schedules against a second implementation: one that walks through the minutes of the year and asks
//! of each whether its local time fits.

use std::cell::RefCell;
use std::time::Duration;

use engine_core::clock::{Clock, SimulatedClock};
use engine_core::run::Timestamp;
use engine_core::schedule::{Cause, Ending, Occurrence, Schedule};
use engine_operate::conditions::Conditions;
use engine_operate::{Cron, Finished, Lock, Scheduler, Starter};
use engine_store::Store;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

const MINUTE: i64 = 60_000_000;
const DAY: i64 = 1440 * MINUTE;

fn at(text: &str) -> Timestamp {
    Timestamp(text.parse::<jiff::Timestamp>().unwrap().as_microsecond())
}

pub(crate) fn schedule(name: &str, cron: &str, zone: &str) -> Schedule {
    Schedule {
        name: name.to_owned(),
        cron: cron.to_owned(),
        zone: zone.to_owned(),
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

/// A free machine.
#[derive(Debug)]
struct Free;

impl Conditions for Free {
    fn on_battery(&self) -> bool {
        false
    }
    fn busy(&self) -> Option<f64> {
        Some(0.0)
    }
}

/// Runs that take a time of the simulated clock.
struct Runs<'a> {
    clock: &'a SimulatedClock,
    takes: Duration,
    started: RefCell<Vec<(String, Timestamp, Occurrence)>>,
}

impl Starter for Runs<'_> {
    fn run(&mut self, schedule: &Schedule, occurrence: &Occurrence, _: &Lock) -> Finished {
        self.started.borrow_mut().push((schedule.name.clone(), self.clock.wall(), occurrence.clone()));
        self.clock.advance(self.takes);
        Finished { ending: Ending::Ran, exit: Some(0), reason: String::new() }
    }
}

/// Follows schedules from one moment to another; while `down` holds, nobody looks.
fn follow(
    schedules: &[Schedule],
    (from, to): (Timestamp, Timestamp),
    takes: Duration,
    down: &dyn Fn(Timestamp) -> bool,
) -> (Vec<(String, Timestamp, Occurrence)>, Store, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let mut store = Store::open(folder.path().join("s.db")).unwrap();
    let clock = SimulatedClock::new(from);
    for schedule in schedules {
        store.add_schedule(schedule, from).unwrap();
    }
    let mut runs = Runs { clock: &clock, takes, started: RefCell::default() };
    let mut scheduler = Scheduler::new(&clock, &Free, &folder.path().join("run.lock"), "m1");
    while clock.wall() < to {
        if down(clock.wall()) {
            clock.advance(Duration::from_secs(600));
            continue;
        }
        let next = scheduler.tick(&mut store, &mut runs).unwrap().next;
        let wait = next.map_or(DAY, |next| (next.0 - clock.wall().0).clamp(1, DAY));
        clock.advance(Duration::from_micros(u64::try_from(wait).unwrap()));
    }
    (runs.started.into_inner(), store, folder)
}

/// Every minute of a span whose local time fits, by walking: of a time that the clock shows twice the first, of one that
/// it leaves out the moment of the jump.
fn walked(
    zone: &str,
    (from, to): (Timestamp, Timestamp),
    fits: &dyn Fn(DateTime) -> bool,
    fixed: bool,
) -> Vec<Timestamp> {
    let zone = TimeZone::get(zone).unwrap();
    let local = |at: i64| jiff::Timestamp::from_microsecond(at).unwrap().to_zoned(zone.clone());
    let mut all = Vec::new();
    let mut moment = from.0 + MINUTE;
    while moment <= to.0 {
        let (before, now) = (local(moment - MINUTE), local(moment));
        let (offset_before, offset) = (before.offset().seconds(), now.offset().seconds());
        let mut hit = fits(now.datetime());
        if fixed {
            // Shown for the second time: the clock of an earlier moment with the offset before showed the same.
            let earlier = local(moment - i64::from(3600) * 1_000_000);
            if hit && earlier.datetime() == now.datetime() {
                hit = false;
            }
            // The jump: every minute that it leaves out is asked for here.
            if offset > offset_before {
                let mut skipped = before.datetime();
                loop {
                    skipped = skipped.checked_add(jiff::Span::new().minutes(1)).unwrap();
                    if skipped >= now.datetime() {
                        break;
                    }
                    hit |= fits(skipped);
                }
            }
        }
        if hit {
            all.push(Timestamp(moment));
        }
        moment += MINUTE;
    }
    all
}

/// A leap year, in which the zones change their clocks both ways.
fn year() -> (Timestamp, Timestamp) {
    (at("2027-12-31T12:00:00Z"), at("2029-01-01T12:00:00Z"))
}

#[test]
fn times_of_a_leap_year_are_those_that_walking_through_its_minutes_finds() {
    type Fits = fn(DateTime) -> bool;
    let cases: &[(&str, &str, bool, Fits)] = &[
        ("0 2 * * *", "Europe/Berlin", true, |t| (t.hour(), t.minute()) == (2, 0)),
        ("30 2 * * *", "Europe/Berlin", true, |t| (t.hour(), t.minute()) == (2, 30)),
        ("30 1 * * *", "America/New_York", true, |t| (t.hour(), t.minute()) == (1, 30)),
        ("15 2 * * *", "Australia/Lord_Howe", true, |t| (t.hour(), t.minute()) == (2, 15)),
        ("0 */6 * * *", "Europe/Berlin", false, |t| t.hour() % 6 == 0 && t.minute() == 0),
        ("*/30 * * * *", "Europe/Berlin", false, |t| t.minute() % 30 == 0),
        ("0 0 29 2 *", "UTC", true, |t| (t.month(), t.day(), t.hour(), t.minute()) == (2, 29, 0, 0)),
        ("0 12 31 * *", "Asia/Kolkata", true, |t| (t.day(), t.hour(), t.minute()) == (31, 12, 0)),
        ("0 3 * * 1", "Europe/Berlin", true, |t| {
            t.weekday() == jiff::civil::Weekday::Monday && (t.hour(), t.minute()) == (3, 0)
        }),
        ("0 4 13 * 5", "UTC", true, |t| {
            (t.day() == 13 || t.weekday() == jiff::civil::Weekday::Friday) && (t.hour(), t.minute()) == (4, 0)
        }),
    ];
    for (pattern, zone, fixed, fits) in cases {
        let cron = Cron::new(pattern, zone).unwrap();
        let (from, to) = year();
        let found: Vec<Timestamp> = cron.times(from).take_while(|time| *time <= to).collect();
        let walked = walked(zone, (from, to), fits, *fixed);
        let odd: Vec<String> = found
            .iter()
            .filter(|time| !walked.contains(time))
            .chain(walked.iter().filter(|time| !found.contains(time)))
            .map(|time| cron.local(*time))
            .collect();
        assert_eq!(odd, [""; 0], "{pattern} in {zone}: {} found, {} walked", found.len(), walked.len());
    }
}

#[test]
fn a_year_of_schedules_starts_exactly_the_runs_it_should() {
    let schedules = [
        schedule("full", "0 2 * * *", "Europe/Berlin"),
        schedule("quick", "0 */6 * * *", "UTC"),
        schedule("review", "0 3 * * 1", "America/New_York"),
        schedule("leap", "0 0 29 2 *", "UTC"),
    ];
    let (from, to) = year();
    let (started, ..) = follow(&schedules, (from, to), Duration::from_secs(300), &|_| false);
    for schedule in &schedules {
        let cron = Cron::new(&schedule.cron, &schedule.zone).unwrap();
        let wanted: Vec<Timestamp> = cron.times(from).take_while(|time| *time < to).collect();
        let own: Vec<&Occurrence> =
            started.iter().filter(|(name, ..)| *name == schedule.name).map(|(.., occurrence)| occurrence).collect();
        let dues: Vec<Timestamp> = own.iter().map(|occurrence| occurrence.due).collect();
        assert_eq!(dues, wanted, "{}", schedule.name);
        assert!(own.iter().all(|occurrence| occurrence.cause == Cause::Scheduled && occurrence.times == 1));
    }
    let days = 366 + 1;
    assert_eq!(started.iter().filter(|(name, ..)| name == "full").count(), days, "each night once, in a leap year");
    assert_eq!(started.iter().filter(|(name, ..)| name == "leap").count(), 1);
}

#[test]
fn no_two_runs_overlap_and_none_is_lost_when_they_meet() {
    let schedules =
        [schedule("a", "0 2 * * *", "UTC"), schedule("b", "0 2 * * *", "UTC"), schedule("c", "30 2 * * *", "UTC")];
    let takes = Duration::from_secs(2400);
    let (started, ..) = follow(&schedules, (at("2026-03-01T00:00:00Z"), at("2026-03-31T00:00:00Z")), takes, &|_| false);
    let takes = i64::try_from(takes.as_micros()).unwrap();
    assert!(started.windows(2).all(|pair| pair[1].1.0 - pair[0].1.0 >= takes), "one at a time");
    for name in ["a", "b", "c"] {
        assert_eq!(started.iter().filter(|(own, ..)| own == name).count(), 30, "{name}");
    }
}

#[test]
fn a_run_that_outlasts_its_period_skips_and_does_not_pile_up() {
    let schedules = [schedule("hourly", "0 * * * *", "UTC")];
    let span = (at("2026-03-01T00:30:00Z"), at("2026-03-02T00:30:00Z"));
    let (started, store, _folder) = follow(&schedules, span, Duration::from_secs(5400), &|_| false);
    assert_eq!(started.len(), 12, "every second hour");
    let skipped = store.occurrences(None, 100).unwrap().into_iter().filter(|one| one.ending == Ending::Skipped);
    assert_eq!(skipped.map(|one| one.times).sum::<u32>(), 11, "the twelfth comes after the end");
}

#[test]
fn downtime_gives_one_catch_up_run_and_an_honest_history() {
    let (from, to) = (at("2026-03-01T00:00:00Z"), at("2026-04-01T00:00:00Z"));
    let down = |now: Timestamp| (at("2026-03-10T12:00:00Z")..at("2026-03-17T12:00:00Z")).contains(&now);
    let mut other = schedule("strict", "0 2 * * *", "UTC");
    other.catch_up = false;
    let (started, store, _folder) =
        follow(&[schedule("nightly", "0 2 * * *", "UTC"), other], (from, to), Duration::from_secs(60), &down);
    let of =
        |name: &str| started.iter().filter(|(own, ..)| own == name).map(|(.., one)| one.clone()).collect::<Vec<_>>();
    let caught: Vec<Occurrence> = of("nightly").into_iter().filter(|one| one.cause == Cause::CatchUp).collect();
    assert_eq!((caught.len(), caught[0].times, caught[0].due), (1, 7, at("2026-03-17T02:00:00Z")));
    assert_eq!(of("nightly").len(), 31 - 7 + 1);
    assert_eq!(of("strict").len(), 31 - 7);
    let missed = store.occurrences(Some("strict"), 100).unwrap();
    assert_eq!(missed.iter().filter(|one| one.ending == Ending::Missed).map(|one| one.times).sum::<u32>(), 7);
}

/// A store with one nightly schedule, at a moment.
fn nightly(now: &str) -> (Store, SimulatedClock, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let mut store = Store::open(folder.path().join("s.db")).unwrap();
    let mut schedule = schedule("nightly", "0 2 * * *", "UTC");
    schedule.created = at(now);
    store.add_schedule(&schedule, at(now)).unwrap();
    (store, SimulatedClock::new(at(now)), folder)
}

#[test]
fn a_timer_and_a_scheduler_start_each_run_once_between_them() {
    let (mut store, clock, folder) = nightly("2026-03-01T00:00:00Z");
    let mut runs = Runs { clock: &clock, takes: Duration::from_secs(60), started: RefCell::default() };
    let lock = folder.path().join("run.lock");
    let mut one = Scheduler::new(&clock, &Free, &lock, "m1");
    let mut other = Scheduler::new(&clock, &Free, &lock, "m1");
    for day in 0..10 {
        clock.advance(Duration::from_secs(2 * 3600));
        if day % 2 == 0 {
            assert_eq!(one.tick(&mut store, &mut runs).unwrap().noted.len(), 1);
            assert_eq!(other.run_due(&mut store, &mut runs, "nightly", Duration::ZERO).unwrap(), []);
        } else {
            assert_eq!(other.run_due(&mut store, &mut runs, "nightly", Duration::ZERO).unwrap().len(), 1);
            assert_eq!(one.tick(&mut store, &mut runs).unwrap().noted, []);
        }
        clock.advance(Duration::from_secs(22 * 3600 - 60));
    }
    assert_eq!(runs.started.borrow().len(), 10);
}

#[test]
fn a_run_waits_for_the_lock_of_another_process_and_is_not_lost() {
    let (mut store, clock, folder) = nightly("2026-03-01T01:00:00Z");
    let mut runs = Runs { clock: &clock, takes: Duration::from_secs(60), started: RefCell::default() };
    let path = folder.path().join("run.lock");
    let mut scheduler = Scheduler::new(&clock, &Free, &path, "m1");
    let lock = Lock::take(&path, "somebody else").unwrap();
    clock.advance(Duration::from_secs(3600));
    for _ in 0..60 {
        assert_eq!(scheduler.tick(&mut store, &mut runs).unwrap().noted, []);
        clock.advance(Duration::from_secs(30));
    }
    drop(lock);
    let noted = scheduler.tick(&mut store, &mut runs).unwrap().noted;
    assert_eq!((noted.len(), noted[0].cause, noted[0].ending), (1, Cause::Scheduled, Ending::Ran));
}

/// A machine that is not free.
#[derive(Debug)]
struct Busy(f64, bool);

impl Conditions for Busy {
    fn on_battery(&self) -> bool {
        self.1
    }
    fn busy(&self) -> Option<f64> {
        Some(self.0)
    }
}

#[test]
fn a_busy_machine_and_one_on_battery_skip_with_the_reason_and_three_skips_are_an_alert() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = Store::open(folder.path().join("s.db")).unwrap();
    let now = at("2026-03-01T00:00:00Z");
    let clock = SimulatedClock::new(now);
    let wanted = Schedule { busy: Some(0.3), battery: true, created: now, ..schedule("nightly", "0 2 * * *", "UTC") };
    store.add_schedule(&wanted, now).unwrap();
    let mut runs = Runs { clock: &clock, takes: Duration::from_secs(60), started: RefCell::default() };
    let alerts = |store: &Store| store.alerts(&engine_store::AlertFilter::default()).unwrap();
    let mut reasons = Vec::new();
    for (day, machine) in [Busy(0.9, false), Busy(0.0, true), Busy(0.31, false), Busy(0.3, false)].iter().enumerate() {
        clock.advance(Duration::from_secs(if day == 0 { 7200 } else { 86_400 }));
        let mut scheduler = Scheduler::new(&clock, machine, &folder.path().join("lock"), "m1");
        let noted = scheduler.tick(&mut store, &mut runs).unwrap().noted;
        reasons.push(noted[0].reason.clone());
        assert_eq!(alerts(&store).len(), usize::from(day == 2), "day {day}");
    }
    assert_eq!(
        reasons,
        [
            "other work uses 90 % of the processors, the limit is 30 %",
            "the machine runs on battery",
            "other work uses 31 % of the processors, the limit is 30 %",
            ""
        ]
    );
    assert_eq!(runs.started.borrow().len(), 1);
}

#[test]
fn a_run_that_does_not_come_raises_one_alert_until_one_comes() {
    let (mut store, clock, folder) = nightly("2026-03-01T00:00:00Z");
    let mut runs = Runs { clock: &clock, takes: Duration::from_secs(60), started: RefCell::default() };
    let mut scheduler = Scheduler::new(&clock, &Free, &folder.path().join("lock"), "m1");
    let alerts =
        |store: &Store| store.alerts(&engine_store::AlertFilter { resolved: true, ..Default::default() }).unwrap();
    clock.advance(Duration::from_secs(2 * 3600 + 3599));
    scheduler.watch(&mut store).unwrap();
    assert_eq!(alerts(&store).len(), 0, "it may still come");
    for _ in 0..5 {
        clock.advance(Duration::from_secs(3600));
        scheduler.watch(&mut store).unwrap();
    }
    let raised = alerts(&store);
    assert_eq!((raised.len(), raised[0].rule.name(), raised[0].state.name()), (1, "missing-run", "firing"));
    assert!(raised[0].summary.contains("2026-03-01 02:00:00 UTC has not come"), "{}", raised[0].summary);
    // Somebody says that it is over; the next look does not say it again.
    store.act(&raised[0].id, engine_store::Deed::Resolve, "me", "").unwrap();
    scheduler.watch(&mut store).unwrap();
    assert_eq!(alerts(&store).len(), 1);
    scheduler.tick(&mut store, &mut runs).unwrap();
    scheduler.watch(&mut store).unwrap();
    assert_eq!(runs.started.borrow().len(), 1, "made up for");
}

#[test]
fn a_clock_that_jumps_ahead_and_back_loses_no_night() {
    let (mut store, clock, folder) = nightly("2026-03-01T00:00:00Z");
    let mut runs = Runs { clock: &clock, takes: Duration::from_secs(60), started: RefCell::default() };
    let lock = folder.path().join("lock");
    clock.advance(Duration::from_secs(366 * 86_400));
    Scheduler::new(&clock, &Free, &lock, "m1").tick(&mut store, &mut runs).unwrap();
    let right = SimulatedClock::new(at("2026-03-01T00:10:00Z"));
    let mut runs = Runs { clock: &right, takes: Duration::from_secs(60), started: RefCell::default() };
    let mut scheduler = Scheduler::new(&right, &Free, &lock, "m1");
    for _ in 0..3 * 48 {
        scheduler.tick(&mut store, &mut runs).unwrap();
        right.advance(Duration::from_secs(1800));
    }
    let dues: Vec<Timestamp> = runs.started.borrow().iter().map(|(.., one)| one.due).collect();
    assert_eq!(dues, [at("2026-03-01T02:00:00Z"), at("2026-03-02T02:00:00Z"), at("2026-03-03T02:00:00Z")]);
    let back = store.occurrences(None, 100).unwrap();
    assert!(back.iter().any(|one| one.reason.contains("the clock was set back")), "{back:#?}");
}
