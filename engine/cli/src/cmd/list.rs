//! `engine list`: probes, metrics, built-in scenarios, machine profiles, and what a scenario declares.

use engine_script::title;

use crate::app::App;
use crate::args::{ListArgs, ListWhat};
use crate::embedded::SCENARIOS;
use crate::exit::{Exit, Fatal};
use crate::{machines, source};

/// Lists one kind of thing.
pub(crate) fn run(app: &App, args: &ListArgs) -> Result<Exit, Fatal> {
    let probes = engine_probes::registry::registry();
    let rows: Vec<Vec<String>> = match args.what {
        ListWhat::Probes => {
            probes.iter().map(|probe| vec![probe.info.id.to_owned(), probe.info.summary.to_owned()]).collect()
        }
        ListWhat::Metrics => probes
            .iter()
            .flat_map(|probe| {
                probe.info.metrics.iter().map(|metric| {
                    vec![format!("{}.{}", probe.info.id, metric.id), metric.unit.to_string(), metric.title.to_owned()]
                })
            })
            .collect(),
        ListWhat::Scenarios => SCENARIOS.iter().map(|(name, text)| vec![(*name).to_owned(), title(text)]).collect(),
        ListWhat::Machines => machines(app, args.scenario.as_deref())?,
        ListWhat::Steps | ListWhat::Params => return declared(app, args),
    };
    show(app, &rows);
    Ok(Exit::Pass)
}

/// Every profile with where it stands and whether it fits this machine; the figures of the one that is named.
fn machines(app: &App, name: Option<&str>) -> Result<Vec<Vec<String>>, Fatal> {
    let known = machines::all(app)?;
    if let Some(name) = name {
        let figures = &machines::named(&known, name, false)?.profile.figures;
        let row = |figure: &engine_core::expected::Figure| {
            let value = shown(figure);
            vec![figure.subject.to_string(), value, figure.kind.name().to_owned(), figure.source.clone()]
        };
        return Ok(figures.iter().map(row).collect());
    }
    let environment = crate::machine::environment(app, &super::scratch_base(app))?;
    let rows = known.iter().map(|one| {
        let fits = if one.profile.fit(&environment).is_recognised() { "this machine" } else { "another machine" };
        let place = one.file.as_ref().map_or_else(|| "built in".to_owned(), |file| file.display().to_string());
        vec![one.profile.name.clone(), fits.to_owned(), place, one.profile.description.clone()]
    });
    Ok(rows.collect())
}

/// The value of a figure in the unit of its metric; where this build lacks the probe, in that of its dimension.
fn shown(figure: &engine_core::expected::Figure) -> String {
    let probes = engine_probes::registry::registry();
    let probe = probes.iter().find(|probe| probe.info.id == figure.subject.probe);
    let metric = probe.and_then(|probe| probe.info.metric(&figure.subject.metric));
    let metric = metric.filter(|metric| metric.unit.dimension() == figure.value.dimension);
    metric.map_or_else(|| figure.value.to_string(), |metric| metric.unit.format(figure.value.value))
}

fn declared(app: &App, args: &ListArgs) -> Result<Exit, Fatal> {
    let Some(name) = &args.scenario else {
        return Err(Fatal::usage("`engine list steps|params` needs a scenario: a file, or quick, hardware, full"));
    };
    let checked = super::check::checked(app, source::named(name)?, &args.reading)?;
    if app.class(&checked.diagnostics).is_some() {
        return Err(app.diagnosed(&checked.diagnostics));
    }
    let rows: Vec<Vec<String>> = if args.what == ListWhat::Steps {
        let steps = checked.plan.map(|plan| plan.steps).unwrap_or_default();
        steps
            .iter()
            .map(|step| {
                let what = match &step.work {
                    engine_core::plan::Work::Probe { id, .. } => id.clone(),
                    engine_core::plan::Work::Custom { .. } => "script".to_owned(),
                    engine_core::plan::Work::Load { shape, .. } => format!("load: {}", shape.describe()),
                    engine_core::plan::Work::Capacity { search, .. } => search.describe(),
                    engine_core::plan::Work::Scale { sweep, .. } => format!("scale over {}", sweep.describe()),
                    engine_core::plan::Work::Stress { shape } => shape.describe(),
                    engine_core::plan::Work::Fault { fault, .. } => format!("fault: {}", fault.describe()),
                    engine_core::plan::Work::Finish => "finish".to_owned(),
                };
                vec![step.path(), what, format!("{} rounds at most", step.rounds.most())]
            })
            .collect()
    } else {
        checked.params.iter().map(|param| vec![param.name.clone(), param.value.clone(), param.help.clone()]).collect()
    };
    show(app, &rows);
    Ok(Exit::Pass)
}

/// Aligned columns; with `--json` a list of lists.
fn show(app: &App, rows: &[Vec<String>]) {
    if app.output.json {
        app.out(&serde_json::json!({ "schema_version": 1, "rows": rows }).to_string());
        return;
    }
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns)
        .map(|column| rows.iter().filter_map(|row| row.get(column)).map(|c| c.chars().count()).max().unwrap_or(0))
        .collect();
    for row in rows {
        let cells: Vec<String> = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
        app.out(engine_report::clean::line(&cells.join("  ")).trim_end());
    }
}
