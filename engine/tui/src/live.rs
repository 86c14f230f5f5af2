//! What is shown: folded from events, small, and copied for each drawing.

use engine_core::event::{Envelope, Event, NoteLevel};
use engine_core::host_sample::HostSample;
use engine_core::load::LoadWindow;
use engine_core::progress::Progress;
use engine_core::run::{RunRecord, RunState};
use engine_core::step::Outcome;
use engine_core::unit::Unit;
use engine_report::clean;
use engine_report::text::{self, Style};

use crate::ring::Ring;

/// How a step stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mark {
    /// It has not begun.
    Waiting,
    /// It has taken a round and takes more.
    Running,
    /// It was measured.
    Good,
    /// It failed.
    Bad,
    /// It was skipped.
    Skipped,
}

/// One step in the list.
#[derive(Debug, Clone)]
pub struct StepLine {
    /// Its path.
    pub name: String,
    /// How it stands.
    pub mark: Mark,
    /// Rounds taken.
    pub rounds: usize,
    /// Rounds planned at most.
    pub most: u32,
    /// Its result in words, once it has one.
    pub result: String,
}

/// A remark, with the seconds since the run's start.
#[derive(Debug, Clone)]
pub struct Line {
    /// When.
    pub at: f64,
    /// What.
    pub text: String,
    /// Whether it tells of something that went wrong.
    pub bad: bool,
}

/// The load that runs, or ran last.
#[derive(Debug, Clone, Default)]
pub struct LoadView {
    /// Path of its step.
    pub name: String,
    /// Its phase.
    pub phase: String,
    /// Index of its step, and how far it is in seconds.
    pub under_way: Option<(usize, f64)>,
    /// Users within an iteration.
    pub users: u64,
    /// Requests that ended well, per second.
    pub rate: Ring,
    /// Response times in seconds: p50, p90, p95, p99 and p99.9 of each window.
    pub latency: [Ring; 5],
    /// Requests that did not end well, per second.
    pub errors: Ring,
    /// Errors by class over the whole load, the most frequent first.
    pub classes: Vec<(String, u64)>,
}

/// Names and shares of the percentiles in [`LoadView::latency`].
pub(crate) const PERCENTILES: [(&str, f64); 5] =
    [("p50", 0.5), ("p90", 0.9), ("p95", 0.95), ("p99", 0.99), ("p99.9", 0.999)];

/// The machine.
#[derive(Debug, Clone, Default)]
pub struct HostView {
    /// The newest sample.
    pub sample: HostSample,
    /// Busy share of all CPUs.
    pub cpu: Ring,
    /// Share of memory in use.
    pub memory: Ring,
    /// Bytes per second to and from disks.
    pub disk: Ring,
    /// Bytes per second over all interfaces, the loopback too.
    pub network: Ring,
}

/// Everything that is shown.
#[derive(Debug, Clone, Default)]
pub struct Live {
    /// Suite and run, or what else this is a view of.
    pub title: String,
    /// Seconds since the run's start.
    pub at: f64,
    /// How far it is; none where there is no run.
    pub progress: Option<Progress>,
    /// What the plan is expected to take, in seconds.
    pub estimate: f64,
    /// How it ended.
    pub ended: Option<RunState>,
    /// The steps, in the plan's order.
    pub steps: Vec<StepLine>,
    /// The step that runs.
    pub current: Option<usize>,
    /// The machine.
    pub host: HostView,
    /// The load.
    pub load: LoadView,
    /// Remarks, the newest last.
    pub lines: Vec<Line>,
}

/// Remarks that are kept.
const LINES: usize = 200;

impl Live {
    /// A view that has a title and nothing else yet.
    #[must_use]
    pub fn new(title: &str) -> Self {
        Self { title: clean::clip(title, 200), ..Self::default() }
    }

    /// Takes an event; `record` is the run with the event already applied.
    pub fn event(&mut self, envelope: &Envelope, record: &RunRecord) {
        self.at = envelope.at;
        if self.steps.len() != record.steps.len() {
            self.begin(record);
        }
        match &envelope.event {
            Event::StepStarted { step } | Event::RoundStarted { step, .. } => {
                self.current = Some(*step);
                if let Some(line) = self.steps.get_mut(*step) {
                    line.mark = Mark::Running;
                }
            }
            Event::Sampled(sampled) => self.counted(sampled.step, record),
            Event::StepFinished { step, outcome, .. } => self.finished(*step, outcome, record),
            Event::Window(window) => self.window(window, record),
            Event::Host(sample) => self.sample(sample),
            Event::Note(note) if note.level == NoteLevel::Warning => {
                let step = note.step.as_ref().map(|step| format!("{step}: ")).unwrap_or_default();
                self.say(format!("{step}{}", note.message), false);
            }
            Event::RunFinished { state, .. } => self.ended = Some(*state),
            _ => {}
        }
        self.progress = Some(Progress::of(record, || self.estimate, self.load.under_way, envelope.at));
    }

