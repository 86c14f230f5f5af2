//! What disturbed a sample while it was taken, judged against limits. A tainted sample is retaken, then kept and
//! marked; never silently dropped.
//!
//! The causes and their order of trust follow Gregg's USE method and the kernel's own counters: steal time, pressure
//! stall information (PSI), context switches, migrations, throttling, and a sentinel (a fixed piece of work timed
//! before and after) as the witness for what a provider hides.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::time::Duration;

/// What the system's counters did between the start and the end of a sample. `None` where the system does not tell.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Observed {
    /// Time from start to finish.
    pub wall: Duration,
    /// Time that the hypervisor gave to others, summed over all CPUs. Resolution: 10 ms.
    pub steal: Option<Duration>,
    /// Time that all CPUs spent on any work, steal excluded. Resolution: 10 ms.
    pub busy: Option<Duration>,
    /// CPU time of this process and of those of its children that have ended and been waited for.
    pub own_cpu: Duration,
    /// Time during which some task waited for a CPU.
    pub pressure_cpu: Option<Duration>,
    /// Time during which some task waited for I/O.
    pub pressure_io: Option<Duration>,
    /// Time during which some task waited for memory.
    pub pressure_memory: Option<Duration>,
    /// Times that a thread of this process was taken off its CPU against its will.
    pub involuntary_switches: u64,
    /// Times that a thread of this process gave up its CPU.
    pub voluntary_switches: u64,
    /// Times that the observing thread changed its CPU.
    pub migrations: Option<u64>,
    /// Time that the observing thread was ready to run and did not.
    pub run_delay: Option<Duration>,
    /// Page faults of this process that had to read from a device.
    pub major_faults: u64,
    /// Thermal throttling events.
    pub thermal_throttles: Option<u64>,
    /// Periods in which the control group's CPU quota stopped us.
    pub quota_throttles: Option<u64>,
}

/// One cause that makes a sample doubtful, with its size. Shares are 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(tag = "cause", rename_all = "kebab-case")]
pub enum Taint {
    /// The hypervisor ran others on our CPUs.
    Steal {
        /// Stolen time over wall time.
        share: f64,
    },
    /// Tasks waited for a CPU, and work other than ours was there to cause it.
    PressureCpu {
        /// Time with some task waiting over wall time.
        share: f64,
        /// CPU time of others over wall time: 1 is one whole CPU.
        foreign: f64,
    },
    /// Tasks waited for I/O.
    PressureIo {
        /// Time with some task waiting over wall time.
        share: f64,
    },
    /// Tasks waited for memory.
    PressureMemory {
        /// Time with some task waiting over wall time.
        share: f64,
    },
    /// The observing thread changed its CPU.
    Migrated {
        /// How often.
        n: u64,
    },
    /// Threads of ours were taken off their CPU.
    Preempted {
        /// How often.
        n: u64,
    },
    /// The processor reduced its clock because of heat or power.
    Throttled {
        /// Events counted.
        n: u64,
    },
    /// The control group's CPU quota stopped us.
    QuotaExceeded {
        /// Periods in which it did.
        n: u64,
    },
    /// The sentinel took another time after the sample than before it.
    ClockDrift {
        /// After over before.
        ratio: f64,
    },
}

impl fmt::Display for Taint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let percent = |share: f64| share * 100.0;
        match *self {
            Self::Steal { share } => write!(f, "steal: the hypervisor took {:.1} % of the time", percent(share)),
            Self::PressureCpu { share, foreign } => write!(
                f,
                "CPU pressure: tasks waited for {:.1} % of the time while others used {:.1} % of a CPU",
                percent(share),
                percent(foreign)
            ),
            Self::PressureIo { share } => {
                write!(f, "I/O pressure: tasks waited for {:.1} % of the time", percent(share))
            }
            Self::PressureMemory { share } => {
                write!(f, "memory pressure: tasks waited for {:.1} % of the time", percent(share))
            }
            Self::Migrated { n } => write!(f, "migration: the thread changed its CPU {n}x"),
            Self::Preempted { n } => write!(f, "preemption: {n} involuntary context switches"),
            Self::Throttled { n } => write!(f, "throttling: the processor slowed down {n}x"),
            Self::QuotaExceeded { n } => write!(f, "CPU quota: the control group stopped us in {n} periods"),
            Self::ClockDrift { ratio } => {
                write!(f, "clock drift: the sentinel took {ratio:.3}x its time after the sample")
            }
        }
    }
}

