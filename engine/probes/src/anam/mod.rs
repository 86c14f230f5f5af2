//! Adaptive neural activation mapping: learning row by row, and after the world has changed.

pub mod adapt;
