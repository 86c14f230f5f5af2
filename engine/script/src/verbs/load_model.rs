//! The workload of a load: exactly one of `arrivals`, `users` and `phases`, with the times that the profile leaves.

use engine_core::arrivals::{Phase, Spacing};
use engine_core::load::PhaseShape;
use engine_core::plan::Profile;
use engine_load::model::{ArrivalPlan, UserPhase, most_users};
use engine_load::spec::{CatchUp, Iterations, Workload};
use rhai::{Dynamic, Map};

use super::arrivals::{Coming, Shape, rate, rates};
use crate::fault::{Fault, Raised};
use crate::given::{self, Given};
use crate::host::Host;
use crate::verb_options::{PHASE, shown, time, whole};

/// Most users that one load may have.
const MOST_USERS: f64 = 1e6;

/// Users where nothing is said: so many seconds' worth of arrivals, within these bounds.
const WORTH: f64 = 5.0;
const USERS: (f64, f64) = (50.0, 10_000.0);

/// Who comes when, without the seed.
#[derive(Debug, Clone)]
pub(crate) enum Model {
    /// One model of arrivals.
    Arrivals { coming: Coming, duration: f64 },
    /// Named phases of arrivals.
    RatePhases(Vec<(String, Phase)>),
    /// A closed model.
    Users { phases: Vec<UserPhase>, iterations: Iterations, spread: f64 },
}

/// What a phase adds.
#[derive(Debug, Clone)]
pub(crate) struct PhaseExpect {
    pub(crate) phase: String,
    /// Which of the phases.
    pub(crate) number: usize,
    pub(crate) expect: Vec<String>,
}

/// Name of the phase where there is but one: it has no rows of its own.
pub(crate) const WHOLE: &str = "";

/// A duration under the profile.
pub(crate) fn scaled(profile: Profile, seconds: f64) -> f64 {
    match profile {
        Profile::Tiny => (seconds * 0.01).clamp(0.2, 1.0),
        _ => seconds,
    }
}

fn wrong(message: impl Into<String>) -> Fault {
    Fault::invalid("wrong-option", message)
}

/// A number of users: `100` or `"0 -> 100"`.
fn users(value: &Dynamic) -> Result<(f64, f64), String> {
    let fail = || format!("must be a number of users, `100` or `\"0 -> 100\"`, got {}", shown(value));
    let count = |text: &str| {
        let number: Option<f64> = text.trim().replace('_', "").parse().ok();
        number.filter(|n| n.fract() == 0.0).ok_or_else(fail)
    };
    let (from, to) = match value.as_int() {
        #[expect(clippy::cast_precision_loss, reason = "bounded below")]
        Ok(n) => (n as f64, n as f64),
        Err(_) => {
            let text = value.clone().into_immutable_string().map_err(|_| fail())?;
            match text.split_once("->") {
                Some((from, to)) => (count(from)?, count(to)?),
                None => (count(&text)?, count(&text)?),
            }
        }
    };
    if [from, to].iter().any(|n| !(0.0..=MOST_USERS).contains(n)) {
        return Err(format!("must be from 0 to {MOST_USERS:.0} users, got {}", shown(value)));
    }
    Ok((from, to))
}

impl Model {
    /// Reads the workload.
    pub(crate) fn of(host: &Host, given: &Given) -> Raised<(Self, Vec<PhaseExpect>)> {
        let ways: Vec<&str> =
            ["arrivals", "users", "phases"].into_iter().filter(|key| given.get(key).is_some()).collect();
        let help =
            "write `arrivals: \"200/s\", duration: \"1 min\"`, or `users: 50, duration: \"1 min\"`, or `phases: [..]`";
        match ways.as_slice() {
            ["arrivals"] => Self::arrivals(host, given).map(|model| (model, Vec::new())),
            ["users"] => Self::users(host, given).map(|model| (model, Vec::new())),
            [_] => Self::phases(host, given),
            [] => Err(given.raise(wrong("`load` needs one of `arrivals`, `users` and `phases`").help(help), "journey")),
            [first, second, ..] => {
                let message =
                    format!("`load` takes one of `arrivals`, `users` and `phases`, got both `{first}` and `{second}`");
                Err(given.raise(wrong(message).help(help), second))
            }
        }
    }

