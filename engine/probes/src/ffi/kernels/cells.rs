//! Three guarantees on what is shared: nobody else uses a cell while it is changed (`RefCell` within a thread, `Mutex`
//! between threads), and what is used is still there (`Arc`).
#![expect(unsafe_code, reason = "the sides without the guarantee")]

use std::cell::{Cell, RefCell, UnsafeCell};
use std::sync::{Arc, Mutex, PoisonError};

use super::{COUNT, Data, Kernel, Side};

/// A cell that says itself whether it is in use, in C.
#[repr(C)]
#[derive(Clone, Copy)]
pub(super) struct Flagged {
    users: i64,
    value: u64,
}

/// A number that counts its users, in C.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub(super) struct Counted {
    users: u64,
    value: u64,
}

/// Locks that C has allocated.
#[repr(C)]
struct CLocks {
    _opaque: [u8; 0],
}

unsafe extern "C" {
    fn safety_cells(cells: *mut u64, order: *const u32, count: usize) -> u64;
    fn safety_flagged(cells: *mut Flagged, order: *const u32, count: usize) -> u64;
    fn safety_locks_new(length: usize) -> *mut CLocks;
    fn safety_locked(locks: *mut CLocks, order: *const u32, count: usize) -> u64;
    fn safety_locks_free(locks: *mut CLocks);
    fn safety_shared(shared: *const *mut Counted, order: *const u32, count: usize) -> u64;
    fn safety_shared_checked(shared: *mut *mut Counted, order: *const u32, count: usize) -> u64;
}

/// The locks of C, freed when dropped.
struct Locks(*mut CLocks);

// SAFETY: the locks belong to this value alone and are used through `&mut`.
unsafe impl Send for Locks {}

impl Drop for Locks {
    fn drop(&mut self) {
        if !self.0.is_null() {
            // SAFETY: allocated by `safety_locks_new`, freed once.
            unsafe { safety_locks_free(self.0) };
        }
    }
}

/// Pointers to the numbers of C, which lie in a vector of their own.
struct Pointers(Vec<*mut Counted>);

// SAFETY: they point into a vector that lives beside them and is used by nobody else.
unsafe impl Send for Pointers {}

/// The same cells, once for each way of keeping them.
pub(super) struct Cells {
    ref_cells: Vec<RefCell<u64>>,
    plain_cells: Vec<Cell<u64>>,
    bare: Vec<UnsafeCell<u64>>,
    c: Vec<u64>,
    flagged: Vec<Flagged>,
    mutexes: Vec<Mutex<u64>>,
    locks: Locks,
    shared: Vec<Arc<u64>>,
    counted: Pointers,
    _counts: Vec<Counted>,
}

impl Cells {
    /// Cells that hold the turn in which a sweep in this order comes to them, and shared numbers with these values.
    pub(super) fn new(order: &[u32], values: &[u32]) -> Self {
        let mut turn = vec![0u64; COUNT];
        order.iter().zip(0..).for_each(|(at, number)| turn[*at as usize] = number);
        let mut counts: Vec<Counted> =
            values.iter().map(|value| Counted { users: 1, value: u64::from(*value) }).collect();
        // SAFETY: the locks are used only when the call gives some; the sweep writes the turn of each.
        let locks = unsafe {
            let locks = Locks(safety_locks_new(COUNT));
            if !locks.0.is_null() {
                safety_locked(locks.0, order.as_ptr(), order.len());
            }
            locks
        };
        Self {
            ref_cells: turn.iter().map(|value| RefCell::new(*value)).collect(),
            plain_cells: turn.iter().map(|value| Cell::new(*value)).collect(),
            bare: turn.iter().map(|value| UnsafeCell::new(*value)).collect(),
            flagged: turn.iter().map(|value| Flagged { users: 0, value: *value }).collect(),
            mutexes: turn.iter().map(|value| Mutex::new(*value)).collect(),
            locks,
            shared: values.iter().map(|value| Arc::new(u64::from(*value))).collect(),
            counted: Pointers(counts.iter_mut().map(std::ptr::from_mut).collect()),
            _counts: counts,
            c: turn,
        }
    }
}

