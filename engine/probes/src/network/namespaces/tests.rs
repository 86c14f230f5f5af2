use super::*;
use crate::harness::tests::{round, values};
use engine_core::args::ArgValue;
use engine_core::measurement::Record;
use engine_core::step::FailureKind;
use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

fn hooked(given: &[(&str, &str)], hooks: &Hooks) -> Result<(Vec<Record>, Vec<String>), ProbeError> {
    let given = given.iter().map(|(name, text)| ((*name).to_owned(), ArgValue::Text((*text).to_owned())));
    let args = PROBE.info.args(&given.collect(), true).unwrap();
    let cancel = AtomicBool::new(false);
    let mut cx = Context::new(Path::new("/"), &cancel, Instant::now() + Duration::from_secs(600), 2, 7, true);
    measure(&args, &mut cx, hooks)?;
    Ok(cx.finish())
}

/// Whether this system lets this process make a network; asked independently of the probe's own path.
fn is_permitted() -> bool {
    let alone = Command::new("unshare").args(["--net", "true"]).stderr(Stdio::null()).status();
    let user = Command::new("unshare").args(["--user", "--net", "true"]).stderr(Stdio::null()).status();
    [alone, user].into_iter().any(|status| status.is_ok_and(|status| status.success()))
}

fn interfaces() -> String {
    let table = fs::read_to_string("/proc/self/net/dev").unwrap();
    table.lines().filter_map(|line| line.split_once(':')).map(|(name, _)| name.trim().to_owned() + " ").collect()
}

#[test]
fn two_hosts_talk_across_a_shaped_link_or_the_reason_is_told() {
    let before = interfaces();
    match round(&PROBE, &[]) {
        Ok((records, notes)) => {
            let times = values(&records, "rtt");
            assert!(times.len() == 20 && times.iter().all(|time| (1e-7..20.0).contains(time)), "{times:?}");
            let (rate, share) = (values(&records, "rate")[0], values(&records, "shaping_share")[0]);
            // A loaded machine pauses the receiver, and what waited comes at once: it may seem to be more than the link's.
            assert!(share > 0.0, "{share}");
            // Headers take a twentieth of each frame, so the program gets less than the link carries.
            assert!(rate > 0.0 && rate < 12.5e6 * share, "{rate} {share}");
            assert!(notes.iter().any(|note| note.contains("networks of their own")), "{notes:?}");
        }
        Err(ProbeError::Skip(skip)) => {
            assert!(!is_permitted() && skip.kind == SkipKind::Permission && !skip.remedy.is_empty(), "{skip:?}");
        }
        Err(error) => panic!("{error}"),
    }
    assert_eq!(interfaces(), before);
}

#[test]
fn an_ordinary_user_can_do_it_in_a_user_namespace() {
    let root = fs::metadata("/proc/self").unwrap().uid() == 0;
    let hooks = Hooks { user: root.then_some(65_534), ..Hooks::default() };
    match hooked(&[], &hooks) {
        Ok((records, notes)) => {
            assert_eq!(values(&records, "rtt").len(), 20);
            assert!(notes.iter().any(|note| note.contains("in a user namespace")), "{notes:?}");
        }
        Err(ProbeError::Skip(skip)) => {
            let permitted = Command::new("unshare").args(["--user", "--net", "true"]).stderr(Stdio::null()).status();
            assert!(permitted.is_ok_and(|status| !status.success()) && !skip.remedy.is_empty(), "{skip:?}");
        }
        Err(error) => panic!("{error}"),
    }
}

