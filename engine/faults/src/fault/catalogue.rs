//! All faults by name: their options as data, and what each comes to. A new one is one declaration and one arm here.

use std::collections::BTreeMap;

use engine_core::args::{ArgValue, Args};
use engine_core::fault::FAULT_METRICS;
use engine_core::probe::{OwnNoise, ParamDef, ParamKind, ProbeInfo, RoundProcess};
use engine_core::quantity::Quantity;
use engine_core::unit::Dimension;

use super::{Crash, Fault};
use crate::mechanism::Mechanism;
use crate::proxy::{Direction, Kind, Toxic};

/// A fault as data.
#[derive(Debug, Clone, Copy)]
pub struct FaultDef {
    /// Name, options, method.
    pub info: &'static ProbeInfo,
    /// Whether it is over when it has happened, so that it has no duration.
    pub instant: bool,
    make: fn(&Args) -> Result<Plan, Wrong>,
}

/// What a fault comes to.
#[derive(Debug, Clone, PartialEq)]
pub enum Plan {
    /// Something is done to the victim, by the mechanism that is wanted or by the best one.
    Victim(Fault, Option<Mechanism>),
    /// Its connections go through a proxy with this toxic.
    Network(Toxic),
}

/// An option that makes no sense: which, and why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{option}` {why}")]
pub struct Wrong {
    /// The option.
    pub option: &'static str,
    /// What is wrong with it.
    pub why: String,
}

impl FaultDef {
    /// What it comes to with these options.
    ///
    /// # Errors
    /// When they make no sense.
    pub fn plan(&self, args: &Args) -> Result<Plan, Wrong> {
        let plan = (self.make)(args)?;
        if let Plan::Network(toxic) = &plan {
            toxic
                .check()
                .map_err(|error| Wrong { option: first(self.info), why: format!("makes no sense: {error}") })?;
        }
        Ok(plan)
    }
}

fn first(info: &ProbeInfo) -> &'static str {
    info.params.first().map_or("", |param| param.name)
}

const fn info(id: &'static str, summary: &'static str, about: &'static str, params: &'static [ParamDef]) -> ProbeInfo {
    let (process, noise) = (RoundProcess::Starts, OwnNoise::Crowd);
    ProbeInfo { id, summary, method: 1, about, params, metrics: FAULT_METRICS, round_seconds: 60.0, process, noise }
}

const fn param(name: &'static str, kind: ParamKind, default: &'static str, doc: &'static str) -> ParamDef {
    ParamDef { name, kind, default: Some(default), tiny: None, doc }
}

const fn needed(name: &'static str, kind: ParamKind, doc: &'static str) -> ParamDef {
    ParamDef { name, kind, default: None, tiny: None, doc }
}

const TIME: ParamKind = ParamKind::Time { min: 0.0, max: 600.0 };
const SIZE: ParamKind = ParamKind::Size { min: 0.0, max: 17_179_869_184.0 };
const COUNT: ParamKind = ParamKind::Count { min: 0, max: 4096 };

/// How the mechanism is named; `best` stands for the best one that works here.
const fn by(choices: &'static [&'static str]) -> ParamDef {
    const DOC: &str = "by which mechanism; where that one cannot be had the fault is skipped, with the reason";
    param("mechanism", ParamKind::Choice(choices), "best", DOC)
}

const DIRECTION: ParamDef = param(
    "direction",
    ParamKind::Choice(&["up", "down"]),
    "down",
    "which way: `\"up\"` to the victim, `\"down\"` from it",
);
const SHARE: ParamDef = param(
    "probability",
    ParamKind::Text,
    "100 %",
    "share of the messages (latency, slicer) or connections (all others) that it hits",
);

macro_rules! network {
    ($id:literal, $summary:literal, $about:literal, [$($own:expr),*]) => {
        info($id, $summary, concat!($about, " The victim's connections go through a TCP proxy of the engine's own, before the \
             fault too; toxics act on connections that are open already. The figures would be wrong if something else than TCP \
             mattered: a proxy cannot drop packets or hold back the accepting of a connection."), &[$($own,)* DIRECTION, SHARE])
    };
}

