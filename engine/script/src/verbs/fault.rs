//! `fault`: a victim under load that is broken and watched until it is well again.

use engine_core::arrivals::Spacing;
use engine_core::expect::{Expectation, Op, Value};
use engine_core::fault::{Criteria, FaultShape, PHASES, VictimKind};
use engine_core::load::PhaseShape;
use engine_core::measurement::Stat;
use engine_core::plan::Profile;
use engine_core::series::Labels;
use rhai::{Dynamic, FnPtr, NativeCallContext};

use super::arrivals::{Coming, Shape, rate};
use super::faults::{Broken, victim};
use super::load::point_of;
use super::load_model::Model;
use super::target::Place;
use super::trials::{Read, TrialsOf, Verb};
use crate::fault::{Fault, Raised};
use crate::fault_options::{FAULT, STEADY};
use crate::given::Given;
use crate::host::Host;
use crate::kept::Kept;
use crate::load_expect;
use crate::verb_options::{shown, time, whole};

pub(super) const FAULT_VERB: Verb = Verb {
    name: "fault",
    table: FAULT,
    example: "fault(\"shop.crash\", #{ victim: demo_target(), steady: #{ arrivals: constant(\"100/s\"), journey: order }, inject: faults::crash() })",
    point,
};

/// The longest repetition, in seconds: nothing is broken for longer.
const LONGEST: f64 = 500.0;

/// Time until an answer must be there where nothing is said, in seconds: less than the 30 s of other loads, because what
/// waits for so long holds up the verdict.
const TIMEOUT: f64 = 2.0;

/// Under the tiny profile: baseline, fault, time to get well, and window, in seconds.
const TINY: (f64, f64, f64, f64) = (0.8, 0.3, 1.0, 0.1);

fn wrong(message: impl Into<String>) -> Fault {
    Fault::invalid("wrong-option", message)
}

/// A point of `fault`.
fn point(host: &Host, ctx: &NativeCallContext<'_>, given: &Given, labels: &Labels) -> Raised<Read> {
    let victim = victim(host, given)?;
    let inject = inject(given)?;
    let def = inject.def().ok_or_else(|| given.raise(wrong("there is no such fault"), "inject"))?;
    let tiny = host.tiny();
    let seconds = |key: &str, usual: f64| given.get(key).and_then(|value| time(value).ok()).unwrap_or(usual);
    if def.instant && given.get("duration").is_some() {
        let message = format!("`{}` is over when it has happened: it has no `duration`", def.info.id);
        return Err(given.raise(wrong(message), "duration"));
    }
    let (mut criteria, mut within, own) = recovers(host, given)?;
    let mut after = seconds("after", 30.0);
    let mut lasts = if def.instant { 0.0 } else { seconds("duration", 10.0) };
    let mut warmup = given.get("warmup").and_then(|value| time(value).ok()).unwrap_or(0.0);
    let mut window = own.unwrap_or_else(|| seconds("window", 1.0));
    if tiny {
        (after, lasts, within) = (after.min(TINY.0), lasts.min(TINY.1), within.min(TINY.2));
        (warmup, window) = (warmup.min(TINY.1), window.min(TINY.3));
        (criteria.least, criteria.requests, criteria.consecutive) = (3, 10, criteria.consecutive.min(3));
    }
    let verify = verify(host, ctx, given)?;
    let fault = FaultShape {
        victim,
        inject: inject.injection(),
        warmup,
        after: warmup + after,
        lasts,
        within,
        window,
        criteria,
        verify: verify.is_some(),
        judged: host.options.profile != Profile::Tiny,
    };
    if fault.seconds() > LONGEST {
        let message = format!("a repetition takes {:.0} s: at most {LONGEST} s", fault.seconds());
        return Err(given.raise(wrong(message), "after"));
    }
    let coming = steady(host, given)?;
    let each = coming.peak();
    enough(given, &fault, each)?;
    let mut steady = given.inner(host, "steady", STEADY)?;
    let whose = matches!(fault.victim.what, VictimKind::Process { .. });
    match (whose, steady.get("target").is_some()) {
        (false, true) => {
            return Err(steady.raise(wrong("the load goes to the victim: leave `target` out"), "target"));
        }
        (true, false) => {
            let message = "a victim that is not started here needs the `target` of its load";
            return Err(given
                .raise(wrong(message).help("write `steady: #{ target: \"http://127.0.0.1:8080\", .. }`"), "steady"));
        }
        _ => {}
    }
    // A load's usual time-out would hold its users for half a minute.
    let timeout = steady.get("timeout").and_then(|value| time(value).ok()).unwrap_or(TIMEOUT);
    let timeout = if tiny { timeout.min(0.3) } else { timeout };
    steady.map.insert("timeout".into(), format!("{timeout} s").into());
    if let Some(watch) = given.get("watch") {
        steady.map.insert("watch".into(), watch.clone());
    }
    if steady.get("max_users").is_none() {
        // Everybody who comes while nobody is answered.
        let most = (each * (timeout + 1.0) * 2.0).clamp(50.0, 100_000.0).ceil();
        #[expect(clippy::cast_possible_truncation, reason = "clamped")]
        steady.map.insert("max_users".into(), (most as i64).into());
    }
    let grace = format!("{} s", timeout + 1.0);
    steady.map.insert("graceful".into(), grace.into());
    let model = Model::Arrivals { coming, duration: fault.seconds() };
    let mut point = point_of(host, ctx, &steady, labels, model)?;
    if matches!(point.target, Place::None) {
        point.target = Place::Victim;
    }
    point.verify = verify;
    point.trials = TrialsOf::Fault(Box::new(fault));
    let expect = load_expect::expectations(host, given, &point, &[]).map_err(|fault| given.raise(fault, "expect"))?;
    if host.options.once {
        let message = "`--once` tries a journey, and a fault is more than that: put the journey into a `load(..)`";
        return Err(given.raise(wrong(message), "steady"));
    }
    Ok((point, expect))
}

