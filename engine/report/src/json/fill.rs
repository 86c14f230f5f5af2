//! From the record to the shapes of the file.

use engine_core::code::CodeSource;
use engine_core::comparison::CaseRatio;
use engine_core::event::{NoteLevel, StopReason};
use engine_core::expected::{self, Expected, Origin};
use engine_core::host_sample::HostSample;
use engine_core::judgement::{Change, Judged, Judgement, Verdict};
use engine_core::measurement::{Estimate, Measurement, Round, Stat};
use engine_core::metric::{Goal, Nature};
use engine_core::plan::{Profile, Work};
use engine_core::run::{RunRecord, RunState, StepRecord, ValidityLevel};
use engine_core::series::SeriesId;
use engine_core::stats::Interval;
use engine_core::stats::quantile::{quantile, sorted};
use engine_core::step::{FailureKind, Outcome, Place};

use super::document::*;
use super::finite;
use super::results::*;
use super::steps::*;
use crate::diagnosis::{cause, kind};
use crate::executive;
use crate::input::Report;
use crate::moment;

pub(super) fn document(report: &Report<'_>) -> Document {
    let record = report.record;
    let environment = &record.header.environment;
    let expected = expected::of_run(record);
    Document {
        schema_version: SCHEMA_VERSION,
        kind: "report",
        run: run(record),
        engine: EngineText { version: record.header.engine.clone() },
        exit: report.exit.map(|exit| ExitText {
            code: exit.code,
            causes: exit.causes.iter().map(|c| CauseText { code: c.code, reason: c.reason.clone() }).collect(),
        }),
        summary: summary(report),
        plan: plan(record),
        steps: record.steps.iter().enumerate().map(|(number, one)| step(record, number, one, &expected)).collect(),
        cases: report.cases.iter().map(case).collect(),
        expectations: record.judged.iter().map(expectation).collect(),
        health: report.health.map(|health| HealthResult {
            verdict: health.verdict.name(),
            rows: health.rows.iter().map(health_row).collect(),
        }),
        advice: report.advice.map(super::advice::result),
        machine_profile: record.header.machine_profile.as_ref().map(|profile| ProfileText {
            name: profile.name.clone(),
            named: profile.named,
            remarks: profile.remarks.clone(),
        }),
        notes: record.notes.iter().map(note).collect(),
        monitor: monitor(&record.host),
        environment_class: environment.class_id(),
        environment: environment.fields().into_iter().collect(),
        environment_changes: record.after.as_ref().map(|after| {
            let pairs = environment.fields().into_iter().zip(after.fields());
            pairs.filter(|(before, after)| before != after).map(|(_, after)| after).collect()
        }),
    }
}

fn summary(report: &Report<'_>) -> Option<SummaryText> {
    let parts = executive::parts(report);
    (!parts.is_empty()).then(|| SummaryText {
        parts: parts.into_iter().map(part).collect(),
        findings: executive::findings(report)
            .into_iter()
            .map(|found| FindingText { kind: found.kind, subject: found.subject, text: found.text })
            .collect(),
    })
}

fn part(part: executive::PartSummary) -> PartText {
    let [measured, failed, skipped, open] = part.steps;
    let [held, not_met, unsure] = part.expectations;
    PartText {
        name: part.name,
        result: part.result,
        measured,
        failed,
        skipped,
        open,
        held,
        not_met,
        unsure,
        seconds: finite(part.seconds),
        figures: part.figures,
    }
}

fn run(record: &RunRecord) -> RunText {
    let header = &record.header;
    let code = &header.code;
    RunText {
        id: header.id.0.clone(),
        state: match record.state {
            RunState::Running => State::Running,
            RunState::Complete => State::Complete,
            RunState::Partial => State::Partial,
            RunState::Crashed => State::Crashed,
        },
        validity: ValidityText {
            level: match record.validity.level {
                ValidityLevel::Valid => Level::Valid,
                ValidityLevel::Degraded => Level::Degraded,
                ValidityLevel::Invalid => Level::Invalid,
            },
            reasons: record.validity.reasons.clone(),
        },
        started: moment::rfc3339(header.started),
        duration_seconds: finite(record.duration),
        scenario: ScenarioText {
            name: header.scenario.name.clone(),
            title: header.plan.title.clone(),
            source: header.scenario.source.clone(),
            sha256: header.scenario.hash.clone(),
        },
        code: CodeText {
            commit: code.commit.known().cloned(),
            branch: code.branch.known().cloned(),
            dirty: code.dirty.copied(),
            committed_at: code.committed_at.copied(),
            source: match code.source {
                CodeSource::Git => "git",
                CodeSource::CiVariables => "ci-variables",
                CodeSource::None => "none",
            },
        },
        machine: header.machine.clone(),
        tags: header.tags.clone(),
    }
}

