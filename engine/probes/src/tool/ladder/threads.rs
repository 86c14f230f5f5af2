//! The layer of another thread: a slot behind a mutex, and a condition variable for each direction.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

use super::climb::{CallError, Rung};
use super::traffic::{Content, Handler};
use crate::ProbeError;
use crate::network::place::sit;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Idle,
    Asked,
    Answered,
    Over,
}

/// What both threads hold in turn. Messages are swapped, not copied.
struct Slot {
    state: State,
    message: Vec<u8>,
}

struct Hop {
    slot: Mutex<Slot>,
    asked: Condvar,
    answered: Condvar,
}

impl Hop {
    fn lock(&self) -> MutexGuard<'_, Slot> {
        self.slot.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'a>(&self, on: &Condvar, mut slot: MutexGuard<'a, Slot>, until: [State; 2]) -> MutexGuard<'a, Slot> {
        while !until.contains(&slot.state) {
            slot = on.wait(slot).unwrap_or_else(PoisonError::into_inner);
        }
        slot
    }

    fn put(&self, state: State, message: &mut Vec<u8>, wake: &Condvar) {
        let mut slot = self.lock();
        std::mem::swap(&mut slot.message, message);
        slot.state = state;
        drop(slot);
        wake.notify_one();
    }

    fn serve(&self, handler: &Handler) {
        let (mut message, mut answer) = (Vec::new(), Vec::new());
        loop {
            let mut slot = self.wait(&self.asked, self.lock(), [State::Asked, State::Over]);
            if slot.state == State::Over {
                return;
            }
            std::mem::swap(&mut slot.message, &mut message);
            drop(slot);
            answer.clear();
            handler.handle(&message, &mut answer);
            self.put(State::Answered, &mut answer, &self.answered);
        }
    }

    fn over(&self) {
        self.lock().state = State::Over;
        self.asked.notify_all();
        self.answered.notify_all();
    }
}

struct Threaded<'a> {
    hop: &'a Hop,
    content: &'a Content,
    question: Vec<u8>,
    message: Vec<u8>,
}

impl Rung for Threaded<'_> {
    fn pass(&mut self, first: u64, count: u64) -> Result<(), CallError> {
        for number in first..first + count {
            self.question.clear();
            self.content.ask(number, &mut self.question);
            self.message.clear();
            self.message.extend_from_slice(&self.question);
            self.hop.put(State::Asked, &mut self.message, &self.hop.asked);
            let mut slot = self.hop.wait(&self.hop.answered, self.hop.lock(), [State::Answered, State::Over]);
            if slot.state == State::Over {
                return Err(ProbeError::failed("the thread that answers has ended").into());
            }
            slot.state = State::Idle;
            std::mem::swap(&mut slot.message, &mut self.message);
            drop(slot);
            self.content.check(number, &self.question, &self.message)?;
        }
        Ok(())
    }
}

/// Runs `climb` with a thread that answers, on its CPU; the thread has ended afterwards.
pub(crate) fn with(
    content: &Content,
    cpu: Option<usize>,
    climb: impl FnOnce(&mut dyn Rung) -> Result<(), ProbeError>,
) -> Result<(), ProbeError> {
    let hop = Hop {
        slot: Mutex::new(Slot { state: State::Idle, message: Vec::new() }),
        asked: Condvar::new(),
        answered: Condvar::new(),
    };
    let handler = content.service();
    thread::scope(|scope| {
        let server = thread::Builder::new().spawn_scoped(scope, || {
            // Where it may not be pinned, the client's note says so already.
            let _ = sit(cpu);
            // However it ends, the client must not wait for it.
            let _over = Over(&hop);
            hop.serve(&handler);
        });
        server.map_err(|error| ProbeError::failed(format!("cannot start a thread: {error}")))?;
        let _over = Over(&hop);
        climb(&mut Threaded { hop: &hop, content, question: Vec::new(), message: Vec::new() })
    })
}

/// Ends both sides when dropped.
struct Over<'a>(&'a Hop);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.over();
    }
}
