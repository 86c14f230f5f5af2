use super::*;
use std::fs;
use std::process::Command;

/// A description of counters as the kernel keeps it.
fn described(events: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path();
    fs::create_dir(place.join("events")).unwrap();
    fs::create_dir(place.join("format")).unwrap();
    fs::write(place.join("type"), "4\n").unwrap();
    for (term, bits) in
        [("event", "config:0-7"), ("umask", "config:8-15"), ("any", "config:21"), ("cmask", "config:24-31")]
    {
        fs::write(place.join("format").join(term), format!("{bits}\n")).unwrap();
    }
    for (name, text) in events {
        fs::write(place.join("events").join(name), format!("{text}\n")).unwrap();
    }
    folder
}

/// The older set, as the kernel has it for a processor of four slots without SMT.
const OLDER: [(&str, &str); 7] = [
    ("topdown-total-slots", "event=0x3c,umask=0x0"),
    ("topdown-total-slots.scale", "4"),
    ("topdown-slots-issued", "event=0xe,umask=0x1"),
    ("topdown-slots-retired", "event=0xc2,umask=0x2"),
    ("topdown-fetch-bubbles", "event=0x9c,umask=0x1"),
    ("topdown-recovery-bubbles", "event=0xd,umask=0x3,cmask=0x1"),
    ("topdown-recovery-bubbles.scale", "4"),
];

#[test]
fn events_are_as_the_kernel_describes_them() {
    let older = level(described(&OLDER).path()).expect("the older set");
    assert_eq!(older.events.map(|event| event.config), [0x3c, 0x10e, 0x2c2, 0x19c, 0x0100_030d]);
    assert!(older.events.iter().all(|event| event.kind == 4) && !older.divided);
    assert_eq!(older.scales, [4.0, 1.0, 1.0, 1.0, 4.0]);
    let newer: Vec<(&str, &str)> = DIVIDED.iter().map(|name| (*name, "event=0x00,umask=0x84")).collect();
    assert!(level(described(&newer).path()).expect("the newer set").divided);
    // A set of which one is missing, a term that nobody describes, a value that has no room.
    assert_eq!(level(described(&OLDER[..3]).path()), None);
    let place = described(&[]);
    assert_eq!(config(place.path(), "event=0x3c,frontend=1"), None);
    assert_eq!(config(place.path(), "event=0x13c"), None);
    assert_eq!(config(place.path(), "event=0x3c,any"), Some(0x20_003c));
}

#[test]
fn level_one_is_that_of_the_formulas() {
    // 1000 cycles of four slots: 1600 retired of 2000 issued, 800 bubbles, 100 cycles of recovery.
    // Retiring 40 %, front 20 %, bad speculation (2000 - 1600 + 400) / 4000 = 20 %, the back has the rest.
    let found = Pipeline::computed([4000.0, 2000.0, 1600.0, 800.0, 400.0]).expect("a whole");
    let wanted = Pipeline { retiring: 0.4, bad_speculation: 0.2, frontend_bound: 0.2, backend_bound: 0.2 };
    for (one, other) in [
        (found.retiring, wanted.retiring),
        (found.bad_speculation, wanted.bad_speculation),
        (found.frontend_bound, wanted.frontend_bound),
        (found.backend_bound, wanted.backend_bound),
    ] {
        assert!((one - other).abs() < 1e-12, "{found:?}");
    }
    // More bubbles than slots: nonsense is not given.
    assert_eq!(Pipeline::computed([4000.0, 2000.0, 1600.0, 4800.0, 400.0]), None);
    assert_eq!(Pipeline::computed([0.0; 5]), None);
    let divided = Pipeline::divided([1000.0, 250.0, 50.0, 300.0, 410.0]).expect("a whole");
    assert!((divided.backend_bound - 410.0 / 1010.0).abs() < 1e-12);
    assert_eq!(Pipeline::divided([1000.0, 250.0, 50.0, 300.0, 100.0]), None, "three tenths are missing");
}

#[test]
fn a_refusal_says_what_to_do() {
    assert!(refused(Trial::Refused(libc::ENOENT)).contains("virtual PMU"));
    assert!(refused(Trial::Refused(libc::EACCES)).contains("perf_event_paranoid"));
    assert!(refused(Trial::Killed(31)).contains("sandbox"));
    if let Err(why) = Counters::of_this_machine() {
        assert!(why.contains("enable") || why.contains("allow"), "{why}");
    }
}

/// Page faults are counted by the kernel itself, on every machine: with them the way that all counters go is tested.
#[test]
fn the_next_program_is_counted_with_its_children_and_this_process_is_not() {
    const PAGE_FAULTS: Event = Event { kind: 1, config: 2 };
    let Ok(mut open) = Open::new(PAGE_FAULTS, None) else { return };
    // Faults of this process, which must not count.
    drop(std::hint::black_box(vec![1_u8; 16 << 20]));
    let count = |open: &mut Open, script: &str| {
        let before = open.read().unwrap_or(0.0);
        assert!(Command::new("sh").args(["-c", script]).status().unwrap().success());
        open.read().unwrap_or(0.0) - before
    };
    let one = count(&mut open, ":");
    let more = count(&mut open, "for i in 1 2 3 4 5 6 7 8 9 10; do sh -c : ; done");
    assert!(one > 0.0 && one < 2000.0, "{one} page faults of a shell");
    assert!(more > 5.0 * one, "{more} page faults of eleven shells, {one} of one");
}
