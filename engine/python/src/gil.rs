//! The interpreter's lock, and calls from Rust into Python. What Rust repeats, Rust times: nanoseconds of the whole
//! loop are returned.

use std::hint::black_box;
use std::sync::Barrier;
use std::thread;
use std::time::{Duration, Instant};

use pyo3::exceptions::{PyRuntimeError, PyValueError};
use pyo3::prelude::*;

use crate::calls::count;

/// Gives up the lock and takes it again.
#[pyfunction]
pub(crate) fn gil_released(py: Python<'_>) {
    py.detach(|| black_box(()));
    count();
}

/// Calls `function()` so many times; nanoseconds of all. The first error ends it.
#[pyfunction]
pub(crate) fn call_often(function: &Bound<'_, PyAny>, times: u64) -> PyResult<u64> {
    let start = Instant::now();
    for _ in 0..times {
        function.call0()?;
        count();
    }
    Ok(nanos(start.elapsed()))
}

/// Threads of Rust's own, unknown to Python, each attach to the interpreter and leave it so many times; nanoseconds
/// from the first start to the last end. The calling thread gives up the lock meanwhile.
#[pyfunction]
pub(crate) fn attach_often(py: Python<'_>, threads: usize, times: u64) -> PyResult<u64> {
    if threads == 0 {
        return Err(PyValueError::new_err("at least one thread"));
    }
    py.detach(|| {
        let gate = Barrier::new(threads);
        let work = || {
            gate.wait();
            let start = Instant::now();
            (0..times).for_each(|_| Python::attach(|_| count()));
            (start, Instant::now())
        };
        thread::scope(|scope| {
            let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
            let spans: Result<Vec<_>, _> = workers.into_iter().map(|worker| worker.join()).collect();
            let spans = spans.map_err(|_| PyRuntimeError::new_err("a thread panicked"))?;
            let (first, last) = (spans.iter().map(|span| span.0).min(), spans.iter().map(|span| span.1).max());
            Ok(first.zip(last).map_or(0, |(first, last)| nanos(last.duration_since(first))))
        })
    })
}

/// Works for `turns` steps, each of which needs the last, with the lock held or given up; the result is a number that
/// depends on every step.
#[pyfunction]
pub(crate) fn spin(py: Python<'_>, turns: u64, release: bool) -> u64 {
    let found = if release { py.detach(|| turned(turns)) } else { turned(turns) };
    count();
    found
}

/// A linear congruential generator (Knuth's MMIX constants).
fn turned(turns: u64) -> u64 {
    (0..black_box(turns)).fold(1, |state: u64, _| {
        black_box(state).wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407)
    })
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}
