//! Raw TCP and UDP against servers of the test, right ones and wrong ones. Over both drivers.

mod common;
#[path = "common/tls.rs"]
mod identity;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use common::{DRIVERS, Server, iterations, load, nap, reset, run};
use engine_load::record::{Kind, Row};
use engine_load::spec::{Limits, Load};
use engine_load::user::Until;
use engine_load::{ErrorClass, Failure, User};
use identity::{Authority, serving};

const SECOND: u64 = 1_000_000_000;

/// Runs `journey` with the server's address once each for 5 users over both drivers; it must succeed. Gives the rows.
fn each(server: &Server, journey: fn(&User, &str) -> Result<(), Failure>) -> Vec<Row> {
    let address = server.address.to_string();
    DRIVERS
        .map(|driver| {
            let address = address.clone();
            let load = load(iterations(5, 1), server.origin(), move || {
                let address = address.clone();
                move |user: &User| journey(user, &address)
            });
            let limits = Limits { body: 100_000, ..load.limits };
            let outcome = run(Load { driver, limits, ..load });
            let iterations = outcome.totals.sum(|label| label.kind == Kind::Iteration);
            assert_eq!(iterations.ok, 5, "{:?}", iterations.errors);
            outcome.requests()
        })
        .into()
}

/// Returns everything it is sent.
fn echo() -> Server {
    Server::raw(|stream| {
        let mut socket = stream;
        let mut chunk = [0; 4096];
        while let Ok(count @ 1..) = socket.read(&mut chunk) {
            if socket.write_all(&chunk[..count]).is_err() {
                break;
            }
        }
    })
}

#[test]
fn what_is_received_ends_where_it_should() {
    let rows = each(&echo(), |user, address| {
        let conn = user.tcp(address)?;
        conn.send(b"one\ntwo\r\nthr")?;
        assert_eq!(conn.receive(&Until::Delimiter(b"\n".to_vec()), 60 * SECOND)?, b"one\n");
        assert_eq!(conn.receive(&Until::Delimiter(b"\r\n".to_vec()), 60 * SECOND)?, b"two\r\n");
        conn.send(b"ee")?;
        assert_eq!(conn.receive(&Until::Bytes(5), 60 * SECOND)?, b"three");
        // Two messages in a row are one stream, in order.
        for part in 0..50_u8 {
            conn.send(&[part; 100])?;
        }
        let all = conn.receive(&Until::Bytes(5000), 60 * SECOND)?;
        assert!(all.chunks(100).enumerate().all(|(at, part)| part == [at as u8; 100]));
        let big = vec![7; 60_000];
        conn.send(&big)?;
        assert!(conn.receive(&Until::Bytes(60_000), 60 * SECOND)? == big);
        conn.name("last");
        conn.send(b"x")?;
        assert_eq!(conn.receive(&Until::Some, 60 * SECOND)?, b"x");
        conn.close();
        Ok(())
    });
    for row in rows {
        // Six exchanges, five users.
        assert_eq!((row.started, row.ok, row.connections), (30, 30, 5));
        assert_eq!((row.bytes_out, row.bytes_in), (5 * 65_015, 5 * 65_015));
        assert_eq!(row.connect.map(|connect| connect.count()), Some(5));
    }
}

#[test]
fn a_server_may_speak_first_and_end_the_connection() {
    let server = Server::raw(|stream| {
        let mut socket = stream;
        let _ = socket.write_all(b"220 hello\r\n");
        let _ = socket.read(&mut [0; 100]);
        let _ = socket.write_all(b"bye");
    });
    each(&server, |user, address| {
        let conn = user.tcp(address)?;
        assert_eq!(conn.receive(&Until::Delimiter(b"\r\n".to_vec()), 60 * SECOND)?, b"220 hello\r\n");
        conn.send(b"QUIT\r\n")?;
        assert_eq!(conn.receive(&Until::End, 60 * SECOND)?, b"bye");
        assert_eq!(conn.receive(&Until::Some, 60 * SECOND).unwrap_err().class, ErrorClass::Closed);
        Ok(())
    });
}

#[test]
fn pauses_are_kept_while_data_arrive() {
    let server = Server::raw(|stream| {
        let mut socket = stream;
        while socket.write_all(b"tick").is_ok() {
            nap(5);
        }
    });
    each(&server, |user, address| {
        let conn = user.tcp(address)?;
        let _ = conn.receive(&Until::Some, 60 * SECOND)?;
        let began = std::time::Instant::now();
        user.pause(0.1)?;
        assert!(began.elapsed() >= Duration::from_millis(100), "{:?}", began.elapsed());
        assert!(conn.receive(&Until::Some, 60 * SECOND)?.len() >= 4);
        Ok(())
    });
}

