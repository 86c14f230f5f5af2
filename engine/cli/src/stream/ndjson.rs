//! JSON lines: every event as it is, and each window of a load with its numbers ready to be read.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::sync::mpsc::{Receiver, RecvTimeoutError};

use engine_core::event::{Envelope, Event};
use engine_core::run::RunHeader;

use super::points::Points;
use super::{PERIOD, Sent};

/// A file that is written line by line.
#[derive(Debug)]
pub(super) struct Lines {
    file: BufWriter<File>,
    name: String,
}

impl Lines {
    /// Opens the file, in place of what was there.
    pub(super) fn open(path: &Path) -> Result<Self, String> {
        let name = path.display().to_string();
        let file = File::create(path).map_err(|error| format!("cannot write `{name}`: {error}"))?;
        Ok(Self { file: BufWriter::new(file), name })
    }

    /// Writes until the bus is gone. Lines are whole within a second.
    pub(super) fn write_all(mut self, receiver: &Receiver<Envelope>, header: &RunHeader) -> Sent {
        let mut sent = Sent::default();
        let mut points = Points::new(header);
        loop {
            let result = match receiver.recv_timeout(PERIOD) {
                Ok(envelope) => self.event(&envelope, &mut points),
                Err(RecvTimeoutError::Timeout) => self.file.flush(),
                Err(RecvTimeoutError::Disconnected) => {
                    if let Err(error) = self.file.flush() {
                        sent.error = Some(format!("cannot write `{}`: {error}", self.name));
                    }
                    return sent;
                }
            };
            if let Err(error) = result {
                sent.lost += 1;
                sent.error = Some(format!("cannot write `{}`: {error}", self.name));
            }
        }
    }

    fn event(&mut self, envelope: &Envelope, points: &mut Points) -> std::io::Result<()> {
        serde_json::to_writer(&mut self.file, envelope)?;
        self.file.write_all(b"\n")?;
        if !matches!(envelope.event, Event::Window(_)) {
            return Ok(());
        }
        let mut found = Vec::new();
        points.of(envelope, &mut found);
        for point in found {
            let line = serde_json::json!({
                "point": point.name,
                "unit": point.unit.to_string(),
                "labels": point.labels,
                "value": point.value,
                "time_ms": point.at,
            });
            serde_json::to_writer(&mut self.file, &line)?;
            self.file.write_all(b"\n")?;
        }
        // A window comes once a second: whoever follows the file sees it at once.
        self.file.flush()
    }
}
