//! `docs/rest-api.md`: the description for people, from the same source as the one for programs.

use std::fmt::Write as _;

use serde_json::Value;

/// What stands before the list.
const HEAD: &str = "# The REST API

Generated from the code; a test checks it. The same as OpenAPI 3.1: `docs/openapi.json`, and `/api/v1/openapi.json` of a running
server. Examples with curl, Python and a CI client: `docs/integrate.md`.

* `engine serve` answers on `http://127.0.0.1:5000`, or on the next free port, and prints its address with a token.
* Reading is open on this machine (`serve.open`); on any other address everything needs the token.
* A change needs the token: `Authorization: Bearer TOKEN`. Pages get a cookie for it from `POST /api/v1/session`; with the cookie a
  change also needs the header `X-Engine: 1` and the page's own `Origin`.
* Bodies are JSON (`Content-Type: application/json`), but for `POST /api/v1/runs`, which takes results as they are.
* Times are RFC 3339 in UTC, durations are in seconds, values are in the base unit beside them, shares are 0 to 1, and a number that
  does not exist is `null`.
* Lists take `limit` (1 to 500) and `cursor`, which is the `next` of the page before; a parameter that is not known is an error.
* Every answer to a reading request has an `ETag`; long ones are compressed where that is accepted.
* An error is `{\"error\":{\"status\",\"code\",\"message\",\"hint\"}}`.

## Live

`/api/v1/live` is a WebSocket. The server sends text frames; the client sends nothing. `?run=ID` follows one run, `?run=live` (or nothing)
the newest. After a break, `?epoch=E&after=N` with the epoch of `hello` and the number of the last message brings what was missed,
as far as it is still there (120 messages), else a snapshot. A client that takes nothing for two seconds is closed with 1013.

| message | when | members |
|---|---|---|
| `hello` | first | `epoch`, `version`, `now`, `period_seconds`, `resumed` |
| `site` | after it, and when it changes | `running`, `alerts` by state, `newest`: the five newest open alerts; all of it each time, without a number |
| `snapshot` | at the start, and when another run begins | `n`, `at`, `live`: all that is known of the run (`Live` below), or null |
| `delta` | once a second at most, when something changed | `n` (one more than the last), `at`, `run`, `set`: fields that have another value; `steps` that changed; `host`, `windows`, `marks` to append |
| `end` | the run is over | `n`, `at`, `run`, `state`, `validity` |
| `beat` | after five seconds without another message | `at` |

";

/// The description as Markdown.
pub(crate) fn markdown(openapi: &str) -> String {
    let document: Value = serde_json::from_str(openapi).unwrap_or_default();
    let mut text = HEAD.to_owned();
    let paths = document["paths"].as_object();
    let mut tags: Vec<&str> = Vec::new();
    let operations = || {
        paths.into_iter().flatten().flat_map(|(path, item)| {
            item.as_object().into_iter().flatten().map(move |(method, one)| (path, method, one))
        })
    };
    for (_, _, operation) in operations() {
        let tag = operation["tags"][0].as_str().unwrap_or("other");
        if !tags.contains(&tag) {
            tags.push(tag);
        }
    }
    for tag in tags {
        let _ = writeln!(text, "## {}{}\n", tag[..1].to_uppercase(), &tag[1..]);
        for (path, method, operation) in operations().filter(|(_, _, one)| one["tags"][0] == tag) {
            one(&mut text, path, method, operation);
        }
    }
    schemas(&mut text, &document);
    text
}

fn one(text: &mut String, path: &str, method: &str, operation: &Value) {
    let _ = writeln!(text, "### `{} {path}`\n", method.to_uppercase());
    let words = [&operation["summary"], &operation["description"]];
    let _ = writeln!(text, "{}\n", words.iter().filter_map(|one| one.as_str()).collect::<Vec<_>>().join(" "));
    let parameters = operation["parameters"].as_array().map(Vec::as_slice).unwrap_or_default();
    if !parameters.is_empty() {
        let _ = writeln!(text, "| parameter | where | what |\n|---|---|---|");
        for parameter in parameters {
            let required = if parameter["required"] == true && parameter["in"] == "query" { ", required" } else { "" };
            let _ = writeln!(
                text,
                "| `{}` | {}{required} | {} |",
                word(&parameter["name"]),
                word(&parameter["in"]),
                word(&parameter["description"])
            );
        }
        text.push('\n');
    }
    let answers = operation["responses"].as_object().into_iter().flatten();
    let good: Vec<String> = answers
        .filter(|(status, _)| status.starts_with(['1', '2']))
        .map(|(status, answer)| {
            let content = answer["content"].as_object().and_then(|content| content.values().next());
            let name =
                content.and_then(|content| content["schema"]["$ref"].as_str()).and_then(|name| name.rsplit('/').next());
            name.map_or_else(
                || format!("{status}: {}", word(&answer["description"])),
                |name| format!("{status}: `{name}`"),
            )
        })
        .collect();
    let body = operation["requestBody"]["content"].as_object().and_then(|content| content.values().next());
    let body = body.and_then(|body| body["schema"]["$ref"].as_str()).and_then(|name| name.rsplit('/').next());
    let asks = body.map_or(String::new(), |name| format!("Body: `{name}`. "));
    let _ = writeln!(text, "{asks}Answer: {}\n", good.join("; "));
}

/// The shapes of this crate, one line a field. The results file and its like have a description of their own.
fn schemas(text: &mut String, document: &Value) {
    text.push_str("## Shapes\n\nThe results file (`Report`), `Comparison` and `Trend` with their parts are in `docs/openapi.json`; the first is also `docs/report.schema.json`.\n\n");
    for (name, schema) in document["components"]["schemas"].as_object().into_iter().flatten() {
        let foreign = ["Report", "Comparison", "Trend"].iter().any(|own| name.starts_with(own))
            && !matches!(name.as_str(), "TrendBaseline" | "TrendRemark");
        let Some(fields) = schema["properties"].as_object().filter(|_| !foreign) else { continue };
        let _ = writeln!(
            text,
            "### `{name}`\n\n{}\n\n| field | type | what |\n|---|---|---|",
            word(&schema["description"])
        );
        for (field, about) in fields {
            let _ = writeln!(text, "| `{field}` | {} | {} |", kind(about), word(&about["description"]));
        }
        text.push('\n');
    }
}

/// A type in words.
fn kind(schema: &Value) -> String {
    let named = |reference: &str| format!("`{}`", reference.rsplit('/').next().unwrap_or_default());
    if let Some(reference) = schema["$ref"].as_str() {
        return named(reference);
    }
    for either in ["oneOf", "anyOf", "allOf"] {
        if let Some(all) = schema[either].as_array() {
            return all.iter().map(kind).collect::<Vec<_>>().join(" or ");
        }
    }
    match &schema["type"] {
        Value::String(name) if name == "array" => format!("list of {}", kind(&schema["items"])),
        Value::String(name) => name.clone(),
        Value::Array(all) => all.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(" or "),
        _ => "any".to_owned(),
    }
}

/// Text for a cell.
fn word(value: &Value) -> String {
    value.as_str().unwrap_or_default().replace('\n', " ").replace('|', "\\|")
}
