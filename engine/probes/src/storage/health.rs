//! What an NVMe drive itself counted: its health log, read before and after a round. A drive that slowed itself down says
//! for how long and how often, whatever its sensor shows at the moment at which somebody looks.
//!
//! Source: NVM Express base specification 2.0, "SMART / Health Information" (log page 02h). Needs to be allowed to ask the
//! controller (`CAP_SYS_ADMIN`); others get nothing.
#![expect(unsafe_code, reason = "the controller is asked by an ioctl")]

use std::fs::File;
use std::os::fd::AsRawFd;

/// Bytes of the log.
const LENGTH: usize = 512;

/// Counters of slowing down, from the drive's first day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Health {
    /// Bits of what the drive warns of; see [`Health::warnings`].
    critical: u8,
    /// Minutes beyond the temperature of warning, and beyond the critical one.
    hot: [u32; 2],
    /// How often it went into its lighter and its heavier throttling.
    transitions: [u32; 2],
    /// Seconds in its lighter and its heavier throttling.
    throttled: [u32; 2],
}

impl Health {
    /// Reads the log's bytes; none when they are too few.
    pub(crate) fn parse(log: &[u8]) -> Option<Self> {
        let word = |at: usize| log.get(at..at + 4)?.try_into().ok().map(u32::from_le_bytes);
        let pair = |at: usize| Some([word(at)?, word(at + 4)?]);
        Some(Self { critical: *log.first()?, hot: pair(192)?, transitions: pair(216)?, throttled: pair(224)? })
    }

    /// What the drive warns of now.
    pub(crate) fn warnings(&self) -> Vec<&'static str> {
        const NAMES: [&str; 6] = [
            "its spare blocks run out",
            "its temperature is out of its range",
            "its reliability is degraded",
            "it takes no more writes",
            "the back-up of its volatile memory failed",
            "its persistent memory region became read-only",
        ];
        NAMES.iter().enumerate().filter(|(bit, _)| self.critical & (1 << bit) != 0).map(|(_, name)| *name).collect()
    }

    /// How it slowed itself down since `before`, in words; none when it did not.
    pub(crate) fn throttled_since(&self, before: &Self) -> Option<String> {
        let more =
            |now: [u32; 2], then: [u32; 2]| now[0].wrapping_sub(then[0]).saturating_add(now[1].wrapping_sub(then[1]));
        let (seconds, times) = (more(self.throttled, before.throttled), more(self.transitions, before.transitions));
        let minutes = more(self.hot, before.hot);
        (seconds > 0 || times > 0 || minutes > 0).then(|| {
            format!(
                "the drive slowed itself down during the round: {times} times, for {seconds} s, and was beyond its \
                 temperature of warning for {minutes} min (its own counters)"
            )
        })
    }
}

/// Asks the controller of the disk `name` (`nvme0n1`); none for other disks and where it may not be asked.
pub(crate) fn read(name: &str) -> Option<Health> {
    let (controller, _) = name.strip_prefix("nvme")?.split_once('n')?;
    let device = File::open(format!("/dev/nvme{controller}")).ok()?;
    let mut log = [0; LENGTH];
    ask(&device, &mut log)?;
    Health::parse(&log)
}

/// The `nvme_passthru_cmd` of `linux/nvme_ioctl.h`.
#[repr(C)]
#[derive(Debug, Default)]
struct Command {
    opcode: u8,
    flags: u8,
    reserved: u16,
    namespace: u32,
    words: [u32; 2],
    metadata: u64,
    address: u64,
    metadata_length: u32,
    length: u32,
    more: [u32; 6],
    limit_ms: u32,
    result: u32,
}

fn ask(device: &File, log: &mut [u8; LENGTH]) -> Option<()> {
    const ADMIN: libc::Ioctl = 0xC048_4E41_u32 as libc::Ioctl;
    const GET_LOG_PAGE: u8 = 0x02;
    const HEALTH: u32 = 0x02;
    const ALL_NAMESPACES: u32 = u32::MAX;
    let mut command = Command {
        opcode: GET_LOG_PAGE,
        namespace: ALL_NAMESPACES,
        address: log.as_mut_ptr() as u64,
        length: LENGTH as u32,
        limit_ms: 1000,
        ..Command::default()
    };
    // The length in words of four bytes, less one, stands in the upper half.
    command.more[0] = HEALTH | ((LENGTH as u32 / 4 - 1) << 16);
    // SAFETY: the command and the memory that it names live during the call, and the command says how long the memory is.
    let status = unsafe { libc::ioctl(device.as_raw_fd(), ADMIN, &raw mut command) };
    (status == 0).then_some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log(critical: u8, words: &[(usize, u32)]) -> Vec<u8> {
        let mut log = vec![0; LENGTH];
        log[0] = critical;
        for (at, value) in words {
            log[*at..at + 4].copy_from_slice(&value.to_le_bytes());
        }
        log
    }

    #[test]
    fn the_command_is_as_long_as_the_kernel_wants_it() {
        // The size stands in the request's number.
        assert_eq!(size_of::<Command>(), 0x48);
    }

    #[test]
    fn counters_stand_where_the_specification_puts_them() {
        let health = Health::parse(&log(0b10, &[(192, 3), (196, 1), (216, 7), (220, 2), (224, 40), (228, 9)])).unwrap();
        let wanted = Health { critical: 2, hot: [3, 1], transitions: [7, 2], throttled: [40, 9] };
        assert_eq!(health, wanted);
        assert_eq!(health.warnings(), ["its temperature is out of its range"]);
        assert_eq!(Health::parse(&[0; 100]), None);
    }

    #[test]
    fn only_what_is_new_counts() {
        let before = Health::parse(&log(0, &[(216, 7), (224, 40)])).unwrap();
        let after = Health::parse(&log(0, &[(216, 8), (224, 52)])).unwrap();
        assert_eq!(before.throttled_since(&before), None);
        let said = after.throttled_since(&before).unwrap();
        assert!(said.contains("1 times, for 12 s"), "{said}");
    }

    #[test]
    fn other_disks_are_not_asked() {
        assert_eq!((read("vda"), read("sda"), read("nvme"), read("nvme99n1")), (None, None, None, None));
    }
}
