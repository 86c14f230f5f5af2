//! What the program around the probes lends them: its own command line, as a server to talk to, and its script language.
//!
//! A probe cannot name either: the server is the running binary itself under a hidden subcommand, and the interpreter
//! lives in a crate that the probes do not know. So the program says once, at its start, what there is. What it does not
//! lend is left out of a round with a remark; it is no failure.

use std::ffi::OsString;
use std::sync::OnceLock;

/// A tool that is a function of a script: adds two numbers and the length of a text in bytes.
pub type ScriptTool = Box<dyn FnMut(i64, i64, &str) -> Result<i64, String>>;

/// What a program lends.
#[derive(Debug, Clone)]
pub struct Lent {
    /// Program and arguments that run [`super::serve::serve`] with the word that follows them.
    pub server: Vec<OsString>,
    /// Makes the script's tool, in the thread that will call it; none where the program has no script language.
    pub script: Option<fn() -> Result<ScriptTool, String>>,
}

static LENT: OnceLock<Lent> = OnceLock::new();

/// Lends to all rounds of this process. Only the first call counts.
pub fn lend(lent: Lent) {
    // A second loan would change what a running round measures.
    let _ = LENT.set(lent);
}

/// The server's command line with its last word; none where nothing was lent.
pub(crate) fn server(word: &str) -> Option<Vec<OsString>> {
    let mut command = LENT.get()?.server.clone();
    command.push(word.into());
    Some(command)
}

/// The script's tool, made now. The error is for a note.
pub(crate) fn script() -> Result<ScriptTool, String> {
    let make = LENT.get().and_then(|lent| lent.script).ok_or("this program has no script language")?;
    make()
}
