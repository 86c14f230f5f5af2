use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime};

use engine_core::args::ArgValue;
use engine_core::measurement::Record;
use engine_core::metric::MetricDef;
use engine_core::step::{FailureKind, SkipKind};

use super::cargo::Runner;
use super::environment::Environment;
use super::job::Job;
use super::options::Kind;
use super::toolchain::Toolchain;
use super::workspace::{Shape, Workspace};
use super::{check, clean, crates, debug, link, metrics, noop, release, touch};
use crate::{Context, Probe, ProbeError};

/// Longer than any of these builds takes on a busy machine.
const LONG: Duration = Duration::from_secs(1_800);

struct Taken {
    records: Vec<Record>,
    notes: Vec<String>,
}

fn take_in(
    scratch: &Path,
    cancel: &AtomicBool,
    probe: &Probe,
    options: &[(&str, &str)],
    tiny: bool,
) -> Result<Taken, ProbeError> {
    let given: BTreeMap<String, ArgValue> =
        options.iter().map(|(name, value)| ((*name).to_owned(), ArgValue::Text((*value).to_owned()))).collect();
    let args = probe.info.args(&given, tiny).unwrap();
    let mut cx = Context::new(scratch, cancel, Instant::now() + LONG, 2, 7, tiny);
    (probe.run)(&args, &mut cx)?;
    let (records, notes) = cx.finish();
    Ok(Taken { records, notes })
}

fn take(probe: &Probe, options: &[(&str, &str)]) -> Result<Taken, ProbeError> {
    let scratch = tempfile::tempdir().unwrap();
    take_in(scratch.path(), &AtomicBool::new(false), probe, options, true)
}

fn complaint(result: Result<Taken, ProbeError>) -> String {
    match result {
        Err(ProbeError::Failed(failure)) => failure.message,
        Err(other) => panic!("no failure: {other:?}"),
        Ok(taken) => panic!("no failure: {:?}", taken.records),
    }
}

fn values<'a>(taken: &'a Taken, metric: &MetricDef) -> &'a [f64] {
    taken.records.iter().find(|record| record.metric.id == metric.id).map_or(&[], |record| &record.values)
}

fn only(taken: &Taken, metric: &MetricDef) -> f64 {
    match values(taken, metric) {
        [value] => *value,
        other => panic!("{}: {other:?}", metric.id),
    }
}

/// Writes a crate that stands alone.
fn project(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (path, text) in files {
        let path = folder.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    folder
}

const MANIFEST: &str = "[package]\nname = \"mine\"\nversion = \"0.1.0\"\nedition = \"2021\"\n";
const LOCK: &str = "version = 3\n\n[[package]]\nname = \"mine\"\nversion = \"0.1.0\"\n";

/// All files and folders below one, with contents and times.
fn state(folder: &Path) -> BTreeMap<PathBuf, (SystemTime, Vec<u8>)> {
    let mut all = BTreeMap::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let time = fs::metadata(&path).unwrap().modified().unwrap();
        if path.is_dir() {
            all.extend(state(&path));
            all.insert(path, (time, Vec::new()));
        } else {
            let bytes = fs::read(&path).unwrap();
            all.insert(path, (time, bytes));
        }
    }
    all
}

