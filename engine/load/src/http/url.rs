//! Addresses: `http://host:port/path?query`.

use std::fmt;

use thiserror::Error;

/// Where a connection goes.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Origin {
    /// Whether the connection is encrypted.
    pub secure: bool,
    /// Host name or address, in lower case, without brackets.
    pub host: String,
    /// Port.
    pub port: u16,
}

impl Origin {
    /// What the `Host` header says: without the port where it is the scheme's own.
    pub fn authority(&self) -> String {
        let host = if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() };
        let usual = if self.secure { 443 } else { 80 };
        if self.port == usual { host } else { format!("{host}:{}", self.port) }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", if self.secure { "https" } else { "http" }, self.authority())
    }
}

/// The target of a request: a path on the load's own origin, or an address of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// Path and query on the load's origin; starts with `/`.
    Path(String),
    /// Somewhere else.
    Full(Url),
}

/// Why an address cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum UrlError {
    /// Neither `http://` nor `https://`, nor a path.
    #[error("`{0}` is neither a path (`/..`) nor an address (`http://..`, `https://..`)")]
    Scheme(String),
    /// No host.
    #[error("`{0}` names no host")]
    Host(String),
    /// Not a port.
    #[error("`{0}` has an impossible port")]
    Port(String),
    /// A space or a control character.
    #[error("`{0}` holds a character that must be percent-encoded")]
    Character(String),
}

/// An address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Url {
    /// Where to connect.
    pub origin: Origin,
    /// What to ask for, with its query; starts with `/`.
    pub path: String,
}

impl Url {
    /// Reads `http://host[:port][/path][?query][#fragment]`; the fragment is dropped, as it is never sent.
    ///
    /// # Errors
    /// If it is not one.
    pub fn parse(text: &str) -> Result<Self, UrlError> {
        clean(text)?;
        let lower = text.get(..8).unwrap_or(text).to_ascii_lowercase();
        let (secure, rest) = if lower.starts_with("http://") {
            (false, &text[7..])
        } else if lower.starts_with("https://") {
            (true, &text[8..])
        } else {
            return Err(UrlError::Scheme(text.into()));
        };
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(end);
        let authority = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
        let (host, port) = match authority.strip_prefix('[') {
            Some(inner) => {
                let (host, after) = inner.split_once(']').ok_or_else(|| UrlError::Host(text.into()))?;
                (host, after.strip_prefix(':'))
            }
            None => authority.split_once(':').map_or((authority, None), |(host, port)| (host, Some(port))),
        };
        if host.is_empty() {
            return Err(UrlError::Host(text.into()));
        }
        let port = match port {
            None | Some("") => {
                if secure {
                    443
                } else {
                    80
                }
            }
            Some(port) => port.parse().ok().filter(|port| *port > 0).ok_or_else(|| UrlError::Port(text.into()))?,
        };
        let path = path.split('#').next().unwrap_or("");
        let path = if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
        Ok(Self { origin: Origin { secure, host: host.to_ascii_lowercase(), port }, path })
    }

    /// Where a `Location` leads from here: a full address, `//host/..`, an absolute or a relative path.
    ///
    /// # Errors
    /// If it is no address.
    pub fn join(&self, location: &str) -> Result<Self, UrlError> {
        clean(location)?;
        if location.contains("://") {
            return Self::parse(location);
        }
        if let Some(rest) = location.strip_prefix("//") {
            return Self::parse(&format!("{}://{rest}", if self.origin.secure { "https" } else { "http" }));
        }
        let location = location.split('#').next().unwrap_or("");
        let own = self.path.split('?').next().unwrap_or("/");
        let path = if location.starts_with('/') {
            location.to_owned()
        } else if location.starts_with('?') || location.is_empty() {
            format!("{own}{location}")
        } else {
            format!("{}{location}", &own[..=own.rfind('/').unwrap_or(0)])
        };
        Ok(Self { origin: self.origin.clone(), path: without_dots(&path) })
    }
}

impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.origin, self.path)
    }
}

impl Target {
    /// Reads a path or an address.
    ///
    /// # Errors
    /// If it is neither.
    pub fn parse(text: &str) -> Result<Self, UrlError> {
        if text.starts_with('/') {
            clean(text)?;
            return Ok(Self::Path(text.split('#').next().unwrap_or("/").to_owned()));
        }
        Url::parse(text).map(Self::Full)
    }
}

/// Whatever would break the request line is refused.
fn clean(text: &str) -> Result<(), UrlError> {
    if text.bytes().any(|byte| byte <= b' ' || byte == 0x7f) { Err(UrlError::Character(text.into())) } else { Ok(()) }
}

/// Resolves `.` and `..` in a path (RFC 3986, 5.2.4).
fn without_dots(path: &str) -> String {
    let (path, query) = path.split_once('?').map_or((path, None), |(path, query)| (path, Some(query)));
    let mut kept: Vec<&str> = Vec::new();
    let parts: Vec<&str> = path.split('/').skip(1).collect();
    for (at, part) in parts.iter().enumerate() {
        let last = at + 1 == parts.len();
        match *part {
            "." => {
                if last {
                    kept.push("")
                }
            }
            ".." => {
                kept.pop();
                if last {
                    kept.push("");
                }
            }
            part => kept.push(part),
        }
    }
    let path = format!("/{}", kept.join("/"));
    query.map_or(path.clone(), |query| format!("{path}?{query}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read() {
        for (text, shown, path) in [
            ("http://Example.org", "http://example.org", "/"),
            ("http://127.0.0.1:8080/a?b=c#d", "http://127.0.0.1:8080", "/a?b=c"),
            ("HTTPS://h:443?x", "https://h", "/?x"),
            ("http://[::1]:81/", "http://[::1]:81", "/"),
            ("http://user:word@h/", "http://h", "/"),
        ] {
            let url = Url::parse(text).unwrap();
            assert_eq!((url.origin.to_string().as_str(), url.path.as_str()), (shown, path), "{text}");
        }
        assert!(matches!(Target::parse("/a b"), Err(UrlError::Character(_))));
        assert!(matches!(Url::parse("http://"), Err(UrlError::Host(_))));
        assert!(matches!(Url::parse("http://h:0/"), Err(UrlError::Port(_))));
        assert!(matches!(Target::parse("ftp://h/"), Err(UrlError::Scheme(_))));
    }

    #[test]
    fn locations_follow_rfc_3986() {
        let base = Url::parse("http://a/b/c/d?q").unwrap();
        for (location, want) in [
            ("g", "http://a/b/c/g"),
            ("./g/.", "http://a/b/c/g/"),
            ("/g", "http://a/g"),
            ("//g/x", "http://g/x"),
            ("?y", "http://a/b/c/d?y"),
            ("../../../g", "http://a/g"),
            ("..", "http://a/b/"),
            ("https://x:9/#f", "https://x:9/"),
        ] {
            assert_eq!(base.join(location).unwrap().to_string(), want, "{location}");
        }
    }
}
