//! `memory.page_fault`: what the first touch of a page costs, 4 KiB, 2 MiB, and of a cached file.
//!
//! Method: map a region, touch each page once with the clock running, unmap it, and again with a fresh mapping. `latency`
//! is for a small page of anonymous memory (the kernel finds a page, clears it and enters it in the table), `release` for
//! giving it back, all of the region in one call, `huge` for one of 2 MiB, mostly the clearing. `file` is for a read of a
//! cached file, here the engine's own program; the kernel enters its neighbours along with it, so the time is for each fault
//! that it counted, and how many pages came with each is noted. lmbench's `lat_pagefault` measures such faults of a file.
//!
//! What would make the number wrong: pages that were touched before, or several at once: the faults that the kernel
//! counts in the timed region must be as many as the pages. Huge pages that did not come (`smaps` must show all of them;
//! otherwise they are not recorded, which is noted). In a virtual machine the host may have to find memory too; the
//! first pass, where that is likely, does not count.

use std::fs::File;

use engine_core::args::Args;
use engine_core::metric::MetricDef;
use engine_core::probe::{OwnNoise, ParamDef, ParamKind, ProbeInfo, RoundProcess};
use engine_core::unit::Unit;

use crate::harness::buffer::{HUGE_PAGE, page_size};
use crate::harness::{Buffer, BufferError, Moment, Pages, Team, Usage, passes};
use crate::host::allocator::transparent_huge_pages;
use crate::host::room::available_memory;
use crate::kernel::fault::{Mapped, touch};
use crate::{Context, Probe, ProbeError};

const SIZE: ParamDef = ParamDef {
    name: "size",
    kind: ParamKind::Size { min: 4_194_304.0, max: 1_099_511_627_776.0 },
    default: Some("64 MiB"),
    tiny: Some("4 MiB"),
    doc: "of the region whose pages are touched",
};

const LATENCY: MetricDef = MetricDef::cost("latency", Unit::Seconds, "first touch of a 4 KiB page");
const RELEASE: MetricDef = MetricDef::cost("release", Unit::Seconds, "giving back a 4 KiB page, as many at once");
const HUGE: MetricDef = MetricDef::cost("huge", Unit::Seconds, "first touch of a 2 MiB page");
const FILE: MetricDef = MetricDef::cost("file", Unit::Seconds, "first read of a page of a cached file, by fault");

/// The probe.
pub static PROBE: Probe = Probe {
    info: &ProbeInfo {
        id: "memory.page_fault",
        summary: "What the first touch of a page costs: 4 KiB, 2 MiB, and of a cached file.",
        method: 1,
        about: "Maps a region, touches each page once with the clock running, and unmaps it; a few passes, the first \
                dropped. Huge pages are asked for by `madvise` and counted in `smaps`; where not all came, `huge` is \
                not recorded. `file` reads the engine's own program. The number is wrong when pages were touched before \
                or came several at once, so the faults that the kernel counts must be as many as the pages.",
        params: &[SIZE],
        metrics: &[LATENCY, RELEASE, HUGE, FILE],
        round_seconds: 0.5,
        process: RoundProcess::Child,
        noise: OwnNoise::Quiet,
    },
    run,
};

/// Share of the memory available that the region may take.
const SHARE: f64 = 0.25;
/// Most bytes of the file.
const FILE_LEN: u64 = 16 << 20;

/// What touching all pages of a region took, and what the kernel counted meanwhile.
#[derive(Debug, Clone, Copy)]
struct Touched {
    seconds: f64,
    pages: u64,
    usage: Usage,
    /// Bytes in huge pages, where the system tells.
    huge: Option<u64>,
    /// What unmapping all of it took.
    release: f64,
}

