//! The reference: every example is a scenario that is accepted, and every function is in it.

use engine_script::reference;

use crate::fakes::{look, options};

#[test]
fn every_example_is_accepted() {
    let docs = reference(&options().registry);
    let mut examples = 0;
    for function in &docs.functions {
        if let Some(example) = &function.example {
            let checked = look(example);
            let told: String = checked.diagnostics.iter().map(|d| d.render(false)).collect();
            assert!(checked.is_good(), "{}:\n{example}\n{told}", function.path());
            examples += 1;
        }
    }
    assert!(examples > 20, "{examples}");
}

#[test]
fn every_example_runs() {
    use engine_session::Scripted;
    for function in reference(&options().registry).functions {
        let Some(example) = &function.example else { continue };
        let mut scenario = crate::fakes::loaded(example);
        let steps: Vec<_> = scenario.plan().steps.iter().map(|step| (step.work.clone(), step.labels.clone())).collect();
        for (work, labels) in steps {
            let engine_core::plan::Work::Custom { index, .. } = work else { continue };
            let mut session = crate::fakes::FakeSession::default();
            let result = scenario.custom(index, &labels, &mut session);
            // The fake session measures nothing on some probes; a script error is what must not be.
            let fine = match &result {
                Err(engine_session::ProbeError::Failed(failure)) => {
                    failure.kind == engine_core::step::FailureKind::Probe
                }
                _ => true,
            };
            assert!(fine, "{}: {result:?}", function.path());
        }
    }
}

#[test]
fn a_function_is_found_by_name_and_documents_its_options() {
    let docs = reference(&options().registry);
    let stream = docs.doc("memory.stream").unwrap();
    assert!(stream.contains("memory::stream(#{ kernel, threads, size, stores })"), "{stream}");
    assert!(stream.contains("| `size` | size | `256 MiB` |"), "{stream}");
    assert!(docs.doc("bench").unwrap().contains("| `sweep` |"));
    assert_eq!(docs.doc("bnech").unwrap_err(), "nothing is documented under `bnech`, did you mean `bench`?");
    let whole = docs.markdown();
    for function in &docs.functions {
        assert!(whole.contains(&format!("### `{}`", function.path())), "{}", function.path());
    }
}

#[test]
fn definition_files_have_one_module_each() {
    let files = reference(&options().registry).definitions();
    let names: Vec<&str> = files.iter().map(|(name, _)| name.as_str()).collect();
    assert!(names.contains(&"global.d.rhai") && names.contains(&"memory.d.rhai"), "{names:?}");
    let (_, memory) = files.iter().find(|(name, _)| name == "memory.d.rhai").unwrap();
    assert!(memory.starts_with("module memory;\n") && memory.contains("fn stream(options: Map);"), "{memory}");
}