#[track_caller]
fn flagged(outcome: Result<(Vec<Record>, Vec<String>), ProbeError>, words: &str) {
    match outcome {
        Err(ProbeError::Failed(failure)) => {
            assert!(failure.kind == FailureKind::Verification && failure.message.contains(words), "{failure:?}");
        }
        Err(ProbeError::Skip(skip)) => assert!(!is_permitted(), "{skip:?}"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_echo_with_wrong_content_is_flagged() {
    flagged(hooked(&[], &Hooks { flip: Some(9), ..Hooks::default() }), "find the bytes that were sent");
}

#[test]
fn a_link_that_is_not_shaped_is_flagged() {
    // So slow that any machine is faster without the limit.
    flagged(hooked(&[("link", "1 MB")], &Hooks { unshaped: true, ..Hooks::default() }), "it is not shaped");
}

#[test]
fn the_share_counts_whole_frames() {
    let share = |rate| share(rate, 1_448, 12_500_000);
    assert!((share(12.5e6 * 1_448.0 / 1_514.0) - 1.0).abs() < 1e-12);
    assert!(share(12.5e6) > 1.04 && shaped(share(12.5e6), 0.0).is_ok() && shaped(share(12.6e6), 0.0).is_err());
    assert!(shaped(share(12.6e6), 0.02).is_ok(), "a bucket that was full once more");
    assert_eq!(shape(0), None);
    assert!(shape(100_000_000_000).unwrap().burst >= 1_000_000_000);
}

#[test]
fn what_the_system_refuses_is_told_apart() {
    let kind = |step, code| match explain(step, "x", code) {
        ProbeError::Skip(skip) => Some(skip.kind),
        _ => None,
    };
    assert_eq!(kind(Step::Separate, libc::EPERM), Some(SkipKind::Permission));
    assert_eq!(kind(Step::Separate, libc::ENOSPC), Some(SkipKind::Permission));
    assert_eq!(kind(Step::Separate, libc::EINVAL), Some(SkipKind::Platform));
    assert_eq!(kind(Step::Join, libc::EPERM), Some(SkipKind::Permission));
    assert_eq!(kind(Step::Join, libc::EOPNOTSUPP), Some(SkipKind::Platform));
    assert_eq!(kind(Step::Shape, libc::ENOENT), Some(SkipKind::Platform));
    assert_eq!(kind(Step::Flow, libc::EPIPE), None);
    assert!(explain(Step::Flow, "send", libc::EPIPE).to_string().contains("Broken pipe"));
}

#[test]
fn an_interruption_ends_the_hosts() {
    let args = PROBE.info.args(&std::collections::BTreeMap::new(), false).unwrap();
    let cancel = AtomicBool::new(true);
    let mut cx = Context::new(Path::new("/"), &cancel, Instant::now() + Duration::from_secs(600), 2, 7, false);
    let outcome = run(&args, &mut cx);
    assert!(outcome == Err(ProbeError::Cancelled) || matches!(outcome, Err(ProbeError::Skip(_))), "{outcome:?}");
}

/// Processes by their parent.
fn children(parent: u32) -> Vec<u32> {
    let processes = fs::read_dir("/proc").unwrap().filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    processes.filter(|pid| stat(*pid).is_some_and(|(_, of)| of == parent)).collect()
}

/// State and parent of a process.
fn stat(pid: u32) -> Option<(char, u32)> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let mut rest = text.rsplit_once(") ")?.1.split_whitespace();
    Some((rest.next()?.chars().next()?, rest.next()?.parse().ok()?))
}

fn network(pid: u32) -> Option<String> {
    Some(fs::read_link(format!("/proc/{pid}/ns/net")).ok()?.to_str()?.to_owned())
}

/// The networks that any process has.
fn networks() -> BTreeSet<String> {
    let processes = fs::read_dir("/proc").unwrap().filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    processes.filter_map(network).collect()
}

const VICTIM: &str = "ENGINE_TEST_NAMESPACES_VICTIM";

/// Only does something as the process that the next test kills.
#[test]
fn victim() {
    if std::env::var_os(VICTIM).is_none() {
        return;
    }
    let given = [("duration".to_owned(), ArgValue::Text("100 s".to_owned()))].into();
    let args = PROBE.info.args(&given, false).unwrap();
    let cancel = AtomicBool::new(false);
    let mut cx = Context::new(Path::new("/"), &cancel, Instant::now() + Duration::from_secs(600), 2, 7, false);
    let _ = run(&args, &mut cx);
}

#[test]
fn a_kill_leaves_no_host_no_network_and_no_interface() {
    if !is_permitted() {
        return;
    }
    let (own, before) = (network(std::process::id()).unwrap(), interfaces());
    let mut victim = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "network::namespaces::tests::victim", "--nocapture"])
        .env(VICTIM, "1")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn()
        .unwrap();
    let patience = Instant::now() + Duration::from_secs(600);
    let (hosts, made) = loop {
        assert!(Instant::now() < patience && victim.try_wait().unwrap().is_none(), "the hosts never came");
        std::thread::sleep(Duration::from_millis(5));
        let first = children(victim.id());
        let hosts: Vec<u32> = first.iter().copied().chain(first.iter().flat_map(|host| children(*host))).collect();
        let made: BTreeSet<String> = hosts.iter().filter_map(|host| network(*host)).filter(|of| *of != own).collect();
        // Both have a network of their own: some time later they talk. The kill may come at any time.
        if made.len() == 2 {
            break (hosts, made);
        }
    };
    assert!(networks().is_superset(&made));
    victim.kill().unwrap();
    victim.wait().unwrap();
    let gone = |host: &u32| stat(*host).is_none_or(|(state, _)| matches!(state, 'Z' | 'X'));
    while !hosts.iter().all(gone) || !networks().is_disjoint(&made) {
        assert!(Instant::now() < patience, "{hosts:?} or {made:?} are left");
        std::thread::sleep(Duration::from_millis(5));
    }
    assert_eq!(interfaces(), before);
}
