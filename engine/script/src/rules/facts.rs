//! What a check can ask, and the gains that it can give.

use std::rc::Rc;

use engine_analysis::advice::{self, Facts, Seen};
use engine_core::finding::{Gain, Input, Range};
use engine_core::measurement::Stat;
use engine_core::metric::Goal;
use engine_core::run::RunRecord;
use engine_core::unit::Unit;
use rhai::{Array, Dynamic, Engine, EvalAltResult, Map};

use super::language::lacking;

/// A run, as a check sees it.
#[derive(Debug, Clone)]
pub(super) struct RunFacts(Rc<RunRecord>);

/// A load of a run.
#[derive(Debug, Clone)]
struct ScriptLoad {
    run: Rc<RunRecord>,
    path: String,
}

type Raised<T> = Result<T, Box<EvalAltResult>>;

impl RunFacts {
    /// The facts of a run. The record is copied: a script keeps nothing that it was lent.
    pub(super) fn of(facts: &Facts<'_>) -> Self {
        Self(Rc::new(facts.run.clone()))
    }

    fn seen(&self, probe: &str, metric: &str, labels: &Map) -> Raised<Seen> {
        let wanted: Vec<(String, String)> =
            labels.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect();
        let pairs: Vec<(&str, &str)> = wanted.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        Facts::of(&self.0).seen(probe, metric, &pairs).map_err(|missing| lacking(missing.0))
    }

    fn environment(&self, path: &str) -> Raised<String> {
        let fields = self.0.header.environment.fields();
        let found = fields.into_iter().find(|(name, _)| name == path).map(|(_, text)| text);
        match found {
            Some(text) if !text.starts_with("unknown (") => Ok(text),
            Some(text) => Err(lacking(format!("`{path}` is {text}"))),
            None => Err(format!("the environment has no field `{path}`: `engine doctor --json` lists them").into()),
        }
    }

    fn monitor(&self, name: &str) -> Raised<Seen> {
        let facts = Facts::of(&self.0);
        let seen = match name {
            "cpu" => facts.monitor(name, Unit::Ratio, 0.5, |sample| Some(sample.cpu)),
            "memory" => {
                facts.monitor(name, Unit::Ratio, 0.5, |sample| (sample.memory_total > 0).then(|| sample.memory()))
            }
            "pressure_cpu" => facts.monitor(name, Unit::Ratio, 0.5, |sample| sample.pressure_cpu),
            "pressure_io" => facts.monitor(name, Unit::Ratio, 0.5, |sample| sample.pressure_io),
            "pressure_memory" => facts.monitor(name, Unit::Ratio, 0.5, |sample| sample.pressure_memory),
            other => {
                return Err(format!(
                    "the monitor has no `{other}`: cpu, memory, pressure_cpu, pressure_io, pressure_memory"
                )
                .into());
            }
        };
        seen.map_err(|missing| lacking(missing.0))
    }

    fn loads(&self) -> Array {
        let facts = Facts::of(&self.0);
        let of = |path| Dynamic::from(ScriptLoad { run: Rc::clone(&self.0), path });
        facts.loads().iter().map(|load| of(load.path())).collect()
    }
}

impl ScriptLoad {
    fn seen(&self, metric: &str, stat: &str) -> Raised<Seen> {
        let stat: Stat = stat.parse().map_err(|()| format!("no statistic `{stat}`: median, mean, min, max, n, p99"))?;
        let facts = Facts::of(&self.run);
        let loads = facts.loads();
        let load = loads.iter().find(|load| load.path() == self.path).ok_or("the load is gone")?;
        load.seen(metric, stat).map_err(|missing| lacking(missing.0))
    }
}

/// A number of a script as a range that is known exactly, or that of a value that was seen.
fn range(value: &Dynamic) -> Raised<(Range, String, Option<Input>)> {
    if let Some(seen) = value.clone().try_cast::<Seen>() {
        return Ok((seen.range(), seen.source.clone(), Some(seen.input("from"))));
    }
    let number = value.as_float().or_else(|_| value.as_int().map(|whole| whole as f64));
    let number = number.map_err(|kind| format!("expected a number or a value of `facts`, got {kind}"))?;
    Ok((Range::exact(number), "given by the rule".to_owned(), None))
}

fn goal(text: &str) -> Raised<Goal> {
    match text {
        "lower" => Ok(Goal::Lower),
        "higher" => Ok(Goal::Higher),
        other => Err(format!("`lower` or `higher` is better, got `{other}`").into()),
    }
}

/// Registers everything.
pub(super) fn register(engine: &mut Engine) {
    engine.register_type_with_name::<RunFacts>("Facts");
    engine.register_type_with_name::<Seen>("Seen");
    engine.register_type_with_name::<ScriptLoad>("Load");
    engine.register_type_with_name::<Gain>("Gain");
    engine
        .register_fn("seen", |facts: &mut RunFacts, probe: &str, metric: &str| facts.seen(probe, metric, &Map::new()));
    engine.register_fn("seen", |facts: &mut RunFacts, probe: &str, metric: &str, labels: Map| {
        facts.seen(probe, metric, &labels)
    });
    engine.register_fn("has", |facts: &mut RunFacts, probe: &str, metric: &str| {
        facts.seen(probe, metric, &Map::new()).is_ok()
    });
    engine.register_fn("environment", |facts: &mut RunFacts, path: &str| facts.environment(path));
    engine.register_fn("monitor", |facts: &mut RunFacts, name: &str| facts.monitor(name));
    engine.register_fn("loads", |facts: &mut RunFacts| facts.loads());
    engine.register_get("cpus", |facts: &mut RunFacts| {
        Facts::of(&facts.0).cpus().ok_or_else(|| lacking("the number of CPUs is unknown".to_owned()))
    });
    engine.register_fn("seen", |load: &mut ScriptLoad, metric: &str| load.seen(metric, "median"));
    engine.register_fn("seen", |load: &mut ScriptLoad, metric: &str, stat: &str| load.seen(metric, stat));
    engine.register_get("path", |load: &mut ScriptLoad| load.path.clone());
    engine.register_get("value", |seen: &mut Seen| seen.value);
    engine.register_get("low", |seen: &mut Seen| seen.range().low);
    engine.register_get("high", |seen: &mut Seen| seen.range().high);
    engine.register_get("text", |seen: &mut Seen| seen.text());
    engine.register_get("step", |seen: &mut Seen| seen.step.clone());
    engine.register_fn("label", |seen: &mut Seen, name: &str| seen.labels.get(name).unwrap_or_default().to_owned());
    engine.register_fn("to_string", |seen: &mut Seen| seen.text());
    engine.register_fn("ratio", |of: &str, slow: Seen, fast: Seen, better: &str| -> Raised<Gain> {
        Ok(advice::ratio(of, &slow, &fast, goal(better)?))
    });
    engine.register_fn("amdahl", |of: &str, share: Dynamic, times: Dynamic| -> Raised<Gain> {
        let ((f, f_from, _), (k, k_from, _)) = (range(&share)?, range(&times)?);
        Ok(advice::amdahl(of, (f, f_from), (k, k_from), vec![]))
    });
    engine.register_fn("overhead", |of: &str, share: Dynamic| -> Raised<Gain> {
        let (f, from, input) = range(&share)?;
        Ok(advice::overhead(of, f, &from, input.into_iter().collect()))
    });
    engine.register_fn("roofline", |of: &str, reached: Seen, ceiling: Seen| advice::roofline(of, &reached, &ceiling));
    engine.register_fn("unknown", |reason: &str| advice::unknown(reason));
}
