//! Answers about long runs, made before anybody asks: a run of a day has 86,400 readings of the machine, and whoever opens its
//! page should not wait for them. The run has them made when it ends ([`prepare`]); a server makes those that are missing, of
//! runs that were brought from elsewhere or after rules or limits changed ([`keep_ready`]).

use std::collections::HashSet;
use std::io::Write as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use engine_core::run::{RunId, RunRecord};
use tokio::sync::{oneshot, watch};

use super::{Answer, LONG, POINTS};
use crate::backend::Backend;
use crate::error::ApiError;
use crate::live::Hub;
use crate::state::{App, Settings};

/// How many long runs have their answers ready: the newest.
const READY: u32 = 20;

/// Between two looks for long runs that lack them.
const LOOK: Duration = Duration::from_secs(60);

/// Rest after each, as a multiple of the time that it took: others want the processors too.
const REST: u32 = 4;

/// What is asked of a run that is looked at.
const USUAL: [Answer; 5] = [Answer::Report, Answer::Timeline(POINTS), Answer::Curves, Answer::Advice, Answer::Results];

impl App {
    /// Makes what is asked of a run that is looked at, and keeps it in the store.
    fn prepare(&self, record: &Arc<RunRecord>) -> Result<(), ApiError> {
        let run = &record.header.id;
        let known = self.kept.record(run, record.sequence).is_some();
        self.kept.keep(record);
        let made = self.make_usual(run);
        if !known {
            // Nobody has asked for it.
            self.kept.forget(run);
        }
        let made = made?;
        self.database.write(|store| {
            for (name, key, body) in &made {
                store.keep_answer(run, record.sequence, (name, key), body)?;
            }
            Ok(())
        })
    }

    /// Name, key and compressed text of each.
    fn make_usual(&self, run: &RunId) -> Result<Vec<(String, String, Vec<u8>)>, ApiError> {
        let mut made = Vec::new();
        for answer in USUAL {
            match self.answer(&run.0, answer) {
                Ok((_, text)) => made.push((answer.name(), self.key(answer), packed(&text))),
                // Rules that cannot be read give no findings, and no reason to make the rest again.
                Err(_) if answer == Answer::Advice => {}
                Err(error) => return Err(error),
            }
        }
        Ok(made)
    }

    /// The newest long run without answers.
    fn first_lacking(&self, given_up: &HashSet<RunId>) -> Result<Option<RunId>, ApiError> {
        if !self.database.path().exists() {
            return Ok(None);
        }
        let key = self.key(Answer::Report);
        let all = self
            .database
            .read(|store| Ok::<_, ApiError>(store.unanswered((&Answer::Report.name(), &key), LONG, READY)?))?;
        Ok(all.into_iter().find(|run| !given_up.contains(run)))
    }
}

/// Makes the answers about a long run that has just ended and keeps them in its store, so that its page opens at once.
///
/// # Errors
/// Why they were not kept, in words.
pub fn prepare(settings: &Settings, backend: Arc<dyn Backend>, record: RunRecord) -> Result<(), String> {
    let app = App::new(settings, &[], backend, Hub::new());
    app.prepare(&Arc::new(record)).map_err(|error| error.message)
}

/// Makes the answers about long runs that lack them, one after the other, in a thread that steps back for all others.
pub(crate) async fn keep_ready(app: Arc<App>, mut stop: watch::Receiver<bool>) {
    // What cannot be kept, on a full disk or in a read-only place, is made when it is asked for.
    let mut given_up = HashSet::new();
    loop {
        let began = Instant::now();
        let known = given_up.clone();
        let next = app.work(move |app| app.first_lacking(&known)).await.ok().flatten();
        let rest = match next {
            Some(run) => {
                let (told, done) = oneshot::channel();
                let (own, of) = (Arc::clone(&app), run.clone());
                let thread = std::thread::Builder::new().name("engine-serve".to_owned()).spawn(move || {
                    step_back();
                    // Read apart from what pages ask for: they should not wait for a thread that stepped back.
                    let record = own.database.read(|store| Ok::<_, ApiError>(store.run(&of)?));
                    let made = record.and_then(|record| own.prepare(&Arc::new(record)));
                    // Whoever waits for it may have been told to stop.
                    let _ = told.send(made.is_ok());
                });
                let made = tokio::select! {
                    made = done => thread.is_ok() && made.unwrap_or(false),
                    _ = stop.changed() => return,
                };
                if !made {
                    given_up.insert(run);
                }
                began.elapsed() * REST
            }
            None => LOOK,
        };
        tokio::select! {
            () = tokio::time::sleep(rest) => {}
            () = app.lacking.notified() => {}
            _ = stop.changed() => return,
        }
    }
}

/// The thread gets the processors that nobody else wants.
fn step_back() {
    // On Linux the priority is that of the thread alone.
    #[cfg(target_os = "linux")]
    if let Err(error) = rustix::process::setpriority_process(None, 19) {
        tracing::debug!(%error, "the priority stays");
    }
}

fn packed(text: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::with_capacity(text.len() / 4), flate2::Compression::fast());
    // Writing to memory does not fail; what is broken is not read back.
    let _ = encoder.write_all(text);
    encoder.finish().unwrap_or_default()
}
