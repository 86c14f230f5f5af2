//! What the dashboard asks of this program.

use std::path::{Path, PathBuf};
use std::process::Command;

use engine_core::comparison::Comparison;
use engine_core::finding::Advice;
use engine_core::plan::Work;
use engine_core::run::{RunRecord, Timestamp};
use engine_core::schedule::{Mark, Schedule};
use engine_operate::{Cron, step};
use engine_report::{Report, TimeZone, clean};
use engine_script::{Severity, Source, UserRules, title};
use engine_serve::{
    Backend, Coming, ImportAs, ImportedRun, Job, Machine, MachineRow, MachineStatus, PlanDiagnostic, PlanParam,
    PlanPhase, PlanPreview, PlanStep, Refusal, Refused, RunRequest, ScenarioRow, Sides,
};
use engine_store::Imported;

use super::jobs::Jobs;
use crate::advising::Advising;
use crate::app::App;
use crate::args::{ImportArgs, Reading, ServeArgs};
use crate::baselines::Subject;
use crate::embedded::SCENARIOS;
use crate::exit::{Exit, Fatal};
use crate::{cmd, machine, machines, reports, source};

/// Scenario files that are listed.
const FILES: usize = 200;

/// How deep folders of scenarios go.
const DEPTH: usize = 4;

/// The program behind its dashboard.
#[derive(Debug)]
pub(crate) struct Local {
    app: App,
    folder: PathBuf,
    may_run: bool,
    follows: bool,
    jobs: Jobs,
}

impl Local {
    pub(crate) fn new(app: App, args: &ServeArgs) -> Result<Self, Fatal> {
        let asked = args.scenarios.clone();
        if let Some(folder) = asked.as_ref().filter(|folder| !folder.is_dir()) {
            return Err(Fatal::usage(format!("`--scenarios`: `{}` is not a folder", folder.display())));
        }
        let folder = asked.unwrap_or_else(|| PathBuf::from(&app.config().serve.scenarios));
        // Nothing that a page asks for is shown in the terminal.
        let mut app = app;
        app.output.quiet = true;
        Ok(Self { app, folder, may_run: args.allow_run_from_web, follows: !args.no_schedules, jobs: Jobs::default() })
    }

    /// The scenario of a listed name. Nothing else can be named, so that no name leads out of the folder.
    fn source(&self, name: &str) -> Result<Source, Refused> {
        let known = self.scenarios();
        let row = known.iter().find(|row| row.name == name);
        match row.map(|row| row.source) {
            Some("embedded") => Ok(Source::Embedded(name.to_owned())),
            Some(_) => Ok(Source::File(self.folder.join(name))),
            None => Err(Refused {
                kind: Refusal::Unknown,
                message: format!("no scenario `{}`", clean::clip(name, 80)),
                hint: Some("`/api/v1/scenarios` lists them".to_owned()),
            }),
        }
    }
}

impl Local {
    /// This program with the same store and settings, for a process of its own.
    fn myself(&self) -> Result<Command, Refused> {
        let internal = |error: std::io::Error| Refused::new(Refusal::Internal, error.to_string());
        let mut command = Command::new(std::env::current_exe().map_err(internal)?);
        command.arg("--db").arg(self.app.database().map_err(refused)?).arg("--no-color");
        if let Some(config) = &self.app.global.config {
            command.arg("--config").arg(config);
        }
        // A run has no business with it.
        command.env_remove("ENGINE_TOKEN");
        Ok(command)
    }
}

/// The files below a folder, by path; links are not followed.
fn files(root: &Path, folder: &Path, depth: usize, into: &mut Vec<ScenarioRow>) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    let mut paths: Vec<_> = entries.flatten().collect();
    paths.sort_by_key(std::fs::DirEntry::file_name);
    for entry in paths {
        let (path, Ok(kind)) = (entry.path(), entry.file_type()) else { continue };
        if into.len() >= FILES {
            return;
        }
        if kind.is_dir() && depth > 0 {
            files(root, &path, depth - 1, into);
        } else if kind.is_file()
            && path.extension().is_some_and(|suffix| suffix == "rhai")
            && let (Ok(below), Ok(text)) = (path.strip_prefix(root), std::fs::read_to_string(&path))
            && let Some(name) = below.to_str()
        {
            into.push(ScenarioRow { name: name.to_owned(), title: clean::clip(&title(&text), 200), source: "file" });
        }
    }
}

