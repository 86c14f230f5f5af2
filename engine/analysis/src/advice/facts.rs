//! What rules ask about: a stored run by probe, option and metric, its loads, its environment, and the system monitor.

use engine_core::args::ArgValue;
use engine_core::environment::Environment;
use engine_core::fact::Fact;
use engine_core::finding::Evidence;
use engine_core::histogram::Packed;
use engine_core::host_sample::HostSample;
use engine_core::load::LoadWindow;
use engine_core::measurement::{Measurement, Stat, marks};
use engine_core::plan::Work;
use engine_core::run::{RunRecord, StepRecord};
use engine_core::series::Labels;
use engine_core::stats::quantile::{quantile, sorted};
use engine_core::unit::Unit;

use super::{Missing, Seen};

/// A run, ready to be asked.
#[derive(Debug, Clone, Copy)]
pub struct Facts<'a> {
    /// The run.
    pub run: &'a RunRecord,
}

impl<'a> Facts<'a> {
    /// The facts of a run.
    #[must_use]
    pub const fn of(run: &'a RunRecord) -> Self {
        Self { run }
    }

    /// Id of the run.
    #[must_use]
    pub fn id(&self) -> &'a str {
        &self.run.header.id.0
    }

    /// The machine and its software at the start.
    #[must_use]
    pub const fn environment(&self) -> &'a Environment {
        &self.run.header.environment
    }

    /// CPUs that the run could use; none where the system does not tell.
    #[must_use]
    pub fn cpus(&self) -> Option<f64> {
        let cpu = &self.environment().cpu;
        cpu.allowed_count.copied().or_else(|| cpu.logical_cpus.copied()).map(f64::from).filter(|cpus| *cpus >= 1.0)
    }

    /// The steps of a probe.
    pub fn steps(&self, probe: &str) -> impl Iterator<Item = &'a StepRecord> {
        self.run.steps.iter().filter(move |step| matches!(&step.plan.work, Work::Probe { id, .. } if id == probe))
    }

    /// The measurements of a metric of a probe, each with its step, options and labels.
    fn measured(&self, probe: &str, metric: &str) -> Vec<(&'a StepRecord, &'a Measurement, Labels)> {
        let mut all = Vec::new();
        for step in self.steps(probe) {
            for measurement in step.measurements.iter().filter(|measurement| measurement.metric.id == metric) {
                all.push((step, measurement, labels(step, measurement)));
            }
        }
        all
    }

    /// All values of a metric of a probe, each with its options and labels.
    #[must_use]
    pub fn all(&self, probe: &str, metric: &str) -> Vec<Seen> {
        let all = self.measured(probe, metric).into_iter();
        all.filter_map(|(step, measurement, labels)| Seen::of(self.id(), step, measurement, Stat::Median, labels))
            .collect()
    }

    /// A metric of a probe under these options and labels; the one with most rounds where there are several, of those the
    /// first.
    ///
    /// # Errors
    /// When it was not measured.
    pub fn seen(&self, probe: &str, metric: &str, wanted: &[(&str, &str)]) -> Result<Seen, Missing> {
        self.statistic(probe, metric, wanted, Stat::Median)
    }

    /// A statistic of a metric under these options and labels; see [`Self::seen`].
    ///
    /// # Errors
    /// When it was not measured.
    pub fn statistic(&self, probe: &str, metric: &str, wanted: &[(&str, &str)], stat: Stat) -> Result<Seen, Missing> {
        let fits = |labels: &Labels| wanted.iter().all(|(name, value)| labels.get(name) == Some(*value));
        let found = self.measured(probe, metric).into_iter().filter(|(_, _, labels)| fits(labels));
        let (step, measurement, labels) = found
            .min_by_key(|(_, measurement, _)| std::cmp::Reverse(measurement.counted().count()))
            .ok_or_else(|| {
                let wanted: Labels = wanted.iter().copied().collect();
                Missing(format!("no `{metric}` of `{probe}`{wanted}"))
            })?;
        Seen::of(self.id(), step, measurement, stat, labels)
            .ok_or_else(|| Missing(format!("`{metric}` of `{probe}` has no value")))
    }

    /// The options under which [`Self::seen`] found a metric, as texts: those of the step, but what the measurement was made
    /// under where it was one of several. Lists and maps are left out.
    #[must_use]
    pub(super) fn options(&self, probe: &str, metric: &str, wanted: &Labels) -> Option<Labels> {
        let fits = |labels: &Labels| wanted.0.iter().all(|(name, value)| labels.get(name) == Some(value.as_str()));
        let found = self.measured(probe, metric).into_iter().filter(|(_, _, labels)| fits(labels));
        let (step, _, labels) =
            found.min_by_key(|(_, measurement, _)| std::cmp::Reverse(measurement.counted().count()))?;
        let Work::Probe { args, .. } = &step.plan.work else { return None };
        let plain = args.0.iter().filter(|(_, value)| !matches!(value, ArgValue::List(_) | ArgValue::Object(_)));
        Some(plain.filter_map(|(name, _)| Some((name.clone(), labels.get(name)?.to_owned()))).collect())
    }

    /// Any metric of this name, whatever recorded it.
    #[must_use]
    pub fn named(&self, metric: &str) -> Vec<Seen> {
        let mut all = Vec::new();
        for step in &self.run.steps {
            for measurement in step.measurements.iter().filter(|measurement| measurement.metric.id == metric) {
                all.extend(Seen::of(self.id(), step, measurement, Stat::Median, labels(step, measurement)));
            }
        }
        all
    }

    /// Loads that have results.
    #[must_use]
    pub fn loads(&self) -> Vec<Load<'a>> {
        let is_load = |step: &&StepRecord| matches!(step.plan.work, Work::Load { .. });
        let steps = self.run.steps.iter().filter(is_load).filter(|step| !step.measurements.is_empty());
        steps.map(|step| Load { run: self.run, step }).collect()
    }

    /// Sweeps of a load that have results.
    #[must_use]
    pub fn sweeps(&self) -> Vec<Load<'a>> {
        let is_sweep = |step: &&StepRecord| matches!(step.plan.work, Work::Scale { .. });
        let steps = self.run.steps.iter().filter(is_sweep).filter(|step| !step.measurements.is_empty());
        steps.map(|step| Load { run: self.run, step }).collect()
    }

    /// The loads, or that there are none.
    ///
    /// # Errors
    /// When the run has no load.
    pub fn some_loads(&self) -> Result<Vec<Load<'a>>, Missing> {
        let loads = self.loads();
        if loads.is_empty() { Err(Missing::of("the run has no load")) } else { Ok(loads) }
    }

    /// A field of the environment.
    ///
    /// # Errors
    /// When it could not be read, with the reason.
    pub fn fact<T>(&self, name: &str, fact: &'a Fact<T>) -> Result<&'a T, Missing> {
        fact.known().ok_or_else(|| Missing(format!("`{name}` is unknown: {}", fact.reason().unwrap_or("not read"))))
    }

    /// A field of the environment as evidence.
    #[must_use]
    pub fn word(&self, name: &str, word: impl Into<String>) -> Evidence {
        Evidence {
            source: name.to_owned(),
            run: self.id().to_owned(),
            value: None,
            word: Some(word.into()),
            interval: None,
            unit: Unit::Count,
            against: None,
            times: None,
        }
    }

    /// A quantile over the samples of the system monitor.
    ///
    /// # Errors
    /// When the monitor did not run, or the system does not tell.
    pub fn monitor(
        &self,
        name: &str,
        unit: Unit,
        q: f64,
        of: impl Fn(&HostSample) -> Option<f64>,
    ) -> Result<Seen, Missing> {
        let values: Vec<f64> = self.run.host.iter().filter_map(of).filter(|value| value.is_finite()).collect();
        if values.is_empty() {
            return Err(Missing(format!("the monitor has no sample of `{name}`")));
        }
        let value = quantile(&sorted(&values), q);
        let mut seen = Seen::plain(format!("monitor.{name}"), self.id(), &values, value, unit);
        seen.times = self.run.host.last().map(|last| (0.0, last.at));
        Ok(seen)
    }

    /// The mean of a share of the monitor while a step took its rounds; none without a sample then.
    #[must_use]
    pub fn pressure_of(&self, path: &str, of: impl Fn(&HostSample) -> Option<f64>) -> Option<Seen> {
        let step = self.run.steps.iter().find(|step| step.plan.path() == path)?;
        let rounds: Vec<(f64, f64)> =
            step.primary()?.counted().map(|round| (round.at, round.at + round.seconds)).collect();
        // A sample tells of the second before it.
        let within = |at: f64| rounds.iter().any(|(from, to)| at > *from && at - 1.0 < *to);
        let samples = self.run.host.iter().filter(|sample| within(sample.at));
        let values: Vec<f64> = samples.filter_map(of).filter(|value| value.is_finite()).collect();
        if values.is_empty() {
            return None;
        }
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        let mut seen = Seen::plain("mean of monitor.pressure_io", self.id(), &values, mean, Unit::Ratio);
        seen.times = Some((rounds.first()?.0, rounds.last()?.1));
        Some(seen)
    }

    /// Whether a step is the user's own work: a load, or a program of theirs.
    #[must_use]
    pub fn is_workload(step: &StepRecord) -> bool {
        match &step.plan.work {
            Work::Load { .. } | Work::Capacity { .. } | Work::Scale { .. } => true,
            Work::Probe { id, args } => match id.as_str() {
                "tool.command" => true,
                probe if probe.starts_with("build.") => {
                    args.0.contains_key("manifest") && !args.text("manifest").is_empty()
                }
                _ => false,
            },
            Work::Stress { .. } | Work::Fault { .. } | Work::Custom { .. } | Work::Finish => false,
        }
    }

    /// Whether the step at this path is the user's own work.
    #[must_use]
    pub fn is_workload_at(&self, path: &str) -> bool {
        self.run.steps.iter().any(|step| step.plan.path() == path && Self::is_workload(step))
    }

    /// How many steps are the user's own work.
    #[must_use]
    pub fn workloads(&self) -> usize {
        self.run.steps.iter().filter(|step| Self::is_workload(step)).count()
    }

    /// What gains are measured by, in words.
    #[must_use]
    pub fn objective(&self) -> String {
        let names: Vec<String> =
            self.run.steps.iter().filter(|step| Self::is_workload(step)).map(|step| step.plan.path()).collect();
        match names.as_slice() {
            [] => "none: the run has no work of yours (a load, a program), only operations of the machine".to_owned(),
            [one] => format!("the time of `{one}`"),
            many => {
                format!("the time of {}", many.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", "))
            }
        }
    }
}

