//! All probes, by id. A new probe is one file, one line in its area's `mod.rs` and one line here.

use crate::{Probe, anam, build, cache, cpu, ffi, gpu, htm, memory, nam, network, storage, tool};

/// Every probe of this version, sorted by id.
static PROBES: &[&Probe] = &[
    &anam::adapt::PROBE,
    &build::check::PROBE,
    &build::clean::PROBE,
    &build::crates::PROBE,
    &build::debug::PROBE,
    &build::link::PROBE,
    &build::noop::PROBE,
    &build::release::PROBE,
    &build::touch::PROBE,
    &cache::associativity::PROBE,
    &cache::bandwidth::PROBE,
    &cache::latency::PROBE,
    &cache::locality::PROBE,
    &cache::parallelism::PROBE,
    &cache::tlb::PROBE,
    &cpu::arithmetic::PROBE,
    &cpu::atomics::PROBE,
    &cpu::branch::PROBE,
    &cpu::clock::PROBE,
    &cpu::context_switch::PROBE,
    &cpu::crypto::PROBE,
    &cpu::fma::PROBE,
    &cpu::handoff::PROBE,
    &cpu::primes::PROBE,
    &cpu::scaling::PROBE,
    &cpu::system_call::PROBE,
    &cpu::wakeup::PROBE,
    &ffi::buffer::PROBE,
    &ffi::native::PROBE,
    &ffi::python::PROBE,
    &ffi::safety::PROBE,
    &gpu::bandwidth::PROBE,
    &gpu::compute::PROBE,
    &gpu::devices::PROBE,
    &gpu::latency::PROBE,
    &gpu::launch::PROBE,
    &gpu::local::PROBE,
    &gpu::transfer::PROBE,
    &htm::encode::PROBE,
    &htm::memory::PROBE,
    &htm::sequence::PROBE,
    &htm::sp_step::PROBE,
    &htm::store_get::PROBE,
    &htm::store_put::PROBE,
    &htm::store_search::PROBE,
    &htm::tensor_search::PROBE,
    &htm::tensor_write::PROBE,
    &htm::tm_step::PROBE,
    &memory::allocate::PROBE,
    &memory::latency::PROBE,
    &memory::loaded::PROBE,
    &memory::page_fault::PROBE,
    &memory::random::PROBE,
    &memory::read::PROBE,
    &memory::stream::PROBE,
    &nam::additive::PROBE,
    &nam::gate::PROBE,
    &nam::map::PROBE,
    &nam::tradeoff::PROBE,
    &network::connect::PROBE,
    &network::latency::PROBE,
    &network::namespaces::PROBE,
    &network::throughput::PROBE,
    &storage::ablation::PROBE,
    &storage::files::PROBE,
    &storage::fsync::PROBE,
    &storage::randread::PROBE,
    &storage::randrw::PROBE,
    &storage::randwrite::PROBE,
    &storage::seqread::PROBE,
    &storage::seqwrite::PROBE,
    &tool::command::PROBE,
    &tool::concurrency::PROBE,
    &tool::ladder::PROBE,
    &tool::mcp::PROBE,
    &tool::spawn::PROBE,
];

/// All probes.
#[must_use]
pub fn registry() -> &'static [&'static Probe] {
    PROBES
}

/// A probe by id.
#[must_use]
pub fn find(id: &str) -> Option<&'static Probe> {
    PROBES.iter().copied().find(|probe| probe.info.id == id)
}

#[cfg(test)]
mod tests {
    use super::*;
    use engine_core::args::ArgValue;
    use engine_core::measurement::Stat;
    use engine_core::metric::{Goal, Nature};
    use engine_core::probe::ParamKind;
    use std::collections::BTreeMap;
    use std::path::Path;

    /// Words that a script cannot use as the name of a function or a module.
    const KEYWORDS: &str = "in is for do loop until if else while fn let var const switch match case default return throw \
        try catch import export as private this true false break continue null nil new use with go async await yield \
        sync shared static thread public package super module void global print eval type_of curry call is_def_fn \
        is_def_var is_shared Fn";
    /// Words that mean something else where an expectation names a metric.
    const EXPECTATION: [&str; 5] = ["baseline", "expected", "reference", "target", "slope"];