/// What the program would have ended with, as a refusal.
fn refused(fatal: Fatal) -> Refused {
    let kind = match fatal.exit {
        Exit::Internal => Refusal::Internal,
        Exit::Store => Refusal::Unavailable,
        Exit::NothingRan => Refusal::Unknown,
        _ => Refusal::Invalid,
    };
    Refused::new(kind, fatal.message)
}

/// As the REST API answers: what is unknown is not found.
fn stored(error: engine_store::Error) -> Refused {
    use engine_store::Error;
    let kind = match &error {
        Error::UnknownRun { .. } | Error::UnknownBaseline { .. } => Refusal::Unknown,
        Error::Import { .. } | Error::Ambiguous { .. } => Refusal::Invalid,
        Error::Locked { .. } | Error::Full { .. } | Error::ReadOnly { .. } => Refusal::Unavailable,
        _ => Refusal::Internal,
    };
    let message = match &error {
        Error::UnknownRun { typed, .. } => format!("no run `{typed}`"),
        Error::UnknownBaseline { name, .. } => format!("no baseline `{name}`"),
        Error::Import { reason, .. } => format!("the results cannot be taken in: {reason}"),
        Error::Ambiguous { typed, candidates, .. } => format!("`{typed}` could be {}", candidates.join(", ")),
        other => other.to_string(),
    };
    Refused::new(kind, message)
}

impl Backend for Local {
    fn machine(&self) -> Result<Machine, Refused> {
        let app = &self.app;
        let results = app.database().map_err(refused)?;
        let request = engine_probes::host::doctor::Request {
            results: results.parent().map(Path::to_owned).unwrap_or_default(),
            scratch: cmd::scratch_base(app),
            search: std::env::var("PATH").unwrap_or_default(),
        };
        let rows = engine_probes::host::doctor::rows(&request);
        let environment = machine::environment(app, &cmd::scratch_base(app)).map_err(refused)?;
        let profile = machines::choose(app, None, &environment).map_err(refused)?;
        Ok(Machine {
            rows: rows
                .iter()
                .map(|row| MachineRow {
                    name: row.name.to_string(),
                    status: match row.status {
                        engine_probes::host::doctor::Status::Ok => MachineStatus::Ok,
                        engine_probes::host::doctor::Status::Warning => MachineStatus::Warning,
                        engine_probes::host::doctor::Status::Missing => MachineStatus::Missing,
                    },
                    found: clean::line(&row.found),
                    fix: row.fix.as_ref().map(|fix| clean::line(fix)),
                })
                .collect(),
            machine: machine::id(),
            environment: environment.fields().into_iter().collect(),
            profile: profile.map(|profile| profile.name),
        })
    }

    fn compare(&self, sides: &Sides) -> Result<Comparison, Refused> {
        let store = self.app.reader().map_err(refused)?;
        let mut news = Vec::new();
        for reference in sides.new.split(',').map(str::trim) {
            news.push(store.run(&store.resolve(reference).map_err(stored)?).map_err(stored)?);
        }
        news.sort_by_key(|run| (run.header.started, run.header.id.clone()));
        let Some(newest) = news.last() else { return Err(Refused::new(Refusal::Invalid, "the new side names no run")) };
        let subject = Subject::of(&newest.header);
        // Ids of stored runs where they mean some, so that no name can mean a file.
        let resolved: Result<Vec<String>, _> =
            sides.old.split(',').map(|one| store.resolve(one.trim()).map(|run| run.0)).collect();
        let old = match resolved {
            Ok(runs) => runs.join(","),
            Err(error) => {
                let name = sides.old.strip_prefix('@').unwrap_or(&sides.old);
                let baselines = store.baselines().map_err(stored)?;
                if !name.starts_with("auto") && !baselines.iter().any(|baseline| baseline.name == name) {
                    return Err(stored(error));
                }
                sides.old.clone()
            }
        };
        let against = self.app.against(&store, &old, subject).map_err(refused)?;
        let options = self.app.comparing(sides.min_effect, sides.allow_unlike);
        let nothing = against.remark.clone().unwrap_or_else(|| "there is nothing to compare with".to_owned());
        against.compare(&news, &options).ok_or_else(|| Refused::new(Refusal::Unknown, nothing))
    }

