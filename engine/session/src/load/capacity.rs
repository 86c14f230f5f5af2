//! The search for the highest rate that meets a service level, as a step: each trial is a load of its own at one rate, judged by
//! expectations on what it gave.
//!
//! What would make the number wrong: a trial that is shorter than the target's own slow cycles (collections, checkpoints); a
//! bottleneck that is the generator's and not the target's. A trial whose lag misses the level, or that the generator
//! itself doubts, counts as the generator's; so does none in which users ran out, for then the target was too slow to give
//! them back. Whether the target keeps up is asked of every trial, whatever the service level says: requests that pile up
//! from the first tenth of a trial to its end are missed ones, however few of them have ended.
//! An expectation that a trial is too short to be sure of votes by its value; near the limit votes are repeated.

use std::time::Instant;

use engine_core::event::NoteLevel;
use engine_core::expect::{Context, Expectation, Op, judge};
use engine_core::histogram::Packed;
use engine_core::judgement::{Judged, Judgement};
use engine_core::load::{CapacityShape, LoadShape, LoadWindow, PhaseShape, metric_of, rate_label, trial_record};
use engine_core::measurement::{Measurement, Record, Round};
use engine_core::plan::{Declaration, PlannedStep, Profile, Work};
use engine_core::run::{StepRecord, ValidityLevel};
use engine_core::series::Labels;
use engine_core::step::{Failure, Outcome as StepOutcome};
use engine_load::outcome::Weight;
use engine_load::search::{Capacity, LimitedBy, Search, Trial, Verdict, capacity};

use super::reasons;
use super::trials::{Gave, Ran, Trials, failed};
use crate::runner::Runner;

/// Part of a trial at its start in which requests may pile up: as many as are under way at once.
const FILLING: f64 = 0.1;

/// Whether a metric is of the generator: an expectation on it says nothing of the target.
fn is_generators(metric: &str) -> bool {
    metric == "lag" || metric.starts_with("generator.")
}

/// A trial that the generator spoiled is made again so often: most often a neighbour had the processor for a moment.
const AGAIN: u32 = 2;

/// A search of so few trials only shows that all works.
const TINY: usize = 3;

/// One trial as it is kept.
struct Kept {
    rate: f64,
    verdict: Verdict,
    /// Requests that ended well, per second.
    achieved: f64,
    errors: Option<f64>,
    response: Option<Packed>,
    /// Of the watched processes, with the labels of their counters alone.
    watched: Vec<Record>,
}

struct Trying<'t, 'r, 's> {
    trials: &'t mut Trials<'r, 's>,
    search: &'t CapacityShape,
    shape: &'t LoadShape,
    slo: Vec<Expectation>,
    kept: Vec<Kept>,
    failure: Option<Failure>,
    notes: Vec<(NoteLevel, String)>,
    late: Vec<String>,
    driver: Labels,
}

impl Runner<'_, '_, '_> {
    /// Takes one round of a search.
    pub(crate) fn capacity(&mut self, step: usize, round: u32) {
        let plan = self.plan;
        let Work::Capacity { index, shape, search } = &plan.steps[step].work else {
            return self.fail(step, engine_probes::ProbeError::failed("the step is no search"));
        };
        self.trials(step, round, *index, &|trials| Ok(searched(trials, search, shape)?));
    }
}

fn searched(trials: &mut Trials<'_, '_>, search: &CapacityShape, shape: &LoadShape) -> Result<Gave, Failure> {
    let slo = search.slo.iter().map(|text| Expectation::parse(text)).collect::<Result<Vec<_>, _>>();
    let slo = slo.map_err(|error| failed(format!("the service level: {error}")))?;
    trials.look()?;
    let mut trying = Trying {
        trials,
        search,
        shape,
        slo,
        kept: Vec::new(),
        failure: None,
        notes: Vec::new(),
        late: Vec::new(),
        driver: Labels::new(),
    };
    let bounds = Search { from: search.from, to: search.to, precision: search.precision, most: search.most };
    let found = capacity(&bounds, &mut trying);
    Ok(trying.gave(&found))
}

