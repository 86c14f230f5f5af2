//! The guard that ends a script: too deep on the stack, too many operations, out of time, or interrupted.
//!
//! Rhai takes 6 to 12 KiB of stack per script call and an overflow kills the process without a word, so the stack
//! pointer is compared with a limit at every operation. Once it has tripped it stays tripped until the next entry:
//! `array.sort(closure)` swallows the error of its comparator, and a script's `try` must not outlive its time.

use std::cell::{Cell, RefCell};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use engine_load::coroutine::stack_low;
use rhai::Dynamic;

use crate::diagnostic::ErrorClass;
use crate::fault::Fault;

/// What is left of the stack when a script is ended: native code called from it needs some too.
const MARGIN: usize = 256 << 10;

/// What is left of a virtual user's stack when its iteration is ended: native functions called from it need some, and so do
/// copying and dropping of nested values.
const USER_MARGIN: usize = 64 << 10;

/// How many operations pass between two looks at the clock.
const STRIDE: u64 = 1024;

#[derive(Debug)]
pub(crate) struct Guard {
    low: usize,
    cancel: Arc<AtomicBool>,
    operations: Cell<u64>,
    most: Cell<u64>,
    deadline: Cell<Option<(Instant, Duration)>>,
    tripped: RefCell<Option<Fault>>,
    /// Operations of one iteration of a virtual user.
    user_most: u64,
    /// Virtual users that were ended, by the lowest address of their stack: others run while one of them winds up.
    users: RefCell<Vec<(usize, Fault)>>,
}

/// The address of a local variable: near enough to the stack pointer.
#[inline]
fn here() -> usize {
    let byte = 0_u8;
    (&raw const byte) as usize
}

impl Guard {
    /// To be made at the bottom of a thread whose stack has `stack` bytes.
    pub(crate) fn new(stack: usize, cancel: Arc<AtomicBool>) -> Self {
        Self {
            low: here().saturating_sub(stack.saturating_sub(MARGIN)),
            cancel,
            operations: Cell::new(0),
            most: Cell::new(u64::MAX),
            deadline: Cell::new(None),
            tripped: RefCell::new(None),
            user_most: u64::MAX,
            users: RefCell::new(Vec::new()),
        }
    }

    /// With a bound on the operations of an iteration.
    pub(crate) fn for_users(self, operations: u64) -> Self {
        Self { user_most: operations, ..self }
    }

    /// Begins an entry into the script: fresh counters, nothing tripped.
    pub(crate) fn enter(&self, operations: u64, deadline: Instant) {
        self.operations.set(0);
        self.most.set(operations);
        self.deadline.set(Some((deadline, deadline.saturating_duration_since(Instant::now()))));
        self.tripped.replace(None);
    }

    /// What ended the script, also where the script swallowed it.
    pub(crate) fn tripped(&self) -> Option<Fault> {
        self.tripped.borrow().clone()
    }

    /// Begins an iteration of the user on this stack.
    pub(crate) fn begin_user(&self, low: usize) {
        self.end_user(low);
    }

    /// Ends an iteration of the user on this stack: what it was ended by, also where the script swallowed it.
    pub(crate) fn end_user(&self, low: usize) -> Option<Fault> {
        let mut users = self.users.borrow_mut();
        if users.is_empty() {
            return None;
        }
        let at = users.iter().position(|(known, _)| *known == low)?;
        Some(users.swap_remove(at).1)
    }

    /// Ends the script for another reason.
    pub(crate) fn trip(&self, fault: Fault) -> Fault {
        let low = stack_low();
        if low != 0 {
            self.users.borrow_mut().push((low, fault.clone()));
            return fault;
        }
        self.tripped.replace(Some(fault.clone()));
        fault
    }

    /// When the present entry's time is over.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.deadline.get().map(|(deadline, _)| deadline)
    }

    /// Whether the run was interrupted.
    pub(crate) fn cancelled(&self) -> bool {
        self.cancel.load(Ordering::Relaxed)
    }

    /// The language calls this at every operation; a value ends the script.
    #[inline]
    pub(crate) fn progress(&self, counted: u64) -> Option<Dynamic> {
        let low = stack_low();
        if low != 0 {
            let fine = here() > low + USER_MARGIN && counted <= self.user_most && self.users.borrow().is_empty();
            return if fine { None } else { self.look_at_user(low, counted) };
        }
        let count = self.operations.get() + 1;
        self.operations.set(count);
        if here() > self.low && !count.is_multiple_of(STRIDE) && count <= self.most.get() {
            return None;
        }
        self.look(count)
    }

    #[cold]
    fn look_at_user(&self, low: usize, counted: u64) -> Option<Dynamic> {
        if let Some((_, fault)) = self.users.borrow().iter().find(|(known, _)| *known == low) {
            return Some(Dynamic::from(fault.clone()));
        }
        let fault = if here() <= low + USER_MARGIN {
            Fault::new(ErrorClass::Limit, "too-deep", "the journey is nested too deeply: its stack is used up")
                .help("a function that calls itself needs a condition under which it returns")
        } else if counted > self.user_most {
            let message = format!("the iteration took more than {} operations", self.user_most);
            Fault::new(ErrorClass::Limit, "too-many-operations", message)
                .help("a loop that never ends? long ones ask `user.wanted` whether to go on")
        } else {
            return None;
        };
        Some(Dynamic::from(self.trip(fault)))
    }

    #[cold]
    fn look(&self, count: u64) -> Option<Dynamic> {
        if let Some(fault) = self.tripped() {
            return Some(Dynamic::from(fault));
        }
        let limit = |code, message: String| Fault::new(ErrorClass::Limit, code, message);
        let fault = if here() <= self.low {
            limit("too-deep", "the script is nested too deeply: its stack is used up".to_owned())
                .help("a function that calls itself needs a condition under which it returns")
        } else if count > self.most.get() {
            limit("too-many-operations", format!("the script took more than {} operations", self.most.get()))
                .help("a loop that never ends? heavy work belongs into a probe or a command")
        } else if self.cancelled() {
            limit("interrupted", "interrupted".to_owned())
        } else {
            let (deadline, allowed) = self.deadline.get()?;
            if Instant::now() < deadline {
                return None;
            }
            limit("out-of-time", format!("the script ran longer than {:.3} s", allowed.as_secs_f64()))
                .help("a loop that never ends? a step's time is set by its option `timeout`")
        };
        self.tripped.replace(Some(fault.clone()));
        Some(Dynamic::from(fault))
    }
}