    fn scenarios(&self) -> Vec<ScenarioRow> {
        let embedded = SCENARIOS.iter().map(|(name, text)| ScenarioRow {
            name: (*name).to_owned(),
            title: title(text),
            source: "embedded",
        });
        let mut all: Vec<ScenarioRow> = embedded.collect();
        files(&self.folder, &self.folder, DEPTH, &mut all);
        all
    }

    fn why_not_run(&self) -> Option<String> {
        (!self.may_run)
            .then(|| "start it with `engine serve --allow-run-from-web` to run scenarios from here".to_owned())
    }

    fn plan(&self, name: &str, profile: Option<&str>) -> Result<PlanPreview, Refused> {
        let source = self.source(name)?;
        let label = source::label(&source);
        let reading = Reading { profile: profile.map(str::to_owned), ..Reading::default() };
        let checked = cmd::checked(&self.app, source, &reading).map_err(refused)?;
        let plan = checked.plan.as_ref();
        let steps = plan.map(|plan| plan.steps.as_slice()).unwrap_or_default();
        Ok(PlanPreview {
            scenario: name.to_owned(),
            title: plan.map(|plan| clean::line(&plan.title)).unwrap_or_default(),
            source: label,
            steps: steps
                .iter()
                .map(|step| PlanStep {
                    path: clean::line(&step.path()),
                    what: engine_serve::what(&step.work),
                    rounds: step.rounds.most(),
                    estimate_seconds: step.estimate,
                })
                .collect(),
            estimate_seconds: plan.map(engine_core::plan::Plan::estimate),
            params: checked
                .params
                .iter()
                .map(|param| PlanParam {
                    name: param.name.clone(),
                    value: clean::line(&param.value),
                    help: clean::line(&param.help),
                })
                .collect(),
            permissions: checked.permissions.clone(),
            diagnostics: checked
                .diagnostics
                .iter()
                .map(|found| PlanDiagnostic {
                    severity: if found.severity == Severity::Error { "error" } else { "warning" },
                    message: clean::line(&found.message),
                    file: clean::line(&found.place.file),
                    line: found.place.line,
                    column: found.place.column,
                    help: found.help.as_ref().map(|help| clean::line(help)),
                })
                .collect(),
            phases: steps.iter().flat_map(phases).collect(),
        })
    }

    fn start(&self, name: &str, request: &RunRequest) -> Result<Job, Refused> {
        if let Some(why) = self.why_not_run() {
            return Err(Refused::new(Refusal::Forbidden, why));
        }
        let source = match self.source(name)? {
            // With a `/`, so that it is taken for a file.
            Source::File(path) => std::path::absolute(&path).unwrap_or(path).to_string_lossy().into_owned(),
            _ => name.to_owned(),
        };
        let mut command = self.myself()?;
        command.arg("run").arg(source);
        if let Some(profile) = &request.profile {
            command.arg("--profile").arg(profile);
        }
        for (name, value) in &request.params {
            command.arg("-p").arg(format!("{name}={value}"));
        }
        self.jobs.start(name, request.profile.as_deref(), command)
    }