/// An allowance that grows with the length of the sample: `base + per_second * wall`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Allowance {
    /// Allowed in any sample, however short.
    pub base: u64,
    /// Allowed in addition for each second.
    pub per_second: f64,
}

impl Allowance {
    /// Nothing is allowed.
    pub const NONE: Self = Self { base: 0, per_second: 0.0 };

    fn exceeded_by(self, n: u64, wall: Duration) -> bool {
        n as f64 > self.base as f64 + self.per_second * wall.as_secs_f64()
    }
}

/// From where on a sample counts as tainted; `None` switches a cause off.
///
/// * `steal` 1 %: what STREAM or a pointer chase can hide in its own variation. The counter advances in steps of
///   10 ms, so a sample shorter than a second is tainted by a single step. That is on purpose: a retake costs less
///   than a wrong number.
/// * `pressure_cpu` 10 % *and* `foreign_cpu` 5 % of a CPU: a step that uses all CPUs makes waiting tasks by itself
///   (its own helpers wait for its own workers), so pressure counts only when work that is not ours was there to
///   cause it: all busy time less our own CPU time. That difference is uncertain by [`Limits::FOREIGN_FLOOR`]; less
///   never counts. A child still running counts as foreign: a step that measures one sets `pressure_cpu: None`.
/// * `pressure_io` 10 %: a step that does I/O itself makes this pressure and sets it to `None`
///   ([`Limits::for_own_io`]).
/// * `pressure_memory` 1 %: reclaim during a sample is rare on a healthy machine and costs milliseconds.
/// * `preemptions` 5 + 50/s: a lone thread meets a few a second (kernel workers, the monitor); a competitor on the
///   same CPU causes hundreds. A step with more threads than CPUs preempts itself and sets it to `None`.
/// * `migrations` 2 + 5/s, for a thread that is not pinned; one migration costs at most the refill of a cache, some
///   milliseconds. Pinned threads use [`Limits::pinned`].
/// * `throttles` and `quota_throttles`: none allowed.
/// * `clock_drift` 5 %: the sentinel itself repeats within about 2 % on a quiet machine.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Stolen time over wall time.
    pub steal: Option<f64>,
    /// Time with some task waiting for a CPU over wall time.
    pub pressure_cpu: Option<f64>,
    /// CPU time of others over wall time, below which CPU pressure is taken for our own.
    pub foreign_cpu: f64,
    /// Time with some task waiting for I/O over wall time.
    pub pressure_io: Option<f64>,
    /// Time with some task waiting for memory over wall time.
    pub pressure_memory: Option<f64>,
    /// Involuntary context switches of the process.
    pub preemptions: Option<Allowance>,
    /// Migrations of the observing thread.
    pub migrations: Option<Allowance>,
    /// Thermal throttling events.
    pub throttles: Option<u64>,
    /// Periods stopped by the CPU quota.
    pub quota_throttles: Option<u64>,
    /// Deviation of the sentinel's ratio from one.
    pub clock_drift: Option<f64>,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            steal: Some(0.01),
            pressure_cpu: Some(0.10),
            foreign_cpu: 0.05,
            pressure_io: Some(0.10),
            pressure_memory: Some(0.01),
            preemptions: Some(Allowance { base: 5, per_second: 50.0 }),
            migrations: Some(Allowance { base: 2, per_second: 5.0 }),
            throttles: Some(0),
            quota_throttles: Some(0),
            clock_drift: Some(0.05),
        }
    }
}

impl Limits {
    /// Uncertainty of the CPU time of others: the busy time comes in steps of 10 ms for each kind of work.
    pub const FOREIGN_FLOOR: Duration = Duration::from_millis(30);

