//! The bottleneck view: resources by utilisation, saturation and errors (the USE method; Gregg, "Systems Performance", 2nd
//! edition, chapter 2). A resource limits when it is busy *and* work waits for it; busy alone limits nothing.
//!
//! What would make it wrong: the monitor sees the whole machine, so that on one machine the load's own generator counts
//! too; pressure (PSI) of the processors holds all tasks that waited, whoever caused it.

use engine_core::finding::{Against, Bottleneck, Evidence, ResourceUse, Saturation, Side};
use engine_core::host_sample::HostSample;
use engine_core::measurement::Stat;
use engine_core::unit::Unit;

use super::{Facts, Load, Seen};

/// From this share on a resource is busy.
const BUSY: f64 = 0.80;
/// From this share of the time with tasks waiting on, work waits for it.
const WAITING: f64 = 0.10;
/// Memory has no queue: from this share in use on it is full.
const FULL: f64 = 0.90;

/// The views of a run: the whole machine, then each load.
#[must_use]
pub fn bottlenecks(facts: &Facts<'_>) -> Vec<Bottleneck> {
    let mut all = vec![machine(facts)];
    all.extend(facts.loads().iter().map(|load| of_load(facts, load)));
    all
}

fn machine(facts: &Facts<'_>) -> Bottleneck {
    let rows = machine_rows(facts, None);
    finish(String::new(), rows, None)
}

/// The samples of the monitor within these seconds of the run; all without.
fn samples<'a>(facts: &Facts<'a>, times: Option<(f64, f64)>) -> Vec<&'a HostSample> {
    let within = |sample: &&HostSample| times.is_none_or(|(from, to)| sample.at >= from && sample.at <= to + 1.0);
    facts.run.host.iter().filter(within).collect()
}

fn mean(
    facts: &Facts<'_>,
    name: &str,
    unit: Unit,
    times: Option<(f64, f64)>,
    of: impl Fn(&HostSample) -> Option<f64>,
) -> Option<Seen> {
    let values: Vec<f64> = samples(facts, times).into_iter().filter_map(of).filter(|value| value.is_finite()).collect();
    if values.is_empty() {
        return None;
    }
    let middle = values.iter().sum::<f64>() / values.len() as f64;
    let mut seen = Seen::plain(format!("mean of monitor.{name}"), facts.id(), &values, middle, unit);
    seen.times = times.or_else(|| facts.run.host.last().map(|last| (0.0, last.at)));
    Some(seen)
}

fn held(seen: &Seen, name: &str, limit: f64) -> Evidence {
    seen.against(Against { setting: format!("bottleneck.{name}"), side: Side::AtLeast, value: limit })
}

fn row(
    name: &str,
    busy: Option<&Seen>,
    waits: Option<&Seen>,
    (busy_at, waits_at): (f64, f64),
    how: &str,
) -> ResourceUse {
    let over = |seen: Option<&Seen>, limit: f64| seen.is_some_and(|seen| seen.value >= limit);
    let mut unknown = Vec::new();
    if busy.is_none() {
        unknown.push(format!("utilisation: {how}"));
    }
    if waits.is_none() {
        unknown.push(format!("saturation: {how}"));
    }
    ResourceUse {
        name: name.to_owned(),
        utilisation: busy.map(|seen| held(seen, "busy", busy_at)),
        saturation: waits.map(|seen| held(seen, "waiting", waits_at)),
        errors: None,
        limits: over(busy, busy_at) && over(waits, waits_at),
        unknown,
    }
}

