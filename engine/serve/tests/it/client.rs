//! A client that sends exactly what it is told, however wrong.

use std::fmt::Write as _;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// The token of every server here.
pub(crate) const TOKEN: &str = "0123456789abcdef0123456789abcdef";

/// Nothing here takes so long; a server that hangs fails the test.
const PATIENCE: Duration = Duration::from_secs(60);

/// What came back.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    /// A header, by its name in small letters.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.body.clone()).unwrap()
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {:?}", self.text()))
    }

    /// The word of an error.
    pub(crate) fn code(&self) -> String {
        self.json()["error"]["code"].as_str().unwrap_or_default().to_owned()
    }
}

/// A connection.
pub(crate) fn connect(to: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(to).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.set_write_timeout(Some(PATIENCE)).unwrap();
    stream
}

/// Sends bytes and reads the answer; none when the server closed without one.
pub(crate) fn raw(to: SocketAddr, bytes: &[u8]) -> Option<Answer> {
    let mut stream = connect(to);
    // A server may refuse before it has read everything.
    let _ = stream.write_all(bytes);
    answer(&mut stream)
}

/// Reads one answer.
pub(crate) fn answer(stream: &mut TcpStream) -> Option<Answer> {
    let mut seen = Vec::new();
    let head = loop {
        if let Some(end) = seen.windows(4).position(|window| window == b"\r\n\r\n") {
            break end;
        }
        let mut buffer = [0; 4096];
        match stream.read(&mut buffer) {
            Ok(read @ 1..) => seen.extend_from_slice(&buffer[..read]),
            _ => return None,
        }
    };
    let text = String::from_utf8_lossy(&seen[..head]).into_owned();
    let mut lines = text.split("\r\n");
    let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
    let headers: Vec<(String, String)> = lines
        .filter_map(|line| line.split_once(": ").or_else(|| line.split_once(':')))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
        .collect();
    let mut body = seen[head + 4..].to_vec();
    let length = headers.iter().find(|(name, _)| name == "content-length").and_then(|(_, value)| value.parse().ok());
    if status != 101 {
        let mut buffer = [0; 65536];
        while length.is_none_or(|length: usize| body.len() < length) {
            match stream.read(&mut buffer) {
                Ok(read @ 1..) => body.extend_from_slice(&buffer[..read]),
                _ => break,
            }
        }
    }
    Some(Answer { status, headers, body })
}

/// A request as a well-behaved program sends it, with more headers. Those named here replace the usual ones.
pub(crate) fn request(to: SocketAddr, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
    let own = format!("127.0.0.1:{}", to.port());
    let mut text = format!("{method} {path} HTTP/1.1\r\n");
    let named = |name: &str| headers.iter().any(|(known, _)| known.eq_ignore_ascii_case(name));
    if !named("host") {
        let _ = write!(text, "Host: {own}\r\n");
    }
    if !named("connection") {
        text += "Connection: close\r\n";
    }
    if !body.is_empty() && !named("content-length") {
        let _ = write!(text, "Content-Length: {}\r\n", body.len());
    }
    for (name, value) in headers {
        let _ = write!(text, "{name}: {value}\r\n");
    }
    text += "\r\n";
    text += body;
    raw(to, text.as_bytes()).unwrap_or(Answer { status: 0, headers: Vec::new(), body: Vec::new() })
}

/// Reads.
pub(crate) fn get(to: SocketAddr, path: &str) -> Answer {
    request(to, "GET", path, &[], "")
}

/// Changes, with the token.
pub(crate) fn change(to: SocketAddr, method: &str, path: &str, body: &str) -> Answer {
    let token = format!("Bearer {}", TOKEN);
    request(to, method, path, &[("Authorization", &token), ("Content-Type", "application/json")], body)
}

/// A WebSocket that only listens.
pub(crate) struct Socket {
    stream: TcpStream,
    seen: Vec<u8>,
}

impl Socket {
    /// Opens one as a page of ours does.
    pub(crate) fn open(to: SocketAddr, path: &str) -> Result<Self, Answer> {
        let origin = format!("http://127.0.0.1:{}", to.port());
        Self::open_with(to, path, &[("Origin", &origin)])
    }

    /// Opens one with these headers.
    pub(crate) fn open_with(to: SocketAddr, path: &str, headers: &[(&str, &str)]) -> Result<Self, Answer> {
        let mut text = format!(
            "GET {path} HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
        );
        if !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("host")) {
            let _ = write!(text, "Host: 127.0.0.1:{}\r\n", to.port());
        }
        text += "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
        for (name, value) in headers {
            let _ = write!(text, "{name}: {value}\r\n");
        }
        text += "\r\n";
        let mut stream = connect(to);
        stream.write_all(text.as_bytes()).unwrap();
        let answer = answer(&mut stream).unwrap_or(Answer { status: 0, headers: Vec::new(), body: Vec::new() });
        if answer.status != 101 {
            return Err(answer);
        }
        assert_eq!(answer.header("sec-websocket-accept"), Some("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="));
        Ok(Self { stream, seen: answer.body })
    }

    /// The next message; none when the server has closed.
    pub(crate) fn next(&mut self) -> Option<serde_json::Value> {
        loop {
            if let Some((code, payload)) = self.frame() {
                match code {
                    1 => return Some(serde_json::from_slice(&payload).unwrap()),
                    8 => return None,
                    _ => continue,
                }
            }
            let mut buffer = [0; 65536];
            match self.stream.read(&mut buffer) {
                Ok(read @ 1..) => self.seen.extend_from_slice(&buffer[..read]),
                _ => return None,
            }
        }
    }

    /// The next message of a type; others are passed over.
    pub(crate) fn next_of(&mut self, kind: &str) -> serde_json::Value {
        loop {
            let message = self.next().unwrap_or_else(|| panic!("the server closed before it sent `{kind}`"));
            if message["type"] == kind {
                return message;
            }
        }
    }

    /// Sends a text frame, masked as clients must.
    pub(crate) fn send(&mut self, payload: &[u8]) {
        let mut frame = vec![0x81];
        match payload.len() {
            short @ 0..=125 => frame.push(0x80 | short as u8),
            long => {
                frame.push(0x80 | 127);
                frame.extend((long as u64).to_be_bytes());
            }
        }
        frame.extend([0, 0, 0, 0]);
        frame.extend(payload);
        let _ = self.stream.write_all(&frame);
    }

    fn frame(&mut self) -> Option<(u8, Vec<u8>)> {
        let (first, second) = (*self.seen.first()?, *self.seen.get(1)?);
        assert_eq!(second & 0x80, 0, "servers do not mask");
        let (length, start) = match second & 0x7f {
            126 => (u16::from_be_bytes(self.seen.get(2..4)?.try_into().ok()?).into(), 4),
            127 => (u64::from_be_bytes(self.seen.get(2..10)?.try_into().ok()?) as usize, 10),
            short => (usize::from(short), 2),
        };
        let payload = self.seen.get(start..start + length)?.to_vec();
        self.seen.drain(..start + length);
        Some((first & 0x0f, payload))
    }
}