    fn only(given: &Given, way: &str, others: &[&str]) -> Raised<()> {
        match others.iter().find(|key| given.get(key).is_some()) {
            Some(key) => Err(given.raise(wrong(format!("`{key}` does not go with `{way}`")), key)),
            None => Ok(()),
        }
    }

    fn duration(given: &Given) -> Option<f64> {
        given.get("duration").and_then(|value| time(value).ok())
    }

    fn arrivals(host: &Host, given: &Given) -> Raised<Self> {
        Self::only(given, "arrivals", &["iterations", "iterations_per_user", "spread"])?;
        let value = given.get("arrivals").cloned().unwrap_or_default();
        let coming = match value.read_lock::<Coming>() {
            Some(coming) => coming.clone(),
            None => {
                let rate = rate(&value).map_err(|message| {
                    let fault = wrong(format!("`arrivals` {message}"));
                    given.raise(
                        fault.help("write `\"200/s\"`, or one of `constant poisson ramp steps sine bursts replay`"),
                        "arrivals",
                    )
                })?;
                Coming { shape: Shape::Constant(rate), spacing: Spacing::Even }
            }
        };
        let own = coming.own_duration();
        let duration = match (Self::duration(given), own) {
            (Some(duration), Some(own)) => duration.min(own),
            (Some(duration), None) => duration,
            (None, Some(own)) => own,
            (None, None) => {
                return Err(
                    given.raise(wrong("`arrivals` need a `duration`").help("write `duration: \"1 min\"`"), "arrivals")
                );
            }
        };
        let wanted = scaled(host.options.profile, duration);
        let coming = if host.tiny() { coming.squeezed(wanted / duration, wanted) } else { coming };
        Ok(Self::Arrivals { coming, duration: wanted })
    }

    fn users(host: &Host, given: &Given) -> Raised<Self> {
        Self::only(given, "users", &["max_users", "late"])?;
        let value = given.get("users").cloned().unwrap_or_default();
        let (from, to) = users(&value).map_err(|message| given.raise(wrong(format!("`users` {message}")), "users"))?;
        if from.max(to) < 1.0 {
            return Err(given.raise(wrong("`users` must be at least 1 at some time"), "users"));
        }
        let count = |key: &str| given.get(key).and_then(whole);
        let most = |n: u64| if host.tiny() { n.min(100) } else { n };
        let iterations = match (count("iterations"), count("iterations_per_user")) {
            (Some(_), Some(_)) => {
                return Err(given.raise(wrong("one of `iterations` and `iterations_per_user`"), "iterations"));
            }
            (Some(n), None) => Iterations::Shared(most(n)),
            (None, Some(n)) => Iterations::PerUser(most(n)),
            (None, None) => Iterations::Endless,
        };
        let duration = match Self::duration(given) {
            Some(duration) => scaled(host.options.profile, duration),
            None if iterations == Iterations::Endless => {
                let fault = wrong("`users` need a `duration`, or a number of `iterations`");
                return Err(given.raise(fault.help("write `duration: \"1 min\"`"), "users"));
            }
            None if from.to_bits() == to.to_bits() => f64::INFINITY,
            None => return Err(given.raise(wrong("users that change need a `duration`"), "users")),
        };
        let spread = given.get("spread").and_then(|value| time(value).ok()).unwrap_or(0.0);
        let spread = if host.tiny() { spread.min(0.1) } else { spread };
        let phases = vec![UserPhase { name: WHOLE.to_owned(), from, to, duration }];
        Ok(Self::Users { phases, iterations, spread })
    }

