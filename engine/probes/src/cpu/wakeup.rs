//! `cpu.wakeup`: how long a sleeping thread on another CPU takes to run once it is woken, and what a lock costs when
//! nobody sleeps.
//!
//! Method: a thread sleeps on a futex on one CPU; after a while, from another CPU, the clock is read, the word is
//! changed and `FUTEX_WAKE` is called; the first thing that the woken thread does is to read the clock. The difference
//! is one sample. Beside it: what the call costs the waker, the call when nobody sleeps, a wait that need not wait, and
//! an uncontended `pthread_mutex`, which makes no call at all.
//!
//! What would make the number wrong: a thread that did not sleep yet (the call must say that it woke one, and the
//! kernel must count the sleeps); clocks of two CPUs that differ (a thread that runs before it is woken is an error); a
//! CPU that had no time to go idle, or far too much: deeper sleep takes longer to leave, so `pause` is part of the
//! result.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use engine_core::args::Args;
use engine_core::metric::MetricDef;
use engine_core::probe::{OwnNoise, ParamDef, ParamKind, ProbeInfo, RoundProcess};
use engine_core::step::{Skip, SkipKind};
use engine_core::unit::Unit;

use crate::harness::{Moment, Placement, Stopwatch, Team, Usage, pin, short};
use crate::kernel::futex::{self, Lock};
use crate::{Context, Probe, ProbeError};

const SAMPLES: ParamDef = ParamDef {
    name: "samples",
    kind: ParamKind::Count { min: 1, max: 1_000_000 },
    default: Some("300"),
    tiny: Some("20"),
    doc: "wake-ups in a round",
};
const PAUSE: ParamDef = ParamDef {
    name: "pause",
    kind: ParamKind::Time { min: 1e-6, max: 1.0 },
    default: Some("100 us"),
    tiny: Some("100 us"),
    doc: "how long the thread sleeps before it is woken",
};

const LATENCY: MetricDef =
    MetricDef::cost("latency", Unit::Seconds, "from the wake to the woken thread on another CPU");
const CALL: MetricDef = MetricDef::cost("call", Unit::Seconds, "what the wake costs the waker");
const IDLE_CALL: MetricDef = MetricDef::floor("idle_call", Unit::Seconds, "a wake when nobody sleeps");
const REFUSED: MetricDef = MetricDef::floor("refused", Unit::Seconds, "a wait that need not wait");
const LOCK: MetricDef = MetricDef::floor("lock", Unit::Seconds, "an uncontended mutex, taken and given back");

/// The probe.
pub static PROBE: Probe = Probe {
    info: &ProbeInfo {
        id: "cpu.wakeup",
        summary: "From the wake to the woken: a futex between two CPUs, and what a lock costs when nobody waits.",
        method: 1,
        about: "A thread sleeps on a futex; another CPU reads the clock and wakes it; it reads the clock as soon as it \
                runs. Beside it the cost of the call to the waker, of a wake and a wait without effect, and of an \
                uncontended mutex. The number is wrong when the thread did not sleep, so each call must say that it \
                woke one and the kernel must count the sleeps; and it depends on how deep the CPU sleeps, thus on \
                `pause`.",
        params: &[SAMPLES, PAUSE],
        metrics: &[LATENCY, CALL, IDLE_CALL, REFUSED, LOCK],
        round_seconds: 0.3,
        process: RoundProcess::Engine,
        noise: OwnNoise::Quiet,
    },
    run,
};

/// Turns with which calibration begins.
const FIRST: u64 = 100;
/// Longest that one side waits for the other.
const PATIENCE: Duration = Duration::from_secs(20);
/// Least share of wake-ups that must have met a sleeper.
const MET: f64 = 0.9;

fn run(args: &Args, cx: &mut Context<'_>) -> Result<(), ProbeError> {
    let cpus = pin::allowed().unwrap_or_default();
    if cpus.len() < 2 || cx.cores < 2 {
        let reason = "there is one CPU, so no thread on another one can be woken";
        let remedy = "give the process more CPUs: a larger affinity mask, cpuset or CPU quota";
        return Err(Skip::new(SkipKind::Hardware, reason, remedy).into());
    }
    let pause = Duration::from_secs_f64(args.number(PAUSE.name));
    wake_sleepers(cx, [cpus[0], cpus[1]], args.whole(SAMPLES.name), pause, ATTEMPTS)?;
    quiet(cx, cpus[0])
}

/// A machine on which the thread is not asleep in time gives it longer pauses, so many times.
const ATTEMPTS: u32 = 4;
/// How much longer each is.
const LONGER: u32 = 5;

