//! What holds whatever the input and the parameters are.

use engine_htm::Sdr;
use engine_htm::memory::{MemoryError, MemoryParams, TemporalMemory};
use engine_htm::pooler::{PoolerError, PoolerParams, SpatialPooler};
use engine_htm::random::Random;
use proptest::prelude::*;

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_pooler_keeps_its_density_and_permanences(
        inputs in 20_u32..200,
        columns in 20_u32..300,
        radius in 1_u32..60,
        share in 0.1_f64..1.0,
        density in 0.01_f64..0.5,
        global in any::<bool>(),
        wrap in any::<bool>(),
        boost in prop_oneof![Just(0.0), 0.5_f64..5.0],
        (increment, decrement) in (0.0_f64..1.0, 0.0_f64..1.0),
        seed in any::<u64>(),
    ) {
        let params = PoolerParams {
            inputs: vec![inputs], columns: vec![columns], potential_radius: radius, potential_share: share, density,
            global_inhibition: global, wrap, boost_strength: boost, increment, decrement, seed, ..PoolerParams::default()
        };
        let mut pooler = SpatialPooler::new(params).unwrap();
        let pools: Vec<Vec<u32>> = (0..columns).map(|c| pooler.synapses(c).map(|(input, _)| input).collect()).collect();
        let mut random = Random::new(seed);
        let mut winners = Sdr::empty(columns);
        for _ in 0..60 {
            let count = random.below(inputs + 1);
            let input = Sdr::new(inputs, random.sample(inputs, count)).unwrap();
            pooler.step(&input, true, &mut winners).unwrap();
            if global {
                prop_assert!(winners.on().len() <= (density * f64::from(columns)) as usize);
            }
            prop_assert!(winners.on().is_sorted_by(|a, b| a < b) && winners.on().last().is_none_or(|w| *w < columns));
            prop_assert!(winners.on().iter().all(|w| pooler.overlaps()[*w as usize] > 0));
        }
        for (column, pool) in (0..).zip(&pools) {
            let synapses: Vec<(u32, f64)> = pooler.synapses(column).collect();
            prop_assert!(synapses.iter().all(|(_, permanence)| (0.0..=1.0).contains(permanence)));
            prop_assert!(synapses.iter().map(|(input, _)| input).eq(pool.iter()), "a pool is for life");
            prop_assert!(pool.is_sorted_by(|a, b| a < b), "no input twice");
        }
        prop_assert!(pooler.active_duty().iter().all(|duty| (0.0..=1.0001).contains(duty)));
    }

    #[test]
    fn a_memory_keeps_its_limits(
        columns in 20_u32..120,
        cells in 1_u32..6,
        min in 1_u32..6,
        more in 0_u32..6,
        new in 1_u32..30,
        segments in 1_u32..6,
        synapses in 1_u32..40,
        (increment, decrement, predicted) in (0.0_f64..0.6, 0.0_f64..0.6, 0.0_f64..0.2),
        initial in 0.01_f64..0.9,
        seed in any::<u64>(),
    ) {
        let params = MemoryParams {
            columns, cells_per_column: cells, min_threshold: min, activation_threshold: min + more,
            max_new_synapses: new, max_segments_per_cell: segments, max_synapses_per_segment: synapses,
            increment, decrement, predicted_decrement: predicted, initial_permanence: initial, seed,
            ..MemoryParams::default()
        };
        let mut memory = TemporalMemory::new(params).unwrap();
        let mut random = Random::new(seed);
        let known: Vec<Sdr> =
            (0..5).map(|_| Sdr::new(columns, random.sample(columns, columns / 4)).unwrap()).collect();
        for step in 0..150_usize {
            memory.step(&known[if random.below(5) == 0 { random.below(5) as usize } else { step % 5 }], true).unwrap();
            prop_assert!((0.0..=1.0).contains(&memory.anomaly()));
            prop_assert!(memory.active_cells().is_sorted_by(|a, b| a < b));
            prop_assert!(memory.winner_cells().iter().all(|cell| memory.active_cells().binary_search(cell).is_ok()));
        }
        let mut counted = (0, 0);
        for cell in 0..columns * cells {
            let of = memory.segments_of(cell);
            prop_assert!(of.len() <= segments as usize);
            for segment in &of {
                prop_assert!(segment.len() <= synapses as usize);
                prop_assert!(segment.iter().all(|(_, permanence)| *permanence > 0.0 && *permanence <= 1.0));
                let mut from: Vec<u32> = segment.iter().map(|(cell, _)| *cell).collect();
                from.sort_unstable();
                prop_assert!(from.is_sorted_by(|a, b| a < b), "a cell twice on a segment");
                prop_assert!(from.last().is_none_or(|cell| *cell < columns * cells));
            }
            counted = (counted.0 + of.len(), counted.1 + of.iter().map(Vec::len).sum::<usize>());
        }
        prop_assert_eq!(counted, (memory.segments(), memory.synapses()));
    }
}

