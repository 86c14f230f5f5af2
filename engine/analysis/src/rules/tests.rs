use std::collections::BTreeSet;

use super::*;
use crate::advice::fixture::Made;
use crate::advice::{Settings, advise, rules_document};

/// `docs/rules.md` as it is kept.
fn kept() -> String {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/rules.md");
    std::fs::read_to_string(path).unwrap_or_default()
}

#[test]
fn the_document_of_rules_is_made_from_them() {
    let made = rules_document(&rules());
    if std::env::var_os("UPDATE_DOCS").is_some() {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/rules.md");
        std::fs::write(path, &made).expect("docs/rules.md can be written");
    }
    assert!(
        kept() == made,
        "docs/rules.md is not what the rules say: UPDATE_DOCS=1 cargo test -p engine-analysis document"
    );
}

#[test]
fn every_rule_says_what_it_is() {
    let mut seen = BTreeSet::new();
    for rule in rules() {
        let about = rule.about();
        assert!(seen.insert(about.id.to_owned()), "{} twice", about.id);
        assert_eq!(
            engine_core::finding::Family::of(about.id.split('.').next().expect("a family")),
            Some(about.family())
        );
        let texts = [about.title, about.looks_at, about.needs, about.model, about.wrong_when];
        for text in texts {
            assert!(!text.is_empty() && !text.ends_with('.'), "{}: `{text}`", about.id);
        }
        for limit in about.limits {
            assert!(limit.default.is_finite() && !limit.doc.is_empty(), "{}.{}", about.id, limit.name);
            let name = format!("`{}`", limit.name);
            let named = about.looks_at.contains(&name) || about.model.contains(&name);
            assert!(named, "{}: the predicate does not name its limit `{}`", about.id, limit.name);
        }
    }
    assert!(seen.len() >= 40, "{} rules", seen.len());
}

#[test]
fn every_file_is_registered() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/rules");
    let mut files = BTreeSet::new();
    for family in std::fs::read_dir(folder).expect("the folder").flatten().filter(|entry| entry.path().is_dir()) {
        for file in std::fs::read_dir(family.path()).expect("a family").flatten() {
            let name = file.file_name().into_string().expect("a name");
            if name != "mod.rs" {
                files.insert(format!("{}.{}", family.file_name().to_string_lossy(), name.trim_end_matches(".rs")));
            }
        }
    }
    let ids: BTreeSet<String> = rules().iter().map(|rule| rule.about().id.to_owned()).collect();
    assert_eq!(files, ids, "the file of a rule has its name");
}

#[test]
fn an_empty_run_gives_no_finding_and_no_guess() {
    let advice = advise(&Made::new().record(), &rules(), &Settings::default());
    assert!(advice.findings.is_empty(), "{:#?}", advice.findings);
    assert_eq!(advice.not_assessed.len() + advice.quiet.len(), rules().len());
    for missing in &advice.not_assessed {
        assert!(!missing.missing.is_empty() && !missing.needs.is_empty(), "{missing:?}");
    }
}
