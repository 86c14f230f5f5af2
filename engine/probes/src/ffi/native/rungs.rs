//! The loops of `ffi.native`: each calls across the boundary, its twin calls the same function of Rust.

use std::ffi::{CStr, CString, c_void};
use std::hint::black_box;

use super::super::foreign::{self, Large, Loaded, Pair, Shared, Step};
use super::super::turns::{Rung, keep, keep_at};
use crate::harness::repeated::repeated;

/// What the loops work on.
pub(crate) struct Material {
    shared: Option<Shared>,
    /// More copies of the shared library, and which of them is next.
    tables: Vec<Loaded>,
    next: usize,
    texts: Vec<String>,
    step: i64,
    /// Kept from the optimiser, so that what C is given to call back is not known where it is called.
    forward: Step,
    within: fn(&i64, i64) -> i64,
}

/// Bytes of a text.
const TEXT: usize = 32;
/// Copies of the shared library that take turns, a pass each: as many as there are passes that count, and an odd number, so
/// that passes of two lengths that alternate meet every copy.
const TABLES: usize = 9;
/// Texts that take turns: as many as the library has names.
const TEXTS: usize = 4;

impl Material {
    pub(crate) fn new(shared: Option<Shared>) -> Self {
        let texts = (0..TEXTS).map(|at| format!("{:.<TEXT$}", char::from(b'a' + at as u8))).collect();
        let tables = if shared.is_some() { foreign::copies(TABLES) } else { Vec::new() };
        for copy in &tables {
            // SAFETY: a count is all that the function wants. Now its pages are there.
            black_box(unsafe { (copy.shared.add_often)(1_000) });
        }
        Self {
            shared,
            tables,
            next: 0,
            texts,
            step: black_box(3),
            forward: black_box(forward),
            within: black_box(within),
        }
    }
}

/// A kind of call: the loop across the boundary, and within Rust where that is something else.
pub(crate) struct Kind {
    pub(crate) name: &'static str,
    /// Whether it needs the shared library.
    pub(crate) dynamic: bool,
    calls: fn(&mut Material, u64) -> u64,
    pub(crate) twin: Option<fn(&mut Material, u64) -> u64>,
    expected: fn(&Material, u64) -> u64,
}

impl Kind {
    /// The rung, and behind it that of the twin.
    pub(crate) fn rungs(&self) -> impl Iterator<Item = Rung<Material>> + use<> {
        let (name, expected) = (self.name, self.expected);
        [Some(self.calls), self.twin].into_iter().flatten().map(move |calls| Rung::new(name, calls, expected))
    }
}

/// All kinds, cheap ones first.
pub(crate) static KINDS: &[Kind] = &[
    Kind { name: "inlined", dynamic: false, calls: inlined, twin: None, expected: sum },
    Kind { name: "rust", dynamic: false, calls: rust, twin: None, expected: sum },
    Kind { name: "c_static", dynamic: false, calls: c_static, twin: Some(rust), expected: sum },
    Kind { name: "c_dynamic", dynamic: true, calls: c_dynamic, twin: Some(rust), expected: sum },
    Kind { name: "c_pointer", dynamic: true, calls: c_pointer, twin: Some(rust), expected: sum },
    Kind { name: "callback", dynamic: false, calls: callback, twin: Some(rust_callback), expected: steps },
    Kind { name: "struct_16", dynamic: false, calls: struct_16, twin: Some(rust_16), expected: pairs },
    Kind { name: "struct_64", dynamic: false, calls: struct_64, twin: Some(rust_64), expected: words },
    Kind { name: "text_in", dynamic: false, calls: text_in, twin: Some(rust_text_in), expected: texts_in },
    Kind { name: "text_out", dynamic: false, calls: text_out, twin: Some(rust_text_out), expected: texts_out },
];

// An addition.

#[inline(always)]
fn additions(count: u64, add: impl Fn(i64, i64) -> i64) -> u64 {
    let (mut sum, mut at) = (0i64, 0i64);
    repeated(count, || {
        sum = keep(add(sum, at));
        // Kept too, so that no compiler adds up both in an instruction that takes longer.
        at = keep(at + 1);
    });
    sum as u64
}

