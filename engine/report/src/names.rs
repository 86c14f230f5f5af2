//! The names of the files that a run leaves.

use engine_core::run::Timestamp;
use jiff::tz::TimeZone;

use crate::moment;

/// Longest part that a scenario's name takes in a file name.
const LONGEST: usize = 80;

/// The files of one run, without their folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileNames {
    /// `SCENARIO_benchmark_results_TIME.json`; of a load `load_test_results_TIME.json`.
    pub results: String,
    /// `SCENARIO_benchmark_report_TIME.md`; of a load `load_test_report_TIME.md`.
    pub report: String,
}

/// The names of the files of a run that started at `started`. `TIME` is `20261123T054501Z`; characters of the scenario
/// that are not plain in a file name become `-`, so that it can neither leave the folder nor hide in it.
#[must_use]
pub fn file_names(scenario: &str, started: Timestamp, zone: &TimeZone) -> FileNames {
    let time = moment::compact(started, zone);
    let scenario = safe(scenario);
    FileNames {
        results: format!("{scenario}_benchmark_results_{time}.json"),
        report: format!("{scenario}_benchmark_report_{time}.md"),
    }
}

/// The names of the files of a run whose steps are loads: `load_test_results_TIME.json`, and with the scenario's name in front
/// where that is not `load`.
#[must_use]
pub fn load_file_names(scenario: &str, started: Timestamp, zone: &TimeZone) -> FileNames {
    let time = moment::compact(started, zone);
    let scenario = safe(scenario);
    let front = if scenario == "load" { String::new() } else { format!("{scenario}_") };
    FileNames {
        results: format!("{front}load_test_results_{time}.json"),
        report: format!("{front}load_test_report_{time}.md"),
    }
}

/// The names of the files of `engine advise`: `optimization_report_TIME.md` and `optimization_recommendations_TIME.json`,
/// of a run that started at `started`.
#[must_use]
pub fn advice_file_names(started: Timestamp, zone: &TimeZone) -> FileNames {
    let time = moment::compact(started, zone);
    FileNames {
        results: format!("optimization_recommendations_{time}.json"),
        report: format!("optimization_report_{time}.md"),
    }
}

impl FileNames {
    /// The names for the case that these are taken by a run of the same second: `.._TIME-2.json`.
    #[must_use]
    pub fn numbered(&self, number: u32) -> Self {
        let numbered = |name: &str, extension: &str| {
            format!("{}-{number}{extension}", name.strip_suffix(extension).unwrap_or(name))
        };
        Self { results: numbered(&self.results, ".json"), report: numbered(&self.report, ".md") }
    }
}

fn safe(scenario: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-') { c } else { '-' };
    let mapped: String = scenario.chars().map(plain).take(LONGEST).collect();
    let trimmed = mapped.trim_matches(['.', '-']);
    if trimmed.is_empty() { "scenario".to_owned() } else { trimmed.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scenario_cannot_leave_the_folder() {
        let names = |scenario: &str| file_names(scenario, Timestamp(1_795_412_701_250_000), &TimeZone::UTC);
        assert_eq!(names("quick").results, "quick_benchmark_results_20261123T054501Z.json");
        assert_eq!(names("quick").report, "quick_benchmark_report_20261123T054501Z.md");
        assert_eq!(names("../../etc/passwd").results, "etc-passwd_benchmark_results_20261123T054501Z.json");
        assert_eq!(names("\0\n").report, "scenario_benchmark_report_20261123T054501Z.md");
        assert!(names(&"é".repeat(10_000)).report.len() < 130);
        assert!(names(&"x".repeat(10_000)).report.len() < 130);
        let loads = |scenario: &str| load_file_names(scenario, Timestamp(1_795_412_701_250_000), &TimeZone::UTC);
        assert_eq!(loads("load").results, "load_test_results_20261123T054501Z.json");
        assert_eq!(loads("load").report, "load_test_report_20261123T054501Z.md");
        assert_eq!(loads("my shop").results, "my-shop_load_test_results_20261123T054501Z.json");
        assert_eq!(names("quick").numbered(2).report, "quick_benchmark_report_20261123T054501Z-2.md");
    }
}
