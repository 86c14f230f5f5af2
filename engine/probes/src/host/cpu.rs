//! The processor: `/proc/cpuinfo` for what it is, `/sys/devices/system/cpu` for how it is arranged and driven.

use super::tree::{Tree, member};
use super::{cpu_list, cpufreq};
use engine_core::environment::{Cache, CoreType, Cpu, L3Group};
use engine_core::fact::Fact;
use std::collections::{BTreeMap, BTreeSet};

const BASE: &str = "/sys/devices/system/cpu";

/// Extensions on which kernels of ours or of the code under test choose their path.
const ISA: &[&str] = &[
    "sse2",
    "sse4_2",
    "popcnt",
    "avx",
    "f16c",
    "fma",
    "avx2",
    "bmi1",
    "bmi2",
    "aes",
    "vaes",
    "sha_ni",
    "gfni",
    "erms",
    "fsrm",
    "clflushopt",
    "clwb",
    "movdiri",
    "movdir64b",
    "rdpid",
    "waitpkg",
    "avx_vnni",
    "avx512f",
    "avx512bw",
    "avx512dq",
    "avx512vl",
    "avx512_vnni",
    "avx512_bf16",
    "avx512_fp16",
    "amx_tile",
    "amx_int8",
    "amx_bf16",
    "asimd",
    "asimdhp",
    "asimddp",
    "atomics",
    "crc32",
    "i8mm",
    "bf16",
    "sve",
    "sve2",
    "sme",
];

const TSC: &[&str] = &["tsc", "constant_tsc", "nonstop_tsc", "tsc_known_freq", "tsc_reliable", "tsc_adjust", "rdtscp"];

/// Reads everything about the processor.
pub(crate) fn read(tree: &Tree, cpuinfo: &Fact<String>) -> Cpu {
    let of = |name: &str| of_cpuinfo(cpuinfo, name);
    let number = |name: &str| of(name).and_then(|text| parsed(&text, name));
    let online = online(tree, cpuinfo);
    let caches = caches(tree, &online);
    let allowed = tree.text("/proc/self/status").and_then(|status| {
        let list = member(&status, "Cpus_allowed_list").and_then(cpu_list::parse);
        Fact::or_unknown(list.filter(|cpus| !cpus.is_empty()), "no `Cpus_allowed_list` in `/proc/self/status`")
    });
    let clocking = cpufreq::read(tree);
    Cpu {
        model: model(cpuinfo),
        vendor: of("vendor_id"),
        family: number("cpu family"),
        model_number: number("model"),
        stepping: number("stepping"),
        microcode: of("microcode"),
        sockets: sockets(tree, &online),
        physical_cores: physical_cores(tree, &online),
        logical_cpus: online.clone().map(|cpus| count(cpus.len())),
        allowed_count: allowed.clone().map(|cpus| count(cpus.len())),
        allowed_cpus: allowed.map(|cpus| cpu_list::format(&cpus)),
        smt: tree.line(&format!("{BASE}/smt/control")),
        core_types: core_types(tree),
        l3_groups: l3_groups(&caches),
        caches,
        isa: flags(cpuinfo).map(|flags| among(&flags, ISA)),
        tsc: flags(cpuinfo).map(|flags| among(&flags, TSC)),
        governor: clocking.governor,
        driver: clocking.driver,
        energy_preference: clocking.energy_preference,
        boost: clocking.boost,
        min_mhz: clocking.min_mhz,
        max_mhz: clocking.max_mhz,
        limit_mhz: clocking.limit_mhz,
        current_mhz: clocking.current_mhz,
        x3d_mode: x3d_mode(tree),
    }
}

