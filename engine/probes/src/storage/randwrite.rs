//! `storage.randwrite`: random writes. Method, source, and what would make the number wrong: see `io`.

use engine_core::probe::ProbeInfo;

use super::io;
use super::load::Pattern;
use crate::Probe;

/// The probe.
pub static PROBE: Probe = Probe {
    info: &ProbeInfo {
        id: "storage.randwrite",
        summary: "Rate and latency of random writes with many requests under way.",
        ..io::RANDOM
    },
    run: |args, cx| io::run(Pattern::RandWrite, args, cx),
};