#[test]
fn a_saved_model_goes_on_as_if_nothing_had_happened() {
    let pooler = PoolerParams { inputs: vec![200], columns: vec![256], boost_strength: 1.0, ..PoolerParams::default() };
    for global_inhibition in [true, false] {
        let mut pool = SpatialPooler::new(PoolerParams { global_inhibition, ..pooler.clone() }).unwrap();
        let memory = MemoryParams {
            columns: 256,
            cells_per_column: 4,
            activation_threshold: 6,
            min_threshold: 4,
            ..MemoryParams::default()
        };
        let mut memory = TemporalMemory::new(memory).unwrap();
        let mut random = Random::new(9);
        let known: Vec<Sdr> = (0..9).map(|_| Sdr::new(200, random.sample(200, 30)).unwrap()).collect();
        let mut columns = Sdr::empty(256);
        for step in 0..333 {
            pool.step(&known[step % 9], true, &mut columns).unwrap();
            memory.step(&columns, true).unwrap();
        }
        let (mut saved_pool, mut saved_memory) = (Vec::new(), Vec::new());
        pool.save(&mut saved_pool).unwrap();
        memory.save(&mut saved_memory).unwrap();
        let mut pool_again = SpatialPooler::load(&mut saved_pool.as_slice()).unwrap();
        let mut memory_again = TemporalMemory::load(&mut saved_memory.as_slice()).unwrap();
        let mut columns_again = Sdr::empty(256);
        for step in 0..333 {
            let input = if step % 10 == 0 { &known[0] } else { &known[step % 9] };
            pool.step(input, true, &mut columns).unwrap();
            pool_again.step(input, true, &mut columns_again).unwrap();
            assert_eq!(columns, columns_again, "step {step}");
            memory.step(&columns, true).unwrap();
            memory_again.step(&columns, true).unwrap();
            assert_eq!(memory.active_cells(), memory_again.active_cells(), "step {step}");
            assert_eq!(memory.predicted_cells(), memory_again.predicted_cells(), "step {step}");
        }
        assert_eq!((memory.segments(), memory.synapses()), (memory_again.segments(), memory_again.synapses()));
        assert!(memory.synapses() > 1_000);
        // Every cut and a damaged byte anywhere is an error, and none a panic.
        for len in (0..saved_memory.len()).step_by(97) {
            assert!(TemporalMemory::load(&mut &saved_memory[..len]).is_err());
            let mut damaged = saved_memory.clone();
            damaged[len] ^= 0x10;
            assert!(TemporalMemory::load(&mut damaged.as_slice()).is_err());
        }
        for len in (0..saved_pool.len()).step_by(97) {
            assert!(SpatialPooler::load(&mut &saved_pool[..len]).is_err());
        }
        assert!(SpatialPooler::load(&mut saved_memory.as_slice()).is_err());
    }
}

#[test]
fn impossible_parameters_and_sizes_are_errors() {
    for params in [
        PoolerParams { density: 0.0, ..PoolerParams::default() },
        PoolerParams { density: 1.0, ..PoolerParams::default() },
        PoolerParams { inputs: vec![], ..PoolerParams::default() },
        PoolerParams { columns: vec![0], ..PoolerParams::default() },
        PoolerParams { inputs: vec![70_000], ..PoolerParams::default() },
        PoolerParams { potential_share: f64::NAN, ..PoolerParams::default() },
        PoolerParams { increment: 1.5, ..PoolerParams::default() },
        PoolerParams { duty_period: 0, ..PoolerParams::default() },
    ] {
        assert!(matches!(SpatialPooler::new(params), Err(PoolerError::Parameter { .. })));
    }
    for params in [
        MemoryParams { columns: 0, ..MemoryParams::default() },
        MemoryParams { cells_per_column: 0, ..MemoryParams::default() },
        MemoryParams { min_threshold: 14, ..MemoryParams::default() },
        MemoryParams { max_synapses_per_segment: 256, ..MemoryParams::default() },
        MemoryParams { connected: -0.1, ..MemoryParams::default() },
    ] {
        assert!(matches!(TemporalMemory::new(params), Err(MemoryError::Parameter { .. })));
    }
    let mut pooler = SpatialPooler::new(PoolerParams::default()).unwrap();
    let mut winners = Sdr::empty(2_048);
    let wrong = pooler.step(&Sdr::empty(999), true, &mut winners).unwrap_err();
    assert_eq!(wrong.to_string(), "a representation of 999 bits where 1000 are expected");
    assert!(pooler.step(&Sdr::empty(1_000), true, &mut Sdr::empty(7)).is_err());
    pooler.step(&Sdr::empty(1_000), true, &mut winners).unwrap();
    assert!(winners.on().is_empty(), "no input, no winner");
    let mut memory = TemporalMemory::new(MemoryParams::default()).unwrap();
    assert!(memory.step(&Sdr::empty(5), true).is_err());
}
