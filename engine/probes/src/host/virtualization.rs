//! What stands between us and the hardware: a hypervisor, a container.

use super::cpu;
use super::tree::Tree;
use engine_core::environment::Virtualization;
use engine_core::fact::Fact;

/// Signatures by CPUID, after the Linux kernel's `arch/x86/kernel/cpu/hypervisor.c` and its friends.
const SIGNATURES: &[(&str, &str)] = &[
    ("KVMKVMKVM", "kvm"),
    ("Microsoft Hv", "hyper-v"),
    ("VMwareVMware", "vmware"),
    ("XenVMMXenVMM", "xen"),
    ("TCGTCGTCGTCG", "qemu"),
    ("VBoxVBoxVBox", "virtualbox"),
    ("ACRNACRNACRN", "acrn"),
    ("bhyve bhyve", "bhyve"),
    ("prl hyperv", "parallels"),
];

/// Vendor and product strings of the firmware.
const FIRMWARE: &[(&str, &str)] = &[
    ("VMware", "vmware"),
    ("VirtualBox", "virtualbox"),
    ("innotek", "virtualbox"),
    ("Xen", "xen"),
    ("QEMU", "kvm"),
    ("KVM", "kvm"),
    ("Amazon EC2", "kvm"),
    ("Google Compute Engine", "kvm"),
    ("OpenStack", "kvm"),
    ("Virtual Machine", "hyper-v"),
    ("Parallels", "parallels"),
];

/// Reads both.
pub(crate) fn read(tree: &Tree, cpuinfo: &Fact<String>) -> Virtualization {
    Virtualization { hypervisor: hypervisor(tree, cpuinfo), container: container(tree) }
}

/// Only x86 has a flag that says whether there is one; elsewhere its absence cannot be proved.
fn hypervisor(tree: &Tree, cpuinfo: &Fact<String>) -> Fact<Option<String>> {
    let flags = cpu::flags(cpuinfo);
    let flagged = flags.known().map(|flags| flags.contains("hypervisor"));
    let is_x86 = flags.known().is_some_and(|flags| flags.contains("tsc") || flags.contains("sse2"));
    match flagged {
        Some(true) => Fact::Known(Some(name(tree).unwrap_or_else(|| "unnamed".to_owned()))),
        Some(false) if is_x86 => Fact::Known(None),
        _ => match name(tree) {
            Some(name) => Fact::Known(Some(name)),
            None => Fact::unknown("this processor has no flag for a hypervisor"),
        },
    }
}

fn name(tree: &Tree) -> Option<String> {
    if tree.is_live()
        && let Some(signature) = super::live::hypervisor_signature()
    {
        let known = SIGNATURES.iter().find(|(text, _)| signature.starts_with(text));
        return Some(known.map_or(signature, |(_, name)| (*name).to_owned()));
    }
    if let Some(kind) = tree.line("/sys/hypervisor/type").known() {
        return Some(kind.clone());
    }
    let texts: Vec<String> = ["sys_vendor", "product_name", "bios_vendor", "board_vendor"]
        .iter()
        .filter_map(|file| tree.line(&format!("/sys/class/dmi/id/{file}")).known().cloned())
        .collect();
    let found = FIRMWARE.iter().find(|(text, _)| texts.iter().any(|line| line.contains(text)));
    found.map(|(_, name)| (*name).to_owned())
}

fn container(tree: &Tree) -> Fact<Option<String>> {
    let told = |kind: &str| Fact::Known(Some(kind.to_owned()));
    if tree.text("/proc/version").as_deref().is_some_and(|text| text.contains("gVisor")) {
        return told("gvisor");
    }
    if let Some(kind) = tree.line("/run/systemd/container").known() {
        return Fact::Known(Some(kind.clone()));
    }
    if tree.exists("/run/.containerenv") {
        return told("podman");
    }
    if tree.exists("/.dockerenv") {
        return told("docker");
    }
    if tree.text("/proc/sys/kernel/osrelease").as_deref().is_some_and(|text| text.to_lowercase().contains("microsoft"))
    {
        return told("wsl");
    }
    let marks = [("kubepods", "kubernetes"), ("docker", "docker"), ("containerd", "containerd"), ("lxc", "lxc")];
    tree.text("/proc/self/cgroup").map(|text| {
        marks.iter().find(|(mark, _)| text.contains(&format!("/{mark}"))).map(|(_, kind)| (*kind).to_owned())
    })
}
