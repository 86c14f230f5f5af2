//! A small blocking client: one POST, one answer, one connection.

use std::io::{Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::Duration;

/// Nobody waits longer: for a connection, and for each read and write. A server on a busy machine answers in seconds.
const PATIENCE: Duration = Duration::from_secs(10);

/// Where to post.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Address {
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) path: String,
}

impl Address {
    /// Reads `http://host:port/path`; without a path, `default`.
    pub(crate) fn parse(url: &str, default: &str) -> Result<Self, String> {
        if url.starts_with("https://") {
            return Err(format!("`{url}`: streams speak plain HTTP; let an agent on this machine pass them on"));
        }
        let rest = url.strip_prefix("http://").ok_or_else(|| format!("`{url}` must begin with http://"))?;
        let (place, path) = rest.find('/').map_or((rest, ""), |at| rest.split_at(at));
        let path = if path.is_empty() || path == "/" { default } else { path };
        let (host, port) = match place.rsplit_once(':') {
            Some((host, port)) if !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit()) => {
                (host, port.parse().map_err(|_| format!("`{port}` is no port"))?)
            }
            _ => (place, 80),
        };
        if host.is_empty() || host.contains(['@', ' ']) {
            return Err(format!("`{url}` names no host"));
        }
        Ok(Self { host: host.trim_matches(['[', ']']).to_owned(), port, path: path.to_owned() })
    }

    /// Sends a body; an error unless the answer's status is 2xx.
    pub(crate) fn post(&self, kind: &str, headers: &[(&str, &str)], body: &[u8]) -> Result<(), String> {
        let told = |error: std::io::Error| format!("{}:{}: {error}", self.host, self.port);
        let mut places = (self.host.as_str(), self.port).to_socket_addrs().map_err(told)?;
        let place = places.next().ok_or_else(|| format!("`{}` has no address", self.host))?;
        let mut stream = TcpStream::connect_timeout(&place, PATIENCE).map_err(told)?;
        stream.set_read_timeout(Some(PATIENCE)).map_err(told)?;
        stream.set_write_timeout(Some(PATIENCE)).map_err(told)?;
        let mut head = format!(
            "POST {} HTTP/1.1\r\nHost: {}:{}\r\nUser-Agent: engine/{}\r\nContent-Type: {kind}\r\nContent-Length: {}\r\nConnection: close\r\n",
            self.path,
            self.host,
            self.port,
            env!("CARGO_PKG_VERSION"),
            body.len()
        );
        for (name, value) in headers {
            head.extend([*name, ": ", *value, "\r\n"]);
        }
        head.push_str("\r\n");
        stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body)).map_err(told)?;
        let mut answer = Vec::new();
        // The status and the beginning of what it says; a server that sends on for ever is cut off.
        let mut chunk = [0; 1024];
        while answer.len() < 4096 {
            match stream.read(&mut chunk) {
                Ok(0) => break,
                Ok(n) => answer.extend_from_slice(&chunk[..n]),
                Err(error) if answer.is_empty() => return Err(told(error)),
                Err(_) => break,
            }
            if answer.windows(4).any(|end| end == b"\r\n\r\n") && status(&answer).is_some_and(|status| status < 300) {
                break;
            }
        }
        match status(&answer) {
            Some(200..=299) => Ok(()),
            Some(status) => {
                let text = String::from_utf8_lossy(&answer);
                let said = text.split("\r\n\r\n").nth(1).unwrap_or("").lines().next().unwrap_or("").trim();
                Err(format!(
                    "{}:{}: status {status}: {}",
                    self.host,
                    self.port,
                    said.chars().take(120).collect::<String>()
                ))
            }
            None => Err(format!("{}:{}: the answer is not HTTP", self.host, self.port)),
        }
    }
}

fn status(answer: &[u8]) -> Option<u16> {
    let line = answer.split(|b| *b == b'\r').next()?;
    let mut words = std::str::from_utf8(line).ok()?.split(' ');
    words.next().filter(|version| version.starts_with("HTTP/1."))?;
    words.next()?.parse().ok()
}