fn run(args: &Args, cx: &mut Context<'_>) -> Result<(), ProbeError> {
    let asked = args.whole(SIZE.name);
    let most = available_memory().map_or(u64::MAX, |bytes| (bytes as f64 * SHARE) as u64);
    let size = asked.min(most.max(2 * HUGE_PAGE as u64));
    if size < asked {
        cx.note(format!("size limited to {} by the memory available", Unit::Bytes.format(size as f64)));
    }
    if let Some(note) = transparent_huge_pages() {
        cx.note(note);
    }
    let size = usize::try_from(size).unwrap_or(usize::MAX);
    let mut team = Team::new(1, |_| Ok(()))?;
    passes::note_placement(cx, &team);

    let small = repeat(cx, &mut team, || anonymous(size, Pages::Small, page_size()))?;
    cx.record_all(&LATENCY, &costs(&small)?);
    cx.record_all(&RELEASE, &small.iter().map(|pass| pass.release / pass.pages as f64).collect::<Vec<_>>());
    let whole = size / HUGE_PAGE * HUGE_PAGE;
    let huge = repeat(cx, &mut team, || anonymous(whole, Pages::Huge, HUGE_PAGE))?;
    match missing(&huge, whole as u64) {
        None => cx.record_all(&HUGE, &costs(&huge)?),
        Some(why) => cx.note(format!("`huge` is not measured: {why}")),
    }
    file(cx, &mut team)
}

/// Several passes after one that does not count.
fn repeat(
    cx: &Context<'_>,
    team: &mut Team<()>,
    pass: impl Fn() -> Result<Touched, ProbeError> + Sync,
) -> Result<Vec<Touched>, ProbeError> {
    let count = if cx.tiny { 2 } else { 7 };
    let mut all = Vec::with_capacity(count);
    for at in 0..=count {
        cx.check()?;
        for touched in team.each(|_, ()| pass())? {
            if at > 0 {
                all.push(touched?);
            }
        }
    }
    Ok(all)
}

/// One pass over fresh anonymous memory.
fn anonymous(size: usize, pages: Pages, step: usize) -> Result<Touched, ProbeError> {
    let mut buffer = Buffer::map(size, pages, u64::MAX)?;
    let touched = timed(|| touch(&mut buffer, step));
    let huge = buffer.obtained().map(|obtained| obtained.huge);
    let start = Moment::now();
    drop(buffer);
    let release = Moment::now().since(start).as_secs_f64();
    Ok(Touched { huge, release, ..touched })
}

fn timed(touch: impl FnOnce() -> u64) -> Touched {
    let before = Usage::of_thread();
    let start = Moment::now();
    let pages = touch();
    let seconds = Moment::now().since(start).as_secs_f64();
    Touched { seconds, pages, usage: Usage::of_thread().since(before), huge: None, release: 0.0 }
}

/// Seconds of a page, by pass, after a look at the counts.
fn costs(passes: &[Touched]) -> Result<Vec<f64>, ProbeError> {
    passes.iter().map(|pass| check(pass).map(|()| pass.seconds / pass.pages as f64)).collect()
}

/// Whether the kernel counted a fault for each page, and hardly one more.
fn check(pass: &Touched) -> Result<(), ProbeError> {
    let (faults, pages) = (pass.usage.minor_faults + pass.usage.major_faults, pass.pages);
    // A few more are the clock's and the stack's first touches.
    if (pages..=pages + pages / 50 + 16).contains(&faults) {
        return Ok(());
    }
    let why = if faults < pages { "some were touched before, or came several at once" } else { "others fault too" };
    Err(ProbeError::verification(format!("{pages} pages made {faults} page faults: {why}")))
}

/// Why the huge pages did not come, if so.
fn missing(passes: &[Touched], whole: u64) -> Option<String> {
    let least = passes.iter().map(|pass| pass.huge).min().flatten();
    match least {
        Some(huge) if huge >= whole => None,
        Some(huge) => {
            let share = Unit::Ratio.format(huge as f64 / whole as f64);
            Some(format!(
                "{share} of the region came in huge pages; set transparent huge pages to `madvise`, and have memory free"
            ))
        }
        None => Some("`/proc/self/smaps` does not tell whether huge pages came".to_owned()),
    }
}

