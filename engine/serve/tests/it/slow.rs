//! Clients that take their time. These tests wait for real time-outs.

use std::io::{Read as _, Write as _};
use std::time::{Duration, Instant};

use engine_core::event::Event;

use crate::client::{Socket, connect, get};
use crate::fixture::{Log, Site, header, host, window};

#[test]
fn a_head_that_never_ends_is_given_up() {
    let site = Site::new();
    let mut slow: Vec<_> = (0..50).map(|_| connect(site.at())).collect();
    let begun = Instant::now();
    for stream in &mut slow {
        stream.write_all(format!("GET / HTTP/1.1\r\nHost: 127.0.0.1:{}\r\n", site.at().port()).as_bytes()).unwrap();
    }
    assert_eq!(get(site.at(), "/api/v1/health").status, 200, "others are answered meanwhile");
    let mut dripped = 0;
    let closed = loop {
        let mut byte = [0; 1];
        slow[0].set_read_timeout(Some(Duration::from_millis(200))).unwrap();
        match slow[0].read(&mut byte) {
            Ok(0) => break true,
            Ok(_) => {}
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => break true,
            Err(_) => dripped += usize::from(slow[0].write_all(b"X-A: b\r\n").is_ok()),
        }
        if begun.elapsed() > Duration::from_secs(60) {
            break false;
        }
    };
    assert!(closed && dripped > 5, "a client that drips was served for {:?}", begun.elapsed());
}

#[test]
fn a_body_that_never_comes_is_given_up() {
    let site = Site::new();
    let mut stream = connect(site.at());
    let head = format!(
        "POST /api/v1/session HTTP/1.1\r\nHost: 127.0.0.1:{}\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{{",
        site.at().port()
    );
    stream.write_all(head.as_bytes()).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(90))).unwrap();
    let mut text = [0; 64];
    let read = stream.read(&mut text).unwrap();
    assert!(String::from_utf8_lossy(&text[..read]).starts_with("HTTP/1.1 504"), "{:?}", String::from_utf8_lossy(&text));
}

/// How long this thread has run, and has been ready to run, so far.
fn on_processor() -> Duration {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let times = text.split_whitespace().take(2).filter_map(|word| word.parse().ok());
    times.map(Duration::from_nanos).sum()
}

#[test]
fn watchers_that_never_read_are_dropped_and_not_felt() {
    let site = Site::with(|settings| settings.sockets = 64);
    let mut log = Log::new(&header("quick", 1));
    site.hub.event(&log.events[0], &log.record);
    let deaf: Vec<Socket> = (0..32).map(|_| Socket::open(site.at(), "/api/v1/live").unwrap()).collect();
    let mut reading = Socket::open(site.at(), "/api/v1/live").unwrap();
    let mut slowest = Duration::ZERO;
    let begun = Instant::now();
    let mut at = 0_u32;
    while begun.elapsed() < Duration::from_secs(20) {
        at += 1;
        for event in [host(f64::from(at)), Event::Window(Box::new(window(4, f64::from(at), &[1, 2, 3])))] {
            let envelope = log.push(f64::from(at), event).clone();
            let before = (Instant::now(), on_processor());
            site.hub.event(&envelope, &log.record);
            // What it ran, and what it waited for a processor that others had, is no waiting for anybody here.
            slowest = slowest.max(before.0.elapsed().saturating_sub(on_processor().saturating_sub(before.1)));
        }
        log.record.host.clear();
        log.record.steps[4].windows.clear();
        std::thread::sleep(Duration::from_millis(5));
    }
    // A run waits for nobody: what it tells is noted in far less than a beat, however many do not read.
    assert!(slowest < Duration::from_millis(500), "{slowest:?}");
    let delta = reading.next_of("delta");
    assert!(delta["host"].is_array());
    assert_eq!(get(site.at(), "/api/v1/health").status, 200);
    drop(deaf);
}
