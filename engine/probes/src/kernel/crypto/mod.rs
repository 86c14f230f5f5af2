//! Ciphers and checksums that processors have instructions for, each beside a portable one in plain Rust that checks it.
//! All of them are verified against the published vectors of their standards: [`Kernel::known_answers`].

pub mod aes;
pub mod crc32c;
pub mod sha256;

use super::random::SplitMix;

/// What is computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Algorithm {
    /// AES with a key of 128 bits, independent blocks (as in counter mode).
    Aes128,
    /// AES with a key of 256 bits.
    Aes256,
    /// SHA-256, one message.
    Sha256,
    /// CRC-32C (Castagnoli).
    Crc32c,
}

impl Algorithm {
    /// All.
    pub const ALL: [Self; 4] = [Self::Aes128, Self::Aes256, Self::Sha256, Self::Crc32c];

    /// The name in parameters and results.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Aes128 => "aes-128",
            Self::Aes256 => "aes-256",
            Self::Sha256 => "sha-256",
            Self::Crc32c => "crc-32c",
        }
    }

    /// The instruction sets in which it is written, the fastest first.
    #[must_use]
    pub fn paths(self) -> &'static [Path] {
        match self {
            Self::Aes128 | Self::Aes256 => &[Path::VaesAvx512, Path::Vaes, Path::AesNi, Path::Portable],
            Self::Sha256 => &[Path::ShaNi, Path::Portable],
            Self::Crc32c => &[Path::Sse42, Path::Portable],
        }
    }
}

/// By which instructions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Path {
    /// Plain Rust.
    Portable,
    /// AES-NI: a block an instruction.
    AesNi,
    /// VAES: two blocks an instruction.
    Vaes,
    /// VAES in the vectors of AVX-512: four blocks an instruction.
    VaesAvx512,
    /// The SHA extensions.
    ShaNi,
    /// The `crc32` instruction of SSE4.2, three streams side by side.
    Sse42,
}

impl Path {
    /// The name in results.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Portable => "portable",
            Self::AesNi => "aes-ni",
            Self::Vaes => "vaes",
            Self::VaesAvx512 => "vaes-avx512",
            Self::ShaNi => "sha-ni",
            Self::Sse42 => "sse4.2",
        }
    }

    /// Whether this machine has the instructions.
    #[must_use]
    pub fn is_available(self) -> bool {
        match self {
            Self::Portable => true,
            #[cfg(target_arch = "x86_64")]
            Self::AesNi => is_x86_feature_detected!("aes"),
            #[cfg(target_arch = "x86_64")]
            Self::Vaes => is_x86_feature_detected!("vaes") && is_x86_feature_detected!("avx2"),
            #[cfg(target_arch = "x86_64")]
            Self::VaesAvx512 => is_x86_feature_detected!("vaes") && is_x86_feature_detected!("avx512f"),
            #[cfg(target_arch = "x86_64")]
            Self::ShaNi => {
                is_x86_feature_detected!("sha")
                    && is_x86_feature_detected!("ssse3")
                    && is_x86_feature_detected!("sse4.1")
            }
            #[cfg(target_arch = "x86_64")]
            Self::Sse42 => is_x86_feature_detected!("sse4.2"),
            #[cfg(not(target_arch = "x86_64"))]
            _ => false,
        }
    }
}

/// Bytes that a pass works on: in the first-level cache, in whole strides of every kernel.
pub const BYTES: usize = 16 << 10;

/// An algorithm by one path, with its data.
#[derive(Debug, Clone)]
pub struct Kernel {
    algorithm: Algorithm,
    path: Path,
    work: Work,
    input: Vec<u8>,
    output: Vec<u8>,
}

#[derive(Debug, Clone)]
enum Work {
    Aes(Box<aes::Schedule>),
    Sha256([u8; 32]),
    Crc32c(Box<crc32c::Interleaved>, u32),
}

/// A result differs from the published or the portable one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{} by {} gives a wrong result for {what}", .algorithm.name(), .path.name())]
pub struct WrongResult {
    /// The algorithm.
    pub algorithm: Algorithm,
    /// The path.
    pub path: Path,
    /// The input.
    pub what: &'static str,
}

