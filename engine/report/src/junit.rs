//! JUnit XML, in the shape that Jenkins, GitLab and others read: a suite per declaration, a case per step and per
//! expectation. A skipped step is `skipped`, a failed one an `error`, a broken expectation a `failure`.

use engine_core::comparison::Comparison;
use engine_core::judgement::{Judged, Judgement, Severity, Verdict};
use engine_core::run::StepRecord;
use engine_core::step::Outcome;
use quick_xml::Writer;
use quick_xml::events::{BytesDecl, BytesText, Event};

use crate::clean;
use crate::expectation::explanation;
use crate::input::{Report, Unsure};
use crate::moment;
use crate::number;
use crate::verdict;
use crate::view::{self, Group};

/// Longest attribute.
const LONGEST: usize = 1000;

/// The document.
#[must_use]
pub fn testsuites(report: &Report<'_>) -> String {
    let record = report.record;
    let mut suites: Vec<Suite> = view::groups(record).iter().map(|group| Suite::of(group, report)).collect();
    suites.extend(report.comparison.map(Suite::of_comparison));
    let mut writer = Writer::new_with_indent(Vec::new(), b' ', 2);
    // Writing to memory does not fail; were it to, an unfinished document would be refused by whoever reads it.
    let _ = write(&mut writer, report, &suites);
    let mut text = String::from_utf8(writer.into_inner()).unwrap_or_default();
    text.push('\n');
    text
}

/// What one suite holds.
struct Suite {
    name: String,
    cases: Vec<Case>,
    seconds: f64,
}

/// One case.
struct Case {
    name: String,
    seconds: f64,
    result: Answer,
    /// What was measured or observed.
    output: String,
}

