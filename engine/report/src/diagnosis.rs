//! What every report ends with: everything that bears on how far its numbers can be trusted. Each section is there
//! in each report, also when it has nothing to tell: an empty list says that it was looked for.

use std::collections::HashMap;

use engine_core::event::{NoteLevel, StopReason};
use engine_core::expected;
use engine_core::host_sample::HostSample;
use engine_core::plan::{PlannedStep, Work};
use engine_core::run::{RunRecord, ValidityLevel};
use engine_core::step::{Outcome, SkipKind};
use engine_core::taint::Taint;

use crate::clean;
use crate::input::Report;
use crate::machine;
use crate::number::{count, share, value};
use engine_core::unit::Unit;

/// Longest message that is shown whole.
const LONGEST: usize = 400;

/// One section of the diagnostics.
#[derive(Debug)]
pub(crate) struct Section {
    /// Its heading, one word.
    pub(crate) title: &'static str,
    /// Its lines, without control characters.
    pub(crate) lines: Vec<String>,
    /// Whether a reader should look at it.
    pub(crate) loud: bool,
}

/// All sections, in order.
pub(crate) fn sections(report: &Report<'_>) -> Vec<Section> {
    let record = report.record;
    let mut sections = vec![taints(record), skips(record), failures(record), warnings(record), validity(record)];
    let messages: Vec<String> = notes(record, NoteLevel::Info);
    if !messages.is_empty() {
        sections.push(Section { title: "Notes", lines: messages, loud: false });
    }
    sections.push(rounds(record));
    sections.push(Section { title: "Monitor", lines: monitor(&record.host), loud: false });
    sections.push(Section { title: "Versions", lines: versions(record), loud: false });
    if let Some(exit) = report.exit {
        let lines = exit.causes.iter().map(|cause| format!("{}: {}", cause.code, clean::clip(&cause.reason, LONGEST)));
        let lines = std::iter::once(format!("exit code {}", exit.code)).chain(lines).collect();
        sections.push(Section { title: "Exit", lines, loud: exit.code != 0 });
    }
    if !report.written.is_empty() {
        let lines = report.written.iter().map(|path| clean::line(path)).collect();
        sections.push(Section { title: "Written", lines, loud: false });
    }
    sections
}

fn taints(record: &RunRecord) -> Section {
    let mut causes: Vec<(&'static str, usize, Taint)> = Vec::new();
    let mut steps: Vec<String> = Vec::new();
    let (mut all, mut disturbed, mut retaken) = (0, 0, 0);
    for step in &record.steps {
        // All metrics of a step share their rounds: the longest list has them all.
        let Some(measurement) = step.measurements.iter().max_by_key(|m| m.rounds.len()) else { continue };
        let tainted: Vec<_> = measurement.rounds.iter().filter(|round| !round.taints.is_empty()).collect();
        all += measurement.rounds.len();
        disturbed += tainted.len();
        retaken += measurement.rounds.iter().filter(|round| round.superseded).count();
        let counted = tainted.iter().filter(|round| !round.superseded).count();
        if counted > 0 {
            let of = measurement.counted().count();
            steps.push(format!("{}: {counted} of the {of} rounds that count", clean::clip(&step.plan.path(), 60)));
        }
        for taint in tainted.iter().flat_map(|round| &round.taints) {
            match causes.iter_mut().find(|(name, ..)| *name == cause(taint)) {
                Some((_, times, worst)) => {
                    *times += 1;
                    if size(taint) > size(worst) {
                        *worst = *taint;
                    }
                }
                None => causes.push((cause(taint), 1, *taint)),
            }
        }
    }
    let mut lines = match (disturbed, all) {
        (_, 0) => vec!["no round was taken".to_owned()],
        (0, _) => vec![format!("none of {} was disturbed", count(all, "round"))],
        _ => vec![format!("{disturbed} of {} disturbed, {retaken} taken again", count(all, "round"))],
    };
    causes.sort_by_key(|(_, times, _)| std::cmp::Reverse(*times));
    lines.extend(causes.iter().map(|(name, times, worst)| format!("{name} {times}x, at worst {}", effect(worst))));
    lines.extend(steps);
    Section { title: "Taints", lines, loud: disturbed > 0 }
}

/// The name of a taint's cause.
pub(crate) fn cause(taint: &Taint) -> &'static str {
    match taint {
        Taint::Steal { .. } => "steal",
        Taint::PressureCpu { .. } => "CPU pressure",
        Taint::PressureIo { .. } => "I/O pressure",
        Taint::PressureMemory { .. } => "memory pressure",
        Taint::Migrated { .. } => "migration",
        Taint::Preempted { .. } => "preemption",
        Taint::Throttled { .. } => "throttling",
        Taint::QuotaExceeded { .. } => "CPU quota",
        Taint::ClockDrift { .. } => "clock drift",
    }
}