/// Faults of a cached file: the program that runs, since all of it that is read here has been read before.
fn file(cx: &mut Context<'_>, team: &mut Team<()>) -> Result<(), ProbeError> {
    let opened = File::open("/proc/self/exe").and_then(|file| Ok((file.metadata()?.len(), file)));
    let Ok((len, file)) = opened else {
        cx.note("`file` is not measured: the engine's own program cannot be read");
        return Ok(());
    };
    let step = page_size();
    let len = usize::try_from(len.min(FILE_LEN)).unwrap_or(step);
    let passes = repeat(cx, team, || {
        let mapped = Mapped::new(&file, len).map_err(|error| BufferError::Refused { asked: len, source: error })?;
        Ok(timed(|| mapped.touch(step)))
    })?;
    let faults: u64 = passes.iter().map(|pass| pass.usage.minor_faults).sum();
    let pages: u64 = passes.iter().map(|pass| pass.pages).sum();
    if faults == 0 || passes.iter().any(|pass| pass.usage.major_faults > 0) {
        cx.note("`file` is not measured: the program is not in the page cache, or was mapped whole");
        return Ok(());
    }
    cx.note(format!("`file`: {:.1} pages came with each fault", pages as f64 / faults as f64));
    let each: Vec<f64> = passes.iter().map(|pass| pass.seconds / pass.usage.minor_faults.max(1) as f64).collect();
    cx.record_all(&FILE, &each);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::harness::tests::{round, values};

    #[test]
    fn a_fault_takes_time_and_huge_pages_come_or_are_noted() {
        let (records, notes) = round(&PROBE, &[]).unwrap();
        assert!(values(&records, "release").iter().all(|cost| (1e-10..1.0).contains(cost)));
        // A fault enters the kernel: 20 ns at least; a second is no fault of ours.
        assert!(values(&records, "latency").iter().all(|cost| (2e-8..1.0).contains(cost)));
        let huge = values(&records, "huge");
        assert!(!huge.is_empty() || notes.iter().any(|note| note.contains("`huge` is not measured")), "{notes:?}");
        assert!(huge.iter().all(|cost| (1e-6..10.0).contains(cost)), "{huge:?}");
        assert!(values(&records, "file").iter().all(|cost| (1e-8..1.0).contains(cost)));
    }

    /// The planted fault: a buffer that was touched before its time was taken.
    #[test]
    fn a_touched_buffer_is_flagged() {
        let mut buffer = Buffer::map(1 << 20, Pages::Small, u64::MAX).unwrap();
        assert_eq!(check(&timed(|| touch(&mut buffer, page_size()))), Ok(()));
        let again = check(&timed(|| touch(&mut buffer, page_size()))).unwrap_err();
        assert!(again.to_string().contains("touched before"), "{again}");
    }

    /// The planted fault: other memory is touched for the first time within the timed region.
    #[test]
    fn faults_of_other_memory_in_the_timed_region_are_flagged() {
        let mut buffer = Buffer::map(1 << 20, Pages::Small, u64::MAX).unwrap();
        let mut other = Buffer::map(1 << 20, Pages::Small, u64::MAX).unwrap();
        let both = check(&timed(|| {
            touch(&mut other, page_size());
            touch(&mut buffer, page_size())
        }));
        assert!(both.unwrap_err().to_string().contains("others fault too"));
    }

    #[test]
    fn huge_pages_that_did_not_come_are_no_result() {
        let pass = |huge| Touched { seconds: 1.0, pages: 2, usage: Usage::default(), huge, release: 0.0 };
        assert_eq!(missing(&[pass(Some(4 << 20)), pass(Some(4 << 20))], 4 << 20), None);
        assert!(missing(&[pass(Some(4 << 20)), pass(Some(2 << 20))], 4 << 20).unwrap().starts_with("50"));
        assert!(missing(&[pass(None)], 4 << 20).unwrap().contains("does not tell"));
    }
}
