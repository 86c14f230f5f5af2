//! Main memory: what the kernel manages, and the modules that SMBIOS lists.

use super::os::sized;
use super::smbios;
use super::tree::Tree;
use engine_core::environment::{Dimm, Memory};
use engine_core::fact::Fact;

/// Reads everything about memory.
pub(crate) fn read(tree: &Tree, meminfo: &Fact<String>) -> Memory {
    let modules = smbios::read(tree);
    let dimm = |module: smbios::Module| Dimm {
        locator: module.locator,
        bank: module.bank,
        size_bytes: module.size_bytes,
        speed_mts: module.speed_mts,
        technology: module.technology,
    };
    Memory {
        total_bytes: sized(meminfo, "MemTotal"),
        available_bytes: sized(meminfo, "MemAvailable"),
        channels: modules.clone().and_then(|modules| smbios::channels(&modules)),
        dimms: modules.map(|modules| modules.into_iter().map(dimm).collect()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_modules_of_the_firmware_are_in_the_record() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("sys/firmware/dmi/tables");
        std::fs::create_dir_all(&place).unwrap();
        std::fs::write(place.join("DMI"), smbios::tests::desktop()).unwrap();
        let memory = read(&Tree::new(folder.path()), &Fact::Known("MemTotal: 32 kB\n".to_owned()));
        let expected = Dimm {
            locator: "DIMM 1".into(),
            bank: "P0 CHANNEL A".into(),
            size_bytes: 16 << 30,
            speed_mts: Some(6000),
            technology: "DDR5".into(),
        };
        assert_eq!(memory.dimms.known().unwrap()[0], expected);
        assert_eq!((memory.channels, memory.total_bytes), (Fact::Known(2), Fact::Known(32 << 10)));
    }
}
