//! Neural activation mapping (NAM) as a library of its own, and its adaptive form (ANAM): small networks whose every activation
//! can be captured, summarised by class and traced back to the input; learning row by row; precisions and pruning.
//!
//! * A [`Network`] is dense and convolutional [`Layer`]s with their parameters; [`train`] fits it to [`Labelled`] rows.
//! * [`Prepared`] computes with it, in one of five [`Precision`]s, on kernels for AVX-512, AVX2 or plain Rust that are chosen
//!   at run time. [`Prepared::capture`] writes all activations into an [`ActivationMap`] that is allocated once.
//! * [`ClassMap`] gathers maps into mean, variance, sparsity and top units by class; [`cam`] and [`grad_cam`] show where in
//!   an image a class was seen.
//! * [`online`] learns one row at a time, with drift detectors and prequential evaluation.
//! * [`Additive`] is a model that explains itself: a sum of curves, one for each feature.
//! * [`Gate`] is CODE's rule of resonance and tension. [`data`] brings three small public data sets.
//!
//! The library needs no other crate of this project. Values are `f32`; batches are rows behind each other. All that is random
//! comes from a seed.
//!
//! ```
//! use engine_nam::{ActivationMap, ClassMap, Network, Precision, Prepared, Training, data, score, train};
//!
//! let digits = data::digits()?;
//! let mut network = Network::dense(&[64, 32, 10], 0)?;
//! train(&mut network, &digits.train, &Training { epochs: 10, ..Training::default() })?;
//!
//! let (rows, labels) = (digits.test.table().values(), digits.test.labels());
//! let mut map = ActivationMap::new(&network, labels.len());
//! Prepared::floats(&network).capture(rows, &mut map)?;
//! assert!(score::accuracy(map.output(), labels) > 0.9);
//!
//! let mut classes = ClassMap::new(&map, 10);
//! classes.add(&map, labels)?;
//! let (unit, lead) = classes.top_units(0, 3, 1)[0];
//! assert!(unit < 32 && lead > 0.0, "hidden unit {unit} answers to threes");
//!
//! let mut integers = Prepared::new(&network, Precision::Int8, digits.train.table().values())?;
//! let mut outputs = vec![0.0; labels.len() * 10];
//! integers.forward(rows, &mut outputs)?;
//! assert!(integers.bytes() * 3 < Prepared::floats(&network).bytes());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod additive;
mod cam;
mod classes;
pub mod data;
mod file;
mod gate;
mod gradient;
mod kernel;
mod map;
#[cfg(test)]
mod naive;
mod network;
pub mod online;
mod prepared;
mod prune;
mod random;
pub mod score;
mod table;
mod train;

pub use additive::{Additive, AdditiveError, AdditiveOptions, FirstUnits, Shape, Task};
pub use cam::{CamError, Heat, cam, grad_cam};
pub use classes::{ClassMap, UnitSummary};
pub use file::FileError;
pub use gate::{Gate, GateError, Reading};
pub use gradient::Backward;
pub use kernel::Isa;
pub use map::{ActivationMap, ShapeError};
pub use network::{Activation, Layer, Network, NetworkError};
pub use prepared::{Precision, PrepareError, Prepared};
pub use prune::prune;
pub use random::Random;
pub use table::{DataError, Labelled, Table};
pub use train::{Descent, Optimizer, TrainError, Training, train};
