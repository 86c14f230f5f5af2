//! `storage.randread`: random reads. Method, source, and what would make the number wrong: see `io`.

use engine_core::probe::ProbeInfo;

use super::io;
use super::load::Pattern;
use crate::Probe;

/// The probe.
pub static PROBE: Probe = Probe {
    info: &ProbeInfo {
        id: "storage.randread",
        summary: "Rate and latency of random reads with many requests under way.",
        ..io::RANDOM
    },
    run: |args, cx| io::run(Pattern::RandRead, args, cx),
};
