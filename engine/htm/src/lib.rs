//! Hierarchical Temporal Memory as a library of its own: encoders, spatial pooler, temporal memory, classifier, anomaly
//! detection.
//!
//! A value is *encoded* as a sparse representation ([`Sdr`]: a wide bit vector of which few bits are on); the *spatial
//! pooler* turns it into one of fixed density; the *temporal memory* learns which follow which, and predicts. What was
//! not predicted is an anomaly; a *classifier* tells what a representation means.
//!
//! * Everything is exact and repeatable: permanences are fixed-point numbers, every choice is drawn from a seed, and a
//!   saved model goes on bit for bit as it would have.
//! * The algorithms are those of Numenta's *Biological and Machine Intelligence* with the choices of the community's
//!   implementation; each has a second implementation of plain loops in the tests that it must agree with.
//! * Vector instructions are used where the processor has them, and everything works without.
//!
//! ```
//! use engine_htm::encode::{Rdse, RdseParams};
//! use engine_htm::memory::{MemoryParams, TemporalMemory};
//! use engine_htm::pooler::{PoolerParams, SpatialPooler};
//! use engine_htm::Sdr;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let mut encoder = Rdse::new(RdseParams { size: 400, active: 21, resolution: 0.1, seed: 42 })?;
//! let pooler = PoolerParams { inputs: vec![400], potential_radius: 400, density: 0.02, ..PoolerParams::default() };
//! let mut pooler = SpatialPooler::new(pooler)?;
//! let mut memory = TemporalMemory::new(MemoryParams::default())?;
//! let (mut bits, mut columns) = (Sdr::empty(400), Sdr::empty(2_048));
//! for step in 0..3_000 {
//!     encoder.encode(f64::from(step % 10), &mut bits)?;
//!     pooler.step(&bits, true, &mut columns)?;
//!     memory.step(&columns, true)?;
//! }
//! assert!(memory.anomaly() < 0.1, "what came three hundred times is predicted");
//! encoder.encode(55.0, &mut bits)?;
//! pooler.step(&bits, true, &mut columns)?;
//! memory.step(&columns, true)?;
//! assert!(memory.anomaly() > 0.9, "what never came is not");
//! # Ok(())
//! # }
//! ```
//!
//! For a stream of numbers, [`detect::Detector`] is all of this behind one call.
#![expect(unsafe_code, reason = "vector instructions are called behind a check that the processor has them")]

pub mod anomaly;
pub mod classifier;
pub mod detect;
pub mod encode;
mod hash;
pub mod hello;
mod log;
pub mod memory;
pub mod permanence;
pub mod pooler;
pub mod random;
mod saved;
mod sdr;
pub mod store;
pub mod tensor;
mod topology;

pub use saved::LoadError;
pub use sdr::{Sdr, SdrError};
