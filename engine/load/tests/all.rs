//! Several requests of one user at once, over HTTP/1.1: all answers, in order, each in its row, bounded connections.

mod common;

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use common::{DRIVERS, Nobody, Server, iterations, load, nap, run};
use engine_load::http::Request;
use engine_load::record::Kind;
use engine_load::spec::{Limits, Load};
use engine_load::{ErrorClass, User};

/// A server that answers slowly, the first ones when there are `crowd` at once; it knows how many it had at once.
fn slow(millis: u64, crowd: usize) -> (Server, Arc<AtomicUsize>) {
    let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let seen = Arc::clone(&most);
    let server = Server::new(move |stream, number| {
        let here = now.fetch_add(1, Ordering::SeqCst) + 1;
        seen.fetch_max(here, Ordering::SeqCst);
        nap(millis);
        for _ in 0..12_000 {
            if seen.load(Ordering::SeqCst) >= crowd {
                break;
            }
            nap(5);
        }
        now.fetch_sub(1, Ordering::SeqCst);
        let body = format!("{number}");
        let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len());
        stream.write_all(answer.as_bytes()).is_ok()
    });
    (server, most)
}

#[test]
fn answers_come_in_order_and_each_has_its_row() {
    for driver in DRIVERS {
        // Says the last byte of the path, later ones sooner.
        let server = echo_path();
        let load = load(iterations(3, 2), server.origin(), || {
            |user: &User| {
                let paths = ["/a/5", "/b/3", "/c/1", "/d/0"];
                let all = paths.iter().map(|path| user.prepare(&Request::get(*path).named(path[..2].to_owned())));
                let all = all.collect::<Result<Vec<_>, _>>()?;
                let answers = user.get_all(all);
                for (path, answer) in paths.iter().zip(answers) {
                    assert_eq!(answer?.text(), *path);
                }
                Ok(())
            }
        });
        let outcome = run(Load { driver, ..load });
        for name in ["/a", "/b", "/c", "/d"] {
            let row = outcome.endpoint(name);
            assert_eq!((row.started, row.ok), (6, 6), "{name}: {:?}", row.errors);
        }
        assert_eq!(outcome.requests().connections, 12, "four each, kept for the second iteration");
        assert_eq!(outcome.totals.sum(|label| label.kind == Kind::Iteration).ok, 6);
    }
}

/// Answers with the path that was asked for, after as many hundredths of a second as its last digit says.
fn echo_path() -> Server {
    Server::raw(|stream| {
        let mut socket = stream;
        loop {
            let mut seen = Vec::new();
            let mut chunk = [0; 1024];
            while !seen.ends_with(b"\r\n\r\n") {
                match std::io::Read::read(&mut socket, &mut chunk) {
                    Ok(0) | Err(_) => return,
                    Ok(count) => seen.extend_from_slice(&chunk[..count]),
                }
            }
            let text = String::from_utf8_lossy(&seen).into_owned();
            let path = text.split(' ').nth(1).unwrap_or("").to_owned();
            let digit = path.bytes().last().map_or(0, |byte| u64::from(byte.saturating_sub(b'0')));
            nap(digit * 10);
            let cookie = if path.starts_with("/cookie") { "Set-Cookie: a=b; Path=/\r\n" } else { "" };
            let said = if text.contains("Cookie: a=b") { format!("{path} with cookie") } else { path };
            let answer = format!("HTTP/1.1 200 OK\r\n{cookie}Content-Length: {}\r\n\r\n{said}", said.len());
            if socket.write_all(answer.as_bytes()).is_err() {
                return;
            }
        }
    })
}

#[test]
fn connections_are_bounded_and_who_waits_for_its_turn_is_not_late() {
    for driver in DRIVERS {
        // Those who wait for a connection wait 30 ms and more. A generator without a CPU is late too, but not each time.
        let not_late = (0..20).any(|_| {
            let (server, most) = slow(30, 3);
            let load = load(iterations(1, 1), server.origin(), || {
                |user: &User| {
                    let all = (0..10).map(|_| user.prepare(&Request::get("/x"))).collect::<Result<Vec<_>, _>>()?;
                    assert!(user.get_all(all).iter().all(Result::is_ok));
                    Ok(())
                }
            });
            let limits = Limits { parallel: 3, ..load.limits };
            let outcome = run(Load { driver, limits, ..load });
            let row = outcome.requests();
            assert_eq!((row.ok, row.connections, most.load(Ordering::SeqCst)), (10, 3, 3));
            row.lag.value_at_quantile(1.0).expect("ten values").floor() < 25_000_000
        });
        assert!(not_late, "waiting for a connection is no lag of the generator");
    }
}

#[test]
fn one_that_fails_takes_no_other_with_it() {
    for driver in DRIVERS {
        let good = echo_path();
        let silent = Server::new(|_, _| true);
        let nobody = Nobody::new();
        let silent_url = format!("http://{}/silent", silent.address);
        let refused_url = format!("http://{}/refused", nobody.address);
        let load = load(iterations(2, 1), good.origin(), move || {
            let (silent_url, refused_url) = (silent_url.clone(), refused_url.clone());
            move |user: &User| {
                let all = [
                    Request::get("/a/0"),
                    Request::get(silent_url.clone()).named("silent").within(1_000_000_000),
                    Request::get(refused_url.clone()).named("refused"),
                    Request::get("/cookie/0"),
                    Request::get("/b/0").expecting(vec![404]),
                ];
                let all = all.iter().map(|request| user.prepare(request)).collect::<Result<Vec<_>, _>>()?;
                let answers = user.get_all(all);
                let classes: Vec<_> = answers
                    .iter()
                    .map(|answer| match answer {
                        Ok(response) => response.error,
                        Err(failure) => Some(failure.class),
                    })
                    .collect();
                let want =
                    [None, Some(ErrorClass::Timeout), Some(ErrorClass::Refused), None, Some(ErrorClass::Status(200))];
                assert_eq!(classes, want);
                // The cookie that came with one of them is sent from now on.
                assert_eq!(user.get("/later")?.text(), "/later with cookie");
                assert!(user.get_all(Vec::new()).is_empty());
                Ok(())
            }
        });
        let outcome = run(Load { driver, ..load });
        assert_eq!(outcome.totals.sum(|label| label.kind == Kind::Iteration).ok, 2);
        let row = outcome.requests();
        assert_eq!((row.started, row.ok, row.failed, row.timed_out), (12, 6, 4, 2));
    }
}

#[test]
fn what_is_under_way_at_the_end_is_cut_off_and_counted() {
    for driver in DRIVERS {
        let silent = Server::new(|_, _| true);
        let load = load(iterations(2, 1), silent.origin(), || {
            |user: &User| {
                let all = (0..4).map(|_| user.prepare(&Request::get("/x"))).collect::<Result<Vec<_>, _>>()?;
                user.get_all(all);
                Ok(())
            }
        });
        let mut load = Load { driver, grace: 0.1, ..load };
        if let engine_load::spec::Workload::Users { phases, .. } = &mut load.workload {
            phases[0].duration = 1.0;
        }
        let row = run(load).requests();
        assert_eq!((row.started, row.cut_off), (8, 8));
    }
}
