//! Targets that misbehave: each is a counted class of error, nobody hangs, nothing panics. Over both drivers.

mod common;

use std::io::Write;
use std::net::Shutdown;

use common::{DRIVERS, Nobody, Server, iterations, late, load, nap, origin, reset, run};
use engine_load::http::{Body, Method, Request};
use engine_load::record::Row;
use engine_load::spec::Load;
use engine_load::{ErrorClass, User};

/// 20 users make two requests each of at most `most` milliseconds; gives what was counted for them.
fn requests_to(server: &Server, driver: engine_load::driver::DriverChoice, most: u64) -> Row {
    let load = load(iterations(20, 2), server.origin(), move || {
        move |user: &User| {
            // The failure is the request's; the journey goes on, as a script may.
            let _ = user.request(&Request::get("/x").within(most * 1_000_000).named("x"));
            Ok(())
        }
    });
    let limits = engine_load::spec::Limits { body: 1 << 20, ..load.limits };
    let outcome = run(Load { driver, limits, ..load });
    assert_eq!(outcome.conservation.requests, 40);
    outcome.endpoint("x")
}

fn only(row: &Row, class: ErrorClass) {
    assert_eq!(row.errors.len(), 1, "{:?}", row.errors);
    assert_eq!((row.errors[0].class, row.errors[0].count), (class, 40), "{:?}", row.errors);
    assert!(!row.errors[0].example.is_empty());
    assert_eq!(row.ok, 0);
}

fn each(answer: impl Fn() -> Server, class: ErrorClass) {
    for driver in DRIVERS {
        let server = answer();
        if class.is_timeout() {
            late(class, 40, |most| requests_to(&server, driver, most));
            continue;
        }
        let row = requests_to(&server, driver, 60_000);
        only(&row, class);
        assert_eq!((row.timed_out, row.failed), (0, 40));
    }
}

/// Servers that say `text`, and reset the connection when it has been read. Where that takes the generator longer, the
/// reset may overtake what was said: then it gets more time.
fn reset_after(text: &'static [u8], class: ErrorClass) {
    for driver in DRIVERS {
        let met = [20, 200, 1_000, 5_000].into_iter().any(|pause| {
            let server = Server::new(move |stream, _| {
                let _ = stream.write_all(text);
                nap(pause);
                reset(stream);
                false
            });
            let row = requests_to(&server, driver, 60_000);
            let resets = [ErrorClass::Reset, ErrorClass::ResetInHead, ErrorClass::ResetInBody];
            assert!(row.errors.iter().all(|error| resets.contains(&error.class)), "{:?}", row.errors);
            assert_eq!((row.ok, row.timed_out, row.failed), (0, 0, 40));
            row.errors.len() == 1 && row.errors[0].class == class
        });
        assert!(met, "{class:?}");
    }
}

#[test]
fn refused() {
    for driver in DRIVERS {
        let nobody = Nobody::new();
        let load = load(iterations(5, 1), origin(nobody.address), || |user: &User| user.get("/").map(drop));
        let outcome = run(Load { driver, ..load });
        let row = outcome.requests();
        assert_eq!((row.errors[0].class, row.errors[0].count, row.failed), (ErrorClass::Refused, 5, 5));
    }
}

#[test]
fn reset_before_the_answer() {
    let server = || {
        Server::new(|stream, _| {
            reset(stream);
            false
        })
    };
    each(server, ErrorClass::Reset);
}

#[test]
fn reset_within_the_head() {
    reset_after(b"HTTP/1.1 200 OK\r\nServer: ", ErrorClass::ResetInHead);
}