#[test]
fn each_fault_is_a_class_that_is_counted() {
    let only = |rows: Vec<Row>, class: ErrorClass| {
        for row in rows {
            assert_eq!(row.errors.len(), 1, "{:?}", row.errors);
            assert_eq!((row.errors[0].class, row.errors[0].count), (class, 5), "{:?}", row.errors);
            assert_eq!(if class.is_timeout() { row.timed_out } else { row.failed }, 5);
        }
    };
    let silent = Server::raw(|mut stream| while let Ok(1..) = stream.read(&mut [0; 1000]) {});
    let rows = each(&silent, |user, address| {
        let conn = user.tcp(address)?;
        conn.send(b"anybody?")?;
        assert_eq!(conn.receive(&Until::Some, SECOND / 5).unwrap_err().class, ErrorClass::Timeout);
        Ok(())
    });
    only(rows, ErrorClass::Timeout);
    let half = Server::raw(|mut stream| {
        let _ = stream.read(&mut [0; 1000]);
        let _ = stream.write_all(b"half");
        while let Ok(1..) = stream.read(&mut [0; 1000]) {}
    });
    let rows = each(&half, |user, address| {
        let conn = user.tcp(address)?;
        conn.send(b"all?")?;
        // It is there from here on, however long that took.
        assert_eq!(conn.receive(&Until::Bytes(1), 60 * SECOND)?, b"h");
        let failure = conn.receive(&Until::Delimiter(b"\n".to_vec()), SECOND / 5).unwrap_err();
        assert_eq!(failure.class, ErrorClass::TimeoutInBody);
        // What came stays.
        assert_eq!(conn.receive(&Until::Bytes(3), 60 * SECOND)?, b"alf");
        Ok(())
    });
    only(rows, ErrorClass::TimeoutInBody);
    let closes = Server::raw(|mut stream| {
        let _ = stream.read(&mut [0; 1000]);
        let _ = stream.write_all(b"abc");
    });
    let rows = each(&closes, |user, address| {
        let conn = user.tcp(address)?;
        conn.send(b"four?")?;
        assert_eq!(conn.receive(&Until::Bytes(4), 60 * SECOND).unwrap_err().class, ErrorClass::ClosedInBody);
        Ok(())
    });
    only(rows, ErrorClass::ClosedInBody);
    let resets = Server::raw(|mut stream| {
        let _ = stream.read(&mut [0; 1000]);
        reset(stream);
    });
    let rows = each(&resets, |user, address| {
        let conn = user.tcp(address)?;
        conn.send(b"x")?;
        assert_eq!(conn.receive(&Until::Some, 60 * SECOND).unwrap_err().class, ErrorClass::Reset);
        assert!(conn.send(b"y").is_err());
        Ok(())
    });
    only(rows, ErrorClass::Reset);
    let endless = Server::raw(|mut stream| while stream.write_all(&[b'x'; 65_536]).is_ok() {});
    let rows = each(&endless, |user, address| {
        let conn = user.tcp(address)?;
        let failure = conn.receive(&Until::Delimiter(b"\n".to_vec()), 60 * SECOND).unwrap_err();
        assert_eq!(failure.class, ErrorClass::BodyTooLarge);
        Ok(())
    });
    only(rows, ErrorClass::BodyTooLarge);
    let rows = each(&silent, |user, _| {
        let nobody = common::Nobody::new();
        assert_eq!(user.tcp(&nobody.address.to_string()).unwrap_err().class, ErrorClass::Refused);
        Ok(())
    });
    only(rows, ErrorClass::Refused);
    let rows = each(&silent, |user, _| {
        assert_eq!(user.tcp("192.0.2.1:9").unwrap_err().class, ErrorClass::Denied);
        for wrong in ["127.0.0.1", "127.0.0.1:x", "ftp://127.0.0.1:1", "127.0.0.1:1/path", "127.0.0.1:99999", ""] {
            assert_eq!(user.tcp(wrong).unwrap_err().class, ErrorClass::Invalid, "{wrong}");
        }
        Ok(())
    });
    only(rows, ErrorClass::Denied);
}

#[test]
fn a_stream_can_be_encrypted() {
    let authority = Authority::new();
    let (server, _) = serving(authority.vouch(&["127.0.0.1"], 2999).config(rustls::ALL_VERSIONS), |plain, number| {
        let _ = plain.write_all(format!("answer {number}\n").as_bytes()).and_then(|()| plain.flush());
        identity::Then::More
    });
    let address = format!("tls://{}", server.address);
    for driver in DRIVERS {
        let address = address.clone();
        let load = load(iterations(3, 1), server.origin(), move || {
            let address = address.clone();
            move |user: &User| {
                let conn = user.tcp(&address)?;
                for number in 0..3 {
                    conn.send(b"hello\r\n\r\n")?;
                    let line = conn.receive(&Until::Delimiter(b"\n".to_vec()), 60 * SECOND)?;
                    assert_eq!(line, format!("answer {number}\n").as_bytes());
                }
                Ok(())
            }
        });
        let row = run(Load { driver, tls: authority.trusted(), ..load }).requests();
        assert_eq!((row.ok, row.tls.map(|tls| tls.count())), (9, Some(3)), "{:?}", row.errors);
    }
}

