//! What must hold of every kernel, on any machine: twice the work takes twice the time, and a kernel that is slowed on
//! purpose is seen to be slower. Prints `NAME <tab> RATIO <tab> LOW <tab> HIGH` for each check; the script
//! `benches/claims/metamorphic` reads it.
//!
//! ```text
//! cargo run --release -p engine-probes --example metamorphic -- [SAMPLES]
//! ```
//!
//! A ratio is of the best passes of two sides that take turns in one process.

#![expect(clippy::print_stdout, reason = "a program for the terminal")]

mod caches;
mod memory;
mod network;
mod processes;
mod threads;

use std::error::Error;
use std::time::Duration;

use engine_probes::harness::{Buffer, Moment, Pages, pin, sentinel};
use engine_probes::kernel::arithmetic::{Chains, Operation};
use engine_probes::kernel::branch;
use engine_probes::kernel::chase::{Chase, Order};
use engine_probes::kernel::crypto::{Algorithm, Kernel as Cipher};
use engine_probes::kernel::fma::{self, Fma, Precision};
use engine_probes::kernel::sieve::Sieve;
use engine_probes::kernel::stream::{self, Arrays, Kernel, Passes, Store};
use engine_probes::storage::ablation::Nops;

type Any<T> = Result<T, Box<dyn Error>>;
/// Does so many units of work.
type Pass<'a> = dyn FnMut(u64) -> Any<()> + 'a;

/// Twice the work: within 10 % of twice the time.
const DOUBLE: (f64, f64) = (1.8, 2.2);
/// A planted delay of half the time: within 10 % of one and a half times the time.
const SLOWED: (f64, f64) = (1.35, 1.65);
/// Least duration of a single pass.
const LEAST: Duration = Duration::from_millis(4);

fn main() -> Any<()> {
    let samples = std::env::args().nth(1).map_or(Ok(50), |word| word.parse())?;
    let cpus = pin::allowed()?;
    if let Some(&cpu) = cpus.first() {
        pin::pin_current(cpu)?;
    }

    let mut sieve = Sieve::new(100_000, 16 << 10);
    check("cpu.primes", samples, &mut |units| match (0..units).map(|_| sieve.count()).find(|count| *count != 9_592) {
        None => Ok(()),
        Some(count) => Err(format!("{count} primes up to 100000").into()),
    })?;

    for precision in Precision::ALL {
        let mut chains = Fma::new(fma::best(), precision)?;
        check(&format!("cpu.fma {}", precision.name()), samples, &mut |units| Ok(chains.run(units * 1_000)?))?;
    }

    instructions(samples)?;
    ciphers(samples)?;
    // The predictor must not learn the bytes: they are mixed by a multiplication, and there are many of them.
    let bytes: Vec<u8> = (0u64..1 << 18).map(|i| (i.wrapping_mul(i ^ 0x9e37_79b9_7f4a_7c15) >> 63) as u8).collect();
    let zeros = bytes.iter().filter(|byte| **byte == 0).count() as u64;
    check("cpu.branch", samples, &mut |units| {
        let wrong = (0..units).filter_map(|_| branch::zeros(&bytes)).find(|count| *count != zeros);
        wrong.map_or(Ok(()), |count| Err(format!("{count} zeros of {zeros}").into()))
    })?;
    let mut slices = vec![sentinel::Slice::default(); 1 << 16];
    check("cpu.clock", samples, &mut |units| {
        let wanted = usize::try_from(units)?;
        if sentinel::slices(&mut slices[..wanted], Duration::MAX) == wanted {
            Ok(())
        } else {
            Err("slices are missing".into())
        }
    })?;

    let passes = Passes::new(stream::best(), Store::Plain)?;
    for kernel in Kernel::ALL {
        // In the first-level cache, where nobody else's traffic takes part.
        let mut arrays = Arrays::new(1_024, Pages::System, u64::MAX)?;
        check(&format!("memory.stream {}", kernel.name()), samples, &mut |units| {
            (0..units).for_each(|_| arrays.pass(&passes, kernel));
            Ok(())
        })?;
        arrays.verify()?;
    }

    for (name, bytes) in [("cache.latency", 16 << 10), ("memory.latency", 64 << 20)] {
        let mut buffer = Buffer::map(bytes, Pages::Huge, u64::MAX)?;
        buffer.touch();
        let mut chase = Chase::new(buffer, bytes, Order::FullRandom, 1);
        chase.verify()?;
        check(name, samples, &mut |units| {
            chase.walk(units * 1_024);
            Ok(())
        })?;
    }
    caches::caches(samples)?;
    memory::memory(samples)?;
    threads::threads_and_kernel(samples, &cpus)?;
    network::network(samples)?;
    rings(samples)?;
    processes::processes(samples)
}

