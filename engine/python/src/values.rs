//! Values that cross into Rust and back: converted on the way in, owned by Rust, converted on the way out.

use std::collections::HashMap;

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use crate::calls::count;

/// Takes and gives nothing.
#[pyfunction]
pub(crate) fn noop() {
    count();
}

/// One more than `value`.
#[pyfunction]
pub(crate) fn int_both(value: i64) -> i64 {
    count();
    value.wrapping_add(1)
}

/// The text, copied into a `String` and out of it.
#[pyfunction]
pub(crate) fn str_both(value: String) -> String {
    count();
    value
}

/// The numbers, copied into a `Vec` and into a new list.
#[pyfunction]
pub(crate) fn list_both(value: Vec<i64>) -> Vec<i64> {
    count();
    value
}

/// The entries, copied into a `HashMap` and into a new dict.
#[pyfunction]
pub(crate) fn dict_both(value: HashMap<String, i64>) -> HashMap<String, i64> {
    count();
    value
}

/// Always raises `ValueError`.
#[pyfunction]
pub(crate) fn fail() -> PyResult<()> {
    count();
    Err(PyValueError::new_err("wanted"))
}

/// Calls `function(20)` and gives one more than what it gave.
#[pyfunction]
pub(crate) fn called_back(function: &Bound<'_, PyAny>) -> PyResult<i64> {
    let value: i64 = function.call1((20,))?.extract()?;
    count();
    Ok(value.wrapping_add(1))
}
