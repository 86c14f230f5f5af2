use super::*;
use std::os::unix::fs::PermissionsExt;
use std::sync::atomic::{AtomicBool, Ordering};

const LONG: Duration = Duration::from_secs(60);

/// Runs a shell script in the place of Python: it finds the program as its argument 4 and the plan as 5.
fn play(text: &str, limit: Duration, deadline: Duration) -> Result<Vec<u8>, ProbeError> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("python3");
    std::fs::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    let cancel = AtomicBool::new(false);
    let cx = Context::new(folder.path(), &cancel, Instant::now() + deadline, 1, 0, true);
    let script = Script { python: &path, program: "", argument: "7", limit };
    loop {
        let outcome = run(&script, b"extension", &cx);
        // Another test that starts a process at this moment may hold the just written file open.
        if !matches!(&outcome, Err(error) if error.to_string().contains("Text file busy")) {
            return outcome;
        }
    }
}

#[test]
fn an_answer_comes_back_and_the_extension_goes_there() {
    let answer = play("cat <&3 >&5; echo \" $5\" >&5", LONG, LONG).unwrap();
    assert_eq!(answer, b"extension 7\n");
}

#[test]
fn a_child_that_dies_says_how() {
    let error = play("echo dying >&2; kill -9 $$", LONG, LONG).unwrap_err().to_string();
    assert!(error.contains("ended with exit code 137; it said:\ndying"), "{error}");
    let error = play("exit 3", LONG, LONG).unwrap_err().to_string();
    assert!(error.ends_with("ended with exit code 3"), "{error}");
}

#[test]
fn a_child_that_hangs_is_ended_with_all_that_it_started() {
    let begun = Instant::now();
    let begins = |error: &str, limit: u64| error.contains(&format!("did not end within {} s", limit as f64 / 1e3));
    // As long as this machine needs until the script speaks.
    let said = [300, 1_000, 5_000, 25_000].into_iter().any(|limit| {
        let script = "echo waiting; sleep 600 & sleep 600";
        let error = play(script, Duration::from_millis(limit), LONG).unwrap_err().to_string();
        assert!(begins(&error, limit), "{error}");
        error.contains(" s; it said:\nwaiting")
    });
    assert!(said);
    assert_eq!(play("sleep 600", LONG, Duration::from_millis(200)), Err(ProbeError::Cancelled));
    assert!(begun.elapsed() < 5 * LONG);
}

#[test]
fn silence_and_a_flood_are_failures() {
    let error = play("exit 0", LONG, LONG).unwrap_err().to_string();
    assert!(error.ends_with("gave no answer"), "{error}");
    let error = play("yes flood", LONG, LONG).unwrap_err().to_string();
    assert!(error.contains("said more than 16 MiB; it said:") && error.len() < 2_500, "{error}");
}

#[test]
fn what_is_missing_is_a_skip() {
    let cancel = AtomicBool::new(false);
    let cx = Context::new(Path::new("/"), &cancel, Instant::now() + LONG, 1, 0, true);
    let script = Script { python: Path::new("/no/python3"), program: "", argument: "", limit: LONG };
    assert!(matches!(run(&script, &[], &cx), Err(ProbeError::Skip(skip)) if skip.kind == SkipKind::Platform));
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("python3"), "not executable").unwrap();
    assert_eq!(found(&[folder.path().to_owned()]), None);
    assert!(run(&script, b"x", &cx).unwrap_err().to_string().contains("cannot run `/no/python3`"));
    cancel.store(true, Ordering::Relaxed);
}
