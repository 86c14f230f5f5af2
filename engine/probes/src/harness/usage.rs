//! What the kernel counts of a thread: page faults and switches. A probe compares it with what it meant to cause.
#![expect(unsafe_code, reason = "getrusage is a call into libc")]

/// Counts of the calling thread since it began, or between two looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Usage {
    /// Page faults that needed no device.
    pub minor_faults: u64,
    /// Page faults that waited for a device.
    pub major_faults: u64,
    /// Times the thread gave the CPU up to wait.
    pub voluntary: u64,
    /// Times the CPU was taken from it.
    pub involuntary: u64,
}

impl Usage {
    /// The counts of the calling thread up to now.
    #[must_use]
    pub fn of_thread() -> Self {
        let mut usage = std::mem::MaybeUninit::<libc::rusage>::zeroed();
        // SAFETY: `usage` is writable and as large as the kernel expects; all zero is a value of it, should the call
        // fail, which it only does for an unknown `who`.
        let usage = unsafe {
            libc::getrusage(libc::RUSAGE_THREAD, usage.as_mut_ptr());
            usage.assume_init()
        };
        let count = |value: libc::c_long| u64::try_from(value).unwrap_or(0);
        Self {
            minor_faults: count(usage.ru_minflt),
            major_faults: count(usage.ru_majflt),
            voluntary: count(usage.ru_nvcsw),
            involuntary: count(usage.ru_nivcsw),
        }
    }

    /// What came between `earlier` and `self`.
    #[must_use]
    pub fn since(self, earlier: Self) -> Self {
        Self {
            minor_faults: self.minor_faults.saturating_sub(earlier.minor_faults),
            major_faults: self.major_faults.saturating_sub(earlier.major_faults),
            voluntary: self.voluntary.saturating_sub(earlier.voluntary),
            involuntary: self.involuntary.saturating_sub(earlier.involuntary),
        }
    }

    /// Times the thread left the CPU, for either reason.
    #[must_use]
    pub fn switches(self) -> u64 {
        self.voluntary + self.involuntary
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sleep_is_a_voluntary_switch_of_this_thread() {
        let before = Usage::of_thread();
        std::thread::sleep(std::time::Duration::from_millis(1));
        let during = Usage::of_thread().since(before);
        assert!(during.voluntary >= 1 && during.switches() >= during.voluntary, "{during:?}");
        assert_eq!(before.since(Usage::of_thread()).voluntary, 0, "never below zero");
    }
}
