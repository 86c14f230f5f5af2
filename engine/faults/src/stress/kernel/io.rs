//! Loads the file system of a folder: sequential and random reads and writes, a storm of syncs, or names.
//!
//! Method: each thread has a file of its own, never larger than `size`. Every block carries the number of its place and of
//! the round in which it was written, and is checked when it is read back. `sequential` writes and reads 256 KiB blocks,
//! `random` 4 KiB blocks at random places, `fsync` makes each 4 KiB write durable, `metadata` makes, renames, looks at and
//! removes files.
//!
//! What makes it wrong: reads come from the page cache unless the file is larger than memory, so that they load the
//! processor more than the disk; a file system in memory has no disk behind it.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::FileExt;

use engine_core::args::Args;
use engine_core::probe::{ParamDef, ParamKind, ProbeInfo};

use super::{DURATION, INTENSITY, Lcg, NICE, RAMP, THREADS, info};
use crate::stress::{Needs, Stressor, Worker};

/// See the top of the file.
pub(in crate::stress) static STRESSOR: Stressor = Stressor { info: &INFO, needs, work };

static INFO: ProbeInfo = info(
    "stress.io",
    "Loads the file system of a folder with reads, writes, syncs or names.",
    "Each thread writes blocks that know their place to a file of its own and checks them when they come back. Reads from \
     the page cache make it wrong as a load on the disk.",
    &[
        ParamDef {
            name: "mode",
            kind: ParamKind::Choice(&["sequential", "random", "fsync", "metadata"]),
            default: Some("sequential"),
            tiny: None,
            doc: "what is done",
        },
        ParamDef {
            name: "size",
            kind: ParamKind::Size { min: 1_048_576.0, max: 1e12 },
            default: Some("256 MiB"),
            tiny: Some("1 MiB"),
            doc: "the file of each thread",
        },
        INTENSITY,
        DURATION,
        RAMP,
        THREADS,
        NICE,
    ],
);

const LARGE: usize = 256 << 10;
const SMALL: usize = 4 << 10;
/// Files made and removed in a piece of `metadata`.
const FILES: u64 = 16;

fn needs(args: &Args) -> Needs {
    let threads = args.threads("threads", crate::room::processors().len()) as u64;
    Needs { disk: args.whole("size").saturating_mul(threads), ..Needs::default() }
}

fn work(args: &Args, worker: &mut Worker) -> Result<(), String> {
    let path = worker.file("data")?;
    if args.text("mode") == "metadata" {
        return metadata(worker).map_err(|error| format!("{}: {error}", path.display()));
    }
    let opened = OpenOptions::new().read(true).write(true).create(true).truncate(true).open(&path);
    let done = opened.and_then(|file| match args.text("mode") {
        "random" => random(worker, &file, args.whole("size")),
        "fsync" => fsync(worker, &file, args.whole("size")),
        _ => sequential(worker, &file, args.whole("size")),
    });
    done.map_err(|error| format!("{}: {error}", path.display()))
}

/// A block that knows its place and round.
fn stamp(block: &mut [u8], place: u64, round: u64) {
    let mut random = Lcg(place ^ round.rotate_left(32));
    for word in block.chunks_exact_mut(8) {
        word.copy_from_slice(&random.step().to_le_bytes());
    }
}

/// Compares a block that was read with what its place and round say.
fn check(worker: &mut Worker, block: &mut [u8], place: u64, round: u64) {
    if worker.plants() {
        block[100] ^= 4;
    }
    let mut random = Lcg(place ^ round.rotate_left(32));
    let right = block.chunks_exact(8).all(|word| word == random.step().to_le_bytes());
    worker.checked(right, || format!("io: the block at {place} is not what was written"));
}

fn sequential(worker: &mut Worker, file: &File, size: u64) -> std::io::Result<()> {
    let mut block = vec![0_u8; LARGE];
    let places = || (0..size / LARGE as u64).map(|at| at * LARGE as u64);
    for round in 0.. {
        for place in places() {
            stamp(&mut block, place, round);
            file.write_all_at(&block, place)?;
            if !worker.turn(1) {
                return Ok(());
            }
        }
        for place in places() {
            file.read_exact_at(&mut block, place)?;
            check(worker, &mut block, place, round);
            if !worker.turn(1) {
                return Ok(());
            }
        }
    }
    Ok(())
}

fn random(worker: &mut Worker, file: &File, size: u64) -> std::io::Result<()> {
    let blocks = size / SMALL as u64;
    let mut written = std::collections::BTreeMap::new();
    let mut random = Lcg(worker.seed);
    let mut block = vec![0_u8; SMALL];
    for round in 1_u64.. {
        let place = (random.step() >> 20) % blocks * SMALL as u64;
        match written.get(&place) {
            Some(round) if random.step() >> 63 == 0 => {
                file.read_exact_at(&mut block, place)?;
                check(worker, &mut block, place, *round);
            }
            _ => {
                stamp(&mut block, place, round);
                file.write_all_at(&block, place)?;
                written.insert(place, round);
            }
        }
        if !worker.turn(1) {
            break;
        }
    }
    Ok(())
}

fn fsync(worker: &mut Worker, file: &File, size: u64) -> std::io::Result<()> {
    let mut block = vec![0_u8; SMALL];
    for round in 0_u64.. {
        let place = round % (size / SMALL as u64) * SMALL as u64;
        stamp(&mut block, place, round);
        file.write_all_at(&block, place)?;
        file.sync_data()?;
        file.read_exact_at(&mut block, place)?;
        check(worker, &mut block, place, round);
        if !worker.turn(1) {
            break;
        }
    }
    Ok(())
}

fn metadata(worker: &mut Worker) -> std::io::Result<()> {
    let folder = worker.file("names").map_err(std::io::Error::other)?;
    std::fs::create_dir(&folder)?;
    for round in 0_u64.. {
        for number in 0..FILES {
            std::fs::write(folder.join(format!("new-{number}")), round.to_le_bytes())?;
            std::fs::rename(folder.join(format!("new-{number}")), folder.join(format!("kept-{number}")))?;
        }
        if worker.plants() {
            std::fs::remove_file(folder.join("kept-3"))?;
        }
        let found = std::fs::read_dir(&folder)?.count() as u64;
        worker.checked(found == FILES, || format!("io: {found} names instead of {FILES}"));
        for number in 0..FILES {
            let name = folder.join(format!("kept-{number}"));
            match std::fs::remove_file(&name) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        if !worker.turn(FILES * 4) {
            break;
        }
    }
    Ok(())
}
