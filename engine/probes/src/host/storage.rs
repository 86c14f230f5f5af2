//! The file system and the block device beneath a folder.

use super::mounts;
use super::pcie::Link;
use super::tree::{Tree, chosen};
use engine_core::environment::Disk;
use engine_core::fact::Fact;
use std::path::{Path, PathBuf};

/// Reads what lies beneath a folder. A folder that does not exist yet is judged by the nearest one above that does.
pub(crate) fn read(tree: &Tree, folder: &Path) -> Disk {
    let folder = if tree.is_live() { nearest(folder) } else { folder.to_owned() };
    let mount = tree.text("/proc/self/mountinfo").and_then(|text| {
        let table = mounts::parse(&text);
        Fact::or_unknown(mounts::holding(&table, &folder).cloned(), "no mount holds the folder")
    });
    let device = mount.clone().and_then(|mount| device(tree, &mount.source, &mount.device));
    let queue = |file: &str| device.clone().and_then(|name| tree.line(&format!("/sys/block/{name}/queue/{file}")));
    let scheduler = queue("scheduler")
        .and_then(|text| Fact::or_unknown(chosen(&text).map(str::to_owned), format!("the scheduler reads `{text}`")));
    Disk {
        filesystem: mount.clone().map(|mount| mount.kind),
        mount_options: mount.map(|mount| mount.options),
        model: device.clone().and_then(|name| model(tree, &name)),
        firmware: device.clone().and_then(|name| firmware(tree, &name)),
        link: device.clone().and_then(|name| Link::of_disk(tree, &name)).map(|link| link.to_string()),
        scheduler,
        write_cache: queue("write_cache"),
        rotational: device.clone().and_then(|name| tree.switch(&format!("/sys/block/{name}/queue/rotational"))),
        size_bytes: device.clone().and_then(|name| {
            // In sectors of 512 bytes, whatever the device's own are.
            tree.value::<u64>(&format!("/sys/block/{name}/size")).map(|sectors| sectors.saturating_mul(512))
        }),
        free_bytes: if tree.is_live() { super::live::free_bytes(&folder) } else { Fact::unknown("a recorded tree") },
        device,
    }
}

/// A record of nothing, for this reason.
pub(crate) fn unread(reason: &str) -> Disk {
    let text = || Fact::unknown(reason);
    Disk {
        filesystem: text(),
        mount_options: text(),
        device: text(),
        model: text(),
        firmware: text(),
        link: text(),
        scheduler: text(),
        write_cache: text(),
        rotational: Fact::unknown(reason),
        size_bytes: Fact::unknown(reason),
        free_bytes: Fact::unknown(reason),
    }
}

/// The folder itself with its links resolved, or the nearest one above that exists.
pub(crate) fn nearest(folder: &Path) -> PathBuf {
    let absolute = std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned());
    absolute.ancestors().find_map(|path| path.canonicalize().ok()).unwrap_or(absolute)
}

/// The whole disk that holds a mount's source: `/dev/nvme0n1p2` is on `nvme0n1`.
fn device(tree: &Tree, source: &str, number: &str) -> Fact<String> {
    let disks = match tree.names("/sys/block") {
        Fact::Known(disks) => disks,
        Fact::Unknown(reason) => return Fact::Unknown(reason),
    };
    let name = source.strip_prefix("/dev/").map(|name| name.rsplit('/').next().unwrap_or(name));
    let holds = |disk: &&String| {
        Some(disk.as_str()) == name || name.is_some_and(|name| tree.exists(&format!("/sys/block/{disk}/{name}")))
    };
    if let Some(disk) = disks.iter().find(holds) {
        return Fact::Known(disk.clone());
    }
    // Device mapper names are links; their number leads to the device.
    let by_number = |disk: &&String| tree.line(&format!("/sys/block/{disk}/dev")).as_deref() == Some(number);
    match disks.iter().find(by_number) {
        Some(disk) => Fact::Known(disk.clone()),
        None => Fact::Unknown(format!("`{source}` is not a block device of this machine")),
    }
}

/// The drive's own software: `firmware_rev` of NVMe, `rev` of SCSI and SATA.
fn firmware(tree: &Tree, disk: &str) -> Fact<String> {
    let revision = tree.line(&format!("/sys/block/{disk}/device/firmware_rev"));
    if revision.is_known() { revision } else { tree.line(&format!("/sys/block/{disk}/device/rev")) }
}

fn model(tree: &Tree, disk: &str) -> Fact<String> {
    let model = tree.line(&format!("/sys/block/{disk}/device/model"));
    if model.is_known() {
        return model;
    }
    match disk {
        _ if disk.starts_with("vd") => Fact::Known("virtio".to_owned()),
        _ if disk.starts_with("dm-") => {
            tree.line(&format!("/sys/block/{disk}/dm/name")).map(|name| format!("device mapper {name}"))
        }
        _ => model,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_that_does_not_exist_is_judged_by_the_one_above() {
        let folder = tempfile::tempdir().unwrap();
        let expected = folder.path().canonicalize().unwrap();
        assert_eq!(nearest(&folder.path().join("a/b/c")), expected);
    }

    #[test]
    fn a_folder_of_this_machine_has_a_file_system_and_free_space() {
        let disk = read(&Tree::new(Path::new("/")), Path::new("/"));
        assert!(disk.filesystem.is_known(), "{disk:?}");
        assert!(disk.free_bytes.is_known(), "{disk:?}");
    }
}
