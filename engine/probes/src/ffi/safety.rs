//! `ffi.safety`: what each guarantee of Rust costs, beside unsafe Rust and C.
//!
//! Method: seven kernels, each the same work with and without one guarantee: an index within its array, an addition that
//! does not overflow, one user of a cell at a time (`RefCell`), the same between threads (`Mutex`, uncontended), what is
//! used is alive (`Arc`), a text that is what it claims (parsing), bytes of one's own (a copy of 64 bytes). Each runs as
//! safe Rust, as safe Rust whose guarantee the compiler has proved (masked index, `Cell`, `&mut`, a borrow), as unsafe Rust,
//! as C without the guarantee, and as C that keeps it by hand. All sides read the same data, which fit into a first-level
//! cache, take turns on one pinned CPU, and must give the sum that plain arithmetic gives.
//!
//! What would make the number wrong: a compiler that proves what was to be checked (indices are random, and read from
//! memory), or that folds sweeps over unchanged data (memory is said to change between them, and twice the sweeps must take
//! twice the time); C and Rust compiled at unlike levels (both at 3); a build with debug assertions, in which unsafe Rust
//! checks too. A ratio is that of these kernels: in a loop that waits for memory the same check is free.

use engine_core::args::Args;
use engine_core::metric::MetricDef;
use engine_core::probe::{OwnNoise, ParamDef, ParamKind, ProbeInfo, RoundProcess};
use engine_core::series::Labels;
use engine_core::unit::Unit;

use super::kernels::{Data, KERNELS, Kernel, Side, sweeps};
use super::native::least;
use super::turns::{self, Rung};
use crate::{Context, Probe, ProbeError};

const KERNEL: ParamDef = ParamDef {
    name: "kernel",
    kind: ParamKind::Choice(&["all", "indexing", "overflow", "refcell", "mutex", "arc", "parsing", "copying"]),
    default: Some("all"),
    tiny: None,
    doc: "which guarantee; in the results they are told apart by the label `kernel`",
};

const LATENCY: MetricDef = MetricDef::floor("latency", Unit::Seconds, "an operation of the kernel, by side");
const COST: MetricDef =
    MetricDef::floor("cost", Unit::Seconds, "what the guarantee costs an operation: safe less unsafe Rust");
const COST_RATIO: MetricDef = MetricDef::floor("cost_ratio", Unit::Ratio, "time of safe Rust over that of unsafe Rust");
const FLOOR: MetricDef = MetricDef::fact("floor", Unit::Seconds, "one reading of the clock, taken off every pass");
const OPERATIONS: MetricDef =
    MetricDef::fact("operations", Unit::Count, "operations that were timed and had the right result");

/// The probe.
pub static PROBE: Probe = Probe {
    info: &ProbeInfo {
        id: "ffi.safety",
        summary: "What each guarantee of Rust costs: the same kernels as safe Rust, unsafe Rust and C.",
        method: 1,
        about: "Seven kernels with and without one guarantee: `indexing`, `overflow`, `refcell`, `mutex` (uncontended), `arc`, \
                `parsing`, `copying` (64 bytes). Sides: `safe`, `proven` (safe Rust in which the compiler has proved it), \
                `unsafe`, `c`, and `c_checked` (C that keeps the guarantee by hand). `cost` is safe less unsafe Rust, \
                `cost_ratio` one over the other. Data fit into a first-level cache; sides take turns on one CPU, and all \
                sums must be equal. The numbers are wrong when a compiler proves what was to be checked or folds sweeps: \
                indices are random, and twice the sweeps must take twice the time. They are not to be taken over to loops \
                that wait for memory.",
        params: &[KERNEL],
        metrics: &[LATENCY, COST, COST_RATIO, FLOOR, OPERATIONS],
        round_seconds: 1.4,
        process: RoundProcess::Engine,
        noise: OwnNoise::Quiet,
    },
    run,
};

fn run(args: &Args, cx: &mut Context<'_>) -> Result<(), ProbeError> {
    let wanted = args.text(KERNEL.name);
    if cfg!(debug_assertions) {
        cx.note("built with debug assertions: unsafe Rust checks too, so that guarantees look cheaper than they are");
    }
    let kernels: Vec<&Kernel> = KERNELS.iter().filter(|kernel| wanted == "all" || kernel.name == wanted).collect();
    let rungs: Vec<Rung<Data>> = kernels
        .iter()
        .flat_map(|kernel| {
            let expected = kernel.expected;
            kernel.sides.iter().map(move |&(side, sweep)| {
                let sweeps = move |data: &mut Data, count| sweeps(data, sweep, count);
                Rung::new(label(kernel, side), sweeps, move |data, _| expected(data))
            })
        })
        .collect();
    let seed = cx.seed;
    let turns = turns::take(cx, &rungs, move || Data::new(seed))?;
    let mut each = turns.each.iter().zip(&turns.calls);
    let mut operations = 0;
    for kernel in &kernels {
        let of_kernel = Labels::new().with("kernel", kernel.name);
        let mut best = [f64::INFINITY; 2];
        for (side, _) in kernel.sides {
            let Some((sweeps, count)) = each.next() else { break };
            operations += count * kernel.operations as u64;
            let values: Vec<f64> = sweeps.iter().map(|seconds| seconds / kernel.operations as f64).collect();
            match side {
                Side::Safe => best[0] = least(&values),
                Side::Unsafe => best[1] = least(&values),
                _ => {}
            }
            cx.record_with(LATENCY.metric(), of_kernel.clone().with("side", side.name()), &values);
        }
        cx.record_at(&COST, of_kernel.clone(), best[0] - best[1]);
        cx.record_at(&COST_RATIO, of_kernel, best[0] / best[1]);
    }
    cx.record(&FLOOR, turns.floor);
    cx.record(&OPERATIONS, operations as f64);
    Ok(())
}

/// What an error calls a side of a kernel.
fn label(kernel: &Kernel, side: Side) -> String {
    format!("{} {}", kernel.name, side.name())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::harness::tests::{round, round_within, values};

    #[test]
    fn every_guarantee_has_a_possible_cost() {
        let (records, _) = round_within(&PROBE, &[], &[("latency", 1e-12..1e-4)]).unwrap();
        let sides: usize = KERNELS.iter().map(|kernel| kernel.sides.len()).sum();
        assert_eq!(records.iter().filter(|record| record.metric.id == "latency").count(), sides);
        // Nothing takes less than a hundredth of a nanosecond, and nothing 0.1 ms, however busy the machine.
        assert!(values(&records, "latency").iter().all(|cost| (1e-12..1e-4).contains(cost)), "{records:?}");
        assert_eq!(values(&records, "cost_ratio").len(), KERNELS.len());
        assert!(values(&records, "operations")[0] > 1e4);
    }

    #[test]
    fn one_kernel_can_be_asked_for_and_every_kernel_is_an_option() {
        let ParamKind::Choice(words) = KERNEL.kind else { panic!("not a choice") };
        assert_eq!(&words[1..], KERNELS.iter().map(|kernel| kernel.name).collect::<Vec<_>>());
        let (records, _) = round(&PROBE, &[("kernel", "arc")]).unwrap();
        assert!(records.iter().all(|record| record.labels.get("kernel").is_none_or(|name| name == "arc")));
    }
}
