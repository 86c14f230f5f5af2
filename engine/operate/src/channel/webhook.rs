//! A web hook of another program: the notice as JSON, signed with HMAC-SHA-256.
//!
//! `X-Engine-Signature: t=SECONDS,v1=HEX`, where HEX is the HMAC of `SECONDS.BODY` under the key that both sides know: a
//! receiver that checks it and the time takes nothing from others, and nothing twice. `Idempotency-Key` is the same at
//! every try.

use engine_core::notice::Message;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::json;
use sha2::Sha256;

use super::{Channel, SendError, http};
use crate::secret::Secrets;
use crate::settings::{Wanted, Webhook};

/// A web hook.
#[derive(Debug)]
pub(super) struct Hook(pub(super) Webhook);

impl Channel for Hook {
    fn name(&self) -> &'static str {
        "webhook"
    }

    fn only(&self) -> &Wanted {
        &self.0.only
    }

    fn send(&self, message: &Message, secrets: &dyn Secrets) -> Result<(), SendError> {
        let url = self.0.url.reveal(secrets)?;
        let body = body(message);
        let mut headers = vec![("idempotency-key", message.key.clone())];
        if !self.0.signing_key.is_empty() {
            let key = self.0.signing_key.reveal(secrets)?;
            let now =
                std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(0, |since| since.as_secs());
            let hex = signature(key.expose().as_bytes(), now, &body);
            headers.push(("x-engine-signature", format!("t={now},v1={hex}")));
        }
        http::post(&url, &headers, body)
    }
}

/// What is sent.
#[must_use]
pub fn body(message: &Message) -> String {
    json!({ "schema_version": 1, "key": message.key, "notice": message.notice }).to_string()
}

/// HMAC-SHA-256 of `seconds.body`, hexadecimal.
#[must_use]
pub fn signature(key: &[u8], seconds: u64, body: &str) -> String {
    // An HMAC takes keys of any length.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else { return String::new() };
    mac.update(format!("{seconds}.{body}").as_bytes());
    data_encoding::HEXLOWER.encode(&mac.finalize().into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_signature_is_that_of_others() {
        // printf '1760000000.{"a":1}' | openssl dgst -sha256 -hmac secret
        let hex = signature(b"secret", 1_760_000_000, r#"{"a":1}"#);
        assert_eq!(hex, "b6c2583f8204bec09d6388c3b4ef4be121e880606c4f1b491d6f295dc76b09c9");
    }
}