/// How a case ended.
enum Answer {
    Passed,
    Failed { kind: &'static str, message: String },
    Error { kind: &'static str, message: String },
    Skipped { message: String },
}

impl Suite {
    fn of(group: &Group<'_>, report: &Report<'_>) -> Self {
        let steps = group.steps.iter().map(|step| of_step(step));
        let judged = report.record.judged.iter().filter(|judged| judged.step == group.name);
        let cases: Vec<Case> = steps.chain(judged.map(|judged| of_expectation(judged, report.unsure))).collect();
        let seconds = cases.iter().map(|case| case.seconds).sum();
        Self { name: clean::clip(group.name, LONGEST), cases, seconds }
    }

    /// A case for each series that was held against the baseline: `failure` where it is worse, `skipped` where nobody
    /// can tell.
    fn of_comparison(comparison: &Comparison) -> Self {
        let refused = comparison.refusals.iter().map(|refusal| Case {
            name: clean::clip(refusal.subject.as_deref().unwrap_or("all series"), LONGEST),
            seconds: 0.0,
            result: Answer::Skipped { message: format!("not compared: {}", refusal.reason) },
            output: String::new(),
        });
        let series = comparison.series.iter().map(|one| {
            let message = format!("{} ({}): {}", verdict::change(one), verdict::interval(one), one.reason);
            let result = match one.verdict {
                Verdict::Better | Verdict::Equivalent => Answer::Passed,
                Verdict::Worse => Answer::Failed { kind: "regression", message: message.clone() },
                Verdict::Inconclusive => Answer::Skipped { message: format!("inconclusive: {message}") },
            };
            let output = format!("{}: {message}\n", one.verdict.name());
            Case { name: clean::clip(&one.id.to_string(), LONGEST), seconds: 0.0, result, output }
        });
        Self { name: "baseline".to_owned(), cases: refused.chain(series).collect(), seconds: 0.0 }
    }

    fn count(&self, of: fn(&Answer) -> bool) -> String {
        self.cases.iter().filter(|case| of(&case.result)).count().to_string()
    }
}

fn of_step(step: &StepRecord) -> Case {
    let result = match &step.outcome {
        Some(Outcome::Measured) => Answer::Passed,
        Some(Outcome::Skipped(skip)) => {
            let remedy = if skip.remedy.is_empty() { String::new() } else { format!("; remedy: {}", skip.remedy) };
            Answer::Skipped { message: format!("{}{remedy}", skip.reason) }
        }
        Some(Outcome::Failed(failure)) => Answer::Error {
            kind: crate::json::failure_kind(failure.kind),
            message: match &failure.place {
                Some(place) => format!("{} ({place})", failure.message),
                None => failure.message.clone(),
            },
        },
        None => Answer::Skipped { message: "not finished: the run ended before".to_owned() },
    };
    // All metrics share their rounds.
    let rounds = step.measurements.iter().max_by_key(|measurement| measurement.rounds.len());
    let seconds = rounds.map_or(0.0, |measurement| measurement.rounds.iter().map(|round| round.seconds).sum());
    let mut output = String::new();
    for measurement in step.scalars() {
        if let Some(figures) = view::figures(measurement) {
            let found = number::with_interval(measurement.metric.unit, &figures.estimate);
            let rounds = number::count(figures.estimate.rounds, "round");
            put!(output, "{} {found}, {rounds}\n", clean::clip(&measurement.metric.id, 80));
        }
    }
    Case { name: clean::clip(&step.plan.path(), LONGEST), seconds, result, output }
}

fn of_expectation(judged: &Judged, unsure: Unsure) -> Case {
    let found = judged.observed.as_ref().map(|observed| number::with_interval(judged.unit, observed));
    let message = format!("{}; {}", found.clone().unwrap_or_else(|| "no sample".to_owned()), explanation(judged));
    let result = match (judged.judgement, judged.severity, unsure) {
        (Judgement::Pass, ..) | (Judgement::Unsure, _, Unsure::Pass) => Answer::Passed,
        (Judgement::Unjudged, ..) => Answer::Skipped { message: format!("not judged: {message}") },
        (Judgement::Fail | Judgement::Unsure, Severity::Warn, _) => {
            Answer::Skipped { message: format!("warning only: {message}") }
        }
        (Judgement::Fail, ..) | (Judgement::Unsure, _, Unsure::Fail) => Answer::Failed { kind: "expectation", message },
        (Judgement::Unsure, _, Unsure::Unsure) => Answer::Error { kind: "unsure", message },
    };
    let output = found.map(|found| format!("{found}\n")).unwrap_or_default();
    Case { name: clean::clip(&format!("expect {}", judged.text), LONGEST), seconds: 0.0, result, output }
}

fn write(writer: &mut Writer<Vec<u8>>, report: &Report<'_>, suites: &[Suite]) -> std::io::Result<()> {
    let record = report.record;
    let scenario = clean::clip(&record.header.scenario.name, LONGEST);
    let started = moment::iso8601(record.header.started);
    let total = |of: fn(&Answer) -> bool| {
        suites.iter().flat_map(|suite| &suite.cases).filter(|case| of(&case.result)).count().to_string()
    };
    writer.write_event(Event::Decl(BytesDecl::new("1.0", Some("UTF-8"), None)))?;
    writer
        .create_element("testsuites")
        .with_attributes([
            ("name", scenario.as_str()),
            ("tests", &total(|_| true)),
            ("failures", &total(is_failed)),
            ("errors", &total(is_error)),
            ("time", &seconds(record.duration)),
        ])
        .write_inner_content(|writer| {
            for suite in suites {
                self::suite(writer, suite, &scenario, &started, report)?;
            }
            Ok(())
        })?;
    Ok(())
}

fn suite(
    writer: &mut Writer<Vec<u8>>,
    suite: &Suite,
    scenario: &str,
    started: &str,
    report: &Report<'_>,
) -> std::io::Result<()> {
    let header = &report.record.header;
    writer
        .create_element("testsuite")
        .with_attributes([
            ("name", suite.name.as_str()),
            ("tests", &suite.count(|_| true)),
            ("failures", &suite.count(is_failed)),
            ("errors", &suite.count(is_error)),
            ("skipped", &suite.count(|answer| matches!(answer, Answer::Skipped { .. }))),
            ("time", &seconds(suite.seconds)),
            ("timestamp", started),
        ])
        .write_inner_content(|writer| {
            let properties = [
                ("run", header.id.0.as_str()),
                ("commit", header.code.commit.as_deref().unwrap_or("unknown")),
                ("machine", &header.machine),
                ("state", report.record.state.name()),
                ("validity", crate::diagnosis::level(report.record.validity.level)),
            ];
            writer.create_element("properties").write_inner_content(|writer| {
                for (name, value) in properties {
                    let value = clean::clip(value, LONGEST);
                    let attributes = [("name", name), ("value", value.as_str())];
                    writer.create_element("property").with_attributes(attributes).write_empty()?;
                }
                Ok(())
            })?;
            for case in &suite.cases {
                self::case(writer, case, scenario, &suite.name)?;
            }
            Ok(())
        })?;
    Ok(())
}

fn case(writer: &mut Writer<Vec<u8>>, case: &Case, scenario: &str, suite: &str) -> std::io::Result<()> {
    let class = format!("{scenario}.{suite}");
    let time = seconds(case.seconds);
    let element = writer.create_element("testcase").with_attributes([
        ("name", case.name.as_str()),
        ("classname", &class),
        ("time", &time),
    ]);
    if matches!(case.result, Answer::Passed) && case.output.is_empty() {
        element.write_empty()?;
        return Ok(());
    }
    element.write_inner_content(|writer| {
        match &case.result {
            Answer::Passed => {}
            Answer::Failed { kind, message } => problem(writer, "failure", Some(kind), message)?,
            Answer::Error { kind, message } => problem(writer, "error", Some(kind), message)?,
            Answer::Skipped { message } => problem(writer, "skipped", None, message)?,
        }
        if !case.output.is_empty() {
            writer.create_element("system-out").write_text_content(BytesText::new(&case.output))?;
        }
        Ok(())
    })?;
    Ok(())
}

fn problem(writer: &mut Writer<Vec<u8>>, tag: &str, kind: Option<&str>, message: &str) -> std::io::Result<()> {
    let message = clean::clip(message, LONGEST);
    let element = writer.create_element(tag).with_attribute(("message", message.as_str()));
    match kind {
        Some(kind) => {
            element.with_attribute(("type", kind)).write_text_content(BytesText::new(&message))?;
        }
        None => {
            element.write_empty()?;
        }
    }
    Ok(())
}

const fn is_failed(answer: &Answer) -> bool {
    matches!(answer, Answer::Failed { .. })
}

const fn is_error(answer: &Answer) -> bool {
    matches!(answer, Answer::Error { .. })
}

/// Seconds as the schema's decimal: without exponent.
fn seconds(seconds: f64) -> String {
    if seconds.is_finite() { format!("{seconds:.3}") } else { "0.000".to_owned() }
}