fn machine_rows(facts: &Facts<'_>, times: Option<(f64, f64)>) -> Vec<ResourceUse> {
    let share = |name: &str, of: fn(&HostSample) -> Option<f64>| mean(facts, name, Unit::Ratio, times, of);
    let monitor = "the monitor took no sample (`monitor_period` in the configuration, or too short a run)";
    let cpu = share("cpu", |sample| Some(sample.cpu));
    let cpu_waits = share("pressure_cpu", |sample| sample.pressure_cpu);
    let memory = share("memory", |sample| (sample.memory_total > 0).then(|| sample.memory()));
    let memory_waits = share("pressure_memory", |sample| sample.pressure_memory);
    // Nobody measures how busy a disk is here; the time in which tasks waited for it stands for both.
    let io = share("pressure_io", |sample| sample.pressure_io);
    let mut storage = row("storage", io.as_ref(), io.as_ref(), (WAITING, WAITING), monitor);
    if let Some(bytes) = mean(facts, "disk_write", Unit::BytesPerSecond, times, |sample| sample.disk_write) {
        storage.utilisation = Some(bytes.evidence());
    }
    vec![
        row("processors", cpu.as_ref(), cpu_waits.as_ref(), (BUSY, WAITING), monitor),
        row("memory", memory.as_ref(), memory_waits.as_ref(), (FULL, 0.01), monitor),
        storage,
    ]
}

fn of_load(facts: &Facts<'_>, load: &Load<'_>) -> Bottleneck {
    let mut rows = machine_rows(facts, load.times());
    let seen = |metric: &str, stat: Stat| load.seen(metric, stat).ok();
    let errors = seen("errors", Stat::Median);
    rows.insert(0, target(facts, load, errors.as_ref()));
    let generator = seen("generator.cpu", Stat::Median);
    let lag = seen("lag", Stat::Percentile(99.0));
    let mut own = row("generator", generator.as_ref(), None, (BUSY, f64::INFINITY), "a load records it");
    // What it is late by counts where it is a tenth of what users wait.
    let response = seen("response", Stat::Percentile(99.0));
    own.unknown.retain(|text| !text.starts_with("saturation"));
    if let (Some(lag), Some(response)) = (&lag, &response) {
        own.saturation = Some(held(lag, "late", 0.1 * response.value));
        own.limits = generator.as_ref().is_some_and(|busy| busy.value >= BUSY) && lag.value >= 0.1 * response.value;
    }
    rows.push(own);
    let first = first(facts, load);
    finish(load.path(), rows, first)
}

/// The target: CPUs that it used of those of the machine, and what waited before it.
fn target(facts: &Facts<'_>, load: &Load<'_>, errors: Option<&Seen>) -> ResourceUse {
    let how = "the process of the target is watched when the engine starts it, or with `watch:` of the load";
    let cpus = facts.cpus().unwrap_or(1.0);
    let busy = load.seen("target.cpu", Stat::Mean).ok().map(|mut seen| {
        seen.source = format!("{} / {cpus:.0} CPUs", seen.source);
        seen.value /= cpus;
        seen.interval = None;
        seen
    });
    let waits = queued(facts, load);
    let mut row = row("target", busy.as_ref(), waits.as_ref(), (BUSY, 0.5), how);
    for text in row.unknown.iter_mut().filter(|text| text.starts_with("saturation")) {
        *text =
            "saturation: a part of low load to compare with (a ramp, or a sweep over users in the same run)".to_owned();
    }
    row.errors = errors.map(Seen::evidence);
    row
}

/// Share of the mean response that is beyond a response at the lowest load: what waited. None without such a part.
fn queued(facts: &Facts<'_>, load: &Load<'_>) -> Option<Seen> {
    let (_, response, _) = load.loaded().ok()?;
    let floor = load.unloaded(facts).ok()?;
    let share = (1.0 - floor.value / response.value).clamp(0.0, 1.0);
    let source = format!("1 - {} / {}", floor.source, response.source);
    let mut seen = Seen::plain(source, &response.run, &[share], share, Unit::Ratio);
    seen.times = response.times;
    share.is_finite().then_some(seen)
}