    fn phases(host: &Host, given: &Given) -> Raised<(Self, Vec<PhaseExpect>)> {
        Self::only(given, "phases", &["duration", "iterations", "iterations_per_user"])?;
        let (mut rates_of, mut users_of, mut expects) = (Vec::new(), Vec::new(), Vec::new());
        for (number, item) in given.list("phases").into_iter().enumerate() {
            let raise = |fault: Fault| given.raise(fault.or_at(Some(given.at_item(host, "phases", number))), "phases");
            let (name, phase) = Self::phase(host, number, &item).map_err(raise)?;
            if rates_of
                .iter()
                .map(|(known, _): &(String, Phase)| known)
                .chain(users_of.iter().map(|p: &UserPhase| &p.name))
                .any(|known| *known == name)
            {
                return Err(raise(Fault::invalid("duplicate", format!("two phases are called `{name}`"))));
            }
            if let Some(map) = item.read_lock::<Map>()
                && let Some(list) =
                    map.get("expect").and_then(|list| list.read_lock::<rhai::Array>().map(|l| l.clone()))
            {
                let expect = list.iter().map(ToString::to_string).collect();
                expects.push(PhaseExpect { phase: name.clone(), number, expect });
            }
            match phase {
                Stretch::Rate(phase) => {
                    if rates_of.first().is_some_and(|(_, first): &(String, Phase)| first.spacing != phase.spacing) {
                        return Err(raise(wrong("all phases have the same `spacing`")));
                    }
                    rates_of.push((name, phase));
                }
                Stretch::Users(from, to, duration) => users_of.push(UserPhase { name, from, to, duration }),
            }
            if !rates_of.is_empty() && !users_of.is_empty() {
                return Err(raise(wrong("phases have either a `rate` each or `users` each")));
            }
        }
        match (rates_of.is_empty(), most_users(&users_of)) {
            (false, _) => {
                Self::only(given, "phases with a rate", &["spread"])?;
                Ok((Self::RatePhases(rates_of), expects))
            }
            (true, most) if most > 0 => {
                Self::only(given, "phases with users", &["max_users", "late"])?;
                let spread = given.get("spread").and_then(|value| time(value).ok()).unwrap_or(0.0);
                Ok((Self::Users { phases: users_of, iterations: Iterations::Endless, spread }, expects))
            }
            _ => Err(given.raise(wrong("`phases` needs at least one phase with arrivals or users"), "phases")),
        }
    }

    fn phase(host: &Host, number: usize, item: &Dynamic) -> Result<(String, Stretch), Fault> {
        let Some(map) = item.read_lock::<Map>() else {
            return Err(wrong(format!("a phase is a map `#{{ name, rate, duration }}`, got {}", shown(item))));
        };
        for (key, value) in map.iter() {
            let Some(option) = PHASE.iter().find(|option| option.name == key.as_str()) else {
                return Err(given::unknown("phases", key, PHASE));
            };
            option.check(value).map_err(|unfit| wrong(unfit.message))?;
        }
        let name = map.get("name").map_or_else(|| format!("phase {}", number + 1), ToString::to_string);
        let seconds = map.get("duration").and_then(|value| time(value).ok());
        let seconds = seconds.ok_or_else(|| wrong(format!("phase `{name}` needs a `duration`")))?;
        let duration = scaled(host.options.profile, seconds);
        let spacing = match map.get("spacing").map(ToString::to_string).as_deref() {
            None | Some("even") => Spacing::Even,
            Some("poisson") => Spacing::Poisson,
            Some(other) => {
                let near = engine_core::nearest::hint(other, ["even", "poisson"]);
                return Err(wrong(format!("`spacing` must be `\"even\"` or `\"poisson\"`, got `{other}`{near}")));
            }
        };
        let stretch = match (map.get("rate"), map.get("users")) {
            (Some(rate), None) => {
                let (from, to) = rates(rate).map_err(|message| wrong(format!("`rate` {message}")))?;
                Stretch::Rate(Phase { from, to, duration, spacing })
            }
            (None, Some(count)) => {
                let (from, to) = users(count).map_err(|message| wrong(format!("`users` {message}")))?;
                Stretch::Users(from, to, duration)
            }
            _ => return Err(wrong(format!("phase `{name}` needs one of `rate` and `users`"))),
        };
        Ok((name, stretch))
    }

    /// Users at the same time, at most, where nothing is said.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "within the bounds of the constant")]
    pub(crate) fn usual_users(&self) -> usize {
        let peak = match self {
            Self::Arrivals { coming, .. } => coming.peak(),
            Self::RatePhases(phases) => phases.iter().map(|(_, phase)| phase.from.max(phase.to)).fold(0.0, f64::max),
            Self::Users { phases, .. } => return most_users(phases),
        };
        (peak * WORTH).clamp(USERS.0, USERS.1).ceil() as usize
    }

    /// How long it lasts, in seconds; infinite where only iterations end it.
    pub(crate) fn seconds(&self) -> f64 {
        match self {
            Self::Arrivals { duration, .. } => *duration,
            Self::RatePhases(phases) => phases.iter().map(|(_, phase)| phase.duration).sum(),
            Self::Users { phases, .. } => phases.iter().map(|phase| phase.duration).sum(),
        }
    }

