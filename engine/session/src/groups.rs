//! The order of a run: groups of steps one after another, each with its `setup` and its share of the time; within a group
//! rounds are the outer loop, steps the inner one.

use std::collections::VecDeque;
use std::time::Instant;

use engine_core::event::StopReason;
use engine_core::plan::{Group, Work};
use engine_core::step::{Failure, Outcome};
use engine_probes::ProbeError;

use crate::ending::interrupted;
use crate::runner::Runner;
use crate::scripted::{CustomContext, Scripted};

/// The time of a part.
#[derive(Debug, Clone)]
pub(crate) struct Window {
    /// Seconds since the run's start at which it has used up its share.
    end: f64,
    /// Its steps.
    steps: Vec<usize>,
}

impl Runner<'_, '_, '_> {
    /// Runs a `setup`; when it fails, the steps that it was for end with its error.
    pub(crate) fn set_up(
        &mut self,
        name: &str,
        steps: &[usize],
        hook: impl FnOnce(&mut dyn Scripted, &mut dyn CustomContext) -> Result<(), ProbeError>,
    ) {
        if !self.plan.setup {
            return;
        }
        let Err(error) = self.script_hook(name, hook) else { return };
        let outcome = match error {
            ProbeError::Cancelled => Outcome::Skipped(interrupted()),
            ProbeError::Skip(skip) => Outcome::Skipped(skip),
            ProbeError::Failed(failure) => {
                Outcome::Failed(Failure { message: format!("{name} failed: {}", failure.message), ..failure })
            }
        };
        for step in self.progress.open().into_iter().filter(|step| steps.contains(step)) {
            self.finish(step, outcome.clone(), None);
        }
    }

    /// All rounds of all steps, one group after another.
    pub(crate) fn rounds(&mut self) {
        let groups = self.plan.groups();
        // Where the shares of the parts so far end: one that took longer takes it from those that follow.
        let mut due = None;
        for group in &groups {
            if let Some(part) = group.part {
                let now = self.bus.elapsed();
                let start = *due.get_or_insert(if own_steps(&groups).is_empty() { 0.0 } else { now });
                due = Some(start + part.budget);
                self.part =
                    Some(Window { end: (now + part.budget).min(start + part.budget), steps: group.steps.clone() });
                if self.progress.open().iter().any(|step| group.steps.contains(step)) {
                    self.set_up("setup", &group.steps, |script, cx| script.setup_part(&part.name, cx));
                }
            }
            let ended = self.group(&group.steps);
            self.part = None;
            self.aborted = false;
            if ended == Some(StopReason::Interrupted) || (ended.is_some() && group.part.is_none()) {
                return self.close_all(ended.unwrap_or(StopReason::Interrupted));
            }
            for step in self.progress.open().into_iter().filter(|step| group.steps.contains(step)) {
                if self.plan.steps[step].work != Work::Finish {
                    self.close(step, ended.unwrap_or(StopReason::Done));
                }
            }
        }
        self.close_all(StopReason::Done);
    }

    /// All rounds of a group's steps. What ended them early, if anything.
    fn group(&mut self, steps: &[usize]) -> Option<StopReason> {
        let most = steps.iter().map(|step| self.plan.steps[*step].rounds.most()).max().unwrap_or(0);
        for round in 0..most {
            let order = self.plan.order(round);
            let mut queue: VecDeque<usize> = order.into_iter().filter(|step| steps.contains(step)).collect();
            while let Some(step) = queue.pop_front() {
                if self.plan.steps[step].work == Work::Finish || !self.progress.is_open(step) {
                    continue;
                }
                if self.interrupted() || self.aborted {
                    return Some(if self.aborted { StopReason::Aborted } else { StopReason::Interrupted });
                }
                if self.progress.has(step, round) {
                    continue; // Taken before the run was resumed.
                }
                if self.out_of_budget(step, round > 0) {
                    self.close(step, StopReason::Budget);
                    continue;
                }
                let started = Instant::now();
                self.one(step, round);
                self.progress.whole(step, started.elapsed());
            }
            let open = self.progress.open();
            if open.iter().all(|step| !steps.contains(step) || self.plan.steps[*step].work == Work::Finish) {
                break;
            }
        }
        if self.interrupted() {
            return Some(StopReason::Interrupted);
        }
        self.aborted.then_some(StopReason::Aborted)
    }

    /// Whether the next round of a step would go beyond its budget, its part's or the run's. Before its first round a
    /// step's own estimate stands in for its typical round where the time is shared out. The first round of a step is
    /// taken however late its part is: `more` says that it is not that one.
    pub(crate) fn out_of_budget(&self, step: usize, more: bool) -> bool {
        let planned = &self.plan.steps[step];
        let estimate = if self.plan.parts.is_empty() { 0.0 } else { planned.estimate };
        let typical = match self.plan.parts.is_empty() {
            true => self.progress.typical(step),
            false => self.progress.typical_whole(step),
        };
        let typical = typical.unwrap_or(estimate);
        let now = self.bus.elapsed();
        // Time for the rounds that others must have is not given away.
        let kept = |steps: &[usize]| {
            let left = |other: usize| {
                let cost = self.progress.typical_whole(other).unwrap_or(self.plan.steps[other].estimate);
                self.progress.is_open(other).then(|| (self.progress.taken(other), cost))
            };
            self.plan.kept(steps, step, left)
        };
        let shared = more && self.plan.spends && self.plan.parts.is_empty();
        let all: Vec<usize> = if shared { (0..self.plan.steps.len()).collect() } else { Vec::new() };
        let run = self.plan.budget.is_some_and(|budget| now + typical + kept(&all) > budget);
        let own = planned.budget.is_some_and(|budget| self.progress.used(step) + typical > budget);
        let part = more && self.part.as_ref().is_some_and(|part| now + typical + kept(&part.steps) > part.end);
        run || own || part
    }
}

/// The steps of no part.
pub(crate) fn own_steps<'g>(groups: &'g [Group<'_>]) -> &'g [usize] {
    groups.iter().find(|group| group.part.is_none()).map_or(&[], |group| group.steps.as_slice())
}
