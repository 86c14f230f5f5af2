//! The terminal as a sink: a line for each step as it finishes, and progress with the remaining time.

use std::time::Duration;

use engine_core::event::{Envelope, Event, NoteLevel};
use engine_core::load::LoadWindow;
use engine_core::progress::Progress;
use engine_core::run::RunRecord;
use engine_core::step::Outcome;
use engine_report::text::{self, Style};
use engine_session::Sink;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::output::Output;

/// Shows a run while it runs.
#[derive(Debug)]
pub(crate) struct Terminal {
    output: Output,
    style: Style,
    trace: bool,
    bar: Option<ProgressBar>,
    /// What the plan is expected to take, in seconds.
    estimate: f64,
    /// The load that runs: its step, how far it is in seconds, and its last second in words.
    load: Option<(usize, f64, String)>,
    /// The part that runs: `code (2 of 6)`.
    part: Option<String>,
}

impl Terminal {
    /// Shows progress when standard error is a terminal and `progress` is wanted.
    pub(crate) fn new(output: Output, style: Style, progress: bool, trace: bool) -> Self {
        let bar = (progress && !trace && output.live()).then(|| {
            let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr_with_hz(4));
            if let Ok(style) = ProgressStyle::with_template("{bar:24} {percent:>3} %  {msg}") {
                bar.set_style(style);
            }
            bar
        });
        Self { output, style, trace, bar, estimate: 0.0, load: None, part: None }
    }

    fn line(&self, text: &str) {
        let print = || {
            if self.output.json {
                self.output.note(text);
            } else if !self.output.quiet {
                self.output.out(text);
            }
        };
        match &self.bar {
            Some(bar) => bar.suspend(print),
            None => print(),
        }
    }

    /// What a load did in the last second: beside the bar, or as a line of the trace.
    fn window(&mut self, window: &LoadWindow, record: &RunRecord) {
        let Some(step) = record.steps.get(window.step) else { return };
        let text = engine_report::clean::line(&text::window(step, window));
        if self.trace {
            self.output.note(&text);
        }
        self.load = Some((window.step, window.end(), text));
    }

    fn advance(&mut self, record: &RunRecord, at: f64) {
        let Some(bar) = &self.bar else { return };
        let load = self.load.as_ref().map(|(step, seconds, _)| (*step, *seconds));
        let progress = Progress::of(record, || self.estimate, load, at);
        bar.set_length(1000);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share in thousandths")]
        bar.set_position((progress.share * 1000.0) as u64);
        let left = Duration::from_secs_f64(progress.left).as_secs();
        let load = self.load.as_ref().map(|(_, _, text)| format!("  {text}")).unwrap_or_default();
        let part = self.part.as_ref().map(|part| format!("{part}, ")).unwrap_or_default();
        bar.set_message(format!("{part}about {}:{:02} left{load}", left / 60, left % 60));
    }
}

impl Sink for Terminal {
    fn event(&mut self, envelope: &Envelope, record: &RunRecord) {
        match &envelope.event {
            Event::RunStarted(header) => self.estimate = header.plan.estimate(),
            Event::RoundStarted { step, .. } => {
                let parts = &record.header.plan.parts;
                let part = record.steps.get(*step).and_then(|step| record.header.plan.part_of(&step.plan));
                let number = part.and_then(|part| parts.iter().position(|known| known.name == part.name));
                self.part =
                    part.zip(number).map(|(part, number)| format!("{} ({} of {})", part.name, number + 1, parts.len()));
            }
            Event::StepFinished { step, outcome, .. } => {
                self.load = None;
                if let Some(step) = record.steps.get(*step) {
                    self.line(&text::result_line(step, self.style));
                    if let Outcome::Failed(failure) = outcome
                        && let Some(place) = &failure.place
                    {
                        self.line(&format!("  at {place}"));
                    }
                }
            }
            Event::Note(note) if note.level == NoteLevel::Warning || self.trace => {
                let step = note.step.as_ref().map(|step| format!("{step}: ")).unwrap_or_default();
                let text = engine_report::clean::line(&format!("{step}{}", note.message));
                match &self.bar {
                    Some(bar) => bar.suspend(|| self.output.note(&text)),
                    None => self.output.note(&text),
                }
            }
            Event::Sampled(sampled) if self.trace => {
                let path = record.steps.get(sampled.step).map(|step| step.plan.path()).unwrap_or_default();
                for measured in &sampled.records {
                    let shown: Vec<String> =
                        measured.values.iter().take(5).map(|value| measured.metric.unit.format(*value)).collect();
                    let more = if measured.values.len() > 5 { ", .." } else { "" };
                    self.output.note(&format!(
                        "{:8.3} s  {path} round {} attempt {}: {}{} = {}{more}",
                        envelope.at,
                        sampled.round,
                        sampled.attempt,
                        measured.metric.id,
                        measured.labels,
                        shown.join(", ")
                    ));
                }
                for taint in &sampled.taints {
                    self.output.note(&format!("{:8.3} s  {path} round {}: {taint}", envelope.at, sampled.round));
                }
            }
            Event::Window(window) => self.window(window, record),
            Event::RunFinished { .. } => {
                if let Some(bar) = self.bar.take() {
                    bar.finish_and_clear();
                }
            }
            _ => {}
        }
        self.advance(record, envelope.at);
    }
}
