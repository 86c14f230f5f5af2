//! Encrypted connections against rustls' server: versions, names, authorities, resumption, and everything that can go
//! wrong before and after the handshake. Over both drivers.

mod common;
#[path = "common/tls.rs"]
mod identity;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::atomic::Ordering;

use common::{DRIVERS, Server, iterations, late, load, nap, reset, run};
use engine_load::driver::DriverChoice;
use engine_load::http::{Body, Method, Origin, Request};
use engine_load::record::Row;
use engine_load::spec::{Load, LoadError};
use engine_load::tls::{Ca, TlsOptions, TlsVersions};
use engine_load::{ErrorClass, Runner, User};
use identity::{Authority, Plain, Then, secure, serving};
use rustls::ALL_VERSIONS;
use rustls::version::{TLS12, TLS13};

const OK: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";

fn ok(plain: &mut Plain<'_>, _: usize) -> Then {
    if plain.write_all(OK).and_then(|()| plain.flush()).is_ok() { Then::More } else { Then::Cut }
}

/// `users` users make two requests each of at most `most` milliseconds; gives what was counted for them.
fn requests(origin: Origin, driver: DriverChoice, tls: TlsOptions, users: u32, most: u64) -> Row {
    let load = load(iterations(users, 2), origin, move || {
        move |user: &User| {
            let _ = user.request(&Request::get("/x").within(most * 1_000_000).named("x"));
            Ok(())
        }
    });
    let limits = engine_load::spec::Limits { body: 1 << 20, ..load.limits };
    run(Load { driver, limits, tls, ..load }).endpoint("x")
}

fn only(row: &Row, class: ErrorClass, count: u64) {
    assert_eq!(row.errors.len(), 1, "{:?}", row.errors);
    assert_eq!((row.errors[0].class, row.errors[0].count, row.ok), (class, count, 0), "{:?}", row.errors);
    assert_eq!(if class.is_timeout() { row.timed_out } else { row.failed }, count);
    assert!(!row.errors[0].example.is_empty());
}

#[test]
fn both_versions_carry_requests_and_the_handshake_is_timed_apart() {
    let authority = Authority::new();
    let identity = authority.vouch(&["127.0.0.1"], 2999);
    for driver in DRIVERS {
        for (offered, want) in [(&TLS12, TlsVersions::Only12), (&TLS13, TlsVersions::Only13)] {
            // The server knows one version only, so that it is the one that is spoken.
            let (server, _) = serving(identity.config(&[offered]), ok);
            let row = requests(secure(&server), driver, authority.trusted(), 20, 60_000);
            assert_eq!((row.ok, row.connections), (40, 20), "{:?}", row.errors);
            let tls = row.tls.as_deref().expect("handshakes were timed");
            let connect = row.connect.as_deref().expect("connecting was timed");
            // One for each connection; none for the requests on a kept one.
            assert_eq!((tls.count(), connect.count()), (20, 20));
            let tls = TlsOptions { versions: want, ..authority.trusted() };
            assert_eq!(requests(secure(&server), driver, tls, 3, 60_000).ok, 6);
        }
        let (server, _) = serving(identity.config(&[&TLS12]), ok);
        let tls = TlsOptions { versions: TlsVersions::Only13, ..authority.trusted() };
        only(&requests(secure(&server), driver, tls, 3, 60_000), ErrorClass::Tls, 6);
    }
}

#[test]
fn a_response_says_where_its_time_went() {
    let authority = Authority::new();
    let (server, _) = serving(authority.vouch(&["localhost"], 2999).config(ALL_VERSIONS), |plain, number| {
        nap(2);
        ok(plain, number)
    });
    let origin = Origin { host: "localhost".into(), ..secure(&server) };
    let load = load(iterations(1, 1), origin, || {
        |user: &User| {
            let first = user.get("/")?.timings;
            let second = user.get("/")?.timings;
            assert!(first.connect > 0 && first.tls > 0 && first.dns > 0, "{first:?}");
            assert!(first.first_byte >= 2_000_000 && first.total >= first.first_byte + first.tls, "{first:?}");
            assert_eq!((second.dns, second.connect, second.tls), (0, 0, 0));
            Ok(())
        }
    });
    let outcome = run(Load { tls: authority.trusted(), ..load });
    assert_eq!(outcome.requests().ok, 2, "{:?}", outcome.requests().errors);
    assert_eq!(outcome.totals.sum(|label| label.kind == engine_load::record::Kind::Iteration).ok, 1);
}

