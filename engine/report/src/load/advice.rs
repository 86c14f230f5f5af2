//! What a load's numbers say, in words, and what to do next. Only what the record shows is said.

use engine_core::expect::Expectation;
use engine_core::judgement::{Judged, Judgement};
use engine_core::load::METRICS;
use engine_core::measurement::Stat;
use engine_core::plan::Work;
use engine_core::run::{RunRecord, ValidityLevel};
use engine_core::step::{FailureKind, Outcome};
use engine_core::unit::Unit;

use super::course::first_beyond;
use super::{Line, LoadView, latency, number};

/// Below this share of what was asked for, something held the load back.
const WHOLE: f64 = 0.99;

/// Share of CPU above which a machine or a process has nothing left.
const BUSY: f64 = 0.90;

/// Sentences: what limited, where it broke first, what stands out; the last says what to do next.
pub(crate) fn advice(record: &RunRecord, view: &LoadView<'_>) -> Vec<String> {
    if let Some(Outcome::Failed(failure)) = &view.step.outcome {
        return failed(failure.kind, &failure.message);
    }
    // What a fault does to a load is no limit of the target; its own section tells.
    if matches!(view.step.plan.work, Work::Fault { .. }) {
        return Vec::new();
    }
    let Some(total) = &view.total else { return Vec::new() };
    let mut said = Vec::new();
    said.push(summary(view, total));
    if view.unsummed {
        said.push(
            "The run was ended before its sums were made: what stands here comes from the seconds that were stored."
                .to_owned(),
        );
    }
    let doubts = doubts(record, view);
    if let Some((level, reason)) = &doubts {
        let word = if *level == ValidityLevel::Invalid { "say nothing about the target" } else { "need care" };
        said.push(format!("The numbers {word}: {reason}."));
    }
    let limited = limit(view, total, &mut said);
    let broken = breaches(record, view, &mut said);
    slowest(view, &mut said);
    let invalid = doubts.is_some_and(|(level, _)| level == ValidityLevel::Invalid);
    said.push(format!("Next: {}.", next(view, total, invalid, limited, broken)));
    said
}

fn failed(kind: FailureKind, message: &str) -> Vec<String> {
    let next = match kind {
        FailureKind::Unreachable => "start the target, or correct its address; `engine check` shows which it is",
        FailureKind::Script => "correct the journey; `--once --trace` shows one iteration with all its values",
        FailureKind::Timeout => "raise `timeout`, or lower `grace` so that the last requests are cut off sooner",
        _ => "correct what the message names and run it again",
    };
    vec![format!("The load failed: {message}."), format!("Next: {next}.")]
}

fn summary(view: &LoadView<'_>, total: &Line) -> String {
    let rate = total.rate.map_or_else(|| "no rate".to_owned(), |rate| Unit::PerSecond.format(rate));
    let of = |nth: usize| total.response.get(nth).map_or_else(|| "unknown".to_owned(), latency);
    let errors = total.errors.map_or_else(String::new, |share| format!(", {} of them not well", percent(share)));
    let target = &view.shape.target;
    format!("{} requests ended{errors}; {target} served {rate} with p50 {} and p99 {}.", total.requests, of(0), of(3))
}

/// What lowered the validity because of this step.
fn doubts(record: &RunRecord, view: &LoadView<'_>) -> Option<(ValidityLevel, String)> {
    let front = format!("{}: ", view.step.plan.path());
    let reasons: Vec<&str> =
        record.validity.reasons.iter().filter_map(|reason| reason.strip_prefix(front.as_str())).collect();
    (!reasons.is_empty()).then(|| (record.validity.level, reasons.join("; ")))
}

/// What held the load back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Limited {
    No,
    Users,
    Target,
    Machine,
}

fn limit(view: &LoadView<'_>, total: &Line, said: &mut Vec<String>) -> Limited {
    let step = view.step;
    let mut limited = Limited::No;
    if let Some((intended, came)) = total.arrivals.filter(|(intended, came)| *came < WHOLE * intended) {
        let dropped = number(step, "dropped").unwrap_or(0.0);
        let share = came / intended.max(1e-9);
        let busy = total.response.first().map_or(0.0, |median| median.value);
        // Little's law: users within an iteration are arrivals times the time that each takes.
        let users = (intended * busy).ceil();
        limited = if dropped > 0.0 { Limited::Users } else { Limited::Target };
        let why = if dropped > 0.0 {
            format!(
                "{} of the arrivals found no user free; at this response time {users:.0} users are needed by Little's law",
                percent(dropped)
            )
        } else {
            "iterations had not ended when the load did".to_owned()
        };
        said.push(format!(
            "It got {} of the {} iterations that the schedule asked for ({}): {why}.",
            Unit::PerSecond.format(came),
            Unit::PerSecond.format(intended),
            percent(share)
        ));
    }
    if let Some((before, after)) = saturated(&view.phases) {
        limited = Limited::Target;
        said.push(format!(
            "From `{}` to `{}` more was asked for and hardly more came ({} and {}), while p99 rose from {} to {}: the target \
             is saturated there.",
            before.name,
            after.name,
            Unit::PerSecond.format(before.rate.unwrap_or(0.0)),
            Unit::PerSecond.format(after.rate.unwrap_or(0.0)),
            before.response.get(3).map_or_else(String::new, latency),
            after.response.get(3).map_or_else(String::new, latency)
        ));
    }
    if let Some(cpu) = number(step, "host.cpu").filter(|cpu| *cpu > BUSY) {
        limited = Limited::Machine;
        said.push(format!(
            "This machine's CPUs were {} busy: generator and whatever else runs here had to share them.",
            percent(cpu)
        ));
    }
    for measurement in &step.measurements {
        let id = &measurement.metric.id;
        let own = METRICS.iter().any(|known| known.id == id);
        if let Some(name) = id.strip_suffix(".cpu").filter(|_| !own)
            && let Some(cpu) = measurement.estimate().map(|estimate| estimate.value).filter(|cpu| *cpu > BUSY)
        {
            limited = Limited::Target;
            said.push(format!("`{name}` used {cpu:.2} of a CPU: a single thread has no more to give at 1."));
        }
    }
    if let Some(worst) = view.errors.first().filter(|errors| errors.count > 0) {
        let example = worst.example.as_ref().map_or_else(String::new, |example| format!(" ({example})"));
        said.push(format!("The most frequent error is `{}`, {} times{example}.", worst.class, worst.count));
    }
    limited
}