    /// The limits for a thread pinned to one CPU: it must not migrate at all.
    #[must_use]
    pub fn pinned(self) -> Self {
        Self { migrations: Some(Allowance::NONE), ..self }
    }

    /// The limits for a step that does I/O itself: its own waiting is no disturbance.
    #[must_use]
    pub fn for_own_io(self) -> Self {
        Self { pressure_io: None, ..self }
    }

    /// The limits for a step that runs children or more threads than CPUs: pressure and switches are its own.
    #[must_use]
    pub fn for_own_crowd(self) -> Self {
        Self { pressure_cpu: None, preemptions: None, migrations: None, ..self }
    }

    /// The taint of two sentinel readings, if they differ by more than the limit. Readings that are not positive
    /// numbers prove nothing.
    pub fn clock_drift(&self, before: Duration, after: Duration) -> Option<Taint> {
        let limit = self.clock_drift?;
        if before.is_zero() || after.is_zero() {
            return None;
        }
        let ratio = after.as_secs_f64() / before.as_secs_f64();
        (ratio > 1.0 + limit || ratio < 1.0 / (1.0 + limit)).then_some(Taint::ClockDrift { ratio })
    }
}

impl Observed {
    /// CPU time of work that is not ours.
    pub fn foreign_cpu(&self) -> Option<Duration> {
        self.busy.map(|busy| busy.saturating_sub(self.own_cpu))
    }

