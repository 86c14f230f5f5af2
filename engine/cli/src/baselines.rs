//! What a run is held against: a named baseline, the newest accepted runs of a branch (`auto`), or any runs.

use engine_analysis::Known;
use engine_core::comparison::Comparison;
use engine_core::evidence::Evidence;
use engine_core::plan::Profile;
use engine_core::run::{RunHeader, RunId, RunRecord};
use engine_core::selector::Selector;
use engine_report::TimeZone;
use engine_store::{Baseline, Filter, HistoryFilter, Place, Store};

use crate::app::{self, App};
use crate::exit::Fatal;

/// How many runs an automatic baseline takes unless it says so: enough that a prediction from them is hardly wider than
/// from many, few enough that what happened a month ago does not count.
const AUTO_RUNS: usize = 10;

/// The runs that another one is held against.
#[derive(Debug, Clone, Default)]
pub(crate) struct Against {
    /// The runs, oldest first; none when there is no accepted one yet.
    pub(crate) runs: Vec<RunRecord>,
    /// Whether they are a window even where there is but one: it is then too few, and not compared by its rounds.
    pub(crate) automatic: bool,
    /// How far other runs lie apart, where it is one run that another is held against by its rounds.
    pub(crate) known: Known,
    /// What a reader should know of them.
    pub(crate) remark: Option<String>,
}

/// What is known of the run that will be held against them.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Subject<'a> {
    pub(crate) suite: &'a str,
    pub(crate) machine: &'a str,
    pub(crate) branch: Option<&'a str>,
    pub(crate) profile: Profile,
    /// Its id, where it is stored already.
    pub(crate) run: Option<&'a RunId>,
}

impl<'a> Subject<'a> {
    /// A run by its header.
    pub(crate) fn of(header: &'a RunHeader) -> Self {
        Self {
            suite: &header.scenario.name,
            machine: &header.machine,
            branch: header.code.branch.as_deref(),
            profile: header.plan.profile,
            run: Some(&header.id),
        }
    }
}

impl App {
    /// The runs that a reference means for a subject: `auto`, `auto:20`, `auto@main`, the name of a baseline, or one or
    /// more references to runs with commas between them.
    pub(crate) fn against(&self, store: &Store, reference: &str, subject: Subject<'_>) -> Result<Against, Fatal> {
        let name = reference.strip_prefix('@').unwrap_or(reference);
        if let Some(rest) = name.strip_prefix("auto").filter(|rest| rest.is_empty() || rest.starts_with([':', '@'])) {
            return automatic(store, rest, subject);
        }
        if let Some(baseline) = nearest(store, name, subject)? {
            let now = app::now();
            if baseline.is_expired(now) {
                let message = format!(
                    "baseline `{name}` of `{}` has expired; `engine baseline set {name}` sets it anew",
                    baseline.suite
                );
                return Err(Fatal::usage(message));
            }
            let mut runs = records(store, &baseline.runs)?;
            runs.retain(|run| Some(&run.header.id) != subject.run || baseline.runs.len() == 1);
            let branch = baseline.branch.as_deref();
            let remark = (branch != subject.branch && subject.branch.is_some()).then(|| {
                format!(
                    "baseline `{name}` is of {}",
                    branch.map_or("no branch".to_owned(), |b| format!("branch `{b}`"))
                )
            });
            let known = known(store, &runs, subject)?;
            return Ok(Against { runs, automatic: false, known, remark });
        }
        let mut runs = Vec::new();
        for one in reference.split(',').map(str::trim).filter(|one| !one.is_empty()) {
            runs.push(store.load(one.strip_prefix("file:").unwrap_or(one))?);
        }
        runs.sort_by_key(|run| (run.header.started, run.header.id.clone()));
        runs.dedup_by(|a, b| a.header.id == b.header.id);
        if runs.is_empty() {
            return Err(Fatal::usage(format!("`{reference}` names no run")));
        }
        let known = known(store, &runs, subject)?;
        Ok(Against { runs, automatic: false, known, remark: None })
    }
}

impl Against {
    /// Holds runs against these: one against one by their rounds, else as sets of runs. None when there is nothing to hold
    /// them against.
    pub(crate) fn compare(&self, news: &[RunRecord], options: &engine_analysis::Options) -> Option<Comparison> {
        match (self.runs.as_slice(), news) {
            ([old], [new]) if !self.automatic => Some(engine_analysis::compare_among(old, new, &self.known, options)),
            (olds, news) => engine_analysis::compare_sets(olds, news, options),
        }
    }

