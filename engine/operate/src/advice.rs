//! What the rules of advice find in the run that an alert is about: a cause that a message can name.

use engine_analysis::advice::{Settings, advise};
use engine_core::alert::{Alert, Rule};
use engine_core::finding::{Advice, Finding, Resource};
use engine_core::run::RunId;
use engine_store::{Error, Store};

/// So many findings stand in a message about one alert.
const MOST: usize = 2;

/// The findings of the runs that a notice speaks of, each run asked once.
#[derive(Debug, Default)]
pub(crate) struct Findings(Vec<(RunId, Advice)>);

impl Findings {
    /// What the rules found in the last run of an alert, as causes: at the step that it is about, then what makes the whole
    /// run doubtful.
    pub(crate) fn about(&mut self, store: &Store, alert: &Alert) -> Result<Vec<String>, Error> {
        if matches!(alert.rule, Rule::MissingRun | Rule::Environment) {
            return Ok(Vec::new());
        }
        if !self.0.iter().any(|(run, _)| *run == alert.last_run) {
            // A run that was pruned meanwhile has no findings, and no reason not to tell the rest.
            let Ok(record) = store.run(&alert.last_run) else { return Ok(Vec::new()) };
            let advice = advise(&record, &engine_analysis::rules::rules(), &Settings::default());
            self.0.push((alert.last_run.clone(), advice));
        }
        let found = self.0.iter().find(|(run, _)| *run == alert.last_run).map(|(_, advice)| advice.findings.as_slice());
        let found = found.unwrap_or_default();
        let own =
            found.iter().filter(|one| std::iter::once(&one.subject).chain(&one.also).any(|at| is_about(alert, at)));
        // What makes all numbers of a run doubtful may be why this one moved.
        let doubts = found.iter().filter(|one| one.resource == Resource::Trust && !is_about(alert, &one.subject));
        let said = |one: &Finding| format!("finding {}: {}: {}; try: {}", one.rule, one.title, one.cause, one.action);
        Ok(own.chain(doubts).take(MOST).map(said).collect())
    }
}

/// Whether a finding at a step is about the same thing as an alert. What is found about a run as a whole is about an alert of
/// its machine's health or of the whole run.
fn is_about(alert: &Alert, at: &str) -> bool {
    if at == "run" || alert.subject == "run" {
        return alert.rule == Rule::Health || alert.subject == at;
    }
    let rest = alert.subject.strip_prefix(at);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '{', ':', ' ']))
}

#[cfg(test)]
mod tests {
    use super::*;
    use engine_core::alert::AlertState;
    use engine_core::run::Timestamp;

    fn alert(rule: Rule, subject: &str) -> Alert {
        let run = RunId("01jd00000000000000000000ab".to_owned());
        Alert {
            id: "aq2m7k1z".to_owned(),
            rule,
            subject: subject.to_owned(),
            suite: "s".to_owned(),
            machine: "m".to_owned(),
            branch: None,
            state: AlertState::Firing,
            summary: String::new(),
            verdict: None,
            first_run: run.clone(),
            last_run: run,
            began: None,
            raised: Timestamp(0),
            updated: Timestamp(0),
            times: 1,
            until: None,
            label: None,
            steps: Vec::new(),
        }
    }

    #[test]
    fn a_finding_is_about_the_step_of_its_alert() {
        assert!(is_about(&alert(Rule::ChangePoint, "copy.rate{threads=2}"), "copy"));
        assert!(is_about(&alert(Rule::ChangePoint, "copy.rate{threads=2}"), "copy.rate"));
        assert!(is_about(&alert(Rule::Expectation, "shop: response.p99 < 1 s"), "shop"));
        assert!(!is_about(&alert(Rule::ChangePoint, "copy2.rate"), "copy"));
        assert!(!is_about(&alert(Rule::ChangePoint, "copy.rate"), "run"));
        assert!(is_about(&alert(Rule::Health, "CPU"), "run") && is_about(&alert(Rule::Failure, "run"), "run"));
        assert!(!is_about(&alert(Rule::Failure, "run"), "copy"));
    }
}
