//! `engine patterns`: cycles of the day and the week, metrics that change together, facts that explain a metric.

use engine_analysis::patterns::{
    Correlated, Cycle, Explains, Fact, RunFacts, SharedChange, clusters, correlated, cycles, explaining, shared_changes,
};
use engine_core::environment::Environment;
use engine_core::history::Timeline;
use engine_core::run::RunId;
use engine_report::TimeZone;
use engine_report::text;

use crate::app::App;
use crate::args::PatternsArgs;
use crate::exit::{Exit, Fatal};

/// Looks for patterns in the histories and shows what stands out.
pub(crate) fn run(app: &App, args: &PatternsArgs) -> Result<Exit, Fatal> {
    let store = app.reader()?;
    let all = ["*".to_owned()];
    let selectors = if args.metric.is_empty() { all.as_slice() } else { args.metric.as_slice() };
    let histories = super::trend_stored::histories(app, &store, selectors, &args.which)?;
    let timelines = super::analysed(&store, histories)?;
    let runs = timelines.iter().flat_map(|timeline| &timeline.history.points).map(|point| &point.run);
    let facts: RunFacts =
        store.environments(runs)?.into_iter().map(|(run, environment)| (run, facts(&environment))).collect();
    let offset = i64::from(TimeZone::system().to_offset(jiff::Timestamp::now()).seconds());
    let found = Found {
        cycles: cycles(&timelines, offset),
        shared: shared_changes(&timelines),
        correlated: correlated(&timelines),
        explains: explaining(&timelines, &facts),
    };
    if app.output.json {
        app.out(&found.json(&timelines).to_string());
    } else {
        let explanation = found.words(&timelines);
        app.out(&text::explanation(&explanation, app.style()));
    }
    Ok(Exit::Pass)
}

/// Every known fact of an environment, by its path.
fn facts(environment: &Environment) -> std::collections::BTreeMap<String, Fact> {
    let known = environment.fields().into_iter().filter(|(_, value)| !value.starts_with("unknown"));
    known
        .map(|(path, value)| {
            let fact = value.parse().map_or(Fact::Text(value), Fact::Number);
            (path, fact)
        })
        .collect()
}

/// Everything that stands out.
struct Found {
    cycles: Vec<Cycle>,
    shared: Vec<SharedChange>,
    correlated: Vec<Correlated>,
    explains: Vec<Explains>,
}

impl Found {
    fn json(&self, timelines: &[Timeline]) -> serde_json::Value {
        let name = |at: usize| timelines[at].history.key.selector();
        let cycles = self.cycles.iter().map(|one| {
            serde_json::json!({
                "series": name(one.timeline), "period": one.period.name(), "high": one.period.part(one.high),
                "low": one.period.part(one.low), "swing": one.swing, "explains": one.explains, "p": one.p,
            })
        });
        let shared = self.shared.iter().map(|one| {
            serde_json::json!({
                "series": one.members.iter().map(|(timeline, _)| name(*timeline)).collect::<Vec<_>>(),
                "sizes": one.members.iter().map(|(at, change)| timelines[*at].changes[*change].change.size).collect::<Vec<_>>(),
                "last_old": one.last_old, "first_new": one.first_new, "p": one.p,
            })
        });
        let correlated = self.correlated.iter().map(|one| {
            serde_json::json!({
                "series": [name(one.pair.0), name(one.pair.1)], "correlation": one.correlation, "runs": one.runs, "p": one.p,
            })
        });
        let explains = self.explains.iter().map(|one| {
            serde_json::json!({
                "series": name(one.timeline), "fact": one.fact, "changed_with": one.twins, "importance": one.importance,
                "effect": one.effect, "p": one.p,
            })
        });
        serde_json::json!({
            "schema_version": 1, "series": timelines.len(), "cycles": cycles.collect::<Vec<_>>(),
            "shared_changes": shared.collect::<Vec<_>>(), "correlated": correlated.collect::<Vec<_>>(),
            "explained_by": explains.collect::<Vec<_>>(),
        })
    }

    fn words(&self, timelines: &[Timeline]) -> engine_core::evidence::Explanation {
        let name = |at: usize| timelines[at].history.key.selector();
        let percent = |share: f64| format!("{:.1} %", share * 100.0);
        let (series, runs) = (timelines.len(), timelines.iter().map(|one| one.history.points.len()).max().unwrap_or(0));
        let mut out = engine_core::evidence::Explanation {
            title: format!(
                "Patterns in {series} series of up to {runs} runs; of many tests at once, only what stands out"
            ),
            parts: Vec::new(),
        };
        let or_none =
            |lines: Vec<String>| if lines.is_empty() { vec!["none that stands out".to_owned()] } else { lines };
        let cycles = self.cycles.iter().map(|one| {
            format!(
                "{}: {}, highest {}, lowest {}, {} apart; explains {} of what varies within (p = {:.4})",
                name(one.timeline),
                one.period.name(),
                one.period.part(one.high),
                one.period.part(one.low),
                percent(one.swing),
                percent(one.explains),
                one.p
            )
        });
        out.part("Cycles", or_none(cycles.collect()));
        let shared = self.shared.iter().map(|one| {
            let names: Vec<String> = one
                .members
                .iter()
                .map(|(at, change)| {
                    format!("{} {:+.1} %", name(*at), timelines[*at].changes[*change].change.size * 100.0)
                })
                .collect();
            let code = |run: &RunId| code(timelines, one, run);
            format!(
                "{} series changed between runs {} and {} ({}..{}): {} (p = {:.3})",
                one.members.len(),
                one.last_old.short(),
                one.first_new.short(),
                code(&one.last_old),
                code(&one.first_new),
                names.join(", "),
                one.p
            )
        });
        out.part("Changed together", or_none(shared.collect()));
        let correlated = clusters(&self.correlated).into_iter().map(|cluster| {
            let names = |along: bool| -> Vec<String> {
                cluster.iter().filter(|(_, sign)| *sign == along).map(|(at, _)| name(*at)).collect()
            };
            let within = |pair: &&Correlated| cluster.iter().any(|(at, _)| *at == pair.pair.0);
            let least = self.correlated.iter().filter(within).map(|pair| pair.correlation.abs()).fold(1.0, f64::min);
            let (with, against) = (names(true), names(false));
            let against =
                if against.is_empty() { String::new() } else { format!("; against them {}", against.join(", ")) };
            format!(
                "{} series from run to run (rank correlations from {least:.2} on): {}{against}",
                cluster.len(),
                with.join(", ")
            )
        });
        out.part("Move together", or_none(correlated.collect()));
        let explains = self.explains.iter().map(|one| {
            let twins = match one.twins.len() {
                0 => String::new(),
                n => format!(", or one of {n} that always changed with it ({})", one.twins.join(", ")),
            };
            format!(
                "{}: `{}`{twins} explains {} of runs not seen: {} (p = {:.4})",
                name(one.timeline),
                one.fact,
                percent(one.importance),
                one.effect,
                one.p
            )
        });
        out.part("Explained by facts of the environment", or_none(explains.collect()));
        out
    }
}

/// The commit of a run, in short form.
fn code(timelines: &[Timeline], shared: &SharedChange, run: &RunId) -> String {
    let points = shared.members.iter().flat_map(|(at, _)| &timelines[*at].history.points);
    let found = points.into_iter().find(|point| point.run == *run).and_then(engine_core::history::Point::code);
    found.unwrap_or_else(|| "unknown".to_owned())
}