    /// What the verdicts of such a comparison rest on.
    pub(crate) fn evidence(
        &self,
        comparison: &Comparison,
        news: &[RunRecord],
        options: &engine_analysis::Options,
    ) -> Vec<Evidence> {
        let by_rounds = self.runs.len() == 1 && news.len() == 1 && !self.automatic;
        engine_analysis::evidence::of_comparison(comparison, &self.runs, news, by_rounds, &options.criteria)
    }

    /// The record that `baseline` means in an expectation.
    pub(crate) fn record(&self) -> Option<RunRecord> {
        engine_analysis::window_record(&self.runs)
    }
}

/// How far the other runs of one old run's branch and machine lie apart; nothing of several, which say it themselves.
fn known(store: &Store, runs: &[RunRecord], subject: Subject<'_>) -> Result<Known, Fatal> {
    let [old] = runs else { return Ok(Known::new()) };
    let runs = Filter {
        suite: Some(old.header.scenario.name.clone()),
        machine: Some(old.header.machine.clone()),
        branch: old.header.code.branch.as_deref().map(str::to_owned),
        limit: Some(engine_analysis::MOST_RUNS),
        ..Filter::default()
    };
    let histories = store.history(&HistoryFilter { selector: Selector::default(), runs })?;
    Ok(engine_analysis::known(&histories, &old.header.id, subject.run))
}

/// Stored runs, oldest first.
fn records(store: &Store, runs: &[RunId]) -> Result<Vec<RunRecord>, Fatal> {
    Ok(runs.iter().rev().map(|run| store.run(run)).collect::<Result<Vec<_>, _>>()?)
}

/// The newest accepted runs; `rest` is what follows `auto`.
fn automatic(store: &Store, rest: &str, subject: Subject<'_>) -> Result<Against, Fatal> {
    let (number, branch) = rest.split_once('@').map_or((rest, None), |(number, branch)| (number, Some(branch)));
    let limit = match number.strip_prefix(':') {
        None => AUTO_RUNS,
        Some(text) => match text.parse() {
            Ok(limit @ 1..=1000) => limit,
            _ => return Err(Fatal::usage(format!("`auto:N` takes the newest 1 to 1000 accepted runs, got `{text}`"))),
        },
    };
    let branch = branch.filter(|branch| !branch.is_empty()).or(subject.branch);
    let place = Place { suite: subject.suite, machine: subject.machine, branch };
    let runs = records(store, &store.normal_runs(place, subject.profile, subject.run, limit)?)?;
    let on = branch.map_or_else(|| "outside a repository".to_owned(), |branch| format!("on branch `{branch}`"));
    let remark = match runs.len() {
        0 => format!(
            "no accepted run of `{}` {on} and this machine yet: there is nothing to compare with; `auto@BRANCH` takes \
             those of another branch, `engine baseline clone` takes over a named one",
            subject.suite
        ),
        n => {
            let moment = |at: usize| zoned(runs[at].header.started);
            format!("held against {n} accepted runs {on}, {} to {}", moment(0), moment(n - 1))
        }
    };
    Ok(Against { runs, automatic: true, known: Known::new(), remark: Some(remark) })
}

/// A moment for people.
fn zoned(moment: engine_core::run::Timestamp) -> String {
    jiff::Timestamp::from_microsecond(moment.0)
        .unwrap_or(jiff::Timestamp::UNIX_EPOCH)
        .to_zoned(TimeZone::system())
        .strftime("%Y-%m-%d %H:%M")
        .to_string()
}

/// The baseline of a name that is nearest: of this machine before others, of this branch before others. None when there
/// is none of that name for the scenario.
fn nearest(store: &Store, name: &str, subject: Subject<'_>) -> Result<Option<Baseline>, Fatal> {
    let mut found = store.baselines_of(name, Some(subject.suite), Some(subject.machine))?;
    if found.is_empty() {
        found = store.baselines_of(name, Some(subject.suite), None)?;
    }
    if let Some(own) = found.iter().position(|one| one.branch.as_deref() == subject.branch) {
        return Ok(Some(found.swap_remove(own)));
    }
    match found.len() {
        0 => Ok(None),
        1 => Ok(found.pop()),
        _ => {
            let branches: Vec<String> = found
                .iter()
                .map(|one| format!("{} on machine {}", one.branch.as_deref().unwrap_or("no branch"), one.machine))
                .collect();
            Err(Fatal::usage(format!(
                "baseline `{name}` of `{}` is there for {}, but not for this branch; `engine baseline clone {name} --from \
                 BRANCH` takes one over",
                subject.suite,
                branches.join(", ")
            )))
        }
    }
}
