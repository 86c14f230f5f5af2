//! Places that refuse: a full disk and a read-only one. They are real: small file systems in a mount namespace of their
//! own. Where the system gives no such namespace, the tests say so and pass; the crate's own tests fill a file by the
//! database's page limit instead.

use std::path::{Path, PathBuf};
use std::process::Command;

use engine_core::run::RunState;
use engine_store::{Error, Filter, Store, Writer};

use crate::fixture::{Folder, events, fold, header, run};

const PLACE: &str = "ENGINE_STORE_TEST_PLACE";

/// Runs one of the tests below again, as root of a mount namespace of its own with `setup` done in it. False where there
/// is no such namespace.
fn within(test: &str, place: &Path, setup: &str) -> bool {
    let namespace =
        || Command::new("unshare").args(["--user", "--map-root-user", "--mount", "sh", "-c"]).arg("exit 0").status();
    let usable =
        |args: &[&str]| Command::new("unshare").args(args).args(["sh", "-c", "mount -t tmpfs none /mnt"]).status();
    let flags: &[&str] =
        if namespace().is_ok_and(|status| status.success()) && usable(&["-rm"]).is_ok_and(|s| s.success()) {
            &["-rm"]
        } else if usable(&["-m"]).is_ok_and(|status| status.success()) {
            &["-m"]
        } else {
            println!("skipped: no mount namespace here (needs `unshare` and unprivileged user namespaces)");
            return false;
        };
    let script = format!("{setup} && exec \"$0\" --exact places::{test} --nocapture");
    let output = Command::new("unshare")
        .args(flags)
        .args(["sh", "-ec", &script])
        .arg(std::env::current_exe().unwrap())
        .env(PLACE, place)
        .output()
        .unwrap();
    let said = [output.stdout, output.stderr].map(|text| String::from_utf8_lossy(&text).into_owned());
    assert!(output.status.success(), "{}\n{}", said[0], said[1]);
    assert!(said[0].contains("1 passed"), "the test is named wrongly: {}", said[0]);
    true
}

fn place() -> Option<PathBuf> {
    std::env::var_os(PLACE).map(PathBuf::from)
}

#[test]
fn a_full_disk_keeps_what_was_stored_before() {
    let Some(place) = place() else {
        let folder = Folder::new();
        let setup = format!("mount -t tmpfs -o size=2m none \"${PLACE}\"");
        within("a_full_disk_keeps_what_was_stored_before", folder.temp.path(), &setup);
        return;
    };
    let file = place.join("performance.db");
    let earlier = run(&header("quick", 1), &[1.0, 2.0, 3.0]);
    let mut store = Store::open(&file).unwrap();
    store.apply(&earlier).unwrap();
    let writer = Writer::start(store).unwrap();
    let late = events(&header("quick", 2), 4, 40_000);
    late.iter().for_each(|envelope| writer.send(envelope));
    let error = writer.finish().unwrap_err();
    assert!(matches!(error, Error::Full { .. }), "{error}");
    let message = error.to_string();
    assert!(message.contains("no space left") && message.contains("performance.db"), "{message}");
    // Another opening on the same full disk.
    let store = Store::open_readonly(&file).unwrap();
    let health = store.check().unwrap();
    assert!(health.is_ok(), "{health:?}");
    assert_eq!(store.run(&earlier[0].run).unwrap(), fold(&earlier));
    for row in store.list(&Filter::default()).unwrap() {
        assert_eq!(row.state == RunState::Complete, row.id == earlier[0].run, "{row:?}");
    }
    // The log has given back its room; somebody else takes it.
    let mut ballast = std::fs::File::create(place.join("ballast")).unwrap();
    while std::io::Write::write_all(&mut ballast, &[1; 4096]).is_ok() {}
    let copy = store.backup(&place.join("copy.db")).unwrap_err();
    assert!(matches!(copy, Error::Full { .. }), "{copy}");
    assert!(!place.join("copy.db").exists(), "no half copy stays");
    let export = store.export(&earlier[0].run, &place.join("run.json"));
    assert!(export.is_ok() || matches!(export, Err(Error::Full { .. })), "{export:?}");
}

#[test]
fn a_disk_that_is_full_from_the_start_says_so() {
    let Some(place) = place() else {
        let folder = Folder::new();
        let setup =
            format!("mount -t tmpfs -o size=64k none \"${PLACE}\" && head -c 64k /dev/zero > \"${PLACE}/ballast\"");
        within("a_disk_that_is_full_from_the_start_says_so", folder.temp.path(), &setup);
        return;
    };
    let error = Store::open(place.join("performance.db")).unwrap_err();
    assert!(matches!(error, Error::Full { .. }), "{error}");
}

#[test]
fn a_read_only_disk_can_be_read_and_says_that_it_cannot_be_written() {
    let Some(place) = place() else {
        let folder = Folder::new();
        let setup = format!("mount -t tmpfs none \"${PLACE}\" && mkdir \"${PLACE}/rw\"");
        within("a_read_only_disk_can_be_read_and_says_that_it_cannot_be_written", folder.temp.path(), &setup);
        return;
    };
    let file = place.join("100 % sure?.db");
    let events = run(&header("quick", 1), &[1.0, 2.0, 3.0]);
    let mut store = Store::open(&file).unwrap();
    store.apply(&events).unwrap();
    let remount = |how: &str| {
        let status = Command::new("mount").args(["-o", how]).arg(&place).status().unwrap();
        assert!(status.success());
    };
    drop(store);
    remount("remount,ro");
    let error = Store::open(&file).unwrap_err();
    assert!(matches!(error, Error::ReadOnly { .. }), "{error}");
    let message = error.to_string();
    assert!(message.contains("cannot be written") && message.contains("--db"), "{message}");
    let error = Store::open(place.join("new.db")).unwrap_err();
    assert!(matches!(error, Error::ReadOnly { .. }), "{error}");
    let error = Store::open(place.join("new folder").join("new.db")).unwrap_err();
    assert!(matches!(error, Error::ReadOnly { .. }), "{error}");
    let store = Store::open_readonly(&file).unwrap();
    assert_eq!(store.run(&events[0].run).unwrap(), fold(&events));
    remount("remount,rw");
    drop(store);
    // With a log that a killed process left.
    let mut writing = Store::open(&file).unwrap();
    let more = run(&header("quick", 2), &[4.0]);
    writing.apply(&more).unwrap();
    let left = place.join("left.db");
    for suffix in ["", "-wal", "-shm"] {
        let name = |base: &Path| PathBuf::from(format!("{}{suffix}", base.display()));
        std::fs::copy(name(&file), name(&left)).unwrap();
    }
    drop(writing);
    remount("remount,ro");
    let store = Store::open_readonly(&left).unwrap();
    assert_eq!(store.run(&more[0].run).unwrap(), fold(&more), "the log is read too");
    let error = Store::open(&left).unwrap_err();
    assert!(matches!(error, Error::ReadOnly { .. }), "{error}");
}

#[test]
fn a_place_that_takes_no_files_is_told() {
    // Not even root may make a file there.
    if Path::new("/proc/self").exists() {
        let error = Store::open("/proc/engine/performance.db").unwrap_err();
        assert!(error.to_string().contains("/proc/engine/performance.db"), "{error}");
        let error = Store::open("/proc/performance.db").unwrap_err();
        assert!(error.to_string().contains("/proc/performance.db"), "{error}");
    }
    let folder = Folder::new();
    std::fs::write(folder.temp.path().join("data"), "a file where the folder should be").unwrap();
    let error = Store::open(folder.file()).unwrap_err();
    assert!(error.to_string().contains("performance.db"), "{error}");
}
