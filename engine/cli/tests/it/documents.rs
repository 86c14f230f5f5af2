//! Generated documents are what they were generated from.

use crate::sandbox::{Sandbox, root};

#[test]
fn the_script_api_document_is_current() {
    let generated = Sandbox::new().expect(0, &["doc", "--markdown"]).out;
    let stored = std::fs::read_to_string(root().join("docs/script-api.md")).unwrap();
    assert!(generated == stored, "docs/script-api.md is stale: engine doc --markdown > docs/script-api.md");
}

#[test]
fn the_page_about_trouble_is_current() {
    let generated = Sandbox::new().expect(0, &["explain", "--markdown"]).out;
    let stored = std::fs::read_to_string(root().join("docs/troubleshooting.md")).unwrap_or_default();
    assert!(
        generated == stored,
        "docs/troubleshooting.md is stale: engine explain --markdown > docs/troubleshooting.md"
    );
}

#[test]
fn the_documents_link_to_what_exists() {
    for name in ["guide.md", "tutorial.md", "guides/full.md", "guides/ci.md"] {
        let file = root().join("docs").join(name);
        let text = std::fs::read_to_string(&file).unwrap();
        for (_, rest) in text.match_indices("](").map(|(at, _)| text.split_at(at + 2)) {
            let link = rest.split(')').next().unwrap();
            assert!(file.parent().unwrap().join(link).exists(), "{name} links to `{link}`");
        }
    }
}

#[test]
fn the_guide_opens_with_the_old_commands() {
    let text = std::fs::read_to_string(root().join("docs/guide.md")).unwrap();
    let head: Vec<&str> = text.lines().take(10).collect();
    for old in [
        "setup_benchmarking_suite.sh",
        "run_quick_benchmark.sh",
        "run_full_benchmark.sh",
        "start_dashboard.sh",
        "run_load_testing.sh",
        "run_optimization_analysis.sh",
    ] {
        assert!(head.iter().any(|line| line.contains(old) && line.contains("engine ")), "{old}");
    }
}

#[test]
fn definition_files_are_written() {
    let sandbox = Sandbox::new();
    sandbox.expect(0, &["doc", "--definitions", "defs"]);
    let names: Vec<_> = std::fs::read_dir(sandbox.path("defs")).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert!(names.iter().any(|name| name == "memory.d.rhai"), "{names:?}");
}

#[test]
fn the_readme_names_only_what_exists() {
    let text = std::fs::read_to_string(root().join("README.md")).unwrap();
    for name in [
        "scenarios/quick.rhai",
        "scenarios/full.rhai",
        "docs/script-api.md",
        "docs/peers.md",
        "docs/report.schema.json",
    ] {
        assert!(text.contains(name) && root().join(name).exists(), "{name}");
    }
}
