//! `engine check`: the errors of a scenario, and its plan, without running anything.

use std::time::{Duration, SystemTime};

use engine_script::{Checked, Source};

use crate::app::App;
use crate::args::{CheckArgs, Reading};
use crate::exit::{Exit, Fatal};
use crate::source;

/// Checks every scenario named.
pub(crate) fn run(app: &App, args: &CheckArgs) -> Result<Exit, Fatal> {
    let once = || -> Result<Exit, Fatal> {
        let exits: Vec<Exit> =
            args.scenarios.iter().map(|name| one(app, name, &args.reading)).collect::<Result<_, _>>()?;
        Ok(Exit::of(&exits))
    };
    if !args.watch {
        return once();
    }
    let interrupt = crate::signals::interrupt();
    let mut seen = None;
    while !interrupt.load(std::sync::atomic::Ordering::Relaxed) {
        let changed: Vec<Option<SystemTime>> =
            args.scenarios.iter().map(|name| std::fs::metadata(name).and_then(|m| m.modified()).ok()).collect();
        if seen.as_ref() != Some(&changed) {
            seen = Some(changed);
            if let Err(error) = once() {
                app.output.err(&format!("error: {}", error.message));
            }
        }
        std::thread::sleep(Duration::from_millis(200));
    }
    Ok(Exit::Pass)
}

fn one(app: &App, name: &str, reading: &Reading) -> Result<Exit, Fatal> {
    let source = source::named(name)?;
    let label = source::label(&source);
    let mut checked = checked(app, source, reading)?;
    if let Some(plan) = &mut checked.plan {
        super::spend(reading, plan)?;
    }
    if app.output.json {
        let diagnostics: Vec<serde_json::Value> = checked.diagnostics.iter().map(diagnostic).collect();
        let steps = checked.plan.as_ref().map(|plan| plan.steps.iter().map(|step| step.path()).collect::<Vec<_>>());
        let estimate = checked.plan.as_ref().map(engine_core::plan::Plan::estimate);
        let parts: Vec<serde_json::Value> = checked.plan.iter().flat_map(parts).map(|part| part.json).collect();
        app.out(
            &serde_json::json!({
                "schema_version": 1, "scenario": label, "diagnostics": diagnostics, "steps": steps,
                "estimate_s": estimate, "parts": parts, "permissions": checked.permissions,
            })
            .to_string(),
        );
    } else {
        for diagnostic in &checked.diagnostics {
            app.output.err(&app.rendered(diagnostic));
        }
    }
    if let Some(exit) = app.class(&checked.diagnostics) {
        return Ok(exit);
    }
    if let Some(plan) = checked.plan.filter(|_| !app.output.json) {
        let seconds = plan.estimate();
        let most = if plan.spends { "" } else { " at most" };
        app.out(&format!("{label}: ok, {} steps, about {seconds:.0} s{most}", plan.steps.len()));
        for part in parts(&plan) {
            app.out(&part.line);
        }
        for step in &plan.steps {
            if let engine_core::plan::Work::Load { shape, .. } = &step.work {
                app.out(&engine_report::clean::line(&format!("  load {}: {}", step.path(), shape.describe())));
                for phase in &shape.phases {
                    app.out(&engine_report::clean::line(&format!("    {}", phase.describe())));
                }
            }
        }
        super::check_stress::plan(app, &plan);
        for step in &plan.steps {
            if let engine_core::plan::Work::Fault { shape, fault, .. } = &step.work {
                let times = step.rounds.most();
                let text = format!("  fault {}: {}, {times} times", step.path(), fault.describe());
                app.out(&engine_report::clean::line(&text));
                app.out(&engine_report::clean::line(&format!("    under {}", shape.describe())));
            }
        }
        for permission in &checked.permissions {
            app.out(&format!("  needs {permission}"));
        }
    }
    Ok(Exit::Pass)
}

/// What is foretold of a part, for people and for machines.
struct PartShown {
    line: String,
    json: serde_json::Value,
}

/// The parts of a plan that shares out its time.
fn parts(plan: &engine_core::plan::Plan) -> Vec<PartShown> {
    if !plan.spends {
        return Vec::new();
    }
    let shown = plan.forecast().into_iter().map(|part| {
        let (least, most) = part.rounds;
        let rounds = if least == most { format!("{least}") } else { format!("{least} to {most}") };
        let name = if part.name.is_empty() { &plan.suite } else { &part.name };
        let late = part.budget.filter(|budget| part.seconds > *budget);
        let late = late.map_or_else(String::new, |budget| format!(", longer than its {budget:.0} s"));
        let line = format!("  part {name}: {} steps, {rounds} rounds, about {:.0} s{late}", part.steps, part.seconds);
        let json = serde_json::json!({
            "name": name, "steps": part.steps, "rounds": [least, most], "estimate_s": part.seconds, "budget_s": part.budget,
        });
        PartShown { line, json }
    });
    shown.collect()
}

/// The check of a scenario.
pub(crate) fn checked(app: &App, source: Source, reading: &Reading) -> Result<Checked, Fatal> {
    Ok(engine_script::check(&source, &super::run::options(app, reading)?))
}

/// A diagnostic for machines.
fn diagnostic(diagnostic: &engine_script::Diagnostic) -> serde_json::Value {
    serde_json::json!({
        "severity": if diagnostic.severity == engine_script::Severity::Error { "error" } else { "warning" },
        "exit_code": diagnostic.class.exit_code(),
        "code": diagnostic.code,
        "message": diagnostic.message,
        "file": diagnostic.place.file,
        "line": diagnostic.place.line,
        "column": diagnostic.place.column,
        "help": diagnostic.help,
        "chain": diagnostic.chain.iter().map(|link| format!("{} {}", link.how, link.place)).collect::<Vec<_>>(),
    })
}
