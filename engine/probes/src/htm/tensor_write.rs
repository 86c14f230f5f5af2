//! `htm.tensor_write`: what storing a triple of embedding, diff and metadata costs.
//!
//! Method: entries with random embeddings, made before, are written one by one; each is a sample. A write copies the triple,
//! rounds the embedding to bytes for the search, and enters it into one of eight shards. All are read back and compared,
//! and a search must find the last.
//!
//! What would make the number wrong: entries made within the time; rounding that is put off to the first search (it is part
//! of the write); a store that keeps fewer numbers than it was given (every number is compared).

use engine_core::args::Args;
use engine_core::metric::MetricDef;
use engine_core::probe::{OwnNoise, ProbeInfo, RoundProcess};
use engine_core::unit::Unit;
use engine_htm::tensor::{Tensor, TensorStore};

use super::patterns::failed;
use super::tensors::{Form, TENSORS, WIDTH};
use crate::harness::clock::Moment;
use crate::{Context, Probe, ProbeError};

const LATENCY: MetricDef = MetricDef::cost("latency", Unit::Seconds, "one write");
const RATE: MetricDef = MetricDef::rate("rate", Unit::PerSecond, "writes a second, one after the other");
const MEMORY: MetricDef = MetricDef::cost("memory", Unit::Bytes, "memory that the store takes for an entry");

/// The probe.
pub static PROBE: Probe = Probe {
    info: &ProbeInfo {
        id: "htm.tensor_write",
        summary: "What storing an embedding with its diff and metadata costs.",
        method: 1,
        about: "Writes entries with random embeddings into a sharded store one by one; each is a sample. The embedding is kept in \
                full and rounded to bytes. Every entry is read back and compared, and a search must find the last. The number is \
                wrong when entries are made within the time (they are made before) or when something is put off to the first \
                search.",
        params: &[TENSORS, WIDTH],
        metrics: &[LATENCY, RATE, MEMORY],
        round_seconds: 0.2,
        process: RoundProcess::Child,
        noise: OwnNoise::Quiet,
    },
    run,
};

fn run(args: &Args, cx: &mut Context<'_>) -> Result<(), ProbeError> {
    let form = Form::new(args);
    let store = TensorStore::in_memory(form.width as u32).map_err(failed)?;
    let mut latencies = Vec::with_capacity(form.tensors as usize);
    for id in 0..form.tensors {
        cx.check()?;
        let tensor = form.tensor(cx.seed, id);
        let start = Moment::now();
        let written = store.write(&tensor);
        let end = Moment::now();
        if written.map_err(failed)? != id {
            return Err(ProbeError::verification(format!("entry {id} was given another number")));
        }
        latencies.push(end.since(start).as_secs_f64());
    }
    for id in 0..form.tensors {
        verify(&store, id, &form.tensor(cx.seed, id))?;
    }
    let last = form.tensors - 1;
    let found = store.search(&form.embedding(cx.seed, last), 1).map_err(failed)?;
    if found.first().is_none_or(|near| near.id != last) {
        return Err(ProbeError::verification("a search does not find the entry that was written last"));
    }
    cx.record_all(&LATENCY, &latencies);
    cx.record(&RATE, form.tensors as f64 / latencies.iter().sum::<f64>().max(1e-9));
    cx.record(&MEMORY, store.memory() as f64 / form.tensors as f64);
    Ok(())
}

fn verify(store: &TensorStore, id: u64, tensor: &Tensor) -> Result<(), ProbeError> {
    if store.get(id).as_ref() == Some(tensor) {
        return Ok(());
    }
    Err(ProbeError::verification(format!("entry {id} is not what was written")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::harness::tests::{round, values};

    #[test]
    fn writes_take_time_and_are_compared() {
        let (records, _) = round(&PROBE, &[("tensors", "40"), ("width", "32")]).unwrap();
        assert_eq!(values(&records, "latency").len(), 40);
        // The embedding in full and in bytes is 5 a number; diff and metadata come on top.
        assert!(values(&records, "memory")[0] > 5.0 * 32.0);
        let form = Form { tensors: 2, width: 8 };
        let store = TensorStore::in_memory(8).unwrap();
        store.write(&form.tensor(1, 0)).unwrap();
        verify(&store, 0, &form.tensor(1, 0)).unwrap();
        assert!(verify(&store, 0, &form.tensor(2, 0)).is_err() && verify(&store, 1, &form.tensor(1, 1)).is_err());
    }
}