    fn is_name(text: &str) -> bool {
        text.starts_with(|first: char| first.is_ascii_lowercase())
            && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
    }

    #[test]
    fn ids_are_unique_sorted_and_found() {
        let ids: Vec<&str> = registry().iter().map(|probe| probe.info.id).collect();
        assert!(ids.is_sorted_by(|one, next| one < next), "{ids:?}");
        assert!(ids.iter().all(|id| find(id).is_some_and(|probe| probe.info.id == *id)));
        assert!(find("no.probe").is_none());
    }

    #[test]
    fn a_probe_is_the_file_of_its_name_and_no_probe_file_is_forgotten() {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
        for probe in registry() {
            let file = source.join(probe.info.area()).join(format!("{}.rs", probe.info.name()));
            assert!(file.is_file(), "`{}` must be in {}", probe.info.id, file.display());
        }
        let areas: std::collections::BTreeSet<&str> = registry().iter().map(|probe| probe.info.area()).collect();
        for area in areas {
            for entry in std::fs::read_dir(source.join(area)).unwrap() {
                let path = entry.unwrap().path();
                let is_probe =
                    path.is_file() && std::fs::read_to_string(&path).unwrap().contains("pub static PROBE: Probe");
                let id = format!("{area}.{}", path.file_stem().unwrap().to_str().unwrap());
                assert!(!is_probe || find(&id).is_some(), "`{id}` is not in the registry");
            }
        }
    }

    #[test]
    fn scripts_can_write_every_name() {
        for probe in registry() {
            let info = probe.info;
            // `spawn` is reserved too, but the host makes it a name behind `::`.
            for part in info.id.split('.').chain(info.params.iter().map(|param| param.name)) {
                assert!(
                    is_name(part) && !KEYWORDS.split_whitespace().any(|word| word == part),
                    "{}: `{part}`",
                    info.id
                );
            }
            assert_eq!(info.id.split('.').count(), 2, "{}", info.id);
        }
    }

    #[test]
    fn every_declared_option_can_be_given() {
        for probe in registry() {
            let info = probe.info;
            let needed = info.params.iter().filter(|param| param.default.is_none()).map(|param| {
                assert_eq!(param.kind, ParamKind::Command, "{}: `{}` has no example to be tried", info.id, param.name);
                (param.name.to_owned(), ArgValue::List(vec!["true".to_owned()]))
            });
            let given: BTreeMap<String, ArgValue> = needed.collect();
            for tiny in [false, true] {
                let args = info.args(&given, tiny).unwrap_or_else(|error| panic!("{}: {error}", info.id));
                assert_eq!(args.0.len(), info.params.len());
            }
            for param in info.params {
                assert!(!param.doc.is_empty(), "{}: `{}` has no doc", info.id, param.name);
                if let Some(limit) = param.tiny {
                    param.check(&ArgValue::Text(limit.to_owned())).unwrap();
                }
            }
        }
    }

    #[test]
    fn metrics_are_unique_and_no_statistics() {
        for probe in registry() {
            let info = probe.info;
            assert!(info.primary().is_some(), "{} records nothing", info.id);
            for (at, metric) in info.metrics.iter().enumerate() {
                let name = metric.id;
                assert!(is_name(name) && !metric.title.is_empty(), "{}: `{name}`", info.id);
                assert!(info.metrics[..at].iter().all(|other| other.id != name), "{}: two metrics `{name}`", info.id);
                assert!(name.parse::<Stat>().is_err() && !EXPECTATION.contains(&name), "{}: `{name}`", info.id);
                assert!(metric.nature != Nature::Capability || metric.goal != Goal::Neutral, "{}: `{name}`", info.id);
            }
        }
    }

    #[test]
    fn every_probe_says_how_it_measures() {
        for probe in registry() {
            let info = probe.info;
            assert!(info.summary.ends_with('.') && info.about.contains("wrong"), "{}", info.id);
            assert!(info.method > 0 && info.round_seconds > 0.0, "{}", info.id);
        }
    }
}
