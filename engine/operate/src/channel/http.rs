//! One POST of JSON, for the channels that are web hooks.

use std::sync::Arc;
use std::time::Duration;

use reqwest::blocking::Client;
use reqwest::redirect::Policy;

use super::SendError;
use crate::secret::Revealed;

/// No web hook takes so long.
const PATIENCE: Duration = Duration::from_secs(15);

/// Sends JSON to an address and returns when it was taken: any answer from 200 to 299. Nothing that is reported holds the
/// address, which is a secret, or a word of the answer, which may repeat it.
pub(super) fn post(url: &Revealed, headers: &[(&str, String)], body: String) -> Result<(), SendError> {
    let address = reqwest::Url::parse(url.expose())
        .map_err(|error| SendError(format!("the address of the web hook cannot be read: {error}")))?;
    if !["http", "https"].contains(&address.scheme()) {
        return Err(SendError("the address of the web hook must begin with http:// or https://".to_owned()));
    }
    let mut request = client()?.post(address).header("content-type", "application/json").body(body);
    for (name, value) in headers {
        request = request.header(*name, value);
    }
    let answer = request.send().map_err(|error| {
        let what = if error.is_timeout() { format!("no answer within {} s", PATIENCE.as_secs()) } else { chain(error) };
        SendError(url.scrub(&format!("the web hook was not reached: {what}")))
    })?;
    let status = answer.status();
    if status.is_success() {
        return Ok(());
    }
    Err(SendError(format!("the web hook answered {status}")))
}

/// A client that follows no redirect: what is signed for one place is not sent to another.
fn client() -> Result<Client, SendError> {
    let wrong = |error: &dyn std::fmt::Display| SendError(format!("TLS: {error}"));
    let mut roots = rustls::RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let tls = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| wrong(&error))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Client::builder()
        .tls_backend_preconfigured(tls)
        .redirect(Policy::none())
        .timeout(PATIENCE)
        .user_agent(concat!("engine/", env!("CARGO_PKG_VERSION")))
        .build()
        .map_err(|error| wrong(&error))
}

fn chain(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(&error);
    while let Some(inner) = cause {
        text = format!("{text}: {inner}");
        cause = inner.source();
    }
    text
}