/// What a taint did, without the name of its cause.
fn effect(taint: &Taint) -> String {
    let text = taint.to_string();
    text.split_once(": ").map_or_else(|| text.clone(), |(_, effect)| effect.to_owned())
}

/// How large a disturbance was, comparable among those of one cause.
#[expect(clippy::cast_precision_loss, reason = "counts of events in one round are far below 2^53")]
fn size(taint: &Taint) -> f64 {
    match *taint {
        Taint::Steal { share } | Taint::PressureIo { share } | Taint::PressureMemory { share } => share,
        Taint::PressureCpu { share, .. } => share,
        Taint::Migrated { n } | Taint::Preempted { n } | Taint::Throttled { n } | Taint::QuotaExceeded { n } => {
            n as f64
        }
        Taint::ClockDrift { ratio } => ratio.ln().abs(),
    }
}

fn skips(record: &RunRecord) -> Section {
    let mut lines = Vec::new();
    for step in &record.steps {
        if let Some(Outcome::Skipped(skip)) = &step.outcome {
            let remedy = if skip.remedy.is_empty() { "none known" } else { &skip.remedy };
            lines.push(format!(
                "{}: {} ({}); remedy: {}",
                clean::clip(&step.plan.path(), 60),
                clean::clip(&skip.reason, LONGEST),
                kind(skip.kind),
                clean::clip(remedy, LONGEST)
            ));
        }
    }
    or_none("Skipped", lines, false)
}

fn failures(record: &RunRecord) -> Section {
    let mut lines = Vec::new();
    for step in &record.steps {
        if let Some(Outcome::Failed(failure)) = &step.outcome {
            let place = failure.place.as_ref().map(|p| format!(" ({})", clean::clip(&p.to_string(), 120)));
            let path = clean::clip(&step.plan.path(), 60);
            lines.push(format!("{path}: {}{}", clean::clip(&failure.message, LONGEST), place.unwrap_or_default()));
        }
    }
    or_none("Failed", lines, true)
}

/// The name of a class of skips.
pub(crate) const fn kind(kind: SkipKind) -> &'static str {
    match kind {
        SkipKind::Hardware => "hardware",
        SkipKind::Permission => "permission",
        SkipKind::Tool => "tool",
        SkipKind::Platform => "platform",
        SkipKind::Resource => "resource",
        SkipKind::Budget => "budget",
        SkipKind::Interrupted => "interrupted",
    }
}

fn warnings(record: &RunRecord) -> Section {
    let mut lines = machine::warnings(record, &expected::of_run(record));
    lines.extend(notes(record, NoteLevel::Warning));
    or_none("Warnings", lines, true)
}

/// The notes of a level, each once, with how often it came: most rounds of a step say the same. A load's own are in its
/// section already.
fn notes(record: &RunRecord, level: NoteLevel) -> Vec<String> {
    let loads: Vec<String> = record
        .steps
        .iter()
        .filter(|step| matches!(step.plan.work, Work::Load { .. }))
        .map(|step| step.plan.path())
        .collect();
    let shown = |note: &engine_core::event::Note| {
        note.level == NoteLevel::Info && note.step.as_ref().is_some_and(|step| loads.contains(step))
    };
    let of_level = record.notes.iter().filter(|note| note.level == level && !shown(note));
    let text = |note: &engine_core::event::Note| {
        let step = note.step.as_ref().map(|step| format!("{}: ", clean::clip(step, 60))).unwrap_or_default();
        let place = note.place.as_ref().map(|p| format!(" ({})", clean::clip(&p.to_string(), 120)));
        format!("{step}{}{}", clean::clip(&note.message, LONGEST), place.unwrap_or_default())
    };
    let mut lines: Vec<(String, usize)> = Vec::new();
    let mut seen: HashMap<String, usize> = HashMap::new();
    for line in of_level.map(text) {
        let at = *seen.entry(line.clone()).or_insert(lines.len());
        match lines.get_mut(at) {
            Some((_, times)) => *times += 1,
            None => lines.push((line, 1)),
        }
    }
    let told = |(line, times)| if times > 1 { format!("{line} ({times} times)") } else { line };
    lines.into_iter().map(told).collect()
}

/// The name of a level of validity.
pub(crate) const fn level(level: ValidityLevel) -> &'static str {
    match level {
        ValidityLevel::Valid => "valid",
        ValidityLevel::Degraded => "degraded",
        ValidityLevel::Invalid => "invalid",
    }
}

fn validity(record: &RunRecord) -> Section {
    let reasons = record.validity.reasons.iter().map(|reason| clean::clip(reason, LONGEST));
    let head = format!("{}, {}", level(record.validity.level), record.state.name());
    let lines = std::iter::once(head).chain(reasons).collect();
    Section { title: "Validity", lines, loud: record.validity.level != ValidityLevel::Valid }
}

