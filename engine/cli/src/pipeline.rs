//! From a scenario to an exit code: plan, measure, store, judge, report.

use std::path::{Path, PathBuf};
use std::time::Duration;

use engine_core::comparison::Comparison;
use engine_core::environment::Environment;
use engine_core::judgement::Verdict;
use engine_core::plan::Plan;
use engine_core::run::{RunHeader, RunId, RunRecord, ScenarioRef};
use engine_report::{Cause, Report, TimeZone, text};
use engine_script::{Scenario, Source};
use engine_session::{Settings, Sink};
use engine_store::Writer;

use crate::app::{self, App};
use crate::args::{FailOn, Reading, Storing, Unsure};
use crate::baselines::Subject;
use crate::exit::{Exit, Fatal};
use crate::scratch::Scratch;
use crate::terminal::Terminal;
use crate::{causes, cmd, config, machine, machines, reports, signals, source, stream, view};

/// One run, as asked.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) source: Source,
    pub(crate) options: engine_script::Options,
    pub(crate) storing: Storing,
    pub(crate) baseline: Option<String>,
    pub(crate) machine: Option<String>,
    pub(crate) fail_on: Vec<FailOn>,
    pub(crate) unsure: Unsure,
    pub(crate) budget: Option<f64>,
    pub(crate) trace: bool,
    pub(crate) once: bool,
    /// `--budget`.
    pub(crate) reading: Reading,
    /// The run to go on with.
    pub(crate) resume: Option<Box<RunRecord>>,
    /// The lock to obey.
    pub(crate) lock: Option<crate::lock::Asked>,
    /// Whether cases are held against their references as `fail_on` says.
    pub(crate) cases: bool,
    /// What is told of the run while it runs, where a dashboard shows it.
    pub(crate) hub: Option<engine_serve::Hub>,
    pub(crate) tui: bool,
    /// Whether events are stored as they come, or all of them when the run ends.
    pub(crate) journal: bool,
}

impl Request {
    /// A run with the settings' defaults.
    pub(crate) fn new(app: &App, source: Source, reading: &Reading) -> Result<Self, Fatal> {
        let unsure = match app.config().run.unsure.as_str() {
            "pass" => Unsure::Pass,
            "fail" => Unsure::Fail,
            _ => Unsure::Report,
        };
        Ok(Self {
            source,
            options: cmd::run_options(app, reading)?,
            storing: Storing::default(),
            baseline: None,
            machine: None,
            fail_on: Vec::new(),
            unsure,
            budget: None,
            trace: false,
            once: false,
            reading: reading.clone(),
            resume: None,
            lock: None,
            cases: false,
            hub: None,
            tui: false,
            journal: true,
        })
    }
}

/// A run that has ended, and what follows from it.
struct Finished {
    record: RunRecord,
    comparison: Option<Comparison>,
    causes: Vec<(Exit, String)>,
}