fn sum(_: &Material, count: u64) -> u64 {
    if count.is_multiple_of(2) {
        (count / 2).wrapping_mul(count.wrapping_sub(1))
    } else {
        count.wrapping_mul(count / 2)
    }
}

fn inlined(_: &mut Material, count: u64) -> u64 {
    additions(count, i64::wrapping_add)
}

#[inline(never)]
fn rust_add(a: i64, b: i64) -> i64 {
    a.wrapping_add(b)
}

fn rust(_: &mut Material, count: u64) -> u64 {
    additions(count, rust_add)
}

/// A direct call, which is what the linker makes of a single call of a function that it links in. In a loop Rust's
/// compiler loads the address first and calls that: there the other kinds are like `c_pointer`.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
fn direct_add(a: i64, b: i64) -> i64 {
    let sum: i64;
    // SAFETY: calls a function by the convention of C, with its arguments and its result where that has them; what a
    // function may change is said to be changed.
    unsafe {
        std::arch::asm!(
            "call {add}",
            add = sym foreign::ladder_add,
            in("rdi") a,
            in("rsi") b,
            lateout("rax") sum,
            clobber_abi("sysv64")
        );
    }
    sum
}

#[cfg(not(target_arch = "x86_64"))]
#[inline(always)]
fn direct_add(a: i64, b: i64) -> i64 {
    foreign::ladder_add(a, b)
}

fn c_static(_: &mut Material, count: u64) -> u64 {
    additions(count, direct_add)
}

/// Where the system happens to have loaded a library decides how well a processor foresees the jumps of its table, by up
/// to a third, and for as long as the library stays. So each pass calls another copy: the best one has the best place.
fn c_dynamic(material: &mut Material, count: u64) -> u64 {
    material.next += 1;
    let copy = material.tables.get(material.next % TABLES).map(|copy| copy.shared).or(material.shared);
    // SAFETY: a count is all that the function wants.
    copy.map_or(0, |shared| unsafe { (shared.add_often)(count as i64) } as u64)
}

fn c_pointer(material: &mut Material, count: u64) -> u64 {
    // SAFETY: two numbers are all that the function wants.
    material.shared.map_or(0, |shared| additions(count, |a, b| unsafe { (shared.add)(a, b) }))
}

// A call back.

/// Called by C.
unsafe extern "C" fn forward(state: *const c_void, value: i64) -> i64 {
    // SAFETY: `callback` gives C the address of a number that outlives the call.
    within(unsafe { &*state.cast::<i64>() }, value)
}

#[inline(always)]
fn within(step: &i64, value: i64) -> i64 {
    value.wrapping_add(*step)
}

fn callback(material: &mut Material, count: u64) -> u64 {
    let state = (&raw const material.step).cast::<c_void>();
    let mut value = 0;
    // SAFETY: the function is ours and knows what the state is; both live as long as the call.
    repeated(count, || value = keep(unsafe { foreign::ladder_apply(material.forward, state, value) }));
    value as u64
}

#[inline(never)]
fn rust_apply(step: fn(&i64, i64) -> i64, state: &i64, value: i64) -> i64 {
    step(state, value).wrapping_add(1)
}

fn rust_callback(material: &mut Material, count: u64) -> u64 {
    let mut value = 0;
    repeated(count, || value = keep(rust_apply(material.within, &material.step, value)));
    value as u64
}

fn steps(material: &Material, count: u64) -> u64 {
    count.wrapping_mul((material.step + 1) as u64)
}

// Structs by value.

#[inline(always)]
fn pair_steps(count: u64, next: impl Fn(Pair) -> Pair) -> u64 {
    let mut pair = Pair { steps: 0, sum: 0 };
    repeated(count, || {
        let found = next(pair);
        pair = Pair { steps: keep(found.steps), sum: keep(found.sum) };
    });
    (pair.steps ^ pair.sum) as u64
}

