use super::*;
use crate::harness::tests::{round, values};
use engine_core::args::ArgValue;
use engine_core::measurement::Record;
use engine_core::step::FailureKind;
use std::path::Path;
use std::time::Instant;

const TRANSPORTS: [&str; 4] = ["tcp", "udp", "unix", "pipe"];

/// A round with a hand on each block. It is not tiny: it lasts until the blocks in question are sent.
fn meddled(
    given: &[(&str, &str)],
    meddle: impl Fn(usize, u64, &mut [u8]) -> bool + Sync,
) -> Result<(Vec<Record>, Vec<String>), ProbeError> {
    let given = given.iter().map(|(name, text)| ((*name).to_owned(), ArgValue::Text((*text).to_owned())));
    let args = PROBE.info.args(&given.collect(), false).unwrap();
    let cancel = AtomicBool::new(false);
    let mut cx = Context::new(Path::new("/"), &cancel, Instant::now() + Duration::from_secs(600), 2, 7, false);
    measure(&args, &mut cx, meddle)?;
    Ok(cx.finish())
}

#[track_caller]
fn flagged(outcome: Result<(Vec<Record>, Vec<String>), ProbeError>, words: &str) {
    let Err(ProbeError::Failed(failure)) = outcome else { panic!("{outcome:?}") };
    assert!(failure.kind == FailureKind::Verification && failure.message.contains(words), "{failure:?}");
}

#[test]
fn every_transport_has_a_rate_with_one_stream_and_with_more() {
    for transport in TRANSPORTS {
        for (streams, block, placement, wake) in
            [("1", "64 KiB", "other", "block"), ("3", "100 B", "other", "byte"), ("2", "1 MiB", "same", "block")]
        {
            let given = [
                ("transport", transport),
                ("streams", streams),
                ("block", block),
                ("placement", placement),
                ("wake", wake),
            ];
            let (records, notes) = round(&PROBE, &given).unwrap();
            let rates = values(&records, "rate");
            assert_eq!(rates.len(), 3, "{given:?}");
            assert!(
                rates.iter().any(|rate| *rate > 0.0) && rates.iter().all(|rate| *rate < 1e12),
                "{given:?} {rates:?}"
            );
            let loss = values(&records, "loss");
            assert_eq!(loss.len(), usize::from(transport == "udp"));
            assert!(loss.iter().all(|loss| (0.0..1.0).contains(loss)), "{loss:?}");
            assert_eq!(streams != "1", notes.iter().any(|note| note.contains("threads on")), "{notes:?}");
        }
    }
}

#[test]
fn wrong_content_is_flagged_in_the_first_blocks_and_in_later_stamps() {
    for transport in TRANSPORTS {
        for (block, at) in [(3, 4_000), (WHOLE + 5, 4_096)] {
            let flip = |_: usize, number: u64, bytes: &mut [u8]| {
                if number >= block {
                    bytes[at] ^= 1;
                }
                true
            };
            flagged(
                meddled(&[("transport", transport), ("block", "8 KiB"), ("duration", "10 s")], flip),
                "other bytes",
            );
        }
    }
}

#[test]
fn a_block_of_a_stream_that_is_not_sent_is_flagged() {
    for transport in ["tcp", "unix", "pipe"] {
        flagged(meddled(&[("transport", transport)], |_, number, _| number != 5), "block 5");
    }
}

#[test]
fn dropped_datagrams_are_counted() {
    // Every other one: whatever else is lost, at least half are.
    let (records, _) = meddled(&[("transport", "udp"), ("duration", "20 ms")], |_, number, _| number % 2 == 0).unwrap();
    let loss = values(&records, "loss")[0];
    assert!((0.45..1.0).contains(&loss), "{loss}");
}

#[test]
fn an_interruption_ends_a_flow_and_leaves_no_thread() {
    let args = PROBE.info.args(&[("streams".to_owned(), ArgValue::Text("3".to_owned()))].into(), false).unwrap();
    let cancel = AtomicBool::new(true);
    let mut cx = Context::new(Path::new("/"), &cancel, Instant::now() + Duration::from_secs(600), 2, 7, false);
    assert_eq!(run(&args, &mut cx), Err(ProbeError::Cancelled));
}
