//! Report files: after every run into a folder, and where `--report` and `-o` say.

use std::path::{Path, PathBuf};

use engine_report::{Report, TimeZone, csv, file_names, html, json, junit, load_file_names, markdown, text};

use crate::exit::Fatal;

/// The text of a report in the format that a suffix names.
pub(crate) fn render(report: &Report<'_>, format: &str) -> Result<String, Fatal> {
    Ok(match format {
        "json" => json::report(report),
        "md" => markdown::report(report),
        "csv" => csv::rounds(report),
        "xml" => junit::testsuites(report),
        "txt" => text::summary(report, text::Style::new(120, false, true)),
        "html" => html::report(report, html::Kind::Full),
        other => {
            let hint = engine_core::nearest::hint(other, ["json", "md", "csv", "xml", "txt", "html"]);
            return Err(Fatal::usage(format!(
                "no report format `{other}`{hint}: json, md, csv, xml (JUnit), txt or html"
            )));
        }
    })
}

/// The formats that `--format` names, else those of the settings.
pub(crate) fn formats(asked: &[String], set: &[String]) -> Result<Vec<String>, Fatal> {
    if asked.is_empty() {
        return Ok(set.to_vec());
    }
    let mut formats = Vec::new();
    for name in asked {
        let suffix = match name.as_str() {
            "junit" => "xml",
            "markdown" => "md",
            "text" => "txt",
            other => other,
        };
        format_of(Path::new(&format!("report.{suffix}"))).map_err(|_| {
            let hint = engine_core::nearest::hint(name, ["json", "md", "csv", "junit", "txt", "html"]);
            Fatal::usage(format!("`--format`: no report format `{name}`{hint}: json, md, csv, junit, txt or html"))
        })?;
        if !formats.iter().any(|known| known == suffix) {
            formats.push(suffix.to_owned());
        }
    }
    Ok(formats)
}

/// The format of a file, by its suffix.
pub(crate) fn format_of(path: &Path) -> Result<String, Fatal> {
    let suffix = path.extension().and_then(|suffix| suffix.to_str()).unwrap_or_default();
    if ["json", "md", "csv", "xml", "txt", "html"].contains(&suffix) {
        return Ok(suffix.to_owned());
    }
    Err(Fatal::usage(format!(
        "`{}`: the suffix says the format: .json, .md, .csv, .xml (JUnit), .txt or .html",
        path.display()
    )))
}

/// Writes one file, with its folder.
pub(crate) fn write(path: &Path, text: &str) -> Result<(), Fatal> {
    let failed = |error: std::io::Error| {
        Fatal::new(
            crate::exit::Exit::Store,
            format!("cannot write `{}`: {error}; name another folder with `--out DIR`", path.display()),
        )
    };
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        std::fs::create_dir_all(folder).map_err(failed)?;
    }
    std::fs::write(path, text).map_err(failed)
}

/// The files that a run's reports go to, by format; none of them exists yet.
pub(crate) fn places(folder: &Path, scenario: &str, report: &Report<'_>, formats: &[String]) -> Vec<(String, PathBuf)> {
    let steps = &report.record.header.plan.steps;
    let started = report.record.header.started;
    // A run that only measures loads, whatever `finish` makes of them.
    let loads = steps.iter().any(engine_core::plan::PlannedStep::is_load)
        && steps.iter().all(|step| step.is_load() || step.work == engine_core::plan::Work::Finish);
    let names = if loads { load_file_names } else { file_names }(scenario, started, &TimeZone::UTC);
    let of = |names: &engine_report::FileNames| -> Vec<(String, PathBuf)> {
        formats
            .iter()
            .map(|format| {
                let file = match format.as_str() {
                    "json" => names.results.clone(),
                    "md" => names.report.clone(),
                    other => Path::new(&names.report).with_extension(other).to_string_lossy().into_owned(),
                };
                (format.clone(), folder.join(file))
            })
            .collect()
    };
    // Two runs of one second must not overwrite each other.
    (2..1000)
        .map(|number| if number == 2 { of(&names) } else { of(&names.numbered(number - 1)) })
        .find(|places| places.iter().all(|(_, path)| !path.exists()))
        .unwrap_or_else(|| of(&names))
}
