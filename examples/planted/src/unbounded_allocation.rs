//! A list of buffers that only grows: each piece of work takes fresh memory, which the kernel must find and clear first.
//! The twin uses one buffer again and again.

const PIECES: u64 = 100;
const BYTES: usize = 4 << 20;

/// Fills and sums all pieces.
pub fn run(faulty: bool) {
    let mut kept: Vec<Vec<u64>> = Vec::new();
    let mut total = 0u64;
    for piece in 0..PIECES {
        if faulty || kept.is_empty() {
            kept.push(vec![0; BYTES / 8]);
        }
        let buffer = kept.last_mut().expect("there is one");
        for pass in 0..3 {
            let mut state = piece + pass;
            for word in buffer.iter_mut() {
                let before = if pass == 0 { 0 } else { *word };
                state = (state ^ before).wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(23);
                *word = state;
            }
        }
        total = total.wrapping_add(buffer.iter().fold(0u64, |sum, word| sum.wrapping_add(*word)));
    }
    println!("{total:x}");
}
