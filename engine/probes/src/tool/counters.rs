//! Counters of the processor for one program and all that it starts.
//!
//! Method: each event is opened on this thread, stopped, to be inherited and to start with the next `exec`
//! (`perf_event_open(2)`): so the program that the thread starts next is counted from its first instruction to its end, its threads and
//! children included, and nothing of this process. User mode only, which is what the kernel allows everybody. Where there are more events
//! than counters the kernel takes turns, and a count is scaled up by the time that it had one.
//!
//! Shares of the pipeline are level 1 of Top-Down (A. Yasin, "A Top-Down method for performance analysis and counters architecture",
//! ISPASS 2014). The events are those that the kernel names for this processor in sysfs, under either of its two sets of names; on a
//! processor without them (AMD) there are only the cycles in which the front or the back of the pipeline stood still.
//!
//! What would make a count wrong: a program that ran for less than one turn of the counters (then it is not given), and a set of shares
//! that do not make up one whole, which is not given either.
#![expect(unsafe_code, reason = "perf_event_open is a system call")]

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::path::Path;

use crate::host::trial::{Trial, perf_instructions};

/// Where the kernel describes the counters of the processor: of one kind of cores, or of the fast ones of two kinds.
const PLACES: [&str; 2] = ["/sys/bus/event_source/devices/cpu", "/sys/bus/event_source/devices/cpu_core"];

/// An event: the kind of counter and its code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Event {
    kind: u32,
    config: u64,
}

/// The six that every kernel knows by number, in the order of [`Counts`].
const GENERAL: [u64; 6] = [0, 1, 5, 3, 7, 8];

/// What was counted; none where this processor has no such counter.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Counts {
    pub(crate) cycles: Option<f64>,
    pub(crate) instructions: Option<f64>,
    pub(crate) branch_misses: Option<f64>,
    pub(crate) cache_misses: Option<f64>,
    pub(crate) frontend_stalls: Option<f64>,
    pub(crate) backend_stalls: Option<f64>,
    pub(crate) pipeline: Option<Pipeline>,
}

/// Level 1 of Top-Down: shares of the pipeline's slots, which make up one whole.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Pipeline {
    pub(crate) retiring: f64,
    pub(crate) bad_speculation: f64,
    pub(crate) frontend_bound: f64,
    pub(crate) backend_bound: f64,
}

impl Pipeline {
    /// From the slots of each that the processor itself divided (`slots`, then the four): they must make up the whole.
    fn divided([slots, retiring, bad, front, back]: [f64; 5]) -> Option<Self> {
        let sum = retiring + bad + front + back;
        let whole = slots > 0.0 && (0.95..=1.05).contains(&(sum / slots));
        whole.then(|| Self {
            retiring: retiring / sum,
            bad_speculation: bad / sum,
            frontend_bound: front / sum,
            backend_bound: back / sum,
        })
    }

    /// Yasin's formulas: slots in all, issued, retired, not delivered by the front, and lost to recovery.
    fn computed([slots, issued, retired, bubbles, recovery]: [f64; 5]) -> Option<Self> {
        let (retiring, frontend_bound) = (retired / slots, bubbles / slots);
        let bad_speculation = ((issued - retired + recovery) / slots).max(0.0);
        let backend_bound = 1.0 - retiring - frontend_bound - bad_speculation;
        let shares = [retiring, bad_speculation, frontend_bound, backend_bound];
        // Counters that took turns may miss the whole by a little; more is not believed.
        let whole = slots > 0.0 && shares.iter().all(|share| (-0.05..=1.05).contains(share));
        whole.then(|| Self { retiring, bad_speculation, frontend_bound, backend_bound: backend_bound.clamp(0.0, 1.0) })
    }
}

/// The names of either set of events of level 1.
const DIVIDED: [&str; 5] = ["slots", "topdown-retiring", "topdown-bad-spec", "topdown-fe-bound", "topdown-be-bound"];
const COMPUTED: [&str; 5] = [
    "topdown-total-slots",
    "topdown-slots-issued",
    "topdown-slots-retired",
    "topdown-fetch-bubbles",
    "topdown-recovery-bubbles",
];

/// One set of level 1: its events, what each count is multiplied by, and whether the processor divides.
#[derive(Debug, Clone, PartialEq)]
struct Level {
    events: [Event; 5],
    scales: [f64; 5],
    divided: bool,
}

/// The counters of this machine.
#[derive(Debug, Clone)]
pub(crate) struct Counters {
    level: Option<Level>,
}

impl Counters {
    /// Asks in a child whether there are any, as some sandboxes kill who asks.
    ///
    /// # Errors
    /// Why there are none, and what can be done about it.
    pub(crate) fn of_this_machine() -> Result<Self, String> {
        match perf_instructions() {
            Trial::Works => Ok(Self { level: PLACES.iter().find_map(|place| level(Path::new(place))) }),
            trial => Err(refused(trial)),
        }
    }

    /// Opens them for the program that this thread starts next.
    pub(crate) fn open(&self) -> Counting {
        let general = GENERAL.map(|config| Open::new(Event { kind: 0, config }, None).ok());
        let level = self.level.as_ref().and_then(|level| Some((level.clone(), open_level(level).ok()?)));
        Counting { general, level }
    }
}

