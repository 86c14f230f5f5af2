//! The kernels in x86-64 assembly: four vectors a turn, like those of likwid-bench, so that no compiler turns a copy
//! into `memcpy`, fuses a multiplication with an addition, or moves a store past the fence.
#![expect(unsafe_code, reason = "assembly")]

use std::arch::asm;

use super::{Pass, Store};
use crate::kernel::isa::Isa;

/// One pass over `n` elements, `$turn` of them a turn. `$load` reads the first operand of result `r` of the four of a
/// turn into vector register `r`, `$work` makes the result, from the other operand and the factor in register 4, and
/// `$put` stores it. All four do one step before any does the next: four lines of an array in a row keep the
/// prefetchers and the memory's pages busier than a line of each in turn does, by 2 to 4 % on the machine where that
/// was compared. `$before` spreads the factor, `$after` fences non-temporal stores and leaves the wide registers clean.
macro_rules! pass {
    ($name:ident, $turn:literal, $before:literal, $load:expr, $work:expr, $put:expr, $after:literal) => {
        unsafe fn $name(to: *mut f64, one: *const f64, two: *const f64, n: usize, scalar: f64) {
            // SAFETY: the caller vouches for pointers, alignment, length and instruction set (see `Pass`). Every
            // register written is declared; the upper parts of vector registers hold nothing of the compiler's,
            // since this function is compiled for the baseline instruction set.
            unsafe {
                asm!(
                    "# {to} {one} {two} {t}",
                    $before,
                    ".p2align 5",
                    "2:",
                    ".irp r,0,1,2,3",
                    $load,
                    ".endr",
                    ".irp r,0,1,2,3",
                    $work,
                    ".endr",
                    ".irp r,0,1,2,3",
                    $put,
                    ".endr",
                    "add {i}, {turn}",
                    "cmp {i}, {n}",
                    "jb 2b",
                    $after,
                    turn = const $turn,
                    i = inout(reg) 0usize => _,
                    n = in(reg) n,
                    to = in(reg) to,
                    one = in(reg) one,
                    two = in(reg) two,
                    t = out(reg) _,
                    inout("xmm4") scalar => _,
                    out("xmm0") _,
                    out("xmm1") _,
                    out("xmm2") _,
                    out("xmm3") _,
                    options(nostack),
                );
            }
        }
    };
}

/// Four passes with three-operand instructions on registers `$v`, `$w` bytes wide.
macro_rules! wide {
    ([$copy:ident, $scale:ident, $add:ident, $triad:ident], $v:literal, $w:literal, $turn:literal,
     $before:literal, $mov:literal, $after:literal) => {
        wide!(@pass $copy, $v, $w, $turn, $before, "{one}", "", $mov, $after);
        wide!(@pass $scale, $v, $w, $turn, $before, "{one}", concat!("vmulpd ", $v, "\\r, ", $v, "\\r, ", $v, "4"),
            $mov, $after);
        wide!(@pass $add, $v, $w, $turn, $before, "{one}",
            concat!("vaddpd ", $v, "\\r, ", $v, "\\r, [{two} + {i}*8 + \\r*", $w, "]"), $mov, $after);
        wide!(@pass $triad, $v, $w, $turn, $before, "{two}",
            concat!("vmulpd ", $v, "\\r, ", $v, "\\r, ", $v, "4\n",
                "vaddpd ", $v, "\\r, ", $v, "\\r, [{one} + {i}*8 + \\r*", $w, "]"), $mov, $after);
    };
    (@pass $name:ident, $v:literal, $w:literal, $turn:literal, $before:literal, $from:literal, $work:expr,
     $mov:literal, $after:literal) => {
        pass!(
            $name,
            $turn,
            $before,
            concat!("vmovapd ", $v, "\\r, [", $from, " + {i}*8 + \\r*", $w, "]"),
            $work,
            concat!($mov, " [{to} + {i}*8 + \\r*", $w, "], ", $v, "\\r"),
            $after
        );
    };
}

/// Four passes with two-operand instructions ending in `$p`, on `$w` bytes of an SSE register.
macro_rules! narrow {
    ([$copy:ident, $scale:ident, $add:ident, $triad:ident], $load:literal, $p:literal, $w:literal, $turn:literal,
     $put:expr, $after:literal) => {
        narrow!(@pass $copy, $load, $w, $turn, "{one}", "", $put, $after);
        narrow!(@pass $scale, $load, $w, $turn, "{one}", concat!("mul", $p, " xmm\\r, xmm4"), $put, $after);
        narrow!(@pass $add, $load, $w, $turn, "{one}",
            concat!("add", $p, " xmm\\r, [{two} + {i}*8 + \\r*", $w, "]"), $put, $after);
        narrow!(@pass $triad, $load, $w, $turn, "{two}",
            concat!("mul", $p, " xmm\\r, xmm4\nadd", $p, " xmm\\r, [{one} + {i}*8 + \\r*", $w, "]"), $put, $after);
    };
    (@pass $name:ident, $load:literal, $w:literal, $turn:literal, $from:literal, $work:expr, $put:expr,
     $after:literal) => {
        pass!(
            $name,
            $turn,
            "unpcklpd xmm4, xmm4",
            concat!($load, " xmm\\r, [", $from, " + {i}*8 + \\r*", $w, "]"),
            $work,
            $put,
            $after
        );
    };
}

