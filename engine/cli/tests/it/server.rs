//! The server of the dashboard as a process.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};

use crate::client::TOKEN;
use crate::sandbox::Sandbox;

/// A server that ends with the test.
pub(crate) struct Serving {
    child: Child,
    pub(crate) at: SocketAddr,
    /// What it said until it answered.
    pub(crate) said: Vec<String>,
}

impl Serving {
    /// Starts `engine` with arguments and waits until it has told its address.
    pub(crate) fn start(sandbox: &Sandbox, args: &[&str]) -> Self {
        Self::start_with(sandbox, args, Some(TOKEN))
    }

    /// The same with another token, or none.
    pub(crate) fn start_with(sandbox: &Sandbox, args: &[&str], token: Option<&str>) -> Self {
        let mut command = Command::new(assert_cmd::cargo::cargo_bin("engine"));
        command.args(args).current_dir(sandbox.path("")).env("HOME", sandbox.path("")).env_remove("XDG_DATA_HOME");
        command.env_remove("ENGINE_TOKEN").env_remove("ENGINE_DB").env_remove("ENGINE_CONFIG");
        command.envs(token.map(|token| ("ENGINE_TOKEN", token)));
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let mut said = Vec::new();
        let at = loop {
            let line = lines.next().unwrap_or_else(|| panic!("it ended: {said:?}")).unwrap();
            said.push(line.clone());
            if let Some(rest) = line.strip_prefix("dashboard: http://") {
                break rest.split('/').next().unwrap().parse().unwrap();
            }
        };
        // What it says later is read, so that it never waits for a reader.
        std::thread::spawn(move || lines.for_each(drop));
        Self { child, at, said }
    }

    /// Waits for the end; gives the exit code.
    pub(crate) fn ended(&mut self) -> Option<i32> {
        self.child.wait().unwrap().code()
    }

    /// Asks it to end.
    pub(crate) fn terminate(&self) {
        let pid = rustix::process::Pid::from_raw(i32::try_from(self.child.id()).unwrap()).unwrap();
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
