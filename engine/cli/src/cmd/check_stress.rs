//! What `engine check` says of stress: what runs beside what, and how long that takes.

use engine_core::plan::{Plan, Work};

use crate::app::App;

/// Shows each step of stress.
pub(super) fn plan(app: &App, plan: &Plan) {
    for step in &plan.steps {
        let Work::Stress { shape } = &step.work else { continue };
        let rounds = step.rounds.most();
        let text = format!("  stress {}: {}", step.path(), shape.describe());
        app.out(&engine_report::clean::line(&text));
        let (each, seconds) = (shape.turns(0).len(), step.estimate);
        app.out(&format!(
            "    {each} measurements a round, up to {rounds} rounds of about {seconds:.0} s, about {:.0} s in all",
            seconds * f64::from(rounds)
        ));
    }
}
