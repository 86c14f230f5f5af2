//! Small servers for the tests: one that answers right, and some that do not.
#![allow(dead_code, unsafe_code, reason = "each test uses its part; resetting a connection takes a socket option")]

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::os::fd::AsRawFd;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use engine_load::driver::DriverChoice;
use engine_load::http::Origin;
use engine_load::model::UserPhase;
use engine_load::record::Row;
use engine_load::spec::{Iterations, Load, Workload};
use engine_load::{ErrorClass, Failure, Native, Outcome, Runner, User};

/// What a server does with one request on one connection; gives whether it keeps the connection.
pub(crate) type Answer = dyn Fn(&mut &TcpStream, usize) -> bool + Send + Sync;

/// A server on a port of its own; ends when dropped.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    pub(crate) accepted: Arc<AtomicUsize>,
    over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// `answer` gets the stream after a request was read, and the request's number on it.
    pub(crate) fn new(answer: impl Fn(&mut &TcpStream, usize) -> bool + Send + Sync + 'static) -> Self {
        Self::raw(move |stream| converse(stream, &answer))
    }

    /// A thread for each connection, which `serve` has from its first byte to its end.
    pub(crate) fn raw(serve: impl Fn(&TcpStream) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("bound");
        let over = Arc::new(AtomicBool::new(false));
        let accepted = Arc::new(AtomicUsize::new(0));
        let (ends, count) = (Arc::clone(&over), Arc::clone(&accepted));
        let serve = Arc::new(serve);
        let thread = std::thread::spawn(move || {
            let mut peers = Vec::new();
            for stream in listener.incoming() {
                if ends.load(Ordering::Relaxed) {
                    break;
                }
                let Ok(stream) = stream else { continue };
                count.fetch_add(1, Ordering::Relaxed);
                let serve = Arc::clone(&serve);
                // A second handle, to end what still runs; given up first, or the connection would outlive its end.
                let watched = Arc::new(Mutex::new(stream.try_clone().ok()));
                let mine = Arc::clone(&watched);
                let thread = std::thread::spawn(move || {
                    serve(&stream);
                    drop(mine.lock().expect("nobody panics with it").take());
                    drop(stream);
                });
                peers.push((watched, thread));
            }
            for (stream, thread) in peers {
                if let Some(stream) = &*stream.lock().expect("nobody panics with it") {
                    let _ = stream.shutdown(Shutdown::Both);
                }
                let _ = thread.join();
            }
        });
        Self { address, accepted, over, thread: Some(thread) }
    }

    /// Answers everything with `bytes`.
    pub(crate) fn fixed(bytes: impl Into<Vec<u8>>) -> Self {
        let bytes = bytes.into();
        Self::new(move |stream, _| stream.write_all(&bytes).is_ok())
    }

    /// Answers everything with 200 and a short body.
    pub(crate) fn good() -> Self {
        Self::fixed("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello")
    }

    pub(crate) fn origin(&self) -> Origin {
        origin(self.address)
    }
}

pub(crate) fn origin(address: SocketAddr) -> Origin {
    Origin { secure: false, host: address.ip().to_string(), port: address.port() }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        let _ = TcpStream::connect(self.address);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Reads requests without bodies, and answers each.
fn converse(stream: &TcpStream, answer: &Answer) {
    let mut stream = stream;
    for number in 0.. {
        let mut seen = Vec::new();
        let mut chunk = [0; 4096];
        while !seen.windows(4).any(|four| four == b"\r\n\r\n") {
            match stream.read(&mut chunk) {
                Ok(0) | Err(_) => return,
                Ok(count) => seen.extend_from_slice(&chunk[..count]),
            }
        }
        if !answer(&mut stream, number) {
            return;
        }
    }
}

/// An address at which nobody listens; as long as this lives, nobody else can either.
pub(crate) struct Nobody {
    pub(crate) address: SocketAddr,
    _taken: (TcpListener, TcpStream),
}

impl Nobody {
    pub(crate) fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let stream = TcpStream::connect(listener.local_addr().expect("bound")).expect("it listens");
        Self { address: stream.local_addr().expect("connected"), _taken: (listener, stream) }
    }
}

/// Makes requests of at most so many milliseconds, of which `count` end in a time-out of this class. A machine that is busy
/// elsewhere may be late with an earlier step, whose time-out it then is: it gets more time.
pub(crate) fn late(class: ErrorClass, count: u64, requests: impl Fn(u64) -> Row) {
    let met = [300, 1_000, 5_000, 20_000].into_iter().any(|most| {
        let row = requests(most);
        assert!(row.errors.iter().all(|error| error.class.is_timeout()), "{:?}", row.errors);
        assert_eq!((row.ok, row.failed, row.timed_out), (0, 0, count));
        // Known only to have taken longer.
        assert_eq!(row.response.censored_count(), count);
        assert!(row.errors.iter().all(|error| !error.example.is_empty()));
        row.errors.len() == 1 && row.errors[0].class == class
    });
    assert!(met, "{class:?}");
}

/// Ends a connection with a reset.
pub(crate) fn reset(stream: &TcpStream) {
    let linger = libc::linger { l_onoff: 1, l_linger: 0 };
    // SAFETY: the option's value is a local of the size that is passed.
    unsafe {
        libc::setsockopt(
            stream.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_LINGER,
            (&raw const linger).cast(),
            size_of_val(&linger) as libc::socklen_t,
        );
    }
}

pub(crate) fn nap(millis: u64) {
    std::thread::sleep(Duration::from_millis(millis));
}

/// Both drivers, so that everything is tried over both.
pub(crate) const DRIVERS: [DriverChoice; 2] = [DriverChoice::Auto, DriverChoice::Epoll];

/// `users` users that make `each` iterations, for at most 60 s.
pub(crate) fn iterations(users: u32, each: u64) -> Workload {
    let users = f64::from(users);
    let phase = UserPhase { name: "all".into(), from: users, to: users, duration: 60.0 };
    Workload::Users { phases: vec![phase], iterations: Iterations::PerUser(each), spread: 0.0 }
}

/// A load of one native journey.
pub(crate) fn load<S>(workload: Workload, target: Origin, make: impl Fn() -> S + Send + Sync + 'static) -> Load
where
    S: Fn(&User) -> Result<(), Failure> + 'static,
{
    Load { target: Some(target), grace: 10.0, ..Load::new(Arc::new(Native::new("journey", make)), workload) }
}

/// Runs a load that must be possible.
pub(crate) fn run(load: Load) -> Outcome {
    let outcome = Runner::new(load).expect("a possible load").run(&mut |_| ()).expect("a load that starts");
    assert_eq!(outcome.conservation.violations(), Vec::<String>::new());
    assert!(outcome.totals.rows.values().all(engine_load::record::Row::is_conserved));
    outcome
}
