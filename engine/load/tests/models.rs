//! Whole loads against a target that answers right: models, rows, intervals.

mod common;

use std::io::Write;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use common::{DRIVERS, Server, iterations, load, run};
use engine_core::arrivals::{Phase, Spacing};
use engine_load::driver::DriverKind;
use engine_load::http::{Body, Method, Request};
use engine_load::model::{ArrivalPlan, Think, UserPhase};
use engine_load::record::{Interval, Kind, Totals};
use engine_load::spec::{CatchUp, Iterations, Load, Pacing, Workload};
use engine_load::{Failure, Native, Runner, User};

#[test]
fn connections_are_kept_and_rows_are_per_endpoint() {
    for driver in DRIVERS {
        let server = Server::good();
        let load = load(iterations(7, 3), server.origin(), || {
            |user: &User| {
                let page = user.get("/a?b=c")?;
                assert_eq!((page.status, &*page.text()), (200, "hello"));
                assert!(page.timings.first_byte > 0 && page.timings.total >= page.timings.first_byte);
                user.group("two", || user.request(&Request::post("/b", "x").named("named")))?;
                Ok(())
            }
        });
        let outcome = run(Load { driver, ..load });
        if driver == engine_load::driver::DriverChoice::Epoll {
            assert_eq!(outcome.driver, DriverKind::Epoll);
        }
        let names: Vec<(&str, &str, u64)> =
            outcome.endpoints().map(|(l, row)| (&*l.endpoint, &*l.group, row.ok)).collect();
        assert_eq!(names, [("GET /a", "", 21), ("named", "two", 21)]);
        let all = outcome.requests();
        assert_eq!((all.ok, all.connections, all.connect.as_ref().map(|h| h.count())), (42, 7, Some(7)));
        assert_eq!(all.first_byte.as_ref().map(|h| h.count()), Some(42));
        assert!(all.bytes_in > 42 * 40 && all.bytes_out > 42 * 30);
        assert_eq!(server.accepted.load(Ordering::Relaxed), 7);
        assert!(outcome.is_valid() && !outcome.stopped, "{:?}", outcome.doubts);
    }
}

#[test]
fn statuses_are_errors_unless_expected() {
    let server = Server::fixed("HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n");
    let outcome = run(load(iterations(1, 4), server.origin(), || {
        |user: &User| {
            assert!(!user.get("/no")?.ok());
            assert!(user.request(&Request::get("/yes").expecting(vec![503]))?.ok());
            Ok(())
        }
    }));
    let (no, yes) = (outcome.endpoint("GET /no"), outcome.endpoint("GET /yes"));
    assert_eq!((no.ok, no.failed, no.errors[0].class.to_string().as_str()), (0, 4, "status 503"));
    assert_eq!((yes.ok, yes.failed, yes.errors.len()), (4, 0, 0));
    assert!((no.error_share() - 1.0).abs() < 1e-9);
}

#[test]
fn bodies_are_sent_as_announced_and_heads_have_none() {
    for driver in DRIVERS {
        // Says what it got: the request's own bytes after its head.
        let server = Server::new(|stream, _| {
            // Whether it arrives is seen on the other side; then the connection ends.
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\nConnection: close\r\n\r\n");
            false
        });
        let load = load(iterations(2, 2), server.origin(), || {
            |user: &User| {
                let head = user.request(&Request::new(Method::Head, "/"))?;
                assert_eq!((head.status, head.size), (200, 0));
                assert_eq!(head.headers.get("content-length").as_deref(), Some("1000"));
                Ok(())
            }
        });
        let outcome = run(Load { driver, ..load });
        assert_eq!((outcome.requests().ok, outcome.requests().connections), (4, 4));
    }
    let chunked = Request { body: Body::Chunked(b"abc".to_vec(), 2), ..Request::new(Method::Put, "/") };
    assert_eq!(chunked.endpoint(), "PUT /");
}

