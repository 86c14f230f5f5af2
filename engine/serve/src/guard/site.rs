//! Names and origins: by which names the server answers, and whether a page of another site is asking.

use std::collections::BTreeSet;
use std::net::SocketAddr;

use axum::http::uri::Authority;
use axum::http::{HeaderMap, Uri, header};

/// The names that the server answers to, with its ports.
#[derive(Debug, Clone, Default)]
pub(crate) struct Names {
    hosts: BTreeSet<String>,
    ports: BTreeSet<u16>,
}

impl Names {
    /// The loopback names, the addresses that are listened on, and those that are allowed besides.
    pub(crate) fn new(addresses: &[SocketAddr], allowed: &[String]) -> Self {
        let mut hosts: BTreeSet<String> = ["localhost", "127.0.0.1", "[::1]"].map(str::to_owned).into();
        for address in addresses.iter().filter(|address| !address.ip().is_unspecified()) {
            hosts.insert(match address {
                SocketAddr::V4(v4) => v4.ip().to_string(),
                SocketAddr::V6(v6) => format!("[{}]", v6.ip()),
            });
        }
        hosts.extend(allowed.iter().map(|name| name.trim().trim_end_matches('.').to_ascii_lowercase()));
        Self { hosts, ports: addresses.iter().map(SocketAddr::port).collect() }
    }

    /// Whether a request names one of them. A request without a name, or with two, does not.
    pub(crate) fn allows(&self, uri: &Uri, headers: &HeaderMap) -> bool {
        let mut named = headers.get_all(header::HOST).iter();
        let host = match (named.next(), named.next()) {
            (Some(one), None) => one.to_str().ok().and_then(|text| text.parse::<Authority>().ok()),
            _ => None,
        };
        let absolute = uri.authority();
        host.is_some_and(|host| self.knows(&host) && absolute.is_none_or(|other| *other == host))
    }

    fn knows(&self, authority: &Authority) -> bool {
        // A port that is not ours is another server's; behind a proxy, the name is allowed by hand and has no port or its own.
        let host = authority.host().to_ascii_lowercase();
        if authority.as_str().contains('@') || !self.hosts.contains(&host) {
            return false;
        }
        let is_local = matches!(host.as_str(), "localhost" | "127.0.0.1" | "[::1]");
        !is_local
            || authority.port_u16().unwrap_or(80) == 80
            || self.ports.contains(&authority.port_u16().unwrap_or(80))
    }
}

/// Where a request comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Origin {
    /// It does not say: no browser, or a navigation.
    None,
    /// One of our own pages.
    Own,
    /// Another site, or a place without a name.
    Foreign,
}

/// The origin of a request: our own when it names the host that the request itself was sent to.
pub(crate) fn origin_of(headers: &HeaderMap, names: &Names) -> Origin {
    // What browsers add by themselves, and pages cannot change.
    if headers.get("sec-fetch-site").is_some_and(|site| site == "cross-site" || site == "same-site") {
        return Origin::Foreign;
    }
    let mut all = headers.get_all(header::ORIGIN).iter();
    let (first, second) = (all.next(), all.next());
    let Some(origin) = first else { return Origin::None };
    let own = second.is_none().then(|| origin.to_str().ok()).flatten().and_then(|text| {
        let rest = text.strip_prefix("http://").or_else(|| text.strip_prefix("https://"))?;
        let authority: Authority = rest.parse().ok()?;
        let host = headers.get(header::HOST)?.to_str().ok()?;
        (authority.as_str().eq_ignore_ascii_case(host) && names.knows(&authority)).then_some(())
    });
    if own.is_some() { Origin::Own } else { Origin::Foreign }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names() -> Names {
        Names::new(&["127.0.0.1:5000".parse().unwrap(), "[::1]:5000".parse().unwrap()], &["bench.lan".to_owned()])
    }

    fn allows(host: &str) -> bool {
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, host.parse().unwrap());
        names().allows(&"/".parse().unwrap(), &headers)
    }

    #[test]
    fn only_own_names_are_answered() {
        for own in ["localhost:5000", "LOCALHOST:5000", "127.0.0.1:5000", "[::1]:5000", "bench.lan", "bench.lan:8443"] {
            assert!(allows(own), "{own}");
        }
        for other in [
            "evil.example",
            "evil.example:5000",
            "127.0.0.1.evil.example",
            "localhost.evil.example:5000",
            "127.0.0.1:5001",
            "user@127.0.0.1:5000",
            "2130706433",
            "0.0.0.0:5000",
            "",
            "localhost:5000, evil.example",
        ] {
            assert!(!allows(other), "{other}");
        }
        assert!(!names().allows(&"/".parse().unwrap(), &HeaderMap::new()), "no name");
    }

    fn origin(origin: &str, host: &str) -> Origin {
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, host.parse().unwrap());
        headers.insert(header::ORIGIN, origin.parse().unwrap());
        origin_of(&headers, &names())
    }

    #[test]
    fn only_the_own_origin_is_ours() {
        assert_eq!(origin("http://localhost:5000", "localhost:5000"), Origin::Own);
        for foreign in ["null", "http://evil.example", "http://localhost:3000", "http://127.0.0.1:5000", "file://", ""]
        {
            assert_eq!(origin(foreign, "localhost:5000"), Origin::Foreign, "{foreign}");
        }
        assert_eq!(origin_of(&HeaderMap::new(), &names()), Origin::None);
    }
}
