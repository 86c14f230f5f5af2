//! Random embeddings for the probes of the tensor store.

use engine_core::args::Args;
use engine_core::probe::{ParamDef, ParamKind};
use engine_core::stats::Stream;
use engine_htm::tensor::{Tensor, TensorStore};

use super::patterns::failed;
use crate::{Context, ProbeError};

pub(super) const TENSORS: ParamDef = ParamDef {
    name: "tensors",
    kind: ParamKind::Count { min: 1, max: 1_000_000 },
    default: Some("10000"),
    tiny: Some("200"),
    doc: "entries in the store",
};
pub(super) const WIDTH: ParamDef = ParamDef {
    name: "width",
    kind: ParamKind::Count { min: 2, max: 65_536 },
    default: Some("768"),
    tiny: Some("96"),
    doc: "numbers of an embedding",
};

/// The form of entries that the options ask for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Form {
    pub(super) tensors: u64,
    pub(super) width: usize,
}

impl Form {
    pub(super) fn new(args: &Args) -> Self {
        Self { tensors: args.whole(TENSORS.name), width: args.whole(WIDTH.name) as usize }
    }

    /// Embedding `id`: uniform numbers from -1 to 1, so every direction is about as likely, and none is near another.
    pub(super) fn embedding(self, seed: u64, id: u64) -> Vec<f32> {
        let mut random = Stream::new(seed, &[4, id]);
        (0..self.width).map(|_| (random.unit_f64() * 2.0 - 1.0) as f32).collect()
    }

    /// An entry of that number.
    pub(super) fn tensor(self, seed: u64, id: u64) -> Tensor {
        Tensor::new(self.embedding(seed, id), id.to_le_bytes().to_vec(), format!("entry {id}").into_bytes())
    }

    /// A store of all entries.
    pub(super) fn store(self, cx: &Context<'_>) -> Result<TensorStore, ProbeError> {
        let store = TensorStore::in_memory(self.width as u32).map_err(failed)?;
        for id in 0..self.tensors {
            if id % 256 == 0 {
                cx.check()?;
            }
            store.write(&self.tensor(cx.seed, id)).map_err(failed)?;
        }
        Ok(store)
    }
}
