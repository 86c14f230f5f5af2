//! A user's cookies (RFC 6265): what servers set comes back to them, for the paths and hosts that they said.

use super::Url;

/// One cookie.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Cookie {
    name: String,
    value: String,
    host: String,
    /// Whether hosts below `host` get it too.
    below: bool,
    path: String,
    secure: bool,
}

/// The cookies of one user. Expiry by date is not looked at: a user lives for minutes; `Max-Age` of zero or less, and any
/// date of the past century, which is how servers delete, do.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Cookies {
    all: Vec<Cookie>,
}

impl Cookies {
    /// Takes one `Set-Cookie` that came from `from`. What a server may not set is ignored, as browsers do.
    pub fn set(&mut self, from: &Url, header: &str) {
        let mut parts = header.split(';');
        let Some((name, value)) = parts.next().and_then(|pair| pair.split_once('=')) else { return };
        let own = from.path.split('?').next().unwrap_or("/");
        let folder = &own[..own.rfind('/').unwrap_or(0)];
        let mut cookie = Cookie {
            name: name.trim().to_owned(),
            value: value.trim().to_owned(),
            host: from.origin.host.clone(),
            below: false,
            path: if folder.is_empty() { "/".to_owned() } else { folder.to_owned() },
            secure: false,
        };
        let mut gone = false;
        for part in parts {
            let (name, value) = part.split_once('=').unwrap_or((part, ""));
            let (name, value) = (name.trim().to_ascii_lowercase(), value.trim());
            match name.as_str() {
                "domain" if !value.is_empty() => {
                    let domain = value.trim_start_matches('.').to_ascii_lowercase();
                    if !is_below(&from.origin.host, &domain) {
                        return;
                    }
                    cookie.below = from.origin.host.parse::<std::net::IpAddr>().is_err();
                    cookie.host = domain;
                }
                "path" if value.starts_with('/') => value.clone_into(&mut cookie.path),
                "secure" => cookie.secure = true,
                "max-age" => gone = value.parse::<i64>().is_ok_and(|seconds| seconds <= 0),
                "expires" => {
                    let mut numbers = value.split(|char: char| !char.is_ascii_digit());
                    gone |= numbers.any(|number| number.len() == 4 && number < "2000");
                }
                _ => {}
            }
        }
        if cookie.name.is_empty() {
            return;
        }
        let same =
            |known: &Cookie| (&known.name, &known.host, &known.path) == (&cookie.name, &cookie.host, &cookie.path);
        self.all.retain(|known| !same(known));
        if !gone {
            self.all.push(cookie);
        }
    }

    /// The `Cookie` header for a request to `to`; none if there is nothing to say. Longer paths come first.
    pub fn header(&self, to: &Url) -> Option<String> {
        let own = to.path.split('?').next().unwrap_or("/");
        let mut fit: Vec<&Cookie> = self
            .all
            .iter()
            .filter(|cookie| {
                let host =
                    if cookie.below { is_below(&to.origin.host, &cookie.host) } else { to.origin.host == cookie.host };
                let path = own == cookie.path
                    || (own.starts_with(&cookie.path)
                        && (cookie.path.ends_with('/') || own.as_bytes().get(cookie.path.len()) == Some(&b'/')));
                host && path && (to.origin.secure || !cookie.secure)
            })
            .collect();
        fit.sort_by_key(|cookie| std::cmp::Reverse(cookie.path.len()));
        let pairs: Vec<String> = fit.iter().map(|cookie| format!("{}={}", cookie.name, cookie.value)).collect();
        (!pairs.is_empty()).then(|| pairs.join("; "))
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// Forgets all.
    pub fn clear(&mut self) {
        self.all.clear();
    }
}

/// Whether `host` is `domain` or lies below it.
fn is_below(host: &str, domain: &str) -> bool {
    host == domain || host.strip_suffix(domain).is_some_and(|rest| rest.ends_with('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        Url::parse(text).unwrap()
    }

    #[test]
    fn cookies_go_where_they_belong() {
        let mut jar = Cookies::default();
        let from = url("http://shop.example.org/a/b?x");
        for header in
            ["s=1; Path=/; HttpOnly", "t=2", "u=3; Domain=example.org; Path=/a", "v=4; Secure; path=/", "bad", "=x"]
        {
            jar.set(&from, header);
        }
        jar.set(&from, "w=5; Domain=other.org");
        let at = |text| jar.header(&url(text));
        assert_eq!(at("http://shop.example.org/"), Some("s=1".into()));
        assert_eq!(at("http://shop.example.org/a/c"), Some("t=2; u=3; s=1".into()));
        assert_eq!(at("http://shop.example.org/ab"), Some("s=1".into()));
        assert_eq!(at("https://shop.example.org/"), Some("s=1; v=4".into()));
        assert_eq!(at("http://www.example.org/a"), Some("u=3".into()));
        assert_eq!(at("http://ample.org/a"), None);
    }

    #[test]
    fn cookies_are_replaced_and_deleted() {
        let mut jar = Cookies::default();
        let here = url("http://h/");
        jar.set(&here, "a=1");
        jar.set(&here, "a=2; Max-Age=60");
        assert_eq!(jar.header(&here), Some("a=2".into()));
        jar.set(&here, "a=; Max-Age=0");
        jar.set(&here, "b=1");
        jar.set(&here, "b=1; Expires=Tue, 19 Jan 2038 03:14:07 GMT");
        assert_eq!(jar.header(&here), Some("b=1".into()));
        jar.set(&here, "b=; Expires=Thu, 01 Jan 1970 00:00:00 GMT");
        assert_eq!((jar.header(&here), jar.is_empty()), (None, true));
    }
}
