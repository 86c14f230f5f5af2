//! How large a region must be to be memory and no cache, and how large it may be.
//!
//! STREAM's rule: four times all last-level caches together. The bound: three fifths of what may be taken now, whatever
//! is asked for, so that a small control group ends a probe with a smaller region and a remark, not with the killer.

use engine_core::probe::{ParamDef, ParamKind};
use engine_core::unit::Unit;

use crate::Context;
use crate::host::room::{available_memory, last_level_caches};

/// Bytes of a region whose size nobody asked for; it grows where the caches want more.
pub(super) const DEFAULT: u64 = 256 << 20;
/// [`DEFAULT`] as it is written.
pub(super) const DEFAULT_TEXT: &str = "256 MiB";
/// What a size may be.
pub(super) const KIND: ParamKind = ParamKind::Size { min: 4096.0, max: 17_592_186_044_416.0 };
/// Share of the available memory that regions may take.
const SHARE: f64 = 0.6;

/// The option for the size of a single region.
pub(super) const SIZE: ParamDef = ParamDef {
    name: "size",
    kind: KIND,
    default: Some(DEFAULT_TEXT),
    tiny: None,
    doc: "of the region, over all threads; the default grows to four times the last-level caches",
};

/// What sizes follow.
#[derive(Debug, Clone, Copy)]
pub(super) struct Room {
    /// All last-level caches together.
    pub(super) caches: Option<u64>,
    /// What may be taken now.
    pub(super) available: Option<u64>,
}

/// A size, and whether it is that of memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Chosen {
    /// Bytes of each region.
    pub(super) bytes: u64,
    /// Whether caches take part: the region is below four times the last-level caches, or these are unknown.
    pub(super) limited: bool,
}

impl Room {
    /// That of this machine, now.
    pub(super) fn here() -> Self {
        Self { caches: last_level_caches(), available: available_memory() }
    }

    /// Bytes of each of `count` regions: what is asked for (the default grows), at most what leaves two fifths of the
    /// available memory free. `what` names them, in the plural. What falls short is noted, and marks the result, but
    /// for the tiny profile, in which everything falls short.
    pub(super) fn choose(self, cx: &mut Context<'_>, asked: u64, count: u64, what: &str) -> Chosen {
        let enough = self.caches.map(|caches| 4 * caches);
        let wanted = if asked == DEFAULT { asked.max(enough.unwrap_or(0)) } else { asked };
        let most = self.available.map_or(u64::MAX, |bytes| (bytes as f64 * SHARE / count.max(1) as f64) as u64);
        let bytes = wanted.min(most);
        let show = |bytes: u64| Unit::Bytes.format(bytes as f64);
        if bytes < wanted {
            cx.note(format!(
                "size limited: {what} of {} instead of {}, by the memory available",
                show(bytes),
                show(wanted)
            ));
        } else if bytes > asked {
            cx.note(format!("{what} of {}: four times the last-level caches", show(bytes)));
        }
        let limited = enough.is_none_or(|enough| bytes < enough);
        match enough {
            Some(enough) if limited => {
                cx.note(format!(
                    "size limited: {what} of {} are below four times the last-level caches ({}), so caches take part",
                    show(bytes),
                    show(enough)
                ));
                if !cx.tiny {
                    cx.mark("size_limited", "true");
                }
            }
            None => {
                cx.note(format!("the size of the caches is unknown: make sure that {what} are four times as large"))
            }
            Some(_) => {}
        }
        Chosen { bytes, limited }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;
    use std::sync::atomic::AtomicBool;
    use std::time::Instant;

    const METRIC: engine_core::metric::MetricDef =
        engine_core::metric::MetricDef::rate("rate", Unit::BytesPerSecond, "");

    /// Size in MiB, remarks, and whether the result is marked.
    fn choose(tiny: bool, asked: u64, caches: Option<u64>, available: Option<u64>) -> (u64, String, bool) {
        let cancel = AtomicBool::new(false);
        let mut cx = Context::new(Path::new("/"), &cancel, Instant::now(), 1, 0, tiny);
        let mib = |size: Option<u64>| size.map(|size| size << 20);
        let chosen = Room { caches: mib(caches), available: mib(available) }.choose(&mut cx, asked << 20, 3, "arrays");
        cx.record(&METRIC, 1.0);
        let (records, notes) = cx.finish();
        let marked = records[0].labels.get("size_limited") == Some("true");
        assert!(!marked || chosen.limited);
        (chosen.bytes >> 20, notes.join("; "), marked)
    }

    #[test]
    fn sizes_follow_the_caches_and_the_memory_and_say_so() {
        assert_eq!(choose(false, 256, Some(32), Some(8192)), (256, String::new(), false));
        let (size, note, marked) = choose(false, 256, Some(512), Some(65_536));
        assert!(size == 2048 && note.contains("four times") && !marked, "{note}");
        let (size, note, marked) = choose(false, 256, Some(32), Some(500));
        assert!(size == 100 && note.contains("by the memory available") && marked, "{note}");
        assert!(choose(false, 64, None, None).1.contains("unknown"));
    }

    #[test]
    fn a_region_that_fits_a_cache_is_flagged() {
        let (size, note, marked) = choose(false, 16, Some(32), Some(8192));
        assert!(size == 16 && note.contains("caches take part") && marked, "{note}");
        let (_, note, marked) = choose(true, 16, Some(32), Some(8192));
        assert!(note.contains("caches take part") && !marked, "the tiny profile is small by itself: {note}");
    }

    #[test]
    fn the_default_is_the_one_that_grows() {
        use engine_core::args::ArgValue;
        let parsed = SIZE.check(&ArgValue::Text(DEFAULT_TEXT.to_owned())).unwrap();
        assert!(matches!(parsed, ArgValue::Number(quantity) if quantity.value == DEFAULT as f64));
    }
}
