//! Writes a journey as a scenario.

use std::fmt::Write as _;

use serde_json::Value;

use super::{Asked, Content, Recording};

/// How deep a literal may be; deeper bodies are sent as text.
const DEEPEST: usize = 12;

/// A text as a script literal.
pub(crate) fn text(word: &str) -> String {
    let mut literal = String::from("\"");
    for c in word.chars() {
        match c {
            '"' => literal.push_str("\\\""),
            '\\' => literal.push_str("\\\\"),
            '\n' => literal.push_str("\\n"),
            '\r' => literal.push_str("\\r"),
            '\t' => literal.push_str("\\t"),
            c if c.is_control() => {
                let _ = write!(literal, "\\u{:04x}", u32::from(c));
            }
            other => literal.push(other),
        }
    }
    literal.push('"');
    literal
}

/// Whether a value can be written as a literal that is sent as the same JSON.
pub(super) fn is_literal(value: &Value) -> bool {
    fn fits(value: &Value, depth: usize) -> bool {
        match value {
            Value::Number(number) => {
                number.is_i64() || number.as_f64().is_some_and(|n| n.abs() < 1e15 && n.fract() != 0.0)
            }
            Value::Array(items) => depth < DEEPEST && items.iter().all(|item| fits(item, depth + 1)),
            Value::Object(map) => depth < DEEPEST && map.values().all(|item| fits(item, depth + 1)),
            _ => true,
        }
    }
    fits(value, 0)
}

fn literal(value: &Value, indent: usize) -> String {
    match value {
        Value::Null => "()".to_owned(),
        Value::Bool(truth) => truth.to_string(),
        Value::Number(number) => number.to_string(),
        Value::String(word) => text(word),
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(|item| literal(item, indent)).collect();
            list("[", &items, "]", indent)
        }
        Value::Object(map) => {
            let fields: Vec<String> =
                map.iter().map(|(key, item)| format!("{}: {}", name(key), literal(item, indent))).collect();
            list("#{ ", &fields, " }", indent)
        }
    }
}

/// On one line where it fits.
fn list(open: &str, items: &[String], close: &str, indent: usize) -> String {
    if items.is_empty() {
        return format!("{}{}", open.trim_end(), close.trim_start());
    }
    let line = format!("{open}{}{close}", items.join(", "));
    if line.len() + indent <= 100 && !line.contains('\n') {
        return line;
    }
    let inner = " ".repeat(indent + 4);
    let items: Vec<String> = items.iter().map(|item| format!("{inner}{},\n", item.replace('\n', "\n    "))).collect();
    format!("{}\n{}{}{}", open.trim_end(), items.concat(), " ".repeat(indent), close.trim_start())
}

/// A key of a map: bare where it may be.
fn name(key: &str) -> String {
    const RESERVED: [&str; 44] = [
        "as", "async", "await", "break", "case", "catch", "const", "continue", "default", "do", "else", "exit",
        "export", "false", "fn", "for", "go", "goto", "if", "import", "in", "is", "let", "loop", "match", "module",
        "new", "nil", "null", "package", "private", "public", "return", "shared", "spawn", "static", "switch", "sync",
        "thread", "throw", "true", "try", "use", "while",
    ];
    const MORE: [&str; 8] = ["this", "until", "var", "void", "with", "yield", "global", "protected"];
    let starts = key.starts_with(|c: char| c.is_ascii_alphabetic());
    let bare = starts && key.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    if bare && !RESERVED.contains(&key) && !MORE.contains(&key) { key.to_owned() } else { text(key) }
}

fn pairs(pairs: &[(String, String)], indent: usize) -> String {
    let fields: Vec<String> = pairs.iter().map(|(key, value)| format!("{}: {}", name(key), text(value))).collect();
    list("#{ ", &fields, " }", indent)
}

/// The row in which a request is counted: method and path, with `:id` for what differs from user to user.
fn row(asked: &Asked) -> String {
    let path = asked.path.split('?').next().unwrap_or("");
    let parts: Vec<&str> = path.split('/').map(|part| if is_id(part) { ":id" } else { part }).collect();
    format!("{} {}", asked.method, parts.join("/"))
}

fn is_id(part: &str) -> bool {
    let hex = |part: &str| part.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-');
    let has_digit = part.bytes().any(|b| b.is_ascii_digit());
    (!part.is_empty() && part.bytes().all(|b| b.is_ascii_digit())) || (part.len() >= 16 && hex(part) && has_digit)
}