narrow!(
    [copy_scalar, scale_scalar, add_scalar, triad_scalar],
    "movsd",
    "sd",
    "8",
    4,
    "movsd [{to} + {i}*8 + \\r*8], xmm\\r",
    ""
);
narrow!(
    [copy_scalar_nt, scale_scalar_nt, add_scalar_nt, triad_scalar_nt],
    "movsd",
    "sd",
    "8",
    4,
    "movq {t}, xmm\\r\nmovnti [{to} + {i}*8 + \\r*8], {t}",
    "sfence"
);
narrow!(
    [copy_sse, scale_sse, add_sse, triad_sse],
    "movapd",
    "pd",
    "16",
    8,
    "movapd [{to} + {i}*8 + \\r*16], xmm\\r",
    ""
);
narrow!(
    [copy_sse_nt, scale_sse_nt, add_sse_nt, triad_sse_nt],
    "movapd",
    "pd",
    "16",
    8,
    "movntpd [{to} + {i}*8 + \\r*16], xmm\\r",
    "sfence"
);
wide!(
    [copy_avx, scale_avx, add_avx, triad_avx],
    "ymm",
    "32",
    16,
    "vunpcklpd xmm4, xmm4, xmm4\nvinsertf128 ymm4, ymm4, xmm4, 1",
    "vmovapd",
    "vzeroupper"
);
wide!(
    [copy_avx_nt, scale_avx_nt, add_avx_nt, triad_avx_nt],
    "ymm",
    "32",
    16,
    "vunpcklpd xmm4, xmm4, xmm4\nvinsertf128 ymm4, ymm4, xmm4, 1",
    "vmovntpd",
    "sfence\nvzeroupper"
);
wide!(
    [copy_avx512, scale_avx512, add_avx512, triad_avx512],
    "zmm",
    "64",
    32,
    "vbroadcastsd zmm4, xmm4",
    "vmovapd",
    "vzeroupper"
);
wide!(
    [copy_avx512_nt, scale_avx512_nt, add_avx512_nt, triad_avx512_nt],
    "zmm",
    "64",
    32,
    "vbroadcastsd zmm4, xmm4",
    "vmovntpd",
    "sfence\nvzeroupper"
);

#[cfg(test)]
narrow!(
    [copy_sse_open, scale_sse_open, add_sse_open, triad_sse_open],
    "movapd",
    "pd",
    "16",
    8,
    "movntpd [{to} + {i}*8 + \\r*16], xmm\\r",
    ""
);
#[cfg(test)]
wide!(
    [copy_avx_open, scale_avx_open, add_avx_open, triad_avx_open],
    "ymm",
    "32",
    16,
    "vunpcklpd xmm4, xmm4, xmm4\nvinsertf128 ymm4, ymm4, xmm4, 1",
    "vmovntpd",
    "vzeroupper"
);
#[cfg(test)]
wide!(
    [copy_avx512_open, scale_avx512_open, add_avx512_open, triad_avx512_open],
    "zmm",
    "64",
    32,
    "vbroadcastsd zmm4, xmm4",
    "vmovntpd",
    "vzeroupper"
);

/// The streaming passes without their fences: a planted fault.
#[cfg(test)]
pub(super) fn without_fence(isa: Isa) -> Option<[Pass; 4]> {
    match isa {
        Isa::Sse2 => Some([copy_sse_open, scale_sse_open, add_sse_open, triad_sse_open]),
        Isa::Avx => Some([copy_avx_open, scale_avx_open, add_avx_open, triad_avx_open]),
        Isa::Avx512 => Some([copy_avx512_open, scale_avx512_open, add_avx512_open, triad_avx512_open]),
        Isa::Scalar | Isa::AvxFma => None,
    }
}

/// The four passes, in STREAM's order. Nothing is fused, so AVX with FMA has none of its own.
pub(super) fn passes(isa: Isa, store: Store) -> Option<[Pass; 4]> {
    use Store::{NonTemporal, Plain};
    let passes: [Pass; 4] = match (isa, store) {
        (Isa::Scalar, Plain) => [copy_scalar, scale_scalar, add_scalar, triad_scalar],
        (Isa::Scalar, NonTemporal) => [copy_scalar_nt, scale_scalar_nt, add_scalar_nt, triad_scalar_nt],
        (Isa::Sse2, Plain) => [copy_sse, scale_sse, add_sse, triad_sse],
        (Isa::Sse2, NonTemporal) => [copy_sse_nt, scale_sse_nt, add_sse_nt, triad_sse_nt],
        (Isa::Avx, Plain) => [copy_avx, scale_avx, add_avx, triad_avx],
        (Isa::Avx, NonTemporal) => [copy_avx_nt, scale_avx_nt, add_avx_nt, triad_avx_nt],
        (Isa::Avx512, Plain) => [copy_avx512, scale_avx512, add_avx512, triad_avx512],
        (Isa::Avx512, NonTemporal) => [copy_avx512_nt, scale_avx512_nt, add_avx512_nt, triad_avx512_nt],
        (Isa::AvxFma, _) => return None,
    };
    Some(passes)
}
