//! The PCIe link of a disk's controller, against the most that both ends could do.

use engine_core::fact::Fact;

use super::tree::Tree;

/// A link: what it runs at, and what it could.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Link {
    speed: String,
    width: String,
    most: Option<(String, String)>,
}

impl Link {
    /// Reads the link of a disk such as `nvme0n1`. Its `device` is its controller, or, where it has several paths, a
    /// subsystem, which links to its controllers.
    pub(crate) fn of_disk(tree: &Tree, disk: &str) -> Fact<Self> {
        let inside = format!("/sys/block/{disk}/device");
        let entries = tree.names(&inside).known().cloned().unwrap_or_default();
        let several = entries.iter().filter(|entry| is_numbered(entry, "nvme"));
        let mut places: Vec<String> =
            std::iter::once(inside.clone()).chain(several.map(|entry| format!("{inside}/{entry}"))).collect();
        if let Some((controller, _)) = disk.strip_prefix("nvme").and_then(|rest| rest.split_once('n')) {
            places.push(format!("/sys/class/nvme/nvme{controller}"));
        }
        let linked = |place: &&String| tree.exists(&format!("{place}/device/current_link_speed"));
        let Some(place) = places.iter().find(linked) else {
            return Fact::unknown("its controller has no PCIe link of its own");
        };
        let read = |file: &str| tree.line(&format!("{place}/device/{file}"));
        let most = (read("max_link_speed"), read("max_link_width"));
        read("current_link_speed").and_then(|speed| {
            read("current_link_width").map(|width| Self {
                speed,
                width,
                most: match most {
                    (Fact::Known(speed), Fact::Known(width)) => Some((speed, width)),
                    _ => None,
                },
            })
        })
    }

    /// What of the link is less than it could be, in words.
    pub(crate) fn shortfall(&self) -> Option<String> {
        let (speed, width) = self.most.as_ref()?;
        (*speed != self.speed || *width != self.width)
            .then(|| format!("runs at {} x{}, and could at {speed} x{width}", self.speed, self.width))
    }
}

impl std::fmt::Display for Link {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} x{}", self.speed, self.width)?;
        match &self.most {
            Some((speed, width)) => write!(f, " of {speed} x{width}"),
            None => Ok(()),
        }
    }
}

/// Whether a name is the stem and a number.
pub(crate) fn is_numbered(name: &str, stem: &str) -> bool {
    name.strip_prefix(stem).is_some_and(|rest| !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_digit()))
}
