//! Running one virtual user: a stackful coroutine that looks blocking from within.
//!
//! A coroutine suspends inside [`suspend`] and is resumed by its thread's loop. Around each resume two thread-locals are
//! set: who runs, and how low its stack reaches ([`stack_low`]), which is what a script's guard against deep nesting
//! compares the stack pointer with. Heavy native work (parsing, formatting, encryption) runs on the thread's own large
//! stack through [`on_parent_stack`].

use std::any::Any;
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;

use corosensei::{Coroutine, CoroutineResult, Yielder};

use crate::stack::PooledStack;

type Link = Yielder<(), ()>;

thread_local! {
    static LOW: Cell<usize> = const { Cell::new(0) };
    static RUNNING: Cell<*const Link> = const { Cell::new(ptr::null()) };
}

/// The lowest usable address of the stack that runs now, or zero where the thread's own stack does.
#[inline]
pub fn stack_low() -> usize {
    LOW.with(Cell::get)
}

/// Whether the caller runs on a coroutine's stack and may suspend.
#[inline]
pub fn on_coroutine() -> bool {
    !RUNNING.with(Cell::get).is_null()
}

/// Gives the thread to its loop until the loop resumes this coroutine.
///
/// # Panics
/// When not on a coroutine's stack; [`on_coroutine`] tells.
#[inline]
pub fn suspend() {
    let link = RUNNING.with(Cell::get);
    assert!(!link.is_null(), "only a virtual user can wait");
    // SAFETY: the pointer was set by the coroutine that runs now and is cleared whenever another stack runs, so the
    // yielder it points to lives on the stack that we are on.
    unsafe { (*link).suspend(()) };
    // Others ran in between and set the pointer to theirs.
    RUNNING.with(|running| running.set(link));
}

/// Runs `work` on the thread's own stack, or here where that is the one in use. `work` must not wait.
pub fn on_parent_stack<R>(work: impl FnOnce() -> R) -> R {
    let link = RUNNING.with(Cell::get);
    /// Out of line, or the caller's frame on the small stack would make room for what `work` needs.
    #[inline(never)]
    fn here<R>(work: impl FnOnce() -> R) -> R {
        work()
    }
    if link.is_null() {
        return here(work);
    }
    /// Restores the thread-locals, also when `work` panics.
    struct Restore(*const Link, usize);
    impl Drop for Restore {
        fn drop(&mut self) {
            RUNNING.with(|running| running.set(self.0));
            LOW.with(|low| low.set(self.1));
        }
    }
    let restore = Restore(RUNNING.with(|running| running.replace(ptr::null())), LOW.with(|low| low.replace(0)));
    let work = SameThread(work);
    // SAFETY: as in `suspend`. Within `work` the pointer is null, so it cannot suspend from the wrong stack.
    let result = unsafe {
        (*link).on_parent_stack(|| {
            let work = work;
            SameThread((work.0)())
        })
    };
    drop(restore);
    result.0
}

/// What stays on its thread although a bound asks for more.
struct SameThread<T>(T);
// SAFETY: `on_parent_stack` calls the closure on the same thread; its bound only keeps the yielder out, which `RUNNING`
// being null does here.
unsafe impl<T> Send for SameThread<T> {}

/// How a resume ended.
#[derive(Debug)]
pub enum Resumed {
    /// It waits for something.
    Suspended,
    /// Its function returned.
    Done,
    /// Its function panicked with this message; it is over.
    Panicked(String),
}

/// A virtual user's flow of control.
pub struct Flow {
    coroutine: Coroutine<(), (), (), PooledStack>,
    low: usize,
}

impl std::fmt::Debug for Flow {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Flow").field("done", &self.coroutine.done()).finish_non_exhaustive()
    }
}

