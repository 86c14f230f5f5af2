//! What the rules are told: limits and shares from the configuration and the command line, and the user's own rules.

use engine_analysis::advice::{Assess, Settings, advise};
use engine_analysis::rules::rules;
use engine_core::finding::Advice;
use engine_core::nearest::hint;
use engine_core::quantity::Quantity;
use engine_core::run::RunRecord;
use engine_script::UserRules;

use crate::app::App;
use crate::exit::{Exit, Fatal};

/// The rules and what they are told.
pub(crate) struct Advising {
    own: UserRules,
    pub(crate) settings: Settings,
}

impl Advising {
    /// With what the configuration says.
    pub(crate) fn new(app: &App) -> Result<Self, Fatal> {
        let own = UserRules::load(&app.rule_folders()).map_err(|errors| app.diagnosed(&errors))?;
        let mut all = Self { own, settings: Settings::default() };
        let config = &app.config().advice;
        let invalid = |fatal: Fatal| Fatal::new(Exit::Invalid, fatal.message);
        for text in &config.limits {
            all.limit("advice.limits", text).map_err(invalid)?;
        }
        for text in &config.shares {
            all.share("advice.shares", text).map_err(invalid)?;
        }
        Ok(all)
    }

    /// Every rule, the user's last.
    pub(crate) fn rules(&self) -> Vec<&dyn Assess> {
        let mut all: Vec<&dyn Assess> = rules();
        all.extend(self.own.rules());
        all
    }

    /// The user's own rules.
    pub(crate) const fn own(&self) -> &UserRules {
        &self.own
    }

    /// `RULE.LIMIT = VALUE`.
    pub(crate) fn limit(&mut self, origin: &str, text: &str) -> Result<(), Fatal> {
        let (name, value) = pair(origin, text)?;
        let known: Vec<String> = self
            .rules()
            .iter()
            .map(|rule| rule.about())
            .flat_map(|about| about.limits.iter().map(move |limit| format!("{}.{}", about.id, limit.name)))
            .collect();
        if !known.contains(&name) {
            let hint = hint(&name, known.iter().map(String::as_str));
            return Err(Fatal::usage(format!(
                "`{origin}`: no rule has a limit `{name}`{hint}; docs/rules.md lists them"
            )));
        }
        self.settings.limits.insert(name, value);
        Ok(())
    }

    /// `RULE = SHARE`.
    pub(crate) fn share(&mut self, origin: &str, text: &str) -> Result<(), Fatal> {
        let (name, value) = pair(origin, text)?;
        let rules = self.rules();
        let known: Vec<&str> = rules.iter().map(|rule| rule.about().id).collect();
        if !known.contains(&name.as_str()) {
            let hint = hint(&name, known.iter().copied());
            return Err(Fatal::usage(format!("`{origin}`: no rule `{name}`{hint}; docs/rules.md lists them")));
        }
        if !(0.0..=1.0).contains(&value) {
            return Err(Fatal::usage(format!("`{origin}`: a share is 0 % to 100 %, got `{text}`")));
        }
        self.settings.shares.insert(name, value);
        Ok(())
    }

    /// What the rules say about a run.
    pub(crate) fn ask(&self, run: &RunRecord) -> Advice {
        advise(run, &self.rules(), &self.settings)
    }
}

/// What the rules say about a run, as the configuration has them. A rule of the user's that cannot be read is told and costs no
/// run its report.
pub(crate) fn of(app: &App, run: &RunRecord) -> Option<Advice> {
    match Advising::new(app) {
        Ok(advising) => {
            let calibration = crate::verifying::calibration(app);
            Some(Advice { calibration, ..advising.ask(run) })
        }
        Err(fatal) => {
            app.output.err(&format!("warning: no findings: {}", engine_report::clean::line(&fatal.message)));
            None
        }
    }
}

fn pair(origin: &str, text: &str) -> Result<(String, f64), Fatal> {
    let wrong = |why: &str| Fatal::usage(format!("`{origin}`: expected NAME = VALUE, got `{text}`{why}"));
    let (name, value) = text.split_once('=').ok_or_else(|| wrong(""))?;
    let value: Quantity = value.trim().parse().map_err(|error| wrong(&format!(": {error}")))?;
    Ok((name.trim().to_owned(), value.value))
}
