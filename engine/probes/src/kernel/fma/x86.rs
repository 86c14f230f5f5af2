//! The chains in x86-64 assembly: twelve in the sixteen registers of SSE and AVX, twenty-four in the thirty-two of
//! AVX-512; the rest hold the constants. Two pipes with a latency of four or five cycles need eight or ten.
#![expect(unsafe_code, reason = "assembly")]

use std::arch::asm;

use super::{Block, Precision, Registers, Shape};
use crate::kernel::isa::Isa;

/// 2, 1, 1/2, 1/2: what the steps multiply by and add, once in each lane of the widest vector.
#[repr(C, align(64))]
struct Constants<T, const N: usize>([[T; N]; 4]);

static SINGLE: Constants<f32, 16> = Constants([[2.0; 16], [1.0; 16], [0.5; 16], [0.5; 16]]);
static DOUBLE: Constants<f64, 8> = Constants([[2.0; 8], [1.0; 8], [0.5; 8], [0.5; 8]]);

/// One block. `$mov` loads and stores the register `$v` number `r` at `r * $stride`; `$chains` are the register
/// numbers of the chains, `$k` those of the four constants; `$up` and `$down` are the two steps of chain `r`.
macro_rules! block {
    ($name:ident, $constants:ident, $v:literal, $load:literal, $store:literal, $stride:literal,
     $chains:literal, [$k0:literal, $k1:literal, $k2:literal, $k3:literal], $up:expr, $down:expr, $after:literal) => {
        unsafe fn $name(registers: &mut Registers, pairs: u64) {
            // SAFETY: the caller vouches for the instruction set. `registers` holds 24 vectors of 64 bytes and
            // `Constants` four, both aligned to 64. The ABI clobber declares every vector register; the general
            // ones are declared by name.
            unsafe {
                asm!(
                    concat!($load, " ", $v, $k0, ", [rsi]"),
                    concat!($load, " ", $v, $k1, ", [rsi + 64]"),
                    concat!($load, " ", $v, $k2, ", [rsi + 128]"),
                    concat!($load, " ", $v, $k3, ", [rsi + 192]"),
                    concat!(".irp r,", $chains, "\n", $load, " ", $v, "\\r, [rdi + \\r*", $stride, "]\n.endr"),
                    ".p2align 6",
                    "2:",
                    concat!(".irp r,", $chains, "\n", $up, "\n.endr"),
                    concat!(".irp r,", $chains, "\n", $down, "\n.endr"),
                    "dec rcx",
                    "jnz 2b",
                    concat!(".irp r,", $chains, "\n", $store, " [rdi + \\r*", $stride, "], ", $v, "\\r\n.endr"),
                    $after,
                    in("rdi") registers.0.as_mut_ptr(),
                    in("rsi") $constants.0.as_ptr(),
                    inout("rcx") pairs => _,
                    clobber_abi("sysv64"),
                    options(nostack),
                );
            }
        }
    };
}

macro_rules! separate {
    ($name:ident, $constants:ident, $load:literal, $stride:literal, $p:literal) => {
        block!(
            $name,
            $constants,
            "xmm",
            $load,
            $load,
            $stride,
            "0,1,2,3,4,5,6,7,8,9,10,11",
            ["12", "13", "14", "15"],
            concat!("mul", $p, " xmm\\r, xmm12\nadd", $p, " xmm\\r, xmm13"),
            concat!("mul", $p, " xmm\\r, xmm14\nadd", $p, " xmm\\r, xmm15"),
            ""
        );
    };
}

separate!(scalar_single, SINGLE, "movss", "8", "ss");
separate!(scalar_double, DOUBLE, "movsd", "8", "sd");
separate!(sse_single, SINGLE, "movaps", "16", "ps");
separate!(sse_double, DOUBLE, "movapd", "16", "pd");

macro_rules! fused {
    ($name:ident, $constants:ident, $v:literal, $load:literal, $stride:literal, $chains:literal,
     [$k0:literal, $k1:literal, $k2:literal, $k3:literal], $p:literal) => {
        block!(
            $name,
            $constants,
            $v,
            $load,
            $load,
            $stride,
            $chains,
            [$k0, $k1, $k2, $k3],
            concat!("vfmadd213", $p, " ", $v, "\\r, ", $v, $k0, ", ", $v, $k1),
            concat!("vfmadd213", $p, " ", $v, "\\r, ", $v, $k2, ", ", $v, $k3),
            "vzeroupper"
        );
    };
}

fused!(avx_single, SINGLE, "ymm", "vmovaps", "32", "0,1,2,3,4,5,6,7,8,9,10,11", ["12", "13", "14", "15"], "ps");
fused!(avx_double, DOUBLE, "ymm", "vmovapd", "32", "0,1,2,3,4,5,6,7,8,9,10,11", ["12", "13", "14", "15"], "pd");
fused!(
    avx512_single,
    SINGLE,
    "zmm",
    "vmovaps",
    "64",
    "0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23",
    ["24", "25", "26", "27"],
    "ps"
);
fused!(
    avx512_double,
    DOUBLE,
    "zmm",
    "vmovapd",
    "64",
    "0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23",
    ["24", "25", "26", "27"],
    "pd"
);

/// The shape of the chains. AVX without FMA has none of its own: the processors that lack FMA are long gone.
pub(super) fn shape(isa: Isa, precision: Precision) -> Option<Shape> {
    use Precision::{Double, Single};
    let block: Block = match (isa, precision) {
        (Isa::Scalar, Single) => scalar_single,
        (Isa::Scalar, Double) => scalar_double,
        (Isa::Sse2, Single) => sse_single,
        (Isa::Sse2, Double) => sse_double,
        (Isa::AvxFma, Single) => avx_single,
        (Isa::AvxFma, Double) => avx_double,
        (Isa::Avx512, Single) => avx512_single,
        (Isa::Avx512, Double) => avx512_double,
        (Isa::Avx, _) => return None,
    };
    let scalar = isa == Isa::Scalar;
    Some(Shape {
        block,
        chains: if isa == Isa::Avx512 { 24 } else { 12 },
        lanes: if scalar { 1 } else { isa.vector_bytes() / precision.bytes() },
        stride: isa.vector_bytes(),
        fused: matches!(isa, Isa::AvxFma | Isa::Avx512),
    })
}
