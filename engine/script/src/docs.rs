//! The documents of the script API: one table of the written functions, and the registry for the rest.

mod written;

pub(crate) use written::WRITTEN;
