//! A debug build that is run in earnest. Both variants are this program: the fault is which build is started.

/// Sorts, sums and hashes a list.
pub fn run() {
    let mut numbers: Vec<u64> = (0..2_000_000_u64).map(|at| crate::work::mix(at, 3)).collect();
    numbers.sort_unstable();
    let sum = numbers.iter().enumerate().fold(0u64, |sum, (at, number)| sum.wrapping_add(number ^ at as u64));
    println!("{sum:x}");
}