fn rounds(record: &RunRecord) -> Section {
    let stopped = |reason| record.steps.iter().filter(|step| step.stop == Some(reason)).count();
    let reasons = [
        (StopReason::Done, "took all rounds"),
        (StopReason::Narrow, "stopped early, the interval was narrow enough"),
        (StopReason::Budget, "stopped at the budget"),
        (StopReason::Interrupted, "were interrupted"),
        (StopReason::Aborted, "were ended by an expectation"),
    ];
    let lines = reasons.into_iter().map(|(reason, text)| (stopped(reason), text)).filter(|(steps, _)| *steps > 0);
    let lines = lines.map(|(steps, text)| format!("{} {text}", count(steps, "step"))).collect();
    or_none("Rounds", lines, false)
}

/// What the system monitor saw, and what it cost.
pub(crate) fn monitor(samples: &[HostSample]) -> Vec<String> {
    let (Some(first), Some(last)) = (samples.first(), samples.last()) else {
        return vec!["did not run".to_owned()];
    };
    let largest = |of: fn(&HostSample) -> f64| samples.iter().map(of).fold(0.0, f64::max);
    let mut busy: Vec<f64> = samples.iter().map(|sample| sample.cpu).collect();
    busy.sort_by(f64::total_cmp);
    let middle = busy.get(busy.len() / 2).copied().unwrap_or_default();
    let mut seen = format!(
        "CPU median {}, {} at most; memory {} at most",
        share(middle),
        share(largest(|s| s.cpu)),
        share(largest(HostSample::memory))
    );
    let hottest = samples.iter().filter_map(HostSample::hottest).max_by(f64::total_cmp);
    if let Some(hottest) = hottest {
        seen.push_str("; hottest sensor ");
        seen.push_str(&value(Unit::Celsius, hottest));
    }
    let mean = |of: fn(&HostSample) -> Option<f64>| {
        let told: Vec<f64> = samples.iter().filter_map(of).collect();
        #[expect(clippy::cast_precision_loss, reason = "a run has far fewer than 2^53 samples")]
        (!told.is_empty()).then(|| told.iter().sum::<f64>() / told.len() as f64)
    };
    if let Some(clock) = mean(|sample| sample.frequency) {
        put!(seen, "; clock {} on average", value(Unit::Hertz, clock));
    }
    if let Some(power) = mean(|sample| sample.power) {
        put!(seen, "; processors {} on average", value(Unit::Watts, power));
    }
    let cost: f64 = samples.iter().map(|sample| sample.cost).sum();
    // The first sample covers the time before it: one mean period more than lies between first and last.
    #[expect(clippy::cast_precision_loss, reason = "a run has far fewer than 2^53 seconds")]
    let n = samples.len() as f64;
    let span = if samples.len() > 1 { (last.at - first.at) * n / (n - 1.0) } else { last.at };
    let of_one = if span > 0.0 { format!(", {:.2} % of one CPU", cost / span * 100.0) } else { String::new() };
    let cost =
        format!("{}; its own cost {} of CPU time{of_one}", count(samples.len(), "sample"), value(Unit::Seconds, cost));
    vec![seen, cost]
}

fn versions(record: &RunRecord) -> Vec<String> {
    let header = &record.header;
    let binary = &header.environment.binary;
    let hash = binary.sha256.as_deref().map(|hash| format!(", binary {}", clean::clip(hash, 12)));
    let profile = binary.profile.as_deref().map(|profile| format!(" ({})", clean::clip(profile, 20)));
    let mut methods: Vec<String> = record.steps.iter().filter_map(|step| method(&step.plan)).collect();
    methods.sort_unstable();
    methods.dedup();
    let mut lines = vec![format!(
        "engine {}{}{}",
        clean::clip(&header.engine, 40),
        profile.unwrap_or_default(),
        hash.unwrap_or_default()
    )];
    if !methods.is_empty() {
        lines.push(format!("methods {}", methods.join(", ")));
    }
    let profile = header.plan.profile.name();
    let class = header.environment.class_id();
    lines.push(format!("seed {}, profile {profile}, environment class {class}", header.plan.seed));
    lines
}

/// The probe of a step with the version of its method: `memory.stream 2`.
fn method(plan: &PlannedStep) -> Option<String> {
    match &plan.work {
        Work::Probe { id, .. } => Some(format!("{} {}", clean::clip(id, 40), plan.method)),
        _ => None,
    }
}

fn or_none(title: &'static str, mut lines: Vec<String>, loud: bool) -> Section {
    let loud = loud && !lines.is_empty();
    if lines.is_empty() {
        lines.push("none".to_owned());
    }
    Section { title, lines, loud }
}
