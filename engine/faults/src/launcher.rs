//! How a child of ours is started: the program itself, by its hidden subcommand.

use std::io::Write;
use std::process::{Child, Command, Stdio};

use serde::{Deserialize, Serialize};

/// The program and the arguments that lead to [`crate::child::main`]; the role is added as the last argument.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Launcher {
    /// The program.
    pub program: String,
    /// What comes before the role, such as `__faults`.
    pub arguments: Vec<String>,
}

impl Launcher {
    /// The given program with its hidden subcommand.
    #[must_use]
    pub fn new(program: impl Into<String>, arguments: &[&str]) -> Self {
        Self { program: program.into(), arguments: arguments.iter().map(|text| (*text).to_owned()).collect() }
    }

    /// A command for a role: standard input, where its request and then its life line come from, and standard output are
    /// pipes; it starts in the root folder, so that it holds no other.
    #[must_use]
    pub fn command(&self, role: &str) -> Command {
        let mut command = Command::new(&self.program);
        command.args(&self.arguments).arg(role).current_dir("/");
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        command
    }

    /// Starts a role and sends its request as one line. The pipe stays open: its end tells the child that we are gone.
    ///
    /// # Errors
    /// When the program cannot be started, or is gone before it has read its request.
    pub fn start(&self, role: &str, request: &impl Serialize) -> std::io::Result<Child> {
        let mut child = self.command(role).spawn()?;
        match send(&mut child, request) {
            Ok(()) => Ok(child),
            Err(error) => {
                let _ = child.kill();
                let _ = child.wait();
                Err(error)
            }
        }
    }
}

/// Sends a line of JSON to a child's standard input.
///
/// # Errors
/// When the child no longer reads.
pub fn send(child: &mut Child, message: &impl Serialize) -> std::io::Result<()> {
    let mut line = serde_json::to_string(message)?;
    line.push('\n');
    match child.stdin.as_mut() {
        Some(input) => input.write_all(line.as_bytes()),
        None => Err(std::io::ErrorKind::BrokenPipe.into()),
    }
}
