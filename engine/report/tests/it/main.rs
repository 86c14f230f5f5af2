//! Every format over the same two records: an ordinary run with all that can happen, and one whose every name and
//! message is hostile.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on must fail")]

mod comparison;
mod csv;
mod fault;
mod fixture;
mod github;
mod hostile;
mod html;
mod html_sections;
mod interference;
pub(crate) mod json;
mod junit;
mod load;
mod machine;
mod markdown;
mod text;
