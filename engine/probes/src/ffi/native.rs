//! `ffi.native`: what a call of C from Rust costs, rung by rung, beside the same call within Rust.
//!
//! Method: loops of calls that depend on each other; each call does as little as can be checked (an addition, a step of
//! a struct, a look at a text). Every kind is measured twice: across the boundary, and as the same function of Rust that
//! may not be inlined. `overhead` is the difference of the best passes. The rungs: an addition inlined into its loop; a
//! function of Rust; a function of C, linked statically; one in a shared library, through its procedure linkage table
//! (a loop of C in that library, since Rust calls no table; each pass in another copy of it); the same by its address, as
//! Rust calls what is linked dynamically; C that calls back into Rust; structs of 16 and 64 bytes by value; a text to C
//! (allocated, copied, ended with zero) and from C (searched for its end, checked for UTF-8). Passes of all rungs take turns
//! on one pinned CPU.
//! lmbench has no such probe; the comparison is a program of C (`benches/peers/ffi`).
//!
//! What would make the number wrong: a compiler that inlines a rung or folds its loop (every result is checked, and
//! twice the calls must take twice the time); a clock that is read within the loop (it is read once a pass, and its cost is
//! taken off and shown as `floor`); where the system loads a library, on which the jump of the table depends by a third
//! (copies at several addresses take turns, and the best pass counts); link-time optimisation across languages (C is compiled
//! apart). What a processor does beside a call overlaps with it: the loop is not taken off, `inlined` shows it.
#![expect(unsafe_code, reason = "this probe calls foreign functions")]

mod rungs;

use engine_core::args::Args;
use engine_core::metric::MetricDef;
use engine_core::probe::{OwnNoise, ParamDef, ParamKind, ProbeInfo, RoundProcess};
use engine_core::series::Labels;
use engine_core::unit::Unit;

use super::foreign;
use super::turns::{self, Rung};
use crate::{Context, Probe, ProbeError};
use rungs::{KINDS, Kind, Material};

const KIND: ParamDef = ParamDef {
    name: "kind",
    kind: ParamKind::Choice(&[
        "all",
        "inlined",
        "rust",
        "c_static",
        "c_dynamic",
        "c_pointer",
        "callback",
        "struct_16",
        "struct_64",
        "text_in",
        "text_out",
    ]),
    default: Some("all"),
    tiny: None,
    doc: "which calls; in the results they are told apart by the label `kind`",
};

const LATENCY: MetricDef = MetricDef::floor("latency", Unit::Seconds, "a call with its turn of the loop");
const OVERHEAD: MetricDef = MetricDef::floor("overhead", Unit::Seconds, "what it takes more than the same within Rust");
const FLOOR: MetricDef = MetricDef::fact("floor", Unit::Seconds, "one reading of the clock, taken off every pass");
const CALLS: MetricDef = MetricDef::fact("calls", Unit::Count, "calls that were timed and had the right result");

/// The probe.
pub static PROBE: Probe = Probe {
    info: &ProbeInfo {
        id: "ffi.native",
        summary: "What a call of C from Rust costs: static, through the linkage table, callbacks, structs, texts.",
        method: 2,
        about: "Loops of dependent calls, each kind across the boundary and as the same function of Rust that may not be \
                inlined; `overhead` is the difference of the best passes. Kinds: `inlined` and `rust` (an addition, for \
                scale), `c_static`, `c_dynamic` (a shared library's call through its procedure linkage table; copies of the \
                library take turns, since its address decides how well the jump is foreseen), `c_pointer` \
                (the same function by its address, as Rust calls dynamic libraries), `callback` (C calls Rust), `struct_16` \
                and `struct_64` by value, `text_in` (a copy that ends with zero) and `text_out` (searched for its end and \
                checked for UTF-8). Passes take turns on one CPU; one reading of the clock is taken off each and shown as \
                `floor`. The numbers are wrong when a compiler inlines a rung or folds its loop: results are checked, \
                and twice the calls must take twice the time.",
        params: &[KIND],
        metrics: &[LATENCY, OVERHEAD, FLOOR, CALLS],
        round_seconds: 0.8,
        process: RoundProcess::Engine,
        noise: OwnNoise::Quiet,
    },
    run,
};

fn run(args: &Args, cx: &mut Context<'_>) -> Result<(), ProbeError> {
    let wanted = args.text(KIND.name);
    let mut kinds: Vec<&Kind> = KINDS.iter().filter(|kind| wanted == "all" || kind.name == wanted).collect();
    let shared = match foreign::shared() {
        Ok(shared) => Some(shared),
        Err(skip) => {
            kinds.retain(|kind| !kind.dynamic);
            if kinds.is_empty() {
                return Err(skip.into());
            }
            if wanted == "all" {
                cx.note(format!("`c_dynamic` and `c_pointer` are not measured: {}", skip.reason));
            }
            None
        }
    };
    let rungs: Vec<Rung<Material>> = kinds.iter().flat_map(|kind| kind.rungs()).collect();
    let turns = turns::take(cx, &rungs, move || Material::new(shared))?;
    let mut each = turns.each.iter();
    for kind in kinds {
        let labels = Labels::new().with("kind", kind.name);
        let Some(calls) = each.next() else { break };
        cx.record_with(LATENCY.metric(), labels.clone(), calls);
        if kind.twin.is_some()
            && let Some(twin) = each.next()
        {
            cx.record_at(&OVERHEAD, labels, least(calls) - least(twin));
        }
    }
    cx.record(&FLOOR, turns.floor);
    cx.record(&CALLS, turns.total());
    Ok(())
}

/// The best pass.
pub(crate) fn least(passes: &[f64]) -> f64 {
    passes.iter().copied().fold(f64::INFINITY, f64::min)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::harness::tests::{round, round_within, values};

    #[test]
    fn every_kind_has_a_possible_cost() {
        let (records, notes) = round_within(&PROBE, &[], &[("latency", 1e-11..1e-4)]).unwrap();
        let kinds: Vec<_> = records
            .iter()
            .filter(|record| record.metric.id == "latency")
            .map(|record| record.labels.get("kind").unwrap().to_owned())
            .collect();
        assert_eq!(kinds, KINDS.iter().map(|kind| kind.name).collect::<Vec<_>>(), "{notes:?}");
        // No call takes less than a hundredth of a nanosecond, and none 0.1 ms, however busy the machine.
        assert!(values(&records, "latency").iter().all(|cost| (1e-11..1e-4).contains(cost)), "{records:?}");
        assert_eq!(values(&records, "overhead").len(), KINDS.iter().filter(|kind| kind.twin.is_some()).count());
        assert!(values(&records, "calls")[0] > 100.0 && values(&records, "floor")[0] > 0.0);
    }

    #[test]
    fn one_kind_can_be_asked_for() {
        let (records, _) = round(&PROBE, &[("kind", "c_dynamic")]).unwrap();
        assert!(records.iter().filter(|record| record.metric.id == "latency").count() == 1);
        assert_eq!(records[0].labels.get("kind"), Some("c_dynamic"));
    }

    #[test]
    fn every_kind_is_an_option_and_every_option_a_kind() {
        let ParamKind::Choice(words) = KIND.kind else { panic!("not a choice") };
        assert_eq!(&words[1..], KINDS.iter().map(|kind| kind.name).collect::<Vec<_>>());
    }
}
