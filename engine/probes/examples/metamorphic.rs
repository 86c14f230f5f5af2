//! What must hold of every kernel, on any machine: twice the work takes twice the time, and a kernel that is slowed on
//! purpose is seen to be slower. Prints `NAME <tab> RATIO <tab> LOW <tab> HIGH` for each check; the script
//! `benches/claims/metamorphic` reads it.
//!
//! ```text
//! cargo run --release -p engine-probes --example metamorphic -- [SAMPLES]
//! ```
//!
//! A ratio is of the best passes of two sides that take turns in one process; that of `tool.spawn` the median of those
//! within pairs.

#![expect(clippy::print_stdout, reason = "a program for the terminal")]

use std::collections::BTreeMap;
use std::error::Error;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use engine_core::args::ArgValue;
use engine_probes::harness::{Buffer, Moment, Pages, pin};
use engine_probes::kernel::chase::{Chase, Order};
use engine_probes::kernel::fma::{self, Fma, Precision};
use engine_probes::kernel::read::{self, Reader, Region};
use engine_probes::kernel::sieve::Sieve;
use engine_probes::kernel::stream::{self, Arrays, Kernel, Passes, Store};
use engine_probes::kernel::updates::Table;
use engine_probes::{Context, registry};

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
    memory(samples)?;
    processes(samples)
}

/// Reading and random access, in the caches, where nobody else's traffic takes part.
fn memory(samples: usize) -> Any<()> {
    let reader = Reader::new(read::best())?;
    let region = Region::new(1_024, Pages::System, u64::MAX, 1)?;
    check("memory.read", samples, &mut |units| Ok((0..units).try_for_each(|_| region.read(&reader))?))?;

    let mut table = Table::new(1_024, Pages::System, u64::MAX, 1)?;
    check("memory.random update", samples, &mut |units| {
        table.update(units * 1_024);
        Ok(())
    })?;
    table.restore()?;
    let (mut next, mut fold) = (0, 0);
    check("memory.random read", samples, &mut |units| {
        fold ^= table.look_up(next, units * 1_024);
        next += units * 1_024;
        Ok(())
    })?;
    Ok(table.check_lookups(0, next, fold)?)
}

/// `tool.spawn` as it is, with its own times. What a start costs differs from process to process, so both sides are
/// rounds in this one, which take turns; the median of the ratios within pairs counts, as the median of its samples does.
fn processes(samples: usize) -> Any<()> {
    const STARTS: u64 = 24;
    for (name, more, bounds) in [("twice the work", 2 * STARTS, DOUBLE), ("slowed by half", STARTS * 3 / 2, SLOWED)] {
        let mut ratios = Vec::new();
        for pair in 0..samples.max(1) {
            // Whichever side comes second has the warmer caches.
            let (one, two) = if pair % 2 == 0 {
                let one = starts(STARTS)?;
                (one, starts(more)?)
            } else {
                let two = starts(more)?;
                (starts(STARTS)?, two)
            };
            ratios.push(two / one);
        }
        ratios.sort_by(f64::total_cmp);
        say(&format!("tool.spawn: {name}"), ratios[ratios.len() / 2], bounds);
    }
    Ok(())
}

/// Seconds of so many starts together, without the slowest fifth: those met something else.
fn starts(count: u64) -> Any<f64> {
    let probe = registry::find("tool.spawn").ok_or("no tool.spawn")?;
    let given = BTreeMap::from([("samples".to_owned(), ArgValue::Text(count.to_string()))]);
    let args = probe.info.args(&given, false)?;
    let scratch = std::env::temp_dir().join(format!("engine-metamorphic-{}", std::process::id()));
    std::fs::create_dir_all(&scratch)?;
    let cancel = AtomicBool::new(false);
    let mut cx = Context::new(&scratch, &cancel, Instant::now() + Duration::from_secs(60), 1, 1, false);
    let outcome = (probe.run)(&args, &mut cx);
    // Whatever happened, the folder goes.
    let _ = std::fs::remove_dir_all(&scratch);
    outcome?;
    let (records, _) = cx.finish();
    let times = records.into_iter().find(|record| record.metric.id == "latency").map(|record| record.values);
    let mut times = times.ok_or("tool.spawn recorded no latency")?;
    times.sort_by(f64::total_cmp);
    Ok(times[..times.len() - times.len() / 5].iter().sum())
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
