//! Fetching a target's own counters: one small GET over HTTP/1.1, bounded in time and size, and what is in the answer.

use std::io::{Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::{Duration, Instant};

use engine_core::process_sample::Counter;
use engine_core::series::Labels;
use serde_json::Value;

/// Bytes of an answer, its head included.
const LARGEST: usize = 1 << 20;
/// Counters that are kept; a target that has more is told apart by none of them.
const MOST: usize = 1000;
/// Nested values of a JSON answer.
const DEEPEST: usize = 16;

/// The counters at an address, or why there are none. Takes at most about `limit`; the lookup of a host's name, which
/// an address in numbers does not need, is not bounded by it.
pub(crate) fn counters(address: &str, limit: Duration) -> Result<Vec<Counter>, String> {
    let body = get(address, Instant::now() + limit).map_err(|error| format!("`{address}`: {error}"))?;
    let text = String::from_utf8_lossy(&body);
    let found = if text.trim_start().starts_with(['{', '[']) { json(&text)? } else { prometheus(&text) };
    if found.is_empty() { Err(format!("`{address}`: no number in the answer")) } else { Ok(found) }
}

/// The body of the answer to a GET.
fn get(address: &str, deadline: Instant) -> Result<Vec<u8>, String> {
    let rest = address.strip_prefix("http://").ok_or("only `http://` addresses can be read")?;
    let (host, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let path = if path.is_empty() { "/" } else { path };
    if host.is_empty() || rest.bytes().any(|byte| byte <= b' ' || byte == 0x7f) {
        return Err("that is no address".to_owned());
    }
    let with_port = if host.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok()) {
        host.to_owned()
    } else {
        format!("{host}:80")
    };
    let said = |error: std::io::Error| error.to_string();
    let socket = with_port.to_socket_addrs().map_err(said)?.next().ok_or("the host has no address")?;
    let mut stream = TcpStream::connect_timeout(&socket, left(deadline)?).map_err(said)?;
    stream.set_write_timeout(Some(left(deadline)?)).map_err(said)?;
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: {host}\r\nAccept: text/plain, application/json\r\nConnection: close\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).map_err(said)?;
    let mut answer = Vec::new();
    let mut chunk = [0; 16_384];
    loop {
        if let Some(body) = whole(&answer, false)? {
            return Ok(body);
        }
        stream.set_read_timeout(Some(left(deadline)?)).map_err(said)?;
        match stream.read(&mut chunk) {
            Ok(0) => return whole(&answer, true)?.ok_or_else(|| "the answer was cut short".to_owned()),
            Ok(count) => answer.extend_from_slice(&chunk[..count]),
            Err(error) if matches!(error.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut) => {
                return Err("no answer in time".to_owned());
            }
            Err(error) => return Err(said(error)),
        }
        if answer.len() > LARGEST {
            return Err("the answer is larger than 1 MiB".to_owned());
        }
    }
}

fn left(deadline: Instant) -> Result<Duration, String> {
    let left = deadline.saturating_duration_since(Instant::now());
    if left.is_zero() { Err("no answer in time".to_owned()) } else { Ok(left) }
}

/// The body, once the answer is whole. `ended` says that no more will come.
fn whole(answer: &[u8], ended: bool) -> Result<Option<Vec<u8>>, String> {
    let Some(head_end) = find(answer, b"\r\n\r\n") else { return Ok(None) };
    let head = String::from_utf8_lossy(&answer[..head_end]);
    let mut lines = head.split("\r\n");
    let status = lines.next().unwrap_or("");
    let code = status.split(' ').nth(1).filter(|_| status.starts_with("HTTP/1.")).ok_or("the answer is not HTTP/1")?;
    if code != "200" {
        return Err(format!("the answer was {code}"));
    }
    let header = |name: &str| {
        let same = |line: &&str| line.split_once(':').is_some_and(|(field, _)| field.eq_ignore_ascii_case(name));
        lines.clone().find(same).and_then(|line| Some(line.split_once(':')?.1.trim()))
    };
    let body = &answer[head_end + 4..];
    if header("transfer-encoding").is_some_and(|coding| coding.eq_ignore_ascii_case("chunked")) {
        return unchunked(body);
    }
    if let Some(length) = header("content-length") {
        let length: usize = length.parse().map_err(|_| format!("`Content-Length: {length}` is no length"))?;
        if length > LARGEST {
            return Err("the answer is larger than 1 MiB".to_owned());
        }
        return Ok(body.get(..length).map(<[u8]>::to_vec));
    }
    Ok(ended.then(|| body.to_vec()))
}

