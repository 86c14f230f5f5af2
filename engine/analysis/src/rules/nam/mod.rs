//! Rules about neural activation mapping.

pub(super) mod batch;
pub(super) mod capture;
pub(super) mod peak;
pub(super) mod precision;
pub(super) mod sparsity;
