//! Less of a processor: by a quota of the cgroup; else by stopping the victim for a part of each tenth of a second.
//!
//! What would make it wrong: a stopped process answers nothing at all meanwhile, so response times are those of a processor
//! that others hold for up to a tenth of a second, which is how a quota acts too.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use super::{FaultError, Scene};
use crate::journal::Undo;
use crate::mechanism::Mechanism;
use crate::process::Ident;
use crate::victim::Controller;

/// Length of a period, in seconds: that of the kernel's own quota.
const PERIOD: f64 = 0.1;

/// Stops and continues processes again and again, until it is dropped; then all go on.
#[derive(Debug)]
pub(super) struct Throttle {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Throttle {
    fn start(processes: Vec<Ident>, share: f64) -> std::io::Result<Self> {
        let stop = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&stop);
        let work = move || {
            let began = Instant::now();
            let mut period = 0.0;
            while !seen.load(Ordering::Relaxed) {
                for (signal, until) in [(Signal::CONT, share), (Signal::STOP, 1.0)] {
                    for process in &processes {
                        // One that is gone needs nothing.
                        let _ = process.signal(signal);
                    }
                    let until = Duration::from_secs_f64((period + until) * PERIOD);
                    std::thread::sleep(until.saturating_sub(began.elapsed()));
                }
                period += 1.0;
            }
            for process in &processes {
                let _ = process.signal(Signal::CONT);
            }
        };
        let thread = std::thread::Builder::new().name("throttle".to_owned()).spawn(work)?;
        Ok(Self { stop, thread: Some(thread) })
    }
}

impl Drop for Throttle {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Scene<'_> {
    /// Leaves the victim a share of one processor.
    pub(super) fn cpu(&mut self, share: f64) -> Result<String, FaultError> {
        let failed = |error: std::io::Error| FaultError::Failed(error.to_string());
        let group = self.victim.group().filter(|_| self.may(Mechanism::Cgroup));
        if let Some((group, folder)) = group.and_then(|group| Some((group, group.folder(Controller::Cpu)?))) {
            let version = group.version(Controller::Cpu);
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a part of 100,000")]
            let quota = ((share * 100_000.0) as u64).max(1000);
            let (file, content, now) = match version {
                2 => ("cpu.max", "max 100000".to_owned(), format!("{quota} 100000")),
                _ => ("cpu.cfs_quota_us", "-1".to_owned(), quota.to_string()),
            };
            let path = folder.join(file);
            self.entry.will(Undo::RestoreControl { path: path.clone(), content })?;
            match std::fs::write(&path, now) {
                Ok(()) => return Ok(format!("cpu cgroup, version {version}")),
                Err(error) => self.passed_over.push(format!("cpu cgroup: {error}")),
            }
        } else {
            self.lacks("cpu cgroup");
        }
        self.else_by(Mechanism::Signal)?;
        let processes = self.processes_of();
        for process in &processes {
            self.entry.will(Undo::Continue { process: process.clone() })?;
        }
        self.throttle = Some(Throttle::start(processes, share).map_err(failed)?);
        Ok("stopped for a part of each tenth of a second, by pidfd".to_owned())
    }
}