/// All faults, sorted by id.
static FAULTS: &[FaultDef] = &[
    FaultDef {
        info: &network!(
            "faults.bandwidth",
            "Lets so many bytes a second through.",
            "A token bucket in one direction.",
            [needed("rate", ParamKind::Text, "bytes a second: `\"1 MB/s\"`")]
        ),
        instant: false,
        make: |args| {
            let rate = quantity(args, "rate", Dimension::DATA.per(Dimension::TIME), "a rate such as `1 MB/s`")?;
            network(args, Kind::Bandwidth { rate })
        },
    },
    FaultDef {
        info: &info(
            "faults.clock",
            "Puts the victim's calendar clock forward or back.",
            "libfaketime is preloaded into the victim alone, with a file that says how far its clock is off; the machine's own clock \
             is never set. The figures would be wrong for a program that is linked statically or asks the kernel itself: it sees the \
             true time.",
            &[
                param("by", ParamKind::Time { min: 0.0, max: 315_576_000.0 }, "1 h", "how far"),
                param("back", ParamKind::Flag, "false", "back instead of forward"),
            ],
        ),
        instant: false,
        make: |args| {
            let by = args.number("by");
            Ok(Plan::Victim(Fault::Clock(if args.flag("back") { -by } else { by }), None))
        },
    },
    FaultDef {
        info: &info(
            "faults.cpu",
            "Leaves the victim only a share of one processor.",
            "A quota of its cpu cgroup (version 2, then 1); else it is stopped for a part of each tenth of a second. The figures would \
             be wrong if the victim needed less than the share: then the fault does not show.",
            &[
                param("share", ParamKind::Text, "10 %", "share of one processor that is left to it"),
                by(&["best", "cgroup", "signal"]),
            ],
        ),
        instant: false,
        make: |args| {
            let share = quantity(args, "share", Dimension::NONE, "a share such as `10 %`")?;
            if (0.01..=1.0).contains(&share) {
                return Ok(Plan::Victim(Fault::Cpu(share), wanted(args)));
            }
            Err(Wrong { option: "share", why: format!("must be from 1 % to 100 %, got {} %", share * 100.0) })
        },
    },
    FaultDef {
        info: &info(
            "faults.crash",
            "Ends the victim at once by a signal.",
            "The signal goes through a pidfd, so that it can hit no other process. It is over when it has happened: the time to recover \
             runs from the crash and includes the restart. The figures would be wrong if the victim had been about to end by itself.",
            &[param("signal", ParamKind::Choice(&["kill", "abort", "segv"]), "kill", "SIGKILL, SIGABRT or SIGSEGV")],
        ),
        instant: true,
        make: |args| {
            let crash = match args.text("signal") {
                "abort" => Crash::Abort,
                "segv" => Crash::Segv,
                _ => Crash::Kill,
            };
            Ok(Plan::Victim(Fault::Crash(crash), None))
        },
    },
    FaultDef {
        info: &info(
            "faults.descriptors",
            "Leaves the victim only so many descriptors beyond those that it has open.",
            "Its soft limit is lowered by prlimit and raised again. The figures would be wrong if it closed descriptors meanwhile: then \
             it may open as many again.",
            &[param("left", COUNT, "0", "descriptors that it may still open")],
        ),
        instant: false,
        make: |args| Ok(Plan::Victim(Fault::Descriptors(args.whole("left")), None)),
    },
    FaultDef {
        info: &info(
            "faults.disk",
            "Leaves the victim no room on its disk.",
            "The victim gets a small disk as `{data}`: a file system in memory, mounted by the engine or in a namespace of the victim's \
             own; where memory is short, ext4 in a file behind a loop device; where nothing can be mounted, a project quota on a folder. \
             It is filled, and a quota is lowered to what it holds: then writes fail with `EDQUOT` in place of `ENOSPC`. Else the \
             victim's file size limit is lowered to nothing by prlimit, which every write beyond a file's end meets. The machine's own \
             disks are never filled. The figures would be wrong if the victim wrote elsewhere.",
            &[
                param("size", ParamKind::Size { min: 1_048_576.0, max: 1_073_741_824.0 }, "32 MiB", "size of its disk"),
                by(&["best", "tmpfs", "loop", "quota", "rlimit"]),
            ],
        ),
        instant: false,
        make: |args| Ok(Plan::Victim(Fault::Disk, wanted(args))),
    },
    FaultDef {
        info: &info(
            "faults.dns",
            "Makes the victim's name resolution fail.",
            "The victim has a mount namespace in which `/etc/resolv.conf` is a file of its own; during the fault it names a server that \
             is not there. The figures would be wrong for a program that read it once and keeps what it has read.",
            &[],
        ),
        instant: false,
        make: |_| Ok(Plan::Victim(Fault::Dns, None)),
    },
    FaultDef {
        info: &info(
            "faults.hang",
            "Stops the victim: it neither works nor ends.",
            "Its freezer cgroup (version 2, then 1); else SIGSTOP by pidfd to it and its descendants. It goes on afterwards, and answers \
             what has piled up. The figures would be wrong if others answered in its place.",
            &[by(&["best", "cgroup", "signal"])],
        ),
        instant: false,
        make: |args| Ok(Plan::Victim(Fault::Hang, wanted(args))),
    },
    FaultDef {
        info: &info(
            "faults.io",
            "Lets a stressor write and flush beside the victim.",
            "The stressor `stress.io` in the victim's folder, within the caps of disk space. The figures would be wrong if the victim \
             wrote to another disk.",
            &[param("intensity", ParamKind::Count { min: 1, max: 100 }, "100", "percent of the time that it works")],
        ),
        instant: false,
        make: |args| {
            let mut given = intensity(args);
            given.insert("mode".to_owned(), ArgValue::Text("fsync".to_owned()));
            given.insert("size".to_owned(), ArgValue::Text("64 MiB".to_owned()));
            Ok(Plan::Victim(Fault::Contention("stress.io".to_owned(), given), None))
        },
    },
    FaultDef {
        info: &network!(
            "faults.latency",
            "Holds messages back for a time.",
            "A message is what flows one way after something flowed the other way: a request, or a response.",
            [needed("delay", TIME, "how long"), param("jitter", TIME, "0 s", "by how much it varies, evenly spread")]
        ),
        instant: false,
        make: |args| network(args, Kind::Latency { delay: args.number("delay"), jitter: args.number("jitter") }),
    },
    FaultDef {
        info: &network!(
            "faults.limit",
            "Closes connections when so many bytes have gone through.",
            "Bytes are counted in one direction.",
            [needed("bytes", SIZE, "how many")]
        ),
        instant: false,
        make: |args| network(args, Kind::Limit { bytes: args.whole("bytes") }),
    },
    FaultDef {
        info: &info(
            "faults.memory",
            "Leaves the victim only so much memory beyond what it uses.",
            "The limit of its memory cgroup (version 2, then 1): the kernel ends it when it wants more. Else its address space is limited \
             by prlimit: then allocations fail, which is another end. It is the first process that the kernel would end. The figures \
             would be wrong if it never needed more than what is left.",
            &[param("left", SIZE, "16 MiB", "memory that it may still take"), by(&["best", "cgroup", "rlimit"])],
        ),
        instant: false,
        make: |args| Ok(Plan::Victim(Fault::Memory(args.whole("left")), wanted(args))),
    },
    FaultDef {
        info: &info(
            "faults.noisy_neighbour",
            "Lets a stressor work on the very processor of the victim.",
            "The victim is bound to the processor on which the stressor `stress.cpu` works; afterwards it runs where it could before. The \
             figures would be wrong if the victim used little of a processor: the scheduler is fair to it.",
            &[param("intensity", ParamKind::Count { min: 1, max: 100 }, "100", "percent of the time that it works")],
        ),
        instant: false,
        make: |args| Ok(Plan::Victim(Fault::Neighbour("stress.cpu".to_owned(), intensity(args)), None)),
    },
    FaultDef {
        info: &info(
            "faults.processes",
            "Lets the victim start only so many processes more.",
            "The limit of its pids cgroup (version 2, then 1); else its user's limit of processes by prlimit, which binds no privileged \
             user. The figures would be wrong if it needed no more threads or processes.",
            &[
                param("left", COUNT, "0", "processes and threads that it may still start"),
                by(&["best", "cgroup", "rlimit"]),
            ],
        ),
        instant: false,
        make: |args| Ok(Plan::Victim(Fault::Processes(args.whole("left")), wanted(args))),
    },
    FaultDef {
        info: &network!(
            "faults.reset",
            "Resets connections after a time.",
            "Both ways.",
            [param("after", TIME, "0 s", "how long a connection lives")]
        ),
        instant: false,
        make: |args| network(args, Kind::Reset { after: args.number("after") }),
    },
    FaultDef {
        info: &network!(
            "faults.slicer",
            "Cuts messages into pieces with pauses between them.",
            "Each piece is sent by itself.",
            [param("size", SIZE, "64 B", "size of a piece"), param("delay", TIME, "1 ms", "pause between two")]
        ),
        instant: false,
        make: |args| {
            let kind = Kind::Slicer {
                size: usize::try_from(args.whole("size")).unwrap_or(usize::MAX),
                delay: args.number("delay"),
            };
            network(args, kind)
        },
    },
    FaultDef {
        info: &network!(
            "faults.slow_close",
            "Holds the end of connections back.",
            "Data go through, the end does not.",
            [needed("delay", TIME, "how long")]
        ),
        instant: false,
        make: |args| network(args, Kind::SlowClose { delay: args.number("delay") }),
    },
    FaultDef {
        info: &network!(
            "faults.timeout",
            "Lets nothing through any more, and closes connections after a time.",
            "What was swallowed is lost: such connections are reset when the fault is taken away.",
            [param("after", TIME, "0 s", "when they are closed; never when that is 0")]
        ),
        instant: false,
        make: |args| network(args, Kind::Timeout { after: args.number("after") }),
    },
];

