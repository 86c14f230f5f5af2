//! HTML: a report as one file that works offline, for people who were not there.
//!
//! There are two kinds. The full one has charts to zoom into, drawn by a library that lies compressed in the file; the
//! light one has no script at all, and its charts are inline SVG. Both show the same text, tables and numbers, and nothing
//! in either is fetched from anywhere: the file's own content security policy forbids it.
//!
//! Every number in a table carries its exact value in `data-v`, and the data of the charts of a full report lie in it as
//! compressed JSON, so that a program can read back what people see.

mod advice;
pub mod assets;
pub mod chart;
mod charts;
mod comparison;
mod diagnostics;
mod escape;
mod executive;
mod fault;
mod interference;
mod load;
mod page;
mod report;
mod results;
mod scale;
mod sections;
mod svg;
mod table;

pub use comparison::comparison;
pub use report::{charts, report};

/// Which kind of file is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Kind {
    /// With charts to zoom into: at most 1 MB.
    #[default]
    Full,
    /// Without a script, for mail and for places that forbid scripts: at most 250 KB.
    Lite,
}

impl Kind {
    /// The most bytes that a file of this kind has.
    #[must_use]
    pub const fn most(self) -> usize {
        match self {
            Self::Full => 1_000_000,
            Self::Lite => 250_000,
        }
    }
}