/// A server of datagrams: returns each, but for those that say what else to do.
struct Datagrams {
    address: SocketAddr,
    over: Arc<AtomicBool>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Datagrams {
    fn new() -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a port");
        let address = socket.local_addr().expect("bound");
        socket.set_read_timeout(Some(Duration::from_millis(50))).expect("a time");
        let over = Arc::new(AtomicBool::new(false));
        let ends = Arc::clone(&over);
        let thread = std::thread::spawn(move || {
            let mut buffer = vec![0; 65_536];
            while !ends.load(Ordering::Relaxed) {
                let Ok((count, peer)) = socket.recv_from(&mut buffer) else { continue };
                let _ = match &buffer[..count] {
                    b"nothing" => continue,
                    b"empty" => socket.send_to(b"", peer),
                    b"two" => socket.send_to(b"first", peer).and_then(|_| socket.send_to(b"second", peer)),
                    b"large" => socket.send_to(&[1; 20_000], peer),
                    other => socket.send_to(other, peer),
                };
            }
        });
        Self { address, over, thread: Some(thread) }
    }
}

impl Drop for Datagrams {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        let _ = self.thread.take().map(std::thread::JoinHandle::join);
    }
}

#[test]
fn datagrams_are_whole_and_errors_are_counted() {
    let server = Datagrams::new();
    let nobody = UdpSocket::bind("127.0.0.1:0").expect("a port").local_addr().expect("bound").to_string();
    let address = server.address.to_string();
    for driver in DRIVERS {
        let (address, nobody) = (address.clone(), nobody.clone());
        let origin = common::origin(server.address);
        let load = load(iterations(4, 1), origin, move || {
            let (address, nobody) = (address.clone(), nobody.clone());
            move |user: &User| {
                let socket = user.udp(&address)?;
                for size in [1, 100, 5000, 8000] {
                    socket.send(&vec![9; size])?;
                    assert_eq!(socket.receive(&Until::Some, 60 * SECOND)?, vec![9; size]);
                }
                socket.send(b"two")?;
                assert_eq!(socket.receive(&Until::Some, 60 * SECOND)?, b"first");
                assert_eq!(socket.receive(&Until::Some, 60 * SECOND)?, b"second");
                socket.send(b"empty")?;
                assert_eq!(socket.receive(&Until::Some, 60 * SECOND)?, b"");
                socket.send(b"still there")?;
                assert_eq!(socket.receive(&Until::Some, 60 * SECOND)?, b"still there");
                socket.send(b"nothing")?;
                assert_eq!(socket.receive(&Until::Some, SECOND / 5).unwrap_err().class, ErrorClass::Timeout);
                socket.send(b"large")?;
                // Taken whole or refused, never cut.
                match socket.receive(&Until::Some, 60 * SECOND) {
                    Ok(bytes) => assert_eq!(bytes.len(), 20_000),
                    Err(failure) => assert_eq!(failure.class, ErrorClass::BodyTooLarge),
                }
                let refused = user.udp(&nobody)?;
                refused.send(b"x")?;
                let class = refused.receive(&Until::Some, SECOND / 2).unwrap_err().class;
                assert!(matches!(class, ErrorClass::Refused | ErrorClass::Timeout), "{class:?}");
                Ok(())
            }
        });
        let outcome = run(Load { driver, ..load });
        let iterations = outcome.totals.sum(|label| label.kind == Kind::Iteration);
        assert_eq!(iterations.ok, 4, "{:?}", iterations.errors);
        assert!(outcome.requests().ok >= 4 * 8);
    }
}

#[test]
fn a_connection_that_the_journey_forgets_is_closed() {
    let server = Server::raw(|mut stream: &TcpStream| while let Ok(1..) = stream.read(&mut [0; 1000]) {});
    each(&server, |user, address| {
        for _ in 0..20 {
            let conn = user.tcp(address)?;
            conn.send(b"x")?;
            drop(conn);
        }
        Ok(())
    });
    // All threads of the server end, or its drop would hang. It may still be accepting what is closed already.
    let began = std::time::Instant::now();
    while server.accepted.load(Ordering::Relaxed) < 200 {
        assert!(began.elapsed() < Duration::from_secs(300), "{:?}", server.accepted);
        nap(5);
    }
}
