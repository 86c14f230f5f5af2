//! The description: complete, and true of what is answered.

use std::path::Path;

use serde_json::Value;

use crate::client::{change, get};
use crate::fixture::Site;

fn document() -> Value {
    serde_json::from_str(&engine_serve::openapi()).unwrap()
}

#[test]
fn the_files_of_the_guide_are_what_the_code_says() {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs");
    let generated = [("openapi.json", engine_serve::openapi()), ("rest-api.md", engine_serve::rest_guide())];
    for (name, text) in generated {
        let path = docs.join(name);
        if std::env::var_os("ENGINE_WRITE_DOCS").is_some() {
            std::fs::write(&path, &text).unwrap();
        }
        let stored = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(stored == text, "docs/{name} is not what the code says: run this test with ENGINE_WRITE_DOCS=1");
    }
}

#[test]
fn every_reference_leads_somewhere_and_every_operation_says_what_it_is() {
    let document = document();
    let text = document.to_string();
    for part in text.split("\"$ref\":\"").skip(1) {
        let pointer = part.split('"').next().unwrap().trim_start_matches('#');
        assert!(document.pointer(pointer).is_some(), "{pointer}");
    }
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let summary = operation["summary"].as_str().or(operation["description"].as_str());
            assert!(summary.is_some(), "{method} {path}");
            let responses = operation["responses"].as_object().unwrap();
            assert!(responses.keys().any(|status| status.starts_with(['1', '2'])), "{method} {path}");
            assert!(responses.contains_key("429") && responses.contains_key("421"), "{method} {path}");
        }
    }
    assert!(document["paths"].as_object().unwrap().len() >= 24);
}

#[test]
fn what_is_answered_is_what_is_described() {
    let site = Site::new();
    let ids = site.runs("quick", 12);
    site.store().annotate(&ids[3], "a remark").unwrap();
    let alert = site.alert("quick", &ids[0], "time < 1 s");
    site.schedule("nightly", "0 2 * * *");
    let document = document();
    let check = |path: &str, place: &str, method: &str, answer: crate::client::Answer| {
        let operation = &document["paths"][path][method];
        let mut response = &operation["responses"][answer.status.to_string()];
        if let Some(shared) = response["$ref"].as_str() {
            response = document.pointer(shared.trim_start_matches('#')).unwrap();
        }
        let schema = &response["content"]["application/json"]["schema"];
        assert!(schema.is_object(), "{method} {place}: {} is not described: {}", answer.status, answer.text());
        let mut schema = schema.clone();
        schema["components"] = document["components"].clone();
        let validator = jsonschema::validator_for(&schema).unwrap();
        let instance = answer.json();
        let errors: Vec<String> =
            validator.iter_errors(&instance).map(|e| format!("{e} at {}", e.instance_path())).collect();
        assert!(errors.is_empty(), "{method} {place}: {errors:#?}");
    };
    for (path, place) in [
        ("/api/v1/session", "/api/v1/session"),
        ("/api/v1/health", "/api/v1/health"),
        ("/api/v1/runs", "/api/v1/runs"),
        ("/api/v1/runs", "/api/v1/runs?limit=0"),
        ("/api/v1/runs/{id}", "/api/v1/runs/@last"),
        ("/api/v1/runs/{id}", "/api/v1/runs/none"),
        ("/api/v1/runs/{id}/timeline", "/api/v1/runs/@last/timeline"),
        ("/api/v1/runs/{id}/curves", "/api/v1/runs/@last/curves"),
        ("/api/v1/runs/{id}/annotations", "/api/v1/runs/@last/annotations"),
        ("/api/v1/compare", "/api/v1/compare?old=@-2&new=@last"),
        ("/api/v1/series", "/api/v1/series"),
        ("/api/v1/trend", "/api/v1/trend?series=quick/triad.time"),
        ("/api/v1/baselines", "/api/v1/baselines"),
        ("/api/v1/alerts", "/api/v1/alerts"),
        ("/api/v1/advice", "/api/v1/advice"),
        ("/api/v1/scenarios", "/api/v1/scenarios"),
        ("/api/v1/scenarios/{name}/plan", "/api/v1/scenarios/quick/plan"),
        ("/api/v1/jobs", "/api/v1/jobs"),
        ("/api/v1/schedules", "/api/v1/schedules"),
        ("/api/v1/occurrences", "/api/v1/occurrences"),
        ("/api/v1/occurrences", "/api/v1/occurrences?limit=0"),
        ("/api/v1/machine", "/api/v1/machine"),
        ("/api/v1/openapi.json", "/api/v1/openapi.json"),
    ] {
        check(path, place, "get", get(site.at(), place));
    }
    let place = format!("/api/v1/alerts/{alert}");
    check("/api/v1/alerts/{id}", &place, "get", get(site.at(), &place));
    for (deed, body) in
        [("acknowledge", r#"{"who":"ann"}"#), ("silence", r#"{"who":"ann","seconds":60}"#), ("resolve", "{}")]
    {
        let place = format!("{place}/{deed}");
        check(&format!("/api/v1/alerts/{{id}}/{deed}"), &place, "post", change(site.at(), "POST", &place, body));
    }
    for (verb, name, body) in [
        ("switch", "nightly", r#"{"enabled":false}"#),
        ("switch", "nobody", r#"{"enabled":false}"#),
        ("switch", "nightly", "{}"),
        ("runs", "nightly", "{}"),
        ("runs", "nobody", "{}"),
    ] {
        let place = format!("/api/v1/schedules/{name}/{verb}");
        let answer = change(site.at(), "POST", &place, body);
        check(&format!("/api/v1/schedules/{{name}}/{verb}"), &place, "post", answer);
    }
}
