//! The record as a flat list, and what the difference of two records means.

use super::Environment;
use crate::fact::unknown_reason;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What a difference means for comparing two runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Class {
    /// Worth telling; the runs can be compared.
    Note,
    /// The runs come from unlike environments: their numbers answer different questions.
    Unlike,
}

/// One field in which two records differ.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Difference {
    /// Path such as `cpu.governor`.
    pub field: String,
    /// Value of the first record.
    pub a: String,
    /// Value of the second record.
    pub b: String,
    /// What it means.
    pub severity: Class,
}

/// How a value enters the environment class, so that a kernel patch or a few reserved pages do not split it.
#[derive(Clone, Copy)]
enum Key {
    Exact,
    /// The part before the first dot.
    Major,
    /// Rounded to whole GiB, or to 128 MiB below 4 GiB: the kernel's own share differs from version to version.
    MemorySize,
}

/// The fields that define the environment class.
const DEFINING: &[(&str, Key)] = &[
    ("cpu.model", Key::Exact),
    ("cpu.sockets", Key::Exact),
    ("cpu.physical_cores", Key::Exact),
    ("cpu.logical_cpus", Key::Exact),
    ("cpu.allowed_count", Key::Exact),
    ("cpu.governor", Key::Exact),
    ("os.name", Key::Exact),
    ("os.kernel", Key::Major),
    ("os.arch", Key::Exact),
    ("virtualization.hypervisor", Key::Exact),
    ("cgroup.cpu_quota", Key::Exact),
    ("cgroup.memory_limit_bytes", Key::Exact),
    ("memory.total_bytes", Key::MemorySize),
    ("binary.profile", Key::Exact),
];

/// Fields that differ from minute to minute on the same machine; a prefix when it ends with a dot.
const VOLATILE: &[&str] = &[
    "load.",
    "temperatures",
    "cpu.current_mhz",
    "cgroup.memory_used_bytes",
    "cgroup.memory_limit_hits",
    "cgroup.oom_kills",
    "power.battery_status",
    "power.battery_charge",
    "power.battery_watts",
    "memory.available_bytes",
    "os.hugepages_free",
    "storage.results.free_bytes",
    "storage.scratch.free_bytes",
];

impl Environment {
    /// Every leaf as path and text, in the order of the record. An unknown leaf reads `unknown (the reason)`; a
    /// limit that does not exist reads `none`.
    pub fn fields(&self) -> Vec<(String, String)> {
        let mut fields = Vec::new();
        // A record of plain facts always converts; were it not so, there would be no field to list.
        if let Ok(value) = serde_json::to_value(self) {
            walk(String::new(), &value, &mut fields);
        }
        fields
    }

    /// The fields in which two records differ, in the order of the record, volatile ones left out.
    ///
    /// A field that only one of the two knows is a [`Class::Note`]: it does not prove the runs unlike. Two unknown
    /// values do not differ, whatever their reasons.
    pub fn differences(&self, other: &Self) -> Vec<Difference> {
        let pairs = self.fields().into_iter().zip(other.fields());
        pairs
            .filter(|((field, a), (_, b))| a != b && !is_volatile(field) && !(is_unknown(a) && is_unknown(b)))
            .map(|((field, a), (_, b))| {
                let known = !is_unknown(&a) && !is_unknown(&b);
                let unlike = known && key_of(&field).is_some_and(|key| canonical(key, &a) != canonical(key, &b));
                Difference { severity: if unlike { Class::Unlike } else { Class::Note }, field, a, b }
            })
            .collect()
    }

    /// A short stable id of the environment class: equal for runs whose defining fields (CPU model, core counts,
    /// governor, kernel major version, architecture, hypervisor, memory size, cgroup limits, build profile) agree.
    /// Equal ids mean that no difference is [`Class::Unlike`].
    pub fn class_id(&self) -> String {
        let fields = self.fields();
        let mut hash = Fnv::new();
        for (name, key) in DEFINING {
            let value = fields.iter().find(|(field, _)| field == name).map_or("", |(_, value)| value);
            let canonical = if is_unknown(value) { "unknown".to_owned() } else { canonical(*key, value) };
            hash.write(name.as_bytes());
            hash.write(b"=");
            hash.write(canonical.as_bytes());
            hash.write(b"\n");
        }
        format!("{:016x}", hash.0)
    }
}

fn walk(path: String, value: &Value, fields: &mut Vec<(String, String)>) {
    match value {
        Value::Object(members) if unknown_reason(value).is_none() => {
            for (name, member) in members {
                let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                walk(path, member, fields);
            }
        }
        leaf => fields.push((path, text(leaf))),
    }
}

fn text(value: &Value) -> String {
    match value {
        Value::Null => "none".to_owned(),
        Value::String(text) => text.clone(),
        Value::Array(items) if items.is_empty() => "none".to_owned(),
        Value::Array(items) => {
            let separator = if items.iter().any(Value::is_object) { "; " } else { ", " };
            items.iter().map(text).collect::<Vec<_>>().join(separator)
        }
        Value::Object(members) => match unknown_reason(value) {
            Some(reason) => format!("unknown ({reason})"),
            None => members
                .iter()
                .filter(|(_, member)| !member.is_null())
                .map(|(name, member)| format!("{name}={}", inner(member)))
                .collect::<Vec<_>>()
                .join(" "),
        },
        scalar => scalar.to_string(),
    }
}

/// A list inside a list item is joined by a bar, since CPU lists hold commas themselves.
fn inner(value: &Value) -> String {
    match value {
        Value::Array(items) => items.iter().map(text).collect::<Vec<_>>().join("|"),
        other => text(other),
    }
}

fn is_unknown(value: &str) -> bool {
    value.starts_with("unknown (")
}

fn is_volatile(field: &str) -> bool {
    VOLATILE.iter().any(|rule| if rule.ends_with('.') { field.starts_with(rule) } else { field == *rule })
}

fn key_of(field: &str) -> Option<Key> {
    DEFINING.iter().find(|(name, _)| *name == field).map(|(_, key)| *key)
}

fn canonical(key: Key, value: &str) -> String {
    const MIB: u64 = 1 << 20;
    match key {
        Key::Exact => value.to_owned(),
        Key::Major => value.split('.').next().unwrap_or(value).to_owned(),
        Key::MemorySize => value.parse::<u64>().map_or_else(
            |_| value.to_owned(),
            |bytes| {
                let step = if bytes >= 4096 * MIB { 1024 * MIB } else { 128 * MIB };
                (bytes.saturating_add(step / 2) / step * (step / MIB)).to_string()
            },
        ),
    }
}

/// FNV-1a, 64 bits: stable over versions and platforms, which the standard library's hasher does not promise. No
/// defence against collisions made on purpose is needed here.
struct Fnv(u64);

impl Fnv {
    fn new() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }
}

#[cfg(test)]
pub(super) fn rules() -> (Vec<&'static str>, &'static [&'static str]) {
    (DEFINING.iter().map(|(name, _)| *name).collect(), VOLATILE)
}
