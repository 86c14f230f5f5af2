//! A sync after each record that is written. The twin syncs once, when all are written.

use std::io::Write;

use crate::work::mix;

const RECORDS: u64 = 500;
/// Work between two syncs, about as long as a sync of a fast disk takes: a slower disk makes the fault worse.
const STEPS: u64 = 150_000;

/// Computes and writes all records, to a file beside the program, where the disk is.
pub fn run(faulty: bool) {
    let program = std::env::current_exe().expect("the program knows where it is");
    let path = program.with_file_name(format!("planted-{}.dat", std::process::id()));
    let mut file = std::fs::File::create(&path).expect("the folder can be written");
    let mut total = 0u64;
    for record in 0..RECORDS {
        let value = mix(record, STEPS);
        total = total.wrapping_add(value);
        file.write_all(&[&value.to_le_bytes()[..]; 64].concat()).expect("the disk has room");
        if faulty {
            file.sync_data().expect("it can be synced");
        }
    }
    file.sync_data().expect("it can be synced");
    std::fs::remove_file(&path).expect("it is there");
    println!("{total:x}");
}
