//! The drive under a file: model, firmware, scheduler, caches, its PCIe link against the most that it could be, and
//! how warm it is. Read from `/sys`, never written: what a test needs is what the machine has.

use engine_core::fact::Fact;

use crate::host::pcie::{Link, is_numbered};
use crate::host::tree::{Tree, chosen};

/// What stays the same during a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Drive {
    /// The whole disk, such as `nvme0n1`.
    pub(crate) name: String,
    model: Option<String>,
    firmware: Option<String>,
    scheduler: Option<String>,
    write_cache: Option<String>,
    /// Whether a write can be forced through the cache.
    fua: Option<bool>,
    rotational: Option<bool>,
    /// Queues that are polled and not interrupted; IOPOLL needs one.
    polled: Option<bool>,
    link: Option<Link>,
}

/// How warm the drive is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Heat {
    /// Now, in degrees Celsius.
    pub(crate) celsius: f64,
    /// From where on the drive slows itself down.
    pub(crate) limit: Option<f64>,
    /// Whether the drive itself raises the alarm.
    pub(crate) alarm: bool,
}

impl Heat {
    /// Whether the drive slows itself down, as far as it tells.
    pub(crate) fn throttles(&self) -> bool {
        self.alarm || self.limit.is_some_and(|limit| self.celsius >= limit)
    }
}

/// The physical disk beneath a device: what a volume or a RAID lies on, its first part where there are several.
pub(crate) fn physical(tree: &Tree, device: &str) -> String {
    let mut name = device.to_owned();
    // Encrypted volume on logical volume on RAID on partition: more layers than four are not seen.
    for _ in 0..4 {
        let Fact::Known(slaves) = tree.names(&format!("/sys/block/{name}/slaves")) else { break };
        let Some(below) = slaves.into_iter().next() else { break };
        let disks = tree.names("/sys/block").known().cloned().unwrap_or_default();
        let holds = |disk: &String| *disk == below || tree.exists(&format!("/sys/block/{disk}/{below}"));
        name = disks.into_iter().find(holds).unwrap_or(below);
    }
    name
}

/// Reads what the drive is.
pub(crate) fn read(tree: &Tree, name: &str) -> Drive {
    let device = |file: &str| tree.line(&format!("/sys/block/{name}/device/{file}")).known().cloned();
    let queue = |file: &str| tree.line(&format!("/sys/block/{name}/queue/{file}")).known().cloned();
    let switch = |file: &str| tree.switch(&format!("/sys/block/{name}/queue/{file}")).copied();
    Drive {
        name: name.to_owned(),
        model: device("model").or_else(|| name.starts_with("vd").then(|| "virtio".to_owned())),
        firmware: device("firmware_rev").or_else(|| device("rev")),
        scheduler: queue("scheduler").and_then(|text| chosen(&text).map(str::to_owned)),
        write_cache: queue("write_cache"),
        fua: switch("fua"),
        // Virtual disks claim to rotate unless told otherwise.
        rotational: switch("rotational").filter(|_| !name.starts_with("vd")),
        polled: switch("io_poll"),
        link: Link::of_disk(tree, name).known().cloned(),
    }
}

/// Reads the drive's own sensor; nothing where it has none that the kernel knows.
pub(crate) fn heat(tree: &Tree, name: &str) -> Option<Heat> {
    let inside = format!("/sys/block/{name}/device");
    let entries = |folder: &str| tree.names(folder).known().cloned().unwrap_or_default();
    let direct = entries(&inside).into_iter().filter(|entry| is_numbered(entry, "hwmon"));
    let direct = direct.map(|entry| format!("{inside}/{entry}"));
    let below = entries(&format!("{inside}/hwmon")).into_iter().map(|entry| format!("{inside}/hwmon/{entry}"));
    direct.chain(below).find_map(|sensor| {
        let celsius = |file: &str| tree.value::<f64>(&format!("{sensor}/{file}")).copied().map(|milli| milli / 1e3);
        // Unset limits read as absolute zero or beyond the boiling of tin.
        let limit = celsius("temp1_max").filter(|limit| (1.0..200.0).contains(limit));
        let alarm = tree.switch(&format!("{sensor}/temp1_alarm")).copied().unwrap_or(false);
        Some(Heat { celsius: celsius("temp1_input")?, limit, alarm })
    })
}

impl Drive {
    /// One line for the report: what is known, in the order in which people ask.
    pub(crate) fn describe(&self) -> String {
        let mut parts = vec![format!("drive {}", self.name)];
        let mut say = |what: &str, value: Option<String>| {
            parts.extend(value.map(|value| if what.is_empty() { value } else { format!("{what} {value}") }));
        };
        say("", self.model.clone());
        say("firmware", self.firmware.clone());
        say("", self.rotational.map(|turns| if turns { "rotating" } else { "not rotating" }.to_owned()));
        say("scheduler", self.scheduler.clone());
        say("write cache:", self.write_cache.clone());
        say("", self.fua.map(|fua| if fua { "FUA" } else { "no FUA" }.to_owned()));
        say("", self.polled.map(|polled| if polled { "polled queues" } else { "no polled queues" }.to_owned()));
        say("PCIe link", self.link.as_ref().map(Link::to_string));
        parts.join(", ")
    }

    /// What of the link is less than it could be.
    pub(crate) fn slow_link(&self) -> Option<String> {
        let short = self.link.as_ref()?.shortfall()?;
        Some(format!("the PCIe link of {} {short}", self.name))
    }
}

#[cfg(test)]
mod tests;
