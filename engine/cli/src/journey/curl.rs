//! A command for curl, read as curl reads it.

use engine_core::nearest::hint;
use serde_json::Value;

use super::{Asked, Content, Recording, encoded, is_noise, shell, split_url, with_body};

/// Options that take a value and say nothing of the request.
const IGNORED_VALUE: [&str; 19] = [
    "output",
    "write-out",
    "connect-timeout",
    "retry",
    "retry-delay",
    "retry-max-time",
    "dump-header",
    "cookie-jar",
    "max-redirs",
    "limit-rate",
    "speed-limit",
    "speed-time",
    "keepalive-time",
    "resolve",
    "interface",
    "stderr",
    "trace",
    "trace-ascii",
    "ciphers",
];

/// Options without a value that say nothing of the request.
const IGNORED: [&str; 29] = [
    "silent",
    "show-error",
    "verbose",
    "include",
    "fail",
    "fail-with-body",
    "globoff",
    "no-buffer",
    "http1.0",
    "http1.1",
    "http2",
    "http2-prior-knowledge",
    "http3",
    "ipv4",
    "ipv6",
    "tlsv1",
    "tlsv1.2",
    "tlsv1.3",
    "progress-bar",
    "no-progress-meter",
    "remote-name",
    "remote-header-name",
    "path-as-is",
    "tcp-nodelay",
    "no-keepalive",
    "no-sessionid",
    "disable",
    "parallel",
    "location-trusted",
];

/// Options that are followed.
const KNOWN: [&str; 26] = [
    "request",
    "header",
    "data",
    "data-ascii",
    "data-raw",
    "data-binary",
    "data-urlencode",
    "json",
    "form",
    "form-string",
    "user",
    "insecure",
    "cookie",
    "user-agent",
    "referer",
    "compressed",
    "location",
    "head",
    "get",
    "upload-file",
    "url",
    "max-time",
    "next",
    "cacert",
    "proxy",
    "url-query",
];

const TAKES_VALUE: [&str; 19] = [
    "request",
    "header",
    "data",
    "data-ascii",
    "data-raw",
    "data-binary",
    "data-urlencode",
    "json",
    "form",
    "form-string",
    "user",
    "cookie",
    "user-agent",
    "referer",
    "upload-file",
    "url",
    "max-time",
    "cacert",
    "url-query",
];

fn long(short: char) -> Option<&'static str> {
    Some(match short {
        'X' => "request",
        'H' => "header",
        'd' => "data",
        'F' => "form",
        'u' => "user",
        'k' => "insecure",
        'b' => "cookie",
        'A' => "user-agent",
        'e' => "referer",
        'L' => "location",
        'I' => "head",
        'G' => "get",
        'T' => "upload-file",
        'm' => "max-time",
        ':' => "next",
        'x' => "proxy",
        's' => "silent",
        'S' => "show-error",
        'v' => "verbose",
        'i' => "include",
        'f' => "fail",
        'g' => "globoff",
        'N' => "no-buffer",
        'q' => "disable",
        'O' => "remote-name",
        'J' => "remote-header-name",
        '#' => "progress-bar",
        '0' => "http1.0",
        '4' => "ipv4",
        '6' => "ipv6",
        '1' => "tlsv1",
        'Z' => "parallel",
        'o' => "output",
        'w' => "write-out",
        'D' => "dump-header",
        'c' => "cookie-jar",
        'y' => "speed-time",
        'Y' => "speed-limit",
        _ => return None,
    })
}

/// What the options of one request say.
#[derive(Debug, Default)]
struct Options {
    method: Option<String>,
    urls: Vec<String>,
    headers: Vec<(String, String)>,
    data: Vec<String>,
    file: Option<String>,
    is_json: bool,
    parts: Vec<(String, String)>,
    queries: Vec<String>,
    login: Option<(String, String)>,
    follows: bool,
    head: bool,
    get: bool,
    timeout: Option<f64>,
}

/// Reads a command: a text, to be split as a shell does.
pub(crate) fn read(command: &str) -> Result<Recording, String> {
    let words = shell::words(command)?;
    from_words(&words)
}

