//! Exported runs: there and back, and what hostile files do.

use engine_core::run::{RunRecord, RunState};
use engine_store::{Error, Filter, Imported, read_export};
use proptest::prelude::*;

use crate::fixture::{Folder, events, fold, header, run};

#[test]
fn a_run_comes_back_from_a_file_as_it_was() {
    let (here, there) = (Folder::new(), Folder::new());
    let mut store = here.store();
    let mut other = there.store();
    for n in 0..5 {
        let events = events(&header("quick", n), n, 150);
        let id = &events[0].run;
        store.apply(&events).unwrap();
        store.annotate(id, "looked at \u{1f980}").unwrap();
        let file = here.temp.path().join(format!("{n}.json"));
        store.export(id, &file).unwrap();
        assert_eq!(read_export(&file).unwrap(), fold(&events));
        assert_eq!(store.load(file.to_str().unwrap()).unwrap(), fold(&events), "a file is a reference");
        assert_eq!(other.import(&file).unwrap(), Imported::New(id.clone()));
        assert_eq!(other.import(&file).unwrap(), Imported::AlreadyThere(id.clone()));
        assert_eq!(other.run(id).unwrap(), fold(&events));
        assert_eq!(other.annotations(id).unwrap(), store.annotations(id).unwrap());
    }
    assert_eq!(other.list(&Filter::default()).unwrap().len(), 5);
    assert!(other.check().unwrap().is_ok());
    let left: Vec<_> = std::fs::read_dir(here.temp.path()).unwrap().collect();
    assert_eq!(left.len(), 6, "no half file is left");
}

#[test]
fn an_imported_run_that_never_ended_is_partial() {
    let (here, there) = (Folder::new(), Folder::new());
    let mut store = here.store();
    let events = run(&header("quick", 1), &[1.0, 2.0]);
    store.apply(&events[..3]).unwrap();
    let file = here.temp.path().join("run.json");
    store.export(&events[0].run, &file).unwrap();
    let mut other = there.store();
    other.import(&file).unwrap();
    assert_eq!(other.run(&events[0].run).unwrap().state, RunState::Partial);
}

/// The JSON of an exported run.
fn exported(folder: &Folder) -> serde_json::Value {
    let events = events(&header("quick", 1), 5, 300);
    let mut store = folder.store();
    store.apply(&events).unwrap();
    let file = folder.temp.path().join("whole.json");
    store.export(&events[0].run, &file).unwrap();
    serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap()
}

fn refused(bytes: &[u8]) -> String {
    let folder = Folder::new();
    let file = folder.temp.path().join("hostile.json");
    std::fs::write(&file, bytes).unwrap();
    let mut store = folder.store();
    let error = store.import(&file).unwrap_err();
    assert!(matches!(error, Error::Import { .. }), "{error}");
    assert_eq!(store.list(&Filter { include_tiny: true, ..Filter::default() }).unwrap(), [], "nothing of it is stored");
    error.to_string()
}

#[test]
fn a_file_that_contradicts_itself_is_refused() {
    let whole = exported(&Folder::new());
    let change = |pointer: &str, value: serde_json::Value| {
        let mut changed = whole.clone();
        *changed.pointer_mut(pointer).unwrap_or_else(|| panic!("no {pointer}")) = value;
        refused(changed.to_string().as_bytes())
    };
    assert!(change("/format", "other".into()).contains("its format"));
    assert!(change("/version", 99.into()).contains("its version is 99"));
    assert!(change("/record/header/id", "../../etc/passwd".into()).contains("proper id"));
    assert!(change("/record/header/id", "\u{0}".repeat(26).into()).contains("proper id"));
    assert!(change("/record/steps", serde_json::json!([])).contains("plan"));
    assert!(change("/record/steps/0/plan/name", "other".into()).contains("plan"));
    assert!(change("/record/sequence", u64::MAX.into()).contains("impossible number"));
    assert!(change("/record/duration", "long".into()).contains("does not hold a run"));
    let double = whole.pointer("/record/steps/0/measurements/0").unwrap().clone();
    assert!(change("/record/steps/0/measurements", serde_json::json!([double, double])).contains("two measurements"));
}

#[test]
fn a_truncated_file_is_refused_wherever_it_ends() {
    let text = exported(&Folder::new()).to_string();
    for length in (0..text.len()).step_by(text.len() / 23) {
        let message = refused(&text.as_bytes()[..length]);
        assert!(message.contains("ends too early"), "{length}: {message}");
    }
}

#[test]
fn a_deeply_nested_file_is_refused() {
    refused("[".repeat(1_000_000).as_bytes());
    refused(format!("{{\"format\":{}", "{\"a\":".repeat(1_000_000)).as_bytes());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn garbage_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        refused(&bytes);
    }

    /// One leaf of a true export is replaced: either it is refused, or what is read is stored and read back the same.
    #[test]
    fn a_changed_export_is_refused_or_kept_as_it_is(pick: prop::sample::Index, new in prop_oneof![
        Just(serde_json::Value::Null), any::<i64>().prop_map(Into::into), any::<f64>().prop_map(Into::into),
        ".{0,12}".prop_map(Into::into), Just(serde_json::json!([])), Just(serde_json::json!({})),
    ]) {
        let folder = Folder::new();
        let mut value = exported(&Folder::new());
        let mut paths = Vec::new();
        leaves(&value, String::new(), &mut paths);
        let path = pick.get(&paths);
        *value.pointer_mut(path).unwrap() = new;
        let file = folder.temp.path().join("changed.json");
        std::fs::write(&file, value.to_string()).unwrap();
        let mut store = folder.store();
        match store.import(&file) {
            Ok(Imported::New(id)) => {
                let read: RunRecord = read_export(&file).unwrap();
                let mut back = store.run(&id).unwrap();
                if read.state == RunState::Running {
                    back.state = RunState::Running;
                    back.validity = read.validity.clone();
                }
                prop_assert_eq!(back, read, "{}", path);
            }
            Ok(other) => prop_assert!(false, "{other:?}"),
            Err(error) => {
                prop_assert!(matches!(error, Error::Import { .. } | Error::Unstorable { .. }), "{path}: {error}");
            }
        }
        prop_assert!(store.check().unwrap().is_ok());
    }
}

fn leaves(value: &serde_json::Value, path: String, found: &mut Vec<String>) {
    match value {
        serde_json::Value::Object(members) => {
            for (name, member) in members {
                let name = name.replace('~', "~0").replace('/', "~1");
                leaves(member, format!("{path}/{name}"), found);
            }
        }
        serde_json::Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                leaves(item, format!("{path}/{index}"), found);
            }
        }
        _ => found.push(path),
    }
}
