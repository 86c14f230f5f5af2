//! Sequence learning: what follows is predicted, also where it depends on what came long before.

use engine_htm::Sdr;
use engine_htm::memory::{MemoryParams, TemporalMemory};
use engine_htm::random::Random;

const COLUMNS: u32 = 512;
const ACTIVE: u32 = 20;

fn letters(count: usize, seed: u64) -> Vec<Sdr> {
    let mut random = Random::new(seed);
    (0..count).map(|_| Sdr::new(COLUMNS, random.sample(COLUMNS, ACTIVE)).unwrap()).collect()
}

fn memory(cells: u32) -> TemporalMemory {
    let params = MemoryParams {
        columns: COLUMNS,
        cells_per_column: cells,
        activation_threshold: 12,
        min_threshold: 9,
        // What once merged two contexts is unlearned only where wrong predictions cost something.
        predicted_decrement: 0.05,
        ..MemoryParams::default()
    };
    TemporalMemory::new(params).unwrap()
}

/// Which letter is predicted: the one with the most predicted columns, if it has most of its columns and nothing else
/// has half of its.
fn predicted(memory: &TemporalMemory, letters: &[Sdr]) -> Option<usize> {
    let columns = memory.predicted_columns();
    let mut shares: Vec<(u32, usize)> = letters.iter().map(|letter| letter.overlap(&columns)).zip(0..).collect();
    shares.sort_unstable();
    let (first, second) = (shares[shares.len() - 1], shares[shares.len() - 2]);
    (first.0 >= ACTIVE * 8 / 10 && second.0 < ACTIVE / 2).then_some(first.1)
}

/// Teaches sequences until all is right or there were `most` repetitions; gives the share of right predictions from the
/// `from`th element on.
fn learned(memory: &mut TemporalMemory, letters: &[Sdr], sequences: &[Vec<usize>], from: usize, most: usize) -> f64 {
    for _ in 0..most {
        for sequence in sequences {
            memory.reset();
            sequence.iter().for_each(|letter| memory.step(&letters[*letter], true).unwrap());
        }
    }
    let (mut right, mut all) = (0, 0);
    for sequence in sequences {
        memory.reset();
        for (at, pair) in sequence.windows(2).enumerate() {
            memory.step(&letters[pair[0]], false).unwrap();
            if at >= from {
                all += 1;
                right += usize::from(predicted(memory, letters) == Some(pair[1]));
            }
        }
    }
    right as f64 / all as f64
}

#[test]
fn a_first_order_sequence_is_predicted_wholly() {
    let letters = letters(12, 1);
    let accuracy = learned(&mut memory(1), &letters, &[(0..12).collect()], 0, 6);
    assert!((accuracy - 1.0).abs() < f64::EPSILON, "{accuracy}");
}

#[test]
fn a_shared_subsequence_is_told_apart_by_what_came_before() {
    // A B C D E and X B C D Y: what follows D depends on the letter four steps before.
    let letters = letters(7, 2);
    let sequences = [vec![0, 1, 2, 3, 4], vec![5, 1, 2, 3, 6]];
    let accuracy = learned(&mut memory(8), &letters, &sequences, 0, 40);
    assert!((accuracy - 1.0).abs() < f64::EPSILON, "{accuracy}");
    // Without contexts it cannot be: the test is one.
    let plain = learned(&mut memory(1), &letters, &sequences, 0, 40);
    assert!(plain < 0.9, "{plain}");
}

#[test]
fn longer_shared_subsequences_are_told_apart_too() {
    let letters = letters(20, 3);
    let sequences: Vec<Vec<usize>> =
        (0..4).map(|which| std::iter::once(which).chain(8..16).chain([16 + which]).collect()).collect();
    let accuracy = learned(&mut memory(16), &letters, &sequences, 0, 60);
    assert!((accuracy - 1.0).abs() < f64::EPSILON, "{accuracy}");
}
