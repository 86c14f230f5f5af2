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

use std::error::Error;
use std::time::Duration;

use engine_probes::harness::{Buffer, Moment, Pages, pin};
use engine_probes::kernel::chase::{Chase, Order};
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
    if let Some(&cpu) = pin::allowed()?.first() {
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
    rings(samples)
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