impl Trial for Trying<'_, '_, '_> {
    fn run(&mut self, rate: f64) -> Verdict {
        let mut again = 0;
        loop {
            let verdict = self.run_once(rate).unwrap_or_else(|failure| {
                let reason = failure.message.clone();
                self.failure = Some(failure);
                Verdict::Ended(reason)
            });
            if !matches!(verdict, Verdict::Generator(_)) || again >= AGAIN || self.search.most <= TINY {
                return verdict;
            }
            again += 1;
            if let Err(reason) = self.drain() {
                return Verdict::Ended(reason);
            }
        }
    }

    fn drain(&mut self) -> Result<(), String> {
        self.trials.drain()
    }
}

impl Trying<'_, '_, '_> {
    fn run_once(&mut self, rate: f64) -> Result<Verdict, Failure> {
        if let Some(reason) = self.trials.over() {
            return Ok(Verdict::Ended(reason));
        }
        let CapacityShape { step, spacing, max_users, .. } = *self.search;
        let name = rate_label(rate);
        let workload = self.trials.arrivals(rate, step, spacing, max_users)?;
        let started = Instant::now();
        let ran = self.trials.run(workload, Some(&name))?;
        if let Some(reason) = self.trials.over() {
            // What was cut short says nothing.
            return Ok(Verdict::Ended(reason));
        }
        if let Some(failure) = self.trials.failure(&ran) {
            if self.kept.is_empty() {
                return Err(failure);
            }
            return Ok(Verdict::Ended(failure.message));
        }
        let (verdict, why) = self.verdict(rate, &ran);
        let total = ran.driven.outcome.requests();
        let value = |id: &str| total_of(&ran.records, id).and_then(|record| record.values.first().copied());
        let (watched, unread) = ran.seen.records(FILLING * step, &Labels::new(), &ran.windows);
        for note in unread.into_iter().map(|note| (NoteLevel::Warning, note)) {
            if !self.notes.contains(&note) {
                self.notes.push(note);
            }
        }
        let kept = Kept {
            rate,
            verdict: verdict.clone(),
            achieved: value("rate").unwrap_or(0.0),
            errors: value("errors"),
            response: (!total.response.is_empty()).then(|| Packed::from(&total.response)),
            watched,
        };
        self.driver = Labels::new().with("driver", ran.driven.outcome.driver.name());
        let p99 = kept.response.as_ref().and_then(|all| all.value_at_quantile(0.99));
        let p99 = p99.map_or_else(String::new, |p99| format!(", response p99 {:.2} ms", p99.floor() as f64 / 1e6));
        let word = match &verdict {
            Verdict::Met => "met",
            Verdict::Missed => "missed",
            Verdict::Unsure => "unsure",
            Verdict::Generator(_) => "the generator's limit",
            Verdict::Ended(_) => "ended",
        };
        let text = format!(
            "trial {}: {name}, {:.1}/s achieved{p99}, {:.1} s: {word}{why}",
            self.kept.len() + 1,
            kept.achieved,
            started.elapsed().as_secs_f64()
        );
        // At once, so that whoever looks on sees the search.
        self.trials.bus.note(NoteLevel::Info, Some(self.trials.planned.path()), text, None);
        for doubt in &ran.driven.outcome.doubts {
            if doubt.weight == Weight::Degraded && !self.late.contains(&name) {
                self.late.push(name.clone());
                self.notes.push((NoteLevel::Info, format!("at {name}: {}", doubt.reason)));
            }
        }
        if verdict == Verdict::Missed || self.kept.is_empty() {
            let of_errors = reasons::notes(&ran.driven.outcome).into_iter();
            let of_errors = of_errors.filter(|note| note.starts_with(reasons::ERRORS) || self.kept.is_empty());
            self.notes.extend(of_errors.map(|note| (NoteLevel::Info, note)));
        }
        self.kept.push(kept);
        Ok(verdict)
    }

    /// What a trial says, and why if it is not that the level was met.
    fn verdict(&self, rate: f64, ran: &Ran) -> (Verdict, String) {
        let outcome = &ran.driven.outcome;
        if let Some(doubt) = outcome.doubts.iter().find(|doubt| doubt.weight == Weight::Invalid) {
            return (Verdict::Generator(doubt.reason.clone()), format!(": {}", doubt.reason));
        }
        if ran.driven.late {
            return (Verdict::Missed, ": it did not end in time".to_owned());
        }
        let ran_out = outcome.conservation.dropped + outcome.conservation.not_started > 0
            || ran.windows.iter().any(|window| window.users >= ran.most as u64);
        let judged = judged(&self.slo, self.trials.planned, self.shape, self.search, rate, ran);
        let mut verdict = Verdict::Met;
        let mut why = String::new();
        for (expectation, judged) in self.slo.iter().zip(&judged) {
            let metric = expectation.claim().left.metric.as_deref().unwrap_or_default();
            match vote(expectation.claim().op, judged) {
                Verdict::Missed if is_generators(metric) && !ran_out => {
                    let reason = format!("{}: {}", expectation.text(), judged.reason);
                    return (Verdict::Generator(reason.clone()), format!(": {reason}"));
                }
                // Users who wait for a target that is too slow are late, and not the generator.
                _ if is_generators(metric) => {}
                Verdict::Missed if verdict != Verdict::Missed => {
                    why = format!(": {}: {}", expectation.text(), judged.reason);
                    verdict = Verdict::Missed;
                }
                Verdict::Unsure if verdict == Verdict::Met => {
                    why = format!(": {}: {}", expectation.text(), judged.reason);
                    verdict = Verdict::Unsure;
                }
                _ => {}
            }
        }
        if ran_out && verdict != Verdict::Missed {
            let most = ran.most;
            return (Verdict::Missed, format!(": all {most} users waited for the target"));
        }
        if verdict == Verdict::Met {
            let (started, ended) = kept_up(ran, self.search.step);
            verdict = verdict.kept_up(started, ended);
            if verdict == Verdict::Missed {
                why = format!(": of {started} requests after the first tenth only {ended} ended: they pile up");
            }
        }
        (verdict, why)
    }

    /// The records of all trials and of what was found.
    fn gave(self, found: &Capacity) -> Gave {
        let mut gave = Gave { notes: self.notes, ..Gave::default() };
        let mark = &self.driver;
        let mut put = |id: &str, labels: Labels, value: Option<f64>| {
            gave.records.extend(value.and_then(|value| trial_record(id, labels, value)));
        };
        put("capacity", mark.clone(), found.low);
        put("capacity_low", mark.clone(), found.low);
        put("capacity_high", mark.clone(), found.high);
        if !self.kept.is_empty() {
            put("trials", mark.clone(), Some(self.kept.len() as f64));
        }
        let mut rates: Vec<f64> = self.kept.iter().map(|kept| kept.rate).collect();
        rates.sort_by(f64::total_cmp);
        rates.dedup();
        for rate in rates {
            let labels = mark.clone().with("rate", rate_label(rate));
            let here: Vec<&Kept> = self.kept.iter().filter(|kept| kept.rate == rate).collect();
            let met = here.iter().filter(|kept| kept.verdict == Verdict::Met).count();
            let share = met as f64 / here.len() as f64;
            let load = |id: &str, values: Vec<f64>| {
                metric_of(id).filter(|_| !values.is_empty()).map(|def| Record {
                    metric: def.metric(),
                    labels: labels.clone(),
                    values,
                    histogram: None,
                })
            };
            let responses: Vec<&Packed> = here.iter().filter_map(|kept| kept.response.as_ref()).collect();
            let response = metric_of("response").filter(|_| !responses.is_empty());
            let mean = |values: Vec<f64>| {
                let count = values.len() as f64;
                if values.is_empty() { values } else { vec![values.iter().sum::<f64>() / count] }
            };
            gave.records.extend(load("rate", mean(here.iter().map(|kept| kept.achieved).collect())));
            gave.records
                .extend(response.map(|def| Record::latencies(def.metric(), labels.clone(), Packed::merged(responses))));
            gave.records.extend(load("errors", mean(here.iter().filter_map(|kept| kept.errors).collect())));
            gave.records.extend(trial_record("met", labels.clone(), share));
            gave.records.extend(together(here.iter().flat_map(|kept| &kept.watched), &labels));
        }
        let limited = match &found.limit {
            LimitedBy::Target | LimitedBy::Unsure => "target",
            LimitedBy::Generator(reason) => {
                gave.doubts.push((ValidityLevel::Degraded, format!("the generator limits the search: {reason}")));
                "generator"
            }
            LimitedBy::Max => "max",
            LimitedBy::Start => "start",
            LimitedBy::Trials => "trials",
            LimitedBy::Ended(_) => "ended",
        };
        gave.notes.push((NoteLevel::Info, format!("limited by {limited}: {}", found.in_words())));
        gave.failure = self.failure.filter(|_| self.kept.is_empty());
        gave
    }
}