/// Two phases between which what was asked for rose by a tenth or more and what came by less than half of that, while the
/// 99th percentile at least doubled.
fn saturated(phases: &[Line]) -> Option<(&Line, &Line)> {
    phases.windows(2).map(|two| (&two[0], &two[1])).find(|(before, after)| {
        let (Some((wanted, _)), Some((more, _))) = (before.arrivals, after.arrivals) else { return false };
        let (Some(rate), Some(later)) = (before.rate, after.rate) else { return false };
        let (Some(fast), Some(slow)) = (before.response.get(3), after.response.get(3)) else { return false };
        let (asked, got) = (more / wanted.max(1e-9) - 1.0, later / rate.max(1e-9) - 1.0);
        asked >= 0.1 && got < 0.5 * asked && slow.value >= 2.0 * fast.value
    })
}

/// What was expected and did not hold, and when it first did not. Gives whether there was any.
fn breaches(record: &RunRecord, view: &LoadView<'_>, said: &mut Vec<String>) -> bool {
    let name = &view.step.plan.name;
    let failed: Vec<&Judged> =
        record.judged.iter().filter(|judged| judged.step == *name && judged.judgement == Judgement::Fail).collect();
    for judged in failed.iter().take(3) {
        said.push(format!("`{}` does not hold: {}{}.", judged.text, judged.reason, first(view, judged)));
    }
    if failed.len() > 3 {
        said.push(format!("{} more expectations do not hold.", failed.len() - 3));
    }
    !failed.is_empty()
}

/// When a percentile of the response time was first beyond its limit.
fn first(view: &LoadView<'_>, judged: &Judged) -> String {
    let when = Expectation::parse(&judged.text).ok().and_then(|expectation| {
        let left = &expectation.claim().left;
        let p = match left.stat.unwrap_or(Stat::Median) {
            Stat::Median => 50.0,
            Stat::Percentile(p) => p,
            _ => return None,
        };
        let response = left.metric.as_deref().is_none_or(|metric| metric == "response");
        (response && left.window.is_none() && !left.slope).then_some(())?;
        first_beyond(view.step, &left.labels, p, judged.limit?)
    });
    when.map_or_else(String::new, |(at, phase, rate)| {
        let phase = if phase.is_empty() { phase } else { format!(" in `{phase}`") };
        format!(
            "; a second broke it first {at:.0} s after the start{phase}, when {} ended",
            Unit::PerSecond.format(rate)
        )
    })
}

/// The endpoint that stands out.
fn slowest(view: &LoadView<'_>, said: &mut Vec<String>) {
    if view.endpoints.len() < 2 {
        return;
    }
    let p99 = |line: &Line| line.response.get(3).map_or(0.0, |estimate| estimate.value);
    let mut by: Vec<&Line> = view.endpoints.iter().collect();
    by.sort_by(|a, b| p99(b).total_cmp(&p99(a)));
    let (worst, middle) = (by[0], p99(by[by.len() / 2]));
    if p99(worst) >= 2.0 * middle && middle > 0.0 {
        said.push(format!(
            "`{}` stands out: its p99 of {} is {:.1} times the middle endpoint's.",
            worst.name,
            worst.response.get(3).map_or_else(String::new, latency),
            p99(worst) / middle
        ));
    }
}

fn next(view: &LoadView<'_>, total: &Line, invalid: bool, limited: Limited, broken: bool) -> String {
    if invalid {
        return "give the generator more room (`threads`, another machine, a higher descriptor limit) or ask for less, and \
                run it again"
            .to_owned();
    }
    match limited {
        Limited::Users => {
            "raise `max_users` to see what the target does with all arrivals, or lower the rate".to_owned()
        }
        Limited::Target => {
            "look into the target where the course first turns (its own CPU, its queue, its slowest endpoint), \
                            and find its limit with `capacity(..)`"
                .to_owned()
        }
        Limited::Machine => {
            "put generator and target on machines of their own before the numbers are believed".to_owned()
        }
        Limited::No if broken => {
            let slow = view.endpoints.iter().max_by(|a, b| {
                let p99 = |line: &Line| line.response.get(3).map_or(0.0, |estimate| estimate.value);
                p99(a).total_cmp(&p99(b))
            });
            let start = slow.map_or_else(String::new, |line| format!(", beginning with `{}`", line.name));
            format!("find out what the target does in the seconds named above{start}")
        }
        Limited::No if total.arrivals.is_some() => {
            "everything asked for was served; `capacity(..)` finds how much more there is".to_owned()
        }
        Limited::No => {
            "a closed model hides waiting: give the same load as `arrivals` to see what users would have waited"
                .to_owned()
        }
    }
}

fn percent(share: f64) -> String {
    Unit::Ratio.format(share)
}
