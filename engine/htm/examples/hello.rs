//! The community's benchmark stream: prints the time of a step, what the memory has grown to, and how well it predicts.
//!
//!     cargo run --release -p engine-htm --example hello [CELLS [STEPS]]
#![expect(clippy::print_stdout, reason = "an example prints its result")]

use std::time::{Duration, Instant};

use engine_htm::Sdr;
use engine_htm::hello::Hello;
use engine_htm::memory::{MemoryParams, TemporalMemory};
use engine_htm::pooler::{PoolerParams, SpatialPooler};

/// Runs `work` and adds its time to `total`.
fn timed<T>(total: &mut Duration, work: impl FnOnce() -> T) -> T {
    let start = Instant::now();
    let result = work();
    *total += start.elapsed();
    result
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut given = std::env::args().skip(1);
    let cells: u32 = given.next().map_or(Ok(8), |text| text.parse())?;
    let steps: u32 = given.next().map_or(Ok(Hello::STEPS), |text| text.parse())?;
    let params = PoolerParams { inputs: vec![Hello::INPUTS], columns: vec![Hello::COLUMNS], ..PoolerParams::default() };
    let mut global = SpatialPooler::new(params.clone())?;
    let mut local = SpatialPooler::new(PoolerParams { global_inhibition: false, ..params })?;
    let memory = MemoryParams { columns: Hello::COLUMNS, cells_per_column: cells, ..MemoryParams::default() };
    let mut memory = TemporalMemory::new(memory)?;

    let mut hello = Hello::new()?;
    let mut input = Sdr::empty(Hello::INPUTS);
    let (mut columns, mut local_columns) = (Sdr::empty(Hello::COLUMNS), Sdr::empty(Hello::COLUMNS));
    let mut times = [Duration::ZERO; 4];
    let [encode, pool, pool_local, remember] = &mut times;
    let mut anomalies = Vec::with_capacity(steps as usize);
    for _ in 0..steps {
        let value = hello.value();
        timed(encode, || hello.encode(value, &mut input))?;
        hello.disturb(&mut input);
        timed(pool, || global.step(&input, true, &mut columns))?;
        timed(pool_local, || local.step(&input, true, &mut local_columns))?;
        timed(remember, || memory.step(&columns, true))?;
        anomalies.push(memory.anomaly());
    }

    let last = &anomalies[anomalies.len().saturating_sub(1_000)..];
    let each = |time: Duration| time.as_secs_f64() * 1e6 / f64::from(steps.max(1));
    println!("steps                  {steps}");
    println!("encode                 {:.2} us/step", each(times[0]));
    println!("spatial pooler global  {:.2} us/step", each(times[1]));
    println!("spatial pooler local   {:.2} us/step", each(times[2]));
    println!("temporal memory        {:.2} us/step, {cells} cells a column", each(times[3]));
    println!("segments               {}", memory.segments());
    println!("synapses               {}", memory.synapses());
    println!("bytes per synapse      {:.1}", memory.bytes() as f64 / memory.synapses().max(1) as f64);
    println!("mean anomaly           {:.4} (last {} steps)", last.iter().sum::<f64>() / last.len() as f64, last.len());
    Ok(())
}