/// The first second in which a resource was busy, and the rate then.
fn first(facts: &Facts<'_>, load: &Load<'_>) -> Option<Saturation> {
    let start = load.start()?;
    let cpus = facts.cpus().unwrap_or(1.0);
    let mut found: Vec<(String, f64)> = Vec::new();
    let target = load.course("target.cpu").into_iter().find(|(_, cpu)| cpu / cpus >= BUSY);
    found.extend(target.map(|(at, _)| ("target".to_owned(), at)));
    let over = |name: &str, of: &dyn Fn(&HostSample) -> bool| {
        let hit = samples(facts, load.times()).into_iter().find(|sample| of(sample));
        hit.map(|sample| (name.to_owned(), sample.at - start))
    };
    found.extend(over("processors", &|sample| sample.cpu >= BUSY && sample.pressure_cpu.is_none_or(|p| p >= WAITING)));
    found.extend(over("storage", &|sample| sample.pressure_io.is_some_and(|pressure| pressure >= 2.0 * WAITING)));
    found.extend(over("memory", &|sample| sample.memory_total > 0 && sample.memory() >= FULL));
    let (name, at) = found.into_iter().min_by(|a, b| a.1.total_cmp(&b.1))?;
    let window = load.step.windows.iter().find(|window| window.end() >= at).or_else(|| load.step.windows.last())?;
    let rate = window.total().map(|row| row.ok as f64 / window.seconds.max(1e-9))?;
    Some(Saturation { name, at: at.max(0.0), rate })
}

fn finish(step: String, rows: Vec<ResourceUse>, first: Option<Saturation>) -> Bottleneck {
    let severity = |row: &ResourceUse| {
        let part = |evidence: &Option<Evidence>| evidence.as_ref().and_then(|found| found.value).unwrap_or(0.0);
        part(&row.utilisation).min(1.0) + part(&row.saturation).min(1.0)
    };
    let limits = rows.iter().filter(|row| row.limits).max_by(|a, b| severity(a).total_cmp(&severity(b)));
    let verdict = match limits {
        Some(row) => {
            let text = |evidence: &Option<Evidence>| {
                evidence.as_ref().map_or_else(|| "unknown".to_owned(), ToString::to_string)
            };
            format!("{} limits: {}, and {}", row.name, text(&row.utilisation), text(&row.saturation))
        }
        None if rows.iter().all(|row| !row.unknown.is_empty()) => "not known: nothing was observed".to_owned(),
        None => "no resource was both busy and waited for".to_owned(),
    };
    let verdict = match &first {
        Some(first) => format!(
            "{verdict}; first to be busy: {} after {:.1} s, at {}",
            first.name,
            first.at,
            Unit::PerSecond.format(first.rate)
        ),
        None => verdict,
    };
    Bottleneck { step, limits: limits.map(|row| row.name.clone()), rows, first, verdict }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::advice::fixture::Made;

    fn busy(cpu: f64, waits: f64, io: f64) -> Vec<Bottleneck> {
        let run = Made::new().host(10, |sample| {
            (sample.cpu, sample.pressure_cpu, sample.pressure_io) = (cpu, Some(waits), Some(io));
            (sample.memory_total, sample.memory_used, sample.pressure_memory) = (100, 30, Some(0.0));
        });
        bottlenecks(&Facts::of(&run.record()))
    }

    #[test]
    fn busy_alone_limits_nothing() {
        assert_eq!(busy(0.99, 0.02, 0.0)[0].limits, None);
        let both = &busy(0.95, 0.40, 0.02)[0];
        assert_eq!(both.limits.as_deref(), Some("processors"));
        assert!(both.verdict.contains("95 %") && both.verdict.contains("40 %"), "{}", both.verdict);
        assert_eq!(busy(0.2, 0.01, 0.5)[0].limits.as_deref(), Some("storage"));
    }

    #[test]
    fn a_run_that_nobody_watched_is_not_known() {
        let run = Made::new().record();
        let found = &bottlenecks(&Facts::of(&run))[0];
        assert!(found.limits.is_none() && found.verdict.starts_with("not known"), "{found:?}");
        assert!(found.rows.iter().all(|row| !row.unknown.is_empty()));
    }

    #[test]
    fn a_load_names_what_was_busy_first_and_at_what_rate() {
        use crate::advice::fixture::{ones, times};
        let run = Made::new()
            .load(
                "shop",
                &[times("response", &[(0.050, 500)]), ones("target.cpu", Unit::Ratio, &[0.5, 1.0, 1.9, 1.95, 1.95])],
                &[100.0, 200.0, 300.0, 310.0, 310.0],
            )
            .cpus(2);
        let found = bottlenecks(&Facts::of(&run.record()));
        let load = &found[1];
        let first = load.first.as_ref().expect("the target is busy");
        assert_eq!((first.name.as_str(), first.rate), ("target", 300.0));
    }
}