/// Reads a command that a shell has split.
pub(crate) fn from_words(words: &[String]) -> Result<Recording, String> {
    let mut words = words.iter().map(String::as_str).peekable();
    // `curl`, or whatever program of that kind stands in front.
    if words.peek().is_some_and(|word| *word == "curl" || word.ends_with("/curl") || *word == "curl.exe") {
        words.next();
    }
    let mut recording = Recording::default();
    let mut options = Options::default();
    let mut literal = false;
    while let Some(word) = words.next() {
        if literal || !word.starts_with('-') || word == "-" {
            options.urls.push(word.to_owned());
            continue;
        }
        if word == "--" {
            literal = true;
            continue;
        }
        if let Some(name) = word.strip_prefix("--") {
            // `--no-` switches off what would be ignored, or is the default.
            if name.starts_with("no-") && !IGNORED.contains(&name) {
                continue;
            }
            let value = if takes_value(name) { Some(words.next().ok_or_else(|| needs(word))?) } else { None };
            take(name, value, &mut options, &mut recording)?;
            continue;
        }
        for (at, letter) in word[1..].char_indices() {
            let name = long(letter).ok_or_else(|| format!("`-{letter}` is no option of curl that is known here"))?;
            if takes_value(name) {
                let attached = &word[1 + at + letter.len_utf8()..];
                let value = if attached.is_empty() { words.next().ok_or_else(|| needs(word))? } else { attached };
                take(name, Some(value), &mut options, &mut recording)?;
                break;
            }
            take(name, None, &mut options, &mut recording)?;
        }
    }
    finish(options, &mut recording)?;
    if recording.requests.is_empty() {
        return Err("the command names no address".to_owned());
    }
    Ok(recording)
}

fn needs(option: &str) -> String {
    format!("`{option}` needs a value")
}

fn takes_value(name: &str) -> bool {
    TAKES_VALUE.contains(&name) || IGNORED_VALUE.contains(&name) || name == "proxy"
}

fn take(name: &str, value: Option<&str>, options: &mut Options, recording: &mut Recording) -> Result<(), String> {
    let value = value.unwrap_or_default();
    match name {
        "request" => options.method = Some(value.to_ascii_uppercase()),
        "header" => header(value, options)?,
        "data" | "data-ascii" | "data-binary" => match value.strip_prefix('@') {
            Some(file) => options.file = Some(file.to_owned()),
            None => options.data.push(value.to_owned()),
        },
        "data-raw" => options.data.push(value.to_owned()),
        "data-urlencode" => options.data.push(url_encoded(value)?),
        "json" => {
            if let Some(file) = value.strip_prefix('@') {
                options.file = Some(file.to_owned());
            } else {
                // Several are put together as they are.
                match options.data.last_mut().filter(|_| options.is_json) {
                    Some(before) => before.push_str(value),
                    None => options.data.push(value.to_owned()),
                }
            }
            options.is_json = true;
        }
        "form" | "form-string" => {
            let (field, text) =
                value.split_once('=').ok_or_else(|| format!("`{value}` of a form must be NAME=VALUE"))?;
            if name == "form" && text.starts_with(['@', '<']) {
                return Err(format!(
                    "`-F {value}`: a file within a form cannot be sent yet; `file: \"PATH\"` sends one as the whole body"
                ));
            }
            options.parts.push((field.to_owned(), text.to_owned()));
        }
        "user" => {
            let (user, password) = value.split_once(':').unwrap_or((value, ""));
            options.login = Some((user.to_owned(), password.to_owned()));
        }
        "insecure" => recording.insecure = true,
        "cookie" if value.contains('=') => options.headers.push(("Cookie".to_owned(), value.to_owned())),
        "cookie" => return Err(format!("`-b {value}` is a file of cookies: give them as `-b 'NAME=VALUE'`")),
        "user-agent" => options.headers.push(("User-Agent".to_owned(), value.to_owned())),
        "referer" => options.headers.push(("Referer".to_owned(), value.to_owned())),
        "compressed" => {
            recording.remarks.insert("compressed answers are not asked for: bodies stay readable".to_owned());
        }
        "location" | "location-trusted" => options.follows = true,
        "head" => options.head = true,
        "get" => options.get = true,
        "upload-file" => {
            options.file = Some(value.to_owned());
            options.method.get_or_insert_with(|| "PUT".to_owned());
        }
        "url" => options.urls.push(value.to_owned()),
        "url-query" => options.queries.push(match value.strip_prefix('+') {
            Some(raw) => raw.to_owned(),
            None => url_encoded(value)?,
        }),
        "max-time" => {
            let seconds = value.parse::<f64>().ok().filter(|seconds| *seconds > 0.0 && seconds.is_finite());
            options.timeout = Some(seconds.ok_or_else(|| format!("`-m {value}` must be a number of seconds"))?);
        }
        "cacert" => recording.ca = Some(value.to_owned()),
        "next" => finish(std::mem::take(options), recording)?,
        "proxy" => return Err("a proxy cannot be used: load goes straight to the target".to_owned()),
        ignored if IGNORED.contains(&ignored) || IGNORED_VALUE.contains(&ignored) => {}
        unknown => {
            let near = hint(unknown, KNOWN.into_iter().chain(IGNORED));
            return Err(format!("`--{unknown}` is no option of curl that is known here{near}"));
        }
    }
    Ok(())
}