#[test]
fn reset_within_the_body() {
    reset_after(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc", ErrorClass::ResetInBody);
}

#[test]
fn never_answering() {
    each(|| Server::new(|_, _| true), ErrorClass::Timeout);
}

#[test]
fn garbage() {
    each(|| Server::fixed(vec![0xff, 0xfe, 0, 1, 2, 3, 13, 10]), ErrorClass::Malformed);
}

#[test]
fn a_length_that_is_too_long() {
    let server = || {
        Server::new(|stream, _| {
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc");
            false
        })
    };
    each(server, ErrorClass::ClosedInBody);
}

#[test]
fn a_length_that_is_too_short() {
    each(|| Server::fixed("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nabc"), ErrorClass::ExcessData);
}

#[test]
fn a_length_that_is_none() {
    each(|| Server::fixed("HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\nabc"), ErrorClass::BadFraming);
}

#[test]
fn endless_headers() {
    let server = || {
        Server::new(|stream, _| {
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n");
            while stream.write_all(&b"X-Filler: abcdefghijklmnopqrstuvwxyz\r\n".repeat(100)).is_ok() {}
            false
        })
    };
    each(server, ErrorClass::HeadTooLarge);
}

#[test]
fn endless_body() {
    let server = || {
        Server::new(|stream, _| {
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n");
            while stream.write_all(&[b'x'; 65_536]).is_ok() {}
            false
        })
    };
    each(server, ErrorClass::BodyTooLarge);
}

#[test]
fn a_slow_drip() {
    let server = || {
        Server::new(|stream, _| {
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n");
            while stream.write_all(b"x").is_ok() {
                nap(10);
            }
            false
        })
    };
    each(server, ErrorClass::TimeoutInBody);
    let server = || {
        Server::new(|stream, _| {
            while stream.write_all(b"H").is_ok() {
                nap(200);
            }
            false
        })
    };
    // A single letter may be the start of a status line; a second one cannot be. A server without a CPU says neither.
    for driver in DRIVERS {
        let row = requests_to(&server(), driver, 300);
        assert_eq!(row.ok, 0);
        assert!(
            row.errors.iter().all(|error| error.class.is_timeout() || error.class == ErrorClass::Malformed),
            "{:?}",
            row.errors
        );
    }
}

#[test]
fn half_closed_before_the_answer() {
    let server = || {
        Server::new(|stream, _| {
            let _ = stream.shutdown(Shutdown::Write);
            // Still reading: only one direction is closed.
            nap(100);
            false
        })
    };
    each(server, ErrorClass::Closed);
}

#[test]
fn half_closed_within_the_head() {
    let server = || {
        Server::new(|stream, _| {
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-");
            let _ = stream.shutdown(Shutdown::Write);
            nap(100);
            false
        })
    };
    each(server, ErrorClass::ClosedInHead);
}

#[test]
fn a_kept_connection_that_is_gone_is_replaced_where_that_is_harmless() {
    for driver in DRIVERS {
        // Says keep-alive and closes all the same.
        let server = Server::new(|stream, _| {
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
            false
        });
        let load = load(iterations(4, 10), server.origin(), || |user: &User| user.get("/").map(drop));
        let outcome = run(Load { driver, ..load });
        let row = outcome.requests();
        assert_eq!((row.ok, row.connections), (40, 40), "{:?}", row.errors);
    }
}

#[test]
fn an_answer_before_the_request_was_read_does_not_poison_the_connection() {
    for driver in DRIVERS {
        // Answers on the first bytes and reads no more: the rest of the body jams.
        let server = Server::new(|stream, _| {
            let _ = stream.write_all(b"HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\nno");
            nap(50);
            false
        });
        let load = load(iterations(3, 2), server.origin(), || {
            |user: &User| {
                let body = Body::Bytes(vec![b'x'; 8 << 20]);
                let request = Request { body, ..Request::new(Method::Post, "/") }.expecting(vec![413]);
                user.request(&request.within(60_000_000_000)).map(drop)
            }
        });
        let outcome = run(Load { driver, ..load });
        let row = outcome.requests();
        assert_eq!(row.started, 6);
        let resets = |class| matches!(class, ErrorClass::Reset | ErrorClass::Closed);
        assert!(row.errors.iter().all(|error| resets(error.class)), "{:?}", row.errors);
    }
}

#[test]
fn a_journey_that_panics_fails_its_iteration_and_no_other() {
    for driver in DRIVERS {
        let server = Server::good();
        let load = load(iterations(4, 5), server.origin(), || {
            |user: &User| {
                user.get("/")?;
                assert!(user.number() != 2 || user.iteration() != 1, "told to");
                user.get("/").map(drop)
            }
        });
        let outcome = run(Load { driver, ..load });
        let all = outcome.totals.sum(|label| label.kind == engine_load::record::Kind::Iteration);
        assert_eq!((all.started, all.ok, all.failed), (20, 19, 1));
        assert_eq!((all.errors[0].class, all.errors[0].example.as_str()), (ErrorClass::Panic, "told to"));
        assert_eq!(outcome.requests().ok, 39);
    }
}

#[test]
fn a_host_that_is_not_permitted_is_not_contacted() {
    let load =
        load(iterations(1, 1), Server::good().origin(), || |user: &User| user.get("http://192.0.2.1:9/").map(drop));
    let row = run(load).requests();
    assert_eq!((row.errors[0].class, row.failed, row.connections), (ErrorClass::Denied, 1, 0));
}
