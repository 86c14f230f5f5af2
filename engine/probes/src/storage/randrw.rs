//! `storage.randrw`: seven random reads to three random writes. Method, source, and what would make the number wrong: see `io`.

use engine_core::probe::ProbeInfo;

use super::io;
use super::load::Pattern;
use crate::Probe;

/// The probe.
pub static PROBE: Probe = Probe {
    info: &ProbeInfo {
        id: "storage.randrw",
        summary: "Rate and latency of random reads and writes, seven to three.",
        ..io::RANDOM
    },
    run: |args, cx| io::run(Pattern::RandRw, args, cx),
};
