//! `/proc/self/mountinfo`: which file system a path is on.

use std::path::{Path, PathBuf};

/// One line of the table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mount {
    /// Major and minor number of the device, `254:0`.
    pub(crate) device: String,
    /// The part of the file system that is mounted.
    pub(crate) root: String,
    /// Where.
    pub(crate) point: PathBuf,
    /// Options of the mount, then those of the file system.
    pub(crate) options: String,
    /// File system type.
    pub(crate) kind: String,
    /// Device or other source.
    pub(crate) source: String,
}

/// The mounts in the order of the table. Lines that are none are left out.
pub(crate) fn parse(text: &str) -> Vec<Mount> {
    text.lines().filter_map(mount).collect()
}

/// The mount that holds an absolute path: the longest one, the later of equals (it lies above the other).
pub(crate) fn holding<'a>(mounts: &'a [Mount], path: &Path) -> Option<&'a Mount> {
    let depth = |mount: &Mount| mount.point.components().count();
    mounts.iter().filter(|mount| path.starts_with(&mount.point)).max_by_key(|mount| depth(mount))
}

fn mount(line: &str) -> Option<Mount> {
    let (first, second) = line.split_once(" - ")?;
    let first: Vec<&str> = first.split(' ').collect();
    let second: Vec<&str> = second.split(' ').collect();
    let mut options: Vec<&str> = first.get(5)?.split(',').collect();
    for option in second.get(2).unwrap_or(&"").split(',').filter(|option| !option.is_empty()) {
        if !options.contains(&option) {
            options.push(option);
        }
    }
    Some(Mount {
        device: (*first.get(2)?).to_owned(),
        root: unescaped(first.get(3)?),
        point: PathBuf::from(unescaped(first.get(4)?)),
        options: options.join(","),
        kind: (*second.first()?).to_owned(),
        source: unescaped(second.get(1)?),
    })
}

/// The kernel writes space, tab, newline and backslash as three octal digits.
fn unescaped(text: &str) -> String {
    let mut out = text.to_owned();
    for (code, plain) in [("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")] {
        out = out.replace(code, plain);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const TABLE: &str = "27 1 254:0 / / rw,relatime - ext4 /dev/vda rw,discard\n\
        30 27 0:27 / /my\\040disk rw,relatime shared:1 master:2 - tmpfs tmpfs rw,size=4k\n\
        nonsense\n31 27 0:28 / /my\\040disk rw - xfs /dev/sdb1 rw\n";

    #[test]
    fn the_longest_and_latest_mount_holds_a_path() {
        let mounts = parse(TABLE);
        assert_eq!(mounts.len(), 3);
        assert_eq!(mounts[0].options, "rw,relatime,discard");
        assert_eq!(holding(&mounts, Path::new("/my")).unwrap().kind, "ext4");
        assert_eq!(holding(&mounts, Path::new("/my disk/a")).unwrap().kind, "xfs");
        assert_eq!(holding(&mounts, Path::new("relative")), None);
    }

    proptest! {
        #[test]
        fn nothing_panics(text in any::<String>()) {
            let _ = parse(&text);
            let _ = parse(&format!("1 2 3:4 / / {text} - {text}"));
        }
    }
}