#[test]
fn every_build_of_the_own_workspace_is_a_possible_result() {
    let scratch = tempfile::tempdir().unwrap();
    let cancel = AtomicBool::new(false);
    for probe in [&check::PROBE, &debug::PROBE, &release::PROBE, &noop::PROBE, &touch::PROBE] {
        let taken = take_in(scratch.path(), &cancel, probe, &[], true).unwrap();
        let id = probe.info.id;
        let (wall, cpu) = (only(&taken, &metrics::WALL), only(&taken, &metrics::CPU));
        assert!(wall > 0.0 && cpu > 0.0, "{id}: {wall} s, {cpu} s of CPU");
        let tree = values(&taken, &metrics::TREE_MEMORY);
        assert!(tree.iter().all(|tree| *tree >= only(&taken, &metrics::PEAK_MEMORY)), "{id}: {tree:?}");
        let peak = only(&taken, &metrics::PEAK_MEMORY);
        assert!((1e6..1e11).contains(&peak), "{id}: {peak} B");
        let compiled = if id == "build.noop" { 0.0 } else { 1.0 };
        assert!((only(&taken, &metrics::COMPILED) - compiled).abs() < f64::EPSILON, "{id}");
        let made = !values(&taken, &metrics::PROGRAM_SIZE).is_empty();
        assert_eq!(made, id != "build.check", "{id}");
        assert!(taken.notes.iter().any(|note| note.starts_with("rustc ")), "{id}: {:?}", taken.notes);
    }
    let kept: Vec<String> = fs::read_dir(scratch.path().join("build"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    assert!(kept.iter().all(|name| !name.starts_with("engine-build-") && !name.starts_with("output")), "{kept:?}");
}

#[test]
fn several_crates_are_built_right_and_a_touch_reaches_those_above() {
    let scratch = tempfile::tempdir().unwrap();
    let cancel = AtomicBool::new(false);
    let shape = [("crates", "5"), ("modules", "3"), ("runs", "2")];
    // Base, three parts, the program: the third part and the program use the first part.
    let taken = take_in(scratch.path(), &cancel, &touch::PROBE, &shape, false).unwrap();
    assert_eq!(values(&taken, &metrics::COMPILED), [3.0, 3.0]);
    let all = [shape[0], shape[1], shape[2], ("touched", "base")];
    let taken = take_in(scratch.path(), &cancel, &touch::PROBE, &all, false).unwrap();
    assert_eq!(values(&taken, &metrics::COMPILED), [5.0, 5.0]);
    let nobody = [shape[0], shape[1], ("touched", "bas")];
    let said = complaint(take_in(scratch.path(), &cancel, &touch::PROBE, &nobody, false));
    assert!(said.contains("no package `bas`") && said.contains("`base`"), "{said}");

    let taken = take_in(scratch.path(), &cancel, &crates::PROBE, &shape[..2], false).unwrap();
    let names: Vec<&str> = taken
        .records
        .iter()
        .filter(|record| record.metric.id == "time")
        .filter_map(|record| record.labels.get("crate"))
        .collect();
    for name in ["base", "part-01", "part-02", "part-03", "app (program)"] {
        assert!(names.contains(&name), "{names:?}");
    }
    // Who uses a library needs its types first, so cargo knows when they were there.
    assert!(
        taken.records.iter().any(|record| record.metric.id == "frontend" && record.labels.get("crate") == Some("base"))
    );
    let few = [shape[0], shape[1], ("slowest", "2")];
    let taken = take_in(scratch.path(), &cancel, &crates::PROBE, &few, false).unwrap();
    assert!(taken.records.iter().any(|record| record.labels.get("crate") == Some("3 others")));
}

#[test]
fn a_program_that_computes_something_else_is_no_result() {
    let scratch = tempfile::tempdir().unwrap();
    let folder = scratch.path().join("build");
    let workspace =
        Workspace::write(&folder.canonicalize().unwrap_or(folder), Shape { crates: 1, modules: 1 }).unwrap();
    let module = workspace.root.join("app/src/part_0.rs");
    let text = fs::read_to_string(&module).unwrap();
    fs::write(&module, text.replace("const SALT: u32 = 13;", "const SALT: u32 = 14;")).unwrap();
    let result = take_in(scratch.path(), &AtomicBool::new(false), &debug::PROBE, &[], true);
    match result {
        Err(ProbeError::Failed(failure)) => {
            assert_eq!(failure.kind, FailureKind::Verification);
            assert!(failure.message.contains("instead of `"), "{}", failure.message);
        }
        Err(other) => panic!("{other:?}"),
        Ok(_) => panic!("a wrong program is a result"),
    }
}

#[test]
fn settings_reach_the_compiler() {
    for level in ["1", "s"] {
        take(&debug::PROBE, &[("opt_level", level), ("debuginfo", "none"), ("incremental", "off")]).unwrap();
    }
    let scratch = tempfile::tempdir().unwrap();
    let cancel = AtomicBool::new(false);
    let size = |options: &[(&str, &str)]| {
        only(&take_in(scratch.path(), &cancel, &debug::PROBE, options, true).unwrap(), &metrics::PROGRAM_SIZE)
    };
    let (bare, full) = (size(&[("debuginfo", "none")]), size(&[("debuginfo", "full")]));
    assert!(bare < full, "{bare} B without and {full} B with debug information");
    take(&release::PROBE, &[("lto", "thin"), ("codegen_units", "1"), ("jobs", "1")]).unwrap();
    match take(&debug::PROBE, &[("target", "memory")]) {
        Ok(_) => {}
        Err(ProbeError::Skip(skip)) => assert!(matches!(skip.kind, SkipKind::Platform | SkipKind::Resource)),
        Err(other) => panic!("{other:?}"),
    }
}

#[test]
fn a_linker_is_the_one_asked_for_or_a_skip() {
    for name in ["bfd", "lld", "mold", "gold"] {
        match take(&debug::PROBE, &[("linker", name)]) {
            Ok(_) => {}
            Err(ProbeError::Skip(skip)) => {
                assert!(skip.kind == SkipKind::Tool && skip.remedy.contains("apt install"), "{skip:?}");
            }
            Err(other) => panic!("{name}: {other:?}"),
        }
    }
}

#[test]
fn the_linker_takes_a_part_of_the_build() {
    let taken = take(&link::PROBE, &[]).unwrap();
    let metric = |id: &str| link::PROBE.info.metric(id).unwrap();
    let (time, wall) = (only(&taken, metric("time")), only(&taken, metric("wall")));
    assert!(0.0 < time && time < wall, "{time} s of {wall} s");
    assert!((only(&taken, metric("links")) - 1.0).abs() < f64::EPSILON);
    let of = taken.records.iter().find(|record| record.metric.id == "output_time").unwrap();
    assert_eq!(of.labels.get("output"), Some("app"));
    assert!(taken.notes.iter().any(|note| note.starts_with("linked by ")), "{:?}", taken.notes);

    let library = project(&[("Cargo.toml", MANIFEST), ("src/lib.rs", "pub fn one() -> u32 { 1 }\n")]);
    let said = complaint(take(&link::PROBE, &[("manifest", library.path().to_str().unwrap())]));
    assert!(said.contains("nothing is linked"), "{said}");
    let broken = project(&[
        ("Cargo.toml", MANIFEST),
        ("src/main.rs", "extern \"C\" { fn nowhere(); }\nfn main() { unsafe { nowhere() } }\n"),
    ]);
    let said = complaint(take(&link::PROBE, &[("manifest", broken.path().to_str().unwrap())]));
    assert!(said.contains("`mine`") && said.contains("linking with"), "{said}");
}

#[test]
fn cleaning_leaves_nothing_and_says_how_much_there_was() {
    let taken = take(&clean::PROBE, &[]).unwrap();
    let metric = |id: &str| clean::PROBE.info.metric(id).unwrap();
    assert!(only(&taken, metric("files")) > 3.0 && only(&taken, metric("size")) > 1e4);
    assert!(only(&taken, &metrics::WALL) > 0.0);
}

#[test]
fn the_compilers_first_error_is_the_result_of_a_crate_that_does_not_compile() {
    let wrong = "fn main() {\n    let x: u32 = \"text\";\n    let y: u8 = x;\n}\n";
    let folder = project(&[("Cargo.toml", MANIFEST), ("src/main.rs", wrong)]);
    let manifest = folder.path().join("Cargo.toml");
    let before = state(folder.path());
    for probe in [&check::PROBE, &release::PROBE, &noop::PROBE, &crates::PROBE] {
        let said = complaint(take(probe, &[("manifest", manifest.to_str().unwrap())]));
        assert_eq!(said, "`mine` does not compile: src/main.rs:2:18: mismatched types [E0308]", "{}", probe.info.id);
    }
    assert_eq!(before, state(folder.path()), "nothing was written beside the sources");
}

#[test]
fn what_cargo_does_not_accept_is_named() {
    let said = complaint(take(&check::PROBE, &[("manifest", "/no/such/folder")]));
    assert!(said.contains("no manifest `/no/such/folder`"), "{said}");
    let folder = project(&[("Cargo.toml", "[package]\nname = 3\n"), ("src/lib.rs", "")]);
    let said = complaint(take(&check::PROBE, &[("manifest", folder.path().to_str().unwrap())]));
    assert!(said.contains("cargo does not accept") && said.contains("error"), "{said}");
    // Without a network, what was never fetched cannot be resolved; nobody tries.
    let needs = format!("{MANIFEST}\n[dependencies]\nno-such-crate-of-anybody = \"1\"\n");
    let folder = project(&[("Cargo.toml", &needs), ("src/lib.rs", "")]);
    let said = complaint(take(&check::PROBE, &[("manifest", folder.path().to_str().unwrap())]));
    assert!(said.contains("no-such-crate-of-anybody"), "{said}");
    let script = "fn main() { eprintln!(\"no luck today\"); std::process::exit(3) }\n";
    let folder = project(&[("Cargo.toml", MANIFEST), ("build.rs", script), ("src/lib.rs", "")]);
    let said = complaint(take(&check::PROBE, &[("manifest", folder.path().to_str().unwrap())]));
    assert!(said.contains("build command for `mine") && said.contains("no luck today"), "{said}");
    let said = complaint(take(&check::PROBE, &[("member", "nobody")]));
    assert!(said.contains("nobody"), "{said}");
}

#[test]
fn a_project_of_somebody_stays_as_it_is() {
    let config = "[build]\ntarget-dir = \"mine\"\nbuild-dir = \"mine-too\"\nrustc-wrapper = \"no-such-wrapper\"\n";
    let folder = project(&[
        ("Cargo.toml", MANIFEST),
        ("Cargo.lock", LOCK),
        (".cargo/config.toml", config),
        ("src/lib.rs", "pub fn one() -> u32 { 1 }\n"),
        ("src/main.rs", "fn main() { println!(\"{}\", mine::one()); }\n"),
        ("target/mine", "not of the engine"),
        ("mine/mine", "not of the engine"),
        ("mine-too/mine", "not of the engine"),
    ]);
    let before = state(folder.path());
    let manifest = folder.path().join("Cargo.toml");
    let scratch = tempfile::tempdir().unwrap();
    let cancel = AtomicBool::new(false);
    for probe in [&check::PROBE, &noop::PROBE, &touch::PROBE, &clean::PROBE, &crates::PROBE, &link::PROBE] {
        let options = [("manifest", manifest.to_str().unwrap())];
        let taken = take_in(scratch.path(), &cancel, probe, &options, true).unwrap();
        assert!(taken.notes.iter().all(|note| !note.contains("copy")), "{:?}", taken.notes);
        assert!(taken.notes.iter().any(|note| note.contains("without the wrapper")), "{:?}", taken.notes);
        assert_eq!(before, state(folder.path()), "{}", probe.info.id);
        if probe.info.id == "build.touch" {
            // The library and the program that uses it.
            assert_eq!(values(&taken, &metrics::COMPILED), [2.0]);
        }
    }
    // Without a lock file that fits, cargo would write one: a copy is built.
    fs::remove_file(folder.path().join("Cargo.lock")).unwrap();
    let before = state(folder.path());
    let options = [("manifest", folder.path().to_str().unwrap())];
    let taken = take_in(scratch.path(), &cancel, &touch::PROBE, &options, true).unwrap();
    assert!(taken.notes.iter().any(|note| note.contains("a copy is built")), "{:?}", taken.notes);
    assert_eq!(values(&taken, &metrics::COMPILED), [2.0]);
    assert_eq!(before, state(folder.path()));
}

#[test]
fn nothing_is_left_of_a_build_that_hangs() {
    let script = r#"
fn main() {
    use std::process::Command;
    let away = Command::new("setsid").args(["sleep", "600"]).spawn().map(|child| child.id()).unwrap_or(0);
    let near = Command::new("sleep").arg("600").spawn().unwrap().id();
    let text = format!("{} {} {}", std::process::id(), near, away);
    std::fs::write("pids.new", text).unwrap();
    std::fs::rename("pids.new", "pids").unwrap();
    std::thread::sleep(std::time::Duration::from_secs(600));
}
"#;
    let folder = project(&[("Cargo.toml", MANIFEST), ("Cargo.lock", LOCK), ("build.rs", script), ("src/lib.rs", "")]);
    let scratch = tempfile::tempdir().unwrap();
    let cancel = AtomicBool::new(false);
    let (pids, manifest) = (folder.path().join("pids"), folder.path().to_str().unwrap());
    let result = std::thread::scope(|scope| {
        let round = scope.spawn(|| take_in(scratch.path(), &cancel, &check::PROBE, &[("manifest", manifest)], true));
        let late = Instant::now() + LONG;
        while !pids.exists() && !round.is_finished() && Instant::now() < late {
            std::thread::sleep(Duration::from_millis(10));
        }
        cancel.store(true, Ordering::Relaxed);
        round.join().unwrap()
    });
    assert!(matches!(result, Err(ProbeError::Cancelled)), "{:?}", result.map(|taken| taken.records));
    let text = fs::read_to_string(&pids).unwrap();
    let running = |pid: &str| {
        // A zombie waits for whoever adopted it; it runs no more.
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        stat.rsplit_once(')').is_some_and(|(_, rest)| !rest.trim_start().starts_with(['Z', 'X']))
    };
    let late = Instant::now() + LONG;
    while text.split(' ').any(running) && Instant::now() < late {
        std::thread::sleep(Duration::from_millis(10));
    }
    let left: Vec<&str> = text.split(' ').filter(|pid| running(pid)).collect();
    assert!(left.is_empty(), "of {text} there are still {left:?}");
}

#[test]
fn no_rust_is_a_skip() {
    let scratch = tempfile::tempdir().unwrap();
    let cancel = AtomicBool::new(false);
    let cx = Context::new(scratch.path(), &cancel, Instant::now() + LONG, 1, 0, true);
    let runner = Runner::new(scratch.path());
    let find = |path: &Path| {
        let mut environment = Environment::here();
        environment.set("PATH", path);
        loop {
            match Toolchain::find(&environment, scratch.path(), &runner, &cx) {
                Err(ProbeError::Skip(skip)) => return skip,
                // Another test that starts a process at this moment may hold a just written program open.
                Err(error) if error.to_string().contains("Text file busy") => {}
                other => panic!("no skip: {other:?}"),
            }
        }
    };
    let folder = tempfile::tempdir().unwrap();
    let skip = find(folder.path());
    assert!(
        skip.kind == SkipKind::Tool && skip.reason.contains("`cargo`") && skip.remedy.contains("rustup"),
        "{skip:?}"
    );
    // A version manager without a toolchain: there are programs of these names, and they do not work.
    for name in ["cargo", "rustc"] {
        use std::os::unix::fs::PermissionsExt;
        let path = folder.path().join(name);
        fs::write(&path, "#!/bin/sh\necho 'error: no toolchain is chosen' >&2\nexit 1\n").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }
    let skip = find(folder.path());
    assert!(skip.kind == SkipKind::Tool && skip.reason.contains("no toolchain is chosen"), "{skip:?}");
}

#[test]
fn the_workspace_is_no_smaller_than_asked_for() {
    let scratch = tempfile::tempdir().unwrap();
    for (crates, modules) in [(1, 1), (2, 3), (3, 2), (8, 24)] {
        let workspace = Workspace::write(scratch.path(), Shape { crates, modules }).unwrap();
        let names = state(&workspace.root);
        let count = |end: &str| names.keys().filter(|path| path.to_str().unwrap().ends_with(end)).count();
        assert_eq!(count("Cargo.toml"), crates + 1);
        assert_eq!(names.keys().filter(|path| path.to_str().unwrap().contains("/part_")).count(), modules);
        // Written again, it is the same to the time of its files.
        Workspace::write(scratch.path(), Shape { crates, modules }).unwrap();
        assert_eq!(names, state(&workspace.root));
    }
    let expected = |crates, modules| Workspace::write(scratch.path(), Shape { crates, modules }).unwrap().expected();
    assert_eq!(expected(1, 3), expected(2, 3), "crates that are empty add nothing");
    assert_ne!(expected(1, 3), expected(1, 4));
}

#[test]
fn a_job_builds_where_it_is_told_to() {
    let scratch = tempfile::tempdir().unwrap();
    let cancel = AtomicBool::new(false);
    let mut cx = Context::new(scratch.path(), &cancel, Instant::now() + LONG, 1, 0, true);
    let args = debug::PROBE.info.args(&BTreeMap::new(), true).unwrap();
    let job = Job::new(&args, Kind::Debug, &mut cx).unwrap();
    let call = job.build_call(Path::new("/somewhere"));
    let words: Vec<&str> = call.arguments.iter().filter_map(|word| word.to_str()).collect();
    assert!(words.contains(&"--offline") && words.contains(&"--locked"), "{words:?}");
    assert!(words.windows(2).any(|pair| pair == ["--target-dir", "/somewhere"]), "{words:?}");
}
