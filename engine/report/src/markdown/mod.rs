//! Markdown: the report file of a run, the page of a CI job, comparisons.

mod comparison;
mod escape;
mod fault;
mod load;
mod report;
mod results;
mod sections;

pub use comparison::comparison;
pub use report::{report, step_summary};
