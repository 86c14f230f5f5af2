//! A HAR file (HTTP Archive 1.2), as browsers and proxies save it.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Deserialize;

use super::{Asked, Recording, is_noise, split_url, with_body};

/// A pause shorter than this is the browser's, in seconds.
const SHORTEST_THOUGHT: f64 = 0.3;

#[derive(Deserialize)]
struct File {
    log: Log,
}

#[derive(Deserialize)]
struct Log {
    entries: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Entry {
    started_date_time: String,
    /// Milliseconds.
    #[serde(default)]
    time: Option<f64>,
    request: Request,
    response: Response,
    #[serde(default, rename = "_resourceType")]
    resource: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Request {
    method: String,
    url: String,
    #[serde(default)]
    headers: Vec<Pair>,
    #[serde(default)]
    post_data: Option<PostData>,
}

#[derive(Deserialize)]
struct Pair {
    name: String,
    #[serde(default)]
    value: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PostData {
    #[serde(default)]
    mime_type: String,
    #[serde(default)]
    text: Option<String>,
    #[serde(default)]
    encoding: Option<String>,
    #[serde(default)]
    params: Option<Vec<Pair>>,
}

#[derive(Deserialize)]
struct Response {
    #[serde(default)]
    status: i64,
}

/// Which entries are taken.
#[derive(Debug, Clone, Default)]
pub(crate) struct Filter {
    /// Only requests to these hosts; all where there are none.
    pub(crate) hosts: Vec<String>,
    /// Without images, fonts, styles, scripts and media.
    pub(crate) no_static: bool,
}

/// Reads a file.
pub(crate) fn read(text: &str, filter: &Filter) -> Result<Recording, String> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let file: File = serde_json::from_str(text)
        .map_err(|error| format!("it is not a HAR file: line {}, column {}: {error}", error.line(), error.column()))?;
    let mut recording = Recording::default();
    let mut entries = Vec::new();
    let mut left_out: BTreeMap<&str, usize> = BTreeMap::new();
    for (number, entry) in file.log.entries.iter().enumerate() {
        let started = entry.started_date_time.parse::<Timestamp>().map_err(|error| {
            format!("`log.entries[{number}].startedDateTime`: `{}` is no time: {error}", entry.started_date_time)
        })?;
        let scheme = entry.request.url.split(':').next().unwrap_or("").to_ascii_lowercase();
        let host = || split_url(&entry.request.url).map(|(origin, _)| origin);
        let why = if scheme != "http" && scheme != "https" {
            Some("requests that are not HTTP (data, blob, WebSocket)")
        } else if entry.request.method == "CONNECT" {
            Some("requests to a proxy")
        } else if entry.response.status <= 0 {
            Some("requests without an answer (blocked, or cut off)")
        } else if filter.no_static && is_static(entry) {
            Some("static files")
        } else if !filter.hosts.is_empty()
            && !host()?.split("://").nth(1).is_some_and(|host| named(&filter.hosts, host))
        {
            Some("requests to other hosts")
        } else {
            None
        };
        match why {
            Some(why) => *left_out.entry(why).or_default() += 1,
            None => {
                let end = started.as_microsecond() as f64 / 1e6 + entry.time.unwrap_or(0.0).max(0.0) / 1e3;
                entries.push((started.as_microsecond() as f64 / 1e6, end, entry));
            }
        }
    }
    // Browsers write them by page or by end; they are sent by start.
    entries.sort_by(|a, b| a.0.total_cmp(&b.0));
    for (why, count) in left_out {
        recording.remarks.insert(format!("{count} {why} are left out"));
    }
    let mut busy_until = f64::NEG_INFINITY;
    let mut jar = false;
    for (start, end, entry) in entries {
        let pause = if busy_until.is_finite() { start - busy_until } else { 0.0 };
        let mut asked = asked(entry, &mut recording, &mut jar)?;
        asked.think = if pause >= SHORTEST_THOUGHT { (pause * 10.0).round() / 10.0 } else { 0.0 };
        asked.beside = pause < 0.0;
        busy_until = busy_until.max(end);
        recording.requests.push(asked);
    }
    if recording.requests.is_empty() {
        return Err("it holds no request that can be sent".to_owned());
    }
    Ok(recording)
}

fn named(hosts: &[String], host: &str) -> bool {
    let bare = host.rsplit_once(':').filter(|(_, port)| port.parse::<u16>().is_ok()).map_or(host, |(bare, _)| bare);
    hosts.iter().any(|wanted| wanted.eq_ignore_ascii_case(host) || wanted.eq_ignore_ascii_case(bare))
}

fn is_static(entry: &Entry) -> bool {
    const KINDS: [&str; 6] = ["image", "font", "stylesheet", "script", "media", "manifest"];
    const ENDINGS: [&str; 17] = [
        "css", "js", "mjs", "png", "jpg", "jpeg", "gif", "svg", "webp", "avif", "ico", "woff", "woff2", "ttf", "otf",
        "mp4", "map",
    ];
    if let Some(kind) = &entry.resource {
        return KINDS.contains(&kind.as_str());
    }
    let path = entry.request.url.split(['?', '#']).next().unwrap_or("");
    let last = path.rsplit('/').next().unwrap_or("");
    entry.request.method == "GET" && last.rsplit_once('.').is_some_and(|(_, end)| ENDINGS.contains(&end))
}

fn asked(entry: &Entry, recording: &mut Recording, jar: &mut bool) -> Result<Asked, String> {
    let (origin, path) = split_url(&entry.request.url)?;
    let status = u16::try_from(entry.response.status).ok();
    let mut asked = Asked { method: entry.request.method.to_ascii_uppercase(), origin, path, ..Asked::default() };
    match status {
        // Each hop is an entry of its own.
        Some(304) => asked.status = Some(200),
        Some(status) if (300..400).contains(&status) => (asked.status, asked.redirects) = (Some(status), Some(0)),
        status => asked.status = status,
    }
    let is_safe = matches!(asked.method.as_str(), "GET" | "HEAD");
    for Pair { name, value } in &entry.request.headers {
        if name.eq_ignore_ascii_case("cookie") {
            if !*jar {
                *jar = true;
                recording.remarks.insert(
                    "cookies are left out: each user keeps those that it is given; what was set before the recording began \
                     (a login) must be asked for"
                        .to_owned(),
                );
            }
            continue;
        }
        // Browsers name the origin with everything; servers look at it where something changes.
        if is_noise(name, value) || (name.eq_ignore_ascii_case("origin") && is_safe) {
            continue;
        }
        if name.eq_ignore_ascii_case("authorization") {
            recording.remarks.insert("the recording holds an authorization: put it into a `secret(..)`".to_owned());
        }
        asked.headers.push((name.clone(), value.clone()));
    }
    if let Some(data) = &entry.request.post_data {
        if data.encoding.as_deref() == Some("base64") {
            return Err(format!("`{}`: its body is binary, which is not in the file as text", entry.request.url));
        }
        let typed = asked.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-type"));
        if !typed && !data.mime_type.is_empty() {
            asked.headers.push(("Content-Type".to_owned(), data.mime_type.clone()));
        }
        let text = match (&data.text, &data.params) {
            (Some(text), _) if !text.is_empty() => text.clone(),
            (_, Some(params)) => {
                let fields = params.iter().map(|Pair { name, value }| {
                    // Some write parameters as they were sent, some as they were meant.
                    let plain = |text: &str| super::decoded(text).unwrap_or_else(|| text.to_owned());
                    format!("{}={}", super::encoded(&plain(name)), super::encoded(&plain(value)))
                });
                fields.collect::<Vec<_>>().join("&")
            }
            _ => String::new(),
        };
        with_body(&mut asked, text);
    }
    Ok(asked)
}
