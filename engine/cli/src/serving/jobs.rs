//! Runs that were started from the dashboard: processes of their own, one at a time.

use std::collections::VecDeque;
use std::io::Read;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};

use engine_serve::{Job, Refusal, Refused};

/// Jobs that are remembered.
const REMEMBERED: usize = 20;

/// Bytes of what a job wrote that are kept: the last ones.
const OUTPUT: usize = 4096;

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Jobs(Arc<Mutex<VecDeque<Entry>>>);

#[derive(Debug)]
struct Entry {
    job: Job,
    output: VecDeque<u8>,
}

impl Jobs {
    /// Starts a command, unless another job is running.
    pub(crate) fn start(&self, scenario: &str, profile: Option<&str>, mut command: Command) -> Result<Job, Refused> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if all.iter().any(|entry| entry.job.state == "running") {
            return Err(Refused::new(Refusal::Conflict, "a run that was started from here is still going"));
        }
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let child = command
            .spawn()
            .map_err(|error| Refused::new(Refusal::Internal, format!("the run did not start: {error}")))?;
        let number = all.front().map_or(1, |entry| entry.job.job + 1);
        let job = Job {
            job: number,
            scenario: scenario.to_owned(),
            profile: profile.map(str::to_owned),
            started: jiff::Timestamp::now().to_string(),
            state: "running",
            exit_code: None,
            output: String::new(),
        };
        all.push_front(Entry { job: job.clone(), output: VecDeque::new() });
        all.truncate(REMEMBERED);
        drop(all);
        let shared = Arc::clone(&self.0);
        let watched =
            std::thread::Builder::new().name("engine-job".to_owned()).spawn(move || watch(&shared, number, child));
        if let Err(error) = watched {
            return Err(Refused::new(Refusal::Internal, format!("the run cannot be watched: {error}")));
        }
        Ok(job)
    }

    /// All of them, newest first.
    pub(crate) fn list(&self) -> Vec<Job> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let shown = |entry: &Entry| {
            let bytes: Vec<u8> = entry.output.iter().copied().collect();
            let text = String::from_utf8_lossy(&bytes);
            let lines: Vec<String> = text.lines().map(engine_report::clean::line).collect();
            Job { output: lines.join("\n"), ..entry.job.clone() }
        };
        all.iter().map(shown).collect()
    }
}

/// Reads what a job writes, and waits for its end.
fn watch(shared: &Mutex<VecDeque<Entry>>, number: u64, mut child: Child) {
    let change = |with: &mut dyn FnMut(&mut Entry)| {
        let mut all = shared.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(entry) = all.iter_mut().find(|entry| entry.job.job == number) {
            with(entry);
        }
    };
    if let Some(mut stderr) = child.stderr.take() {
        let mut buffer = [0; 1024];
        while let Ok(read @ 1..) = stderr.read(&mut buffer) {
            change(&mut |entry| {
                entry.output.extend(&buffer[..read]);
                let beyond = entry.output.len().saturating_sub(OUTPUT);
                entry.output.drain(..beyond);
            });
        }
    }
    let code = child.wait().ok().and_then(|status| status.code());
    change(&mut |entry| {
        entry.job.state = "ended";
        entry.job.exit_code = code;
    });
}
