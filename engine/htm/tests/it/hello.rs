//! The community's benchmark ends where its implementation's does.

use engine_htm::Sdr;
use engine_htm::hello::Hello;
use engine_htm::memory::{MemoryParams, TemporalMemory};
use engine_htm::pooler::{PoolerParams, SpatialPooler};

#[test]
fn segments_synapses_and_anomaly_are_the_published_ones() {
    let mut pooler = SpatialPooler::new(PoolerParams::default()).unwrap();
    let mut memory = TemporalMemory::new(MemoryParams { cells_per_column: 8, ..MemoryParams::default() }).unwrap();
    let mut hello = Hello::new().unwrap();
    let (mut input, mut columns) = (Sdr::empty(Hello::INPUTS), Sdr::empty(Hello::COLUMNS));
    let mut anomalies = Vec::new();
    for _ in 0..Hello::STEPS {
        hello.step(&mut input).unwrap();
        pooler.step(&input, true, &mut columns).unwrap();
        assert_eq!(columns.on().len(), 102, "a twentieth of 2,048");
        memory.step(&columns, true).unwrap();
        anomalies.push(memory.anomaly());
    }
    let anomaly = anomalies[4_000..].iter().sum::<f64>() / 1_000.0;
    // Published: 39,741 segments, 1,108,646 synapses, 0.3734.
    assert!((35_767..43_715).contains(&memory.segments()), "{}", memory.segments());
    assert!((997_781..1_219_511).contains(&memory.synapses()), "{}", memory.synapses());
    assert!((0.3434..0.4034).contains(&anomaly), "{anomaly}");
    let each = memory.bytes() / memory.synapses();
    assert!((8..40).contains(&each), "{each} bytes a synapse");
}
