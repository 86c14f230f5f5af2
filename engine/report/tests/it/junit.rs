//! JUnit, read back.

use std::collections::BTreeMap;

use engine_report::{Report, Unsure, junit};
use insta::assert_snapshot;
use quick_xml::Reader;
use quick_xml::events::Event;

use crate::fixture;

/// An element: tag and attributes, in order of appearance, with its depth.
pub(crate) type Element = (usize, String, BTreeMap<String, String>);

/// Reads a document; fails where it is not well-formed.
pub(crate) fn parse(text: &str) -> Vec<Element> {
    let mut reader = Reader::from_str(text);
    let mut elements = Vec::new();
    let mut depth = 0;
    loop {
        match reader.read_event().unwrap() {
            Event::Start(tag) => {
                elements.push(element(depth, &tag));
                depth += 1;
            }
            Event::Empty(tag) => elements.push(element(depth, &tag)),
            Event::End(_) => depth -= 1,
            Event::Eof => break,
            _ => {}
        }
    }
    assert_eq!(depth, 0);
    elements
}

fn element(depth: usize, tag: &quick_xml::events::BytesStart<'_>) -> Element {
    let attributes = tag.attributes().map(Result::unwrap).map(|attribute| {
        let value = quick_xml::escape::unescape(&attribute.value).unwrap().into_owned();
        (attribute.key.as_ref().to_owned(), value)
    });
    (depth, tag.name().as_ref().to_owned(), attributes.collect())
}

/// Checks what the schema of Jenkins asks for: which element may hold which, which attributes there must be, and that
/// counts are true.
pub(crate) fn assert_schema(elements: &[Element]) {
    let children: BTreeMap<&str, &[&str]> = BTreeMap::from([
        ("testsuites", ["testsuite"].as_slice()),
        ("testsuite", ["properties", "testcase"].as_slice()),
        ("properties", ["property"].as_slice()),
        ("testcase", ["skipped", "error", "failure", "system-out"].as_slice()),
    ]);
    let mut path: Vec<&str> = Vec::new();
    for (depth, tag, attributes) in elements {
        path.truncate(*depth);
        match path.last() {
            None => assert_eq!(tag, "testsuites"),
            Some(parent) => {
                assert!(children.get(parent).is_some_and(|c| c.contains(&tag.as_str())), "{tag} in {parent}")
            }
        }
        path.push(tag);
        let needed: &[&str] = match tag.as_str() {
            "testsuite" => &["name", "tests", "failures", "errors", "skipped", "time", "timestamp"],
            "testcase" => &["name", "classname", "time"],
            "property" => &["name", "value"],
            "failure" | "error" => &["message", "type"],
            _ => &[],
        };
        for name in needed {
            assert!(attributes.contains_key(*name), "{tag} without {name}");
        }
        if let Some(time) = attributes.get("time") {
            assert!(time.parse::<f64>().is_ok() && !time.contains('e'), "{time}");
        }
    }
    let count = |tag: &str| elements.iter().filter(|(_, found, _)| found == tag).count().to_string();
    let (_, _, root) = &elements[0];
    assert_eq!(
        (&root["tests"], &root["failures"], &root["errors"]),
        (&count("testcase"), &count("failure"), &count("error"))
    );
}

#[test]
fn a_suite_per_declaration_with_its_steps_and_expectations() {
    let record = fixture::run();
    let text = junit::testsuites(&Report::of(&record));
    let elements = parse(&text);
    assert_schema(&elements);
    let suites = elements.iter().filter(|(_, tag, _)| tag == "testsuite").count();
    assert_eq!(suites, record.header.plan.declarations.len());
    // One step that was skipped, one `@warn`; a failed and an unsure expectation, two failed steps.
    let count = |tag: &str| elements.iter().filter(|(_, found, _)| found == tag).count();
    assert_eq!((count("skipped"), count("failure"), count("error")), (2, 1, 3));
    let (_, rest) = text.split_once("<testsuite name=\"storage.fsync\"").unwrap();
    assert_snapshot!(rest);
}

#[test]
fn an_unsure_expectation_counts_as_the_user_says() {
    let record = fixture::run();
    let count = |unsure, tag: &str| {
        let text = junit::testsuites(&Report { unsure, ..Report::of(&record) });
        parse(&text).iter().filter(|(_, found, _)| found == tag).count()
    };
    assert_eq!((count(Unsure::Pass, "failure"), count(Unsure::Pass, "error")), (1, 2));
    assert_eq!((count(Unsure::Fail, "failure"), count(Unsure::Fail, "error")), (2, 2));
}
