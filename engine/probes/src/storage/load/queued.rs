//! A load through queues, one a job: closed (a request follows the end of another) or open (at its time, whatever
//! became of those before).

use std::io;
use std::thread;

use super::recorder::{Recorder, Tally};
use super::source::Source;
use super::{Gate, LoadError, Plan};
use crate::harness::Moment;
use crate::storage::queue::{Done, Kind, Queue, Request, drain};
use crate::storage::stamp::{self, UNIT, WORDS, Writer};

/// Runs the load, each job with the queue that `open` makes in the job's thread. `stop` is asked at each window.
pub(crate) fn run_queued<Q: Queue>(
    plan: &Plan,
    open: &(dyn Fn() -> io::Result<Q> + Sync),
    stop: &(dyn Fn() -> bool + Sync),
) -> Result<Tally, LoadError> {
    let gate = Gate::new(plan.jobs as usize, plan, stop);
    let job = |job: u32| -> Result<Tally, LoadError> {
        let made = open().and_then(|mut queue| prepare(&mut queue, plan, job).map(|()| queue));
        // Every job comes to the gate, or the others would wait for ever.
        let (mut recorder, begin) = Recorder::start(&gate, plan, job == 0);
        let mut queue = made.map_err(|source| LoadError::SetUp { job, source })?;
        let mut worker = Worker::new(&mut queue, plan, job);
        match plan.rate {
            Some(rate) => worker.open_loop(&mut recorder, begin, rate)?,
            None => worker.closed_loop(&mut recorder)?,
        }
        worker.compare()?;
        Ok(recorder.finish())
    };
    let load = || {
        thread::scope(|scope| {
            let others: Vec<_> = (1..plan.jobs).map(|number| scope.spawn(move || job(number))).collect();
            let mut all = job(0);
            for other in others {
                let other = other.join().unwrap_or(Err(LoadError::Panicked));
                all = match (all, other) {
                    (Ok(mut all), Ok(other)) => {
                        all.add(&other);
                        Ok(all)
                    }
                    (Err(error), _) | (_, Err(error)) => Err(error),
                };
            }
            all
        })
    };
    gate.place.accompany(load)
}

/// Fills the buffers with what is to be written.
fn prepare(queue: &mut impl Queue, plan: &Plan, job: u32) -> io::Result<()> {
    let Some(key) = plan.key.filter(|_| plan.pattern.writes()) else { return Ok(()) };
    let units = plan.block as usize / UNIT;
    for slot in 0..plan.depth {
        let buffer = plan.buffer(slot, Kind::Write) as usize;
        for part in 0..units {
            let unit = queue.buffers().slice_mut((buffer * units + part) * UNIT, WORDS);
            stamp::body(unit, key, Writer { tag: plan.tag(job, slot), part: part as u64 });
        }
    }
    Ok(())
}

#[derive(Debug, Clone, Copy)]
struct Slot {
    /// When it was handed over, or was to be.
    start: u64,
    kind: Kind,
    block: u64,
}

struct Worker<'a, Q: Queue> {
    queue: &'a mut Q,
    plan: &'a Plan,
    job: u32,
    source: Source,
    slots: Vec<Slot>,
    free: Vec<u32>,
    done: Vec<Done>,
    /// The first read that brought something else.
    wrong: Option<u64>,
}

impl<'a, Q: Queue> Worker<'a, Q> {
    fn new(queue: &'a mut Q, plan: &'a Plan, job: u32) -> Self {
        let depth = plan.depth;
        Self {
            queue,
            plan,
            job,
            source: Source::new(plan, job),
            slots: vec![Slot { start: 0, kind: Kind::Nop, block: 0 }; depth as usize],
            free: (0..depth).rev().collect(),
            done: Vec::with_capacity(depth as usize * 2),
            wrong: None,
        }
    }

    /// Keeps `depth` requests under way. A latency runs from before the call that hands the request over to the moment
    /// when its end is seen; requests that go together, and ends that are seen together, share a reading of the clock.
    fn closed_loop(&mut self, recorder: &mut Recorder<'_>) -> Result<(), LoadError> {
        let batch = self.plan.batch as usize;
        let mut fresh = Vec::with_capacity(self.plan.depth as usize);
        loop {
            // All slots are filled before ends are looked for, so that the device has `depth` requests to work on.
            while !self.free.is_empty() {
                fresh.clear();
                while fresh.len() < batch {
                    let Some(slot) = self.free.pop() else { break };
                    self.put(slot, recorder)?;
                    fresh.push(slot);
                }
                let start = Moment::now().nanos();
                for slot in &fresh {
                    self.slots[*slot as usize].start = start;
                }
                // The last batch goes with the call that waits.
                if !self.free.is_empty() {
                    self.queue.submit().map_err(LoadError::Queue)?;
                }
            }
            self.queue.turn(1, self.plan.batch, &mut self.done).map_err(LoadError::Queue)?;
            let now = Moment::now();
            if !recorder.go_on(now) {
                break;
            }
            for at in 0..self.done.len() {
                let slot = self.end(at)?;
                recorder.add(slot.kind, now.nanos().saturating_sub(slot.start));
            }
            self.done.clear();
        }
        self.settle()
    }