/// Records wake-ups of a thread that slept.
fn wake_sleepers(
    cx: &mut Context<'_>,
    cpus: [usize; 2],
    samples: u64,
    mut pause: Duration,
    attempts: u32,
) -> Result<(), ProbeError> {
    let mut attempt = 1;
    loop {
        let (waker, sleeper) = wake(cx, cpus, samples, pause)?;
        match check(&waker, &sleeper) {
            Err(Wrong::Awake { .. }) if attempt < attempts => {}
            checked => {
                let latencies = checked?;
                if attempt > 1 {
                    let grown = Unit::Seconds.format(pause.as_secs_f64());
                    cx.note(format!("the thread was not asleep after shorter pauses: they grew to {grown}"));
                }
                let calls: Vec<f64> =
                    waker.before.iter().zip(&waker.after).map(|(start, end)| end.since(*start).as_secs_f64()).collect();
                cx.record_all(&LATENCY, &latencies);
                cx.record_all(&CALL, &calls);
                return Ok(());
            }
        }
        attempt += 1;
        pause *= LONGER;
    }
}

/// Why wake-ups are no measure.
#[derive(Debug, thiserror::Error)]
enum Wrong {
    #[error("of {samples} wake-ups {met} met a sleeper, and the kernel counts {sleeps} sleeps: use a longer `pause`")]
    Awake { samples: usize, met: u64, sleeps: u64 },
    #[error("a thread ran before it was woken: the clocks of the CPUs differ")]
    Early,
}

impl From<Wrong> for ProbeError {
    fn from(wrong: Wrong) -> Self {
        Self::verification(wrong.to_string())
    }
}

/// What both sides share: the word to sleep on, and how far the sleeper is.
#[derive(Debug, Default)]
struct Bed {
    word: AtomicU32,
    lying: AtomicU32,
}

/// One side and what it saw. The vectors are long enough before the clock starts.
#[derive(Debug, Default)]
struct Side {
    before: Vec<Moment>,
    after: Vec<Moment>,
    woken: Vec<u64>,
    usage: Usage,
    gave_up: bool,
}

/// Both sides, the one that wakes first.
fn wake(cx: &Context<'_>, cpus: [usize; 2], samples: u64, pause: Duration) -> Result<(Side, Side), ProbeError> {
    let samples = usize::try_from(samples).unwrap_or(usize::MAX);
    let mut team = Team::on(&cpus, move |_| {
        let room = || Vec::with_capacity(samples);
        Ok(Side { before: room(), after: room(), woken: Vec::with_capacity(samples), ..Side::default() })
    })?;
    if let Some(Placement::Unpinned(reason)) =
        team.placement().iter().find(|place| matches!(place, Placement::Unpinned(_)))
    {
        let remedy = "allow `sched_setaffinity`, or give the process a CPU set that does not change";
        return Err(Skip::new(SkipKind::Permission, format!("threads cannot be pinned: {reason}"), remedy).into());
    }
    // A part at a time, so that an interruption is seen.
    const PART: usize = 100;
    let bed = Arc::new(Bed::default());
    let mut done = 0;
    while done < samples {
        cx.check()?;
        let count = PART.min(samples - done);
        let from = u32::try_from(done).unwrap_or(u32::MAX);
        team.time(|side, state| match side {
            0 => state.wake_up(&bed, from, count, pause),
            _ => state.sleep(&bed, from, count),
        })?;
        if team.each(|_, state| state.gave_up)?.contains(&true) {
            return Err(ProbeError::failed("a thread waited twenty seconds for the other: it gets no CPU"));
        }
        done += count;
    }
    let mut sides = team.each(|_, state| std::mem::take(state))?;
    let (sleeper, waker) = (sides.pop().unwrap_or_default(), sides.pop().unwrap_or_default());
    Ok((waker, sleeper))
}

impl Side {
    /// Sleeps until the word counts on, `count` times.
    fn sleep(&mut self, bed: &Bed, from: u32, count: usize) {
        let before = Usage::of_thread();
        for at in (from..).take(count) {
            bed.lying.store(at + 1, Ordering::Release);
            while bed.word.load(Ordering::Acquire) == at {
                // Signals and wakes for others lead back here.
                let _ = futex::wait(&bed.word, at);
            }
            self.after.push(Moment::now());
        }
        let usage = Usage::of_thread().since(before);
        self.usage.voluntary += usage.voluntary;
    }

    /// Wakes the other side, `count` times, each time after it has slept for `pause`.
    fn wake_up(&mut self, bed: &Bed, from: u32, count: usize, pause: Duration) {
        for at in (from..).take(count) {
            let begun = Moment::now();
            while !self.gave_up && bed.lying.load(Ordering::Acquire) != at + 1 {
                std::hint::spin_loop();
                // Then the rest is done without waiting, so that the other side is not left asleep.
                self.gave_up = Moment::now().since(begun) > PATIENCE;
            }
            let lying = Moment::now();
            while Moment::now().since(lying) < pause {
                std::hint::spin_loop();
            }
            let start = Moment::now();
            bed.word.store(at + 1, Ordering::Release);
            let woken = futex::wake(&bed.word);
            let end = Moment::now();
            self.before.push(start);
            self.after.push(end);
            self.woken.push(woken);
        }
    }
}

