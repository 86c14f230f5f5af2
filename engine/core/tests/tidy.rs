//! The invariants of ARCHITECTURE.md, read from manifests and sources.
#![expect(clippy::unwrap_used, reason = "these are tests")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Crates that only some of ours may use.
const PLACES: &[(&str, &[&str])] = &[
    ("rhai", &["script"]),
    ("rusqlite", &["store", "target"]),
    ("axum", &["serve", "target"]),
    ("crossterm", &["tui"]),
    ("ratatui", &["tui"]),
    ("wgpu", &["probes"]),
    ("clap", &["cli"]),
    ("anyhow", &["cli"]),
    ("sysinfo", &["probes"]),
    ("io-uring", &["probes", "load"]),
    ("rayon", &["probes", "analysis", "nam", "htm"]),
    ("tokio", &["load", "serve", "operate", "target"]),
    ("pyo3", &["python"]),
    ("reqwest", &["operate", "faults"]),
    ("toml", &["cli", "script"]),
];

/// What each of our crates may depend on, beside `core`.
const EDGES: &[(&str, &[&str])] = &[
    ("core", &[]),
    ("htm", &[]),
    ("nam", &[]),
    ("probes", &["htm", "nam"]),
    ("load", &[]),
    ("faults", &["load"]),
    ("session", &["probes", "load", "faults"]),
    ("script", &["session", "load", "faults", "analysis"]),
    ("store", &[]),
    ("analysis", &["htm", "nam"]),
    ("report", &[]),
    ("operate", &["analysis", "report", "store"]),
    ("serve", &["store", "analysis", "report"]),
    ("tui", &["report"]),
    ("target", &[]),
];

/// Where `unsafe` may stand.
const UNSAFE: &[&str] = &["probes", "load", "faults", "htm", "nam", "python"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

fn manifests() -> BTreeMap<String, toml::Table> {
    std::fs::read_dir(root().join("engine"))
        .unwrap()
        .filter_map(|entry| {
            let entry = entry.unwrap();
            let text = std::fs::read_to_string(entry.path().join("Cargo.toml")).ok()?;
            Some((entry.file_name().into_string().unwrap(), text.parse().unwrap()))
        })
        .collect()
}

fn dependencies(manifest: &toml::Table, sections: &[&str]) -> BTreeSet<String> {
    let tables = sections.iter().filter_map(|section| manifest.get(*section)?.as_table());
    tables.flat_map(|table| table.keys().cloned()).collect()
}

/// All files that belong to the project, without what is built.
fn files(folder: &Path, into: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        if path.is_dir() {
            if !matches!(name, "target" | ".git" | "node_modules" | "proptest-regressions") {
                files(&path, into);
            }
        } else {
            into.push(path);
        }
    }
}

fn sources() -> Vec<(PathBuf, String)> {
    let root = root();
    let mut all = Vec::new();
    files(&root, &mut all);
    all.into_iter()
        .filter(|path| path.extension().is_some_and(|suffix| suffix == "rs"))
        .map(|path| (path.strip_prefix(&root).unwrap().to_owned(), std::fs::read_to_string(&path).unwrap()))
        .collect()
}

/// Which of our crates a source belongs to.
fn crate_of(path: &Path) -> Option<&str> {
    let mut parts = path.components().map(|part| part.as_os_str().to_str().unwrap());
    (parts.next() == Some("engine")).then(|| parts.next()).flatten()
}

/// The part of a source before its tests.
fn without_tests(text: &str) -> &str {
    text.split("\n#[cfg(test)]\nmod ").next().unwrap()
}

#[test]
fn heavy_crates_stay_in_their_places() {
    for (name, manifest) in manifests() {
        for dependency in dependencies(&manifest, &["dependencies"]) {
            if let Some((_, places)) = PLACES.iter().find(|(known, _)| *known == dependency) {
                assert!(places.contains(&name.as_str()), "`{dependency}` belongs to {places:?}, not to `{name}`");
            }
        }
    }
}

#[test]
fn only_the_probes_of_graphics_devices_know_their_library() {
    for (path, text) in sources() {
        // Written in two parts, so that this file does not find itself.
        let known = text.contains(concat!("wgpu", "::"));
        assert!(!known || path.starts_with("engine/probes/src/gpu"), "{}: `wgpu` belongs elsewhere", path.display());
    }
}

