//! The live view: a snapshot, numbered changes, the end; resumed after a break; of this process and of others.

use engine_core::event::Event;
use engine_core::run::{RunState, Validity};
use engine_core::step::Outcome;
use serde_json::Value;

use crate::client::{Socket, get};
use crate::fixture::{Log, Site, header, host, run, sampled, window};

/// Tells the hub the next event.
fn tell(site: &Site, log: &mut Log, at: f64, event: Event) {
    let envelope = log.push(at, event).clone();
    site.hub.event(&envelope, &log.record);
}

fn begin(site: &Site, n: u64) -> Log {
    let header = header("quick", n);
    let log = Log::new(&header);
    site.hub.event(&log.events[0], &log.record);
    log
}

#[test]
fn a_run_is_seen_from_its_start_to_its_end() {
    let site = Site::new();
    let mut socket = Socket::open(site.at(), "/api/v1/live").unwrap();
    let hello = socket.next_of("hello");
    assert_eq!((hello["resumed"].as_bool(), hello["period_seconds"].as_u64()), (Some(false), Some(1)));
    assert_eq!(socket.next_of("snapshot")["live"], Value::Null, "nothing runs");
    let mut log = begin(&site, 1);
    let snapshot = socket.next_of("snapshot");
    let live = &snapshot["live"];
    assert_eq!(
        (live["scenario"].as_str(), live["source"].as_str(), live["state"].as_str()),
        (Some("quick"), Some("this"), Some("running"))
    );
    assert_eq!(live["steps"].as_array().unwrap().len(), 5);
    assert_eq!(live["seed"], u64::MAX.to_string());
    tell(&site, &mut log, 1.0, Event::RoundStarted { step: 0, round: Some(0) });
    tell(&site, &mut log, 1.5, sampled(0, 0, 0.25));
    tell(&site, &mut log, 2.0, host(2.0));
    tell(&site, &mut log, 3.0, Event::Window(Box::new(window(4, 0.0, &[5, 7, 9]))));
    let mut number = snapshot["n"].as_u64().unwrap();
    let (mut steps, mut hosts, mut windows) = (0, 0, 0);
    while steps == 0 || hosts == 0 || windows == 0 {
        let delta = socket.next_of("delta");
        assert_eq!(delta["n"].as_u64(), Some(number + 1), "numbers have no gap");
        number += 1;
        for step in delta["steps"]
            .as_array()
            .into_iter()
            .flatten()
            .filter(|step| step["step"] == 0 && !step["primary"].is_null())
        {
            assert_eq!((step["primary"]["value"].as_f64(), step["primary"]["unit"].as_str()), (Some(0.25), Some("s")));
            steps += 1;
        }
        hosts += delta["host"].as_array().map_or(0, Vec::len);
        for window in delta["windows"].as_array().into_iter().flatten() {
            assert_eq!((window["step"].as_u64(), window["ok"].as_u64()), (Some(4), Some(3)));
            assert!((window["p50"].as_f64().unwrap() - 0.007).abs() < 1e-4);
            windows += 1;
        }
    }
    tell(&site, &mut log, 4.0, Event::StepFinished { step: 0, outcome: Outcome::Measured, stop: None });
    tell(
        &site,
        &mut log,
        5.0,
        Event::RunFinished { state: RunState::Complete, validity: Validity::default(), after: None },
    );
    let end = socket.next_of("end");
    assert_eq!((end["state"].as_str(), end["validity"]["level"].as_str()), (Some("complete"), Some("valid")));
    // The page goes on, and sees the next run.
    let _next = begin(&site, 2);
    assert_ne!(socket.next_of("snapshot")["live"]["run"], end["run"]);
}

