//! `htm.store_put`: what storing a pattern costs, in memory alone or with a file under it.
//!
//! Method: random patterns, made before, are put one by one under new keys; each put is a sample. With a file each put is a
//! write of its own to the kernel (`process`), or that and a wait for the disk (`disk`). Then all are read back and
//! compared, and a file is opened again and compared too.
//!
//! What would make the number wrong: patterns made within the time; an index that is built only at the first search (ours
//! is kept at every put; a search at the end finds what was put last); a scratch folder in memory, where `disk` waits for
//! no disk; keys that replace (they are new).

use engine_core::args::Args;
use engine_core::metric::MetricDef;
use engine_core::probe::{OwnNoise, ParamDef, ParamKind, ProbeInfo, RoundProcess};
use engine_core::unit::Unit;
use engine_htm::Sdr;
use engine_htm::store::{Durability, PatternStore};

use super::patterns::{BITS, Form, ON, failed};
use crate::harness::clock::Moment;
use crate::{Context, Probe, ProbeError};

const PATTERNS: ParamDef = ParamDef {
    name: super::patterns::PATTERNS.name,
    kind: super::patterns::PATTERNS.kind,
    default: Some("10000"),
    tiny: Some("200"),
    doc: "patterns that are put in a round",
};
const DURABILITY: ParamDef = ParamDef {
    name: "durability",
    kind: ParamKind::Choice(&["none", "process", "disk"]),
    default: Some("none"),
    tiny: None,
    doc: "`none` keeps no file, `process` survives a kill, `disk` a power cut (then take few `patterns`)",
};
const VALUE: ParamDef = ParamDef {
    name: "value",
    kind: ParamKind::Size { min: 0.0, max: 1_048_576.0 },
    default: Some("16 B"),
    tiny: None,
    doc: "bytes that are stored with each pattern",
};

const LATENCY: MetricDef = MetricDef::cost("latency", Unit::Seconds, "one put");
const RATE: MetricDef = MetricDef::rate("rate", Unit::PerSecond, "puts a second, one after the other");
const MEMORY: MetricDef =
    MetricDef::cost("memory", Unit::Bytes, "memory that the store takes for a pattern and its value");
const FILE: MetricDef = MetricDef::cost("file", Unit::Bytes, "bytes of the file for a pattern and its value");

/// The probe.
pub static PROBE: Probe = Probe {
    info: &ProbeInfo {
        id: "htm.store_put",
        summary: "What storing a sparse pattern costs, in memory or with a log under it.",
        method: 1,
        about: "Puts random patterns under new keys one by one; each is a sample. The inverted index is kept at every put. \
                With `process` each put is one write to a log with checksums, with `disk` it waits for the device too. All \
                patterns are read back and compared, a log is opened again and compared. The number is wrong when patterns \
                are made within the time (they are made before), or for `disk` when the test folder lies in memory.",
        params: &[PATTERNS, BITS, ON, VALUE, DURABILITY],
        metrics: &[LATENCY, RATE, MEMORY, FILE],
        round_seconds: 0.1,
        process: RoundProcess::Child,
        noise: OwnNoise::Io,
    },
    run,
};

