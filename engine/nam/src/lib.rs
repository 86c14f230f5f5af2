//! Neural activation mapping as a library of its own: small networks, activation maps, online learning, precision ladder.

pub mod data;
mod gradient;
pub mod kernel;
mod map;
#[cfg(test)]
mod naive;
mod network;
mod prepared;
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