/// Runs one scenario to its exit code.
pub(crate) fn run(app: &App, mut request: Request) -> Result<Exit, Fatal> {
    let label = source::label(&request.source);
    let folder = source::folder(&request.source);
    let mut scenario = read(app, &request)?;
    if let Some(asked) = &request.lock {
        crate::lock::obey(asked, &request.source, scenario.sources())?;
    }
    let plan = adjusted(&request, scenario.plan())?;
    if plan.steps.is_empty() {
        return Err(Fatal::new(Exit::NothingRan, format!("{label}: the filters `--only` and `--skip` leave no step")));
    }
    for path in &request.storing.report {
        reports::format_of(path)?;
    }
    let formats = reports::formats(&request.storing.format, &app.config().reports.formats)?;
    let targets = request.storing.stream.iter().map(|text| -> Result<(&str, stream::Target), Fatal> {
        let target = stream::Target::parse(text).map_err(|error| Fatal::usage(format!("`--stream` {error}")))?;
        Ok((text.as_str(), target))
    });
    let targets: Vec<(&str, stream::Target)> = targets.collect::<Result<_, _>>()?;
    let scratch = Scratch::new(&cmd::scratch_base(app))?;
    let store = app.store()?;
    let resumed = request.resume.take();
    let header = match &resumed {
        Some(record) => crate::resume::checked(app, record, &plan, scenario.hash(), scratch.path())?,
        None => header(app, &request, &label, &folder, scratch.path(), plan, scenario.hash())?,
    };
    let against = request
        .baseline
        .as_deref()
        .map(|reference| app.against(&store, reference, Subject::of(&header)))
        .transpose()?
        .unwrap_or_default();
    let baseline = against.record();
    announce(app, &header);
    if let Some(record) = &resumed {
        crate::resume::announce(app, record);
    }
    if let Some(remark) = &against.remark {
        app.note(&engine_report::clean::line(remark));
    }
    let writer = Writer::start(store).map_err(Fatal::from)?;

    let judge = |record: &RunRecord| engine_analysis::judge_run(record, baseline.as_ref());
    let after = || Some(machine::after(&header.environment));
    let mut settings = settings(app, scratch.path(), &judge, &after)?;
    if request.once {
        settings.retakes = 0;
    }
    let style = app.style();
    let screen = if request.tui { view::start(app, &header)? } else { None };
    let lines: Box<dyn Sink> = match &screen {
        Some(screen) => Box::new(view::Drawn::on(screen)),
        None => Box::new(Terminal::new(app.output, style, app.config().output.progress, request.trace)),
    };
    let storing = StoreSink {
        sender: writer.sender(),
        interrupt: signals::interrupt(),
        waiting: (!request.journal).then(Vec::new),
    };
    let mut sinks: Vec<Box<dyn Sink>> = vec![Box::new(storing), lines];
    sinks.extend(request.hub.clone().map(crate::serving::sink));
    let mut streams = Vec::new();
    for (name, target) in &targets {
        let (sink, stream) =
            stream::start(name, target, &header).map_err(|error| Fatal::usage(format!("`--stream`: {error}")))?;
        sinks.push(sink);
        streams.push(stream);
    }
    let record = match resumed {
        Some(record) => engine_session::resume(crate::resume::forgiven(*record), settings, Some(&mut scenario), sinks),
        None => engine_session::run(header.clone(), settings, Some(&mut scenario), sinks),
    };
    // The terminal is given back before anything else is said.
    drop(screen);
    let stored = writer.finish();
    for lost in streams.into_iter().filter_map(stream::Stream::finish) {
        app.output.err(&format!("warning: {lost}"));
    }

    let mut causes = causes::of(&record, request.unsure);
    if let Err(error) = stored {
        causes.push((Exit::Store, error.to_string()));
    }
    let (news, options) = (std::slice::from_ref(&record), app.comparing(None, false));
    let mut comparison = against.compare(news, &options);
    if let Some(comparison) = &mut comparison {
        let evidence = against.evidence(comparison, news, &options);
        crate::verdicts::name_series(app, "gate", comparison, &evidence);
        causes.extend(causes::regressions(comparison, &request.fail_on));
        rejected(app, comparison);
    } else if request.baseline.is_some() && request.fail_on.contains(&FailOn::Inconclusive) {
        causes.push((Exit::Inconclusive, "there is no accepted run to compare with yet".to_owned()));
    }
    conclude(app, &request, &formats, Finished { record, comparison, causes })
}

/// Reads the scenario; its errors are shown with place and hint.
fn read(app: &App, request: &Request) -> Result<Scenario, Fatal> {
    let mut options = request.options.clone();
    options.once = request.once;
    if request.trace {
        let output = app.output;
        options.trace = Some(std::sync::Arc::new(move |line| output.note(&engine_report::clean::line(line))));
    }
    engine_script::load(&request.source, options).map_err(|diagnostics| app.diagnosed(&diagnostics))
}

/// The plan with what the command line changes.
fn adjusted(request: &Request, plan: &Plan) -> Result<Plan, Fatal> {
    let mut plan = plan.clone();
    cmd::spend(&request.reading, &mut plan)?;
    if request.once {
        cmd::once(&mut plan);
    }
    if let Some(budget) = request.budget {
        plan.budget = Some(plan.budget.map_or(budget, |own| own.min(budget)));
    }
    Ok(plan)
}

