//! Every name and message is an attack; no format may pass one on.

use engine_core::comparison::Refusal;
use engine_core::event::{Note, NoteLevel};
use engine_core::judgement::{Judged, Judgement, Severity};
use engine_core::metric::MetricDef;
use engine_core::run::{RunRecord, RunState, Validity, ValidityLevel};
use engine_core::step::{Failure, FailureKind, Outcome, Place, Skip, SkipKind};
use engine_core::unit::Unit;
use engine_report::text::{self, Style};
use engine_report::{Cause, Exit, Report, TimeZone, csv, github, html, json, junit, markdown};
use unicode_width::UnicodeWidthStr;

use crate::fixture::{self, measured, planned, step};

const ATTACKS: [&str; 10] = [
    "<img src=x onerror=alert(1)>",
    "a|b`c``d```e",
    "\u{202e}gnp.exe\u{2066}\u{200b}",
    "\x1b]0;owned\x07\x1b[2J\u{9b}31m",
    "line\r\n::error ::forged\n# heading",
    "=cmd()|' /C calc'!A1",
    "]]></failure></testsuite><x a=\"'&",
    "[click](javascript:alert(1)) @team https://evil.example",
    "\0\u{fffe}\u{feff}</details></script>",
    "% %0A 数字עברית",
];

fn long() -> String {
    "y<|`".repeat(2560)
}

fn record() -> RunRecord {
    let mut steps = Vec::new();
    for (number, attack) in ATTACKS.iter().enumerate() {
        let metric = |suffix: &str| {
            let mut metric = MetricDef::cost("x", Unit::Seconds, "").metric();
            metric.id = format!("{attack}{suffix}");
            metric
        };
        let labels = [("axis\x1b[1m|<b>", *attack)];
        let mut one = step(
            planned(attack, &labels, attack),
            vec![
                measured(metric(""), &[], 0.5, &[0.0, 0.1, 0.2, 0.3, 0.4]),
                measured(metric(&long()), &[], 1e300, &[0.0]),
                measured(metric("curve"), &[(*attack, "1")], 0.1, &[0.0]),
                measured(metric("curve"), &[(*attack, attack)], f64::NAN, &[0.0]),
            ],
        );
        if number % 3 == 1 {
            one.measurements.clear();
            one.outcome = Some(Outcome::Skipped(Skip::new(SkipKind::Tool, *attack, long())));
        }
        if number % 3 == 2 {
            one.outcome = Some(Outcome::Failed(Failure {
                kind: FailureKind::Script,
                message: format!("{attack}{}", long()),
                place: Some(Place { file: (*attack).into(), line: 1, column: 1 }),
            }));
        }
        steps.push(one);
    }
    steps.push(step(planned(&long(), &[], "x"), vec![]));
    let all = ATTACKS.concat();
    let mut header = fixture::header(&all, &steps);
    header.machine.clone_from(&all);
    header.engine.clone_from(&all);
    header.plan.title.clone_from(&all);
    header.tags.insert(all.clone(), long());
    header.environment.cpu.model = engine_core::fact::Fact::Known(all.clone());
    header.code.branch = engine_core::fact::Fact::Known(all.clone());
    let long_name = long();
    let judged = ATTACKS.iter().copied().chain([long_name.as_str()]).map(|attack| Judged {
        step: attack.into(),
        text: format!("{attack} < 1"),
        severity: Severity::Fail,
        judgement: Judgement::Fail,
        series: attack.into(),
        observed: None,
        limit: Some(f64::NAN),
        unit: Unit::Seconds,
        reason: attack.into(),
        place: Some(Place { file: attack.into(), line: 1, column: 0 }),
    });
    RunRecord {
        faults: vec![],
        judged: judged.collect(),
        state: RunState::Crashed,
        validity: Validity { level: ValidityLevel::Invalid, reasons: ATTACKS.map(str::to_owned).to_vec() },
        notes: ATTACKS
            .map(|attack| Note {
                level: NoteLevel::Warning,
                step: Some(attack.into()),
                message: format!("{attack}{}", long()),
                place: None,
                at: None,
            })
            .to_vec(),
        ..RunRecord::new(header)
    }
    .with(steps)
}

