//! The opening handshake of RFC 6455, section 4: the headers that ask, and the check of those that answer.

use sha1::{Digest, Sha1};

use crate::error::{ErrorClass, Failure};
use crate::http::Response;

/// What the server must know to be a WebSocket server (RFC 6455, 1.3).
const GUID: &str = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// Headers that ask for a WebSocket with this key.
pub(crate) fn headers(key: &str, protocols: &[String]) -> Vec<(String, String)> {
    let mut headers = vec![
        ("Connection", "Upgrade".to_owned()),
        ("Upgrade", "websocket".to_owned()),
        ("Sec-WebSocket-Version", "13".to_owned()),
        ("Sec-WebSocket-Key", key.to_owned()),
    ];
    if !protocols.is_empty() {
        headers.push(("Sec-WebSocket-Protocol", protocols.join(", ")));
    }
    headers.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

/// A key of these random bytes.
pub(crate) fn key(random: [u8; 16]) -> String {
    base64(&random)
}

/// What the server must answer to `key`.
pub(crate) fn accept(key: &str) -> String {
    base64(&Sha1::digest(format!("{key}{GUID}")))
}

/// Whether the answer agrees; gives the protocol that the server chose.
///
/// # Errors
/// [`ErrorClass::Status`] if it refuses, [`ErrorClass::WebSocket`] if it agrees to something else.
pub(crate) fn check(response: &Response, key: &str, protocols: &[String]) -> Result<Option<String>, Failure> {
    if response.status != 101 {
        let class = ErrorClass::Status(response.status);
        return Err(Failure::new(class, "the server does not switch to a WebSocket"));
    }
    let wrong = |what: String| Failure::new(ErrorClass::WebSocket, what);
    let header = |name: &str| response.headers.get(name).map(|value| value.trim().to_owned());
    let upgrade = header("upgrade").unwrap_or_default();
    if !upgrade.eq_ignore_ascii_case("websocket") {
        return Err(wrong(format!("the server switches to `{upgrade}`")));
    }
    let connection = header("connection").unwrap_or_default();
    if !connection.split(',').any(|part| part.trim().eq_ignore_ascii_case("upgrade")) {
        return Err(wrong(format!("the server switches, and says `Connection: {connection}`")));
    }
    let found = header("sec-websocket-accept").unwrap_or_default();
    if found != accept(key) {
        return Err(wrong(format!("`Sec-WebSocket-Accept: {found}` is not the answer to our key")));
    }
    if let Some(extension) = header("sec-websocket-extensions").filter(|value| !value.is_empty()) {
        return Err(wrong(format!("the server uses `{extension}`, which was not offered")));
    }
    match header("sec-websocket-protocol") {
        Some(chosen) if !protocols.contains(&chosen) => {
            Err(wrong(format!("the server speaks `{chosen}`, which was not offered")))
        }
        chosen => Ok(chosen),
    }
}

/// Base64 with padding (RFC 4648, 4).
fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for three in bytes.chunks(3) {
        let word = three.iter().fold(0_u32, |word, byte| word << 8 | u32::from(*byte)) << (8 * (3 - three.len()));
        for at in 0..4 {
            let letter = LETTERS[(word >> (18 - 6 * at)) as usize & 63];
            out.push(if at <= three.len() { char::from(letter) } else { '=' });
        }
    }
    out
}
