//! What the build probes record alike.

use engine_core::metric::MetricDef;
use engine_core::unit::Unit;

use super::cargo::Cost;
use super::job::Built;
use crate::Context;

pub(crate) const WALL: MetricDef = MetricDef::cost("wall", Unit::Seconds, "time from cargo's start to its end");
pub(crate) const CPU: MetricDef = MetricDef::cost("cpu", Unit::Seconds, "CPU time of cargo, compilers and linkers");
pub(crate) const USER: MetricDef = MetricDef::cost("user", Unit::Seconds, "the part of it in user mode");
pub(crate) const SYSTEM: MetricDef = MetricDef::cost("system", Unit::Seconds, "the part of it in the kernel");
pub(crate) const PEAK_MEMORY: MetricDef =
    MetricDef::cost("peak_memory", Unit::Bytes, "largest resident memory of one process");
pub(crate) const TREE_MEMORY: MetricDef =
    MetricDef::cost("tree_memory", Unit::Bytes, "most memory of all processes at once, sampled");
pub(crate) const COMPILED: MetricDef =
    MetricDef::fact("compiled", Unit::Count, "crates and programs that were compiled");
pub(crate) const PROGRAM_SIZE: MetricDef =
    MetricDef::cost("program_size", Unit::Bytes, "size of all programs that were built");

/// What every build from nothing records.
pub(crate) const ALL: [MetricDef; 8] = [WALL, CPU, USER, SYSTEM, PEAK_MEMORY, TREE_MEMORY, COMPILED, PROGRAM_SIZE];
/// What a build records that is too short for samples of its memory.
pub(crate) const AGAIN: [MetricDef; 7] = [WALL, CPU, USER, SYSTEM, PEAK_MEMORY, COMPILED, PROGRAM_SIZE];

/// Records what a call cost.
pub(crate) fn record_cost(cx: &mut Context<'_>, cost: &Cost) {
    cx.record(&WALL, cost.wall);
    cx.record(&CPU, cost.user + cost.system);
    cx.record(&USER, cost.user);
    cx.record(&SYSTEM, cost.system);
    if let Some(peak) = cost.peak_memory {
        cx.record(&PEAK_MEMORY, peak);
    }
}

/// Records the most memory of all processes at once. The samples may have missed the moment at which the largest process
/// was largest; it was there all the same.
pub(crate) fn record_tree(cx: &mut Context<'_>, cost: &Cost) {
    if let Some(tree) = cost.tree_memory {
        cx.record(&TREE_MEMORY, cost.peak_memory.map_or(tree, |peak| tree.max(peak)));
    }
}

/// Records what a build cost and what it made.
pub(crate) fn record(cx: &mut Context<'_>, built: &Built) {
    record_cost(cx, &built.cost);
    cx.record(&COMPILED, built.messages.compiled() as f64);
    let sizes = built.messages.programs().filter_map(|path| std::fs::metadata(path).ok()).map(|file| file.len());
    match sizes.sum::<u64>() {
        0 => {}
        size => cx.record(&PROGRAM_SIZE, size as f64),
    }
}
