//! Certificates made for a test, and servers that use them.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use engine_load::http::Origin;
use engine_load::tls::{Ca, TlsOptions};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, date_time_ymd};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{HandshakeKind, ServerConfig, ServerConnection, Stream};

use super::Server;

/// An authority of this test alone.
pub(crate) struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
}

/// What a server shows and knows.
pub(crate) struct Identity {
    pub(crate) certificate: CertificateDer<'static>,
    pub(crate) pem: String,
    pub(crate) key: KeyPair,
}

impl Authority {
    pub(crate) fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).expect("no names");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a key");
        Self { issuer: CertifiedIssuer::self_signed(params, key).expect("a certificate") }
    }

    pub(crate) fn pem(&self) -> String {
        self.issuer.pem()
    }

    /// A load's options that trust this authority.
    pub(crate) fn trusted(&self) -> TlsOptions {
        TlsOptions { ca: Some(Ca::Pem(self.pem().into_bytes())), ..TlsOptions::default() }
    }

    /// A certificate for these names, valid until the end of `until`'s year.
    pub(crate) fn vouch(&self, names: &[&str], until: i32) -> Identity {
        let names: Vec<String> = names.iter().map(ToString::to_string).collect();
        let mut params = CertificateParams::new(names).expect("names");
        (params.not_before, params.not_after) = (date_time_ymd(2000, 1, 1), date_time_ymd(until, 12, 31));
        let key = KeyPair::generate().expect("a key");
        let certificate = params.signed_by(&key, &self.issuer).expect("a certificate");
        Identity { certificate: certificate.der().clone(), pem: certificate.pem(), key }
    }
}

impl Identity {
    pub(crate) fn config(&self, versions: &[&'static rustls::SupportedProtocolVersion]) -> ServerConfig {
        let key = PrivateKeyDer::try_from(self.key.serialize_der()).expect("a key");
        ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_protocol_versions(versions)
            .expect("versions")
            .with_no_client_auth()
            .with_single_cert(vec![self.certificate.clone()], key)
            .expect("key and certificate belong together")
    }
}

/// A stream of plain bytes on the server's side.
pub(crate) type Plain<'a> = Stream<'a, ServerConnection, &'a TcpStream>;

/// What a server does after an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Then {
    /// Waits for the next request.
    More,
    /// Ends the channel as it should be.
    Farewell,
    /// Ends the connection without a word.
    Cut,
}

/// Counts handshakes by kind: full, resumed.
pub(crate) type Handshakes = Arc<[AtomicUsize; 2]>;

/// A server that agrees on encryption and then answers requests as `answer` says.
pub(crate) fn serving(
    config: ServerConfig,
    answer: impl Fn(&mut Plain<'_>, usize) -> Then + Send + Sync + 'static,
) -> (Server, Handshakes) {
    let config = Arc::new(config);
    let counts: Handshakes = Arc::default();
    let seen = Arc::clone(&counts);
    let server = Server::raw(move |stream| {
        let mut connection = ServerConnection::new(Arc::clone(&config)).expect("a possible configuration");
        let mut socket = stream;
        let mut plain = Stream::new(&mut connection, &mut socket);
        for number in 0.. {
            let mut request = Vec::new();
            let mut chunk = [0; 4096];
            while !request.windows(4).any(|four| four == b"\r\n\r\n") {
                match plain.read(&mut chunk) {
                    Ok(0) | Err(_) => return,
                    Ok(count) => request.extend_from_slice(&chunk[..count]),
                }
            }
            if number == 0 {
                let resumed = plain.conn.handshake_kind() == Some(HandshakeKind::Resumed);
                seen[usize::from(resumed)].fetch_add(1, Ordering::Relaxed);
            }
            match answer(&mut plain, number) {
                Then::More => {}
                Then::Farewell => break,
                Then::Cut => return,
            }
        }
        plain.conn.send_close_notify();
        let _ = plain.flush();
    });
    (server, counts)
}

/// The address of a server as encrypted.
pub(crate) fn secure(server: &Server) -> Origin {
    Origin { secure: true, ..server.origin() }
}
