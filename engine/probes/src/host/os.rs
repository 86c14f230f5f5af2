//! Kernel, distribution and the settings that change results.

use super::tree::{Tree, chosen, kibibytes, member};
use engine_core::environment::{NumaNode, Os, Vulnerability};
use engine_core::fact::Fact;

/// Boot parameters kept in the record, by prefix of their name. The others may hold secrets and change nothing.
const BOOT: &[&str] = &[
    "mitigations",
    "isolcpus",
    "nohz",
    "rcu_nocb",
    "intel_pstate",
    "amd_pstate",
    "processor.",
    "intel_idle",
    "idle",
    "transparent_hugepage",
    "hugepage",
    "default_hugepage",
    "numa",
    "nosmt",
    "maxcpus",
    "mem",
    "spectre",
    "nospectre",
    "pti",
    "nopti",
    "spec_",
    "l1tf",
    "mds",
    "retbleed",
    "tsc",
    "clocksource",
    "iommu",
    "intel_iommu",
    "amd_iommu",
    "nvme",
    "preempt",
    "threadirqs",
    "cgroup",
    "systemd.unified_cgroup",
    "psi",
    "audit",
    "hpet",
    "cpuidle",
    "pcie_aspm",
    "nokaslr",
    "split_lock_detect",
    "swiotlb",
];

/// Reads everything about the operating system.
pub(crate) fn read(tree: &Tree, meminfo: &Fact<String>) -> Os {
    let vm = |name: &str| format!("/proc/sys/vm/{name}");
    let kernel = |name: &str| format!("/proc/sys/kernel/{name}");
    let thp = |name: &str| {
        let path = format!("/sys/kernel/mm/transparent_hugepage/{name}");
        tree.text(&path)
            .and_then(|text| Fact::or_unknown(chosen(&text).map(str::to_owned), format!("`{path}` holds `{text}`")))
    };
    let limits = tree.text("/proc/self/limits");
    Os {
        name: tree.line(&kernel("ostype")).map(|name| name.to_lowercase()),
        kernel: tree.line(&kernel("osrelease")),
        kernel_build: tree.line(&kernel("version")),
        cmdline: tree.text("/proc/cmdline").map(|text| boot_parameters(&text)),
        distribution: distribution(tree),
        arch: arch(tree),
        libc: if tree.is_live() { super::live::libc_version() } else { Fact::unknown("a recorded tree") },
        clock_source: tree.line("/sys/devices/system/clocksource/clocksource0/current_clocksource"),
        vulnerabilities: vulnerabilities(tree),
        thp: thp("enabled"),
        thp_defrag: thp("defrag"),
        hugepages_total: counted(meminfo, "HugePages_Total"),
        hugepages_free: counted(meminfo, "HugePages_Free"),
        hugepage_bytes: sized(meminfo, "Hugepagesize"),
        numa_nodes: numa_nodes(tree),
        numa_balancing: tree.switch(&kernel("numa_balancing")),
        aslr: tree.value(&kernel("randomize_va_space")),
        perf_event_paranoid: tree.value(&kernel("perf_event_paranoid")),
        io_uring_disabled: tree.value(&kernel("io_uring_disabled")),
        memlock_bytes: limit(&limits, "Max locked memory"),
        nofile: limit(&limits, "Max open files"),
        swap_bytes: sized(meminfo, "SwapTotal"),
        zram: tree.text("/proc/swaps").map(|text| text.contains("/zram")),
        swappiness: tree.value(&vm("swappiness")),
    }
}

/// A size of `/proc/meminfo`, in bytes.
pub(crate) fn sized(meminfo: &Fact<String>, name: &str) -> Fact<u64> {
    meminfo.clone().and_then(|text| Fact::or_unknown(kibibytes(&text, name), format!("no `{name}` in `/proc/meminfo`")))
}

/// A count of `/proc/meminfo`.
pub(crate) fn counted(meminfo: &Fact<String>, name: &str) -> Fact<u64> {
    meminfo.clone().and_then(|text| {
        let number = member(&text, name).and_then(|value| value.parse().ok());
        Fact::or_unknown(number, format!("no `{name}` in `/proc/meminfo`"))
    })
}