#[test]
fn later_connections_resume_the_session() {
    let authority = Authority::new();
    let identity = authority.vouch(&["127.0.0.1"], 2999);
    for driver in DRIVERS {
        for version in [&TLS12, &TLS13] {
            let mut config = identity.config(&[version]);
            config.ticketer = rustls::crypto::ring::Ticketer::new().expect("a ticketer");
            // Each request has a connection of its own.
            let (server, counts) = serving(config, |plain, _| {
                let _ = plain.write_all(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
                Then::Farewell
            });
            let load = load(iterations(1, 30), secure(&server), || |user: &User| user.get("/").map(drop));
            let row = run(Load { driver, tls: authority.trusted(), ..load }).requests();
            assert_eq!((row.ok, row.connections), (30, 30), "{:?}", row.errors);
            let [full, resumed] = [0, 1].map(|at| counts[at].load(Ordering::Relaxed));
            assert_eq!((full, resumed), (1, 29), "{version:?}");
        }
    }
}

#[test]
fn large_bodies_go_both_ways() {
    let authority = Authority::new();
    let config = authority.vouch(&["127.0.0.1"], 2999).config(ALL_VERSIONS);
    let server = {
        let config = std::sync::Arc::new(config);
        Server::raw(move |stream| {
            let mut connection = rustls::ServerConnection::new(config.clone()).expect("possible");
            let mut socket = stream;
            let mut plain = rustls::Stream::new(&mut connection, &mut socket);
            let mut seen = Vec::new();
            let mut chunk = [0; 65_536];
            while seen.len() < 3_000_000 || !seen.ends_with(b"end") {
                match plain.read(&mut chunk) {
                    Ok(0) | Err(_) => return,
                    Ok(count) => seen.extend_from_slice(&chunk[..count]),
                }
            }
            let body = seen.split_off(seen.len() - 3_000_000);
            let _ = plain.write_all(format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len()).as_bytes());
            let _ = plain.write_all(&body);
            let _ = plain.flush();
            let _ = plain.read(&mut chunk);
        })
    };
    for driver in DRIVERS {
        let load = load(iterations(2, 1), secure(&server), || {
            |user: &User| {
                let mut body: Vec<u8> = (0..3_000_000_u32).map(|at| (at % 251) as u8).collect();
                body.truncate(2_999_997);
                body.extend_from_slice(b"end");
                let request = Request { body: Body::Bytes(body.clone()), ..Request::new(Method::Post, "/") };
                let response = user.request(&request)?;
                assert!(response.body == body, "{} bytes came back", response.size);
                Ok(())
            }
        });
        let outcome = run(Load { driver, tls: authority.trusted(), ..load });
        assert_eq!(outcome.totals.sum(|label| label.kind == engine_load::record::Kind::Iteration).ok, 2);
    }
}

#[test]
fn certificates_that_prove_nothing_are_refused() {
    let authority = Authority::new();
    for (identity, tls, what) in [
        (authority.vouch(&["127.0.0.1"], 2020), authority.trusted(), "expired"),
        (authority.vouch(&["elsewhere.example"], 2999), authority.trusted(), "not valid for name"),
        (authority.vouch(&["127.0.0.1"], 2999), Authority::new().trusted(), "invalid peer certificate"),
    ] {
        for driver in DRIVERS {
            let (server, _) = serving(identity.config(ALL_VERSIONS), ok);
            let row = requests(secure(&server), driver, tls.clone(), 5, 60_000);
            only(&row, ErrorClass::Certificate, 10);
            assert!(row.errors[0].example.contains(what), "{}", row.errors[0].example);
            // Unless a load says that any will do.
            let tls = TlsOptions { insecure: true, ..tls.clone() };
            assert_eq!(requests(secure(&server), driver, tls, 5, 60_000).ok, 10);
        }
    }
}

