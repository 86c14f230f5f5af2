//! The line to the session while script code runs: what it records, measures and says goes through here.
//!
//! Scripts run on a thread of their own with a stack of known size; the session's context stays on the session's
//! thread. Samples are kept here and handed over when the call is over, so nothing is sent while a clock runs.

use std::cell::RefCell;
use std::sync::mpsc::{Receiver, Sender};

use engine_core::args::Args;
use engine_core::event::NoteLevel;
use engine_core::fault::DataCheck;
use engine_core::measurement::Record;
use engine_core::metric::Metric;
use engine_core::series::Labels;
use engine_core::step::Place;
use engine_session::ProbeError;
use engine_session::load::LoadRequest;

/// What script code asks of the session.
#[derive(Debug)]
pub(crate) enum Request {
    /// Run a probe now; answered on the line.
    Measure(&'static str, Args),
    /// Keep a message.
    Note(NoteLevel, String, Option<Place>),
    /// The load that was asked for.
    Load(Box<LoadRequest>),
    /// What was found of what was acknowledged.
    Verified(DataCheck),
    /// The call is over: what was recorded, and how it ended.
    Done(Vec<Record>, Result<(), ProbeError>),
}

/// The answer to [`Request::Measure`].
pub(crate) type Answer = Result<Vec<Record>, ProbeError>;

/// One call's line to the session.
#[derive(Debug)]
pub(crate) struct Live {
    pub(crate) requests: Sender<Request>,
    pub(crate) answers: Receiver<Answer>,
    pub(crate) records: RefCell<Vec<Record>>,
    /// A skip or failure of a probe that `measure` met: it ends the call as such, not as a script error.
    pub(crate) stopped: RefCell<Option<ProbeError>>,
}

impl Live {
    pub(crate) fn note(&self, level: NoteLevel, message: String, place: Option<Place>) {
        // The session is gone only when the whole run is: nobody is left to read it.
        let _ = self.requests.send(Request::Note(level, message, place));
    }

    pub(crate) fn measure(&self, probe: &'static str, args: Args) -> Answer {
        if self.requests.send(Request::Measure(probe, args)).is_err() {
            return Err(ProbeError::Cancelled);
        }
        self.answers.recv().unwrap_or(Err(ProbeError::Cancelled))
    }

    /// Keeps a sample; samples of one metric come together.
    pub(crate) fn record(&self, metric: Metric, value: f64) -> Result<(), Metric> {
        let mut records = self.records.borrow_mut();
        match records.iter_mut().find(|record| record.metric.id == metric.id) {
            Some(record) if record.metric.unit != metric.unit => Err(record.metric.clone()),
            Some(record) => {
                record.values.push(value);
                Ok(())
            }
            None => {
                records.push(Record::value(metric, Labels::new(), value));
                Ok(())
            }
        }
    }
}
