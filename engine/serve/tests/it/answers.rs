//! What is made of a long run is made once, by the run itself or before anybody asks.

use std::time::{Duration, Instant};

use engine_core::run::RunId;
use engine_serve::{LONG, prepare};

use crate::client::get;
use crate::fixture::{Site, header, long_run};

/// A site whose store has a long run.
fn site(ready: bool) -> (Site, RunId) {
    let site = Site::with(|settings| settings.ready = ready);
    let events = long_run(&header("day", 1), LONG + 1.0);
    site.store().apply(&events).unwrap();
    let run = events[0].run.clone();
    (site, run)
}

fn paths(run: &RunId) -> Vec<String> {
    ["", "/timeline", "/curves"].iter().map(|part| format!("/api/v1/runs/{run}{part}")).collect()
}

#[test]
fn a_run_that_was_prepared_is_answered_from_the_store() {
    let (site, run) = site(false);
    let made: Vec<String> = paths(&run).iter().map(|path| get(site.at(), path).text()).collect();
    assert_eq!(site.asked(), 1, "the results file was made");
    let site = site.again(|_| {});
    let record = site.store().run(&run).unwrap();
    prepare(&site.settings, site.behind(), record).unwrap();
    let before = site.asked();
    let kept: Vec<String> = paths(&run).iter().map(|path| get(site.at(), path).text()).collect();
    assert_eq!(site.asked(), before, "nothing is made again");
    assert_eq!(kept, made, "and it is the same");

    // Other limits of a healthy machine: the results file says something else, and is made anew.
    let site = site.again(|settings| settings.thresholds.memory_usage_warning = 0.01);
    let report = get(site.at(), &paths(&run)[0]).json();
    assert_eq!((site.asked(), report["report"]["health"]["verdict"].as_str()), (1, Some("warning")));
}

#[test]
fn a_server_makes_what_is_missing_before_anybody_asks() {
    let (site, run) = site(false);
    let site = site.again(|settings| settings.ready = true);
    // The thread that makes them steps back for all others: on a busy machine it waits for long.
    let end = Instant::now() + Duration::from_secs(600);
    while site.asked() < 2 && Instant::now() < end {
        std::thread::sleep(Duration::from_millis(20));
    }
    // The results file and the findings; then all of it is kept at once.
    let names = |site: &Site| site.store().answer_names(&run).unwrap();
    while names(&site).is_empty() && Instant::now() < end {
        std::thread::sleep(Duration::from_millis(20));
    }
    assert_eq!(names(&site), ["curves", "report", "results", "timeline.600"]);
    let site = site.again(|settings| settings.ready = false);
    assert_eq!((get(site.at(), &paths(&run)[0]).status, site.asked()), (200, 0));
}

#[test]
fn a_run_that_goes_on_again_is_told_as_it_is() {
    let (site, run) = site(false);
    let path = format!("/api/v1/runs/{run}/timeline");
    assert_eq!(get(site.at(), &path).json()["running"], false);
    let mut events = long_run(&header("day", 1), LONG + 1.0);
    let last = events.len() as u64;
    let again = engine_core::event::Envelope { sequence: last + 1, ..events.remove(0) };
    site.store().apply(&[again]).unwrap();
    assert_eq!(get(site.at(), &path).json()["running"], true);
}