/// Records of the same metric in several trials as one each, with `labels` on top of its own.
fn together<'a>(records: impl Iterator<Item = &'a Record>, labels: &Labels) -> Vec<Record> {
    let mut all: Vec<Record> = Vec::new();
    for record in records {
        let own = record.labels.joined(labels);
        match all.iter_mut().find(|known| known.metric.id == record.metric.id && known.labels == own) {
            Some(known) => known.values.extend(&record.values),
            None => all.push(Record { labels: own, ..record.clone() }),
        }
    }
    all
}

fn total_of<'a>(records: &'a [Record], id: &str) -> Option<&'a Record> {
    let parts = ["name", "phase", "journey", "group"];
    records.iter().find(|record| record.metric.id == id && parts.iter().all(|label| record.labels.get(label).is_none()))
}

/// The service level held against one trial.
fn judged(
    slo: &[Expectation],
    planned: &PlannedStep,
    shape: &LoadShape,
    search: &CapacityShape,
    rate: f64,
    ran: &Ran,
) -> Vec<Judged> {
    let phase = PhaseShape { name: String::new(), start: 0.0, end: search.step, rate: Some(rate), users: None };
    let shape = LoadShape { phases: vec![phase], ..shape.clone() };
    let measurement = |record: &Record| Measurement {
        metric: record.metric.clone(),
        labels: record.labels.clone(),
        rounds: vec![Round { values: record.values.clone(), histogram: record.histogram.clone(), ..Round::default() }],
    };
    let trial = StepRecord {
        plan: PlannedStep { work: Work::Load { index: 0, shape }, ..planned.clone() },
        outcome: Some(StepOutcome::Measured),
        stop: None,
        measurements: ran.records.iter().map(measurement).collect(),
        windows: ran.windows.clone(),
    };
    let declaration =
        Declaration { name: planned.name.clone(), expect: Vec::new(), reference: None, tags: Vec::new(), place: None };
    let context = Context {
        declaration: &declaration,
        profile: Profile::Default,
        baseline: None,
        expected: None,
        host: &[],
        place: None,
    };
    slo.iter().map(|expectation| judge(expectation, &[&trial], &context)).collect()
}