/// The fault that `inject` names.
fn inject(given: &Given) -> Raised<Broken> {
    let value = given.get("inject").cloned().unwrap_or_default();
    let broken = value.read_lock::<Broken>().map(|broken| broken.clone());
    broken.ok_or_else(|| {
        let message = if value.is_unit() {
            "`fault` needs a fault to `inject`".to_owned()
        } else {
            format!("`inject` must be a fault such as `faults::crash()`, got {}", shown(&value))
        };
        let key = if value.is_unit() { "victim" } else { "inject" };
        given.raise(wrong(message).help("write `inject: faults::crash()`; `engine doc faults` lists them"), key)
    })
}

/// The arrivals of the load.
fn steady(host: &Host, given: &Given) -> Raised<Coming> {
    let help = "write `steady: #{ arrivals: constant(\"100/s\"), journey: |user| user.get(\"/\") }`";
    if given.get("steady").is_none() {
        return Err(given.raise(wrong("`fault` needs a `steady` load").help(help), "victim"));
    }
    let inner = given.inner(host, "steady", STEADY)?;
    let Some(value) = inner.get("arrivals").cloned() else {
        let message =
            "`steady` needs `arrivals`: in a closed loop users would wait while the victim is down, and ask for less";
        return Err(given.raise(wrong(message).help(help), "steady"));
    };
    let coming = match value.read_lock::<Coming>() {
        Some(coming) => coming.clone(),
        None => {
            let rate =
                rate(&value).map_err(|message| inner.raise(wrong(format!("`arrivals` {message}")), "arrivals"))?;
            Coming { shape: Shape::Constant(rate), spacing: Spacing::Even }
        }
    };
    match (&coming.shape, coming.spacing) {
        (Shape::Constant(rate), Spacing::Even) if *rate > 0.0 => Ok(coming),
        _ => {
            let message = "`arrivals` of a fault are evenly spaced at one rate: chance or a course of their own would look like a loss";
            Err(inner.raise(wrong(message).help("write `arrivals: constant(\"100/s\")`"), "arrivals"))
        }
    }
}

/// A baseline that is too short to say anything is an error now, and not after a run.
fn enough(given: &Given, fault: &FaultShape, rate: f64) -> Raised<()> {
    let before = fault.after - fault.warmup;
    let windows = (before / fault.window + 1e-9).floor();
    #[expect(clippy::cast_precision_loss, reason = "a handful of windows, and some thousands of requests")]
    let (least, requests) = (fault.criteria.least as f64, fault.criteria.requests as f64);
    if windows < least {
        let message =
            format!("the {before} s before the fault are {windows} windows: at least {least} make a baseline");
        return Err(
            given.raise(wrong(message).help("wait longer (`after`), or take shorter windows (`window`)"), "after")
        );
    }
    if rate * before < requests {
        let message = format!(
            "in the {before} s before the fault {:.0} users come: at least {requests} requests make a baseline",
            rate * before
        );
        return Err(given.raise(wrong(message).help("wait longer (`after`), or let more come (`arrivals`)"), "after"));
    }
    if fault.seconds() / fault.window > 2000.0 {
        let message = format!("{:.0} windows: at most 2000", fault.seconds() / fault.window);
        return Err(given.raise(wrong(message), "window"));
    }
    Ok(())
}

