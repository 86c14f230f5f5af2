//! Rules about caches and memory.

pub(super) mod allocator;
pub(super) mod bandwidth_bound;
pub(super) mod bandwidth_limit;
pub(super) mod beyond_caches;
pub(super) mod bus_share;
pub(super) mod fault_share;
pub(super) mod huge_pages;
pub(super) mod leak;
pub(super) mod locality;
pub(super) mod missing_channel;
pub(super) mod numa;
pub(super) mod page_faults;
pub(super) mod pressure;
pub(super) mod streaming_stores;
pub(super) mod vcache;
pub(super) mod working_set;