fn header(value: &str, options: &mut Options) -> Result<(), String> {
    if value.starts_with('@') {
        return Err(format!("`-H {value}` reads headers from a file: give them one by one"));
    }
    match value.split_once(':') {
        // `Name:` takes a header away that curl would send, which is not sent here anyway.
        Some((_, text)) if text.trim().is_empty() => {}
        Some((name, text)) => options.headers.push((name.trim().to_owned(), text.trim().to_owned())),
        None => match value.strip_suffix(';') {
            Some(name) => options.headers.push((name.trim().to_owned(), String::new())),
            None => return Err(format!("`-H {value}` must be NAME: VALUE")),
        },
    }
    Ok(())
}

/// `content`, `=content` or `name=content`, of which the content is encoded.
fn url_encoded(value: &str) -> Result<String, String> {
    match value.split_once('=') {
        Some(("", content)) => Ok(encoded(content)),
        Some((name, content)) if !name.contains('@') => Ok(format!("{name}={}", encoded(content))),
        None if !value.contains('@') => Ok(encoded(value)),
        _ => Err(format!("`--data-urlencode {value}` reads a file: give its content")),
    }
}

/// Makes the requests of a group of options.
fn finish(options: Options, recording: &mut Recording) -> Result<(), String> {
    let bodies = [!options.data.is_empty(), options.file.is_some(), !options.parts.is_empty()];
    if bodies.iter().filter(|given| **given).count() > 1 {
        return Err("the request has two kinds of body: one of data, a file and a form".to_owned());
    }
    for url in &options.urls {
        let (origin, mut path) = split_url(url)?;
        let mut queries = options.queries.clone();
        if options.get {
            queries.extend(options.data.iter().cloned());
        }
        for query in &queries {
            path.push(if path.contains('?') { '&' } else { '?' });
            path.push_str(query);
        }
        let has_body = !options.get && bodies.contains(&true);
        let default = match (options.head, has_body) {
            (true, _) => "HEAD",
            (false, true) => "POST",
            (false, false) => "GET",
        };
        let mut asked = Asked {
            method: options.method.clone().unwrap_or_else(|| default.to_owned()),
            origin,
            path,
            login: options.login.clone(),
            redirects: (!options.follows).then_some(0),
            timeout: options.timeout,
            ..Asked::default()
        };
        for (name, value) in &options.headers {
            // What was given with an option of its own is meant.
            let meant = matches!(name.as_str(), "User-Agent" | "Referer" | "Cookie");
            if meant || !is_noise(name, value) {
                asked.headers.push((name.clone(), value.clone()));
            }
        }
        if has_body {
            body(&options, &mut asked);
        }
        recording.requests.push(asked);
    }
    Ok(())
}

fn body(options: &Options, asked: &mut Asked) {
    let typed = |asked: &Asked| asked.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-type"));
    if !options.parts.is_empty() {
        let boundary = boundary(&options.parts);
        let mut text = String::new();
        for (name, value) in &options.parts {
            let name = name.replace('"', "%22");
            let head = format!("--{boundary}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n");
            text.extend([head.as_str(), value.as_str(), "\r\n"]);
        }
        text.extend(["--", boundary.as_str(), "--\r\n"]);
        asked.headers.push(("Content-Type".to_owned(), format!("multipart/form-data; boundary={boundary}")));
        asked.body = Content::Text(text);
        return;
    }
    let kind = if options.is_json { "application/json" } else { "application/x-www-form-urlencoded" };
    if !typed(asked) {
        asked.headers.push(("Content-Type".to_owned(), kind.to_owned()));
    }
    if options.is_json && !asked.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("accept")) {
        asked.headers.push(("Accept".to_owned(), "application/json".to_owned()));
    }
    if let Some(file) = &options.file {
        asked.body = Content::File(file.clone());
        return;
    }
    let joined = options.data.join(if options.is_json { "" } else { "&" });
    // What is JSON and is called a form is sent as a form all the same, as curl does it.
    if serde_json::from_str::<Value>(&joined).is_ok_and(|value| value.is_object()) && !typed_json(asked) {
        asked.body = Content::Text(joined);
        return;
    }
    with_body(asked, joined);
}

fn typed_json(asked: &Asked) -> bool {
    asked.headers.iter().any(|(name, value)| name.eq_ignore_ascii_case("content-type") && value.contains("json"))
}

/// A line that no part holds.
fn boundary(parts: &[(String, String)]) -> String {
    let mut boundary = "engine-part".to_owned();
    while parts.iter().any(|(_, value)| value.contains(&boundary)) {
        boundary.push('-');
    }
    boundary
}
