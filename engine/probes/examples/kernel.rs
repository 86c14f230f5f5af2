//! Drives one kernel from the command line, for measuring side by side with other programs.
//!
//! ```text
//! kernel facts
//! kernel stream KERNEL ISA plain|nt TOTAL_BYTES THREADS SECONDS SAMPLE_MS     TOTAL_BYTES: of the arrays it uses
//! kernel fma ISA f32|f64 THREADS SECONDS SAMPLE_MS
//! kernel curve LEAST MOST PER_OCTAVE SAMPLE_MS full|local huge|small|system
//! kernel knees                                  lines of `bytes latency` on standard input
//! kernel sieve LIMIT
//! ```

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program for the terminal")]

use std::error::Error;
use std::ops::ControlFlow;
use std::time::Duration;

use engine_probes::harness::{Pages, Target, Team, calibrate, clock, sentinel};
use engine_probes::kernel::chase::Order;
use engine_probes::kernel::curve;
use engine_probes::kernel::fma::{Fma, Precision};
use engine_probes::kernel::isa::Isa;
use engine_probes::kernel::knee::knees;
use engine_probes::kernel::sieve::{Sieve, known};
use engine_probes::kernel::stream::{Arrays, Kernel, Passes, Store};

type Any<T> = Result<T, Box<dyn Error + Send + Sync>>;

fn main() -> Any<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words[..] {
        ["facts"] => {
            println!("{:?}\n{:?}", clock::facts(), sentinel::beat());
            Ok(())
        }
        ["stream", kernel, isa, store, bytes, threads, seconds, sample_ms] => {
            let store = if store == "nt" { Store::NonTemporal } else { Store::Plain };
            let passes = Passes::new(isa_of(isa)?, store)?;
            let kernel = Kernel::from_name(kernel).ok_or("no such kernel")?;
            stream(kernel, passes, bytes.parse()?, threads.parse()?, span(seconds, sample_ms)?)
        }
        ["fma", isa, precision, threads, seconds, sample_ms] => {
            let precision = if precision == "f32" { Precision::Single } else { Precision::Double };
            fma(isa_of(isa)?, precision, threads.parse()?, span(seconds, sample_ms)?)
        }
        ["curve", least, most, per_octave, sample_ms, order, pages] => {
            let plan = curve::Plan {
                sizes: curve::sizes(least.parse()?, most.parse()?, per_octave.parse()?),
                order: if order == "local" { Order::PageLocal { pages: 64 } } else { Order::FullRandom },
                pages: match pages {
                    "huge" => Pages::Huge,
                    "small" => Pages::Small,
                    _ => Pages::System,
                },
                rounds: 3,
                again: usize::MAX,
                samples: 2,
                sample: Duration::from_millis(sample_ms.parse()?),
                seed: 1,
            };
            curve(plan)
        }
        ["knees"] => {
            let text = std::io::read_to_string(std::io::stdin())?;
            let point = |line: &str| -> Any<(f64, f64)> {
                let (bytes, latency) = line.split_once(' ').ok_or("a line is `bytes latency`")?;
                Ok((bytes.parse()?, latency.trim().parse()?))
            };
            for knee in knees(&text.lines().map(point).collect::<Any<Vec<_>>>()?) {
                println!("{} {} {} {} {}", knee.bytes, knee.low, knee.high, knee.before, knee.after);
            }
            Ok(())
        }
        ["sieve", limit] => {
            let mut sieve = Sieve::new(limit.parse()?, 32 << 10);
            let watch = clock::Stopwatch::start();
            let count = sieve.count();
            println!("{count} primes (known: {:?}) in {:?}", known(sieve.limit()), watch.stop());
            Ok(())
        }
        _ => Err("see the head of this file for the arguments".into()),
    }
}

fn span(seconds: &str, sample_ms: &str) -> Any<(f64, Target)> {
    Ok((seconds.parse()?, Target { duration: Duration::from_millis(sample_ms.parse()?), ..Target::STANDARD }))
}