/// The body of chunks, once the last one has come.
fn unchunked(mut rest: &[u8]) -> Result<Option<Vec<u8>>, String> {
    let mut body = Vec::new();
    loop {
        let Some(end) = find(rest, b"\r\n") else { return Ok(None) };
        let line = String::from_utf8_lossy(&rest[..end]);
        let size = line.split(';').next().unwrap_or("").trim();
        let size = usize::from_str_radix(size, 16).map_err(|_| format!("`{size}` is no size of a chunk"))?;
        if size == 0 {
            return Ok(Some(body));
        }
        if size > LARGEST {
            return Err("the answer is larger than 1 MiB".to_owned());
        }
        let Some(chunk) = rest.get(end + 2..end + 2 + size) else { return Ok(None) };
        body.extend_from_slice(chunk);
        rest = rest.get(end + 4 + size..).unwrap_or(&[]);
    }
}

fn find(text: &[u8], what: &[u8]) -> Option<usize> {
    text.windows(what.len()).position(|window| window == what)
}

/// Samples of Prometheus' text format. Buckets of histograms are left out: their sum and count tell the mean.
fn prometheus(text: &str) -> Vec<Counter> {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    let counters = lines.filter_map(|line| {
        let end = line.find(|c: char| c == '{' || c.is_ascii_whitespace())?;
        let name = &line[..end];
        let (labels, rest) =
            if line[end..].starts_with('{') { labels(&line[end + 1..])? } else { (Labels::new(), &line[end..]) };
        let value: f64 = rest.split_ascii_whitespace().next()?.parse().ok()?;
        let usable = is_name(name) && value.is_finite() && !name.ends_with("_bucket") && labels.get("le").is_none();
        usable.then(|| Counter { name: name.to_owned(), labels, value })
    });
    counters.take(MOST).collect()
}

fn is_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b':'))
}

/// Labels up to the closing brace, and what follows it.
fn labels(mut text: &str) -> Option<(Labels, &str)> {
    let mut all = Labels::new();
    loop {
        text = text.trim_start_matches([' ', ',']);
        if let Some(rest) = text.strip_prefix('}') {
            return Some((all, rest));
        }
        let (name, rest) = text.split_once("=\"")?;
        let (mut value, mut end, mut escaped) = (String::new(), None, false);
        for (at, c) in rest.char_indices() {
            match (escaped, c) {
                (true, 'n') => value.push('\n'),
                (true, c) => value.push(c),
                (false, '\\') => {}
                (false, '"') => {
                    end = Some(at + 1);
                    break;
                }
                (false, c) => value.push(c),
            }
            escaped = !escaped && c == '\\';
        }
        all = all.with(name.trim(), value);
        text = &rest[end?..];
    }
}

/// All numbers of a JSON text, by their paths.
fn json(text: &str) -> Result<Vec<Counter>, String> {
    let value: Value = serde_json::from_str(text).map_err(|error| format!("the answer is no JSON: {error}"))?;
    let mut found = Vec::new();
    numbers(&value, "", 0, &mut found);
    Ok(found)
}

fn numbers(value: &Value, path: &str, depth: usize, found: &mut Vec<Counter>) {
    if depth > DEEPEST || found.len() >= MOST {
        return;
    }
    let under = |name: &str| {
        // A metric's name holds no spaces, braces or brackets.
        let name: String = name.chars().map(|c| if c.is_ascii_alphanumeric() || c == '_' { c } else { '_' }).collect();
        if path.is_empty() { name } else { format!("{path}.{name}") }
    };
    match value {
        Value::Number(number) => {
            if let Some(value) = number.as_f64().filter(|value| value.is_finite() && !path.is_empty()) {
                found.push(Counter { name: path.to_owned(), labels: Labels::new(), value });
            }
        }
        Value::Object(fields) => fields.iter().for_each(|(name, value)| numbers(value, &under(name), depth + 1, found)),
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(at, value)| numbers(value, &under(&at.to_string()), depth + 1, found));
        }
        Value::Null | Value::Bool(_) | Value::String(_) => {}
    }
}

#[cfg(test)]
mod tests;
