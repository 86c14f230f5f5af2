//! Making a connection: its address, its socket, its encryption.

use std::net::SocketAddr;
use std::rc::Rc;
use std::vec::IntoIter;

use super::User;
use crate::clock;
use crate::coroutine::on_parent_stack;
use crate::driver::{tcp_socket, udp_socket};
use crate::error::{ErrorClass, Failure};
use crate::http::{Origin, Timings};
use crate::tls::Alpn;
use crate::worker::net::{ConnRef, Delivery, Inbox};

/// What a connection is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    /// Requests.
    Http(Alpn),
    /// A stream of bytes.
    Tcp,
    /// Datagrams.
    Udp,
}

/// A connection on its way.
#[derive(Debug)]
pub(super) struct Opening {
    origin: Rc<Origin>,
    purpose: Purpose,
    /// Those not yet tried.
    addresses: IntoIter<SocketAddr>,
    resolved: u64,
    address: SocketAddr,
    conn: ConnRef,
}

impl Opening {
    /// Finds the address and starts connecting. Waits for the address, where that has to be looked up.
    pub(super) fn begin(
        user: &User,
        origin: &Rc<Origin>,
        purpose: Purpose,
        deadline: u64,
        timings: &mut Timings,
    ) -> Result<Self, Failure> {
        if !user.cell.reactor.load.permit.allows(origin) {
            let what = format!("{} is not among the permitted hosts", origin.authority());
            return Err(Failure::new(ErrorClass::Denied, what));
        }
        let started = clock::now();
        let mut addresses = user.resolve(origin, deadline)?.into_iter();
        let resolved = clock::now();
        // An address is no look-up, whatever the clock says.
        if origin.host.parse::<std::net::IpAddr>().is_err() {
            timings.dns = resolved - started;
        }
        let address = addresses
            .next()
            .ok_or_else(|| Failure::new(ErrorClass::Dns, format!("`{}` has no address", origin.host)))?;
        let conn = start(user, origin, purpose, address)?;
        Ok(Self { origin: Rc::clone(origin), purpose, addresses, resolved, address, conn })
    }

    /// What the connection's delivery is called.
    pub(super) const fn ticket(&self) -> u64 {
        self.conn.id
    }

    /// How it went: the connection stands, or another address is tried (`None`).
    pub(super) fn delivered(
        &mut self,
        user: &User,
        delivery: Delivery,
        timings: &mut Timings,
    ) -> Result<Option<ConnRef>, Failure> {
        match delivery.result {
            Ok(_) => {
                timings.connect = delivery.connected_at.saturating_sub(self.resolved);
                timings.tls = delivery.at.saturating_sub(delivery.connected_at);
                Ok(Some(self.conn))
            }
            Err(failure) => {
                let last = Failure { detail: format!("{}: {}", self.address, failure.detail), ..failure };
                self.address = self.addresses.next().ok_or(last)?;
                self.conn = start(user, &self.origin, self.purpose, self.address)?;
                Ok(None)
            }
        }
    }

    /// Time is out.
    pub(super) fn give_up(self, user: &User) -> Failure {
        let state = user.cell.reactor.inner.borrow_mut().net.abandon(self.conn, true);
        let address = self.address;
        if state.in_handshake {
            Failure::new(ErrorClass::TlsTimeout, format!("{address} did not agree in time"))
        } else {
            Failure::new(ErrorClass::ConnectTimeout, format!("{address} did not answer in time"))
        }
    }
}

fn start(user: &User, origin: &Origin, purpose: Purpose, address: SocketAddr) -> Result<ConnRef, Failure> {
    let reactor = &user.cell.reactor;
    let socket = if purpose == Purpose::Udp { udp_socket(&address) } else { tcp_socket(&address, false) };
    let socket = socket.map_err(|error| {
        let errno = error.raw_os_error().unwrap_or(libc::ENOBUFS);
        Failure::new(ErrorClass::of_socket(errno), error.to_string())
    })?;
    let (alpn, inbox) = match purpose {
        Purpose::Http(alpn) => (alpn, None),
        Purpose::Tcp => (Alpn::Nothing, Some(Inbox::Bytes(Vec::new()))),
        Purpose::Udp => (Alpn::Nothing, Some(Inbox::Datagrams(Default::default()))),
    };
    // Keys are made here, which takes more stack than a user has.
    let layer = match origin.secure {
        true => Some(on_parent_stack(|| reactor.connector.connect(&origin.host, alpn))?),
        false => None,
    };
    let mut inner = reactor.inner.borrow_mut();
    let inner = &mut *inner;
    let key = inner.driver.adopt(socket);
    inner.driver.connect(key, address);
    Ok(inner.net.begin_connect(key, user.cell.task, layer, inbox.map(|inbox| (inbox, reactor.load.limits.body))))
}

impl User {
    /// A connection of its own, which nobody else uses; waits until it stands.
    pub(super) fn open(
        &self,
        origin: &Rc<Origin>,
        purpose: Purpose,
        deadline: u64,
        timings: &mut Timings,
    ) -> Result<ConnRef, Failure> {
        let mut opening = Opening::begin(self, origin, purpose, deadline, timings)?;
        loop {
            match self.wait_for(opening.ticket(), deadline) {
                None => return Err(opening.give_up(self)),
                Some(delivery) => {
                    if let Some(conn) = opening.delivered(self, delivery, timings)? {
                        return Ok(conn);
                    }
                }
            }
        }
    }

    /// The addresses of a host. A name is looked up on a thread of its own, while this user sleeps and looks again.
    fn resolve(&self, origin: &Origin, deadline: u64) -> Result<Vec<SocketAddr>, Failure> {
        let answer = self.cell.reactor.resolver.ask(&origin.host, origin.port);
        let mut nap = 20_000;
        loop {
            if let Some(found) = answer.get() {
                return found
                    .clone()
                    .map_err(|error| Failure::new(ErrorClass::Dns, format!("`{}`: {error}", origin.host)));
            }
            let now = clock::now();
            if now >= deadline {
                return Err(Failure::new(ErrorClass::Dns, format!("`{}`: no answer in time", origin.host)));
            }
            self.sleep_until(now + nap)?;
            nap = (nap * 2).min(1_000_000);
        }
    }
}
