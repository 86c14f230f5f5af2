//! Markdown: the report file of a run, the page of a CI job, comparisons.

mod advice;
mod comparison;
mod escape;
mod executive;
mod interference;
mod fault;
mod load;
mod report;
mod results;
mod sections;

pub use advice::advice;
pub use comparison::comparison;
pub use executive::comment;
pub use report::{report, step_summary};