fn plan(record: &RunRecord) -> PlanText {
    let plan = &record.header.plan;
    PlanText {
        profile: plan.profile.name(),
        judged: plan.profile != Profile::Tiny,
        seed: plan.seed,
        budget_seconds: plan.budget.and_then(finite),
        estimate_seconds: finite(plan.estimate()),
        tags: plan.tags.clone(),
        params: plan.params.0.clone(),
        permissions: plan.permissions.clone(),
        declarations: plan
            .declarations
            .iter()
            .map(|declaration| DeclarationText {
                name: declaration.name.clone(),
                reference: declaration.reference.clone(),
                tags: declaration.tags.clone(),
                expect: declaration.expect.iter().map(|expect| expect.text.clone()).collect(),
                place: declaration.place.as_ref().map(place),
            })
            .collect(),
    }
}

fn step(record: &RunRecord, number: usize, step: &StepRecord, expected: &Expected) -> StepResult {
    let plan = &step.plan;
    let (probe, options) = match &plan.work {
        Work::Probe { id, args } => {
            let options = args.0.iter().map(|(name, value)| (name.clone(), value.to_string())).collect();
            (Some(id.clone()), options)
        }
        _ => (None, Default::default()),
    };
    StepResult {
        path: plan.path(),
        name: plan.name.clone(),
        labels: plan.labels.0.clone(),
        probe,
        options,
        method: plan.method,
        isolated: plan.isolate,
        outcome: outcome(step.outcome.as_ref()),
        stop: step.stop.map(|stop| match stop {
            StopReason::Done => "done",
            StopReason::Narrow => "narrow",
            StopReason::Budget => "budget",
            StopReason::Interrupted => "interrupted",
            StopReason::Aborted => "aborted",
        }),
        metrics: step.measurements.iter().map(|measurement| metric(step, measurement, expected)).collect(),
        load: super::load::load(record, step),
        interference: super::interference::interference(record, step),
        fault: super::fault::fault(record, number),
    }
}

fn outcome(outcome: Option<&Outcome>) -> OutcomeText {
    let bare = |status| OutcomeText { status, class: None, reason: None, remedy: None, place: None };
    match outcome {
        Some(Outcome::Measured) => bare(Status::Measured),
        None => bare(Status::Unfinished),
        Some(Outcome::Skipped(skip)) => OutcomeText {
            class: Some(kind(skip.kind)),
            reason: Some(skip.reason.clone()),
            remedy: Some(skip.remedy.clone()),
            ..bare(Status::Skipped)
        },
        Some(Outcome::Failed(failure)) => OutcomeText {
            class: Some(failure_kind(failure.kind)),
            reason: Some(failure.message.clone()),
            place: failure.place.as_ref().map(place),
            ..bare(Status::Failed)
        },
    }
}

/// The name of a class of failures.
pub(crate) const fn failure_kind(kind: FailureKind) -> &'static str {
    match kind {
        FailureKind::Probe => "probe",
        FailureKind::Verification => "verification",
        FailureKind::Panic => "panic",
        FailureKind::Timeout => "timeout",
        FailureKind::Script => "script",
        FailureKind::Permission => "permission",
        FailureKind::Limit => "limit",
        FailureKind::Crash => "crash",
        FailureKind::Unreachable => "unreachable",
    }
}