#[test]
fn cookies_and_redirects_are_followed() {
    // The first request of a connection is sent on with a cookie, the second must bring it.
    let server = Server::new(|stream, number| {
        let answer = match number {
            0 => "HTTP/1.1 302 Found\r\nLocation: /next\r\nSet-Cookie: id=7; Path=/\r\nContent-Length: 0\r\n\r\n",
            1 => "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
            _ => "HTTP/1.1 302 Found\r\nLocation: /again\r\nContent-Length: 0\r\n\r\n",
        };
        stream.write_all(answer.as_bytes()).is_ok()
    });
    let outcome = run(load(iterations(1, 1), server.origin(), || {
        |user: &User| {
            assert_eq!(user.request(&Request::get("/first").expecting(vec![200]))?.text(), "ok");
            let failure = user.get("/round").expect_err("it goes round for ever");
            assert_eq!(failure.class, engine_load::ErrorClass::Redirect);
            Ok(())
        }
    }));
    let rows: Vec<(String, u64)> = outcome.endpoints().map(|(l, row)| (l.endpoint.to_string(), row.ok)).collect();
    let of = |name: &str| rows.iter().find(|(known, _)| known.ends_with(name)).map_or(0, |(_, ok)| *ok);
    assert_eq!((of("/first"), of("/next"), of("/round"), of("/again")), (1, 1, 1, 10), "{rows:?}");
}

#[test]
fn shared_iterations_are_made_exactly_once_each() {
    let server = Server::good();
    let seen: Arc<Mutex<Vec<u64>>> = Arc::default();
    let list = Arc::clone(&seen);
    let phase = UserPhase { name: "all".into(), from: 5.0, to: 5.0, duration: f64::INFINITY };
    let workload = Workload::Users { phases: vec![phase], iterations: Iterations::Shared(101), spread: 0.0 };
    let mut load = load(workload, server.origin(), move || {
        let list = Arc::clone(&list);
        move |user: &User| {
            list.lock().expect("nobody panics with it").push(user.iteration());
            user.get("/").map(drop)
        }
    });
    load.threads = 2;
    let outcome = run(load);
    let mut numbers = seen.lock().expect("nobody panics with it").clone();
    numbers.sort_unstable();
    assert_eq!(numbers, (0..101).collect::<Vec<_>>());
    assert_eq!(outcome.conservation.iterations, 101);
}

#[test]
fn journeys_have_their_shares() {
    let server = Server::good();
    let named = |name: &str| {
        Arc::new(Native::new(name, || |user: &User| user.get("/").map(drop))) as Arc<dyn engine_load::Journey>
    };
    let mut load = load(iterations(10, 2), server.origin(), || |_: &User| Ok(()));
    load.journeys = vec![(named("seven"), 7.0), (named("three"), 3.0)];
    let outcome = run(load);
    let of = |name: &str| outcome.totals.sum(|l| l.kind == Kind::Request && &*l.journey == name).ok;
    assert_eq!((of("seven"), of("three")), (14, 6));
}

#[test]
fn phases_are_told_apart_by_intended_start() {
    let server = Server::good();
    let flat = |rate, duration| vec![Phase { from: rate, to: rate, duration, spacing: Spacing::Even }];
    let plan =
        ArrivalPlan::phases(&[("one".into(), flat(100.0, 0.4)), ("two".into(), flat(50.0, 0.4))], 0).expect("a plan");
    let workload = Workload::Arrivals { plan, max_users: 50, catch_up: CatchUp::Burst };
    let outcome = run(load(workload, server.origin(), || |user: &User| user.get("/").map(drop)));
    let of = |name: &str| outcome.totals.sum(|l| l.kind == Kind::Request && &*l.phase == name).started;
    assert_eq!((of("one"), of("two"), outcome.conservation.scheduled), (40, 20, 60));
}

#[test]
fn users_think_pace_and_stop() {
    let server = Server::good();
    let count = Arc::new(AtomicU64::new(0));
    let seen = Arc::clone(&count);
    let workload = iterations(3, 1000);
    let outcome = run(load(workload, server.origin(), move || {
        let seen = Arc::clone(&seen);
        move |user: &User| {
            user.think(&Think::Constant(0.002))?;
            user.pace(0.01);
            user.get("/")?;
            seen.fetch_add(1, Ordering::Relaxed);
            if user.iteration() == 4 {
                user.stop();
            }
            if user.iteration() == 2 {
                return Err(Failure::new(engine_load::ErrorClass::Journey, "by choice"));
            }
            Ok(())
        }
    }));
    assert_eq!(count.load(Ordering::Relaxed), 15);
    let iterations = outcome.totals.sum(|l| l.kind == Kind::Iteration);
    assert_eq!((iterations.ok, iterations.failed), (12, 3));
    // Four pauses of at least what is left of 10 ms, for each user at the same time.
    assert!(outcome.seconds + outcome.drained >= 0.04);
}