/// The options of a step, its labels, and those of a measurement.
fn labels(step: &StepRecord, measurement: &Measurement) -> Labels {
    let options: Labels = match &step.plan.work {
        Work::Probe { args, .. } => args.0.iter().map(|(name, value)| (name.clone(), value.to_string())).collect(),
        _ => Labels::new(),
    };
    options.joined(&step.plan.labels).joined(&measurement.labels)
}

/// The responses of the lowest level of the first sweep of a run, with its step.
fn first_level<'a>(facts: &Facts<'a>) -> Option<(&'a StepRecord, &'a Measurement)> {
    facts.sweeps().iter().find_map(|sweep| {
        let Work::Scale { sweep: shape, .. } = &sweep.step.plan.work else { return None };
        let least = shape.levels.iter().copied().fold(f64::INFINITY, f64::min);
        let (name, label) = (shape.of.name(), shape.of.label(least));
        let at = |found: &&Measurement| found.metric.id == "response" && found.labels.get(name) == Some(label.as_str());
        sweep.step.measurements.iter().find(at).map(|response| (sweep.step, response))
    })
}

/// One second of a load.
#[derive(Debug, Clone, Copy)]
struct Second {
    rate: f64,
    mean: f64,
    count: f64,
}

impl Second {
    fn of(window: &LoadWindow) -> Option<Self> {
        let row = window.total()?;
        let response = row.response.as_ref()?;
        let rate = row.ended() as f64 / window.seconds.max(1e-9);
        Some(Self { rate, mean: response.mean()? / 1e9, count: response.count() as f64 })
    }
}