impl Flow {
    /// A flow that runs `body` on `stack` from the first resume on. Dropping it while suspended unwinds the stack, so
    /// that everything on it is dropped; `body` must not swallow that unwinding.
    pub fn new(stack: PooledStack, body: impl FnOnce() + 'static) -> Self {
        let low = stack.low();
        let coroutine = Coroutine::with_stack(stack, move |link: &Link, ()| {
            RUNNING.with(|running| running.set(ptr::from_ref(link)));
            body();
        });
        Self { coroutine, low }
    }

    /// Runs until it suspends, ends or panics. A panic stays here.
    #[inline]
    pub fn resume(&mut self) -> Resumed {
        LOW.with(|low| low.set(self.low));
        let result = catch_unwind(AssertUnwindSafe(|| self.coroutine.resume(())));
        LOW.with(|low| low.set(0));
        RUNNING.with(|running| running.set(ptr::null()));
        match result {
            Ok(CoroutineResult::Yield(())) => Resumed::Suspended,
            Ok(CoroutineResult::Return(())) => Resumed::Done,
            Err(payload) => Resumed::Panicked(message_of(payload.as_ref())),
        }
    }
}

fn message_of(payload: &(dyn Any + Send)) -> String {
    let text = payload.downcast_ref::<&str>().map(ToString::to_string);
    text.or_else(|| payload.downcast_ref::<String>().cloned()).unwrap_or_else(|| "a panic without a message".into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stack::Stacks;
    use std::rc::Rc;

    fn flow(body: impl FnOnce() + 'static) -> Flow {
        Flow::new(Stacks::new(1, 1).unwrap().take().unwrap().unwrap(), body)
    }

    #[test]
    fn two_users_take_turns() {
        let log = Rc::new(std::cell::RefCell::new(Vec::new()));
        let mut flows: Vec<Flow> = (0..2)
            .map(|who| {
                let log = Rc::clone(&log);
                flow(move || {
                    for step in 0..2 {
                        log.borrow_mut().push((who, step));
                        suspend();
                    }
                })
            })
            .collect();
        for _ in 0..2 {
            for flow in &mut flows {
                assert!(matches!(flow.resume(), Resumed::Suspended));
            }
        }
        assert!(matches!(flows[0].resume(), Resumed::Done));
        assert_eq!(*log.borrow(), [(0, 0), (1, 0), (0, 1), (1, 1)]);
    }

    #[test]
    fn a_panic_ends_the_user_and_nothing_else() {
        let mut one = flow(|| panic!("out of {}", "order"));
        assert!(matches!(one.resume(), Resumed::Panicked(text) if text == "out of order"));
        let mut other = flow(|| ());
        assert!(matches!(other.resume(), Resumed::Done));
    }

    #[test]
    fn a_suspended_user_drops_what_it_holds() {
        let held = Rc::new(());
        let inner = Rc::clone(&held);
        let mut one = flow(move || {
            let _held = inner;
            suspend();
        });
        assert!(matches!(one.resume(), Resumed::Suspended));
        assert_eq!(Rc::strong_count(&held), 2);
        drop(one);
        assert_eq!(Rc::strong_count(&held), 1);
    }

    #[test]
    fn heavy_work_has_the_threads_stack_and_cannot_wait() {
        let mut one = flow(|| {
            let low = stack_low();
            assert!(low > 0 && on_coroutine());
            // Twice the size of a user's stack.
            let sum = on_parent_stack(|| {
                assert!(!on_coroutine() && stack_low() == 0);
                let big = [1_u8; 512 * 1024];
                std::hint::black_box(&big).iter().map(|x| u64::from(*x)).sum::<u64>()
            });
            assert_eq!((sum, stack_low()), (512 * 1024, low));
            suspend();
            let caught = catch_unwind(|| on_parent_stack(|| panic!("in there")));
            assert!(caught.is_err() && on_coroutine() && stack_low() == low);
        });
        assert!(matches!(one.resume(), Resumed::Suspended));
        assert!(matches!(one.resume(), Resumed::Done));
    }
}