/// The options of a request.
fn options(asked: &Asked) -> Vec<String> {
    let mut options = vec![format!("name: {}", text(&row(asked)))];
    if let Some(status) = asked.status {
        options.push(format!("status: {status}"));
    }
    if let Some(redirects) = asked.redirects {
        options.push(format!("redirects: {redirects}"));
    }
    if let Some(timeout) = asked.timeout {
        options.push(format!("timeout: \"{timeout} s\""));
    }
    // A map has each name once; of several headers of one name the last counts, as it does for most servers.
    let mut headers: Vec<(String, String)> = Vec::new();
    for (header, value) in &asked.headers {
        headers.retain(|(known, _)| !known.eq_ignore_ascii_case(header));
        headers.push((header.clone(), value.clone()));
    }
    let mut fields: Vec<String> =
        headers.iter().map(|(key, value)| format!("{}: {}", name(key), text(value))).collect();
    if let Some((user, password)) = &asked.login {
        fields.push(format!("Authorization: \"Basic \" + base64({})", text(&format!("{user}:{password}"))));
    }
    if !fields.is_empty() {
        options.push(format!("headers: {}", list("#{ ", &fields, " }", 8)));
    }
    match &asked.body {
        Content::None => {}
        Content::Text(body) => options.push(format!("body: {}", text(body))),
        Content::Json(value) => options.push(format!("json: {}", literal(value, 8))),
        Content::Form(fields) => options.push(format!("form: {}", pairs(fields, 8))),
        Content::File(path) => options.push(format!("file: {}", text(path))),
    }
    options
}

/// The scenario: who it is from, the journey, and a load of one user.
pub(crate) fn scenario(recording: &Recording, from: &str) -> String {
    let target = recording.requests.first().map(|asked| asked.origin.clone()).unwrap_or_default();
    let mut hosts: Vec<String> = recording.requests.iter().map(|asked| host(&asked.origin)).collect();
    hosts.sort();
    hosts.dedup();
    let mut out = format!("//! Made from {}.\n", from.replace(['\n', '\r'], " "));
    let foreign: Vec<&String> = hosts.iter().filter(|host| !is_loopback(host)).collect();
    if !foreign.is_empty() {
        let flags: Vec<String> = foreign.iter().map(|host| format!("--allow-net={host}")).collect();
        let _ = writeln!(out, "//! It talks to other machines: run it with {}", flags.join(" "));
    }
    let files: Vec<&str> = recording
        .requests
        .iter()
        .filter_map(|asked| if let Content::File(path) = &asked.body { Some(path.as_str()) } else { None })
        .collect();
    if !files.is_empty() {
        let _ = writeln!(out, "//! It sends files ({}): run it with --allow-read for their folder", files.join(", "));
    }
    out.push_str("suite(\"imported\");\n\nfn journey(user) {\n");
    let mut at = 0;
    while at < recording.requests.len() {
        let asked = &recording.requests[at];
        if asked.think > 0.0 {
            let _ = writeln!(out, "    user.think(\"{} s\");", asked.think);
        }
        let together = |asked: &Asked| matches!(asked.method.as_str(), "GET" | "HEAD" | "POST" | "PUT" | "DELETE");
        let next = recording.requests[at + 1..].iter();
        let beside = if together(asked) { next.take_while(|next| next.beside && together(next)).count() } else { 0 };
        if beside > 0 {
            let all = &recording.requests[at..=at + beside];
            out.push_str("    user.get_all([\n");
            for asked in all {
                let _ = writeln!(out, "        {},", part(asked, &target));
            }
            out.push_str("    ]);\n");
        } else {
            let _ = writeln!(out, "    {};", call(asked, &target));
        }
        at += beside + 1;
    }
    out.push_str("}\n\n");
    let mut load = vec![format!("target: {}", text(&target)), "users: 1".to_owned(), "duration: \"30 s\"".to_owned()];
    if recording.insecure {
        load.push("insecure: true".to_owned());
    }
    if let Some(ca) = &recording.ca {
        load.push(format!("ca: {}", text(ca)));
    }
    load.push("journey: journey".to_owned());
    let _ = writeln!(out, "load({});", list("#{ ", &load, " }", 0));
    out
}

fn address(asked: &Asked, target: &str) -> String {
    if asked.origin == target { asked.path.clone() } else { format!("{}{}", asked.origin, asked.path) }
}

fn call(asked: &Asked, target: &str) -> String {
    let address = text(&address(asked, target));
    let options = list("#{ ", &options(asked), " }", 4);
    match asked.method.as_str() {
        "GET" | "POST" | "PUT" | "DELETE" => {
            format!("user.{}({address}, {options})", asked.method.to_ascii_lowercase())
        }
        other => format!("user.request({}, {address}, {options})", text(other)),
    }
}

/// One of several that are sent together.
fn part(asked: &Asked, target: &str) -> String {
    let verb = asked.method.to_ascii_lowercase();
    let mut fields = vec![format!("{}: {}", name(&verb), text(&address(asked, target)))];
    fields.extend(options(asked));
    list("#{ ", &fields, " }", 8)
}

fn host(origin: &str) -> String {
    let (scheme, host) = origin.split_once("://").unwrap_or(("http", origin));
    let has_port = host.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
    if has_port { host.to_owned() } else { format!("{host}:{}", if scheme == "https" { 443 } else { 80 }) }
}

fn is_loopback(host: &str) -> bool {
    host.starts_with("localhost:") || host.starts_with("127.") || host.starts_with("[::1]:")
}
