use super::*;
use std::collections::BTreeMap;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use engine_core::args::ArgValue;
use engine_core::measurement::Record;

fn words(words: &[&str]) -> ArgValue {
    ArgValue::List(words.iter().map(|word| (*word).to_owned()).collect())
}

fn text(text: &str) -> ArgValue {
    ArgValue::Text(text.to_owned())
}

fn measure_for(
    time: Duration,
    launcher: Option<Launcher>,
    command: &[&str],
    options: &[(&str, ArgValue)],
) -> Result<Vec<Record>, ProbeError> {
    let mut given: BTreeMap<String, ArgValue> = options.iter().map(|(n, v)| ((*n).to_owned(), v.clone())).collect();
    given.insert("command".to_owned(), words(command));
    let args = PROBE.info.args(&given, false).unwrap();
    let scratch = tempfile::tempdir().unwrap();
    let cancel = AtomicBool::new(false);
    let mut cx = Context::new(scratch.path(), &cancel, Instant::now() + time, 1, 0, false);
    let launcher = launcher.unwrap_or_else(|| Launcher::new(scratch.path()));
    runs(&args, &mut cx, &launcher)?;
    drop(launcher);
    assert_eq!(std::fs::read_dir(scratch.path()).unwrap().count(), 0, "the folder is left as it was");
    Ok(cx.finish().0)
}

fn measure(command: &[&str], options: &[(&str, ArgValue)]) -> Result<Vec<Record>, ProbeError> {
    measure_for(Duration::from_secs(600), None, command, options)
}

fn value(records: &[Record], metric: &MetricDef) -> f64 {
    records.iter().find(|record| record.metric.id == metric.id).unwrap().values[0]
}

fn complaint(result: Result<Vec<Record>, ProbeError>) -> String {
    result.unwrap_err().to_string()
}

const BUSY: &str = "i=0; while [ $i -lt 30000 ]; do i=$((i+1)); done";

#[test]
fn both_launchers_measure_a_possible_run() {
    for launcher in [None, Some(Launcher::direct())] {
        let records = measure_for(Duration::from_secs(60), launcher, &["sh", "-c", BUSY], &[]).unwrap();
        let (wall, cpu) = (value(&records, &WALL), value(&records, &USER) + value(&records, &SYSTEM));
        // One thread cannot use more CPU than there was time; the kernel accounts in ticks of at most 10 ms.
        assert!(cpu > 0.0 && cpu <= wall + 0.02, "{cpu} s of CPU in {wall} s");
        assert!(value(&records, &PAGE_FAULTS) > 0.0);
        assert!(value(&records, &EXIT).abs() < f64::EPSILON);
    }
}

#[test]
fn the_memory_of_this_process_is_not_the_programs() {
    let ballast = std::hint::black_box(vec![1u8; 128 << 20]);
    let records = measure(&["true"], &[]).unwrap();
    let peak = value(&records, &PEAK_MEMORY);
    assert!(peak > 0.0 && peak < 32.0 * 1024.0 * 1024.0, "{peak} B");
    // Without the tiny process it cannot be told, and is left out.
    let records = measure_for(Duration::from_secs(60), Some(Launcher::direct()), &["true"], &[]).unwrap();
    assert!(records.iter().all(|record| record.metric.id != PEAK_MEMORY.id));
    drop(ballast);
}

#[test]
fn every_run_is_recorded() {
    let records = measure(&["true"], &[("runs", text("3"))]).unwrap();
    assert!(records.iter().all(|record| record.values.len() == 3));
    // All but what the processor counts, which is asked for by name.
    let names: Vec<&str> = records.iter().map(|record| record.metric.id.as_str()).collect();
    assert_eq!(names, ["wall", "user", "system", "peak_memory", "page_faults", "exit"]);
}

#[test]
fn counters_are_read_where_there_are_any_and_nothing_else_depends_on_them() {
    let records = measure(&["sh", "-c", BUSY], &[("counters", ArgValue::Flag(true))]).unwrap();
    assert!(value(&records, &WALL) > 0.0 && value(&records, &EXIT).abs() < f64::EPSILON);
    let counted = |metric: &MetricDef| records.iter().find(|record| record.metric.id == metric.id);
    let Ok(_) = Counters::of_this_machine() else {
        // They are refused: a note says so, and no number stands in for them.
        return assert!(counted(&CYCLES).is_none() && records.len() == 6, "{records:?}");
    };
    // A loop of 30,000 turns takes a shell many instructions each, and no processor does a hundred in a cycle.
    let (cycles, done) = (value(&records, &CYCLES), value(&records, &INSTRUCTIONS));
    assert!(done > 3e5 && done < 1e11 && done / cycles < 100.0, "{done} instructions in {cycles} cycles");
    let shares = [&RETIRING, &BAD_SPECULATION, &FRONTEND_BOUND, &BACKEND_BOUND].map(counted);
    if let [Some(a), Some(b), Some(c), Some(d)] = shares {
        let sum: f64 = [a, b, c, d].iter().map(|record| record.values[0]).sum();
        assert!((0.9..1.1).contains(&sum), "the shares make {sum}");
    }
}

