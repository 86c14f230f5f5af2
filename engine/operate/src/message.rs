//! A notice for tests.

use engine_core::alert::Rule;
use engine_core::notice::{Item, Notice, NoticeKind};
use engine_core::run::{RunId, Timestamp};

/// A notice with everything in it.
pub(crate) fn sample() -> Notice {
    Notice {
        kind: NoticeKind::Alert,
        title: "nightly: 1 alert".to_owned(),
        suite: "nightly".to_owned(),
        machine: "m1".to_owned(),
        branch: Some("main".to_owned()),
        run: Some(RunId("01jd00000000000000000000ab".to_owned())),
        at: Timestamp(1_760_000_000_000_000),
        remarks: vec!["the run is degraded: steal".to_owned()],
        items: vec![Item {
            alert: "aq2m7k1z".to_owned(),
            rule: Rule::ChangePoint,
            subject: "triad.rate{threads=8}".to_owned(),
            recovered: false,
            what: "it got worse".to_owned(),
            size: Some("-8.1 % (95 %: -9.0 to -7.2 %)".to_owned()),
            since: Some("run 01jd0000000000 (3f2a9c11d0aa)".to_owned()),
            against: Some("the level of the 40 runs before".to_owned()),
            causes: vec!["the code changed: a1b2c3d4e5f6..3f2a9c11d0aa".to_owned()],
            look: vec!["engine explain v7k2m9x1".to_owned()],
        }],
        link: Some("http://127.0.0.1:5000/".to_owned()),
    }
}
