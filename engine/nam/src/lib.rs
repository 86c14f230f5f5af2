//! Neural activation mapping as a library of its own: small networks, activation maps, online learning, precision ladder.

mod additive;
mod cam;
mod classes;
pub mod data;
mod file;
mod gate;
mod gradient;
pub mod kernel;
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

pub use gradient::Backward;
pub use kernel::Isa;
pub use map::{ActivationMap, ShapeError};
pub use network::{Activation, Layer, Network, NetworkError};
pub use prepared::{Precision, PrepareError, Prepared};
pub use random::Random;
pub use table::{DataError, Labelled, Table};
pub use train::{Descent, Optimizer, TrainError, Training, train};
pub use cam::{CamError, Heat, cam, grad_cam};
pub use classes::{ClassMap, UnitSummary};
pub use file::FileError;
pub use gate::{Gate, GateError, Reading};
pub use prune::prune;
pub use additive::{Additive, AdditiveError, AdditiveOptions, FirstUnits, Shape, Task};
