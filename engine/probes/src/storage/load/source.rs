//! Which request comes next.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use engine_core::stats::Stream;

use super::{Pattern, Plan};
use crate::storage::queue::Kind;

/// The requests of one thread. Random offsets are uniform over the whole file, and may repeat (as fio's with
/// `norandommap`); sequential ones go round and round the job's own part.
#[derive(Debug)]
pub(super) struct Source {
    pattern: Pattern,
    random: Stream,
    /// First block and number of blocks of the part.
    first: u64,
    blocks: u64,
    /// Place within the part; shared by the threads of a pool.
    next: Next,
}

#[derive(Debug)]
enum Next {
    Own(u64),
    Shared(Arc<AtomicU64>),
}

impl Source {
    /// The source of a job that has one thread.
    pub(super) fn new(plan: &Plan, job: u32) -> Self {
        Self::of(plan, job, 0, Next::Own(0))
    }

    /// The source of one thread of a job's pool.
    pub(super) fn shared(plan: &Plan, job: u32, thread: u32, next: &Arc<AtomicU64>) -> Self {
        Self::of(plan, job, thread, Next::Shared(Arc::clone(next)))
    }

    fn of(plan: &Plan, job: u32, thread: u32, next: Next) -> Self {
        let (jobs, job_at) = (u64::from(plan.jobs), u64::from(job));
        let (first, end) = match plan.pattern.is_sequential() && plan.blocks >= jobs {
            true => (plan.blocks * job_at / jobs, plan.blocks * (job_at + 1) / jobs),
            false => (0, plan.blocks),
        };
        let random = Stream::new(plan.seed, &[job_at, u64::from(thread)]);
        Self { pattern: plan.pattern, random, first, blocks: end - first, next }
    }

    /// What to do, and to which block of the file.
    #[inline]
    pub(super) fn next(&mut self) -> (Kind, u64) {
        match self.pattern {
            Pattern::RandRead => (Kind::Read, self.random.below(self.blocks)),
            Pattern::RandWrite => (Kind::Write, self.random.below(self.blocks)),
            Pattern::RandRw => {
                let kind = if self.random.below(10) < 7 { Kind::Read } else { Kind::Write };
                (kind, self.random.below(self.blocks))
            }
            Pattern::Read => (Kind::Read, self.along()),
            Pattern::Write => (Kind::Write, self.along()),
            Pattern::Nop => (Kind::Nop, 0),
        }
    }

    #[inline]
    fn along(&mut self) -> u64 {
        let at = match &mut self.next {
            Next::Own(next) => {
                *next += 1;
                *next - 1
            }
            Next::Shared(next) => next.fetch_add(1, Ordering::Relaxed),
        };
        self.first + at % self.blocks
    }
}