fn header(
    app: &App,
    request: &Request,
    label: &str,
    folder: &Path,
    scratch: &Path,
    plan: Plan,
    hash: &str,
) -> Result<RunHeader, Fatal> {
    let started = app::now();
    let repository = request.storing.repo.as_deref().unwrap_or(folder);
    let tags = request.storing.tags.iter().map(|tag| app::pair("--tag", tag)).collect::<Result<_, _>>()?;
    let environment = machine::environment(app, scratch)?;
    let machine_profile = machines::choose(app, request.machine.as_deref(), &environment)?;
    Ok(RunHeader {
        id: RunId::new(started, u64::from(std::process::id())),
        engine: env!("CARGO_PKG_VERSION").to_owned(),
        scenario: ScenarioRef { name: plan.suite.clone(), source: label.to_owned(), hash: hash.to_owned() },
        started,
        code: engine_probes::host::code_under_test(repository, &|name| std::env::var(name).ok()),
        machine: machine::id(),
        tags,
        environment,
        plan,
        machine_profile,
    })
}

/// What will be done, before it is done.
fn announce(app: &App, header: &RunHeader) {
    let plan = &header.plan;
    let rounds: u32 = plan.steps.iter().map(|step| step.rounds.most()).max().unwrap_or(0);
    let minutes = plan.estimate() / 60.0;
    let estimate = if minutes < 1.0 { format!("{:.0} s", plan.estimate()) } else { format!("{minutes:.1} min") };
    let title = if plan.title.is_empty() { String::new() } else { format!(": {}", plan.title) };
    app.note(&engine_report::clean::line(&format!("{}{title}", plan.suite)));
    app.note(&format!(
        "{} steps, up to {rounds} rounds, about {estimate} at most, seed {}, profile {}, run {}",
        plan.steps.len(),
        plan.seed,
        plan.profile.name(),
        header.id.short()
    ));
    if let Some(profile) = &header.machine_profile {
        let how = if profile.named { "named" } else { "recognised" };
        app.note(&engine_report::clean::line(&format!("machine profile {} ({how})", profile.name)));
        for remark in &profile.remarks {
            app.note(&engine_report::clean::line(&format!("  {remark}")));
        }
    }
    for warning in machine::differences(app, &header.environment) {
        app.note(&format!("warning: {warning}"));
    }
}

fn settings<'a>(
    app: &App,
    scratch: &Path,
    judge: &'a dyn Fn(&RunRecord) -> Vec<engine_core::judgement::Judged>,
    after: &'a dyn Fn() -> Option<Environment>,
) -> Result<Settings<'a>, Fatal> {
    let invalid = |message: String| Fatal::new(Exit::Invalid, message);
    let config = app.config();
    let period = config::seconds(&config.run.monitor_period).map_err(invalid)?;
    let mut watch = engine_analysis::Watch::new(machine::thresholds(app));
    let myself = std::env::current_exe().map_err(|error| Fatal::new(Exit::Internal, error.to_string()))?;
    let (stress, faults) = cmd::stress_and_faults(&myself).unzip();
    Ok(Settings {
        registry: engine_probes::registry::registry(),
        scratch: scratch.to_owned(),
        cores: machine::cores(),
        interrupt: signals::interrupt(),
        limits: machine::limits(app)?,
        retakes: config.run.retakes,
        isolate: Some(vec![myself.to_string_lossy().into_owned(), "__round".to_owned()]),
        monitor: (period > 0.0).then(|| Duration::from_secs_f64(period)),
        watch: Some(Box::new(move |sample| watch.observe(sample))),
        after,
        stress,
        scaling: &engine_analysis::scaling,
        faults,
        recovery: &engine_analysis::recovery::recovery,
        judge,
    })
}

/// Notes that a run was worse than its baseline, so that it is no part of the next automatic one. A store that cannot be
/// written has been told of already.
fn rejected(app: &App, comparison: &Comparison) {
    let worse = comparison.series.iter().find(|series| series.verdict == Verdict::Worse);
    if let Some(worse) = worse {
        let why = format!("{}: {}", worse.id, worse.reason);
        let noted = app.store().and_then(|mut store| Ok(store.reject(&comparison.new.run, &why)?));
        if let Err(error) = noted {
            tracing::warn!(%error, "the run was not marked as worse");
        }
    }
}