#[test]
fn a_user_cannot_wait_outside_its_journey() {
    let server = Server::good();
    let kept: Arc<Mutex<u64>> = Arc::default();
    let refused = Arc::clone(&kept);
    run(load(iterations(2, 2), server.origin(), move || {
        let other: std::cell::RefCell<Option<User>> = std::cell::RefCell::default();
        let refused = Arc::clone(&refused);
        move |user: &User| {
            let earlier = other.borrow_mut().replace(user.clone());
            if let Some(earlier) = earlier.filter(|earlier| earlier.number() != user.number()) {
                let failure = earlier.get("/").expect_err("it is not its turn");
                assert_eq!(failure.class, engine_load::ErrorClass::Invalid);
                *refused.lock().expect("nobody panics with it") += 1;
            }
            let inner = engine_load::coroutine::on_parent_stack(|| user.get("/").is_err());
            assert!(inner, "the thread itself must not wait");
            user.get("/").map(drop)
        }
    }));
    assert!(*kept.lock().expect("nobody panics with it") > 0);
}

#[test]
fn ending_early_is_graceful_or_not() {
    for now in [false, true] {
        // Where it is to end at once, nobody gets a third answer: all four wait for it when the end comes.
        let (asked, over) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
        let (count, ends) = (Arc::clone(&asked), Arc::clone(&over));
        let server = Server::new(move |stream, _| {
            let number = count.fetch_add(1, Ordering::Relaxed);
            common::nap(20);
            for _ in 0..12_000 {
                if !now || number < 8 || ends.load(Ordering::Relaxed) {
                    break;
                }
                common::nap(5);
            }
            stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").is_ok()
        });
        let phase = UserPhase { name: "all".into(), from: 4.0, to: 4.0, duration: 600.0 };
        let workload = Workload::Users { phases: vec![phase], iterations: Iterations::Endless, spread: 0.0 };
        let load = load(workload, server.origin(), || {
            |user: &User| {
                user.get("/")?;
                user.get("/").map(drop)
            }
        });
        let runner = Runner::new(load).expect("a load");
        let stopper = runner.stopper();
        let ender = std::thread::spawn(move || {
            while asked.load(Ordering::Relaxed) < 12 {
                common::nap(5);
            }
            if now { stopper.end_now() } else { stopper.end() }
        });
        let outcome = runner.run(&mut |_| ()).expect("a run");
        ender.join().expect("no panic");
        over.store(true, Ordering::Relaxed);
        assert!(outcome.stopped && outcome.conservation.violations().is_empty());
        assert!(outcome.seconds < 300.0);
        if now {
            assert!(outcome.conservation.cut_off > 0);
        } else {
            assert_eq!((outcome.conservation.cut_off, outcome.requests().ok % 2), (0, 0));
        }
    }
}

#[test]
fn intervals_add_up_in_any_order_and_twice() {
    let server = Server::good();
    let phase = UserPhase { name: "all".into(), from: 4.0, to: 4.0, duration: 2.2 };
    let workload = Workload::Users { phases: vec![phase], iterations: Iterations::Endless, spread: 0.1 };
    let mut load = load(workload, server.origin(), || {
        |user: &User| {
            user.pause(0.002)?;
            user.get("/").map(drop)
        }
    });
    load.threads = 2;
    let mut intervals: Vec<Interval> = Vec::new();
    let outcome =
        Runner::new(load).expect("a load").run(&mut |interval| intervals.push(interval.clone())).expect("a run");
    // One a second of each thread, fewer of one that got no CPU for longer.
    assert!(intervals.len() >= 4, "{}", intervals.len());
    // Through their stored form, backwards, and each twice.
    let mut again = Totals::default();
    for interval in intervals.iter().rev().chain(&intervals) {
        let text = serde_json::to_string(interval).expect("plain data");
        again.apply(&serde_json::from_str(&text).expect("plain data"));
    }
    assert_eq!(again.rows, outcome.totals.rows);
    assert!((1..=4).contains(&outcome.health.connections), "{}", outcome.health.connections);
}

#[test]
fn what_cannot_run_is_refused_before() {
    let server = Server::good();
    let fresh = || load(iterations(1, 1), server.origin(), || |_: &User| Ok(()));
    for change in [
        (|load: &mut Load| load.threads = 0) as fn(&mut Load),
        |load| load.journeys.clear(),
        |load| load.grace = f64::NAN,
        |load| load.workload = Workload::Users { phases: vec![], iterations: Iterations::Endless, spread: 0.0 },
    ] {
        let mut load = fresh();
        change(&mut load);
        assert!(Runner::new(load).is_err());
    }
    let mut spinning = fresh();
    spinning.pacing = Pacing::Spin;
    assert!(run(spinning).spinning);
}