/// Why counters cannot be used, with the remedy.
fn refused(trial: Trial) -> String {
    match trial {
        Trial::Refused(libc::ENOENT | libc::EOPNOTSUPP | libc::ENODEV) => {
            "this processor or virtual machine has no counters: enable the virtual PMU on the host".to_owned()
        }
        Trial::Refused(number) => format!(
            "the kernel refuses counters ({}): `sysctl -w kernel.perf_event_paranoid=2`, and allow `perf_event_open` in the sandbox",
            io::Error::from_raw_os_error(number)
        ),
        Trial::Works | Trial::Killed(_) | Trial::Untried => {
            "counters cannot be tried here: allow `perf_event_open` in the sandbox".to_owned()
        }
    }
}

/// Those that the processor divides itself count as one group, all or none.
fn open_level(level: &Level) -> io::Result<Vec<Open>> {
    let mut open: Vec<Open> = Vec::new();
    for event in level.events {
        let leader = open.first().filter(|_| level.divided).map(|first| first.file.as_raw_fd());
        open.push(Open::new(event, leader)?);
    }
    Ok(open)
}

/// Counters that wait for a program, or have counted one.
pub(crate) struct Counting {
    general: [Option<Open>; 6],
    level: Option<(Level, Vec<Open>)>,
}

impl Counting {
    /// What was counted so far.
    pub(crate) fn read(&mut self) -> Counts {
        let [cycles, instructions, branch_misses, cache_misses, frontend_stalls, backend_stalls] =
            std::array::from_fn(|at| self.general[at].as_mut().and_then(Open::read));
        let pipeline = self.level.as_mut().and_then(|(level, open)| {
            let mut counts = [0.0; 5];
            for (at, one) in open.iter_mut().enumerate() {
                counts[at] = one.read()? * level.scales[at];
            }
            if level.divided { Pipeline::divided(counts) } else { Pipeline::computed(counts) }
        });
        Counts { cycles, instructions, branch_misses, cache_misses, frontend_stalls, backend_stalls, pipeline }
    }
}

/// One open counter.
struct Open {
    file: File,
}

impl Open {
    fn new(event: Event, leader: Option<RawFd>) -> io::Result<Self> {
        // Of the attributes' first version, 64 bytes: type and size, code, none of sampling, the two times beside the count, and the flags:
        // stopped (but in a group, where the leader is), inherited, user mode only, started by `exec`.
        const TIMES: u64 = 1 | 2;
        let lead = leader.is_none();
        let flags = u64::from(lead) | 1 << 1 | 1 << 5 | 1 << 6 | u64::from(lead) << 12;
        let attributes: [u64; 8] = [64 << 32 | u64::from(event.kind), event.config, 0, 0, TIMES, flags, 0, 0];
        const CLOSE_ON_EXEC: u64 = 8;
        let group = leader.unwrap_or(-1);
        // SAFETY: the pointer is valid for the size that the structure states; the result is checked before it is owned.
        unsafe {
            match libc::syscall(libc::SYS_perf_event_open, attributes.as_ptr(), 0, -1, group, CLOSE_ON_EXEC) {
                -1 => Err(io::Error::last_os_error()),
                fd => Ok(Self { file: OwnedFd::from_raw_fd(fd as RawFd).into() }),
            }
        }
    }

    /// The count, scaled up to the time that it should have counted; none where it never had a counter.
    fn read(&mut self) -> Option<f64> {
        let mut bytes = [0; 24];
        self.file.read_exact(&mut bytes).ok()?;
        let (words, _) = bytes.as_chunks::<8>();
        let [count, enabled, running] = [0, 1, 2].map(|at| u64::from_ne_bytes(words[at]) as f64);
        (running > 0.0).then(|| count * enabled / running)
    }
}

/// The events of level 1 as the kernel describes them at `place`; none where it does not have either set.
fn level(place: &Path) -> Option<Level> {
    let kind = text(&place.join("type"))?.parse().ok()?;
    let set = |names: [&str; 5], divided| {
        let mut level = Level { events: [Event { kind, config: 0 }; 5], scales: [1.0; 5], divided };
        for (at, name) in names.into_iter().enumerate() {
            let file = place.join("events").join(name);
            level.events[at].config = config(place, &text(&file)?)?;
            if let Some(scale) = text(&file.with_file_name(format!("{name}.scale"))) {
                level.scales[at] = scale.parse().ok()?;
            }
        }
        Some(level)
    };
    set(DIVIDED, true).or_else(|| set(COMPUTED, false))
}

/// The code of an event such as `event=0x9c,umask=0x1`, each term at the bits where `format/TERM` says that it lies.
fn config(place: &Path, terms: &str) -> Option<u64> {
    let mut config = 0;
    for term in terms.split(',') {
        let (name, value) = term.split_once('=').unwrap_or((term, "0x1"));
        let bits = text(&place.join("format").join(name))?;
        // `config:0-7` or `config:21`; a term in several pieces or in another word is not understood.
        let (first, last) = {
            let bits = bits.strip_prefix("config:")?;
            bits.split_once('-').unwrap_or((bits, bits))
        };
        let (first, last): (u32, u32) = (first.parse().ok()?, last.parse().ok()?);
        let value =
            value.strip_prefix("0x").map_or_else(|| value.parse().ok(), |hex| u64::from_str_radix(hex, 16).ok())?;
        let room = last.checked_sub(first)? + 1;
        if last > 63 || (room < 64 && value >> room != 0) {
            return None;
        }
        config |= value << first;
    }
    Some(config)
}

fn text(path: &Path) -> Option<String> {
    std::fs::read_to_string(path).ok().map(|text| text.trim().to_owned())
}

#[cfg(test)]
mod tests;