    pub(crate) const fn is_shared(&self) -> bool {
        matches!(self, Self::Users { iterations: Iterations::Shared(_), .. })
    }

    /// The workload with its seed.
    pub(crate) fn workload(&self, seed: u64, max_users: usize, catch_up: CatchUp) -> Result<Workload, String> {
        let plan = match self {
            Self::Users { phases, iterations, spread } => {
                return Ok(Workload::Users { phases: phases.clone(), iterations: *iterations, spread: *spread });
            }
            Self::Arrivals { coming, duration } => coming.plan(WHOLE, *duration, seed),
            Self::RatePhases(phases) => {
                let named: Vec<_> = phases.iter().map(|(name, phase)| (name.clone(), vec![*phase])).collect();
                ArrivalPlan::phases(&named, seed)
            }
        };
        Ok(Workload::Arrivals { plan: plan.map_err(|error| error.to_string())?, max_users, catch_up })
    }

    /// In words.
    pub(crate) fn describe(&self) -> String {
        match self {
            Self::Arrivals { coming, .. } => coming.to_string(),
            Self::RatePhases(phases) => {
                let poisson = phases.first().is_some_and(|(_, phase)| phase.spacing == Spacing::Poisson);
                format!("arrivals in {} phases{}", phases.len(), if poisson { ", Poisson" } else { "" })
            }
            Self::Users { phases, iterations, .. } => {
                let users = match phases.as_slice() {
                    [one] if one.from.to_bits() == one.to.to_bits() => format!("{} users", one.to),
                    [one] => format!("users from {} to {}", one.from, one.to),
                    more => format!("users in {} phases", more.len()),
                };
                match iterations {
                    Iterations::Endless => users,
                    Iterations::Shared(n) => format!("{users}, {n} iterations"),
                    Iterations::PerUser(n) => format!("{users}, {n} iterations each"),
                }
            }
        }
    }

    /// The phases as plans show them.
    pub(crate) fn shapes(&self) -> Vec<PhaseShape> {
        let mut start = 0.0;
        let mut shape = |name: &str, seconds: f64, rate, users| {
            let end = start + seconds;
            let shape = PhaseShape { name: name.to_owned(), start, end, rate, users };
            start = end;
            shape
        };
        match self {
            Self::Arrivals { coming, duration } => {
                let rate = coming.plan(WHOLE, *duration, 0).map_or(0.0, |plan| {
                    #[expect(clippy::cast_precision_loss, reason = "far fewer arrivals than 2^53")]
                    let all = plan.count_until(f64::INFINITY) as f64;
                    all / duration
                });
                // A Poisson process has its mean by definition, not by the number that a seed gave.
                let rate = if let Shape::Constant(rate) = coming.shape { rate } else { rate };
                vec![shape(WHOLE, *duration, Some(rate), None)]
            }
            Self::RatePhases(phases) => phases
                .iter()
                .map(|(name, phase)| shape(name, phase.duration, Some((phase.from + phase.to) / 2.0), None))
                .collect(),
            Self::Users { phases, .. } => {
                let seconds = |duration: f64| if duration.is_finite() { duration } else { 0.0 };
                let users = |phase: &UserPhase| Some((phase.from + phase.to) / 2.0);
                phases.iter().map(|phase| shape(&phase.name, seconds(phase.duration), None, users(phase))).collect()
            }
        }
    }
}

/// A phase as read.
enum Stretch {
    Rate(Phase),
    Users(f64, f64, f64),
}

/// Reads `late`.
pub(crate) fn late(text: Option<&str>) -> Result<CatchUp, String> {
    match text {
        None | Some("burst") => Ok(CatchUp::Burst),
        Some("skip") => Ok(CatchUp::Skip),
        Some(other) => other
            .strip_suffix('x')
            .and_then(|number| number.trim().parse().ok())
            .filter(|factor: &f64| *factor > 1.0 && *factor <= 1000.0)
            .map(CatchUp::Limited)
            .ok_or_else(|| {
                format!("must be `\"burst\"`, `\"skip\"` or a factor above 1 such as `\"2x\"`, got `\"{other}\"`")
            }),
    }
}
