//! The kernels in x86-64 assembly: four vectors a turn. A load and its addition are one instruction, and additions of
//! whole numbers take a cycle, so that four accumulators are enough for three loads a cycle.
#![expect(unsafe_code, reason = "assembly")]

use std::arch::asm;

use super::{LANES, Pass};
use crate::kernel::isa::Isa;

/// One pass of turns of four vectors, `$w` bytes each. `$work` is done for `r` from 0 to 3 and addresses `{from}` and
/// `{to}` at `{i} + r*$w`; `$before` and `$after` find the sums at `{sums}`.
macro_rules! pass {
    ($name:ident, $w:literal, $turn:literal, $before:expr, [$($work:expr),+], $after:expr) => {
        unsafe fn $name(from: *const u8, to: *mut u8, bytes: usize, sums: &mut [u64; LANES]) {
            // SAFETY: the caller vouches for pointers, alignment, lengths and instruction set (see `Pass`); `sums` is
            // 64 bytes. Every register written is declared; the upper parts of vector registers hold nothing of the
            // compiler's, since this function is compiled for the baseline instruction set.
            unsafe {
                asm!(
                    "# {from} {to} {sums}",
                    $before,
                    "xor {i:e}, {i:e}",
                    ".p2align 6",
                    "2:",
                    $(
                        ".irp r,0,1,2,3",
                        $work,
                        ".endr",
                    )+
                    concat!("add {i}, ", $turn),
                    "cmp {i}, {bytes}",
                    "jb 2b",
                    $after,
                    i = out(reg) _,
                    bytes = in(reg) bytes,
                    from = in(reg) from,
                    to = in(reg) to,
                    sums = in(reg) sums.as_mut_ptr(),
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

/// Adds the accumulators of 16 bytes up and stores two sums.
macro_rules! fold {
    ($add:literal) => {
        concat!(".irp r,1,2,3\n", $add, " xmm0, xmm\\r\n.endr\n", "movdqu [{sums}], xmm0\n")
    };
}

pass!(
    read_sse,
    "16",
    "64",
    ".irp r,0,1,2,3\npxor xmm\\r, xmm\\r\n.endr",
    ["paddq xmm\\r, [{from} + {i} + \\r*16]"],
    fold!("paddq")
);
pass!(write_sse, "16", "64", "movq xmm0, [{sums}]\npunpcklqdq xmm0, xmm0", ["movdqa [{to} + {i} + \\r*16], xmm0"], "");
pass!(copy_sse, "16", "64", "", ["movdqa xmm\\r, [{from} + {i} + \\r*16]", "movdqa [{to} + {i} + \\r*16], xmm\\r"], "");
pass!(
    read_avx2,
    "32",
    "128",
    ".irp r,0,1,2,3\nvpxor xmm\\r, xmm\\r, xmm\\r\n.endr",
    ["vpaddq ymm\\r, ymm\\r, [{from} + {i} + \\r*32]"],
    ".irp r,1,2,3\nvpaddq ymm0, ymm0, ymm\\r\n.endr\nvmovdqu [{sums}], ymm0\nvzeroupper"
);
pass!(write_avx2, "32", "128", "vpbroadcastq ymm0, [{sums}]", ["vmovdqa [{to} + {i} + \\r*32], ymm0"], "vzeroupper");
pass!(
    copy_avx2,
    "32",
    "128",
    "",
    ["vmovdqa ymm\\r, [{from} + {i} + \\r*32]", "vmovdqa [{to} + {i} + \\r*32], ymm\\r"],
    "vzeroupper"
);
pass!(
    read_avx512,
    "64",
    "256",
    ".irp r,0,1,2,3\nvpxor xmm\\r, xmm\\r, xmm\\r\n.endr",
    ["vpaddq zmm\\r, zmm\\r, [{from} + {i} + \\r*64]"],
    ".irp r,1,2,3\nvpaddq zmm0, zmm0, zmm\\r\n.endr\nvmovdqu64 [{sums}], zmm0\nvzeroupper"
);
pass!(
    write_avx512,
    "64",
    "256",
    "vpbroadcastq zmm0, [{sums}]",
    ["vmovdqa64 [{to} + {i} + \\r*64], zmm0"],
    "vzeroupper"
);
pass!(
    copy_avx512,
    "64",
    "256",
    "",
    ["vmovdqa64 zmm\\r, [{from} + {i} + \\r*64]", "vmovdqa64 [{to} + {i} + \\r*64], zmm\\r"],
    "vzeroupper"
);

/// Read, write and copy. Sums of whole vectors need AVX2, so AVX alone has none of its own; nor have scalars.
pub(super) fn passes(isa: Isa) -> Option<[Pass; 3]> {
    match isa {
        Isa::Sse2 => Some([read_sse, write_sse, copy_sse]),
        Isa::AvxFma => Some([read_avx2, write_avx2, copy_avx2]),
        Isa::Avx512 => Some([read_avx512, write_avx512, copy_avx512]),
        Isa::Scalar | Isa::Avx => None,
    }
}
