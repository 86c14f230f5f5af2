//! What requests need made of texts: digests, encodings, identifiers, the time.

use std::fmt::Write as _;
use std::rc::Rc;

use data_encoding::{BASE64, HEXLOWER};
use engine_load::coroutine::on_parent_stack;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use rhai::{Dynamic, Engine, Position};
use sha2::{Digest, Sha256};

use super::request::wire;
use crate::fault::{Fault, Raised};
use crate::host::{Host, Phase};

/// Everything but what RFC 3986 leaves as it is.
const KEPT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

pub(crate) fn url_encode(text: &str) -> String {
    utf8_percent_encode(text, KEPT).to_string()
}

/// `a=1&b=2`, each part encoded.
pub(crate) fn query(pairs: &[(String, String)]) -> String {
    let parts = pairs.iter().map(|(name, value)| format!("{}={}", url_encode(name), url_encode(value)));
    parts.collect::<Vec<_>>().join("&")
}

/// As a browser sends a form: like a query, with `+` for spaces.
pub(crate) fn form(pairs: &[(String, String)]) -> String {
    query(pairs).replace("%20", "+")
}

/// SHA-256 by RFC 2104.
fn hmac(key: &[u8], text: &[u8]) -> Vec<u8> {
    const BLOCK: usize = 64;
    let mut block = [0; BLOCK];
    if key.len() > BLOCK {
        block[..32].copy_from_slice(&Sha256::digest(key));
    } else {
        block[..key.len()].copy_from_slice(key);
    }
    let inner = Sha256::new().chain_update(block.map(|byte| byte ^ 0x36)).chain_update(text).finalize();
    Sha256::new().chain_update(block.map(|byte| byte ^ 0x5c)).chain_update(inner).finalize().to_vec()
}

/// Bytes of a text, a secret or a blob.
fn bytes(verb: &str, value: &Dynamic) -> Raised<Vec<u8>> {
    if let Ok(bytes) = value.clone().into_blob() {
        return Ok(bytes);
    }
    wire(value).map(String::into_bytes).ok_or_else(|| {
        let message = format!("`{verb}` takes a text, got {}", crate::verb_options::shown(value));
        Fault::runtime("wrong-call", message).boxed(Position::NONE)
    })
}

/// A random identifier (RFC 9562, version 4) from 128 random bits.
fn uuid(high: u64, low: u64) -> String {
    let high = (high & !0xf000) | 0x4000;
    let low = (low & !(0b11 << 62)) | (0b10 << 62);
    let mut text = String::with_capacity(36);
    let _ = write!(
        text,
        "{:08x}-{:04x}-{:04x}-{:04x}-{:012x}",
        high >> 32,
        (high >> 16) & 0xffff,
        high & 0xffff,
        low >> 48,
        low & 0xffff_ffff_ffff
    );
    text
}

/// The top level is evaluated once on each thread and must be the same each time.
fn impure(host: &Host, verb: &str) -> Raised<()> {
    if matches!(host.phase.get(), Phase::Plan | Phase::Point) {
        let message = format!("`{verb}` cannot stand at the top level, which is evaluated on every thread of a load");
        return Err(Fault::invalid("misplaced", message).help("call it in the journey").boxed(Position::NONE));
    }
    Ok(())
}

pub(crate) fn register(engine: &mut Engine, host: &Rc<Host>) {
    engine.register_fn("sha256", |value: Dynamic| -> Raised<String> {
        let bytes = bytes("sha256", &value)?;
        Ok(on_parent_stack(|| HEXLOWER.encode(&Sha256::digest(bytes))))
    });
    engine.register_fn("hmac", |key: Dynamic, value: Dynamic| -> Raised<String> {
        let (key, text) = (bytes("hmac", &key)?, bytes("hmac", &value)?);
        Ok(on_parent_stack(|| HEXLOWER.encode(&hmac(&key, &text))))
    });
    engine.register_fn("base64", |value: Dynamic| -> Raised<String> { Ok(BASE64.encode(&bytes("base64", &value)?)) });
    engine.register_fn("url_encode", |text: &str| url_encode(text));
    let h = Rc::clone(host);
    engine.register_fn("uuid", move || -> Raised<String> {
        if let Some(person) = h.stage.get().and_then(super::Stage::current) {
            return Ok(person.user.with_random(|stream| uuid(stream.next_u64(), stream.next_u64())));
        }
        let mut stream = h.random.borrow_mut();
        Ok(uuid(stream.next_u64(), stream.next_u64()))
    });
    let h = Rc::clone(host);
    engine.register_fn("now", move || -> Raised<f64> {
        impure(&h, "now")?;
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        Ok(since.map_or(0.0, |time| time.as_secs_f64()))
    });
    let h = Rc::clone(host);
    engine.register_fn("iso_time", move || -> Raised<String> {
        impure(&h, "iso_time")?;
        Ok(on_parent_stack(|| jiff::Timestamp::now().to_string()))
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_are_those_of_the_standards() {
        assert_eq!(
            HEXLOWER.encode(&Sha256::digest("abc")),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
        // RFC 4231, cases 2 and 6.
        assert_eq!(
            HEXLOWER.encode(&hmac(b"Jefe", b"what do ya want for nothing?")),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
        );
        assert_eq!(
            HEXLOWER.encode(&hmac(&[0xaa; 131], b"Test Using Larger Than Block-Size Key - Hash Key First")),
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"
        );
    }

    #[test]
    fn texts_are_encoded_for_their_place() {
        let pairs = [("a b".to_owned(), "1&2".to_owned()), ("ü".to_owned(), "~x".to_owned())];
        assert_eq!(query(&pairs), "a%20b=1%262&%C3%BC=~x");
        assert_eq!(form(&pairs), "a+b=1%262&%C3%BC=~x");
        assert_eq!(uuid(u64::MAX, u64::MAX), "ffffffff-ffff-4fff-bfff-ffffffffffff");
        assert_eq!(uuid(0, 0), "00000000-0000-4000-8000-000000000000");
    }
}