    /// The causes beyond their limits, in a fixed order. A counter that the system does not have taints nothing.
    pub fn taints(&self, limits: &Limits) -> Vec<Taint> {
        let mut taints = Vec::new();
        let wall = self.wall;
        if wall.is_zero() {
            return taints;
        }
        // A counter read a moment after the clock can show more than the wall time.
        let share = |part: Duration| part.as_secs_f64() / wall.as_secs_f64();
        let over = |part: Option<Duration>, limit: Option<f64>| {
            part.zip(limit).map(|(part, limit)| (share(part), limit)).filter(|(share, limit)| share > limit)
        };
        if let Some((share, _)) = over(self.steal, limits.steal) {
            taints.push(Taint::Steal { share: share.min(1.0) });
        }
        if let Some((waited, _)) = over(self.pressure_cpu, limits.pressure_cpu) {
            let foreign = self.foreign_cpu().unwrap_or_default();
            if foreign > Limits::FOREIGN_FLOOR && share(foreign) > limits.foreign_cpu {
                taints.push(Taint::PressureCpu { share: waited.min(1.0), foreign: share(foreign) });
            }
        }
        if let Some((share, _)) = over(self.pressure_io, limits.pressure_io) {
            taints.push(Taint::PressureIo { share: share.min(1.0) });
        }
        if let Some((share, _)) = over(self.pressure_memory, limits.pressure_memory) {
            taints.push(Taint::PressureMemory { share: share.min(1.0) });
        }
        if let Some((n, limit)) = self.migrations.zip(limits.migrations)
            && limit.exceeded_by(n, wall)
        {
            taints.push(Taint::Migrated { n });
        }
        if let Some(limit) = limits.preemptions
            && limit.exceeded_by(self.involuntary_switches, wall)
        {
            taints.push(Taint::Preempted { n: self.involuntary_switches });
        }
        if let Some((n, limit)) = self.thermal_throttles.zip(limits.throttles)
            && n > limit
        {
            taints.push(Taint::Throttled { n });
        }
        if let Some((n, limit)) = self.quota_throttles.zip(limits.quota_throttles)
            && n > limit
        {
            taints.push(Taint::QuotaExceeded { n });
        }
        taints
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(n: u64) -> Duration {
        Duration::from_millis(n)
    }

    fn quiet() -> Observed {
        Observed { wall: ms(1000), busy: Some(ms(2000)), own_cpu: ms(2000), ..Observed::default() }
    }

    fn judged(change: impl FnOnce(&mut Observed)) -> Vec<Taint> {
        let mut observed = quiet();
        change(&mut observed);
        observed.taints(&Limits::default())
    }

    #[test]
    fn a_quiet_sample_and_an_empty_one_have_no_taint() {
        assert_eq!(judged(|_| {}), []);
        assert_eq!(Observed { steal: Some(ms(10)), ..Observed::default() }.taints(&Limits::default()), []);
    }

    #[test]
    fn each_cause_is_named_just_beyond_its_limit_and_not_at_it() {
        assert_eq!(judged(|o| o.steal = Some(ms(10))), []);
        assert_eq!(judged(|o| o.steal = Some(ms(20))), [Taint::Steal { share: 0.02 }]);
        assert_eq!(judged(|o| o.pressure_io = Some(ms(100))), []);
        assert_eq!(judged(|o| o.pressure_io = Some(ms(250))), [Taint::PressureIo { share: 0.25 }]);
        assert_eq!(judged(|o| o.pressure_memory = Some(ms(20))), [Taint::PressureMemory { share: 0.02 }]);
        assert_eq!(judged(|o| o.migrations = Some(7)), []);
        assert_eq!(judged(|o| o.migrations = Some(8)), [Taint::Migrated { n: 8 }]);
        assert_eq!(judged(|o| o.involuntary_switches = 55), []);
        assert_eq!(judged(|o| o.involuntary_switches = 56), [Taint::Preempted { n: 56 }]);
        assert_eq!(judged(|o| o.thermal_throttles = Some(1)), [Taint::Throttled { n: 1 }]);
        assert_eq!(judged(|o| o.quota_throttles = Some(3)), [Taint::QuotaExceeded { n: 3 }]);
    }

    #[test]
    fn cpu_pressure_of_our_own_making_is_no_taint() {
        // Four threads of ours on two CPUs: all busy time is ours.
        assert_eq!(judged(|o| o.pressure_cpu = Some(ms(1000))), []);
        let foreign = judged(|o| {
            o.pressure_cpu = Some(ms(500));
            o.own_cpu = ms(1500);
        });
        assert_eq!(foreign, [Taint::PressureCpu { share: 0.5, foreign: 0.5 }]);
        // The busy time of a short sample is too coarse to accuse anyone.
        let short = Observed {
            wall: ms(20),
            busy: Some(ms(50)),
            own_cpu: ms(25),
            pressure_cpu: Some(ms(10)),
            ..Observed::default()
        };
        assert_eq!(short.taints(&Limits::default()), []);
    }

    #[test]
    fn a_share_never_exceeds_the_whole() {
        let burst = Observed { wall: ms(1), steal: Some(ms(10)), ..Observed::default() };
        assert_eq!(burst.taints(&Limits::default()), [Taint::Steal { share: 1.0 }]);
    }

    #[test]
    fn limits_can_be_switched_off_and_sharpened() {
        let observed = Observed { pressure_io: Some(ms(900)), migrations: Some(1), ..quiet() };
        assert_eq!(observed.taints(&Limits::default().for_own_io()), []);
        assert_eq!(observed.taints(&Limits::default().for_own_io().pinned()), [Taint::Migrated { n: 1 }]);
    }

    #[test]
    fn the_sentinel_tells_drift_both_ways() {
        let limits = Limits::default();
        assert_eq!(limits.clock_drift(ms(100), ms(104)), None);
        assert_eq!(limits.clock_drift(ms(1000), ms(1250)), Some(Taint::ClockDrift { ratio: 1.25 }));
        assert_eq!(limits.clock_drift(ms(1000), ms(500)), Some(Taint::ClockDrift { ratio: 0.5 }));
        assert_eq!(limits.clock_drift(ms(0), ms(50)), None);
    }

    #[test]
    fn a_taint_names_cause_and_number_and_survives_json() {
        let taint = Taint::Steal { share: 0.032 };
        assert_eq!(taint.to_string(), "steal: the hypervisor took 3.2 % of the time");
        let json = serde_json::to_string(&taint).unwrap();
        assert_eq!(json, r#"{"cause":"steal","share":0.032}"#);
        assert_eq!(serde_json::from_str::<Taint>(&json).unwrap(), taint);
    }
}
