//! A load through a pool of threads that read and write, for where there is no queue: as many threads a job as
//! requests may be under way.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use super::queued::name;
use super::recorder::{Recorder, Tally};
use super::source::Source;
use super::{Gate, LoadError, Plan};
use crate::harness::{Buffer, Moment};
use crate::storage::queue::Kind;
use crate::storage::stamp::{self, UNIT, WORDS, Writer};

/// A thread here needs little: no script, no recursion.
const STACK: usize = 128 << 10;

/// Runs the load on `file`.
pub(crate) fn run_pool(plan: &Plan, file: &File, stop: &(dyn Fn() -> bool + Sync)) -> Result<Tally, LoadError> {
    let threads = plan.jobs * plan.depth;
    let gate = Gate::new(threads as usize, plan, stop);
    // Places of sequential requests, and numbers of those that are due at a time.
    let places: Vec<Arc<AtomicU64>> = (0..plan.jobs).map(|_| Arc::default()).collect();
    let numbers: Vec<AtomicU64> = (0..plan.jobs).map(|_| AtomicU64::new(0)).collect();
    let load = || {
        thread::scope(|scope| {
            let mut pool = Vec::with_capacity(threads as usize);
            let mut refused = None;
            for thread in 0..threads {
                let (job, within) = (thread / plan.depth, thread % plan.depth);
                let source = Source::shared(plan, job, within, &places[job as usize]);
                let worker = Worker { plan, file, job, within, source, number: &numbers[job as usize] };
                let gate = &gate;
                match thread::Builder::new().stack_size(STACK).spawn_scoped(scope, move || worker.run(gate)) {
                    Ok(handle) => pool.push(handle),
                    Err(source) => {
                        refused = Some(LoadError::SetUp { job, source });
                        break;
                    }
                }
            }
            if refused.is_some() {
                gate.give_up(threads as usize - pool.len());
            }
            let mut all: Result<Option<Tally>, LoadError> = refused.map_or(Ok(None), Err);
            for thread in pool {
                let other = thread.join().unwrap_or(Err(LoadError::Panicked));
                all = match (all, other) {
                    (Ok(None), Ok(other)) => Ok(Some(other)),
                    (Ok(Some(mut all)), Ok(other)) => {
                        all.add(&other);
                        Ok(Some(all))
                    }
                    (Err(error), _) | (_, Err(error)) => Err(error),
                };
            }
            all.and_then(|all| all.ok_or(LoadError::Panicked))
        })
    };
    gate.place.accompany(load)
}

struct Worker<'a> {
    plan: &'a Plan,
    file: &'a File,
    job: u32,
    within: u32,
    source: Source,
    number: &'a AtomicU64,
}

impl Worker<'_> {
    fn run(mut self, gate: &Gate<'_>) -> Result<Tally, LoadError> {
        let buffers = self.buffers();
        let (mut recorder, begin) = Recorder::start(gate, self.plan, self.job == 0 && self.within == 0);
        // One for reads and one for writes, so that what is written is never what was read.
        let [mut buffer, mut outgoing] = buffers.map_err(|source| LoadError::SetUp { job: self.job, source })?;
        let units = self.plan.block as usize / UNIT;
        let (from, end, give_up) = self.plan.span(begin);
        let (mut wrong, mut recording) = (None, true);
        loop {
            let start = match self.plan.rate {
                None => Moment::now().nanos(),
                Some(rate) => match self.wait(begin, rate) {
                    due if due >= end => break,
                    due if recorder.is_stopped() || Moment::now().nanos() >= give_up => {
                        recorder.unfinished(Kind::Read, give_up.saturating_sub(due), false);
                        continue;
                    }
                    due => due,
                },
            };
            let (kind, block) = self.source.next();
            let offset = block * u64::from(self.plan.block);
            let moved = match kind {
                Kind::Write => {
                    self.stamp(&mut outgoing, block);
                    recorder.wrote(block);
                    self.file.write_at(outgoing.slice(0, units * UNIT), offset)
                }
                _ => self.file.read_at(buffer.slice_mut(0, units * UNIT), offset),
            };
            let now = Moment::now();
            let moved = moved.map_err(|source| LoadError::Request { kind: name(kind), offset, source })?;
            if moved != units * UNIT {
                let (got, wanted) = (moved as i64, self.plan.block);
                return Err(LoadError::Short { kind: name(kind), offset, got, wanted });
            }
            recording = recording && recorder.go_on(now);
            let took = now.nanos().saturating_sub(start);
            match (recording, self.plan.rate.is_some()) {
                (true, _) => recorder.add(kind, took),
                // What was due is waited for.
                (false, true) if start >= from => recorder.time(kind, took),
                (false, true) => {}
                (false, false) => break,
            }
            if let (Kind::Read, Some(key)) = (kind, self.plan.key) {
                let good = stamp::is_unit(buffer.slice(0, WORDS), key, block * units as u64);
                wrong = wrong.or((!good).then_some(offset));
            }
        }
        // The last window may have ended before the last request that was due in it.
        while recording && recorder.go_on(Moment::now()) {
            thread::sleep(Duration::from_micros(100));
        }
        wrong.map_or_else(|| Ok(recorder.finish()), |offset| Err(LoadError::Wrong { offset }))
    }

    /// Waits for the time of the next request, which it gives.
    fn wait(&self, begin: u64, rate: f64) -> u64 {
        let number = self.number.fetch_add(1, Ordering::Relaxed);
        let due = self.plan.due(begin, rate, self.job, number);
        let (_, end, _) = self.plan.span(begin);
        loop {
            match due.min(end).saturating_sub(Moment::now().nanos()) {
                0 => return due,
                // A sleep is late by some 50 us; the rest is spun away.
                rest if rest > 200_000 => thread::sleep(Duration::from_nanos(rest - 100_000)),
                _ => std::hint::spin_loop(),
            }
        }
    }

    fn buffers(&self) -> io::Result<[Buffer; 2]> {
        let map = |bytes: usize| Buffer::map(bytes, self.plan.pages, u64::MAX).map_err(io::Error::other);
        let writes = self.plan.pattern.writes();
        let mut buffers = [map(self.plan.block as usize)?, map(if writes { self.plan.block as usize } else { 1 })?];
        buffers.iter_mut().for_each(Buffer::touch);
        if let (true, Some(key)) = (writes, self.plan.key) {
            for part in 0..self.plan.block as usize / UNIT {
                stamp::body(buffers[1].slice_mut(part * UNIT, WORDS), key, self.writer(part));
            }
        }
        Ok(buffers)
    }

    fn writer(&self, part: usize) -> Writer {
        Writer { tag: self.plan.tag(self.job, self.within), part: part as u64 }
    }

    fn stamp(&self, buffer: &mut Buffer, block: u64) {
        let Some(key) = self.plan.key else { return };
        let units = self.plan.block as usize / UNIT;
        for part in 0..units {
            let index = block * units as u64 + part as u64;
            stamp::stamp(buffer.slice_mut(part * UNIT, WORDS), key, index, self.writer(part));
        }
    }
}
