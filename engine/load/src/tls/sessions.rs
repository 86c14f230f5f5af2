//! Sessions that a thread's connections may resume.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};

use rustls::NamedGroup;
use rustls::client::{ClientSessionStore, Tls12ClientSessionValue, Tls13ClientSessionValue};
use rustls::pki_types::ServerName;

/// Tickets kept for one host. A ticket of TLS 1.3 is good for one connection, and many users may connect at once, so
/// that the eight which rustls would keep are too few. A host usually sends two with each handshake.
const TICKETS: usize = 256;

/// Hosts that are remembered.
const HOSTS: usize = 256;

#[derive(Debug, Default)]
struct Host {
    group: Option<NamedGroup>,
    tls12: Option<Tls12ClientSessionValue>,
    tls13: VecDeque<Tls13ClientSessionValue>,
}

/// See the module. The lock is asked for by the trait; only one thread ever takes it.
#[derive(Debug, Default)]
pub(super) struct Sessions {
    hosts: Mutex<HashMap<ServerName<'static>, Host>>,
}

impl Sessions {
    fn with<R>(&self, name: &ServerName<'_>, work: impl FnOnce(&mut Host) -> R) -> Option<R> {
        self.hosts.lock().unwrap_or_else(PoisonError::into_inner).get_mut(&name.to_owned()).map(work)
    }

    fn keep(&self, name: ServerName<'static>, work: impl FnOnce(&mut Host)) {
        let mut hosts = self.hosts.lock().unwrap_or_else(PoisonError::into_inner);
        if hosts.len() >= HOSTS && !hosts.contains_key(&name) {
            hosts.clear();
        }
        work(hosts.entry(name).or_default());
    }
}

impl ClientSessionStore for Sessions {
    fn set_kx_hint(&self, name: ServerName<'static>, group: NamedGroup) {
        self.keep(name, |host| host.group = Some(group));
    }

    fn kx_hint(&self, name: &ServerName<'_>) -> Option<NamedGroup> {
        self.with(name, |host| host.group).flatten()
    }

    fn set_tls12_session(&self, name: ServerName<'static>, value: Tls12ClientSessionValue) {
        self.keep(name, |host| host.tls12 = Some(value));
    }

    fn tls12_session(&self, name: &ServerName<'_>) -> Option<Tls12ClientSessionValue> {
        self.with(name, |host| host.tls12.clone()).flatten()
    }

    fn remove_tls12_session(&self, name: &ServerName<'static>) {
        self.with(name, |host| host.tls12 = None);
    }

    fn insert_tls13_ticket(&self, name: ServerName<'static>, value: Tls13ClientSessionValue) {
        self.keep(name, |host| {
            if host.tls13.len() >= TICKETS {
                host.tls13.pop_front();
            }
            host.tls13.push_back(value);
        });
    }

    fn take_tls13_ticket(&self, name: &ServerName<'static>) -> Option<Tls13ClientSessionValue> {
        self.with(name, |host| host.tls13.pop_back()).flatten()
    }
}
