//! Every code of a diagnostic is explained, and its example does what it says.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use engine_script::codes::{CODES, Seen, explained};
use engine_session::ProbeError;

use crate::fakes::{look, run_custom};

fn sources(folder: &Path, into: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, into);
        } else {
            into.push(path);
        }
    }
}

/// The codes that the sources of the crate raise: the first text in each call that makes a fault or a diagnostic.
fn raised() -> BTreeSet<String> {
    /// What stands before a code: a call that makes one, or the field itself.
    const BEFORE: [&str; 11] = [
        "Fault::invalid(",
        "Fault::runtime(",
        "Fault::new(",
        "Diagnostic::error(",
        "told(",
        "fail(",
        "limit(",
        "code: ",
        "ErrorClass::Limit,",
        "ErrorClass::Invalid,",
        "ErrorClass::Runtime,",
    ];
    let mut files = Vec::new();
    sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut files);
    let mut codes = BTreeSet::new();
    for path in files.iter().filter(|path| !path.ends_with("codes.rs")) {
        let text = std::fs::read_to_string(path).unwrap();
        let text = text.split("\n#[cfg(test)]\nmod ").next().unwrap();
        for before in BEFORE {
            for (at, _) in text.match_indices(before) {
                let mut rest = text[at + before.len()..].trim_start();
                // A class may stand first.
                if let Some(comma) = rest.find(',').filter(|comma| rest[..*comma].ends_with(class_end(&rest[..*comma])))
                {
                    rest = rest[comma + 1..].trim_start();
                }
                let Some(word) = rest.strip_prefix('"').and_then(|rest| rest.split('"').next()) else { continue };
                let kebab =
                    !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
                if kebab {
                    codes.insert(word.to_owned());
                }
            }
        }
    }
    codes
}

/// The name of the class that a text ends with, or something that no text ends with.
fn class_end(text: &str) -> &str {
    match text.rsplit_once("ErrorClass::") {
        Some((_, class)) if class.bytes().all(|b| b.is_ascii_alphabetic()) => class,
        _ => "\0",
    }
}

#[test]
fn every_code_that_is_raised_is_explained_and_no_other() {
    let explained: BTreeSet<String> = CODES.iter().map(|doc| doc.code.to_owned()).collect();
    let raised = raised();
    assert!(raised.len() > 40, "{raised:?}");
    let missing: Vec<_> = raised.difference(&explained).collect();
    assert!(missing.is_empty(), "explain these in codes.rs: {missing:?}");
    let unused: Vec<_> = explained.difference(&raised).collect();
    assert!(unused.is_empty(), "nothing raises these: {unused:?}");
    assert!(CODES.is_sorted_by_key(|doc| doc.code));
}

#[test]
fn every_example_goes_wrong_with_its_code_and_its_repair_does_not() {
    let mut bad = Vec::new();
    for doc in CODES {
        let code = doc.code;
        for text in [doc.cause, doc.remedy] {
            if !text.ends_with('.') || text.len() > 260 {
                bad.push(format!("{code}: one or two sentences: {text}"));
            }
        }
        match doc.seen {
            Seen::Check => {
                let (wrong, right) = (look(doc.wrong), look(doc.right));
                if wrong.diagnostics.first().map(|d| d.code) != Some(code) {
                    bad.push(format!("{code}: {:#?}", wrong.diagnostics));
                }
                if !right.is_good() {
                    bad.push(format!("{code}, put right: {:#?}", right.diagnostics));
                }
            }
            Seen::Run => {
                let ((_, wrong), (_, right)) = (run_custom(doc.wrong), run_custom(doc.right));
                if !matches!(wrong, Err(ProbeError::Failed(_))) || right.is_err() {
                    bad.push(format!("{code}: {wrong:?} {right:?}"));
                }
            }
            Seen::Elsewhere => {}
        }
    }
    assert!(bad.is_empty(), "{}", bad.join("\n"));
}

#[test]
fn a_diagnostic_shows_its_code() {
    let found = look("bnech(cpu::primes());");
    assert!(found.diagnostics[0].render(false).starts_with("error[unknown-function]: there is no function `bnech`"));
    assert!(explained("unknown-function").is_some_and(|doc| doc.remedy.contains("nearest")));
    assert!(explained("unknown-thing").is_none());
}

#[test]
fn custom_says_why_it_takes_no_isolate() {
    let found = look("custom(\"x\", #{ isolate: true }, || record(\"a\", 1));");
    let first = &found.diagnostics[0];
    assert_eq!((first.code, first.message.as_str()), ("unknown-option", "`custom` has no option `isolate`"));
    assert_eq!((first.place.line, first.place.column), (1, 16));
    let help = first.help.as_deref().unwrap();
    assert!(help.contains("runs in the engine's own process") && help.contains("`bench(..)`"), "{help}");
}
