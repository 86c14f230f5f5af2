//! Whether a memory is one: its counts are those of its segments, and nothing is beyond its limits.

use engine_htm::memory::TemporalMemory;

use crate::ProbeError;

/// Published of the community's implementation after the 5,000 steps of its benchmark with 8 cells a column.
const SEGMENTS: f64 = 39_741.0;
const SYNAPSES: f64 = 1_108_646.0;
const ANOMALY: f64 = 0.3734;

/// That the segments are those that are counted, each with cells that there are, none twice, and permanences from 0 to 1.
pub(super) fn limits(memory: &TemporalMemory) -> Result<(), ProbeError> {
    let params = memory.params();
    let (mut segments, mut synapses) = (0, 0);
    for cell in 0..params.cells() {
        let of = memory.segments_of(cell);
        if of.len() > params.max_segments_per_cell as usize {
            return Err(ProbeError::verification(format!("cell {cell} has {} segments", of.len())));
        }
        segments += of.len();
        for segment in of {
            synapses += segment.len();
            let mut from: Vec<u32> = segment.iter().map(|(cell, _)| *cell).collect();
            from.sort_unstable();
            let distinct = from.is_sorted_by(|a, b| a < b) && from.last().is_none_or(|last| *last < params.cells());
            let possible = segment.iter().all(|(_, permanence)| *permanence > 0.0 && *permanence <= 1.0);
            if !distinct || !possible || segment.len() > params.max_synapses_per_segment as usize {
                return Err(ProbeError::verification(format!("cell {cell} has an impossible segment")));
            }
        }
    }
    if (segments, synapses) == (memory.segments(), memory.synapses()) {
        return Ok(());
    }
    let (counted, more) = (memory.segments(), memory.synapses());
    Err(ProbeError::verification(format!(
        "{segments} segments with {synapses} synapses are there, and {counted} with {more} are counted"
    )))
}

/// That the whole benchmark ends where the published implementation does: segments and synapses within 10 %, the mean
/// anomaly of the last 1,000 steps within 0.03.
pub(super) fn published(segments: usize, synapses: usize, anomaly: f64) -> Result<(), ProbeError> {
    let near = |value: usize, published: f64| (value as f64 / published - 1.0).abs() <= 0.1;
    if near(segments, SEGMENTS) && near(synapses, SYNAPSES) && (anomaly - ANOMALY).abs() <= 0.03 {
        return Ok(());
    }
    Err(ProbeError::verification(format!(
        "{segments} segments, {synapses} synapses and a mean anomaly of {anomaly:.4}, where {SEGMENTS}, {SYNAPSES} and \
         {ANOMALY} are published"
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_near_the_published_figures_passes() {
        assert!(published(39_292, 1_097_190, 0.3667).is_ok());
        for (segments, synapses, anomaly) in
            [(44_000, 1_100_000, 0.37), (39_000, 900_000, 0.37), (39_000, 1_100_000, 0.41)]
        {
            assert!(published(segments, synapses, anomaly).is_err());
        }
    }
}
