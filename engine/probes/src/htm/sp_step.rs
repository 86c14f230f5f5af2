//! `htm.sp_step`: a step of the spatial pooler on the community's benchmark stream.
//!
//! Method: the hello stream (a noisy sine in 1,000 bits, a fifth of them on) goes through a pooler of 2,048 columns with the
//! community's default parameters; each step is timed by itself. The inputs are made before.
//!
//! What would make the number wrong: a step that leaves something out (the number of winners, and that no loser has more
//! overlap than a winner, are checked after each step; at the end all overlaps are counted anew from the synapses); the
//! clock, whose reading is some 0.05 us of each step; a pooler that collapses to the same winners (they must change).

use engine_core::args::Args;
use engine_core::metric::MetricDef;
use engine_core::probe::{OwnNoise, ParamDef, ParamKind, ProbeInfo, RoundProcess};
use engine_core::unit::Unit;
use engine_htm::Sdr;
use engine_htm::pooler::SpatialPooler;

use super::{failed, stream};
use crate::harness::Stopwatch;
use crate::{Context, Probe, ProbeError};

const INHIBITION: ParamDef = ParamDef {
    name: "inhibition",
    kind: ParamKind::Choice(&["global", "local"]),
    default: Some("global"),
    tiny: None,
    doc: "columns compete with all others, or with their neighbours",
};
const STEPS: ParamDef = ParamDef {
    name: "steps",
    kind: ParamKind::Count { min: 10, max: 1_000_000 },
    default: Some("2000"),
    tiny: Some("40"),
    doc: "steps of a round, each a sample",
};
const LEARN: ParamDef =
    ParamDef { name: "learn", kind: ParamKind::Flag, default: Some("true"), tiny: None, doc: "whether winners learn" };

const TIME: MetricDef = MetricDef::cost("time", Unit::Seconds, "one step");
const BYTES: MetricDef = MetricDef::fact("bytes", Unit::Bytes, "memory of the pooler");

/// The probe.
pub static PROBE: Probe = Probe {
    info: &ProbeInfo {
        id: "htm.sp_step",
        summary: "A step of the spatial pooler of Hierarchical Temporal Memory, with global or local inhibition.",
        method: 1,
        about: "The community's benchmark stream (a noisy sine in 1,000 bits) through 2,048 columns with default \
                parameters; every step is a sample. Winners are checked after each step against the overlaps, and the \
                overlaps are counted anew from the synapses at the end. The number is wrong when a step leaves out \
                work, which these checks tell, or when the pooler always chooses the same columns, which is refused.",
        params: &[INHIBITION, STEPS, LEARN],
        metrics: &[TIME, BYTES],
        round_seconds: 0.3,
        process: RoundProcess::Engine,
        noise: OwnNoise::Quiet,
    },
    run,
};

fn run(args: &Args, cx: &mut Context<'_>) -> Result<(), ProbeError> {
    let global = args.text(INHIBITION.name) == "global";
    let steps = usize::try_from(args.whole(STEPS.name)).unwrap_or(usize::MAX);
    let learn = args.flag(LEARN.name);
    let inputs = stream::encoded(steps)?;
    let mut pooler = SpatialPooler::new(stream::pooler(global)).map_err(failed)?;
    let mut winners = Sdr::empty(stream::COLUMNS);
    let mut times = Vec::with_capacity(steps);
    let mut before = Sdr::empty(stream::COLUMNS);
    let mut changes = 0;
    for input in &inputs {
        cx.check()?;
        let clock = Stopwatch::start();
        let done = pooler.step(input, learn, &mut winners);
        times.push(clock.stop().as_secs_f64());
        done.map_err(failed)?;
        verify(&pooler, &winners, global)?;
        changes += usize::from(winners != before);
        before.clone_from(&winners);
    }
    if changes < steps / 2 {
        return Err(ProbeError::verification(format!("the winners changed at {changes} of {steps} steps")));
    }
    if let Some(input) = inputs.last() {
        pooler.step(input, false, &mut winners).map_err(failed)?;
        verify_overlaps(&pooler, input)?;
    }
    cx.record_all(&TIME, &times);
    cx.record(&BYTES, pooler.bytes() as f64);
    Ok(())
}

/// That the winners are as many as the density says, and those with the most overlap.
fn verify(pooler: &SpatialPooler, winners: &Sdr, global: bool) -> Result<(), ProbeError> {
    let overlaps = pooler.overlaps();
    let expected = (pooler.params().density * overlaps.len() as f64) as usize;
    let count = winners.on().len();
    // Among neighbours the share is rounded, and near ties both may win.
    let right = if global { count == expected } else { (expected / 2..=expected * 2).contains(&count) };
    if !right {
        return Err(ProbeError::verification(format!("{count} columns win, where {expected} should")));
    }
    if !global {
        return Ok(());
    }
    let mut losers = overlaps.to_vec();
    let mut least = u16::MAX;
    for &winner in winners.on() {
        least = least.min(losers[winner as usize]);
        losers[winner as usize] = 0;
    }
    if losers.iter().any(|overlap| *overlap > least) {
        return Err(ProbeError::verification(format!("a column with more overlap than a winner's {least} lost")));
    }
    Ok(())
}

/// That the overlaps are the connected synapses to active inputs.
fn verify_overlaps(pooler: &SpatialPooler, input: &Sdr) -> Result<(), ProbeError> {
    let connected = pooler.params().connected;
    for (column, &overlap) in (0..).zip(pooler.overlaps()) {
        let on =
            |(from, permanence): &(u32, f64)| *permanence >= connected - 1e-9 && input.on().binary_search(from).is_ok();
        let counted = pooler.synapses(column).filter(on).count();
        if counted != usize::from(overlap) {
            let wrong = format!("column {column} has an overlap of {counted}, and {overlap} was found");
            return Err(ProbeError::verification(wrong));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::harness::tests::{round, values};

    #[test]
    fn both_inhibitions_learn_and_do_not() {
        for (inhibition, learn) in [("global", "true"), ("local", "true"), ("global", "false")] {
            let (records, _) = round(&PROBE, &[("inhibition", inhibition), ("learn", learn)]).unwrap();
            let times = values(&records, "time");
            assert!(times.len() == 40 && times.iter().all(|time| (1e-7..60.0).contains(time)), "{times:?}");
        }
    }

    #[test]
    fn wrong_winners_and_overlaps_are_found() {
        let inputs = stream::encoded(1).unwrap();
        let mut pooler = SpatialPooler::new(stream::pooler(true)).unwrap();
        let mut winners = Sdr::empty(stream::COLUMNS);
        pooler.step(&inputs[0], false, &mut winners).unwrap();
        verify(&pooler, &winners, true).unwrap();
        verify_overlaps(&pooler, &inputs[0]).unwrap();
        assert!(verify(&pooler, &Sdr::new(stream::COLUMNS, (0..102).collect()).unwrap(), true).is_err());
        assert!(verify(&pooler, &Sdr::empty(stream::COLUMNS), true).is_err());
        assert!(verify_overlaps(&pooler, &Sdr::empty(1_000)).is_err());
    }
}
