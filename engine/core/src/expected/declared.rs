//! What a machine declares of itself: the bus by its memory modules, its clock, the sizes of its caches.

use super::{Figure, FigureKind, Subject};
use crate::environment::Environment;
use crate::quantity::Quantity;
use crate::series::Labels;
use crate::unit::Unit;

/// Bytes that a channel moves in one transfer: 64 data bits (JESD79: DDR to DDR5; a DDR5 channel is two halves of 32).
const CHANNEL_BYTES: f64 = 8.0;

/// Probes whose `rate` crosses the memory bus, once for each byte that they count or more often.
pub(super) const BUS_PROBES: [&str; 2] = ["memory.stream", "memory.read"];

/// The most that the memory modules can move, in bytes a second, with the arithmetic: channels x transfers x 8 bytes.
/// None where the firmware does not tell modules, speed or channels.
pub(super) fn bus(environment: &Environment) -> Option<(f64, String)> {
    let dimms = environment.memory.dimms.known()?;
    let channels = environment.memory.channels.copied()?;
    // All channels run at the speed of the slowest module.
    let speed = dimms.iter().map(|dimm| dimm.speed_mts).collect::<Option<Vec<u32>>>()?.into_iter().min()?;
    let ddr = dimms.iter().all(|dimm| dimm.technology.starts_with("DDR"));
    let rate = f64::from(channels) * f64::from(speed) * 1e6 * CHANNEL_BYTES;
    let text = format!("{channels} x {speed} MT/s x 8 B by the memory modules");
    (ddr && rate > 0.0).then_some((rate, text))
}

/// The figures that a machine declares of itself.
#[must_use]
pub fn declared(environment: &Environment) -> Vec<Figure> {
    let mut figures = Vec::new();
    let figure = |probe: &str, metric: &str, value: f64, unit: Unit, kind, source: String| Figure {
        subject: Subject { probe: probe.to_owned(), metric: metric.to_owned(), labels: Labels::new() },
        value: Quantity::of(value, unit),
        kind,
        source,
    };
    if let Some((rate, text)) = bus(environment) {
        for probe in BUS_PROBES {
            figures.push(figure(probe, "rate", rate, Unit::BytesPerSecond, FigureKind::Ceiling, text.clone()));
        }
    }
    if let Some(mhz) = environment.cpu.max_mhz.copied().filter(|mhz| *mhz > 0.0) {
        let source = "the highest frequency that the frequency driver names".to_owned();
        figures.push(figure("cpu.clock", "clock", mhz * 1e6, Unit::Hertz, FigureKind::Typical, source));
    }
    for (name, metric) in [("L1d", "l1_size"), ("L2", "l2_size"), ("L3", "l3_size")] {
        let of_level = environment.cpu.caches.known().into_iter().flatten().filter(|cache| cache.name == name);
        let sizes: Vec<u64> = of_level.map(|cache| cache.size_bytes).collect();
        // Where the kinds of core have unlike caches, which one was measured is not known here.
        if let [bytes] = sizes.as_slice() {
            #[expect(clippy::cast_precision_loss, reason = "a cache has far fewer than 2^53 bytes")]
            let bytes = *bytes as f64;
            let source = format!("size of {name} as the system declares it");
            figures.push(figure("cache.latency", metric, bytes, Unit::Bytes, FigureKind::Typical, source));
        }
    }
    figures
}

/// All last-level caches together, in bytes; zero where they are not known.
pub(super) fn last_level(environment: &Environment) -> f64 {
    let groups = environment.cpu.l3_groups.known().into_iter().flatten();
    #[expect(clippy::cast_precision_loss, reason = "caches have far fewer than 2^53 bytes")]
    groups.map(|group| group.size_bytes as f64).sum()
}
