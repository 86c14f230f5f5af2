//! The client's side of a channel, by hand: what the socket gave is decrypted, what the protocol says is encrypted.

use std::cell::OnceCell;
use std::io::{Read, Write};
use std::sync::Arc;

use rustls::client::Resumption;
use rustls::pki_types::ServerName;
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, ClientConnection, SupportedProtocolVersion};

use super::sessions::Sessions;
use super::verify::Anybody;
use super::{TlsVersions, Trust};
use crate::error::{ErrorClass, Failure};
use crate::worker::net::Layer;

/// Protocols that are offered within the channel (RFC 7301).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Alpn {
    /// HTTP/1.1 alone, which WebSockets begin with too.
    One,
    /// HTTP/2, or HTTP/1.1 where the host knows no better.
    TwoOrOne,
    /// HTTP/2 alone.
    Two,
    /// None: what flows within is the user's affair.
    Nothing,
}

impl Alpn {
    const ALL: [Self; 4] = [Self::One, Self::TwoOrOne, Self::Two, Self::Nothing];

    fn names(self) -> Vec<Vec<u8>> {
        let names: &[&[u8]] = match self {
            Self::One => &[b"http/1.1"],
            Self::TwoOrOne => &[b"h2", b"http/1.1"],
            Self::Two => &[b"h2"],
            Self::Nothing => &[],
        };
        names.iter().map(|name| name.to_vec()).collect()
    }
}

/// Makes one thread's encrypted connections.
#[derive(Debug)]
pub(crate) struct Connector {
    trust: Arc<Trust>,
    /// As [`Alpn::ALL`] has them. All share the sessions.
    configs: OnceCell<Result<[Arc<ClientConfig>; 4], String>>,
}

impl Connector {
    pub(crate) fn new(trust: Arc<Trust>) -> Self {
        Self { trust, configs: OnceCell::new() }
    }

    /// A channel to `host` that has said nothing yet.
    pub(crate) fn connect(&self, host: &str, alpn: Alpn) -> Result<Box<dyn Layer>, Failure> {
        let configs = self.configs.get_or_init(|| configs(&self.trust)).as_ref();
        let configs = configs.map_err(|error| Failure::new(ErrorClass::Certificate, error.as_str()))?;
        let name = ServerName::try_from(host.to_owned()).map_err(|_| {
            Failure::new(ErrorClass::Invalid, format!("`{host}` is no name that a certificate can be for"))
        })?;
        let connection = ClientConnection::new(Arc::clone(&configs[alpn as usize]), name).map_err(failure_of)?;
        Ok(Box::new(Channel { connection }))
    }
}

fn configs(trust: &Trust) -> Result<[Arc<ClientConfig>; 4], String> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let versions: &[&SupportedProtocolVersion] = match trust.options.versions {
        TlsVersions::All => &[&TLS13, &TLS12],
        TlsVersions::Only12 => &[&TLS12],
        TlsVersions::Only13 => &[&TLS13],
    };
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(versions)
        .map_err(|error| error.to_string())?;
    let mut config = if trust.options.insecure {
        builder.dangerous().with_custom_certificate_verifier(Arc::new(Anybody(provider))).with_no_client_auth()
    } else {
        builder.with_root_certificates(trust.roots()?).with_no_client_auth()
    };
    config.resumption = Resumption::store(Arc::new(Sessions::default()));
    Ok(Alpn::ALL.map(|alpn| {
        let mut config = config.clone();
        config.alpn_protocols = alpn.names();
        Arc::new(config)
    }))
}

/// One channel.
#[derive(Debug)]
struct Channel {
    connection: ClientConnection,
}

impl Channel {
    /// Hands over what is to be sent.
    fn drain(&mut self, out: &mut Vec<u8>) {
        while self.connection.wants_write() {
            // A vector takes everything.
            if !matches!(self.connection.write_tls(out), Ok(1..)) {
                break;
            }
        }
    }
}

impl Layer for Channel {
    fn incoming(&mut self, mut bytes: &[u8], plain: &mut Vec<u8>, out: &mut Vec<u8>) -> Result<(), Failure> {
        let mut result = Ok(());
        while !bytes.is_empty() {
            match self.connection.read_tls(&mut bytes) {
                // After the farewell nothing is taken any more.
                Ok(0) => break,
                Ok(_) => {}
                Err(error) => {
                    result = Err(Failure::new(ErrorClass::Tls, error.to_string()));
                    break;
                }
            }
            match self.connection.process_new_packets() {
                Ok(state) => {
                    let (start, more) = (plain.len(), state.plaintext_bytes_to_read());
                    plain.resize(start + more, 0);
                    if let Err(error) = self.connection.reader().read_exact(&mut plain[start..]) {
                        plain.truncate(start);
                        result = Err(Failure::new(ErrorClass::Tls, error.to_string()));
                        break;
                    }
                }
                Err(error) => {
                    result = Err(failure_of(error));
                    break;
                }
            }
        }
        // Also after a failure: the other side is told why.
        self.drain(out);
        result
    }

    fn outgoing(&mut self, plain: &[u8], out: &mut Vec<u8>) -> Result<(), Failure> {
        // In pieces, as rustls holds what it has encrypted until it is handed over.
        for piece in plain.chunks(16 * 1024) {
            let taken = self.connection.writer().write_all(piece);
            taken.map_err(|error| Failure::new(ErrorClass::Tls, error.to_string()))?;
            self.drain(out);
        }
        Ok(())
    }

    fn is_ready(&self) -> bool {
        !self.connection.is_handshaking()
    }

    fn has_ended(&mut self) -> bool {
        self.connection.process_new_packets().is_ok_and(|state| state.peer_has_closed())
    }

    fn is_two(&self) -> bool {
        self.connection.alpn_protocol() == Some(b"h2")
    }

    fn farewell(&mut self, out: &mut Vec<u8>) {
        self.connection.send_close_notify();
        self.drain(out);
    }
}

/// What went wrong, in the classes that are counted.
fn failure_of(error: rustls::Error) -> Failure {
    use rustls::Error;
    let class = match error {
        Error::InvalidCertificate(_) | Error::NoCertificatesPresented | Error::UnsupportedNameType => {
            ErrorClass::Certificate
        }
        _ => ErrorClass::Tls,
    };
    Failure::new(class, error.to_string())
}
