//! Encryption by rustls, between the socket's bytes and the protocol's: no socket here, bytes in and bytes out.
//!
//! All connections of a thread share one configuration and one store of sessions, so that a new connection to a known
//! host resumes. Certificates are checked unless a load says in so many words that any will do.

use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

mod client;
mod sessions;
mod verify;

pub(crate) use client::{Alpn, Connector};

/// How encrypted connections are made.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TlsOptions {
    /// Who is trusted to vouch for hosts, instead of those that this machine trusts.
    pub ca: Option<Ca>,
    /// Accept any certificate of anybody. The channel is encrypted all the same, but nobody knows with whom.
    pub insecure: bool,
    /// Which versions are offered.
    pub versions: TlsVersions,
}

/// Certificates of authorities, in PEM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ca {
    /// A file.
    File(PathBuf),
    /// The text itself.
    Pem(Vec<u8>),
}

/// Versions of TLS.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum TlsVersions {
    /// 1.3, or 1.2 where the host knows no better.
    #[default]
    All,
    /// Only 1.2.
    Only12,
    /// Only 1.3.
    Only13,
}

impl TlsOptions {
    /// Reads and checks what they name.
    ///
    /// # Errors
    /// In words, if the authorities cannot be read.
    pub fn check(&self) -> Result<(), String> {
        self.ca.as_ref().map_or(Ok(()), |ca| roots_of(ca).map(drop))
    }
}

/// Whom a load trusts; found out when the first encrypted connection is made.
#[derive(Debug, Default)]
pub(crate) struct Trust {
    options: TlsOptions,
    roots: OnceLock<Result<Arc<RootCertStore>, String>>,
}

impl Trust {
    pub(crate) fn new(options: TlsOptions) -> Self {
        Self { options, roots: OnceLock::new() }
    }

    fn roots(&self) -> Result<Arc<RootCertStore>, String> {
        let find = || self.options.ca.as_ref().map_or_else(machine_roots, roots_of).map(Arc::new);
        self.roots.get_or_init(find).clone()
    }
}

fn roots_of(ca: &Ca) -> Result<RootCertStore, String> {
    let (pem, name) = match ca {
        Ca::File(path) => {
            let name = format!("`{}`", path.display());
            (std::fs::read(path).map_err(|error| format!("{name} cannot be read: {error}"))?, name)
        }
        Ca::Pem(pem) => (pem.clone(), "the given text".to_owned()),
    };
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(&pem) {
        let certificate = certificate.map_err(|error| format!("{name} is no PEM: {error}"))?;
        roots.add(certificate).map_err(|error| format!("{name} holds a certificate that cannot be used: {error}"))?;
    }
    if roots.is_empty() { Err(format!("{name} holds no certificate")) } else { Ok(roots) }
}

/// Those that this machine trusts. Single ones that cannot be used are passed over: machines have old ones lying about.
fn machine_roots() -> Result<RootCertStore, String> {
    let found = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(found.certs);
    if roots.is_empty() {
        let why = found.errors.first().map(|error| format!(" ({error})")).unwrap_or_default();
        return Err(format!("this machine trusts nobody{why}: install its certificates, or give an own CA file"));
    }
    Ok(roots)
}