fn metric(step: &StepRecord, measurement: &Measurement, expected: &Expected) -> MetricResult {
    let metric = &measurement.metric;
    let labels = step.plan.labels.joined(&measurement.labels);
    let series = SeriesId { step: step.plan.name.clone(), metric: metric.id.clone(), labels };
    let found = expected.values.get(&series).map(|found| ExpectedText {
        value: finite(found.value),
        kind: found.kind.name(),
        profile: match &found.origin {
            Origin::Profile(name) => Some(name.clone()),
            Origin::Declared | Origin::Measured => None,
        },
        source: found.source.clone(),
        share_ratio: measurement.estimate().and_then(|own| expected::share(metric.goal, own.value, found.value)),
        beyond: expected.above.iter().any(|above| above.series == series),
    });
    MetricResult {
        expected: found,
        series: series.to_string(),
        metric: metric.id.clone(),
        labels: measurement.labels.0.clone(),
        unit: metric.unit.to_string(),
        goal: goal(metric.goal),
        nature: match metric.nature {
            Nature::Capability => "capability",
            Nature::Cost => "cost",
        },
        estimate: measurement.estimate().as_ref().map(estimate),
        samples: pooled(measurement),
        tainted: measurement.is_tainted(),
        rounds: measurement.rounds.iter().map(|taken| round(measurement, taken)).collect(),
    }
}

fn pooled(measurement: &Measurement) -> Option<PooledText> {
    if measurement.histogram().is_some() {
        let at = |stat| measurement.statistic(stat).and_then(|found| finite(found.value));
        return Some(PooledText {
            n: measurement.statistic(Stat::Count)?.samples,
            min: at(Stat::Min),
            mean: at(Stat::Mean),
            p50: at(Stat::Median),
            p90: at(Stat::Percentile(90.0)),
            p95: at(Stat::Percentile(95.0)),
            p99: at(Stat::Percentile(99.0)),
            p99_9: at(Stat::Percentile(99.9)),
            max: at(Stat::Max),
        });
    }
    let values = sorted(&measurement.pooled());
    let (min, max) = (values.first()?, values.last()?);
    #[expect(clippy::cast_precision_loss, reason = "a number of samples is far below 2^53")]
    let mean = values.iter().sum::<f64>() / values.len() as f64;
    let at = |share| finite(quantile(&values, share));
    Some(PooledText {
        n: values.len(),
        min: finite(*min),
        mean: finite(mean),
        p50: at(0.5),
        p90: at(0.9),
        p95: at(0.95),
        p99: at(0.99),
        p99_9: at(0.999),
        max: finite(*max),
    })
}

fn round(measurement: &Measurement, round: &Round) -> RoundResult {
    let values = &round.values;
    let latencies = round
        .histogram
        .as_ref()
        .map(|_| Measurement { rounds: vec![Round { superseded: false, ..round.clone() }], ..measurement.clone() });
    let of = |stat, plain: f64| {
        let own = latencies.as_ref().and_then(|own| own.statistic(stat)).map(|found| found.value);
        finite(own.unwrap_or(plain))
    };
    RoundResult {
        round: round.number,
        attempt: round.attempt,
        counted: !round.superseded && !values.is_empty(),
        at_seconds: finite(round.at),
        seconds: finite(round.seconds),
        value: measurement.round_value(round).and_then(finite),
        min: of(Stat::Min, values.iter().copied().fold(f64::INFINITY, f64::min)),
        max: of(Stat::Max, values.iter().copied().fold(f64::NEG_INFINITY, f64::max)),
        samples: round
            .histogram
            .as_ref()
            .map_or(values.len(), |all| usize::try_from(all.count()).unwrap_or(usize::MAX)),
        taints: round.taints.iter().map(|t| TaintText { cause: cause(t), text: t.to_string() }).collect(),
    }
}

pub(super) fn estimate(estimate: &Estimate) -> EstimateText {
    EstimateText {
        value: finite(estimate.value),
        interval: estimate.interval.map(interval),
        rounds: estimate.rounds,
        samples: estimate.samples,
        above: estimate.above,
    }
}

fn interval(interval: Interval) -> IntervalText {
    IntervalText { low: finite(interval.low), high: finite(interval.high) }
}

pub(super) fn change(change: &Change) -> ChangeText {
    ChangeText { ratio: finite(change.ratio), interval: change.interval.map(interval) }
}

