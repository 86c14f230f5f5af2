//! Draws a machine, and panics in the middle of it: for the test that looks at what becomes of the terminal.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use engine_tui::{Live, Screen};

fn main() {
    let screen = Screen::start(Live::new("a machine"), Arc::new(AtomicBool::new(false)), |_| {});
    std::thread::sleep(Duration::from_millis(600));
    let drawn = screen.is_ok_and(|screen| screen.is_drawing());
    panic!("on purpose, drawn: {drawn}");
}
