use super::*;
use crate::harness::tests::{round, values};
use engine_core::args::ArgValue;
use engine_core::measurement::Record;
use engine_core::step::FailureKind;
use std::path::Path;
use std::time::Instant;

const TRANSPORTS: [&str; 5] = ["tcp", "udp", "unix", "unix_datagram", "pipe"];

/// A tiny round with the server's hand on each echo.
fn meddled(
    given: &[(&str, &str)],
    meddle: impl FnMut(u64, &mut [u8]) -> bool + Send,
) -> Result<(Vec<Record>, Vec<String>), ProbeError> {
    let given = given.iter().map(|(name, text)| ((*name).to_owned(), ArgValue::Text((*text).to_owned())));
    let args = PROBE.info.args(&given.collect(), true).unwrap();
    let cancel = AtomicBool::new(false);
    let mut cx = Context::new(Path::new("/"), &cancel, Instant::now() + Duration::from_secs(600), 2, 7, true);
    measure(&args, &mut cx, || (), meddle)?;
    Ok(cx.finish())
}

fn is_verification(error: &ProbeError) -> bool {
    matches!(error, ProbeError::Failed(failure) if failure.kind == FailureKind::Verification)
}

#[test]
fn every_transport_size_and_placement_gives_a_sample_a_message() {
    for transport in TRANSPORTS {
        for (size, placement, wait) in [
            ("1 B", "other", "block"),
            ("64 KiB", "same", "block"),
            ("4 KiB", "other", "spin"),
            ("100 B", "same", "spin"),
        ] {
            let given = [("transport", transport), ("size", size), ("placement", placement), ("wait", wait)];
            let (records, notes) = round(&PROBE, &given).unwrap();
            let times = values(&records, "rtt");
            assert_eq!(times.len(), 40, "{given:?}");
            assert!(times.iter().all(|time| (1e-7..20.0).contains(time)), "{given:?}: {times:?}");
            assert!(notes.iter().any(|note| note.contains("CPU")), "{notes:?}");
            let limited = notes.iter().any(|note| note.contains("65507 bytes"));
            assert_eq!(limited, transport == "udp" && size == "64 KiB", "{notes:?}");
        }
    }
}

#[test]
fn the_other_loopback_address_works_or_is_a_skip() {
    for transport in ["tcp", "udp"] {
        match round(&PROBE, &[("transport", transport), ("family", "ipv6")]) {
            Ok((records, _)) => assert_eq!(values(&records, "rtt").len(), 40),
            Err(ProbeError::Skip(skip)) => assert!(!skip.remedy.is_empty()),
            Err(error) => panic!("{error}"),
        }
    }
}

#[test]
fn an_echo_with_wrong_content_is_flagged() {
    for transport in TRANSPORTS {
        for at in [0, 99] {
            let flip = |number: u64, bytes: &mut [u8]| {
                // An echo that comes too late is lost, and not looked at: then it is the next one's turn.
                if number >= 17 {
                    bytes[at] ^= 1;
                }
                true
            };
            let error = meddled(&[("transport", transport), ("size", "100 B")], flip).unwrap_err();
            let told = if Transport::from_name(transport).is_datagram() { "message " } else { "message 17" };
            assert!(is_verification(&error) && error.to_string().contains(told), "{transport}: {error}");
        }
    }
}

#[test]
fn the_echo_of_an_earlier_message_is_flagged() {
    for transport in TRANSPORTS {
        let mut before = Vec::new();
        let stale = |number: u64, bytes: &mut [u8]| {
            if number >= 9 {
                bytes.copy_from_slice(&before);
            }
            before = bytes.to_vec();
            true
        };
        let error = meddled(&[("transport", transport), ("size", "1 B")], stale).unwrap_err();
        assert!(is_verification(&error), "{transport}: {error}");
    }
}

#[test]
fn a_dropped_datagram_is_counted_and_no_sample() {
    for transport in ["udp", "unix_datagram"] {
        let (records, _) = meddled(&[("transport", transport)], |number, _| number != 20 && number != 30).unwrap();
        assert!(values(&records, "lost")[0] >= 2.0, "{records:?}");
        let times = values(&records, "rtt");
        assert!(times.len() == 40, "{times:?}");
    }
}

#[test]
fn datagrams_that_never_come_back_end_the_round() {
    let error = meddled(&[("transport", "udp")], |number, _| number < 10).unwrap_err();
    assert!(error.to_string().contains("10 datagrams in a row"), "{error}");
}

#[test]
fn a_late_echo_is_not_taken_for_another() {
    let patience = [Duration::from_millis(300); 2];
    let (end, other) = pair(Transport::UnixDatagram, Family::V4, Wait::Block, patience).unwrap();
    let message = Message::new(32, 1);
    let mut client = Client::new(&message, true);
    assert_eq!(client.ask(&end).unwrap(), None, "nobody answers");
    let mut buffer = [0; 32];
    assert_eq!(other.receive(&mut buffer).unwrap(), 32);
    other.send(&buffer).unwrap();
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        let server = scope.spawn(|| serve(&other, &mut buffer, true, &stop, |_, _| true));
        assert_eq!(client.ask(&end).unwrap(), None, "another echo was in the way");
        while client.ask(&end).unwrap().is_none() {}
        stop.store(true, Ordering::Relaxed);
        server.join().unwrap().unwrap();
    });
    assert!(client.late() >= 1 && client.lost() >= client.late());
}

#[test]
fn an_interruption_ends_a_conversation() {
    let args = PROBE.info.args(&std::collections::BTreeMap::new(), false).unwrap();
    let cancel = AtomicBool::new(true);
    let mut cx = Context::new(Path::new("/"), &cancel, Instant::now() + Duration::from_secs(600), 2, 7, false);
    assert_eq!(run(&args, &mut cx), Err(ProbeError::Cancelled));
}

#[test]
fn an_echo_that_is_kept_is_that_much_slower() {
    let args = PROBE.info.args(&std::collections::BTreeMap::new(), true).unwrap();
    let cancel = AtomicBool::new(false);
    let mut cx = Context::new(Path::new("/"), &cancel, Instant::now() + Duration::from_secs(600), 2, 7, true);
    slowed(&args, &mut cx, Duration::from_millis(1)).unwrap();
    let times = values(&cx.finish().0, "rtt");
    assert!(times.len() == 40 && times.iter().all(|time| *time >= 0.001), "{times:?}");
}