fn verify(host: &Host, ctx: &NativeCallContext<'_>, given: &Given) -> Raised<Option<Kept>> {
    let Some(value) = given.get("verify") else { return Ok(None) };
    let Some(function) = value.clone().try_cast::<FnPtr>() else {
        let fault = wrong(format!("`verify` must be a function `|user, key| ..`, got {}", shown(value)));
        return Err(given.raise(fault, "verify"));
    };
    Kept::verify(host, ctx, &function, given.at("verify")).map(Some)
}

/// What counts as well, and within which time.
fn recovers(host: &Host, given: &Given) -> Raised<(Criteria, f64, Option<f64>)> {
    let mut criteria = Criteria::default();
    let mut within = 30.0;
    let mut window: Option<f64> = None;
    let texts: Vec<Dynamic> = match given.get("recovers") {
        None => Vec::new(),
        Some(value) if value.is_string() => vec![value.clone()],
        Some(_) => given.list("recovers"),
    };
    if given.get("recovers").is_some() && (texts.is_empty() || !texts.iter().all(Dynamic::is_string)) {
        let message = "`recovers` must be a text or a list of texts: `\"response.p95 <= 1.10 * baseline within 20 s\"`";
        return Err(given.raise(wrong(message), "recovers"));
    }
    for (item, text) in texts.iter().enumerate() {
        let text = text.to_string();
        let raise = |message: String| {
            let at = given.at_item(host, "recovers", item);
            let fault = wrong(format!("`recovers`: {message}")).or_at(Some(at));
            let help = "`response.p95 <= K * baseline`, `rate >= K * baseline` or `errors <= SHARE`, `response.p95[1 s] <= K * baseline for N windows`, each with `within TIME`";
            given.raise(fault.help(help), "recovers")
        };
        let parsed = Expectation::parse(&text).map_err(|error| raise(format!("in `{text}`: {}", error.problem)))?;
        let claim = parsed.claim();
        let known = !claim.left.slope && claim.left.labels.is_empty();
        let mut factor = 1.0;
        let mut of_baseline = false;
        let mut share = None;
        for value in &claim.right {
            match value {
                Value::Baseline => of_baseline = true,
                Value::Amount(amount) => {
                    factor *= amount.quantity.value;
                    share = Some(amount.quantity.value);
                }
                _ => return Err(raise(format!("`{text}` must be held against the baseline"))),
            }
        }
        let up = matches!(claim.op, Op::Less | Op::AtMost);
        let down = matches!(claim.op, Op::Greater | Op::AtLeast);
        match (claim.left.metric.as_deref(), claim.left.stat) {
            (Some("response"), Some(Stat::Percentile(p)))
                if known && up && of_baseline && (p - 95.0).abs() < 1e-9 && factor >= 1.0 =>
            {
                criteria.latency = factor - 1.0;
            }
            (Some("rate"), None) if known && down && of_baseline && factor <= 1.0 => criteria.rate = 1.0 - factor,
            (Some("errors"), None) if known && up && !of_baseline => {
                criteria.errors = share
                    .filter(|share| (0.0..=1.0).contains(share))
                    .ok_or_else(|| raise(format!("`{text}` needs a share")))?;
            }
            _ => return Err(raise(format!("`{text}` is none of what can be looked for"))),
        }
        if let Some(windows) = claim.windows {
            criteria.consecutive = usize::try_from(windows).unwrap_or(usize::MAX).clamp(1, 1000);
        }
        if let Some(amount) = &claim.left.window {
            let length = amount.quantity.value;
            if window.is_some_and(|known| (known - length).abs() > 1e-9) || given.get("window").is_some() {
                return Err(raise("the length of a window is given twice".to_owned()));
            }
            window = Some(length);
        }
        if let Some(amount) = &claim.within {
            within = amount.quantity.value;
        }
    }
    // What is well again is held against a steady state that is as wide.
    criteria.spread = criteria.spread.max(criteria.latency / 2.0);
    Ok((criteria, within, window))
}

/// How often: each repetition is a round.
pub(crate) fn repetitions(given: &Given) -> Option<u32> {
    given.get("repeat").and_then(whole).and_then(|count| u32::try_from(count).ok())
}

/// The phases of the load around a fault.
pub(super) fn phases(fault: &FaultShape, model: &Model) -> Vec<PhaseShape> {
    let rate = model.shapes().first().and_then(|phase| phase.rate);
    let ends = [fault.after, fault.removed(), fault.seconds()];
    let mut start = fault.warmup;
    let shape = |(name, end): (&&str, f64)| {
        let shape = PhaseShape { name: (*name).to_owned(), start, end, rate, users: None };
        start = end;
        shape
    };
    PHASES.iter().zip(ends).map(shape).filter(|phase| phase.end > phase.start).collect()
}