/// What an expectation makes of a trial. Where the trial is too short to be sure, its value votes.
fn vote(op: Op, judged: &Judged) -> Verdict {
    match judged.judgement {
        Judgement::Pass => Verdict::Met,
        Judgement::Fail => Verdict::Missed,
        Judgement::Unsure | Judgement::Unjudged => {
            let (Some(observed), Some(limit)) = (&judged.observed, judged.limit) else { return Verdict::Unsure };
            let held = match op {
                Op::Less => observed.value < limit,
                Op::AtMost => observed.value <= limit,
                Op::Greater => observed.value > limit,
                Op::AtLeast => observed.value >= limit,
                Op::Equal | Op::Unequal => return Verdict::Unsure,
            };
            if held && observed.above {
                return Verdict::Unsure;
            }
            if held { Verdict::Met } else { Verdict::Missed }
        }
    }
}

/// Requests that were due and that ended in a trial of `seconds`, without its first part. In a steady state as many end as
/// are due, however long each takes.
fn kept_up(ran: &Ran, seconds: f64) -> (u64, u64) {
    let counted = |window: &&LoadWindow| {
        window.at >= FILLING * seconds - 1e-9 && window.end() <= seconds + 0.01 * window.seconds.max(0.1)
    };
    let windows: Vec<&LoadWindow> = ran.windows.iter().filter(counted).collect();
    let (Some(first), Some(last), Some(plan)) = (windows.first(), windows.last(), &ran.plan) else {
        return (0, 0);
    };
    let conservation = &ran.driven.outcome.conservation;
    let each = conservation.requests as f64 / conservation.iterations.max(1) as f64;
    let due = plan.count_until(last.end()) - plan.count_until(first.at);
    let ended = windows.iter().filter_map(|window| window.total()).map(|row| row.ended()).sum();
    let due = (due as f64 * each).round() as u64;
    (due, ended)
}
