//! Which machine this is, without naming it.

use super::tree::Tree;
use engine_core::environment::Machine;
use engine_core::fact::Fact;
use sha2::{Digest, Sha256};
use std::path::Path;

/// Goes into every id, so that it equals no other program's hash of the same source (machine-id(5) asks for that).
const KEY: &str = "engine machine id 1";

/// A stable id of this machine: 32 hexadecimal digits that do not lead back to their source.
///
/// It is the hash, with a key of ours, of `/etc/machine-id`. Where there is none it is that of what the hardware
/// says about itself: product, board, CPU model and the addresses of the physical network interfaces. A cloned
/// disk image keeps the id of its original; a container has its own or that of its image.
pub fn machine_id() -> Fact<String> {
    id(&Tree::new(Path::new("/")))
}

/// Reads everything about the machine.
pub(crate) fn read(tree: &Tree) -> Machine {
    let dmi = |file: &str| tree.line(&format!("/sys/class/dmi/id/{file}"));
    let joined = |first: &str, second: &str| {
        dmi(second).map(|second| match dmi(first).known() {
            Some(first) => format!("{first} {second}"),
            None => second,
        })
    };
    Machine {
        id: id(tree),
        product: joined("sys_vendor", "product_name"),
        board: joined("board_vendor", "board_name"),
        firmware: joined("bios_version", "bios_date"),
    }
}

pub(crate) fn id(tree: &Tree) -> Fact<String> {
    for path in ["/etc/machine-id", "/var/lib/dbus/machine-id"] {
        // systemd writes `uninitialized` into images that have not booted yet.
        let told = tree.line(path);
        if let Some(told) = told.known().filter(|text| text.len() == 32 && text.bytes().all(|b| b.is_ascii_hexdigit()))
        {
            return Fact::Known(hash(&["machine-id", told]));
        }
    }
    let hardware = hardware(tree);
    if hardware.is_empty() {
        return Fact::unknown("no `/etc/machine-id`, and the hardware does not tell its identity");
    }
    let parts: Vec<&str> = std::iter::once("hardware").chain(hardware.iter().map(String::as_str)).collect();
    Fact::Known(hash(&parts))
}

/// What identifies this piece of hardware. The CPU's name alone does not, so without an address it is nothing.
fn hardware(tree: &Tree) -> Vec<String> {
    let mut addresses: Vec<String> = Vec::new();
    for name in tree.names("/sys/class/net").known().into_iter().flatten() {
        // Bridges and tunnels have no device beneath, and addresses made up anew.
        if tree.exists(&format!("/sys/class/net/{name}/device")) {
            addresses.extend(tree.line(&format!("/sys/class/net/{name}/address")).known().cloned());
        }
    }
    addresses.retain(|address| address != "00:00:00:00:00:00");
    addresses.sort();
    let serial = ["product_uuid", "board_serial"]
        .iter()
        .find_map(|file| tree.line(&format!("/sys/class/dmi/id/{file}")).known().cloned());
    if addresses.is_empty() && serial.is_none() {
        return Vec::new();
    }
    let names = ["product_name", "board_name"]
        .iter()
        .filter_map(|file| tree.line(&format!("/sys/class/dmi/id/{file}")).known().cloned());
    names.chain(addresses).collect::<Vec<_>>().into_iter().chain(serial).collect()
}

fn hash(parts: &[&str]) -> String {
    let mut hash = Sha256::new();
    for part in std::iter::once(&KEY).chain(parts) {
        hash.update(part.as_bytes());
        hash.update([0]);
    }
    hex(&hash.finalize()[..16])
}

/// Bytes as hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .flat_map(|byte| [byte >> 4, byte & 15])
        .map(|digit| char::from_digit(digit.into(), 16).unwrap_or('0'))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn the_id_is_stable_and_hides_its_source() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join("etc")).unwrap();
        let secret = "0123456789abcdef0123456789abcdef";
        fs::write(folder.path().join("etc/machine-id"), format!("{secret}\n")).unwrap();
        let tree = Tree::new(folder.path());
        let found = id(&tree).known().unwrap().clone();
        assert_eq!(found.len(), 32);
        assert_ne!(found, secret);
        assert_eq!(id(&tree), Fact::Known(found.clone()));
        fs::write(folder.path().join("etc/machine-id"), "1123456789abcdef0123456789abcdef\n").unwrap();
        assert_ne!(id(&tree), Fact::Known(found));
        fs::write(folder.path().join("etc/machine-id"), "uninitialized\n").unwrap();
        assert!(!id(&tree).is_known());
    }

    #[test]
    fn without_it_the_hardware_gives_the_id() {
        let folder = tempfile::tempdir().unwrap();
        let net = folder.path().join("sys/class/net/eth0");
        fs::create_dir_all(net.join("device")).unwrap();
        fs::write(net.join("address"), "02:00:00:00:00:01\n").unwrap();
        let tree = Tree::new(folder.path());
        let first = id(&tree);
        assert!(first.is_known());
        fs::write(net.join("address"), "02:00:00:00:00:02\n").unwrap();
        assert_ne!(id(&tree), first);
    }

    #[test]
    fn bytes_become_digits() {
        assert_eq!(hex(&[0, 0x0f, 0xa5]), "000fa5");
    }
}
