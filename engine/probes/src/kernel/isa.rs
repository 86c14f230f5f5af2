//! Instruction sets a kernel may be written in, and which of them this machine has.

use std::fmt;

/// An instruction set. Ordered by width: the last available one is the default choice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Isa {
    /// One value at a time: on x86-64 SSE2's scalar instructions, elsewhere what the compiler makes of plain Rust.
    Scalar,
    /// 16-byte vectors; no fused multiply-add.
    Sse2,
    /// 32-byte vectors; no fused multiply-add.
    Avx,
    /// 32-byte vectors with fused multiply-add (AVX2 and FMA3).
    AvxFma,
    /// 64-byte vectors with fused multiply-add (AVX-512F).
    Avx512,
}

impl Isa {
    /// All, narrowest first.
    pub const ALL: [Self; 5] = [Self::Scalar, Self::Sse2, Self::Avx, Self::AvxFma, Self::Avx512];

    /// The name in parameters and results.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Scalar => "scalar",
            Self::Sse2 => "sse2",
            Self::Avx => "avx",
            Self::AvxFma => "avx-fma",
            Self::Avx512 => "avx512",
        }
    }

    /// The one with this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|isa| isa.name() == name)
    }

    /// Bytes of a vector of this instruction set, taking a scalar for an `f64`.
    #[must_use]
    pub fn vector_bytes(self) -> usize {
        match self {
            Self::Scalar => 8,
            Self::Sse2 => 16,
            Self::Avx | Self::AvxFma => 32,
            Self::Avx512 => 64,
        }
    }

    /// Whether this machine can run it: the processor has it and the system saves its registers.
    #[must_use]
    pub fn is_available(self) -> bool {
        match self {
            Self::Scalar => true,
            #[cfg(target_arch = "x86_64")]
            Self::Sse2 => true,
            #[cfg(target_arch = "x86_64")]
            Self::Avx => is_x86_feature_detected!("avx"),
            #[cfg(target_arch = "x86_64")]
            Self::AvxFma => is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma"),
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => is_x86_feature_detected!("avx512f"),
            #[cfg(not(target_arch = "x86_64"))]
            _ => false,
        }
    }
}

impl fmt::Display for Isa {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A kernel is asked for that this machine cannot run, or that is not written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("`{isa}` is not available for this kernel on this machine, use `{best}`")]
pub struct IsaUnavailable {
    /// What was asked for.
    pub isa: Isa,
    /// The best there is.
    pub best: Isa,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lead_back() {
        for isa in Isa::ALL {
            assert_eq!(Isa::from_name(isa.name()), Some(isa));
        }
        assert_eq!(Isa::from_name("avx1024"), None);
        assert!(Isa::Scalar.is_available());
    }
}
