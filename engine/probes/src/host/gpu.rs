//! Graphics and compute devices as the kernel lists them; nothing is asked of a driver library.

use super::tree::{Tree, member};
use engine_core::environment::Gpu;
use engine_core::fact::Fact;

/// All devices: those of NVIDIA's own driver by name, the others by their PCI numbers.
pub(crate) fn read(tree: &Tree) -> Fact<Vec<Gpu>> {
    if !tree.exists("/sys/class") && !tree.exists("/proc/driver") {
        return Fact::unknown("neither `/sys/class` nor `/proc/driver` is there");
    }
    let mut gpus = nvidia(tree);
    let named = !gpus.is_empty();
    for card in tree.names("/sys/class/drm").known().into_iter().flatten() {
        // `card0` is a device, `card0-HDMI-A-1` is one of its connectors.
        let is_card = card.strip_prefix("card").is_some_and(|n| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()));
        if !is_card {
            continue;
        }
        let device = format!("/sys/class/drm/{card}/device");
        let driver =
            tree.text(&format!("{device}/uevent")).known().and_then(|text| member(text, "DRIVER")).map(str::to_owned);
        if named && driver.as_deref() == Some("nvidia") {
            continue;
        }
        let vendor = tree.line(&format!("{device}/vendor"));
        let number = tree.line(&format!("{device}/device"));
        let name = match (vendor.as_deref(), number.as_deref()) {
            (Some(vendor), Some(number)) => format!("{} {number}", vendor_name(vendor)),
            _ => card.clone(),
        };
        let driver_version =
            driver.as_ref().and_then(|driver| tree.line(&format!("/sys/module/{driver}/version")).known().cloned());
        // The driver of AMD's devices tells; those of others do not.
        let memory_bytes = tree.value::<u64>(&format!("{device}/mem_info_vram_total")).copied();
        gpus.push(Gpu { name, driver, driver_version, memory_bytes });
    }
    Fact::Known(gpus)
}

fn nvidia(tree: &Tree) -> Vec<Gpu> {
    const FOLDER: &str = "/proc/driver/nvidia";
    let version = tree.text(&format!("{FOLDER}/version")).known().and_then(|text| nvidia_version(text));
    let names = tree.names(&format!("{FOLDER}/gpus"));
    let name = |slot: &String| {
        let text = tree.text(&format!("{FOLDER}/gpus/{slot}/information"));
        text.known().and_then(|text| member(text, "Model")).map(str::to_owned)
    };
    let gpu = |slot: &String| Gpu {
        name: name(slot).unwrap_or_else(|| "NVIDIA".to_owned()),
        driver: Some("nvidia".to_owned()),
        driver_version: version.clone(),
        memory_bytes: None,
    };
    names.known().into_iter().flatten().map(gpu).collect()
}

/// The first word of the line that looks like a version: `NVRM version: NVIDIA UNIX .. Module  550.54.15  Tue ..`.
fn nvidia_version(text: &str) -> Option<String> {
    let line = member(text, "NVRM version")?;
    let is_version = |word: &&str| word.contains('.') && word.split('.').all(|part| part.parse::<u32>().is_ok());
    line.split_ascii_whitespace().find(is_version).map(str::to_owned)
}

fn vendor_name(number: &str) -> &str {
    match number {
        "0x1002" => "AMD",
        "0x10de" => "NVIDIA",
        "0x8086" => "Intel",
        "0x1af4" => "virtio",
        "0x1234" => "QEMU",
        "0x15ad" => "VMware",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_driver_version_is_found_in_its_sentence() {
        let text =
            "NVRM version: NVIDIA UNIX x86_64 Kernel Module  550.54.15  Tue Mar  5 22:23:56 UTC 2024\nGCC version: x\n";
        assert_eq!(nvidia_version(text).as_deref(), Some("550.54.15"));
        assert_eq!(nvidia_version("NVRM version: none"), None);
    }
}
