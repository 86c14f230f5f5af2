//! A command that gets the notice as JSON on its standard input, and the desktop's own notices, which are one.

use std::io::Write;
use std::process::{Child, Command as Program, Stdio};
use std::time::{Duration, Instant};

use engine_core::notice::Message;

use super::{Channel, SendError, webhook};
use crate::secret::Secrets;
use crate::settings::{Command, Desktop as Settings, Wanted};
use crate::write;

/// A command that takes longer is ended.
const PATIENCE: Duration = Duration::from_secs(30);

/// A command of the user.
#[derive(Debug)]
pub(super) struct Hook(pub(super) Command);

impl Channel for Hook {
    fn name(&self) -> &'static str {
        "command"
    }

    fn only(&self) -> &Wanted {
        &self.0.only
    }

    fn send(&self, message: &Message, _: &dyn Secrets) -> Result<(), SendError> {
        let [program, arguments @ ..] = self.0.command.as_slice() else {
            return Err(SendError("`command.command` names no program".to_owned()));
        };
        let mut command = Program::new(program);
        command
            .args(arguments)
            .env("ENGINE_NOTICE_KEY", &message.key)
            .env("ENGINE_NOTICE_KIND", message.notice.kind.name())
            .env("ENGINE_NOTICE_TITLE", write::subject(&message.notice));
        run(command, program, &webhook::body(message))
    }
}

/// The desktop of whoever runs the engine, by `notify-send`.
#[derive(Debug)]
pub(super) struct Desktop(pub(super) Settings);

impl Channel for Desktop {
    fn name(&self) -> &'static str {
        "desktop"
    }

    fn only(&self) -> &Wanted {
        &self.0.only
    }

    // A notice on yesterday's desktop helps nobody.
    fn stale_after(&self) -> Option<u32> {
        Some(3600)
    }

    fn send(&self, message: &Message, _: &dyn Secrets) -> Result<(), SendError> {
        let mut command = Program::new("notify-send");
        // Its body is markup; a title is not.
        let body = write::short(&message.notice).replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
        command.args(["--app-name=engine", "--", &write::subject(&message.notice), &body]);
        run(command, "notify-send", "")
    }
}

/// Whether notices can be shown on a desktop.
pub(super) fn has_desktop() -> bool {
    let mut command = Program::new("notify-send");
    command.arg("--version").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

fn run(mut command: Program, name: &str, input: &str) -> Result<(), SendError> {
    let failed = |error: std::io::Error| SendError(format!("`{name}`: {error}"));
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().map_err(failed)?;
    let began = Instant::now();
    if let Some(mut pipe) = child.stdin.take() {
        // In a thread of its own: a command that reads nothing must not hold up the scheduler. One that is ended or does
        // not want to know closes the pipe, which ends the thread; its exit code says whether all is well.
        let input = input.to_owned();
        std::thread::spawn(move || {
            let _ = pipe.write_all(input.as_bytes());
        });
    }
    let status = wait(&mut child, began).map_err(failed)?;
    match status {
        Some(status) if status.success() => Ok(()),
        Some(status) => Err(SendError(format!("`{name}` ended with {status}"))),
        None => Err(SendError(format!("`{name}` was ended after {} s", PATIENCE.as_secs()))),
    }
}

fn wait(child: &mut Child, began: Instant) -> std::io::Result<Option<std::process::ExitStatus>> {
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        if began.elapsed() > PATIENCE {
            child.kill()?;
            child.wait()?;
            return Ok(None);
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}