fn count(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

fn of_cpuinfo(cpuinfo: &Fact<String>, name: &str) -> Fact<String> {
    cpuinfo.clone().and_then(|text| {
        let value = member(&text, name).filter(|value| !value.is_empty()).map(str::to_owned);
        Fact::or_unknown(value, format!("no `{name}` in `/proc/cpuinfo`"))
    })
}

fn parsed(text: &str, name: &str) -> Fact<u32> {
    Fact::or_unknown(text.parse().ok(), format!("`{name}` is `{text}`"))
}

/// ARM kernels print numbers only; they are kept as they are.
fn model(cpuinfo: &Fact<String>) -> Fact<String> {
    let name = of_cpuinfo(cpuinfo, "model name");
    if name.is_known() {
        return name;
    }
    let implementer = of_cpuinfo(cpuinfo, "CPU implementer");
    let part = of_cpuinfo(cpuinfo, "CPU part");
    match (implementer.known(), part.known()) {
        (Some(implementer), Some(part)) => Fact::Known(format!("implementer {implementer} part {part}")),
        _ => name,
    }
}

/// The feature flags of the first CPU.
pub(crate) fn flags(cpuinfo: &Fact<String>) -> Fact<BTreeSet<String>> {
    let line = of_cpuinfo(cpuinfo, "flags");
    let line = if line.is_known() { line } else { of_cpuinfo(cpuinfo, "Features") };
    line.map(|line| line.split_ascii_whitespace().map(str::to_owned).collect())
}

fn among(flags: &BTreeSet<String>, interest: &[&str]) -> Vec<String> {
    flags.iter().filter(|flag| interest.contains(&flag.as_str())).cloned().collect()
}

/// The online CPUs, from `/sys`, else by counting in `/proc/cpuinfo`.
pub(crate) fn online(tree: &Tree, cpuinfo: &Fact<String>) -> Fact<BTreeSet<u32>> {
    let path = format!("{BASE}/online");
    let listed = tree.text(&path).known().and_then(|text| cpu_list::parse(text)).filter(|cpus| !cpus.is_empty());
    if let Some(cpus) = listed {
        return Fact::Known(cpus);
    }
    cpuinfo.clone().and_then(|text| {
        let cpus: BTreeSet<u32> = text
            .lines()
            .filter(|line| line.starts_with("processor"))
            .filter_map(|line| member(line, "processor")?.parse().ok())
            .collect();
        Fact::or_unknown(Some(cpus).filter(|cpus| !cpus.is_empty()), "no `processor` in `/proc/cpuinfo`")
    })
}

fn sockets(tree: &Tree, online: &Fact<BTreeSet<u32>>) -> Fact<u32> {
    online.clone().and_then(|cpus| {
        let mut packages = BTreeSet::new();
        for cpu in cpus {
            match tree.value::<i64>(&format!("{BASE}/cpu{cpu}/topology/physical_package_id")) {
                // Systems without packages say -1.
                Fact::Known(package) => packages.insert(package.max(0)),
                Fact::Unknown(reason) => return Fact::Unknown(reason),
            };
        }
        Fact::Known(count(packages.len()))
    })
}

/// Cores are counted as the sets of hardware threads that share one.
fn physical_cores(tree: &Tree, online: &Fact<BTreeSet<u32>>) -> Fact<u32> {
    online.clone().and_then(|cpus| {
        let (mut covered, mut cores) = (BTreeSet::new(), 0);
        for cpu in cpus {
            if covered.contains(&cpu) {
                continue;
            }
            let path = format!("{BASE}/cpu{cpu}/topology/thread_siblings_list");
            match tree.text(&path) {
                Fact::Known(list) => match cpu_list::parse(&list) {
                    Some(siblings) => covered.extend(siblings),
                    None => return Fact::Unknown(format!("`{path}` holds `{list}`")),
                },
                Fact::Unknown(reason) => return Fact::Unknown(reason),
            }
            cores += 1;
        }
        Fact::Known(cores)
    })
}

fn core_types(tree: &Tree) -> Fact<Vec<CoreType>> {
    if !tree.exists("/sys/devices") {
        return Fact::unknown("no `/sys/devices`");
    }
    let kinds = [("performance", "cpu_core"), ("efficiency", "cpu_atom"), ("low-power", "cpu_lowpower")];
    let found = kinds.iter().filter_map(|(name, folder)| {
        let cpus = tree.line(&format!("/sys/devices/{folder}/cpus"));
        let cpus = cpus.known().filter(|list| cpu_list::parse(list).is_some())?;
        Some(CoreType { name: (*name).to_owned(), cpus: cpus.clone() })
    });
    Fact::Known(found.collect())
}

/// Every cache once, grouped by kind, size and shape.
pub(crate) fn caches(tree: &Tree, online: &Fact<BTreeSet<u32>>) -> Fact<Vec<Cache>> {
    online.clone().and_then(|cpus| {
        let mut covered: BTreeMap<String, BTreeSet<u32>> = BTreeMap::new();
        let mut groups: Vec<Cache> = Vec::new();
        for cpu in cpus {
            for index in 0..16 {
                let base = format!("{BASE}/cpu{cpu}/cache/index{index}");
                let Some(level) = tree.value::<u32>(&format!("{base}/level")).copied() else { break };
                let Some(name) = cache_name(level, tree.text(&format!("{base}/type")).as_deref()) else { continue };
                if covered.get(&name).is_some_and(|cpus| cpus.contains(&cpu)) {
                    continue;
                }
                let size = tree.text(&format!("{base}/size"));
                let Some(size_bytes) = size.as_deref().and_then(cache_size) else { continue };
                // A cache that names nobody belongs to its CPU.
                let list = tree.text(&format!("{base}/shared_cpu_list"));
                let shared = list.as_deref().and_then(cpu_list::parse).filter(|cpus| !cpus.is_empty());
                let shared = shared.unwrap_or_else(|| BTreeSet::from([cpu]));
                let text = cpu_list::format(&shared);
                covered.entry(name.clone()).or_default().extend(shared);
                match groups.iter_mut().find(|group| group.name == name && group.size_bytes == size_bytes) {
                    Some(group) => group.shared_cpu_lists.push(text),
                    None => groups.push(Cache {
                        line_bytes: tree.value(&format!("{base}/coherency_line_size")).copied(),
                        ways: tree.value(&format!("{base}/ways_of_associativity")).copied().filter(|ways| *ways > 0),
                        name,
                        size_bytes,
                        shared_cpu_lists: vec![text],
                    }),
                }
            }
        }
        groups.sort_by(|a, b| (&a.name, a.size_bytes).cmp(&(&b.name, b.size_bytes)));
        Fact::or_unknown(Some(groups).filter(|groups| !groups.is_empty()), format!("no cache in `{BASE}`"))
    })
}

fn cache_name(level: u32, kind: Option<&str>) -> Option<String> {
    match kind? {
        "Data" => Some(format!("L{level}d")),
        "Instruction" => Some(format!("L{level}i")),
        "Unified" => Some(format!("L{level}")),
        _ => None,
    }
}

/// A size such as `32K` or `96M`, in bytes.
fn cache_size(text: &str) -> Option<u64> {
    let (digits, factor) = match text.as_bytes().last()? {
        b'K' => (&text[..text.len() - 1], 1 << 10),
        b'M' => (&text[..text.len() - 1], 1 << 20),
        _ => (text, 1),
    };
    digits.parse::<u64>().ok()?.checked_mul(factor).filter(|bytes| *bytes > 0)
}

fn l3_groups(caches: &Fact<Vec<Cache>>) -> Fact<Vec<L3Group>> {
    caches.clone().map(|caches| {
        let mut groups: Vec<L3Group> = caches
            .iter()
            .filter(|cache| cache.name == "L3")
            .flat_map(|cache| cache.shared_cpu_lists.iter().map(|cpus| (cpus, cache.size_bytes)))
            .map(|(cpus, size_bytes)| L3Group { cpus: cpus.clone(), size_bytes })
            .collect();
        groups.sort_by_key(|group| cpu_list::parse(&group.cpus).and_then(|cpus| cpus.first().copied()));
        groups
    })
}

pub(crate) fn x3d_mode(tree: &Tree) -> Fact<String> {
    const DRIVER: &str = "/sys/bus/platform/drivers/amd_x3d_vcache";
    tree.names(DRIVER).and_then(|names| {
        let read = |name: &String| tree.line(&format!("{DRIVER}/{name}/amd_x3d_mode")).known().cloned();
        Fact::or_unknown(names.iter().find_map(read), format!("no device in `{DRIVER}`"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn cache_sizes() {
        assert_eq!(cache_size("98304K"), Some(96 << 20));
        assert_eq!(cache_size("32M"), Some(32 << 20));
        for bad in ["", "K", "0K", "-1K", "99999999999999999999M", "18446744073709551615K"] {
            assert_eq!(cache_size(bad), None, "{bad}");
        }
    }

    #[test]
    fn an_arm_part_is_named_by_its_numbers() {
        let text =
            Fact::Known("processor : 0\nFeatures : asimd sve\nCPU implementer : 0x41\nCPU part : 0xd40\n".into());
        assert_eq!(model(&text).as_deref(), Some("implementer 0x41 part 0xd40"));
        assert_eq!(among(flags(&text).known().unwrap(), ISA), ["asimd", "sve"]);
    }

    proptest! {
        #[test]
        fn nothing_panics(text in any::<String>()) {
            let _ = cache_size(&text);
            let tree = Tree::new(std::path::Path::new("/nonexistent"));
            let cpu = read(&tree, &Fact::Known(text));
            prop_assert!(!cpu.governor.is_known());
        }
    }
}
