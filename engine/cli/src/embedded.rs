//! The scenarios in the binary: the modes of `engine run`.

/// Name and text of each.
pub(crate) const SCENARIOS: &[(&str, &str)] = &[
    ("quick", include_str!("../../../scenarios/quick.rhai")),
    ("hardware", include_str!("../../../scenarios/hardware.rhai")),
    ("code", include_str!("../../../scenarios/code.rhai")),
    ("load", include_str!("../../../scenarios/load.rhai")),
    ("optimization", include_str!("../../../scenarios/optimization.rhai")),
    ("stress", include_str!("../../../scenarios/stress.rhai")),
    ("failure", include_str!("../../../scenarios/failure.rhai")),
    ("full", include_str!("../../../scenarios/full.rhai")),
];

/// Name and text of each machine profile.
pub(crate) const MACHINES: &[(&str, &str)] =
    &[("ryzen-7800x3d", include_str!("../../../config/machines/ryzen-7800x3d.toml"))];

#[cfg(test)]
mod tests {
    use super::*;

    /// The names of the files with a suffix, without it, sorted.
    fn stems(folder: &str, suffix: &str) -> Vec<String> {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(folder);
        let mut stems: Vec<String> = std::fs::read_dir(folder)
            .unwrap()
            .filter_map(|entry| entry.unwrap().file_name().to_str().unwrap().strip_suffix(suffix).map(str::to_owned))
            .collect();
        stems.sort();
        stems
    }

    #[test]
    fn every_machine_profile_is_embedded() {
        let names: Vec<&str> = MACHINES.iter().map(|(name, _)| *name).collect();
        assert_eq!(stems("config/machines", ".toml"), names);
    }

    #[test]
    fn every_scenario_file_is_embedded() {
        let files = stems("scenarios", ".rhai");
        let mut names: Vec<&str> = SCENARIOS.iter().map(|(name, _)| *name).collect();
        names.sort_unstable();
        assert_eq!(files, names);
        assert!(SCENARIOS.iter().all(|(_, text)| !engine_script::title(text).is_empty()));
    }
}
