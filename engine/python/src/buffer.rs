//! Bytes that cross into Rust: as a copy, and as a view through Python's buffer protocol.
//!
//! The functions of the protocol entered the stable interface with Python 3.11. They and the layout of a view are the
//! same in 3.9 and 3.10, where every interpreter exports them too; so they are declared here, for one library to serve
//! all.
#![expect(unsafe_code, reason = "the buffer protocol is an interface of C")]

use std::ffi::{c_char, c_int, c_void};
use std::hint::black_box;
use std::mem::MaybeUninit;
use std::sync::{Mutex, PoisonError};

use pyo3::ffi::{Py_ssize_t, PyObject};
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::calls::count;

/// `Py_buffer`, as PEP 3118 and the stable interface have it.
#[repr(C)]
struct View {
    buf: *mut c_void,
    obj: *mut PyObject,
    len: Py_ssize_t,
    itemsize: Py_ssize_t,
    readonly: c_int,
    ndim: c_int,
    format: *mut c_char,
    shape: *mut Py_ssize_t,
    strides: *mut Py_ssize_t,
    suboffsets: *mut Py_ssize_t,
    internal: *mut c_void,
}

/// A view of plain bytes, one behind the other.
const SIMPLE: c_int = 0;

unsafe extern "C" {
    fn PyObject_GetBuffer(object: *mut PyObject, view: *mut View, flags: c_int) -> c_int;
    fn PyBuffer_Release(view: *mut View);
}

/// Length, first and last byte: what shows that the bytes were there.
fn ends(bytes: &[u8]) -> u64 {
    match (bytes.first(), bytes.last()) {
        (Some(first), Some(last)) => bytes.len() as u64 + u64::from(*first) + 256 * u64::from(*last),
        _ => 0,
    }
}

/// What bytes are copied into. Kept, so that it is the copy that costs and not the allocator, which for large copies goes
/// to the kernel in one process and not in another.
static KEPT: Mutex<Vec<u8>> = Mutex::new(Vec::new());

/// Copies the bytes into memory of Rust's and looks at their ends.
#[pyfunction]
pub(crate) fn bytes_copied(data: &Bound<'_, PyBytes>) -> u64 {
    let mut own = KEPT.lock().unwrap_or_else(PoisonError::into_inner);
    own.clear();
    own.extend_from_slice(black_box(data.as_bytes()));
    count();
    ends(black_box(&own))
}

/// Looks at the ends of any object that lends its bytes (`bytes`, `bytearray`, `memoryview`, arrays) where they lie.
#[pyfunction]
pub(crate) fn buffer_viewed(data: &Bound<'_, PyAny>) -> PyResult<u64> {
    let mut view = MaybeUninit::<View>::uninit();
    // SAFETY: the thread is attached, the object is alive, and there is room for a view.
    if unsafe { PyObject_GetBuffer(data.as_ptr(), view.as_mut_ptr(), SIMPLE) } != 0 {
        return Err(PyErr::fetch(data.py()));
    }
    // SAFETY: the call filled it.
    let mut view = unsafe { view.assume_init() };
    let found = if view.len > 0 {
        // SAFETY: a simple view is `len` bytes from `buf` on, kept in place until the release, and no Python code runs
        // in between that could write to them.
        ends(unsafe { std::slice::from_raw_parts(view.buf.cast::<u8>(), view.len as usize) })
    } else {
        0
    };
    // SAFETY: gives back, once, what was got above.
    unsafe { PyBuffer_Release(&raw mut view) };
    count();
    Ok(found)
}
