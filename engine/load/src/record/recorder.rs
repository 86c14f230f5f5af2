//! Where one thread records: the rows of the present second, found by a number and not by a name.

use std::collections::HashMap;
use std::sync::Arc;

use super::{End, Kind, Label, Row, Sample};

/// A series of one thread, without the phase.
pub type Endpoint = u32;

/// A row: a series in a phase.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slot {
    /// The series.
    pub endpoint: Endpoint,
    /// The phase.
    pub phase: u16,
}

/// Series beyond the limit are counted in one row of this name.
const OVERFLOW: &str = "(other)";

type Key = (Kind, u16, Arc<str>, Arc<str>);

/// See the module.
#[derive(Debug)]
pub struct Recorder {
    journeys: Vec<Arc<str>>,
    phases: Vec<Arc<str>>,
    known: HashMap<Key, Endpoint>,
    keys: Vec<Key>,
    limit: usize,
    /// Rows of the present interval, `[phase][endpoint]`.
    rows: Vec<Vec<Option<Box<Row>>>>,
}

impl Recorder {
    /// For these journeys and phases, with at most `limit` series.
    pub fn new(journeys: Vec<Arc<str>>, phases: Vec<Arc<str>>, limit: usize) -> Self {
        let rows = phases.iter().map(|_| Vec::new()).collect();
        Self { journeys, phases, known: HashMap::new(), keys: Vec::new(), limit: limit.max(1), rows }
    }

    /// The number of a series; of the overflow series when there are too many.
    pub fn endpoint(&mut self, kind: Kind, journey: u16, group: &Arc<str>, name: &Arc<str>) -> Endpoint {
        let key = (kind, journey, Arc::clone(group), Arc::clone(name));
        if let Some(known) = self.known.get(&key) {
            return *known;
        }
        if self.keys.len() >= self.limit && **name != *OVERFLOW && !matches!(kind, Kind::Iteration | Kind::NotStarted) {
            return self.endpoint(kind, journey, &"".into(), &OVERFLOW.into());
        }
        let number = self.keys.len() as Endpoint;
        self.keys.push(key.clone());
        self.known.insert(key, number);
        number
    }

    /// The row of the present interval.
    #[inline]
    pub fn row(&mut self, slot: Slot) -> &mut Row {
        let rows = &mut self.rows[usize::from(slot.phase)];
        let at = slot.endpoint as usize;
        if at >= rows.len() {
            rows.resize_with(at + 1, || None);
        }
        rows[at].get_or_insert_with(Box::default)
    }

    /// Counts an arrival that was due at `intended` and not started by `ended`.
    pub fn not_started(&mut self, journey: u16, phase: u16, intended: u64, ended: u64) {
        let endpoint = self.endpoint(Kind::NotStarted, journey, &"".into(), &"".into());
        let row = self.row(Slot { endpoint, phase });
        row.started += 1;
        row.record(Sample { end: End::CutOff, intended, begun: ended, ended });
    }

    /// Hands over the rows of the interval that ends, and begins the next.
    pub fn take(&mut self) -> Vec<(Label, Row)> {
        let mut all = Vec::new();
        for (phase, rows) in self.rows.iter_mut().enumerate() {
            for (endpoint, row) in rows.iter_mut().enumerate() {
                let Some(row) = row.take() else { continue };
                let (kind, journey, group, name) = &self.keys[endpoint];
                let label = Label {
                    kind: *kind,
                    journey: Arc::clone(&self.journeys[usize::from(*journey)]),
                    endpoint: Arc::clone(name),
                    group: Arc::clone(group),
                    phase: Arc::clone(&self.phases[phase]),
                };
                all.push((label, *row));
            }
        }
        all
    }
}
