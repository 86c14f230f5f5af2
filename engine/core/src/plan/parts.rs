//! Parts of a plan: included scenarios that run one after another, each with a share of the time.
//!
//! Within a part rounds are the outer loop, as everywhere; parts do not interleave, so that a load or a fault in one does not
//! disturb the others. A part takes rounds until its time is used up: a longer budget buys more rounds and narrower
//! intervals, and how long the run takes is known before it starts.

use serde::{Deserialize, Serialize};

use super::{Plan, PlannedStep, Profile, Rounds, Warmup};
use crate::measurement::MIN_ROUNDS;

/// A part and its share of the time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Part {
    /// Name of the included suite: what stands before the `/` in its steps.
    pub name: String,
    /// Its share, in seconds.
    pub budget: f64,
}

/// Steps that run interleaved.
#[derive(Debug, Clone, PartialEq)]
pub struct Group<'a> {
    /// The part; none for the steps that belong to none, which run first.
    pub part: Option<&'a Part>,
    /// Indices into the plan's steps.
    pub steps: Vec<usize>,
}

/// What a group is expected to take.
#[derive(Debug, Clone, PartialEq)]
pub struct Forecast {
    /// The part's name; empty for the steps that belong to none.
    pub name: String,
    /// How many steps it has.
    pub steps: usize,
    /// Seconds.
    pub seconds: f64,
    /// Fewest and most rounds of its steps.
    pub rounds: (u32, u32),
    /// Its share of the time, where it has one.
    pub budget: Option<f64>,
}

/// Most rounds that a step takes, however much time there is.
pub const MOST_ROUNDS: u32 = 200;

/// No round costs less, in seconds: it is started, watched and stored.
const LEAST_COST: f64 = 0.01;

impl Plan {
    /// The part of a step.
    #[must_use]
    pub fn part_of(&self, step: &PlannedStep) -> Option<&Part> {
        let (prefix, _) = step.name.split_once('/')?;
        self.parts.iter().find(|part| part.name == prefix)
    }

    /// The groups in the order in which they run: the steps of no part, then each part. Groups without steps are left
    /// out.
    #[must_use]
    pub fn groups(&self) -> Vec<Group<'_>> {
        let parts = std::iter::once(None).chain(self.parts.iter().map(Some));
        parts
            .map(|part| {
                let of = |step: &PlannedStep| self.part_of(step).map(|part| &part.name) == part.map(|part| &part.name);
                let steps = (0..self.steps.len()).filter(|index| of(&self.steps[*index])).collect();
                Group { part, steps }
            })
            .filter(|group| !group.steps.is_empty())
            .collect()
    }

    /// Makes the plan use its time: steps take rounds until the budget of their part is used up. With `total`, the parts
    /// share it as they share their own budgets, and a plan without parts has it for all of its steps. Nothing changes
    /// under the tiny profile, in which everything runs once.
    pub fn spend(&mut self, total: Option<f64>) {
        if let Some(total) = total {
            self.budget = Some(total);
            let shares: f64 = self.parts.iter().map(|part| part.budget).sum();
            for part in &mut self.parts {
                part.budget *= total / shares;
            }
        }
        if self.profile == Profile::Tiny || (total.is_none() && self.parts.is_empty()) {
            return;
        }
        self.spends = true;
        let all = self.parts.is_empty();
        let in_part: Vec<bool> = self.steps.iter().map(|step| all || self.part_of(step).is_some()).collect();
        for (step, _) in self.steps.iter_mut().zip(in_part).filter(|(_, chosen)| *chosen) {
            if step.rounds == Rounds::Exact(1) && !step.is_load() {
                // It says that once is enough.
                continue;
            }
            let most = step.rounds.most().max(MOST_ROUNDS);
            // Narrow enough is only what does not vary at all.
            step.rounds = Rounds::Adaptive { min: 1, max: most, until: 0.0 };
        }
    }

    /// Rounds that a step must have before others of its part get more than they must have: as many as it takes to judge what
    /// is expected of it, else one. A load is judged on its requests.
    #[must_use]
    pub fn needed(&self, step: &PlannedStep) -> u32 {
        let judged = self.declaration(&step.name).is_some_and(|declaration| !declaration.expect.is_empty());
        if !judged || step.is_load() {
            return 1;
        }
        // The first may turn out to be warm-up, which does not count.
        let warm = usize::from(step.warmup == Warmup::Detect);
        u32::try_from(MIN_ROUNDS + warm).unwrap_or(u32::MAX).min(step.rounds.most())
    }

    /// Seconds that the other steps of a group need for the rounds that they must have ([`Plan::needed`]): so much is kept
    /// when `step` asks for one more round. `left` gives what a step has taken so far and what a round of it costs in seconds,
    /// and nothing for one that takes no more.
    pub fn kept(&self, group: &[usize], step: usize, left: impl Fn(usize) -> Option<(u32, f64)>) -> f64 {
        let others = group.iter().copied().filter(|other| *other != step);
        let needs = others.filter_map(|other| {
            let (taken, cost) = left(other)?;
            Some(f64::from(self.needed(&self.steps[other]).saturating_sub(taken)) * cost)
        });
        needs.sum()
    }

    /// What each group is expected to take: the rounds as they will be taken, each as long as its step's estimate.
    #[must_use]
    pub fn forecast(&self) -> Vec<Forecast> {
        let whole = if self.spends && self.parts.is_empty() { self.budget } else { None };
        self.groups()
            .into_iter()
            .map(|group| {
                let budget = group.part.map(|part| part.budget).or(whole);
                let (seconds, rounds) = self.walk(&group.steps, budget);
                Forecast {
                    name: group.part.map_or_else(String::new, |part| part.name.clone()),
                    steps: group.steps.len(),
                    seconds,
                    rounds,
                    budget,
                }
            })
            .collect()
    }

    /// Seconds, and the fewest and most rounds, of steps that share a budget.
    fn walk(&self, steps: &[usize], budget: Option<f64>) -> (f64, (u32, u32)) {
        let mut seconds = 0.0;
        let mut used = vec![0.0; self.steps.len()];
        let mut taken = vec![0_u32; self.steps.len()];
        let mut open: Vec<bool> = (0..self.steps.len()).map(|step| steps.contains(&step)).collect();
        let most = steps.iter().map(|step| self.steps[*step].rounds.most()).max().unwrap_or(0);
        for round in 0..most {
            for step in self.order(round) {
                let planned = &self.steps[step];
                if !open[step] {
                    continue;
                }
                let cost = planned.estimate.max(LEAST_COST);
                let left =
                    |other: usize| open[other].then(|| (taken[other], self.steps[other].estimate.max(LEAST_COST)));
                let beyond = budget.is_some_and(|budget| seconds + cost + self.kept(steps, step, left) > budget)
                    || planned.budget.is_some_and(|budget| used[step] + cost > budget);
                if round >= planned.rounds.most() || (round > 0 && beyond) {
                    open[step] = false;
                    continue;
                }
                let dropped = match planned.warmup {
                    Warmup::Rounds(rounds) if round == 0 && !planned.is_load() => f64::from(rounds),
                    _ => 0.0,
                };
                seconds += cost * (1.0 + dropped);
                used[step] += cost;
                taken[step] += 1;
            }
            if !open.contains(&true) {
                break;
            }
        }
        let rounds = steps.iter().map(|step| taken[*step]);
        (seconds, (rounds.clone().min().unwrap_or(0), rounds.max().unwrap_or(0)))
    }
}