fn run(args: &Args, cx: &mut Context<'_>) -> Result<(), ProbeError> {
    let form = Form::new(args)?;
    let patterns: Vec<Sdr> = (0..form.patterns).map(|key| form.pattern(cx.seed, key)).collect();
    let mut value = vec![0x5a; args.whole(VALUE.name) as usize];
    let file = cx.scratch.join(format!("store-put-{}.htm", cx.seed));
    let durability = args.text(DURABILITY.name);
    let mut store = match durability {
        "none" => PatternStore::in_memory(form.bits),
        _ => PatternStore::create(&file, form.bits),
    }
    .map_err(failed)?;
    if durability == "disk" {
        store.set_durability(Durability::Disk);
    }

    let mut latencies = Vec::with_capacity(patterns.len());
    for (key, sdr) in patterns.iter().enumerate() {
        if key % 256 == 0 || durability == "disk" {
            cx.check()?;
        }
        name(&mut value, key as u64);
        let start = Moment::now();
        let put = store.put(key as u64, sdr, &value);
        let end = Moment::now();
        put.map_err(failed)?;
        latencies.push(end.since(start).as_secs_f64());
    }

    verify(&store, &patterns, &mut value)?;
    let count = patterns.len() as f64;
    cx.record_all(&LATENCY, &latencies);
    cx.record(&RATE, count / latencies.iter().sum::<f64>().max(1e-9));
    cx.record(&MEMORY, store.memory().total() as f64 / count);
    if durability != "none" {
        cx.record(&FILE, store.file_size() as f64 / count);
        drop(store);
        let store = PatternStore::open(&file).map_err(failed)?;
        verify(&store, &patterns, &mut value)?;
        store.remove().map_err(failed)?;
    }
    Ok(())
}

/// Makes a value that belongs to its key.
fn name(value: &mut [u8], key: u64) {
    let length = value.len().min(8);
    value[..length].copy_from_slice(&key.to_le_bytes()[..length]);
}

fn verify(store: &PatternStore, patterns: &[Sdr], value: &mut [u8]) -> Result<(), ProbeError> {
    let wrong = |what: String| Err(ProbeError::verification(what));
    if store.len() != patterns.len() {
        return wrong(format!("{} patterns were put and {} are there", patterns.len(), store.len()));
    }
    for (key, sdr) in patterns.iter().enumerate() {
        name(value, key as u64);
        if store.get(key as u64).is_none_or(|stored| stored.sdr != *sdr || stored.value != *value) {
            return wrong(format!("pattern {key} is not what was put"));
        }
    }
    let last = patterns.len() - 1;
    let best = store.nearest(&patterns[last], 1).map_err(failed)?;
    // An equal pattern with a smaller key may come first; it has the same overlap.
    match best.first() {
        Some(best) if best.overlap as usize == patterns[last].on().len() => Ok(()),
        _ => wrong("a search does not find the pattern that was put last".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use engine_core::args::ArgValue;
    use std::collections::BTreeMap;
    use std::sync::atomic::AtomicBool;
    use std::time::{Duration, Instant};

    #[test]
    fn every_durability_stores_and_leaves_nothing() {
        for durability in ["none", "process", "disk"] {
            let scratch = tempfile::tempdir().unwrap();
            let cancel = AtomicBool::new(false);
            let mut cx = Context::new(scratch.path(), &cancel, Instant::now() + Duration::from_secs(600), 1, 7, true);
            let given = BTreeMap::from([
                (DURABILITY.name.to_owned(), ArgValue::Text(durability.to_owned())),
                (PATTERNS.name.to_owned(), ArgValue::Text("50".to_owned())),
            ]);
            run(&PROBE.info.args(&given, true).unwrap(), &mut cx).unwrap();
            assert_eq!(std::fs::read_dir(scratch.path()).unwrap().count(), 0);
            let (records, _) = cx.finish();
            assert_eq!(records[0].values.len(), 50);
            assert_eq!(records.len(), if durability == "none" { 3 } else { 4 });
        }
    }

    #[test]
    fn a_store_that_keeps_something_else_is_no_result() {
        let form = Form { patterns: 3, bits: 64, on: 4 };
        let patterns: Vec<Sdr> = (0..3).map(|key| form.pattern(1, key)).collect();
        let mut store = PatternStore::in_memory(64).unwrap();
        let mut value = [0; 8];
        for key in 0..3 {
            name(&mut value, key);
            store.put(key, &patterns[key as usize], &value).unwrap();
        }
        verify(&store, &patterns, &mut value).unwrap();
        store.put(1, &patterns[2], &value).unwrap();
        assert!(verify(&store, &patterns, &mut value).unwrap_err().to_string().contains("pattern 1"));
        store.delete(1).unwrap();
        assert!(verify(&store, &patterns, &mut value).unwrap_err().to_string().contains("2 are there"));
    }
}
