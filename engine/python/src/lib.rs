//! The Python extension of the probes of foreign calls: functions that do as little as can be checked, so that what a
//! call of them costs is what crossing between Python and Rust costs.
//!
//! Each function counts its calls. Whoever measures compares the count with the number of calls made, so that a call
//! that never arrived, or a module that was never imported, is no measurement.

mod buffer;
mod calls;
mod gil;
mod values;

use pyo3::prelude::pymodule;

/// Calls between Python and Rust.
#[pymodule]
mod engine_python {
    #[pymodule_export]
    use crate::buffer::{buffer_viewed, bytes_copied};
    #[pymodule_export]
    use crate::calls::calls;
    #[pymodule_export]
    use crate::gil::{attach_often, call_often, gil_released, spin};
    #[pymodule_export]
    use crate::values::{called_back, dict_both, fail, int_both, list_both, noop, str_both};
}