#[test]
fn who_comes_back_gets_what_was_missed() {
    let site = Site::new();
    let mut log = begin(&site, 1);
    let mut socket = Socket::open(site.at(), "/api/v1/live").unwrap();
    let epoch = socket.next_of("hello")["epoch"].as_str().unwrap().to_owned();
    tell(&site, &mut log, 1.0, host(1.0));
    let seen = loop {
        let message = socket.next().unwrap();
        if message["type"] == "delta" || (message["type"] == "snapshot" && message["live"]["host"][0].is_object()) {
            break message["n"].as_u64().unwrap();
        }
    };
    drop(socket);
    // Somebody else stays, so that there is something to be missed.
    let mut other = Socket::open(site.at(), "/api/v1/live").unwrap();
    other.next_of("snapshot");
    tell(&site, &mut log, 2.0, host(2.0));
    let missed = other.next_of("delta");
    let mut back = Socket::open(site.at(), &format!("/api/v1/live?epoch={epoch}&after={seen}")).unwrap();
    assert_eq!(back.next_of("hello")["resumed"], true);
    let first = back.next().unwrap();
    assert_eq!((first["type"].as_str(), first["n"].as_u64()), (Some("delta"), Some(seen + 1)));
    assert_eq!(first, missed);
    // Another start of the server, or a number that is not known any more: everything anew.
    for query in ["epoch=other&after=1".to_owned(), format!("epoch={epoch}&after=999")] {
        let mut anew = Socket::open(site.at(), &format!("/api/v1/live?{query}")).unwrap();
        assert_eq!(anew.next_of("hello")["resumed"], false);
        assert_eq!(anew.next().unwrap()["live"]["host"].as_array().unwrap().len(), 2);
    }
}

#[test]
fn a_run_of_another_process_is_followed_through_the_store() {
    let site = Site::new();
    let mut socket = Socket::open(site.at(), "/api/v1/live").unwrap();
    assert_eq!(socket.next_of("snapshot")["live"], Value::Null);
    let events = run(&header("elsewhere", 1), 3.0);
    let mut store = site.store();
    store.apply(&events[..20]).unwrap();
    let snapshot = socket.next_of("snapshot");
    assert_eq!(
        (snapshot["live"]["scenario"].as_str(), snapshot["live"]["source"].as_str()),
        (Some("elsewhere"), Some("store"))
    );
    store.apply(&events[20..]).unwrap();
    let end = socket.next_of("end");
    assert_eq!((end["run"].as_str(), end["state"].as_str()), (Some(events[0].run.0.as_str()), Some("complete")));
    // All of it was told: who comes now sees the same as the one who watched.
    let mut late = Socket::open(site.at(), &format!("/api/v1/live?run={}", events[0].run.0)).unwrap();
    let live = late.next_of("snapshot")["live"].clone();
    assert_eq!(live["loads"][0]["windows"].as_array().unwrap().len(), 4);
    assert_eq!(live["steps"][0]["rounds_done"], 6);
    assert_eq!(live["host"].as_array().unwrap().len(), 6);
    late.next_of("end");
}

#[test]
fn a_stored_run_is_shown_at_once_with_its_end() {
    let site = Site::new();
    let ids = site.runs("quick", 1);
    let mut socket = Socket::open(site.at(), &format!("/api/v1/live?run={}", ids[0].0)).unwrap();
    let live = socket.next_of("snapshot")["live"].clone();
    assert_eq!((live["state"].as_str(), live["progress"].as_f64()), (Some("complete"), Some(1.0)));
    assert_eq!(live["loads"][0]["windows"].as_array().unwrap().len(), 4);
    assert_eq!(socket.next_of("end")["state"], "complete");
    assert_eq!(Socket::open(site.at(), "/api/v1/live?run=none").err().unwrap().status, 404);
    assert_eq!(Socket::open(site.at(), "/api/v1/live?rum=x").err().unwrap().status, 400);
    assert_eq!(get(site.at(), "/api/v1/live").status, 400, "not a WebSocket");
}

#[test]
fn a_new_alert_is_told_to_everybody() {
    let site = Site::new();
    let ids = site.runs("quick", 1);
    let mut socket = Socket::open(site.at(), "/api/v1/live").unwrap();
    socket.next_of("snapshot");
    let id = site.alert("quick", &ids[0], "time < 1 s");
    let site = loop {
        let message = socket.next_of("site");
        if message["alerts"]["firing"] == 1 {
            break message;
        }
    };
    assert_eq!(site["newest"][0]["id"], id);
}

#[test]
fn a_hub_without_watchers_takes_a_bounded_room() {
    let hub = engine_serve::Hub::new();
    let mut log = Log::new(&header("quick", 1));
    hub.event(&log.events[0], &log.record);
    for at in 0..60_000 {
        // Without a server nobody takes them.
        log.events.truncate(1);
        let envelope = log.push(f64::from(at), host(f64::from(at))).clone();
        log.record.host.clear();
        hub.event(&envelope, &log.record);
    }
    let text = format!("{hub:?}");
    assert!(text.matches("HostSample").count() <= 20_000, "{}", text.matches("HostSample").count());
}
