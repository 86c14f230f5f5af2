//! Rules about how the parts of a program are put together.

pub(super) mod asynchronous_wait;
pub(super) mod cache;
pub(super) mod hot_function;
pub(super) mod n_plus_one;
pub(super) mod split;
pub(super) mod wait_in_lock;
pub(super) mod waiting_program;
