//! The only place that prints. Data goes to standard output, all else to standard error.

use std::io::{IsTerminal, Write};

/// How things are shown.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Output {
    pub(crate) quiet: bool,
    pub(crate) json: bool,
    pub(crate) color: bool,
    pub(crate) width: usize,
}

impl Output {
    /// A line of data. A closed pipe is no error: whoever read it has seen enough.
    pub(crate) fn out(self, text: &str) {
        let mut out = std::io::stdout().lock();
        let end = if text.ends_with('\n') { "" } else { "\n" };
        let _ = write!(out, "{text}{end}").and_then(|()| out.flush());
    }

    /// A remark, unless `--quiet`.
    pub(crate) fn note(self, text: &str) {
        if !self.quiet {
            self.err(text);
        }
    }

    /// An error or a warning.
    pub(crate) fn err(self, text: &str) {
        let end = if text.ends_with('\n') { "" } else { "\n" };
        let _ = write!(std::io::stderr().lock(), "{text}{end}");
    }

    /// Whether a progress bar can be shown.
    pub(crate) fn live(self) -> bool {
        !self.quiet && std::io::stderr().is_terminal() && std::env::var_os("TERM").is_none_or(|term| term != "dumb")
    }
}

/// Whether standard output takes colours: a terminal, and neither NO_COLOR nor a dumb one.
pub(crate) fn wants_color(setting: &str, no_color: bool) -> bool {
    let set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    if no_color || setting == "never" {
        return false;
    }
    if setting == "always" || set("CLICOLOR_FORCE") {
        return true;
    }
    let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
    std::io::stdout().is_terminal() && !set("NO_COLOR") && !dumb
}

/// Columns of the terminal; `$COLUMNS` or 100 where there is none.
pub(crate) fn width() -> usize {
    let terminal = rustix::termios::tcgetwinsize(std::io::stdout()).ok().map(|size| usize::from(size.ws_col));
    let columns = terminal.filter(|columns| *columns > 0).or_else(|| std::env::var("COLUMNS").ok()?.parse().ok());
    columns.unwrap_or(100).clamp(80, 200)
}
