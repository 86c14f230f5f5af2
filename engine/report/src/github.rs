//! Notes at the lines of a change, for GitHub's workflow log.

use engine_core::event::NoteLevel;
use engine_core::judgement::{Judged, Judgement, Severity, Verdict};
use engine_core::run::{RunRecord, ValidityLevel};
use engine_core::step::{Outcome, Place};

use crate::clean;
use crate::expectation::explanation;
use crate::input::{Report, Unsure};
use crate::number;
use crate::verdict;

/// One workflow command a line: an error for each broken expectation, each series that is worse than the baseline and each failed step, a warning for what is
/// unsure, for `@warn`, for the engine's warnings and for a validity that is not `valid`. Empty when there is nothing.
#[must_use]
pub fn annotations(report: &Report<'_>) -> String {
    let record = report.record;
    let mut out = String::new();
    for one in &record.judged {
        if let Some(level) = level(one, report.unsure) {
            let found = one.observed.as_ref().map(|observed| number::with_interval(one.unit, observed));
            let found = found.unwrap_or_else(|| "no sample".to_owned());
            let message = format!("{}: {}: {found}; {}", one.step, one.text, explanation(one));
            command(&mut out, level, one.place.as_ref(), title(one), &message);
        }
    }
    for one in report.comparison.iter().flat_map(|comparison| &comparison.series) {
        let (level, title) = match one.verdict {
            Verdict::Worse => ("error", "regression"),
            Verdict::Inconclusive => ("notice", "inconclusive"),
            Verdict::Better | Verdict::Equivalent => continue,
        };
        let change = format!("{} ({})", verdict::change(one), verdict::interval(one));
        let message = format!("{}: {change} against the baseline; {}", one.id, one.reason);
        command(&mut out, level, place_of(record, &one.id.step), title, &message);
    }
    for step in &record.steps {
        if let Some(Outcome::Failed(failure)) = &step.outcome {
            let place = failure.place.as_ref().or_else(|| place_of(record, &step.plan.name));
            command(&mut out, "error", place, "step failed", &format!("{}: {}", step.plan.path(), failure.message));
        }
    }
    for note in record.notes.iter().filter(|note| note.level == NoteLevel::Warning) {
        command(&mut out, "warning", note.place.as_ref(), "warning", &note.message);
    }
    if record.validity.level != ValidityLevel::Valid {
        let level = if record.validity.level == ValidityLevel::Invalid { "error" } else { "warning" };
        command(&mut out, level, None, "validity", &record.validity.reasons.join("; "));
    }
    out
}

fn level(one: &Judged, unsure: Unsure) -> Option<&'static str> {
    match (one.judgement, one.severity, unsure) {
        (Judgement::Pass | Judgement::Unjudged, ..) | (Judgement::Unsure, _, Unsure::Pass) => None,
        (Judgement::Fail, Severity::Fail | Severity::Abort, _) => Some("error"),
        (Judgement::Unsure, Severity::Fail | Severity::Abort, Unsure::Fail) => Some("error"),
        (Judgement::Fail | Judgement::Unsure, ..) => Some("warning"),
    }
}

const fn title(one: &Judged) -> &'static str {
    match one.judgement {
        Judgement::Unsure => "expectation unsure",
        _ => "expectation failed",
    }
}

fn place_of<'a>(record: &'a RunRecord, step: &str) -> Option<&'a Place> {
    record.header.plan.declaration(step)?.place.as_ref()
}

/// `::error file=F,line=L,col=C,title=T::MESSAGE`. A scenario that is no file (`embedded:quick`, `-e`, `-`) has no place.
fn command(out: &mut String, level: &str, place: Option<&Place>, title: &str, message: &str) {
    let mut properties = Vec::new();
    if let Some(place) = place.filter(|place| is_file(&place.file)) {
        properties.push(format!("file={}", property(&clean::line(&place.file))));
        if place.line > 0 {
            properties.push(format!("line={}", place.line));
            if place.column > 0 {
                properties.push(format!("col={}", place.column));
            }
        }
    }
    properties.push(format!("title={}", property(title)));
    put!(out, "::{level} {}::{}\n", properties.join(","), data(&clean::clip(message, 2000)));
}

fn is_file(name: &str) -> bool {
    !name.is_empty() && name != "-" && name != "-e" && !name.starts_with("embedded:") && !name.starts_with("std/")
}

/// The message part: a `%` or a line end would end it or start a command of its own.
fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// A property: `:` and `,` would end it.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_text_can_end_its_command_or_start_another() {
        let place = Place { file: "a,b:c%\n.rhai".into(), line: 3, column: 7 };
        let mut out = String::new();
        command(&mut out, "error", Some(&place), "t", "50 % off\r\n::set-output name=x::y");
        assert_eq!(
            out,
            "::error file=a%2Cb%3Ac%25\\n.rhai,line=3,col=7,title=t::50 %25 off\\r\\n::set-output name=x::y\n"
        );
    }

    #[test]
    fn what_is_no_file_has_no_place() {
        let mut out = String::new();
        let place = Place { file: "embedded:quick".into(), line: 3, column: 7 };
        command(&mut out, "warning", Some(&place), "t", "m");
        assert_eq!(out, "::warning title=t::m\n");
    }
}
