//! The times of single crates, from the report of `cargo build --timings`.
//!
//! Stable cargo writes them in one form only: a page whose script begins with the data, an array of JSON behind
//! `const UNIT_DATA =`. It is no promised format, so whatever does not fit is an error and no guess.

use serde::Deserialize;

/// One unit of work of a build: a target of a crate, or the run of a build script.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(crate) struct Unit {
    /// Its number, by which others name it.
    pub(crate) i: usize,
    /// The package.
    pub(crate) name: String,
    /// The package's version.
    pub(crate) version: String,
    /// Empty for a library, else such as ` app "bin"`.
    pub(crate) target: String,
    /// `run-custom-build` for the run of a build script, `todo` for what is compiled.
    pub(crate) mode: String,
    /// When it began, in seconds from the start of the build.
    pub(crate) start: f64,
    /// How long it took, in seconds.
    pub(crate) duration: f64,
    /// When, after its start, those that need its types only could begin: as cargo wrote it until 2025.
    #[serde(default)]
    rmeta_time: Option<f64>,
    /// The same since then, as the end of the section `frontend`.
    #[serde(default)]
    sections: Option<Vec<(String, Section)>>,
    /// Who waited for its end.
    #[serde(default)]
    pub(crate) unblocked_units: Vec<usize>,
    /// Who waited for its types.
    #[serde(default)]
    pub(crate) unblocked_rmeta_units: Vec<usize>,
}

/// A part of a unit's time, in seconds after its start.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
struct Section {
    end: f64,
}

/// Why a report has no times.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TimingsError {
    #[error("cargo's report of timings has no `UNIT_DATA`: this version writes another form")]
    NoData,
    #[error("cargo's report of timings has another form: {0}")]
    Form(#[from] serde_json::Error),
}

/// The units of a report.
pub(crate) fn units(page: &str) -> Result<Vec<Unit>, TimingsError> {
    const BEGIN: &str = "const UNIT_DATA = ";
    let data = page.split_once(BEGIN).map(|(_, data)| data).ok_or(TimingsError::NoData)?;
    // The array ends where it ends; the script behind it is not looked at.
    let mut values = serde_json::Deserializer::from_str(data).into_iter::<Vec<Unit>>();
    values.next().ok_or(TimingsError::NoData)?.map_err(TimingsError::Form)
}

impl Unit {
    /// When, in seconds after its start, its types were known; none where nobody could have used them.
    pub(crate) fn types(&self) -> Option<f64> {
        let sections = self.sections.iter().flatten();
        self.rmeta_time
            .or_else(|| sections.clone().find(|(name, _)| name == "frontend").map(|(_, section)| section.end))
    }

    /// What it is, for a label: the crate, and what of it when it is not its library.
    pub(crate) fn label(&self) -> String {
        match (self.mode.as_str(), self.target.trim()) {
            ("run-custom-build", _) => format!("{} (build script's run)", self.name),
            (_, "") => self.name.clone(),
            // The program of a crate has mostly the crate's name.
            (_, target) if target == format!("{} \"bin\"", self.name) => format!("{} (program)", self.name),
            (_, target) if target.contains("build script") || target.contains("build-script") => {
                format!("{} (build script)", self.name)
            }
            (_, target) => format!("{} ({})", self.name, target.replace('"', "")),
        }
    }
}

/// The longest chain of units of which each was the last that the next one waited for, in seconds. More CPUs cannot make
/// a build shorter than that.
pub(crate) fn critical_path(units: &[Unit]) -> f64 {
    let mut order: Vec<&Unit> = units.iter().collect();
    order.sort_by(|a, b| a.start.total_cmp(&b.start));
    let size = units.iter().map(|unit| unit.i + 1).max().unwrap_or(0);
    // How long the chain before each unit is. Who unblocks another starts before it, so one pass is enough.
    let mut before = vec![0.0_f64; size];
    let mut longest = 0.0_f64;
    for unit in order {
        let begun = before[unit.i];
        longest = longest.max(begun + unit.duration);
        let types = unit.types().unwrap_or(unit.duration);
        for (waiting, time) in [(&unit.unblocked_units, unit.duration), (&unit.unblocked_rmeta_units, types)] {
            for &other in waiting.iter().filter(|other| **other < size) {
                before[other] = before[other].max(begun + time);
            }
        }
    }
    longest
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = r#"<script>
const UNIT_DATA = [
  {"i": 0, "name": "base", "version": "0.1.0", "mode": "todo", "target": "", "features": [], "start": 0.1,
   "duration": 2.0, "rmeta_time": 0.5, "unblocked_units": [2], "unblocked_rmeta_units": [1], "sections": null},
  {"i": 1, "name": "part", "version": "0.1.0", "mode": "todo", "target": "", "features": [], "start": 0.6,
   "duration": 1.0, "unblocked_units": [2], "unblocked_rmeta_units": [],
   "sections": [["frontend", {"start": 0.0, "end": 0.25}], ["codegen", {"start": 0.25, "end": 1.0}]]},
  {"i": 2, "name": "app", "version": "0.1.0", "mode": "todo", "target": " app \"bin\"", "features": [], "start": 2.1,
   "duration": 0.25, "unblocked_units": [], "unblocked_rmeta_units": []}
];
const CONCURRENCY_DATA = [ {"t": 1"#;

    #[test]
    fn the_data_is_found_in_the_page() {
        let units = units(PAGE).unwrap();
        let labels: Vec<String> = units.iter().map(Unit::label).collect();
        assert_eq!(labels, ["base", "part", "app (program)"]);
        // The first is in the older form, the second in the newer.
        let types: Vec<Option<f64>> = units.iter().map(Unit::types).collect();
        assert_eq!(types, [Some(0.5), Some(0.25), None]);
        assert!((units[0].duration - 2.0).abs() < 1e-12);
    }

    #[test]
    fn the_critical_path_goes_through_whoever_is_waited_for() {
        let mut units = units(PAGE).unwrap();
        // base to its end (2.0), then app (0.25): longer than over part (0.5 + 1.0 + 0.25).
        assert!((critical_path(&units) - 2.25).abs() < 1e-12);
        units[1].duration = 3.0;
        assert!((critical_path(&units) - 3.75).abs() < 1e-12);
        assert!(critical_path(&[]).abs() < 1e-12);
    }

    #[test]
    fn another_form_is_an_error() {
        assert!(matches!(units("<html></html>"), Err(TimingsError::NoData)));
        assert!(matches!(units("const UNIT_DATA = [{\"i\": \"x\"}];"), Err(TimingsError::Form(_))));
        assert!(matches!(units("const UNIT_DATA = [{"), Err(TimingsError::Form(_))));
    }
}
