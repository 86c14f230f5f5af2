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

/// Rows whose memory is kept for the next interval: with all its pages, a megabyte each. A load of more endpoints has so
/// many that it is better to give back what they do not fill.
const MOST_SPARE: usize = 8;

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
    /// Rows of earlier intervals, empty: their memory serves again. First those of requests, which time the first byte too.
    spare: [Vec<Row>; 2],
    /// Rows with times that the last interval had.
    timed: usize,
}

impl Recorder {
    /// For these journeys and phases, with at most `limit` series.
    pub fn new(journeys: Vec<Arc<str>>, phases: Vec<Arc<str>>, limit: usize) -> Self {
        let rows = phases.iter().map(|_| Vec::new()).collect();
        Self {
            journeys,
            phases,
            known: HashMap::new(),
            keys: Vec::new(),
            limit: limit.max(1),
            rows,
            spare: [Vec::new(), Vec::new()],
            timed: 0,
        }
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
        let ([of_requests, of_others], keys) = (&mut self.spare, &self.keys);
        rows[at].get_or_insert_with(|| {
            let row = match keys.get(at).map(|(kind, ..)| *kind) {
                Some(Kind::Request) => of_requests.pop().or_else(|| of_others.pop()),
                Some(kind) if kind.is_timed() => of_others.pop(),
                _ => None,
            };
            Box::new(row.unwrap_or_default())
        })
    }

    /// Takes back rows of an earlier interval, which are empty again; not more than the present one may need.
    pub fn give_back(&mut self, rows: Vec<Row>) {
        for row in rows {
            if self.spare.iter().map(Vec::len).sum::<usize>() < self.timed.min(MOST_SPARE) {
                self.spare[usize::from(row.first_byte.is_none())].push(row);
            }
        }
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
        self.timed = 0;
        for (phase, rows) in self.rows.iter_mut().enumerate() {
            for (endpoint, row) in rows.iter_mut().enumerate() {
                let Some(mut row) = row.take() else { continue };
                // The memory of an earlier interval is no answer in this one.
                row.first_byte.take_if(|histogram| histogram.is_empty());
                let (kind, journey, group, name) = &self.keys[endpoint];
                let label = Label {
                    kind: *kind,
                    journey: Arc::clone(&self.journeys[usize::from(*journey)]),
                    endpoint: Arc::clone(name),
                    group: Arc::clone(group),
                    phase: Arc::clone(&self.phases[phase]),
                };
                self.timed += usize::from(kind.is_timed());
                all.push((label, *row));
            }
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ended(nanos: u64) -> Sample {
        Sample { end: End::Ok, intended: 0, begun: 0, ended: nanos }
    }

    #[test]
    fn rows_that_come_back_begin_anew() {
        let mut recorder = Recorder::new(vec!["j".into()], vec!["".into()], 10);
        let name = |text: &str| Arc::<str>::from(text);
        let slots = [(Kind::Request, "a"), (Kind::Request, "b"), (Kind::Check, "c")]
            .map(|(kind, of)| Slot { endpoint: recorder.endpoint(kind, 0, &name(""), &name(of)), phase: 0 });
        for second in 1..5_u64 {
            for (nth, slot) in slots.iter().enumerate() {
                let row = recorder.row(*slot);
                row.started += 1;
                row.ok += 1;
                if nth < 2 {
                    row.record(ended(second * 1000));
                    row.error(crate::error::ErrorClass::Memory, || second.to_string());
                }
            }
            // Only the first second has first bytes.
            if second == 1 {
                let timings = crate::http::Timings { first_byte: 7, connect: 7, ..Default::default() };
                recorder.row(slots[0]).record_timings(&timings);
            }
            let rows = recorder.take();
            let mut fresh = Row { started: 1, ..Row::default() };
            fresh.record(ended(second * 1000));
            fresh.ok += 1;
            fresh.error(crate::error::ErrorClass::Memory, || second.to_string());
            assert_eq!(rows[1].1, fresh, "{second}");
            if second > 1 {
                assert_eq!(rows[0].1, fresh, "{second}");
            }
            assert_eq!(rows[2].1, Row { started: 1, ok: 1, ..Row::default() });
            let back: Vec<Row> = rows
                .into_iter()
                .map(|(_, mut row)| {
                    row.clear();
                    row
                })
                .collect();
            recorder.give_back(back);
            let spare = recorder.spare.each_ref().map(Vec::len);
            assert_eq!(spare, [usize::from(second == 1), 2 - usize::from(second == 1)], "as many as had times");
        }
    }
}
