//! `engine ci`: the files that run the engine in continuous integration, and the comment at a pull request.

use engine_report::{Report, TimeZone, markdown};

use crate::app::{self, App};
use crate::args::{CiCommand, Provider};
use crate::baselines::{Against, Subject};
use crate::exit::{Exit, Fatal};
use crate::scaffold::{self, Draft};
use crate::{machine, reports, source};

const GITHUB: &str = include_str!("../../templates/ci/github.yml");
const GITLAB: &str = include_str!("../../templates/ci/gitlab.yml");
const GITLAB_ROOT: &str = include_str!("../../templates/ci/gitlab-root.yml");
const HOOK: &str = include_str!("../../templates/ci/pre-commit.sh");
const HOOKS: &str = include_str!("../../templates/ci/pre-commit.yml");

/// How a job gets the program, unless it is said.
const INSTALL: &str = "cargo install --locked --git \"$ENGINE_REPOSITORY\" engine-cli";

/// Writes the files of a provider, or a comment.
pub(crate) fn run(app: &App, command: &CiCommand) -> Result<Exit, Fatal> {
    match command {
        CiCommand::Init { provider, dry_run, scenario, budget, install } => {
            app::time("--budget", budget)?;
            for name in scenario {
                let said =
                    name.starts_with('-') || name.contains(|c: char| !c.is_ascii_graphic() || "'\"`$\\".contains(c));
                if said {
                    return Err(Fatal::usage(format!("`--scenario`: `{name}` cannot stand in a shell's loop")));
                }
                source::named(name)?;
            }
            let drafts = drafts(*provider, scenario, budget, install.as_deref());
            scaffold::write(app, &drafts, *dry_run)?;
            if !dry_run {
                after(app, *provider, install.is_some());
            }
            Ok(Exit::Pass)
        }
        CiCommand::Comment { run, baseline, out } => comment(app, run, baseline.as_deref(), out.as_deref()),
    }
}

/// The files of a provider.
pub(crate) fn drafts(provider: Provider, scenarios: &[String], budget: &str, install: Option<&str>) -> Vec<Draft> {
    let fill = |text: &str| {
        text.replace("@SCENARIOS@", &scenarios.join(" "))
            .replace("@BUDGET@", &budget.replace('\'', ""))
            .replace("@INSTALL@", install.unwrap_or(INSTALL))
    };
    match provider {
        Provider::Github => vec![Draft::new(".github/workflows/engine.yml", fill(GITHUB))],
        Provider::Gitlab => {
            vec![Draft::new(".gitlab/engine.yml", fill(GITLAB)), Draft::new(".gitlab-ci.yml", GITLAB_ROOT)]
        }
        Provider::PreCommit => vec![
            Draft { runs: true, ..Draft::new(".githooks/pre-commit", fill(HOOK)) },
            Draft::new(".pre-commit-config.yaml", HOOKS),
        ],
    }
}

/// What is left to the user.
pub(crate) fn after(app: &App, provider: Provider, installs: bool) {
    if !installs && provider != Provider::PreCommit {
        app.note("set the variable ENGINE_REPOSITORY of your CI to the address of the engine's repository, or edit the step that installs it");
    }
    match provider {
        Provider::Github => {}
        Provider::Gitlab => app.note("a `.gitlab-ci.yml` of your own must include `.gitlab/engine.yml`"),
        Provider::PreCommit => app.note("`git config core.hooksPath .githooks` switches the hook on"),
    }
}

/// The comment about a stored run.
fn comment(app: &App, run: &str, baseline: Option<&str>, out: Option<&std::path::Path>) -> Result<Exit, Fatal> {
    let store = app.reader()?;
    let record = store.load(run.strip_prefix("file:").unwrap_or(run))?;
    let against = match baseline {
        Some(reference) => app.against(&store, reference, Subject::of(&record.header))?,
        None => Against::default(),
    };
    let options = app.comparing(None, false);
    let comparison = against.compare(std::slice::from_ref(&record), &options);
    let cases = engine_analysis::case_ratios(&record, &options.criteria);
    let health = engine_analysis::health(&record, &machine::thresholds(app));
    let report = Report { cases: &cases, health: Some(&health), ..Report::of(&record) };
    let text = markdown::comment(&report, comparison.as_ref(), &TimeZone::UTC);
    match out {
        Some(path) => reports::write(path, &text)?,
        None => app.out(&text),
    }
    Ok(Exit::Pass)
}
