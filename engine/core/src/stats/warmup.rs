//! Lands with the next change.
