//! Generated documents are what they were generated from.

use crate::sandbox::{Sandbox, root};

#[test]
fn the_script_api_document_is_current() {
    let generated = Sandbox::new().expect(0, &["doc", "--markdown"]).out;
    let stored = std::fs::read_to_string(root().join("docs/script-api.md")).unwrap();
    assert!(generated == stored, "docs/script-api.md is stale: engine doc --markdown > docs/script-api.md");
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
