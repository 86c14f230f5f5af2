//! Ctrl-C, SIGTERM and SIGHUP (a terminal that was closed): the first ends the run gracefully, the second at once. Who
//! starts the program with SIGHUP ignored, as `nohup` does, has it ignored.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
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
        let mut all = vec![(SIGINT, Exit::Interrupted), (SIGTERM, Exit::Terminated)];
        if !is_ignored(SIGHUP) {
            all.push((SIGHUP, Exit::Terminated));
        }
        for (signal, exit) in all {
            let number = usize::try_from(signal).unwrap_or_default();
            // In this order: a second signal finds the flag set and ends the program; the store's journal holds all
            // but the last second. Registering cannot fail for these signals.
            let _ = flag::register_conditional_shutdown(signal, i32::from(exit.code()), Arc::clone(&state.interrupt));
            let _ = flag::register(signal, Arc::clone(&state.interrupt));
            let _ = flag::register_usize(signal, Arc::clone(&state.signal), number);
        }
        state
    });
    Arc::clone(&state.interrupt)
}

/// Whether the program was started with a signal ignored. Linux tells; elsewhere it counts as not ignored.
fn is_ignored(signal: i32) -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| u64::from_str_radix(line.strip_prefix("SigIgn:")?.trim(), 16).ok());
    mask.is_some_and(|mask| mask & (1 << (signal - 1)) != 0)
}

/// How a run that a signal ended ends.
pub(crate) fn received() -> Option<Exit> {
    let signal = STATE.get()?.signal.load(Ordering::Relaxed);
    match i32::try_from(signal).unwrap_or_default() {
        SIGINT => Some(Exit::Interrupted),
        SIGTERM | SIGHUP => Some(Exit::Terminated),
        _ => None,
    }
}