#[test]
fn dependencies_point_one_way() {
    for (name, manifest) in manifests() {
        let Some((_, allowed)) = EDGES.iter().find(|(known, _)| *known == name) else { continue };
        for dependency in dependencies(&manifest, &["dependencies"]) {
            let Some(ours) = dependency.strip_prefix("engine-") else { continue };
            assert!(ours == "core" || allowed.contains(&ours), "`{name}` must not depend on `{ours}`");
        }
    }
}

#[test]
fn rhai_is_pinned_and_keeps_its_checks() {
    let manifest: toml::Table = std::fs::read_to_string(root().join("Cargo.toml")).unwrap().parse().unwrap();
    let rhai = &manifest["workspace"]["dependencies"]["rhai"];
    assert_eq!(rhai["version"].as_str(), Some("=1.27"), "what scripts rely on was tried with this version");
    for feature in rhai["features"].as_array().unwrap() {
        let feature = feature.as_str().unwrap();
        assert!(
            !matches!(feature, "sync" | "unchecked" | "metadata"),
            "the feature `{feature}` changes every use of rhai"
        );
    }
}

#[test]
fn unsafe_code_is_forbidden_where_the_machine_does_not_demand_it() {
    for (name, _) in manifests() {
        if UNSAFE.contains(&name.as_str()) {
            continue;
        }
        let src = root().join("engine").join(&name).join("src");
        let top = [src.join("lib.rs"), src.join("main.rs")].into_iter().find(|path| path.exists()).unwrap();
        let text = std::fs::read_to_string(top).unwrap();
        assert!(text.contains("#![forbid(unsafe_code)]"), "`{name}` must forbid unsafe code");
    }
}

#[test]
fn only_the_command_line_reads_the_environment_or_ends_the_process() {
    for (path, text) in sources() {
        let name = crate_of(&path).unwrap_or("");
        if matches!(name, "cli" | "target" | "") || !path.components().any(|part| part.as_os_str() == "src") {
            continue;
        }
        if path.starts_with("engine/probes/src/tool") || path.starts_with("engine/probes/src/build") {
            continue; // What starts a process looks it up in the search path and hands it the environment.
        }
        for banned in ["env::var(", "env::var_os(", "env::vars(", "env::args(", "process::exit("] {
            assert!(
                !without_tests(&text).contains(banned) || path.ends_with("tests.rs"),
                "{}: `{banned}`",
                path.display()
            );
        }
    }
}

#[test]
fn only_the_command_line_prints() {
    for (path, text) in sources() {
        if matches!(crate_of(&path), Some("cli" | "target") | None)
            || !path.components().any(|part| part.as_os_str() == "src")
        {
            continue;
        }
        let body = without_tests(&text);
        for banned in ["println!(", "eprintln!(", " print!(", "dbg!("] {
            let uses =
                body.lines().filter(|line| !line.trim_start().starts_with("//") && line.contains(banned)).count();
            assert!(uses == 0 || path.ends_with("tests.rs"), "{}: `{banned}`", path.display());
        }
    }
}

#[test]
fn files_are_short() {
    let long: Vec<String> = sources()
        .into_iter()
        .filter(|(path, _)| {
            !path.components().any(|part| matches!(part.as_os_str().to_str(), Some("tests" | "tests.rs")))
        })
        .map(|(path, text)| (path, without_tests(&text).lines().count()))
        .filter(|(_, lines)| *lines > 500)
        .map(|(path, lines)| format!("{}: {lines} lines", path.display()))
        .collect();
    assert!(long.is_empty(), "split by concept: {long:#?}");
}

#[test]
fn every_file_says_what_it_is_for() {
    for (path, text) in sources() {
        if path.ends_with("tests.rs") || path.ends_with("tests/mod.rs") {
            continue; // Its neighbour says it.
        }
        assert!(text.starts_with("//!"), "{}: a file opens with what it is for (`//!`)", path.display());
    }
}

#[test]
fn the_project_stands_alone() {
    let root = root();
    let mut all = Vec::new();
    files(&root, &mut all);
    // Written in two parts, so that this file does not find itself.
    let foreign =
        [concat!("../", "shared"), concat!("/work", "/main"), concat!("/root", "/"), concat!("index.crates", ".io")];
    for path in all {
        let Ok(text) = std::fs::read_to_string(&path) else { continue };
        for word in foreign {
            assert!(!text.contains(word), "{}: `{word}` does not exist elsewhere", path.display());
        }
    }
}
