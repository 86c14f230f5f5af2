//! Rules about Hierarchical Temporal Memory.

pub(super) mod durability;
pub(super) mod inhibition;
pub(super) mod search_threshold;