pub(super) const fn verdict(verdict: Verdict) -> VerdictText {
    match verdict {
        Verdict::Better => VerdictText::Better,
        Verdict::Worse => VerdictText::Worse,
        Verdict::Equivalent => VerdictText::Equivalent,
        Verdict::Inconclusive => VerdictText::Inconclusive,
    }
}

fn place(place: &Place) -> PlaceText {
    PlaceText { file: place.file.clone(), line: place.line, column: place.column }
}

fn case(case: &CaseRatio) -> CaseResult {
    CaseResult {
        step: case.step.clone(),
        metric: case.metric.id.clone(),
        case: case.case.clone(),
        reference: case.reference.clone(),
        labels: case.labels.0.clone(),
        change: case.change.as_ref().map(change),
        verdict: verdict(case.verdict),
        reason: case.reason.clone(),
    }
}

fn expectation(judged: &Judged) -> ExpectationResult {
    ExpectationResult {
        step: judged.step.clone(),
        text: judged.text.clone(),
        severity: match judged.severity {
            engine_core::judgement::Severity::Fail => Severity::Fail,
            engine_core::judgement::Severity::Warn => Severity::Warn,
            engine_core::judgement::Severity::Abort => Severity::Abort,
        },
        judgement: match judged.judgement {
            Judgement::Pass => JudgementText::Pass,
            Judgement::Fail => JudgementText::Fail,
            Judgement::Unsure => JudgementText::Unsure,
            Judgement::Unjudged => JudgementText::Unjudged,
        },
        series: judged.series.clone(),
        observed: judged.observed.as_ref().map(estimate),
        limit: judged.limit.and_then(finite),
        unit: judged.unit.to_string(),
        reason: judged.reason.clone(),
        place: judged.place.as_ref().map(place),
    }
}

fn health_row(row: &engine_core::health::HealthRow) -> HealthRowText {
    HealthRowText {
        name: row.name.clone(),
        observed: row.observed.and_then(finite),
        limit: finite(row.limit),
        unit: row.unit.to_string(),
        verdict: row.verdict.name(),
        reason: row.reason.clone(),
    }
}

fn note(note: &engine_core::event::Note) -> NoteText {
    NoteText {
        level: match note.level {
            NoteLevel::Info => "info",
            NoteLevel::Warning => "warning",
        },
        step: note.step.clone(),
        at_seconds: note.at.and_then(finite),
        message: note.message.clone(),
        place: note.place.as_ref().map(place),
    }
}

fn monitor(samples: &[HostSample]) -> Option<MonitorText> {
    if samples.is_empty() {
        return None;
    }
    let largest = |of: fn(&HostSample) -> f64| finite(samples.iter().map(of).fold(0.0, f64::max));
    let busy: Vec<f64> = samples.iter().map(|sample| sample.cpu).collect();
    let told = |of: fn(&HostSample) -> Option<f64>| sorted(&samples.iter().filter_map(of).collect::<Vec<f64>>());
    let median = |of: fn(&HostSample) -> Option<f64>| {
        let told = told(of);
        (!told.is_empty()).then(|| quantile(&told, 0.5)).and_then(finite)
    };
    Some(MonitorText {
        samples: samples.len(),
        cost_seconds: finite(samples.iter().map(|sample| sample.cost).sum()),
        cpu_median_ratio: finite(quantile(&sorted(&busy), 0.5)),
        cpu_max_ratio: largest(|sample| sample.cpu),
        memory_max_ratio: largest(HostSample::memory),
        hottest_celsius: samples.iter().filter_map(HostSample::hottest).max_by(f64::total_cmp).and_then(finite),
        clock_median_hertz: median(|sample| sample.frequency),
        power_median_watts: median(|sample| sample.power),
        power_max_watts: told(|sample| sample.power).last().copied().and_then(finite),
    })
}

/// Which direction is good.
pub(super) const fn goal(goal: Goal) -> GoalText {
    match goal {
        Goal::Lower => GoalText::Lower,
        Goal::Higher => GoalText::Higher,
        Goal::Neutral => GoalText::Neutral,
    }
}