/// All faults.
#[must_use]
pub fn registry() -> &'static [FaultDef] {
    FAULTS
}

/// A fault by id.
#[must_use]
pub fn find(id: &str) -> Option<&'static FaultDef> {
    FAULTS.iter().find(|fault| fault.info.id == id)
}

/// The mechanism that was asked for; none for the best one.
fn wanted(args: &Args) -> Option<Mechanism> {
    Mechanism::named(args.text("mechanism"))
}

fn intensity(args: &Args) -> BTreeMap<String, ArgValue> {
    BTreeMap::from([("intensity".to_owned(), ArgValue::Text(args.whole("intensity").to_string()))])
}

fn network(args: &Args, kind: Kind) -> Result<Plan, Wrong> {
    let probability = quantity(args, "probability", Dimension::NONE, "a share such as `10 %`")?;
    if !(0.0..=1.0).contains(&probability) {
        let why = format!("must be from 0 % to 100 %, got {} %", probability * 100.0);
        return Err(Wrong { option: "probability", why });
    }
    let direction = if args.text("direction") == "up" { Direction::Up } else { Direction::Down };
    Ok(Plan::Network(Toxic { kind, direction, probability }))
}

fn quantity(args: &Args, option: &'static str, dimension: Dimension, wanted: &str) -> Result<f64, Wrong> {
    let text = args.text(option);
    match text.parse::<Quantity>() {
        Ok(quantity) if quantity.dimension == dimension => Ok(quantity.value),
        Ok(_) => Err(Wrong { option, why: format!("must be {wanted}, got `{text}`") }),
        Err(error) => Err(Wrong { option, why: format!("must be {wanted}: {error}") }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(id: &str, given: &[(&str, &str)]) -> Result<Plan, String> {
        let fault = find(id).unwrap();
        let given =
            given.iter().map(|(name, value)| ((*name).to_owned(), ArgValue::Text((*value).to_owned()))).collect();
        let args = fault.info.args(&given, false).map_err(|error| error.to_string())?;
        fault.plan(&args).map_err(|error| error.to_string())
    }

    #[test]
    fn ids_are_sorted_and_every_fault_is_documented() {
        assert!(registry().is_sorted_by(|one, next| one.info.id < next.info.id));
        for fault in registry() {
            assert!(fault.info.summary.ends_with('.') && fault.info.about.contains("wrong"), "{}", fault.info.id);
            assert_eq!(fault.info.area(), "faults");
        }
    }

    #[test]
    fn options_come_to_what_they_say() {
        assert_eq!(plan("faults.crash", &[("signal", "segv")]), Ok(Plan::Victim(Fault::Crash(Crash::Segv), None)));
        assert_eq!(plan("faults.memory", &[]), Ok(Plan::Victim(Fault::Memory(16 << 20), None)));
        assert_eq!(plan("faults.cpu", &[("share", "25 %")]), Ok(Plan::Victim(Fault::Cpu(0.25), None)));
        for way in ["tmpfs", "loop", "quota", "rlimit"] {
            let wanted = Mechanism::named(way);
            assert!(wanted.is_some());
            assert_eq!(plan("faults.disk", &[("mechanism", way)]), Ok(Plan::Victim(Fault::Disk, wanted)));
        }
        let toxic = Toxic::new(Kind::Bandwidth { rate: 2e6 }, Direction::Up).with(0.1);
        let given = [("rate", "2 MB/s"), ("direction", "up"), ("probability", "10 %")];
        assert_eq!(plan("faults.bandwidth", &given), Ok(Plan::Network(toxic)));
    }

    #[test]
    fn options_without_sense_are_refused() {
        for (id, given, says) in [
            ("faults.cpu", ("share", "200 %"), "from 1 % to 100 %"),
            ("faults.cpu", ("share", "1 s"), "a share such as"),
            ("faults.bandwidth", ("rate", "1 MB"), "a rate such as"),
            ("faults.bandwidth", ("rate", "0 B/s"), "must be more than 0"),
            ("faults.latency", ("delay", "-1 s"), "`delay` must be"),
            ("faults.slicer", ("size", "0 B"), "pieces of 0 bytes"),
            ("faults.reset", ("probability", "120 %"), "from 0 % to 100 %"),
            ("faults.crash", ("signal", "term"), "`signal` must be"),
            ("faults.disk", ("mechanism", "cgroup"), "`mechanism` must be"),
            ("faults.hang", ("for", "1 s"), "no option `for`"),
        ] {
            let error = plan(id, &[given]).unwrap_err();
            assert!(error.contains(says), "{id}: {error}");
        }
        assert!(plan("faults.latency", &[]).unwrap_err().contains("needs the option `delay`"));
    }
}
