//! The modules shipped with the engine: `import "std/sweep" as sweep`.

/// Name and text of each; a test compares it with the folder.
pub(crate) const STDLIB: &[(&str, &str)] = &[
    ("arrivals", include_str!("../../../stdlib/arrivals.rhai")),
    ("code", include_str!("../../../stdlib/code.rhai")),
    ("faults", include_str!("../../../stdlib/faults.rhai")),
    ("hardware", include_str!("../../../stdlib/hardware.rhai")),
    ("sla", include_str!("../../../stdlib/sla.rhai")),
    ("stress", include_str!("../../../stdlib/stress.rhai")),
    ("sweep", include_str!("../../../stdlib/sweep.rhai")),
    ("users", include_str!("../../../stdlib/users.rhai")),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_the_folder() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../stdlib");
        let mut there: Vec<String> = std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
            .filter_map(|name| name.strip_suffix(".rhai").map(str::to_owned))
            .collect();
        there.sort();
        let table: Vec<&str> = STDLIB.iter().map(|(name, _)| *name).collect();
        assert_eq!(table, there);
    }
}
