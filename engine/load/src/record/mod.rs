//! What is recorded: rows of counters and histograms, by second and in sum.

mod interval;
mod recorder;
mod row;

pub use interval::{Interval, Totals};
pub use recorder::{Endpoint, Recorder, Slot};
pub use row::{End, ErrorCount, Kind, Label, Row, Sample, value_scale};
