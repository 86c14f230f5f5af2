//! The token: who has it may change things.

use axum::http::{HeaderMap, header};
use sha2::{Digest as _, Sha256};

/// Name of the cookie that stands for the token.
pub(crate) const COOKIE: &str = "engine_session";

/// The token and what is made of it. Only digests are kept, and only digests are compared: how long a comparison takes says
/// nothing of the token.
#[derive(Debug, Clone)]
pub(crate) struct Secret {
    token: [u8; 32],
    cookie: String,
    cookie_digest: [u8; 32],
}

impl Secret {
    pub(crate) fn new(token: &str) -> Self {
        let cookie: String =
            digest(format!("engine session {token}").as_bytes()).iter().map(|b| format!("{b:02x}")).collect();
        Self { token: digest(token.as_bytes()), cookie_digest: digest(cookie.as_bytes()), cookie }
    }

    /// Whether this is the token.
    pub(crate) fn is_token(&self, given: &str) -> bool {
        same(&digest(given.as_bytes()), &self.token)
    }

    /// The cookie for who has shown the token: of this site alone, unseen by scripts.
    pub(crate) fn cookie(&self) -> String {
        format!("{COOKIE}={}; Path=/; HttpOnly; SameSite=Strict", self.cookie)
    }

    fn is_cookie(&self, given: &str) -> bool {
        same(&digest(given.as_bytes()), &self.cookie_digest)
    }
}

/// A token: 128 random bits, hexadecimal.
///
/// # Errors
/// When the system has no randomness.
pub(crate) fn fresh() -> Result<String, getrandom::Error> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes)?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

fn digest(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

/// Compares all bytes, whichever differ.
fn same(a: &[u8; 32], b: &[u8; 32]) -> bool {
    std::hint::black_box(a.iter().zip(b).fold(0, |all, (a, b)| all | (a ^ b))) == 0
}

/// What a request shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    /// Nothing.
    None,
    /// A token that is not ours.
    Wrong,
    /// The cookie.
    Cookie,
    /// The token in `Authorization`.
    Bearer,
}

/// What a request shows. A cookie that is not ours (of an earlier start) counts as none; a wrong bearer token is wrong.
pub(crate) fn access_of(headers: &HeaderMap, secret: &Secret) -> Access {
    if let Some(value) = headers.get(header::AUTHORIZATION) {
        let token = value.to_str().ok().and_then(|text| {
            let (scheme, token) = text.split_once(' ')?;
            scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
        });
        return if token.is_some_and(|token| secret.is_token(token)) { Access::Bearer } else { Access::Wrong };
    }
    let cookies = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let own = cookies
        .flat_map(|text| text.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .any(|(name, value)| name == COOKIE && secret.is_cookie(value));
    if own { Access::Cookie } else { Access::None }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn access(name: header::HeaderName, value: &str) -> Access {
        let mut headers = HeaderMap::new();
        headers.insert(name, value.parse().unwrap());
        access_of(&headers, &Secret::new("t0ken"))
    }

    #[test]
    fn the_token_opens_and_nothing_else_does() {
        assert_eq!(access(header::AUTHORIZATION, "Bearer t0ken"), Access::Bearer);
        assert_eq!(access(header::AUTHORIZATION, "bearer t0ken"), Access::Bearer);
        for wrong in ["Bearer t0kem", "Bearer t0ken2", "Bearer ", "Basic t0ken", "t0ken", "Bearer"] {
            assert_eq!(access(header::AUTHORIZATION, wrong), Access::Wrong, "{wrong}");
        }
        let cookie = Secret::new("t0ken").cookie();
        let pair = cookie.split(';').next().unwrap();
        assert_eq!(access(header::COOKIE, &format!("a=b; {pair}")), Access::Cookie);
        assert_eq!(access(header::COOKIE, &format!("{COOKIE}=t0ken")), Access::None, "the token itself is no cookie");
        assert!(!cookie.contains("t0ken"), "the cookie does not give the token away");
        assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Strict"));
    }

    #[test]
    fn tokens_differ() {
        assert_ne!(fresh().unwrap(), fresh().unwrap());
        assert_eq!(fresh().unwrap().len(), 32);
    }
}
