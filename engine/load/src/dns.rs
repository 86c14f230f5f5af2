//! Names to addresses, away from the threads that carry the load, and once for each name.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

/// What a name leads to: its addresses, or why there are none.
pub(crate) type Answer = Arc<OnceLock<Result<Vec<SocketAddr>, String>>>;

/// The names of a load.
#[derive(Debug, Default)]
pub(crate) struct Resolver {
    known: Mutex<HashMap<(String, u16), Answer>>,
}

impl Resolver {
    /// The addresses of `host`; empty at first where it must be looked up. An address needs no look-up.
    pub(crate) fn ask(&self, host: &str, port: u16) -> Answer {
        if let Ok(address) = host.parse::<IpAddr>() {
            let answer = OnceLock::new();
            let _ = answer.set(Ok(vec![SocketAddr::new(address, port)]));
            return Arc::new(answer);
        }
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(answer) = known.get(&(host.to_owned(), port)) {
            // A failure is asked again, by whoever comes next.
            if !matches!(answer.get(), Some(Err(_))) {
                return Arc::clone(answer);
            }
        }
        let answer = Answer::default();
        known.insert((host.to_owned(), port), Arc::clone(&answer));
        let (name, filled) = (host.to_owned(), Arc::clone(&answer));
        let spawned = std::thread::Builder::new().name("engine-dns".into()).spawn(move || {
            let found = (name.as_str(), port).to_socket_addrs();
            let _ = filled.set(found.map(Iterator::collect).map_err(|error| error.to_string()));
        });
        if let Err(error) = spawned {
            let _ = answer.set(Err(error.to_string()));
        }
        answer
    }
}
