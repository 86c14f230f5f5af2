use std::collections::BTreeMap;

use engine_core::args::Args;
use engine_core::fault::{Criteria, FaultShape, Injection, ReadyShape, VictimKind, VictimShape};
use engine_load::record::{End, Kind, Label, Row, Sample};

use super::figures::{banded, phases, windows};

fn shape() -> FaultShape {
    FaultShape {
        victim: VictimShape {
            what: VictimKind::Demo(Box::default()),
            ready: ReadyShape::Tcp,
            within: 5.0,
            restart: None,
            memory: None,
            port: None,
        },
        inject: Injection { id: "faults.hang".into(), args: Args::default() },
        warmup: 0.0,
        after: 2.0,
        lasts: 1.0,
        within: 1.5,
        window: 0.5,
        criteria: Criteria { consecutive: 1, ..Criteria::default() },
        verify: false,
        judged: true,
    }
}

/// Requests that are meant to start every tenth of a second for five seconds; those of the third second end a second late.
fn rows() -> BTreeMap<Label, Row> {
    let mut rows: BTreeMap<Label, Row> = BTreeMap::new();
    for number in 0..50_u64 {
        let intended = number * 100_000_000;
        let slice = number / 5;
        let late = (20..30).contains(&number);
        let kind = if late && number % 2 == 0 { Kind::NotStarted } else { Kind::Request };
        let label = Label {
            kind,
            journey: "j".into(),
            endpoint: "GET /".into(),
            group: "".into(),
            phase: slice.to_string().into(),
        };
        let end = if late { End::TimedOut } else { End::Ok };
        let ended = intended + if late { 1_000_000_000 } else { 2_000_000 };
        let row = rows.entry(label).or_default();
        row.started += 1;
        row.record(Sample { end, intended, begun: intended, ended });
    }
    rows
}

#[test]
fn windows_hold_what_was_meant_to_start_in_them() {
    let windows = windows(&rows(), &shape());
    assert_eq!(windows.len(), 10);
    for (at, window) in windows.iter().enumerate() {
        let down = (4..6).contains(&at);
        assert!((window.start - at as f64 * 0.5).abs() < 1e-9 && (window.length - 0.5).abs() < 1e-9, "{window:?}");
        assert_eq!((window.succeeded, window.failed), if down { (0, 5) } else { (5, 0) }, "{at}");
        assert_eq!(window.p95.is_none(), down, "{at}");
    }
}

#[test]
fn bands_are_before_fault_and_after() {
    let fault = shape();
    let ends: Vec<String> = phases(&fault).iter().map(|(name, end)| format!("{name} {end}")).collect();
    assert_eq!(ends, ["before 2", "fault 3", "after 5"]);
    let banded = banded(&rows(), &fault);
    let count = |phase: &str| -> u64 {
        banded.iter().filter(|(label, _)| &*label.phase == phase).map(|(_, row)| row.started).sum()
    };
    assert_eq!((count("before"), count("fault"), count("after")), (20, 10, 20));
}
