//! What a run found, for people and for machines: text for the terminal, Markdown, JSON, CSV, JUnit, and the notes
//! that a CI page shows.
//!
//! Every function here is pure: a record goes in, a string comes out. The time zone, the width of the terminal and
//! whether it has colours are parameters. Each format has a module of its own, and its functions are named by what
//! they return: [`text::summary`], [`markdown::report`], [`json::report`], [`csv::rounds`], [`junit::testsuites`].
//!
//! Names and messages come from scenarios, programs and servers, and are never trusted: see [`clean`].
#![forbid(unsafe_code)]

#[macro_use]
mod put;

mod advice;
pub mod clean;
pub mod csv;
mod curve;
mod diagnosis;
pub mod executive;
mod expectation;
mod fault;
pub mod github;
pub mod html;
mod input;
mod interference;
pub mod json;
pub mod junit;
mod load;
mod machine;
pub mod markdown;
mod moment;
mod names;
mod number;
pub mod text;
mod verdict;
mod view;

pub use input::{BaselineRow, Cause, Exit, Report, RunRow, Unsure};
pub use jiff::tz::TimeZone;
pub use names::{FileNames, advice_file_names, file_names, load_file_names};