fn isa_of(name: &str) -> Any<Isa> {
    Isa::from_name(name).ok_or_else(|| "no such instruction set".into())
}

fn stream(kernel: Kernel, passes: Passes, bytes: u64, threads: usize, (seconds, target): (f64, Target)) -> Any<()> {
    let n = bytes / kernel.bytes_per_element() / threads as u64;
    let mut team = Team::new(threads, move |_| Ok(Arrays::new(usize::try_from(n)?, Pages::System, u64::MAX)?))?;
    let counted: u64 = team.each(|_, arrays| arrays.len() as u64 * kernel.bytes_per_element())?.iter().sum();
    let job = |rounds: u64| {
        move |_: usize, arrays: &mut Arrays| {
            for _ in 0..rounds {
                arrays.pass(&passes, kernel);
            }
        }
    };
    let found = calibrate(target, 1, |rounds| team.time(job(rounds)).map(|lap| lap.wall()))?;
    report(seconds, counted as f64 * found.iterations as f64, "B/s", || Ok(team.time(job(found.iterations))?.wall()))?;
    team.each(|_, arrays| arrays.verify())?.into_iter().collect::<Result<(), _>>()?;
    Ok(())
}

fn fma(isa: Isa, precision: Precision, threads: usize, (seconds, target): (f64, Target)) -> Any<()> {
    let mut team = Team::new(threads, move |_| Ok((Fma::new(isa, precision)?, Ok(()))))?;
    let per_pair: u64 = team.each(|_, (fma, _)| fma.operations(1))?.iter().sum();
    let job = |pairs: u64| move |_: usize, (fma, outcome): &mut (Fma, _)| *outcome = fma.run(pairs);
    let found = calibrate(target, 1_000, |pairs| team.time(job(pairs)).map(|lap| lap.wall()))?;
    report(seconds, (per_pair * found.iterations) as f64, "FLOP/s", || Ok(team.time(job(found.iterations))?.wall()))?;
    team.each(|_, (_, outcome)| *outcome)?.into_iter().collect::<Result<(), _>>()?;
    Ok(())
}

/// Samples for so many seconds and prints best, median and mean.
fn report(seconds: f64, work: f64, unit: &str, mut sample: impl FnMut() -> Any<Duration>) -> Any<()> {
    let before = sentinel::beat();
    let mut times = Vec::new();
    while times.iter().sum::<f64>() < seconds {
        times.push(sample()?.as_secs_f64());
    }
    let after = sentinel::beat();
    let mean = work * times.len() as f64 / times.iter().sum::<f64>();
    times.sort_by(f64::total_cmp);
    let (best, median) = (work / times[0], work / times[times.len() / 2]);
    println!("best {best:.4e} median {median:.4e} mean {mean:.4e} {unit} n {}", times.len());
    println!("clock {:.4e} Hz drift {:+.3} lost {:.3}", before.best_hz, before.drift(&after), after.lost());
    Ok(())
}

fn curve(plan: curve::Plan) -> Any<()> {
    let mut team = Team::new(1, |_| Ok(()))?;
    let curve = team.each(|_, ()| curve::measure(&plan, u64::MAX, |_| ControlFlow::Continue(())))?.remove(0)?;
    for point in &curve.points {
        println!("{} {:.3} {:.3}", point.bytes, point.min_ns, point.median_ns);
    }
    for knee in knees(&curve.points.iter().map(|p| (p.bytes as f64, p.min_ns)).collect::<Vec<_>>()) {
        let [bytes, low, high] = [knee.bytes, knee.low, knee.high].map(|bytes| bytes / 1024.0);
        eprintln!("knee at {bytes:.0} KiB ({low:.0} to {high:.0}): {:.2} ns to {:.2} ns", knee.before, knee.after);
    }
    eprintln!("mapped {} obtained {:?}", curve.mapped, curve.obtained);
    Ok(())
}