trait With {
    fn with(self, steps: Vec<engine_core::run::StepRecord>) -> Self;
}

impl With for RunRecord {
    fn with(mut self, steps: Vec<engine_core::run::StepRecord>) -> Self {
        self.steps = steps;
        self
    }
}

fn report<'a>(record: &'a RunRecord, exit: &'a Exit, written: &'a [String]) -> Report<'a> {
    Report { exit: Some(exit), written, ..Report::of(record) }
}

fn with_report<T>(make: impl Fn(&Report<'_>) -> T) -> T {
    let record = record();
    let exit = Exit { code: 1, causes: vec![Cause { code: 1, reason: ATTACKS.concat() }] };
    let written = [ATTACKS.concat(), long()];
    make(&report(&record, &exit, &written))
}

fn is_clean(c: char) -> bool {
    c == '\n'
        || !(c.is_control()
            || ('\u{200b}'..='\u{200f}').contains(&c)
            || ('\u{2028}'..='\u{202e}').contains(&c)
            || ('\u{2060}'..='\u{206f}').contains(&c)
            || matches!(c, '\u{feff}' | '\u{fffe}' | '\u{ffff}'))
}

#[test]
fn the_terminal_gets_no_control_character_and_no_line_beyond_its_width() {
    let mut texts = Vec::new();
    for columns in [1, 80, 97, 120, 500] {
        for unicode in [true, false] {
            let style = Style::new(columns, false, unicode);
            let text = with_report(|report| {
                let lines: Vec<String> =
                    report.record.steps.iter().map(|step| text::result_line(step, style)).collect();
                format!("{}{}\n", text::summary(report, style), lines.join("\n"))
            });
            texts.push((style, text));
            texts.push((style, text::comparison(&comparison(), &TimeZone::UTC, style)));
            texts.push((style, text::summary(&Report::of(&fixture::run()), style)));
        }
    }
    for (style, text) in texts {
        for line in text.lines() {
            assert!(line.width() <= style.width(), "{} > {}: {line}", line.width(), style.width());
            assert!(line.chars().all(is_clean), "{line:?}");
            assert!(!line.starts_with("::"), "{line}");
        }
    }
}

fn comparison() -> engine_core::comparison::Comparison {
    let mut comparison = fixture::comparison();
    for (one, attack) in comparison.series.iter_mut().zip(ATTACKS) {
        one.id.step = format!("{attack}{}", long());
        one.reason = attack.into();
        one.change = None;
    }
    comparison.old.scenario = ATTACKS.concat();
    comparison.old.machine = long();
    comparison.differences[0].a = ATTACKS.concat();
    comparison.differences[1].field = long();
    comparison.refusals.push(Refusal { subject: Some(long()), reason: ATTACKS.concat(), remedy: ATTACKS.concat() });
    comparison
}

#[test]
fn markdown_holds_no_markup_of_strangers() {
    let whole = with_report(markdown::report);
    let texts = [with_report(markdown::step_summary), markdown::comparison(&comparison(), &TimeZone::UTC), whole];
    for text in texts {
        crate::markdown::assert_tables(&text);
        assert!(text.chars().all(is_clean));
        for line in text.lines() {
            let own = ["<details>", "</details>"].contains(&line) || line.starts_with("<summary>");
            // Code spans are shown as they are; what is outside them must have no tag, no link and no mention.
            let outside: String = strip_code(line);
            assert!(own || !outside.contains('<'), "{line}\n{outside}");
            assert!(!outside.contains("](") && !outside.contains("://") && !outside.contains('@'), "{line}");
            assert!(!line.starts_with("# heading"), "{line}");
        }
    }
}

/// The line without its code spans. A backslash keeps a backtick from opening one.
fn strip_code(line: &str) -> String {
    let mut out = String::new();
    let mut characters = line.chars();
    while let Some(c) = characters.next() {
        match c {
            '\\' => drop(characters.next()),
            '`' => assert!(characters.by_ref().any(|c| c == '`'), "an open code span: {line}"),
            c => out.push(c),
        }
    }
    out
}

#[test]
fn xml_is_well_formed_and_gives_the_names_back() {
    let elements = crate::junit::parse(&with_report(junit::testsuites));
    crate::junit::assert_schema(&elements);
    assert!(elements.iter().any(|(_, tag, attributes)| tag == "testsuite" && attributes["name"] == ATTACKS[0]));
    assert!(elements.iter().flat_map(|(_, _, attributes)| attributes.values()).all(|v| v.chars().all(is_clean)));
}

#[test]
fn csv_has_no_formula_and_no_broken_row() {
    let text = with_report(csv::rounds);
    let mut reader = ::csv::Reader::from_reader(text.as_bytes());
    for row in reader.records() {
        let row = row.unwrap();
        for (cell, column) in row.iter().zip(csv::COLUMNS) {
            let number = cell.parse::<f64>().is_ok();
            assert!(number || !cell.trim_start().starts_with(['=', '+', '-', '@']), "{column}: {cell}");
            assert!(cell.chars().all(|c| is_clean(c) && c != '\n'), "{cell:?}");
        }
    }
}

#[test]
fn a_workflow_command_cannot_be_forged() {
    for line in with_report(github::annotations).lines() {
        assert!(line.starts_with("::error ") || line.starts_with("::warning "), "{line}");
        assert!(line.chars().all(is_clean));
    }
}

#[test]
fn json_keeps_every_name_as_it_is() {
    let document: serde_json::Value = serde_json::from_str(&with_report(json::report)).unwrap();
    assert_eq!(crate::json::errors(&document), Vec::<String>::new());
    let names: Vec<&str> = document["steps"].as_array().unwrap().iter().filter_map(|s| s["name"].as_str()).collect();
    assert_eq!(names[..ATTACKS.len()], ATTACKS);
}

/// Tags that a page has, in lower case, without what stands in them.
fn tags(page: &str) -> std::collections::BTreeSet<String> {
    let names = page.split('<').skip(1).map(|rest| rest.trim_start_matches('/'));
    names.map(|rest| rest.chars().take_while(char::is_ascii_alphanumeric).collect::<String>().to_lowercase()).collect()
}

#[test]
fn a_page_has_no_tag_and_no_attribute_but_its_own() {
    for kind in [html::Kind::Full, html::Kind::Lite] {
        let page = with_report(|report| html::report(report, kind));
        assert!(page.len() <= kind.most(), "{} bytes", page.len());
        // Scripts are text to a parser until their end; the page's own are looked at elsewhere.
        let mut rest = page.as_str();
        let mut text = String::new();
        while let Some((before, script)) = rest.split_once("<script") {
            text.push_str(before);
            rest = script.split_once("</script>").unwrap().1;
        }
        text.push_str(rest);
        let ours = "!doctype a abbr b body br button caption circle code dd details div dl dt figcaption figure g h1 h2 h3 head header \
                    html li link main meta nav noscript p path rect script section small span style summary svg table tbody td text th \
                    thead title tr ul";
        let ours: std::collections::BTreeSet<&str> = ours.split_whitespace().collect();
        for tag in tags(&text) {
            assert!(tag.is_empty() || ours.contains(tag.as_str()), "<{tag}>");
        }
        for start in text.split('<').skip(1) {
            let inside = start.split('>').next().unwrap();
            let outside_quotes: String = inside.split('"').step_by(2).collect();
            assert!(!outside_quotes.contains("on") || !outside_quotes.contains("onerror"), "{inside}");
            assert!(!inside.contains("javascript:") || !inside.contains("href"), "{inside}");
        }
        assert!(text.contains("&lt;img src=x onerror=alert(1)&gt;"));
        assert!(text.chars().all(is_clean));
    }
}
