//! Configuration: every setting, where it came from, and how it is read.

mod load;
mod schema;

pub(crate) use load::{Layer, Loaded, import, load, seconds, share, text};
pub(crate) use schema::Config;