impl Kernel {
    /// The kernel with random data. `None` where the machine lacks the instructions or the path is another algorithm's.
    #[must_use]
    pub fn new(algorithm: Algorithm, path: Path, seed: u64) -> Option<Self> {
        if !path.is_available() || !algorithm.paths().contains(&path) {
            return None;
        }
        let mut random = SplitMix::new(seed);
        let mut bytes = |n: usize| -> Vec<u8> { (0..n).map(|_| random.bits() as u8).collect() };
        let work = match algorithm {
            Algorithm::Aes128 => Work::Aes(Box::new(aes::Schedule::new(&bytes(16)))),
            Algorithm::Aes256 => Work::Aes(Box::new(aes::Schedule::new(&bytes(32)))),
            Algorithm::Sha256 => Work::Sha256([0; 32]),
            Algorithm::Crc32c => Work::Crc32c(Box::default(), 0),
        };
        let output = if matches!(work, Work::Aes(_)) { vec![0; BYTES] } else { Vec::new() };
        Some(Self { algorithm, path, work, input: bytes(BYTES), output })
    }

    /// The path.
    #[must_use]
    pub fn path(&self) -> Path {
        self.path
    }

    /// Works through the data once: [`BYTES`]. Allocates nothing.
    pub fn pass(&mut self) {
        crate::harness::opaque::clobber();
        match &mut self.work {
            Work::Aes(schedule) => aes::encrypt(self.path, schedule, &self.input, &mut self.output),
            Work::Sha256(digest) => *digest = sha256::digest(self.path, &self.input),
            Work::Crc32c(tables, sum) => *sum = tables.checksum(self.path, &self.input),
        }
        crate::harness::opaque::clobber();
    }

    /// Compares what the last pass left with the portable result.
    ///
    /// # Errors
    /// When they differ.
    pub fn verify(&self) -> Result<(), WrongResult> {
        let right = match &self.work {
            Work::Aes(schedule) => {
                let mut output = vec![0; BYTES];
                aes::encrypt(Path::Portable, schedule, &self.input, &mut output);
                output == self.output
            }
            Work::Sha256(digest) => *digest == sha256::digest(Path::Portable, &self.input),
            Work::Crc32c(tables, sum) => *sum == tables.checksum(Path::Portable, &self.input),
        };
        self.judge(right, "random data")
    }

    /// Computes the published vectors by this path: FIPS 197, FIPS 180-4, RFC 3720.
    ///
    /// # Errors
    /// When one differs.
    pub fn known_answers(&self) -> Result<(), WrongResult> {
        let (right, what) = match self.algorithm {
            Algorithm::Aes128 | Algorithm::Aes256 => (
                aes::known_answer(self.path, if self.algorithm == Algorithm::Aes128 { 16 } else { 32 }),
                "the vector of FIPS 197",
            ),
            Algorithm::Sha256 => (sha256::known_answers(self.path), "the vectors of FIPS 180-4"),
            Algorithm::Crc32c => (crc32c::known_answers(self.path), "the vectors of RFC 3720"),
        };
        self.judge(right, what)
    }

    fn judge(&self, right: bool, what: &'static str) -> Result<(), WrongResult> {
        if right { Ok(()) } else { Err(WrongResult { algorithm: self.algorithm, path: self.path, what }) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all() -> Vec<Kernel> {
        let each =
            Algorithm::ALL.into_iter().flat_map(|algorithm| algorithm.paths().iter().map(move |p| (algorithm, *p)));
        each.filter_map(|(algorithm, path)| Kernel::new(algorithm, path, 5)).collect()
    }

    #[test]
    fn every_path_gives_the_published_and_the_portable_results() {
        assert!(all().len() >= 4);
        for mut kernel in all() {
            kernel.known_answers().unwrap();
            kernel.pass();
            kernel.verify().unwrap();
        }
    }

    #[test]
    fn a_flipped_bit_is_found() {
        for mut kernel in all() {
            kernel.pass();
            kernel.input[BYTES - 1] ^= 1;
            assert!(kernel.verify().is_err(), "{kernel:?}");
        }
        for mut kernel in all().into_iter().filter(|kernel| !kernel.output.is_empty()) {
            kernel.pass();
            kernel.output[BYTES / 2] ^= 0x80;
            assert!(kernel.verify().is_err());
        }
    }

    #[test]
    fn paths_belong_to_their_algorithms() {
        assert!(Kernel::new(Algorithm::Sha256, Path::AesNi, 0).is_none());
        assert!(Kernel::new(Algorithm::Crc32c, Path::Portable, 0).is_some());
    }
}