#[test]
fn a_failure_names_the_command_its_exit_code_and_what_it_said() {
    for launcher in [None, Some(Launcher::direct())] {
        let time = Duration::from_secs(60);
        let said = complaint(measure_for(time, launcher, &["sh", "-c", "echo out; echo no luck >&2; exit 3"], &[]));
        assert!(said.contains("exit code 3") && said.contains("sh -c") && said.ends_with("no luck"), "{said}");
    }
    let said = complaint(measure(&["sh", "-c", "kill -SEGV $$"], &[]));
    assert!(said.contains("killed by signal 11"), "{said}");
}

#[test]
fn an_accepted_failure_is_a_result() {
    let accept = [("ignore_failure", ArgValue::Flag(true))];
    for (script, code) in [("exit 3", 3.0), ("kill -TERM $$", 143.0), ("exit 0", 0.0)] {
        let records = measure(&["sh", "-c", script], &accept).unwrap();
        assert!((value(&records, &EXIT) - code).abs() < f64::EPSILON, "{script}");
    }
}

#[test]
fn only_the_end_of_a_long_complaint_is_kept() {
    let said = complaint(measure(
        &["sh", "-c", "i=0; while [ $i -lt 20000 ]; do echo line $i >&2; i=$((i+1)); done; false"],
        &[],
    ));
    assert!(said.ends_with("line 19999"), "{said}");
    assert!(said.lines().count() < 30, "{said}");
}

#[test]
fn what_cannot_run_is_named() {
    let cases = [
        (vec!["tru"], "no program `tru` in PATH, did you mean `tr"),
        (vec!["no-such-program-anywhere"], "install it or give its path"),
        (vec!["./no-such-file"], "no such file"),
        (vec!["/etc/passwd"], "is not executable"),
    ];
    for (command, part) in cases {
        let said = complaint(measure(&command, &[]));
        assert!(said.contains(part), "{said}");
    }
    let said = complaint(measure(&["true"], &[("cwd", text("/no/folder"))]));
    assert_eq!(said, "no folder `/no/folder` to work in");
    let said = complaint(measure(&["true"], &[("input", text("/no/file"))]));
    assert!(said.starts_with("cannot open `/no/file`"), "{said}");
    // Executable by its bits, but no program.
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("broken");
    std::fs::write(&file, "\u{7f}ELF").unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o755)).unwrap();
    let said = complaint(measure(&[file.to_str().unwrap()], &[]));
    assert!(said.starts_with("cannot run"), "{said}");
}

#[test]
fn folder_input_and_pipe_reach_the_program() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("in"), "ab\n").unwrap();
    let cwd = ("cwd", text(folder.path().to_str().unwrap()));
    let check = "read -r line; test \"$line\" = ab && test -f in && test \"$0\" = sh && test ! -e /proc/self/fd/3";
    measure(&["sh", "-c", check], &[cwd.clone(), ("input", text("in"))]).unwrap();
    // Far more than a pipe holds.
    measure(&["head", "-c", "1000000", "/dev/zero"], &[("output", text("pipe"))]).unwrap();
    measure(&["sh", "-c", "test -p /dev/stdout"], &[("output", text("pipe"))]).unwrap();
    measure(&["sh", "-c", "test -c /dev/stdout && ! read -r line"], &[]).unwrap();
}

#[test]
fn nothing_is_left_when_the_time_is_over() {
    for direct in [false, true] {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("pid");
        let script = format!("sleep 1000 & echo $! > {0}.new; mv {0}.new {0}; wait", file.display());
        // As long as this machine needs to get so far.
        let mut time = Duration::from_millis(700);
        while !file.exists() {
            assert!(time < Duration::from_secs(300), "it is never started");
            let launcher = if direct { Some(Launcher::direct()) } else { None };
            let result = measure_for(time, launcher, &["sh", "-c", &script], &[]);
            assert_eq!(result, Err(ProbeError::Cancelled));
            time *= 3;
        }
        let pid = std::fs::read_to_string(file).unwrap();
        until_it_is_gone(&pid);
    }
}

#[test]
fn what_a_program_leaves_running_is_ended() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("pid");
    let script = format!("sleep 1000 & echo $! > {}", file.display());
    measure(&["sh", "-c", &script], &[]).unwrap();
    let pid = std::fs::read_to_string(file).unwrap();
    until_it_is_gone(&pid);
}

/// Waits for a process that was killed: it may still run for a moment, and then wait for whoever adopts orphans here.
fn until_it_is_gone(pid: &str) {
    let deadline = Instant::now() + Duration::from_secs(600);
    while std::fs::read_to_string(format!("/proc/{}/stat", pid.trim())).is_ok_and(|state| !state.contains(") Z ")) {
        assert!(Instant::now() < deadline, "still running");
        std::thread::sleep(Duration::from_millis(5));
    }
}
