//! Appending formatted text to a string.

/// Appends formatted text: `put!(out, "{x}\n")`. Writing to a string cannot fail.
macro_rules! put {
    ($out:expr, $($arguments:tt)+) => {{
        use std::fmt::Write as _;
        let _ = write!($out, $($arguments)+);
    }};
}
