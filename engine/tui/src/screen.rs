//! The terminal: entering and leaving it, the thread that draws, and what happens on panics, signals and job control.
//!
//! Everything goes to standard error: standard output is for data. The terminal is given back on a normal end, on a panic
//! of any thread, and as soon as the run is told to end, before a second signal could end the program at once.

use std::ffi::OsStr;
use std::io::{self, IsTerminal, Stderr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, Once, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crossterm::cursor::Show;
use crossterm::event::{self, Event};
use crossterm::execute;
use crossterm::terminal::{self, EnterAlternateScreen, LeaveAlternateScreen};
use ratatui::Terminal;
use ratatui::backend::CrosstermBackend;

use crate::draw;
use crate::keys::{Look, Wish};
use crate::live::Live;

/// Time between two drawings.
const PERIOD: Duration = Duration::from_millis(250);

/// Set while the terminal is ours.
static ENTERED: AtomicBool = AtomicBool::new(false);

/// Why the terminal could not be had.
#[derive(Debug, thiserror::Error)]
pub enum ScreenError {
    /// It refused.
    #[error("cannot use the terminal: {0}")]
    Terminal(#[from] io::Error),
}

/// Whether there is a terminal to draw on and to read keys from; the reason where there is none. `term` is what `$TERM` says.
///
/// # Errors
/// One sentence: what is missing.
pub fn possible(term: Option<&OsStr>) -> Result<(), &'static str> {
    if !io::stderr().is_terminal() {
        Err("standard error is no terminal")
    } else if !io::stdin().is_terminal() {
        Err("standard input is no terminal, so no key could be read")
    } else if term.is_none_or(|term| term.is_empty() || term == "dumb") {
        Err("`TERM` names no terminal that can be drawn on")
    } else {
        Ok(())
    }
}

/// The drawn terminal. Dropping it gives the terminal back.
#[derive(Debug)]
pub struct Screen {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    live: Mutex<Live>,
    stop: AtomicBool,
}

impl Shared {
    fn live(&self) -> MutexGuard<'_, Live> {
        // A sink that panicked left whole numbers.
        self.live.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Screen {
    /// Takes the terminal and draws the first frame before it returns. `wish` is called on the drawing thread with what
    /// the user asks for; `interrupt` gives the terminal back as soon as it is set.
    ///
    /// # Errors
    /// When the terminal cannot be had.
    pub fn start(
        live: Live,
        interrupt: Arc<AtomicBool>,
        wish: impl Fn(Wish) + Send + 'static,
    ) -> Result<Self, ScreenError> {
        let shared = Arc::new(Shared { live: Mutex::new(live), stop: AtomicBool::new(false) });
        let mut terminal = enter()?;
        let mut look = Look::default();
        let first = shared.live().clone();
        terminal.draw(|frame| draw::all(frame, &first, &look)).inspect_err(|_| leave())?;
        let theirs = Arc::clone(&shared);
        let thread = std::thread::Builder::new().name("screen".to_owned()).spawn(move || {
            // What goes wrong here must not end the run; the terminal is given back below.
            let _ = draw_until(&theirs, &mut terminal, &mut look, &interrupt, &wish);
            leave();
        });
        let thread = thread.inspect_err(|_| leave())?;
        Ok(Self { shared, thread: Some(thread) })
    }

    /// Changes what is shown; quick, and drawn within a quarter of a second.
    pub fn update(&self, change: impl FnOnce(&mut Live)) {
        change(&mut self.shared.live());
    }

    /// A handle by which a sink on another thread changes what is shown.
    #[must_use]
    pub fn updater(&self) -> Updater {
        Updater(Arc::clone(&self.shared))
    }

    /// Whether it still draws: it ends when the user leaves or the run is interrupted.
    #[must_use]
    pub fn is_drawing(&self) -> bool {
        self.thread.as_ref().is_some_and(|thread| !thread.is_finished())
    }
}

/// Changes what is shown, from any thread.
#[derive(Debug, Clone)]
pub struct Updater(Arc<Shared>);

impl Updater {
    /// Changes it; held are microseconds, so that a run does not wait for its picture.
    pub fn update(&self, change: impl FnOnce(&mut Live)) {
        change(&mut self.0.live());
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
        leave();
    }
}

fn enter() -> io::Result<Terminal<CrosstermBackend<Stderr>>> {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            leave();
            before(panic);
        }));
    });
    terminal::enable_raw_mode()?;
    ENTERED.store(true, Ordering::SeqCst);
    let entered = execute!(io::stderr(), EnterAlternateScreen);
    entered.and_then(|()| Terminal::new(CrosstermBackend::new(io::stderr()))).inspect_err(|_| leave())
}

/// Gives the terminal back, once.
fn leave() {
    if ENTERED.swap(false, Ordering::SeqCst) {
        let _ = execute!(io::stderr(), LeaveAlternateScreen, Show);
        let _ = terminal::disable_raw_mode();
    }
}

fn draw_until(
    shared: &Shared,
    terminal: &mut Terminal<CrosstermBackend<Stderr>>,
    look: &mut Look,
    interrupt: &AtomicBool,
    wish: &dyn Fn(Wish),
) -> io::Result<()> {
    let mut due = Instant::now() + PERIOD;
    let mut shown = shared.live().clone();
    while !shared.stop.load(Ordering::Relaxed) && !interrupt.load(Ordering::Relaxed) {
        let mut changed = false;
        if event::poll(due.saturating_duration_since(Instant::now()))? {
            match event::read()? {
                Event::Key(key) => {
                    let running = shown.progress.is_some() && shown.ended.is_none();
                    match look.key(key, running) {
                        Some(Wish::End) => {
                            wish(Wish::End);
                            return Ok(());
                        }
                        Some(Wish::Suspend) => {
                            leave();
                            wish(Wish::Suspend);
                            // The user brought us back.
                            *terminal = enter()?;
                        }
                        None => {}
                    }
                    changed = true;
                }
                Event::Resize(..) => changed = true,
                _ => {}
            }
        }
        let now = Instant::now();
        if now >= due {
            // A late drawing does not make the next ones late.
            due = (due + PERIOD).max(now);
            changed = true;
            if !look.paused {
                shown = shared.live().clone();
            }
        }
        if changed {
            terminal.draw(|frame| draw::all(frame, &shown, look))?;
        }
    }
    Ok(())
}
