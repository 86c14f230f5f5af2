//! `cpu.crypto`: bytes a second of the ciphers and checksums that processors have instructions for: AES-128 and AES-256
//! (AES-NI, VAES), SHA-256 (SHA extensions), CRC-32C (SSE4.2), and each in plain Rust.
//!
//! Method: 16 KiB in the first-level cache, over and over. AES encrypts independent blocks, eight vectors at a time, as counter
//! mode does without its counter; SHA-256 digests one message, whose blocks wait for each other; CRC-32C runs three streams
//! and joins them. Each path by itself, labelled `algorithm` and `isa`; what the processor lacks is noted.
//!
//! What would make the number wrong: a wrong result (each path first computes the vectors of FIPS 197, FIPS 180-4 and
//! RFC 3720, and what the passes leave is compared with plain Rust); a pass that is moved out of the loop because its data does
//! not change (memory is clobbered between passes, and twice the passes must take twice the time); data beyond the cache;
//! other modes: with authentication or a counter, AES is slower. The portable AES is the standard's text, not a tuned one.

use engine_core::args::Args;
use engine_core::metric::MetricDef;
use engine_core::probe::{OwnNoise, ParamDef, ParamKind, ProbeInfo, RoundProcess};
use engine_core::series::Labels;
use engine_core::unit::Unit;

use crate::harness::passes::{self, short};
use crate::harness::{Team, proportion};
use crate::kernel::crypto::{Algorithm, BYTES, Kernel, Path, WrongResult};
use crate::{Context, Probe, ProbeError};

const ALGORITHM: ParamDef = ParamDef {
    name: "algorithm",
    kind: ParamKind::Choice(&["each", "aes-128", "aes-256", "sha-256", "crc-32c"]),
    default: Some("each"),
    tiny: None,
    doc: "what is computed, or `each` in turn",
};
const ISA: ParamDef = ParamDef {
    name: "isa",
    kind: ParamKind::Choice(&["each", "best", "portable"]),
    default: Some("each"),
    tiny: None,
    doc: "by which instructions: `each` that this machine has, the `best`, or plain Rust",
};
const THREADS: ParamDef = ParamDef {
    name: "threads",
    kind: ParamKind::Threads,
    default: Some("1"),
    tiny: None,
    doc: "threads, each on a CPU of its own with data of its own",
};

const RATE: MetricDef = MetricDef::rate("rate", Unit::BytesPerSecond, "bytes of all threads, by algorithm and isa");

/// The probe.
pub static PROBE: Probe = Probe {
    info: &ProbeInfo {
        id: "cpu.crypto",
        summary: "AES, SHA-256 and CRC-32C: bytes a second by each set of instructions, checked against the standards.",
        method: 1,
        about: "Works on 16 KiB in the first-level cache: AES-128 and AES-256 on independent blocks by AES-NI and VAES, SHA-256 \
                of one message by the SHA extensions, CRC-32C by SSE4.2 in three streams, and each in plain Rust. Every path \
                first computes the vectors of FIPS 197, FIPS 180-4 and RFC 3720. The number is wrong when the work is moved \
                out of the loop, which a test with twice the work shows; and modes with a counter or authentication are \
                slower than the cipher alone.",
        params: &[ALGORITHM, ISA, THREADS],
        metrics: &[RATE],
        round_seconds: 0.6,
        process: RoundProcess::Engine,
        noise: OwnNoise::Quiet,
    },
    run,
};

fn run(args: &Args, cx: &mut Context<'_>) -> Result<(), ProbeError> {
    let threads = args.threads(THREADS.name, cx.cores);
    let asked = args.text(ALGORITHM.name);
    for algorithm in Algorithm::ALL.into_iter().filter(|algorithm| asked == "each" || asked == algorithm.name()) {
        for path in paths(algorithm, args.text(ISA.name), cx) {
            let Some(kernel) = Kernel::new(algorithm, path, cx.seed) else { continue };
            let rates = measure(cx, kernel, threads)?;
            let labels = Labels::new().with("algorithm", algorithm.name()).with("isa", path.name());
            cx.record_with(RATE.metric(), labels, &rates);
        }
    }
    Ok(())
}

/// The paths to take; what is wanted and missing is noted.
fn paths(algorithm: Algorithm, asked: &str, cx: &mut Context<'_>) -> Vec<Path> {
    if asked == "portable" {
        return vec![Path::Portable];
    }
    let (there, missing): (Vec<Path>, Vec<Path>) = algorithm.paths().iter().partition(|path| path.is_available());
    for path in missing {
        cx.note(format!("this machine has no `{}` for {}", path.name(), algorithm.name()));
    }
    if asked == "best" { there.into_iter().take(1).collect() } else { there }
}

/// Rates of the passes of one path.
fn measure(cx: &mut Context<'_>, kernel: Kernel, threads: usize) -> Result<Vec<f64>, ProbeError> {
    let wrong = |wrong: WrongResult| ProbeError::verification(wrong.to_string());
    kernel.known_answers().map_err(wrong)?;
    let mut team = Team::new(threads, move |_| Ok(kernel.clone()))?;
    passes::note_placement(cx, &team);
    let mut pass =
        |n: u64| Ok(team.time(|_, kernel: &mut Kernel| (0..n).for_each(|_| kernel.pass())).map(|lap| lap.wall())?);
    let taken = passes::take_of(cx, short(cx.tiny), 1, &mut pass)?;
    proportion::check(taken.iterations.div_ceil(4), pass)?;
    for outcome in team.each(|_, kernel| kernel.verify())? {
        outcome.map_err(wrong)?;
    }
    Ok(taken.rates((BYTES * threads) as f64))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::harness::tests::{round, round_within, values};

    #[test]
    fn each_path_has_a_possible_rate_and_what_is_missing_is_noted() {
        let (records, notes) = round_within(&PROBE, &[], &[("rate", 1e4..1e13)]).unwrap();
        let all: usize = Algorithm::ALL.iter().map(|algorithm| algorithm.paths().len()).sum();
        assert_eq!(records.len() + notes.len(), all, "{notes:?}");
        assert!(values(&records, "rate").iter().all(|rate| (1e4..1e13).contains(rate)));
        let (records, _) = round(&PROBE, &[("algorithm", "sha-256"), ("isa", "portable"), ("threads", "2")]).unwrap();
        assert_eq!(records.len(), 1);
        assert_eq!(records[0].labels.get("isa"), Some("portable"));
    }
}