    /// Hands each request over at its time, without waiting for any: what cannot be handed over because all slots are
    /// taken waits, and its wait is part of its latency. Keeps a processor busy, so that no sleep is in the latency.
    fn open_loop(&mut self, recorder: &mut Recorder<'_>, begin: u64, rate: f64) -> Result<(), LoadError> {
        let (plan, job) = (self.plan, self.job);
        let due = |number: u64| plan.due(begin, rate, job, number);
        let (from, end, give_up) = plan.span(begin);
        let (mut next, mut recording) = (0, true);
        loop {
            let now = Moment::now().nanos();
            while due(next) < end.min(now + 1) {
                let Some(slot) = self.free.pop() else { break };
                self.put(slot, recorder)?;
                self.slots[slot as usize].start = due(next);
                next += 1;
            }
            self.queue.turn(0, u32::MAX, &mut self.done).map_err(LoadError::Queue)?;
            let now = Moment::now();
            recording = recording && recorder.go_on(now);
            for at in 0..self.done.len() {
                let slot = self.end(at)?;
                let took = now.nanos().saturating_sub(slot.start);
                match (recording, slot.start >= from) {
                    (true, true) => recorder.add(slot.kind, took),
                    (false, true) => recorder.time(slot.kind, took),
                    (_, false) => {}
                }
            }
            self.done.clear();
            let idle = due(next) >= end && self.queue.under_way() == 0;
            if (!recording && (idle || recorder.is_stopped())) || now.nanos() >= give_up {
                break;
            }
        }
        let now = Moment::now().nanos();
        for number in next.. {
            if due(number) >= end {
                break;
            }
            recorder.unfinished(Kind::Read, now.saturating_sub(due(number).max(from)), false);
        }
        let free: Vec<bool> = (0..self.plan.depth).map(|slot| self.free.contains(&slot)).collect();
        for (slot, _) in self.slots.iter().zip(free).filter(|(slot, free)| !free && slot.start >= from) {
            recorder.unfinished(slot.kind, now.saturating_sub(slot.start), true);
        }
        self.settle()
    }

    /// Puts the next request in.
    #[inline]
    fn put(&mut self, slot: u32, recorder: &mut Recorder<'_>) -> Result<(), LoadError> {
        let (kind, block) = self.source.next();
        self.slots[slot as usize] = Slot { start: 0, kind, block };
        if kind == Kind::Write {
            self.stamp(slot, block);
            recorder.wrote(block);
        }
        let (buffer, offset) = (self.plan.buffer(slot, kind), block * u64::from(self.plan.block));
        self.queue.push(Request { slot, buffer, kind, offset }).map_err(LoadError::Queue)
    }

    /// Writes into the slot's buffer where it is about to go.
    #[inline]
    fn stamp(&mut self, slot: u32, block: u64) {
        let Some(key) = self.plan.key else { return };
        let units = self.plan.block as usize / UNIT;
        let buffer = self.plan.buffer(slot, Kind::Write) as usize;
        for part in 0..units {
            let unit = self.queue.buffers().slice_mut((buffer * units + part) * UNIT, WORDS);
            let writer = Writer { tag: self.plan.tag(self.job, slot), part: part as u64 };
            stamp::stamp(unit, key, block * units as u64 + part as u64, writer);
        }
    }

    /// Takes the end of a request: frees its slot, and looks whether it did what it should.
    #[inline]
    fn end(&mut self, at: usize) -> Result<Slot, LoadError> {
        let Done { slot: number, result } = self.done[at];
        let slot = self.slots[number as usize];
        self.free.push(number);
        if slot.kind != Kind::Nop && result != i64::from(self.plan.block) {
            return Err(failed(&slot, result, self.plan.block));
        }
        if let (Kind::Read, Some(key)) = (slot.kind, self.plan.key) {
            let units = self.plan.block as usize / UNIT;
            let first = self.queue.buffers().slice::<u64>(number as usize * units * UNIT, 8);
            if !stamp::is_unit(first, key, slot.block * units as u64) && self.wrong.is_none() {
                self.wrong = Some(slot.block * u64::from(self.plan.block));
            }
        }
        Ok(slot)
    }

    /// Waits for what is under way.
    fn settle(&mut self) -> Result<(), LoadError> {
        drain(self.queue, &mut self.done).map_err(LoadError::Queue)?;
        for at in 0..self.done.len() {
            self.end(at)?;
        }
        self.done.clear();
        Ok(())
    }

    /// Compares the last block that each slot read in full; blocks that are written meanwhile by their stamp only.
    fn compare(&mut self) -> Result<(), LoadError> {
        if let Some(offset) = self.wrong {
            return Err(LoadError::Wrong { offset });
        }
        let Some(key) = self.plan.key else { return Ok(()) };
        let units = self.plan.block as usize / UNIT;
        for (number, slot) in self.slots.iter().enumerate().filter(|(_, slot)| slot.kind == Kind::Read) {
            for part in 0..units {
                let unit = self.queue.buffers().slice::<u64>((number * units + part) * UNIT, WORDS);
                let index = slot.block * units as u64 + part as u64;
                let good = match self.plan.pattern.writes() {
                    true => stamp::is_unit(unit, key, index),
                    false => stamp::is_intact(unit, key, index),
                };
                if !good {
                    return Err(LoadError::Wrong { offset: index * UNIT as u64 });
                }
            }
        }
        Ok(())
    }
}

pub(super) fn name(kind: Kind) -> &'static str {
    match kind {
        Kind::Read => "read",
        Kind::Write => "write",
        Kind::Nop => "request",
    }
}

fn failed(slot: &Slot, result: i64, wanted: u32) -> LoadError {
    let (kind, offset) = (name(slot.kind), slot.block * u64::from(wanted));
    match i32::try_from(-result) {
        Ok(error) if error > 0 => LoadError::Request { kind, offset, source: io::Error::from_raw_os_error(error) },
        _ => LoadError::Short { kind, offset, got: result, wanted },
    }
}