fn boot_parameters(cmdline: &str) -> Vec<String> {
    // What follows ` -- ` is meant for the first process.
    let ours = cmdline.split(" -- ").next().unwrap_or(cmdline);
    let kept = |word: &&str| BOOT.iter().any(|prefix| word.starts_with(prefix));
    ours.split_ascii_whitespace().filter(kept).map(str::to_owned).collect()
}

fn distribution(tree: &Tree) -> Fact<String> {
    let text = tree.text("/etc/os-release");
    let text = if text.is_known() { text } else { tree.text("/usr/lib/os-release") };
    text.and_then(|text| {
        let name = member(&text, "PRETTY_NAME").map(|name| name.trim_matches('"').to_owned());
        Fact::or_unknown(name.filter(|name| !name.is_empty()), "no `PRETTY_NAME` in `/etc/os-release`")
    })
}

fn arch(tree: &Tree) -> Fact<String> {
    let told = tree.line("/proc/sys/kernel/arch");
    if told.is_known() || !tree.is_live() { told } else { Fact::Known(std::env::consts::ARCH.to_owned()) }
}

fn vulnerabilities(tree: &Tree) -> Fact<Vec<Vulnerability>> {
    const FOLDER: &str = "/sys/devices/system/cpu/vulnerabilities";
    tree.names(FOLDER).map(|names| {
        let state = |name: &String| tree.line(&format!("{FOLDER}/{name}")).known().cloned();
        names.into_iter().filter_map(|name| Some(Vulnerability { state: state(&name)?, name })).collect()
    })
}

fn numa_nodes(tree: &Tree) -> Fact<Vec<NumaNode>> {
    const FOLDER: &str = "/sys/devices/system/node";
    tree.names(FOLDER).and_then(|names| {
        let node = |name: &String| {
            let node = name.strip_prefix("node")?.parse().ok()?;
            Some(NumaNode { node, cpus: tree.text(&format!("{FOLDER}/{name}/cpulist")).known()?.clone() })
        };
        let nodes: Vec<_> = names.iter().filter_map(node).collect();
        Fact::or_unknown(Some(nodes).filter(|nodes| !nodes.is_empty()), format!("no node in `{FOLDER}`"))
    })
}

/// The soft limit in a line of `/proc/self/limits`.
fn limit(limits: &Fact<String>, name: &str) -> Fact<Option<u64>> {
    limits.clone().and_then(|text| {
        let line = text.lines().find_map(|line| line.strip_prefix(name));
        let soft = line.and_then(|rest| rest.split_ascii_whitespace().next()).and_then(|word| match word {
            "unlimited" => Some(None),
            number => number.parse().ok().map(Some),
        });
        Fact::or_unknown(soft, format!("no `{name}` in `/proc/self/limits`"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn only_boot_parameters_that_change_results_are_kept() {
        let cmdline = "mitigations=off quiet password=x isolcpus=2-3 -- --token=secret mem=1";
        assert_eq!(boot_parameters(cmdline), ["mitigations=off", "isolcpus=2-3"]);
    }

    #[test]
    fn limits_are_read() {
        let text = "Max locked memory         8388608              8388608              bytes\n\
                    Max open files            unlimited            1048576              files\n";
        let limits = Fact::Known(text.to_owned());
        assert_eq!(limit(&limits, "Max locked memory"), Fact::Known(Some(8 << 20)));
        assert_eq!(limit(&limits, "Max open files"), Fact::Known(None));
        assert!(!limit(&limits, "Max nice priority").is_known());
    }

    proptest! {
        #[test]
        fn nothing_panics(text in any::<String>()) {
            let _ = boot_parameters(&text);
            let _ = limit(&Fact::Known(format!("Max open files{text}")), "Max open files");
            let _ = counted(&Fact::Known(text), "HugePages_Total");
        }
    }
}