fn struct_16(_: &mut Material, count: u64) -> u64 {
    pair_steps(count, |pair| foreign::ladder_pair(pair))
}

#[inline(never)]
fn rust_pair(pair: Pair) -> Pair {
    Pair { steps: pair.steps.wrapping_add(1), sum: pair.sum.wrapping_add(pair.steps) }
}

fn rust_16(_: &mut Material, count: u64) -> u64 {
    pair_steps(count, rust_pair)
}

fn pairs(material: &Material, count: u64) -> u64 {
    count ^ sum(material, count)
}

#[inline(always)]
fn large_steps(count: u64, next: impl Fn(Large) -> Large) -> u64 {
    let mut large = Large { words: [0; 8] };
    repeated(count, || {
        large = next(large);
        keep_at(&mut large);
    });
    large.words.iter().fold(0, |sum, word| sum.wrapping_add(*word as u64))
}

fn struct_64(_: &mut Material, count: u64) -> u64 {
    large_steps(count, |large| foreign::ladder_large(large))
}

#[inline(never)]
fn rust_large(mut large: Large) -> Large {
    large.words.iter_mut().zip(1..).for_each(|(word, step)| *word = word.wrapping_add(step));
    large
}

fn rust_64(_: &mut Material, count: u64) -> u64 {
    large_steps(count, rust_large)
}

fn words(_: &Material, count: u64) -> u64 {
    count.wrapping_mul(36)
}

// Texts.

#[inline(always)]
fn of_texts(material: &Material, count: u64, look: impl Fn(&str) -> u64) -> u64 {
    (0..count as usize).fold(0, |sum, at| keep((sum + look(&material.texts[at % TEXTS])) as i64) as u64)
}

fn text_in(material: &mut Material, count: u64) -> u64 {
    of_texts(material, count, |text| {
        // No text of ours has a zero within; were it so, the sum would be wrong.
        let owned = CString::new(text).unwrap_or_default();
        // SAFETY: the text ends with zero and lives as long as the call.
        unsafe { foreign::ladder_text(owned.as_ptr()) }
    })
}

#[inline(never)]
fn rust_text(text: &str) -> u64 {
    text.len() as u64 + u64::from(text.as_bytes().first().copied().unwrap_or(0))
}

fn rust_text_in(material: &mut Material, count: u64) -> u64 {
    of_texts(material, count, rust_text)
}

fn texts_in(_: &Material, count: u64) -> u64 {
    texts(count, b"abcd")
}

/// So many texts in turns, by their first bytes: lengths and first bytes added up.
fn texts(count: u64, first: &[u8; TEXTS]) -> u64 {
    let firsts = |range: usize| first[..range].iter().map(|byte| u64::from(*byte)).sum::<u64>();
    let turns = TEXTS as u64;
    count * TEXT as u64 + count / turns * firsts(TEXTS) + firsts((count % turns) as usize)
}

#[inline(always)]
fn of_names<'a>(count: u64, name: impl Fn(u64) -> &'a str) -> u64 {
    (0..count).fold(0, |sum, at| {
        let name = name(at);
        keep((sum + name.len() as u64 + u64::from(name.as_bytes()[0])) as i64) as u64
    })
}

fn text_out(_: &mut Material, count: u64) -> u64 {
    of_names(count, |at| {
        // SAFETY: the function gives texts that end with zero and live as long as the program.
        unsafe { CStr::from_ptr(foreign::ladder_name(at)) }.to_str().unwrap_or("?")
    })
}

#[inline(never)]
fn rust_name(number: u64) -> &'static str {
    static NAMES: [&str; TEXTS] = [
        "alpha: a text of thirty-two byte",
        "bravo: a text of thirty-two byte",
        "carol: a text of thirty-two byte",
        "delta: a text of thirty-two byte",
    ];
    NAMES[number as usize % TEXTS]
}

fn rust_text_out(_: &mut Material, count: u64) -> u64 {
    of_names(count, rust_name)
}

fn texts_out(_: &Material, count: u64) -> u64 {
    texts(count, b"abcd")
}
