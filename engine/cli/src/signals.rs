//! Ctrl-C and SIGTERM: the first ends the run gracefully, the second at once.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;

use crate::exit::Exit;

static STATE: OnceLock<State> = OnceLock::new();

struct State {
    interrupt: Arc<AtomicBool>,
    signal: Arc<AtomicUsize>,
}

/// The flag that the first signal sets. Handlers are installed on the first call.
pub(crate) fn interrupt() -> Arc<AtomicBool> {
    let state = STATE.get_or_init(|| {
        let state = State { interrupt: Arc::default(), signal: Arc::default() };
        for (signal, exit) in [(SIGINT, Exit::Interrupted), (SIGTERM, Exit::Terminated)] {
            let number = usize::try_from(signal).unwrap_or_default();
            // In this order: a second signal finds the flag set and ends the program; the store's journal holds all
            // but the last second. Registering cannot fail for these two signals.
            let _ = flag::register_conditional_shutdown(signal, i32::from(exit.code()), Arc::clone(&state.interrupt));
            let _ = flag::register(signal, Arc::clone(&state.interrupt));
            let _ = flag::register_usize(signal, Arc::clone(&state.signal), number);
        }
        state
    });
    Arc::clone(&state.interrupt)
}

/// How a run that a signal ended ends.
pub(crate) fn received() -> Option<Exit> {
    let signal = STATE.get()?.signal.load(Ordering::Relaxed);
    match i32::try_from(signal).unwrap_or_default() {
        SIGINT => Some(Exit::Interrupted),
        SIGTERM => Some(Exit::Terminated),
        _ => None,
    }
}