/// Writes the reports, shows the summary, and decides the exit code.
fn conclude(app: &App, request: &Request, formats: &[String], finished: Finished) -> Result<Exit, Fatal> {
    let Finished { record, comparison, mut causes } = finished;
    let cases = engine_analysis::case_ratios(&record, &app.comparing(None, false).criteria);
    if request.cases {
        causes.extend(cmd::against_reference(&record, &cases, &request.fail_on));
    }
    causes.sort_by_key(|(exit, _)| *exit);
    let exit = Exit::of(&causes.iter().map(|(exit, _)| *exit).collect::<Vec<_>>());
    let shown = engine_report::Exit {
        code: exit.code(),
        causes: causes.iter().map(|(exit, reason)| Cause { code: exit.code(), reason: reason.clone() }).collect(),
    };
    let health = engine_analysis::health(&record, &machine::thresholds(app));
    let advice = crate::advising::of(app, &record);
    let mut report = Report {
        record: &record,
        cases: &cases,
        comparison: comparison.as_ref(),
        health: Some(&health),
        advice: advice.as_ref(),
        exit: Some(&shown),
        written: &[],
        unsure: match request.unsure {
            Unsure::Report => engine_report::Unsure::Unsure,
            Unsure::Pass => engine_report::Unsure::Pass,
            Unsure::Fail => engine_report::Unsure::Fail,
        },
        zone: TimeZone::system(),
    };
    let folder = app.reports(request.storing.out.as_deref())?;
    let mut places = reports::places(&folder, &record.header.scenario.name, &report, formats);
    for path in &request.storing.report {
        places.push((reports::format_of(path)?, path.clone()));
    }
    let written: Vec<String> = places.iter().map(|(_, path)| path.display().to_string()).collect();
    report.written = &written;
    let mut failed = None;
    for (format, path) in &places {
        if let Err(error) = reports::write(path, &reports::render(&report, format)?) {
            failed = Some(error);
        }
    }
    if app.output.json {
        app.out(&engine_report::json::report(&report));
    } else if app.output.quiet {
        for (_, reason) in &causes {
            app.output.err(&engine_report::clean::line(reason));
        }
    } else {
        app.out(&text::summary(&report, app.style()));
        if let Some(comparison) = &comparison {
            app.out(&text::comparison(comparison, &report.zone, app.style()));
        }
    }
    github(app, &report)?;
    crate::alerting::after_run(app, &record, comparison.as_ref(), &health);
    crate::notify::after_run(app);
    crate::serving::prepare(app, record);
    match failed {
        // The numbers are stored, but not where they were asked for.
        Some(error) => {
            app.output.err(&format!("error: {}", error.message));
            Ok(Exit::of(&[exit, Exit::Store]))
        }
        None => Ok(exit),
    }
}

/// What a CI page shows, when running there.
fn github(app: &App, report: &Report<'_>) -> Result<(), Fatal> {
    if std::env::var_os("GITHUB_ACTIONS").is_some() {
        app.output.err(&engine_report::github::annotations(report));
    }
    if let Some(path) = std::env::var_os("GITHUB_STEP_SUMMARY").filter(|path| !path.is_empty()) {
        use std::io::Write;
        let path = PathBuf::from(path);
        std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(&path)
            .and_then(|mut file| file.write_all(engine_report::markdown::step_summary(report).as_bytes()))
            .map_err(|error| Fatal::new(Exit::Store, format!("cannot write `{}`: {error}", path.display())))?;
    }
    Ok(())
}

/// Gives every event to the store's writer thread, and ends the run when the store is lost: what would come then could
/// not be kept.
struct StoreSink {
    sender: engine_store::EventSender,
    interrupt: std::sync::Arc<std::sync::atomic::AtomicBool>,
    /// What is stored when the run ends; none where it is stored as it comes.
    waiting: Option<Vec<engine_core::event::Envelope>>,
}

impl Sink for StoreSink {
    fn event(&mut self, envelope: &engine_core::event::Envelope, _: &RunRecord) {
        match &mut self.waiting {
            Some(waiting) if !matches!(envelope.event, engine_core::event::Event::RunFinished { .. }) => {
                waiting.push(envelope.clone());
            }
            waiting => {
                waiting.take().iter().flatten().for_each(|earlier| self.sender.send(earlier));
                self.sender.send(envelope);
            }
        }
        if self.sender.failed() {
            self.interrupt.store(true, std::sync::atomic::Ordering::Relaxed);
        }
    }
}
