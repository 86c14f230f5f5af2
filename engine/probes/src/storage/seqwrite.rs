//! `storage.seqwrite`: writes in order. Method, source, and what would make the number wrong: see `io`.

use engine_core::probe::ProbeInfo;

use super::io;
use super::load::Pattern;
use crate::Probe;

/// The probe.
pub static PROBE: Probe = Probe {
    info: &ProbeInfo { id: "storage.seqwrite", summary: "Bandwidth and latency of writes in order.", ..io::SEQUENTIAL },
    run: |args, cx| io::run(Pattern::Write, args, cx),
};
