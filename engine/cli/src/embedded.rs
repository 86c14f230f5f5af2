//! The scenarios in the binary: the modes of `engine run`.

/// Name and text of each.
pub(crate) const SCENARIOS: &[(&str, &str)] = &[
    ("quick", include_str!("../../../scenarios/quick.rhai")),
    ("hardware", include_str!("../../../scenarios/hardware.rhai")),
    ("full", include_str!("../../../scenarios/full.rhai")),
];

/// The first line of a scenario's description.
pub(crate) fn title(text: &str) -> &str {
    text.lines().find_map(|line| line.strip_prefix("//!")).map_or("", str::trim)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_scenario_file_is_embedded() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../scenarios");
        let mut files: Vec<String> = std::fs::read_dir(folder)
            .unwrap()
            .filter_map(|entry| entry.unwrap().file_name().to_str().unwrap().strip_suffix(".rhai").map(str::to_owned))
            .collect();
        files.sort();
        let mut names: Vec<&str> = SCENARIOS.iter().map(|(name, _)| *name).collect();
        names.sort_unstable();
        assert_eq!(files, names);
        assert!(SCENARIOS.iter().all(|(_, text)| !title(text).is_empty()));
    }
}
