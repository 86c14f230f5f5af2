//! All stressors, by id. A new one is one file, one line in `kernel/mod.rs` and one line here.

use super::Stressor;
use super::kernel::{cache, cpu, descriptors, io, memory, network, processes, switches, timers};

/// Every stressor, sorted by id.
static STRESSORS: &[&Stressor] = &[
    &cache::STRESSOR,
    &cpu::STRESSOR,
    &descriptors::STRESSOR,
    &io::STRESSOR,
    &memory::STRESSOR,
    &network::STRESSOR,
    &processes::STRESSOR,
    &switches::STRESSOR,
    &timers::STRESSOR,
];

/// All stressors.
#[must_use]
pub fn registry() -> &'static [&'static Stressor] {
    STRESSORS
}

/// A stressor by id.
#[must_use]
pub fn find(id: &str) -> Option<&'static Stressor> {
    STRESSORS.iter().copied().find(|stressor| stressor.info.id == id)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    #[test]
    fn ids_are_sorted_found_and_have_the_common_options() {
        let ids: Vec<&str> = registry().iter().map(|stressor| stressor.info.id).collect();
        assert!(ids.is_sorted_by(|one, next| one < next), "{ids:?}");
        for stressor in registry() {
            let info = stressor.info;
            assert!(find(info.id).is_some() && info.area() == "stress");
            assert!(info.summary.ends_with('.') && info.about.contains("wrong"), "{}", info.id);
            for common in ["intensity", "duration", "ramp", "threads", "nice"] {
                assert!(info.param(common).is_some(), "{} has no `{common}`", info.id);
            }
            let file = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/stress/kernel");
            assert!(file.join(format!("{}.rs", info.name())).is_file(), "{}", info.id);
        }
    }

    #[test]
    fn every_option_can_be_given_and_what_is_taken_is_known_before() {
        for stressor in registry() {
            for tiny in [false, true] {
                let args = stressor.info.args(&BTreeMap::new(), tiny).unwrap();
                let needs = (stressor.needs)(&args);
                assert!(needs.count <= 4096 && needs.disk <= 8 << 30, "{}", stressor.info.id);
            }
        }
    }
}
