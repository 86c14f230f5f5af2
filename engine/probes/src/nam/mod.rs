//! Neural activation mapping: what capturing the activations of a small network costs, what precision and pruning buy, what
//! an additive model explains, and what CODE's gate costs. All on real data that the library brings along.

pub mod additive;
pub mod gate;
pub mod map;
mod reference;
pub mod tradeoff;

use engine_nam::{DataError, PrepareError, ShapeError, TrainError};

use crate::harness::pin;
use crate::{Context, ProbeError};

/// Ties the round's thread to the CPU it is on, so that no pass is cut by a move.
pub(crate) fn stay(cx: &mut Context<'_>) {
    if let Some(Err(error)) = pin::current().map(pin::pin_current) {
        cx.note(format!("the thread may move between CPUs: {error}"));
    }
}

macro_rules! failures {
    ($($error:ty),+) => { $(
        impl From<$error> for ProbeError {
            fn from(error: $error) -> Self {
                Self::failed(error.to_string())
            }
        }
    )+ };
}
failures!(DataError, PrepareError, ShapeError, TrainError, engine_nam::NetworkError, engine_nam::CamError);
