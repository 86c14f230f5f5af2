//! The proxy's thread: one loop over all connections.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use super::draw::Draw;
use super::link::{Active, End, Link};
use super::poll::{Interest, Poll};
use super::socket::{connect, failed};
use super::{Shared, locked};

/// Keys below the first connection's.
const LISTENER: u64 = 0;
const WAKE: u64 = 1;

/// Connections at once; more wait in the listener's queue.
const MOST: usize = 4096;

/// Everything that the thread holds.
#[derive(Debug)]
pub(super) struct Loop {
    listener: TcpListener,
    wake: UnixStream,
    target: SocketAddr,
    seed: u64,
    shared: Arc<Mutex<Shared>>,
    poll: Poll,
    links: BTreeMap<u64, Link>,
    due: BTreeSet<(Instant, u64)>,
    due_of: BTreeMap<u64, Instant>,
    next: u64,
    toxics: Vec<Active>,
    generation: u64,
    /// How late this thread woke up last.
    late: Duration,
}

impl Loop {
    pub(super) fn new(
        listener: TcpListener,
        wake: UnixStream,
        target: SocketAddr,
        seed: u64,
        shared: Arc<Mutex<Shared>>,
    ) -> std::io::Result<Self> {
        let poll = Poll::new()?;
        let read = Interest { read: true, write: false };
        poll.add(listener.as_raw_fd(), LISTENER, read)?;
        poll.add(wake.as_raw_fd(), WAKE, read)?;
        Ok(Self {
            listener,
            wake,
            target,
            seed,
            shared,
            poll,
            links: BTreeMap::new(),
            due: BTreeSet::new(),
            due_of: BTreeMap::new(),
            next: 1,
            toxics: Vec::new(),
            generation: 0,
            late: Duration::ZERO,
        })
    }

    pub(super) fn run(&mut self) {
        loop {
            let wait = self.due.first().map(|(at, _)| at.saturating_duration_since(Instant::now()));
            let asked = Instant::now();
            let ready = self.poll.wait(wait.map(|wait| wait.min(Duration::from_secs(60))));
            // What was due before it came was held up by this thread alone.
            self.late = wait.map_or(Duration::ZERO, |wait| asked.elapsed().saturating_sub(wait));
            if self.orders() {
                return;
            }
            for (key, gone) in ready {
                match key {
                    LISTENER => self.accept(),
                    WAKE => {}
                    key => self.touch(key / 2, gone.then_some(usize::from(key % 2 == 1))),
                }
            }
            let now = Instant::now();
            let due: Vec<u64> = self.due.iter().take_while(|(at, _)| *at <= now).map(|(_, link)| *link).collect();
            due.into_iter().for_each(|link| self.touch(link, None));
        }
    }

    /// Takes over what the handle has asked for. True when it is to end.
    fn orders(&mut self) -> bool {
        let mut buffer = [0_u8; 64];
        while (&self.wake).read(&mut buffer).is_ok_and(|count| count > 0) {}
        let (toxics, generation) = {
            let shared = locked(&self.shared);
            if shared.stop {
                return true;
            }
            (shared.toxics.clone(), shared.generation)
        };
        if generation == self.generation {
            return false;
        }
        self.generation = generation;
        let seed = |at: usize| self.seed ^ (at as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let active = toxics.into_iter().enumerate().map(|(at, toxic)| {
            let draw = Draw::new(toxic.probability, seed(at));
            Active { toxic, draw, asked: 0, hit: 0 }
        });
        self.toxics = active.collect();
        let now = Instant::now();
        let open = self.links.len() as u64;
        let keys: Vec<u64> = self.links.keys().copied().collect();
        for key in keys {
            match self.links.get_mut(&key).and_then(|link| link.infect(&mut self.toxics, now)) {
                Some(end) => self.end(key, end),
                None => self.touch(key, None),
            }
        }
        let mut shared = locked(&self.shared);
        shared.counts.open_before = open;
        shared.seen = generation;
        drop(shared);
        self.count([0; 2]);
        false
    }

    fn accept(&mut self) {
        while self.links.len() < MOST {
            let Ok((client, _)) = self.listener.accept() else { return };
            locked(&self.shared).counts.accepted += 1;
            let made = client.set_nonblocking(true).and_then(|()| client.set_nodelay(true));
            let Ok(server) = made.and_then(|()| connect(self.target)) else {
                locked(&self.shared).counts.refused += 1;
                super::socket::reset_on_close(client.as_raw_fd());
                continue;
            };
            self.next += 1;
            let key = self.next;
            let mut link = Link::new(client, server);
            link.infect(&mut self.toxics, Instant::now());
            let wanted = link.wanted();
            let [client, server] = link.descriptors();
            let known =
                self.poll.add(client, key * 2, wanted[0]).and_then(|()| self.poll.add(server, key * 2 + 1, wanted[1]));
            if known.is_err() {
                locked(&self.shared).counts.refused += 1;
                continue;
            }
            link.interest = wanted;
            self.links.insert(key, link);
            self.schedule(key);
            self.count([0; 2]);
        }
    }

    /// Does what can be done on a connection; `gone` is the side, client 0 or server 1, that neither sends nor takes more.
    fn touch(&mut self, key: u64, gone: Option<usize>) {
        let Some(link) = self.links.get_mut(&key) else { return };
        if !link.connected {
            match failed(link.server()) {
                Some(_) => {
                    locked(&self.shared).counts.refused += 1;
                    return self.end(key, End::Reset);
                }
                None => link.connected = link.server().peer_addr().is_ok(),
            }
        }
        let mut passed = [0; 2];
        let before = link.swallowed;
        link.late = self.late;
        let end = link.work(&mut self.toxics, Instant::now(), &mut passed);
        if link.swallowed && !before {
            locked(&self.shared).counts.swallowed += 1;
        }
        match end {
            Some(how) => self.end(key, how),
            None => {
                if let Some(side) = gone {
                    // What it has still to be read is read when something else is due.
                    self.poll.forget(link.descriptors()[side]);
                }
                let wanted = link.wanted();
                let keys = [key * 2, key * 2 + 1];
                for side in 0..2 {
                    if wanted[side] != link.interest[side] {
                        let _ = self.poll.change(link.descriptors()[side], keys[side], wanted[side]);
                    }
                }
                link.interest = wanted;
                self.schedule(key);
            }
        }
        self.count(passed);
    }

    /// Notes when a connection needs attention next.
    fn schedule(&mut self, key: u64) {
        let due = self.links.get(&key).and_then(Link::due);
        if let Some(old) = self.due_of.remove(&key) {
            self.due.remove(&(old, key));
        }
        if let Some(due) = due {
            self.due.insert((due, key));
            self.due_of.insert(key, due);
        }
    }

    fn end(&mut self, key: u64, how: End) {
        if let Some(old) = self.due_of.remove(&key) {
            self.due.remove(&(old, key));
        }
        if let Some(link) = self.links.remove(&key) {
            link.end(how);
        }
        self.count([0; 2]);
        if self.links.len() + 1 == MOST {
            self.accept();
        }
    }

    fn count(&self, passed: [u64; 2]) {
        let mut shared = locked(&self.shared);
        if shared.generation == self.generation {
            shared.counts.asked = self.toxics.iter().map(|active| active.asked).collect();
            shared.counts.hit = self.toxics.iter().map(|active| active.hit).collect();
        }
        shared.counts.open = self.links.len() as u64;
        shared.counts.up += passed[0];
        shared.counts.down += passed[1];
    }
}
