//! The chains in x86-64 assembly: integers in `r8` to `r15`, floating-point numbers in `xmm0` to `xmm7`.
#![expect(unsafe_code, reason = "assembly")]

use std::arch::asm;

use super::{Number, Operation, State, Turns};

/// A loop over integers. `$chains` are the registers; `$step` is done `$steps` times on each, in turns over the chains.
macro_rules! integers {
    ($name:ident, $steps:literal, $chains:literal, $step:expr) => {
        unsafe fn $name(state: &mut State, turns: u64) {
            let [a, b, c, d, e, f, g, h] = &mut state.values;
            // SAFETY: registers only, and all of them are declared. A division's divisor is a factor of the dividend.
            unsafe {
                asm!(
                    ".p2align 6",
                    "2:",
                    concat!(".rept ", $steps, "\n.irp r,", $chains, "\n", $step, "\n.endr\n.endr"),
                    "dec rsi",
                    "jnz 2b",
                    inout("r8") *a, inout("r9") *b, inout("r10") *c, inout("r11") *d,
                    inout("r12") *e, inout("r13") *f, inout("r14") *g, inout("r15") *h,
                    in("rcx") state.operand,
                    inout("rsi") turns => _,
                    out("rax") _, out("rdx") _,
                    options(nomem, nostack),
                );
            }
        }
    };
}

const ADD: u64 = 48;
const MULTIPLY: u64 = 48;
const DIVIDE: u64 = 11;
const SQRT_DOUBLE: u64 = 48;
const SQRT_SINGLE: u64 = 24;

integers!(add_64, 48, "r8", "add \\r, rcx");
integers!(add_64_wide, 48, "r8,r9,r10,r11,r12,r13,r14,r15", "add \\r, rcx");
integers!(add_32, 48, "r8d", "add \\r, ecx");
integers!(add_32_wide, 48, "r8d,r9d,r10d,r11d,r12d,r13d,r14d,r15d", "add \\r, ecx");
integers!(multiply_64, 48, "r8", "imul \\r, rcx");
integers!(multiply_64_wide, 48, "r8,r9,r10,r11,r12,r13,r14,r15", "imul \\r, rcx");
integers!(multiply_32, 48, "r8d", "imul \\r, ecx");
integers!(multiply_32_wide, 48, "r8d,r9d,r10d,r11d,r12d,r13d,r14d,r15d", "imul \\r, ecx");
// The chain leads through the divisor; the dividend is put in place anew and waits for nothing.
integers!(divide_64, 11, "r8", "mov rax, rcx\nxor edx, edx\ndiv \\r\nmov \\r, rax");
integers!(divide_64_wide, 11, "r8,r9,r10,r11,r12,r13,r14,r15", "mov rax, rcx\nxor edx, edx\ndiv \\r\nmov \\r, rax");
integers!(divide_32, 11, "r8d", "mov eax, ecx\nxor edx, edx\ndiv \\r\nmov \\r, eax");
integers!(
    divide_32_wide,
    11,
    "r8d,r9d,r10d,r11d,r12d,r13d,r14d,r15d",
    "mov eax, ecx\nxor edx, edx\ndiv \\r\nmov \\r, eax"
);

/// A loop of square roots, `$steps` on each of the registers `$chains` and then an exclusive-or with the operand.
macro_rules! roots {
    ($name:ident, $steps:literal, $chains:literal, $step:literal) => {
        unsafe fn $name(state: &mut State, turns: u64) {
            // SAFETY: `state` holds eight values and the operand behind them. All registers that are written are declared.
            unsafe {
                asm!(
                    ".irp r,0,1,2,3,4,5,6,7\nmovq xmm\\r, [rdi + \\r*8]\n.endr",
                    "movq xmm8, [rdi + 64]",
                    ".p2align 6",
                    "2:",
                    concat!(".rept ", $steps, "\n.irp r,", $chains, "\n", $step, " xmm\\r, xmm\\r\n.endr\n.endr"),
                    concat!(".irp r,", $chains, "\nxorps xmm\\r, xmm8\n.endr"),
                    "dec rsi",
                    "jnz 2b",
                    ".irp r,0,1,2,3,4,5,6,7\nmovq [rdi + \\r*8], xmm\\r\n.endr",
                    in("rdi") std::ptr::from_mut(state),
                    inout("rsi") turns => _,
                    out("xmm0") _, out("xmm1") _, out("xmm2") _, out("xmm3") _, out("xmm4") _,
                    out("xmm5") _, out("xmm6") _, out("xmm7") _, out("xmm8") _,
                    options(nostack),
                );
            }
        }
    };
}

roots!(sqrt_double, 48, "0", "sqrtsd");
roots!(sqrt_double_wide, 48, "0,1,2,3,4,5,6,7", "sqrtsd");
roots!(sqrt_single, 24, "0", "sqrtss");
roots!(sqrt_single_wide, 24, "0,1,2,3,4,5,6,7", "sqrtss");

/// The loop, and the steps of each chain in a turn.
pub(super) fn turns(operation: Operation, number: Number, side_by_side: bool) -> Option<(Turns, u64)> {
    use Number::{F32, F64, U32, U64};
    let (one, eight, steps): (Turns, Turns, u64) = match (operation, number) {
        (Operation::Add, U64) => (add_64, add_64_wide, ADD),
        (Operation::Add, U32) => (add_32, add_32_wide, ADD),
        (Operation::Multiply, U64) => (multiply_64, multiply_64_wide, MULTIPLY),
        (Operation::Multiply, U32) => (multiply_32, multiply_32_wide, MULTIPLY),
        (Operation::Divide, U64) => (divide_64, divide_64_wide, DIVIDE),
        (Operation::Divide, U32) => (divide_32, divide_32_wide, DIVIDE),
        (Operation::Sqrt, F64) => (sqrt_double, sqrt_double_wide, SQRT_DOUBLE),
        (Operation::Sqrt, F32) => (sqrt_single, sqrt_single_wide, SQRT_SINGLE),
        _ => return None,
    };
    Some((if side_by_side { eight } else { one }, steps))
}
