//! Inputs of the pooler and the memory.

use engine_htm::Sdr;
use engine_htm::hello::Hello;
use engine_htm::pooler::{PoolerParams, SpatialPooler};
use engine_htm::random::Random;

use super::failed;
use crate::ProbeError;

/// Columns of every stream.
pub(super) const COLUMNS: u32 = Hello::COLUMNS;

/// The parameters of the benchmark's pooler.
pub(super) fn pooler(global_inhibition: bool) -> PoolerParams {
    let (inputs, columns) = (vec![Hello::INPUTS], vec![COLUMNS]);
    PoolerParams { inputs, columns, global_inhibition, ..PoolerParams::default() }
}

/// Encoded inputs of the hello stream.
pub(super) fn encoded(steps: usize) -> Result<Vec<Sdr>, ProbeError> {
    let mut hello = Hello::new().map_err(failed)?;
    let mut input = Sdr::empty(Hello::INPUTS);
    let mut all = Vec::with_capacity(steps);
    for _ in 0..steps {
        hello.step(&mut input).map_err(failed)?;
        all.push(input.clone());
    }
    Ok(all)
}

/// Active columns of `steps` steps: `hello` through a learning pooler; a `sequence` of 100 patterns again and again;
/// `random` ones, a tenth of the columns each, none of which comes again.
pub(super) fn columns(kind: &str, steps: usize, seed: u64) -> Result<Vec<Sdr>, ProbeError> {
    let mut random = Random::new(seed);
    let mut pattern = |active| Sdr::new(COLUMNS, random.sample(COLUMNS, active)).map_err(failed);
    match kind {
        "sequence" => {
            let known = (0..100).map(|_| pattern(41)).collect::<Result<Vec<Sdr>, _>>()?;
            Ok(known.iter().cycle().take(steps).cloned().collect())
        }
        "random" => (0..steps).map(|_| pattern(COLUMNS / 10)).collect(),
        _ => {
            let mut pooler = SpatialPooler::new(pooler(true)).map_err(failed)?;
            let mut winners = Sdr::empty(COLUMNS);
            let step = |input: Sdr| {
                pooler.step(&input, true, &mut winners).map_err(failed)?;
                Ok(winners.clone())
            };
            encoded(steps)?.into_iter().map(step).collect()
        }
    }
}
