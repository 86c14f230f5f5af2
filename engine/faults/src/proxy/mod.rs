//! A TCP proxy with toxics, in one thread of its own: what a bad network does to a client and a server that know nothing.
//!
//! The set and its names are those of toxiproxy: latency with jitter, bandwidth, slow close, time-out, reset, slicer,
//! limit; each in one direction, with a probability, seeded. Toxics act on connections that are already open too, and how
//! many they hit is counted. Taking them away puts open connections right at once: what is held back goes out, and
//! connections that have lost data are reset, for they could never recover.
//!
//! What it cannot do: delay or drop packets below TCP, or the accepting of a connection, which the kernel does before us.

mod draw;
mod link;
mod poll;
mod run;
mod socket;
mod toxic;

use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use serde::Serialize;

pub use draw::Draw;
pub use toxic::{Direction, Kind, Toxic, ToxicError};

use run::Loop;

/// What went through.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Connections accepted so far.
    pub accepted: u64,
    /// Connections that the target refused or that could not be made.
    pub refused: u64,
    /// Connections open now.
    pub open: u64,
    /// Connections that were open when toxics were last set.
    pub open_before: u64,
    /// Connections whose data a time-out has swallowed so far.
    pub swallowed: u64,
    /// Bytes towards the target.
    pub up: u64,
    /// Bytes towards the client.
    pub down: u64,
    /// How many messages or connections each toxic was asked about, in the order in which they were set.
    pub asked: Vec<u64>,
    /// How many of these it hit.
    pub hit: Vec<u64>,
}

/// What the thread and its handle share.
#[derive(Debug, Default)]
pub(crate) struct Shared {
    toxics: Vec<Toxic>,
    generation: u64,
    stop: bool,
    counts: Counts,
    /// The last change that the thread has taken over.
    seen: u64,
}

/// A running proxy. Dropping it closes all its connections.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    shared: Arc<Mutex<Shared>>,
    wake: UnixStream,
    thread: Option<JoinHandle<()>>,
}

impl Proxy {
    /// Starts a proxy on a free port of the loopback, in front of a target.
    ///
    /// # Errors
    /// When there is no port, descriptor or thread for it.
    pub fn start(target: SocketAddr, seed: u64) -> std::io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let (wake, woken) = UnixStream::pair()?;
        woken.set_nonblocking(true)?;
        wake.set_nonblocking(true)?;
        let shared = Arc::new(Mutex::new(Shared::default()));
        let mut work = Loop::new(listener, woken, target, seed, Arc::clone(&shared))?;
        let thread = std::thread::Builder::new().name("proxy".to_owned()).spawn(move || work.run())?;
        Ok(Self { address, shared, wake, thread: Some(thread) })
    }

    /// Where clients connect to.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Puts these toxics in the place of those before, on open connections too, and waits until they act. An empty list
    /// takes all away.
    ///
    /// # Errors
    /// When one makes no sense; then nothing is changed.
    pub fn set(&self, toxics: Vec<Toxic>) -> Result<(), ToxicError> {
        toxics.iter().try_for_each(Toxic::check)?;
        let generation = {
            let mut shared = locked(&self.shared);
            shared.counts.asked = vec![0; toxics.len()];
            shared.counts.hit = vec![0; toxics.len()];
            shared.toxics = toxics;
            shared.generation += 1;
            shared.generation
        };
        self.poke();
        while self.thread.as_ref().is_some_and(|thread| !thread.is_finished()) && locked(&self.shared).seen < generation
        {
            std::thread::sleep(std::time::Duration::from_micros(100));
        }
        Ok(())
    }

    /// What went through so far.
    #[must_use]
    pub fn counts(&self) -> Counts {
        locked(&self.shared).counts.clone()
    }

    fn poke(&self) {
        // A full pipe wakes it as well.
        let _ = (&self.wake).write(&[1]);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        locked(&self.shared).stop = true;
        self.poke();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

pub(crate) fn locked(shared: &Mutex<Shared>) -> MutexGuard<'_, Shared> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
