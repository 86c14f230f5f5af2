use super::*;
use std::path::Path;

/// The part of `/sys` that is read, one line a file: of an NVMe drive whose slot has half of its lanes, a SATA drive
/// with a logical volume on it, and a virtual disk.
const RECORDED: &str = include_str!("../../../tests/data/drives.txt");

fn recorded() -> (tempfile::TempDir, Tree) {
    let folder = tempfile::tempdir().unwrap();
    for line in RECORDED.lines().filter(|line| !line.starts_with('#')) {
        let (path, content) = line.split_once(": ").unwrap();
        let place = folder.path().join(path);
        std::fs::create_dir_all(place.parent().unwrap()).unwrap();
        std::fs::write(place, format!("{content}\n")).unwrap();
    }
    let tree = Tree::new(folder.path());
    (folder, tree)
}

#[test]
fn an_nvme_drive_tells_everything() {
    let (_folder, tree) = recorded();
    let drive = read(&tree, "nvme0n1");
    assert_eq!(
        drive.describe(),
        "drive nvme0n1, Samsung SSD 990 PRO 2TB, firmware 4B2QJXD7, not rotating, scheduler none, write cache: write \
         back, FUA, no polled queues, PCIe link 16.0 GT/s PCIe x2 of 16.0 GT/s PCIe x4"
    );
    assert!(drive.slow_link().unwrap().contains("x2, and could at"), "{drive:?}");
    let heat = heat(&tree, "nvme0n1").unwrap();
    assert_eq!(heat, Heat { celsius: 46.85, limit: Some(81.85), alarm: false });
    assert!(!heat.throttles());
}

#[test]
fn a_volume_is_followed_to_its_drive() {
    let (_folder, tree) = recorded();
    assert_eq!(physical(&tree, "dm-0"), "sda");
    assert_eq!(physical(&tree, "nvme0n1"), "nvme0n1");
    let drive = read(&tree, "sda");
    assert!(drive.describe().contains("WDC WD40EFRX, firmware 0A82, rotating, scheduler mq-deadline"), "{drive:?}");
    assert_eq!(drive.slow_link(), None);
    // Its limit is 60 degrees, and it has 61.
    assert!(heat(&tree, "sda").unwrap().throttles());
}

#[test]
fn a_virtual_disk_has_no_sensor_and_no_link() {
    let (_folder, tree) = recorded();
    let drive = read(&tree, "vda");
    assert_eq!(drive.describe(), "drive vda, virtio, scheduler none, write cache: write back");
    assert_eq!((heat(&tree, "vda"), drive.slow_link()), (None, None));
}

#[test]
fn nothing_is_made_up_without_sys() {
    let folder = tempfile::tempdir().unwrap();
    let tree = Tree::new(folder.path());
    assert_eq!(read(&tree, "sdx").describe(), "drive sdx");
    assert_eq!((heat(&tree, "sdx"), physical(&tree, "sdx")), (None, "sdx".to_owned()));
}

#[test]
fn an_alarm_is_throttling_whatever_the_limit() {
    assert!(Heat { celsius: 40.0, limit: None, alarm: true }.throttles());
    assert!(!Heat { celsius: 90.0, limit: None, alarm: false }.throttles());
}

#[test]
fn this_machine_can_be_read() {
    let tree = Tree::new(Path::new("/"));
    for name in tree.names("/sys/block").known().into_iter().flatten() {
        assert!(read(&tree, &physical(&tree, name)).describe().starts_with("drive "));
    }
}