/// Chains of each instruction, one and eight side by side.
fn instructions(samples: usize) -> Any<()> {
    for operation in Operation::ALL {
        for number in operation.numbers() {
            for (kind, side_by_side) in [("latency", false), ("rate", true)] {
                let Some(chains) = Chains::new(operation, number, side_by_side) else { continue };
                let name = format!("cpu.arithmetic {} {} {kind}", operation.name(), number.name());
                check(&name, samples, &mut |units| Ok(chains.run(units * 64)?))?;
            }
        }
    }
    Ok(())
}

/// Ciphers and checksums by the fastest path that there is.
fn ciphers(samples: usize) -> Any<()> {
    for algorithm in Algorithm::ALL {
        let found = algorithm.paths().iter().find_map(|path| Cipher::new(algorithm, *path, 1));
        let Some(mut cipher) = found else { continue };
        cipher.known_answers()?;
        check(&format!("cpu.crypto {}", algorithm.name()), samples, &mut |units| {
            (0..units).for_each(|_| cipher.pass());
            Ok(())
        })?;
        cipher.verify()?;
    }
    Ok(())
}

/// Requests that do nothing, through an io_uring; nothing where the system refuses one.
fn rings(samples: usize) -> Any<()> {
    let Ok(mut nops) = Nops::new(32) else { return Ok(()) };
    check("storage.ablation nop", samples, &mut |units| Ok(nops.run(units * 16)?))
}

/// Both checks of one kernel.
fn check(name: &str, samples: usize, pass: &mut Pass<'_>) -> Any<()> {
    let mut units = 1;
    while time(pass, units)? < LEAST.as_secs_f64() {
        units *= 2;
    }
    let [one, two] = race(samples, |side| time(pass, units << side))?;
    say(&format!("{name}: twice the work"), two / one, DOUBLE);

    let delay = Duration::from_secs_f64(one / 2.0);
    let [plain, slowed] = race(samples, |side| {
        let mut slowed = |units| {
            pass(units).map(|()| {
                if side == 1 {
                    wait(delay)
                }
            })
        };
        time(&mut slowed, units)
    })?;
    say(&format!("{name}: slowed by half"), slowed / plain, SLOWED);
    Ok(())
}

/// The planted delay: kept busy, since a sleep is rounded up by the scheduler.
fn wait(delay: Duration) {
    let start = Moment::now();
    while Moment::now().since(start) < delay {
        std::hint::spin_loop();
    }
}

/// Best times of two sides that take turns.
fn race(samples: usize, mut side: impl FnMut(u32) -> Any<f64>) -> Any<[f64; 2]> {
    let mut best = [f64::INFINITY; 2];
    for _ in 0..samples.max(1) {
        for (index, best) in (0..).zip(&mut best) {
            *best = best.min(side(index)?);
        }
    }
    Ok(best)
}

/// Seconds of one pass.
fn time(pass: &mut Pass<'_>, units: u64) -> Any<f64> {
    let start = Moment::now();
    pass(units)?;
    Ok(Moment::now().since(start).as_secs_f64())
}

fn say(name: &str, ratio: f64, (low, high): (f64, f64)) {
    println!("{name}\t{ratio:.4}\t{low}\t{high}");
}