/// The latencies of those wake-ups that met a sleeper.
fn check(waker: &Side, sleeper: &Side) -> Result<Vec<f64>, Wrong> {
    let samples = waker.before.len().min(sleeper.after.len());
    let met = waker.woken.iter().sum::<u64>();
    if (met as f64) < MET * samples as f64 || sleeper.usage.voluntary < met {
        return Err(Wrong::Awake { samples, met, sleeps: sleeper.usage.voluntary });
    }
    let mut latencies = Vec::with_capacity(samples);
    for ((start, end), woken) in waker.before.iter().zip(&sleeper.after).zip(&waker.woken) {
        if end < start {
            return Err(Wrong::Early);
        }
        if *woken == 1 {
            latencies.push(end.since(*start).as_secs_f64());
        }
    }
    Ok(latencies)
}

/// What the calls and a lock cost when nobody sleeps.
fn quiet(cx: &mut Context<'_>, cpu: usize) -> Result<(), ProbeError> {
    let mut team = Team::on(&[cpu], |_| Ok((AtomicU32::new(1), Lock::default(), 0u64)))?;
    for metric in [IDLE_CALL, REFUSED, LOCK] {
        let taken = short::take(cx, FIRST, |turns| {
            let results = team.each(|_, (word, lock, counted)| {
                let clock = Stopwatch::start();
                let right = match metric.id {
                    "idle_call" => (0..turns).all(|_| futex::wake(word) == 0),
                    "refused" => (0..turns).all(|_| futex::wait(word, 0).is_err()),
                    _ => {
                        *counted += turns;
                        lock.count_up(turns) == *counted
                    }
                };
                (clock.stop(), right)
            })?;
            match results[0] {
                (took, true) => Ok(took),
                _ => Err(ProbeError::verification(format!("`{}`: a call or the lock did not do its work", metric.id))),
            }
        })?;
        cx.record_all(&metric, &taken.each());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::harness::tests::{round_on, values};

    #[test]
    fn a_woken_thread_runs_after_its_wake() {
        if pin::allowed().unwrap().len() < 2 {
            return;
        }
        // A machine with much to do may need longer until a thread sleeps: up to a good second.
        let cancel = std::sync::atomic::AtomicBool::new(false);
        let deadline = std::time::Instant::now() + Duration::from_secs(600);
        let mut cx = Context::new(std::path::Path::new("/"), &cancel, deadline, 2, 7, true);
        let cpus = pin::allowed().unwrap();
        wake_sleepers(&mut cx, [cpus[0], cpus[1]], 5, Duration::from_micros(100), 7).unwrap();
        quiet(&mut cx, cpus[0]).unwrap();
        let (records, _) = cx.finish();
        for metric in PROBE.info.metrics {
            let times = values(&records, metric.id);
            assert!(!times.is_empty() && times.iter().all(|time| (1e-10..10.0).contains(time)), "{times:?}");
        }
    }

    #[test]
    fn one_cpu_is_a_skip() {
        let Err(ProbeError::Skip(skip)) = round_on(1, &PROBE, &[]) else { panic!("no skip") };
        assert_eq!(skip.kind, SkipKind::Hardware);
    }

    fn sides(starts: &[u64], ends: &[u64], woken: &[u64], sleeps: u64) -> (Side, Side) {
        let moments = |times: &[u64]| times.iter().map(|&time| Moment::at(time)).collect::<Vec<_>>();
        let waker = Side { before: moments(starts), woken: woken.to_vec(), ..Side::default() };
        let usage = Usage { voluntary: sleeps, ..Usage::default() };
        (waker, Side { after: moments(ends), usage, ..Side::default() })
    }

    /// The planted faults: a sleeper that spins instead, and clocks that differ.
    #[test]
    fn a_thread_that_did_not_sleep_or_ran_too_early_is_flagged() {
        let (waker, sleeper) = sides(&[10, 110], &[15, 117], &[1, 1], 2);
        assert_eq!(check(&waker, &sleeper).unwrap(), [5e-9, 7e-9]);
        let (waker, sleeper) = sides(&[10, 110], &[15, 117], &[0, 0], 0);
        assert!(check(&waker, &sleeper).unwrap_err().to_string().contains("0 met a sleeper"));
        let (waker, sleeper) = sides(&[10, 110], &[15, 117], &[1, 1], 1);
        assert!(check(&waker, &sleeper).unwrap_err().to_string().contains("counts 1 sleeps"));
        let (waker, sleeper) = sides(&[10, 110], &[15, 109], &[1, 1], 2);
        assert!(check(&waker, &sleeper).unwrap_err().to_string().contains("clocks of the CPUs differ"));
    }
}