    fn coming(&self, schedule: &Schedule, mark: Mark, most: usize) -> Result<Vec<Coming>, Refused> {
        let cron = Cron::new(&schedule.cron, &schedule.zone)
            .map_err(|error| Refused::new(Refusal::Invalid, clean::line(&error.to_string())))?;
        let start = |due: Timestamp| {
            let at = Timestamp(due.0.saturating_add(step::jitter(schedule, due)));
            Coming { at, local: cron.local(at) }
        };
        Ok(cron.times(mark.due).take(most).map(start).collect())
    }

    fn follows_schedules(&self) -> bool {
        self.follows
    }

    fn run_schedule(&self, name: &str) -> Result<Job, Refused> {
        if let Some(why) = self.why_not_run() {
            return Err(Refused::new(Refusal::Forbidden, why));
        }
        let mut command = self.myself()?;
        command.args(["schedule", "run-now", name]);
        self.jobs.start(&format!("schedule {name}"), None, command)
    }

    fn jobs(&self) -> Vec<Job> {
        self.jobs.list()
    }

    fn import(&self, text: &str, import: &ImportAs) -> Result<Vec<ImportedRun>, Refused> {
        let args = ImportArgs {
            format: import.format.clone(),
            scenario: import.scenario.clone(),
            commit: import.commit.clone(),
            branch: import.branch.clone(),
            tags: import.tags.iter().map(|(name, value)| format!("{name}={value}")).collect(),
            ..ImportArgs::default()
        };
        let mut store = self.app.store().map_err(refused)?;
        let (imported, format) = cmd::import_text(&mut store, text, &args, &import.name).map_err(refused)?;
        let (run, new) = match imported {
            Imported::New(run) => (run, true),
            Imported::AlreadyThere(run) => (run, false),
        };
        Ok(vec![ImportedRun { run: run.0, format: format.to_owned(), new }])
    }

    fn advice(&self, record: &RunRecord) -> Result<Advice, Refused> {
        let advising = Advising::new(&self.app).map_err(refused)?;
        Ok(Advice { calibration: crate::verifying::calibration(&self.app), ..advising.ask(record) })
    }

    fn advice_basis(&self) -> Vec<u8> {
        let mut basis = format!("{:?} ", self.app.config().advice).into_bytes();
        for (file, text) in UserRules::texts(&self.app.rule_folders()) {
            // By its name: another process may call the same folder otherwise.
            basis.extend(format!("{:?} {} ", file.file_name(), text.len()).into_bytes());
            basis.extend(text);
        }
        basis.extend(format!("{:?}", crate::verifying::calibration(&self.app)).into_bytes());
        basis
    }

    fn report(&self, record: &RunRecord, format: &str) -> Result<(&'static str, String), Refused> {
        let cases = engine_analysis::case_ratios(record, &self.app.comparing(None, false).criteria);
        let health = engine_analysis::health(record, &machine::thresholds(&self.app));
        // As `engine report` writes it; rules that cannot be read cost nobody the rest.
        let advice = self.advice(record).ok();
        let report = Report {
            cases: &cases,
            health: Some(&health),
            advice: advice.as_ref(),
            zone: TimeZone::system(),
            ..Report::of(record)
        };
        let kind = match format {
            "json" => "application/json",
            "html" => "text/html; charset=utf-8",
            "xml" => "application/xml",
            "csv" => "text/csv; charset=utf-8",
            "md" => "text/markdown; charset=utf-8",
            _ => "text/plain; charset=utf-8",
        };
        Ok((kind, reports::render(&report, format).map_err(refused)?))
    }
}

/// The phases of a step's load.
fn phases(step: &engine_core::plan::PlannedStep) -> Vec<PlanPhase> {
    let Work::Load { shape, .. } = &step.work else { return Vec::new() };
    let phase = |phase: &engine_core::load::PhaseShape| PlanPhase {
        step: clean::line(&step.path()),
        name: clean::line(&phase.name),
        start: phase.start,
        end: phase.end,
        text: clean::line(&phase.describe()),
    };
    shape.phases.iter().map(phase).collect()
}
