//! Hierarchical Temporal Memory: the library `engine-htm`, measured on data that is made from the seed and checked.

pub(crate) mod patterns;
pub mod store_get;
pub mod store_put;
pub mod store_search;
pub mod tensor_search;
pub mod tensor_write;
pub(crate) mod tensors;