    /// Takes a sample of the machine.
    pub fn sample(&mut self, sample: &HostSample) {
        let host = &mut self.host;
        host.cpu.push(sample.cpu);
        host.memory.push(sample.memory());
        host.disk.push(sample.disk_read.unwrap_or(0.0) + sample.disk_write.unwrap_or(0.0));
        host.network.push(sample.network_received + sample.network_sent + sample.loopback);
        host.sample = sample.clone();
        if self.progress.is_none() {
            self.at = sample.at;
        }
    }

    fn begin(&mut self, record: &RunRecord) {
        self.title = clean::clip(&format!("{} · run {}", record.header.plan.suite, record.header.id.short()), 200);
        let line = |step: &engine_core::run::StepRecord| StepLine {
            name: clean::clip(&step.plan.path(), 200),
            mark: mark(step.outcome.as_ref()).unwrap_or(Mark::Waiting),
            rounds: step.rounds(),
            most: step.plan.rounds.most(),
            result: String::new(),
        };
        self.steps = record.steps.iter().map(line).collect();
        self.estimate = record.header.plan.estimate();
    }

    fn counted(&mut self, step: usize, record: &RunRecord) {
        if let (Some(line), Some(step)) = (self.steps.get_mut(step), record.steps.get(step)) {
            line.rounds = step.rounds();
        }
    }

    fn finished(&mut self, index: usize, outcome: &Outcome, record: &RunRecord) {
        self.load.under_way = self.load.under_way.filter(|(step, _)| *step != index);
        let (Some(line), Some(step)) = (self.steps.get_mut(index), record.steps.get(index)) else { return };
        line.rounds = step.rounds();
        line.mark = mark(Some(outcome)).unwrap_or(Mark::Good);
        line.result = text::result_text(step, 120, Style::plain());
        match outcome {
            Outcome::Failed(failure) => {
                let text = format!("{}: {}", line.name, failure.message);
                self.say(text, true);
            }
            Outcome::Skipped(skip) => {
                let text = format!("{} skipped: {}", line.name, skip.reason);
                self.say(text, false);
            }
            Outcome::Measured => {}
        }
    }

    fn window(&mut self, window: &LoadWindow, record: &RunRecord) {
        let name = record.steps.get(window.step).map(|step| clean::clip(&step.plan.path(), 200)).unwrap_or_default();
        let load = &mut self.load;
        if load.under_way.is_none_or(|(step, _)| step != window.step) {
            *load = LoadView { name, ..LoadView::default() };
        }
        load.under_way = Some((window.step, window.end()));
        load.phase = clean::clip(&window.phase, 60);
        load.users = window.users;
        let Some(row) = window.total() else { return };
        let seconds = window.seconds.max(1e-9);
        load.rate.push(row.ok as f64 / seconds);
        load.errors.push((row.ended() - row.ok) as f64 / seconds);
        for ((_, share), ring) in PERCENTILES.iter().zip(&mut load.latency) {
            let found = row.response.as_ref().and_then(|all| all.value_at_quantile(*share));
            if let Some(value) = found {
                ring.push(value.floor() as f64 / 1e9);
            }
        }
        for (class, count) in &row.errors {
            match load.classes.iter_mut().find(|(known, _)| known == class) {
                Some((_, known)) => *known += count,
                None => load.classes.push((clean::clip(class, 60), *count)),
            }
        }
        load.classes.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    }

    fn say(&mut self, text: String, bad: bool) {
        if self.lines.len() == LINES {
            self.lines.remove(0);
        }
        self.lines.push(Line { at: self.at, text: clean::clip(&text, 400), bad });
    }

    /// The newest response times with their names, in words.
    #[must_use]
    pub fn latencies(&self) -> Vec<(&'static str, String)> {
        let word = |ring: &Ring| ring.last().map_or_else(|| "-".to_owned(), |value| Unit::Seconds.format(value));
        PERCENTILES.iter().zip(&self.load.latency).map(|((name, _), ring)| (*name, word(ring))).collect()
    }
}

fn mark(outcome: Option<&Outcome>) -> Option<Mark> {
    outcome.map(|outcome| match outcome {
        Outcome::Measured => Mark::Good,
        Outcome::Failed(_) => Mark::Bad,
        Outcome::Skipped(_) => Mark::Skipped,
    })
}
