//! The functions that are written by hand, each with an example that a test runs.

/// A function as documents show it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Written {
    /// Module, or nothing.
    pub(crate) module: &'static str,
    pub(crate) name: &'static str,
    pub(crate) signature: &'static str,
    pub(crate) doc: &'static str,
    /// A whole scenario.
    pub(crate) example: &'static str,
}

/// All of them, in the order of the documents.
pub(crate) const WRITTEN: &[Written] = &[];
