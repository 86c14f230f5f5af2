use super::*;
use crate::harness::tests::{round, values};
use engine_core::args::ArgValue;
use engine_core::measurement::Record;
use engine_core::step::FailureKind;
use std::time::{Duration, Instant};

fn meddled(
    given: &[(&str, &str)],
    root: &Path,
    meddle: impl Fn(u64) -> bool + Sync,
) -> Result<(Vec<Record>, Vec<String>), ProbeError> {
    let given = given.iter().map(|(name, text)| ((*name).to_owned(), ArgValue::Text((*text).to_owned())));
    let args = PROBE.info.args(&given.collect(), true).unwrap();
    let cancel = AtomicBool::new(false);
    let mut cx = Context::new(Path::new("/"), &cancel, Instant::now() + Duration::from_secs(600), 2, 7, true);
    measure(&args, &mut cx, &Tree::new(root), meddle)?;
    Ok(cx.finish())
}

#[test]
fn every_way_gives_a_sample_a_connection() {
    for (transport, close) in [("tcp", "reset"), ("tcp", "graceful"), ("unix", "reset")] {
        for placement in ["other", "same"] {
            let given = [("transport", transport), ("close", close), ("placement", placement)];
            let (records, _) = round(&PROBE, &given).unwrap();
            let (cycles, connects) = (values(&records, "cycle"), values(&records, "connect"));
            assert_eq!((cycles.len(), connects.len()), (20, 20), "{given:?}");
            assert!(cycles.iter().zip(&connects).all(|(cycle, connect)| connect <= cycle && *cycle < 20.0));
            let mean = cycles.iter().sum::<f64>() / 20.0;
            assert!((values(&records, "rate")[0] * mean - 1.0).abs() < 1e-9);
        }
    }
}

/// The connections of a port in TIME_WAIT, as `/proc/net/tcp` shows them.
fn in_time_wait(port: u16) -> std::collections::BTreeSet<(String, String)> {
    let sockets = std::fs::read_to_string("/proc/net/tcp").unwrap();
    let own = format!(":{port:04X}");
    // Columns 1 and 2 are the addresses, column 3 the state; 06 is TIME_WAIT.
    let waits = |line: &str| {
        let columns: Vec<&str> = line.split_whitespace().collect();
        let here = columns.len() > 3 && (columns[1].ends_with(&own) || columns[2].ends_with(&own));
        (here && columns[3] == "06").then(|| (columns[1].to_owned(), columns[2].to_owned()))
    };
    sockets.lines().filter_map(waits).collect()
}

#[test]
fn a_reset_leaves_no_time_wait_behind() {
    for reset in [true, false] {
        let listener = Listener::open(true, Family::V4).unwrap();
        let address = listener.address().unwrap();
        let Address::Tcp(socket) = address else { panic!("TCP has ports") };
        let (stop, accepted) = (AtomicBool::new(false), AtomicU64::new(0));
        // Another program's connections to this port may be a minute old.
        let before = in_time_wait(socket.port());
        thread::scope(|scope| {
            let server = scope.spawn(|| accept(&listener, reset, &stop, &accepted, &|_| true));
            for _ in 0..5 {
                match address.connect().and_then(Connection::finish) {
                    Err(error) => assert!(reset && error.kind() == ErrorKind::ConnectionReset, "{error}"),
                    Ok(()) => assert!(!reset),
                }
            }
            // The other way shows that a connection in TIME_WAIT would be seen, once the kernel has taken its last step.
            let late = Instant::now() + Duration::from_secs(50);
            let left = || in_time_wait(socket.port()).difference(&before).count();
            while !reset && left() == 0 && Instant::now() < late {
                thread::sleep(Duration::from_millis(5));
            }
            assert_eq!(left() == 0, reset);
            stop.store(true, Ordering::Release);
            drop(address.connect());
            server.join().unwrap().unwrap();
        });
        assert_eq!(accepted.load(Ordering::Acquire), 5);
    }
}

#[test]
fn a_connection_that_is_not_accepted_is_flagged() {
    for transport in ["tcp", "unix"] {
        let outcome = meddled(&[("transport", transport)], Path::new("/"), |number| number != 11);
        let Err(ProbeError::Failed(failure)) = outcome else { panic!("{outcome:?}") };
        assert_eq!(failure.kind, FailureKind::Verification);
        assert_eq!(failure.message, "22 connections were made, but 21 accepted");
    }
}

#[test]
fn few_ports_limit_the_connections_and_none_is_a_skip() {
    let root = tempfile::tempdir().unwrap();
    let write = |path: &str, text: &str| {
        let path = root.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    write("proc/sys/net/ipv4/ip_local_port_range", "50000 50019");
    let graceful = [("close", "graceful")];
    let (records, notes) = meddled(&graceful, root.path(), |_| true).unwrap();
    // Twenty ports, of which half may be taken; two are for the warm-up.
    assert_eq!(values(&records, "cycle").len(), 8);
    assert!(notes.iter().any(|note| note.contains("limited to 8")), "{notes:?}");
    write("proc/net/sockstat", "TCP: inuse 1 orphan 0 tw 18 alloc 1 mem 0");
    let outcome = meddled(&graceful, root.path(), |_| true);
    let Err(ProbeError::Skip(skip)) = outcome else { panic!("{outcome:?}") };
    assert!(skip.kind == SkipKind::Resource && skip.reason == "18 of 20 ports are in TIME_WAIT", "{skip:?}");
    assert_eq!(values(&meddled(&[], root.path(), |_| true).unwrap().0, "cycle").len(), 20, "a reset needs none");
}

#[test]
fn an_interruption_ends_it() {
    let args = PROBE.info.args(&std::collections::BTreeMap::new(), false).unwrap();
    let cancel = AtomicBool::new(true);
    let mut cx = Context::new(Path::new("/"), &cancel, Instant::now() + Duration::from_secs(600), 2, 7, false);
    assert_eq!(run(&args, &mut cx), Err(ProbeError::Cancelled));
}
