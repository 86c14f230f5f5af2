//! Calls from one language into another, and what the guarantees of Rust cost beside C.
//!
//! `foreign` declares and loads the functions of C (`c/`), `turns` takes passes of several rungs in turns, `interpreter`
//! drives the child in which Python and the extension run, `kernels` are the programs of the safety ladder.

pub mod buffer;
pub(crate) mod foreign;
pub(crate) mod interpreter;
pub(crate) mod kernels;
pub mod native;
pub mod python;
pub mod safety;
pub(crate) mod turns;