/// Reads each cell in the given order and writes the turn into it.
#[inline(always)]
fn in_order<'a>(order: &'a [u32], mut exchange: impl FnMut(usize, u64) -> u64 + 'a) -> u64 {
    order.iter().zip(0..).fold(0, |sum, (at, turn)| sum + exchange(*at as usize, turn))
}

/// Without a guarantee: the same for both kinds of cells.
fn bare(data: &mut Data) -> u64 {
    let cells = &data.cells.bare;
    // SAFETY: the order has every index of the cells once, and nobody else uses a cell meanwhile.
    in_order(&data.order, |at, turn| unsafe { cells.get_unchecked(at).get().replace(turn) })
}

fn c(data: &mut Data) -> u64 {
    // SAFETY: both arrays are as long as is said, and the order has only indices of the cells.
    unsafe { safety_cells(data.cells.c.as_mut_ptr(), data.order.as_ptr(), data.order.len()) }
}

/// Turns add up to the same in any order.
fn turns(data: &Data) -> u64 {
    (0..data.order.len() as u64).sum()
}

/// One user at a time within a thread: a flag is checked and set, and reset. Proven: `Cell`, which lends nothing.
pub(super) const REFCELL: Kernel = Kernel {
    name: "refcell",
    operations: COUNT,
    sides: &[
        (Side::Safe, |data| {
            in_order(&data.order, |at, turn| std::mem::replace(&mut *data.cells.ref_cells[at].borrow_mut(), turn))
        }),
        (Side::Proven, |data| in_order(&data.order, |at, turn| data.cells.plain_cells[at].replace(turn))),
        (Side::Unsafe, bare),
        (Side::C, c),
        (Side::CChecked, |data| {
            // SAFETY: both arrays are as long as is said, and the order has only indices of the cells.
            unsafe { safety_flagged(data.cells.flagged.as_mut_ptr(), data.order.as_ptr(), data.order.len()) }
        }),
    ],
    expected: turns,
};

/// One user at a time between threads, where nobody contends. Proven: `&mut` shows that nobody else can have it.
pub(super) const MUTEX: Kernel = Kernel {
    name: "mutex",
    operations: COUNT,
    sides: &[
        (Side::Safe, |data| {
            in_order(&data.order, |at, turn| {
                let mut guard = data.cells.mutexes[at].lock().unwrap_or_else(PoisonError::into_inner);
                std::mem::replace(&mut *guard, turn)
            })
        }),
        (Side::Proven, |data| {
            let mutexes = &mut data.cells.mutexes;
            in_order(&data.order, |at, turn| {
                std::mem::replace(mutexes[at].get_mut().unwrap_or_else(PoisonError::into_inner), turn)
            })
        }),
        (Side::Unsafe, bare),
        (Side::C, c),
        (Side::CChecked, |data| {
            if data.cells.locks.0.is_null() {
                return 0;
            }
            // SAFETY: there are as many locks as indices, and they belong to this value.
            unsafe { safety_locked(data.cells.locks.0, data.order.as_ptr(), data.order.len()) }
        }),
    ],
    expected: turns,
};

/// What is used stays alive: a count is raised and lowered, atomically. Proven: a borrow.
pub(super) const ARC: Kernel = Kernel {
    name: "arc",
    operations: COUNT,
    sides: &[
        (Side::Safe, |data| {
            in_order(&data.order, |at, _| {
                let mine = Arc::clone(&data.cells.shared[at]);
                *mine
            })
        }),
        (Side::Proven, |data| in_order(&data.order, |at, _| *data.cells.shared[at])),
        (Side::Unsafe, |data| {
            let shared = &data.cells.shared;
            // SAFETY: the order has every index once, and the numbers outlive this call.
            in_order(&data.order, |at, _| unsafe { *Arc::as_ptr(shared.get_unchecked(at)) })
        }),
        (Side::C, |data| {
            // SAFETY: there are as many pointers as indices, each to a number that lives beside them.
            unsafe { safety_shared(data.cells.counted.0.as_ptr(), data.order.as_ptr(), data.order.len()) }
        }),
        (Side::CChecked, |data| {
            // SAFETY: as before; the count of users never falls to zero, since each starts with one.
            unsafe { safety_shared_checked(data.cells.counted.0.as_mut_ptr(), data.order.as_ptr(), data.order.len()) }
        }),
    ],
    expected: |data| data.values.iter().map(|value| u64::from(*value)).sum(),
};