#[test]
fn authorities_that_cannot_be_read_are_found_before_the_load_starts() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("ca.pem");
    let check = |ca: Ca| {
        let load = load(iterations(1, 1), Server::good().origin(), || |_: &User| Ok(()));
        Runner::new(Load { tls: TlsOptions { ca: Some(ca), ..TlsOptions::default() }, ..load }).err()
    };
    let tls = |error: Option<LoadError>, what: &str| match error {
        Some(LoadError::Tls(words)) => assert!(words.contains(what), "{words}"),
        other => panic!("{other:?}"),
    };
    tls(check(Ca::File(path.clone())), "cannot be read");
    std::fs::write(&path, "no certificate").expect("written");
    tls(check(Ca::File(path.clone())), "holds no certificate");
    tls(check(Ca::Pem(b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n".to_vec())), "cannot be used");
    let authority = Authority::new();
    std::fs::write(&path, authority.pem()).expect("written");
    assert_eq!(check(Ca::File(path.clone())), None);
    let (server, _) = serving(authority.vouch(&["127.0.0.1"], 2999).config(ALL_VERSIONS), ok);
    let tls = TlsOptions { ca: Some(Ca::File(path)), ..TlsOptions::default() };
    assert_eq!(requests(secure(&server), DriverChoice::Auto, tls, 2, 60_000).ok, 4);
}

/// A server of plain bytes that reads the client's first word and then does as `act` says.
fn before_agreeing(act: impl Fn(&TcpStream) + Send + Sync + 'static, class: ErrorClass) {
    let server = Server::raw(move |stream| {
        let mut socket = stream;
        let _ = socket.read(&mut [0; 4096]);
        act(stream);
    });
    for driver in DRIVERS {
        let requests = |most| requests(secure(&server), driver, Authority::new().trusted(), 10, most);
        if class.is_timeout() { late(class, 20, requests) } else { only(&requests(60_000), class, 20) }
    }
}

#[test]
fn reset_within_the_handshake() {
    before_agreeing(reset, ErrorClass::Tls);
}

#[test]
fn closed_within_the_handshake() {
    before_agreeing(|_| (), ErrorClass::Tls);
    // After the start of a record.
    before_agreeing(|mut stream| drop(stream.write_all(&[22, 3, 3, 0, 100, 2, 0])), ErrorClass::Tls);
}

#[test]
fn garbage_instead_of_a_hello() {
    before_agreeing(|mut stream| drop(stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n")), ErrorClass::Tls);
    before_agreeing(|mut stream| drop(stream.write_all(&[0xff; 3000])), ErrorClass::Tls);
    // An alert: no such name.
    before_agreeing(|mut stream| drop(stream.write_all(&[21, 3, 3, 0, 2, 2, 112])), ErrorClass::Tls);
}

#[test]
fn never_agreeing() {
    let silent = |stream: &TcpStream| {
        let mut socket = stream;
        while matches!(socket.read(&mut [0; 4096]), Ok(1..)) {}
    };
    before_agreeing(silent, ErrorClass::TlsTimeout);
}

#[test]
fn garbage_for_ever() {
    before_agreeing(|mut stream| while stream.write_all(&[22; 16_384]).is_ok() {}, ErrorClass::Tls);
}

/// What happens after the handshake: `act` has the plain stream after a request.
fn after_agreeing(act: impl Fn(&mut Plain<'_>) -> Then + Send + Sync + Clone + 'static, class: ErrorClass) {
    let authority = Authority::new();
    let identity = authority.vouch(&["127.0.0.1"], 2999);
    for driver in DRIVERS {
        let act = act.clone();
        let (server, _) = serving(identity.config(ALL_VERSIONS), move |plain, _| act(plain));
        let requests = |most| requests(secure(&server), driver, authority.trusted(), 10, most);
        if class.is_timeout() {
            late(class, 20, requests);
            continue;
        }
        only(&requests(60_000), class, 20);
    }
}

/// Servers that say `text`, and reset the connection when it has been read. Where that takes the generator longer, the
/// reset may overtake what was said: then it gets more time.
fn reset_after_agreeing(text: &'static [u8], class: ErrorClass) {
    let authority = Authority::new();
    let identity = authority.vouch(&["127.0.0.1"], 2999);
    for driver in DRIVERS {
        let met = [20, 200, 1_000, 5_000].into_iter().any(|pause| {
            let (server, _) = serving(identity.config(ALL_VERSIONS), move |plain, _| {
                let _ = plain.write_all(text).and_then(|()| plain.flush());
                nap(pause);
                reset(plain.sock);
                Then::Cut
            });
            let row = requests(secure(&server), driver, authority.trusted(), 10, 60_000);
            let resets = [ErrorClass::Reset, ErrorClass::ResetInHead, ErrorClass::ResetInBody];
            assert!(row.errors.iter().all(|error| resets.contains(&error.class)), "{:?}", row.errors);
            assert_eq!((row.ok, row.timed_out, row.failed), (0, 0, 20));
            row.errors.len() == 1 && row.errors[0].class == class
        });
        assert!(met, "{class:?}");
    }
}

/// Says `text`, and then does as told.
fn saying(text: &'static [u8], then: Then) -> impl Fn(&mut Plain<'_>) -> Then + Send + Sync + Clone {
    move |plain| {
        let _ = plain.write_all(text).and_then(|()| plain.flush());
        then
    }
}

#[test]
fn the_faults_of_plain_connections_have_the_same_classes_here() {
    use Then::{Cut, Farewell, More};
    let head = b"HTTP/1.1 200 OK\r\nContent-";
    let body = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc";
    after_agreeing(|_| More, ErrorClass::Timeout);
    after_agreeing(saying(head, More), ErrorClass::TimeoutInHead);
    after_agreeing(saying(body, More), ErrorClass::TimeoutInBody);
    let bytes = &[0xff, 0xfe, 0, 1, 2, 3, 13, 10];
    reset_after_agreeing(b"", ErrorClass::Reset);
    reset_after_agreeing(head, ErrorClass::ResetInHead);
    reset_after_agreeing(body, ErrorClass::ResetInBody);
    for (text, then, class) in [
        (&b""[..], Farewell, ErrorClass::Closed),
        (head, Farewell, ErrorClass::ClosedInHead),
        (head, Cut, ErrorClass::ClosedInHead),
        (body, Farewell, ErrorClass::ClosedInBody),
        (body, Cut, ErrorClass::ClosedInBody),
        // A body that ends with the channel, which somebody cut.
        (b"HTTP/1.1 200 OK\r\n\r\nabc", Cut, ErrorClass::ClosedInBody),
        (bytes, More, ErrorClass::Malformed),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nabc", More, ErrorClass::ExcessData),
        (b"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\nabc", More, ErrorClass::BadFraming),
    ] {
        after_agreeing(saying(text, then), class);
    }
}

#[test]
fn endless_answers_are_cut_off() {
    let endless = |start: &'static [u8], filler: &'static [u8]| {
        move |plain: &mut Plain<'_>| {
            let _ = plain.write_all(start);
            while plain.write_all(&filler.repeat(200)).is_ok() {}
            Then::Cut
        }
    };
    let header = b"X-Filler: abcdefghijklmnopqrstuvwxyz\r\n";
    after_agreeing(endless(b"HTTP/1.1 200 OK\r\n", header), ErrorClass::HeadTooLarge);
    after_agreeing(endless(b"HTTP/1.1 200 OK\r\n\r\n", header), ErrorClass::BodyTooLarge);
}

#[test]
fn a_channel_that_breaks_within_an_answer_is_a_fault_of_its_own() {
    after_agreeing(
        |plain| {
            let _ = plain.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc").and_then(|()| plain.flush());
            // A record that nobody encrypted.
            let _ = plain.sock.write_all(&[23, 3, 3, 0, 32]);
            let _ = plain.sock.write_all(&[0; 32]);
            nap(50);
            Then::Cut
        },
        ErrorClass::Tls,
    );
}

#[test]
fn a_body_may_end_with_the_channel() {
    let authority = Authority::new();
    let config = authority.vouch(&["127.0.0.1"], 2999).config(ALL_VERSIONS);
    let (server, _) = serving(config, saying_body);
    for driver in DRIVERS {
        let row = requests(secure(&server), driver, authority.trusted(), 5, 60_000);
        assert_eq!((row.ok, row.connections), (10, 10), "{:?}", row.errors);
    }
}

fn saying_body(plain: &mut Plain<'_>, _: usize) -> Then {
    saying(b"HTTP/1.1 200 OK\r\n\r\nuntil the end", Then::Farewell)(plain)
}
