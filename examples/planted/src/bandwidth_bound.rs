//! Many passes over data that no cache holds, a little arithmetic in each: memory sets the pace. The twin makes all passes
//! over one block before it goes to the next.

const PASSES: usize = 32;
const MOVED: usize = 12 << 30;
const BLOCK: usize = 64 << 10;

fn pass(numbers: &mut [f32], step: usize) {
    let add = step as f32 * 0.25;
    for number in numbers {
        *number = *number * 0.5 + add;
    }
}

/// Passes over data of so many bytes, until the data of twelve GiB were passed over.
pub fn run(faulty: bool, bytes: usize) {
    let mut numbers = vec![1.0f32; bytes / 4];
    for _ in 0..(MOVED / bytes / PASSES).max(1) {
        if faulty {
            for step in 0..PASSES {
                pass(&mut numbers, step);
            }
        } else {
            for block in numbers.chunks_mut(BLOCK / 4) {
                for step in 0..PASSES {
                    pass(block, step);
                }
            }
        }
    }
    println!("{}", numbers.iter().step_by(4096).sum::<f32>());
}