/// A load with its totals, endpoints and course.
#[derive(Debug, Clone, Copy)]
pub struct Load<'a> {
    run: &'a RunRecord,
    /// The step.
    pub step: &'a StepRecord,
}

impl<'a> Load<'a> {
    /// Path of the step.
    #[must_use]
    pub fn path(&self) -> String {
        self.step.plan.path()
    }

    /// The whole of a metric, without phases and endpoints. `target.NAME` is also found under the name of the one process
    /// that the load watches, where the engine did not start the target itself.
    #[must_use]
    pub fn total(&self, metric: &str) -> Option<&'a Measurement> {
        let marks = marks(&self.step.measurements);
        let whole =
            |id: &str| self.step.measurements.iter().find(|found| found.metric.id == id && found.labels == marks);
        whole(metric).or_else(|| {
            let of_target = metric.strip_prefix("target.")?;
            whole(&format!("{}.{of_target}", self.watched()?))
        })
    }

    /// Whether a fixed number of users makes the load, so that the target sets its pace.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        let Work::Load { shape, .. } = &self.step.plan.work else { return false };
        shape.phases.iter().any(|phase| phase.users.is_some())
    }

    /// The name of the watched process; none where none or several are watched.
    fn watched(&self) -> Option<&'a str> {
        let names = self.step.measurements.iter().filter_map(|found| found.metric.id.strip_suffix(".cpu"));
        let mut names = names.filter(|name| !matches!(*name, "host" | "generator"));
        names.next().filter(|first| names.all(|other| other == *first))
    }

    /// A statistic of a metric over the whole load.
    ///
    /// # Errors
    /// When it was not recorded.
    pub fn seen(&self, metric: &str, stat: Stat) -> Result<Seen, Missing> {
        let found = self.total(metric).and_then(|measurement| {
            Seen::of(&self.run.header.id.0, self.step, measurement, stat, labels(self.step, measurement))
        });
        found.ok_or_else(|| Missing(format!("`{}` has no `{metric}`", self.path())))
    }

    /// A statistic of a metric, endpoint by endpoint.
    #[must_use]
    pub fn endpoints(&self, metric: &str, stat: Stat) -> Vec<Seen> {
        let own = self.step.measurements.iter().filter(|found| found.metric.id == metric);
        own.filter(|found| found.labels.get("name").is_some() && found.labels.get("phase").is_none())
            .filter_map(|found| Seen::of(&self.run.header.id.0, self.step, found, stat, labels(self.step, found)))
            .collect()
    }

    /// The values of a metric, one a second, with their time in seconds since the load's start.
    #[must_use]
    pub fn course(&self, metric: &str) -> Vec<(f64, f64)> {
        let Some(measurement) = self.total(metric) else { return Vec::new() };
        let Some(round) = measurement.counted().last() else { return Vec::new() };
        let every =
            if round.values.is_empty() { 1.0 } else { (round.seconds / round.values.len() as f64).clamp(0.5, 2.0) };
        round.values.iter().enumerate().map(|(at, value)| ((at as f64 + 1.0) * every, *value)).collect()
    }

    /// The mean response where nobody waits: of the seconds of a load with the lowest rates, where these are at most
    /// two fifths of the highest; else of the first level of a sweep in the same run.
    ///
    /// # Errors
    /// When the run has neither.
    pub fn unloaded(&self, facts: &Facts<'_>) -> Result<Seen, Missing> {
        if let Some(seen) = self.quiet_seconds() {
            return Ok(seen);
        }
        let found = first_level(facts)
            .and_then(|(step, response)| Seen::of(facts.id(), step, response, Stat::Mean, labels(step, response)));
        found.ok_or_else(|| {
            Missing(format!("`{}` has no part of low load to compare with, nor has the run a sweep", self.path()))
        })
    }

    /// The responses where nobody waits, from where [`Self::unloaded`] has its mean.
    #[must_use]
    pub fn unloaded_responses(&self, facts: &Facts<'_>) -> Option<Packed> {
        if let Some(windows) = self.quiet_windows() {
            let responses = windows.into_iter().filter_map(|window| window.total()?.response.as_ref());
            return Some(Packed::merged(responses)).filter(|all| !all.is_empty());
        }
        first_level(facts)?.1.histogram()
    }

    /// Rate and mean response of the seconds with the highest rates, and the share of all response time in them; where the
    /// load has no part of low load, of the whole.
    ///
    /// # Errors
    /// When they were not recorded.
    pub fn loaded(&self) -> Result<(Seen, Seen, f64), Missing> {
        let seconds = self.seconds();
        if self.quiet_seconds().is_none() {
            return Ok((self.seen("rate", Stat::Median)?, self.seen("response", Stat::Mean)?, 1.0));
        }
        let top = seconds.iter().map(|second| second.rate).fold(0.0, f64::max);
        let high: Vec<Second> = seconds.iter().copied().filter(|second| second.rate >= 0.7 * top).collect();
        let time = |part: &[Second]| part.iter().map(|second| second.mean * second.count).sum::<f64>();
        let count: f64 = high.iter().map(|second| second.count).sum();
        let rates: Vec<f64> = high.iter().map(|second| second.rate).collect();
        let means: Vec<f64> = high.iter().map(|second| second.mean).collect();
        let rate = self.plain("rate", &rates, rates.iter().sum::<f64>() / rates.len() as f64, Unit::PerSecond);
        let response = self.plain("response", &means, time(&high) / count.max(1.0), Unit::Seconds);
        Ok((rate, response, time(&high) / time(&seconds).max(f64::MIN_POSITIVE)))
    }

    /// A mean over the seconds with the highest rates, with its standard error.
    fn plain(&self, metric: &str, values: &[f64], value: f64, unit: Unit) -> Seen {
        let n = values.len() as f64;
        let spread = (values.iter().map(|v| (v - value).powi(2)).sum::<f64>() / (n - 1.0).max(1.0)).sqrt();
        let half = 1.96 * spread / n.sqrt();
        let source = format!("mean of {}.{metric} at the highest rates", self.step.plan.name);
        let mut seen = Seen::plain(source, &self.run.header.id.0, values, value, unit);
        seen.step = self.path();
        seen.times = self.times();
        seen.interval = (values.len() >= 5).then(|| engine_core::stats::Interval::new(value - half, value + half));
        seen
    }

    /// The seconds that count, each with its rate, mean response in seconds, and number of responses.
    fn seconds(&self) -> Vec<Second> {
        self.step.windows.iter().filter(|window| window.counts()).filter_map(Second::of).collect()
    }

    /// The quarter of the seconds with the lowest rates, where these are at most two fifths of the highest.
    fn quiet_windows(&self) -> Option<Vec<&'a LoadWindow>> {
        let counted = self.step.windows.iter().filter(|window| window.counts());
        let mut seconds: Vec<_> = counted.filter_map(|window| Some((Second::of(window)?, window))).collect();
        seconds.sort_by(|a, b| a.0.rate.total_cmp(&b.0.rate));
        let quarter = seconds.len() / 4;
        if quarter < 2 {
            return None;
        }
        let sum = |part: &[(Second, &LoadWindow)]| part.iter().map(|(second, _)| second.rate).sum::<f64>();
        if sum(&seconds[..quarter]) > 0.4 * sum(&seconds[seconds.len() - quarter..]) {
            return None;
        }
        Some(seconds[..quarter].iter().map(|(_, window)| *window).collect())
    }

    fn quiet_seconds(&self) -> Option<Seen> {
        let low: Vec<Second> = self.quiet_windows()?.into_iter().filter_map(Second::of).collect();
        let count: f64 = low.iter().map(|second| second.count).sum();
        let value = low.iter().map(|second| second.mean * second.count).sum::<f64>() / count.max(1.0);
        let each: Vec<f64> = low.iter().map(|second| second.mean).collect();
        let source = format!("mean of {}.response at the lowest rates", self.step.plan.name);
        let mut seen = Seen::plain(source, &self.run.header.id.0, &each, value, Unit::Seconds);
        seen.step = self.path();
        seen.times = self.times();
        (value > 0.0).then_some(seen)
    }

    /// When the load began, in seconds since the run's start.
    #[must_use]
    pub fn start(&self) -> Option<f64> {
        self.step.measurements.iter().flat_map(Measurement::counted).map(|round| round.at).last()
    }

    /// When it began and ended, in seconds since the run's start.
    #[must_use]
    pub fn times(&self) -> Option<(f64, f64)> {
        let rounds = || self.step.measurements.iter().flat_map(Measurement::counted);
        let from = rounds().map(|round| round.at).fold(f64::INFINITY, f64::min);
        let to = rounds().map(|round| round.at + round.seconds).fold(f64::NEG_INFINITY, f64::max);
        (from <= to).then_some((from, to))
    }
}