#[cfg(test)]
mod tests {
    use super::super::Work;
    use super::*;
    use crate::series::Labels;

    fn step(name: &str, estimate: f64) -> PlannedStep {
        PlannedStep {
            name: name.into(),
            labels: Labels::new(),
            work: Work::Custom { index: 0, metrics: vec![] },
            rounds: Rounds::Exact(5),
            warmup: Warmup::Detect,
            isolate: false,
            timeout: 1.0,
            budget: None,
            method: 0,
            estimate,
        }
    }

    fn plan() -> Plan {
        let parts = vec![Part { name: "a".into(), budget: 60.0 }, Part { name: "b".into(), budget: 30.0 }];
        let steps = vec![step("b/one", 7.0), step("own", 1.0), step("a/one", 2.0), step("a/two", 1.0)];
        Plan { suite: "s".into(), seed: 1, steps, parts, ..Plan::default() }
    }

    #[test]
    fn parts_run_in_their_order_after_the_steps_of_none() {
        let plan = plan();
        let groups: Vec<(Option<&str>, Vec<usize>)> =
            plan.groups().into_iter().map(|group| (group.part.map(|part| part.name.as_str()), group.steps)).collect();
        assert_eq!(groups, [(None, vec![1]), (Some("a"), vec![2, 3]), (Some("b"), vec![0])]);
    }

    #[test]
    fn a_budget_is_spent_on_rounds_and_shared_as_before() {
        let mut plan = plan();
        plan.spend(None);
        assert_eq!(plan.steps[1].rounds, Rounds::Exact(5), "a step of no part keeps its rounds");
        let short = plan.forecast();
        // 20 rounds of 3 s; 4 rounds of 7 s, a fifth would be beyond.
        assert_eq!((short[1].seconds, short[1].rounds), (60.0, (20, 20)));
        assert_eq!((short[2].seconds, short[2].rounds), (28.0, (4, 4)));
        plan.spend(Some(180.0));
        let shares: Vec<f64> = plan.parts.iter().map(|part| part.budget).collect();
        assert_eq!((shares, plan.budget), (vec![120.0, 60.0], Some(180.0)));
        assert_eq!(plan.forecast()[1].rounds, (40, 40));
    }

    #[test]
    fn every_step_has_one_round_however_little_time_there_is() {
        let mut plan = plan();
        plan.parts[1].budget = 1.0;
        plan.spend(None);
        let b = &plan.forecast()[2];
        assert_eq!((b.seconds, b.rounds), (7.0, (1, 1)));
    }

    #[test]
    fn what_is_judged_has_the_rounds_for_it_before_others_have_more() {
        let mut plan = plan();
        plan.parts[0].budget = 14.0;
        let expect = vec![super::super::ExpectText { text: "time < 1 s".into(), place: None }];
        let declaration = |name: &str, expect| super::super::Declaration {
            name: name.into(),
            expect,
            reference: None,
            tags: vec![],
            place: None,
        };
        plan.declarations = vec![declaration("a/one", vec![]), declaration("a/two", expect)];
        plan.spend(None);
        assert_eq!((plan.needed(&plan.steps[2]), plan.needed(&plan.steps[3])), (1, 6));
        // Six rounds of the second step take 6 s; of the first, of 2 s each, four are left.
        let a = &plan.forecast()[1];
        assert_eq!((a.seconds, a.rounds), (14.0, (4, 6)));
        // A load is judged on its requests.
        plan.steps[3].work = Work::Load { index: 0, shape: crate::load::LoadShape::default() };
        assert_eq!(plan.needed(&plan.steps[3]), 1);
    }

    #[test]
    fn the_tiny_profile_spends_nothing() {
        let mut plan = Plan { profile: Profile::Tiny, ..plan() };
        plan.spend(Some(1000.0));
        assert_eq!(plan.steps[0].rounds, Rounds::Exact(5));
    }
}
