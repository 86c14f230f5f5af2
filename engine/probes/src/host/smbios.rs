//! The memory modules that the firmware lists, and what their bus can carry at most.
//!
//! Source: the raw table under `/sys/firmware/dmi/tables/DMI`, structures of type 17 (SMBIOS 3.7, DSP0134, section
//! 7.18). It is what the firmware claims: a virtual machine has none, or a made-up one without speeds, for which there
//! is no limit to state. The kernel lets only root read it.
//!
//! The limit is the sum over the channels of transfers a second times bytes a transfer. It would be too high if two
//! modules of one channel were counted twice, so channels are told apart by their names, and where the firmware names
//! none there is no limit.

use super::tree::Tree;
use engine_core::fact::Fact;
use std::collections::BTreeMap;
use std::path::Path;

const TABLE: &str = "/sys/firmware/dmi/tables/DMI";

/// One populated module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Module {
    /// Name of the slot.
    pub locator: String,
    /// Name of the bank or channel.
    pub bank: String,
    /// Size of the module.
    pub size_bytes: u64,
    /// Speed at which it is set to run, in million transfers a second; where that is not stated, its own speed.
    pub speed_mts: Option<u32>,
    /// Bits of data of a transfer, without those for error correction.
    pub width_bits: Option<u32>,
    /// `DDR4`, `DDR5`, ...; a number when unnamed.
    pub technology: String,
    /// Who made it; empty when unknown.
    pub manufacturer: String,
    /// Its part number; empty when unknown.
    pub part: String,
}

/// The populated modules of the machine under `root` (`/` for this one); unknown where the table is missing, may not be
/// read, or lists none.
pub fn modules(root: &Path) -> Fact<Vec<Module>> {
    read(&Tree::new(root))
}

pub(crate) fn read(tree: &Tree) -> Fact<Vec<Module>> {
    tree.bytes(TABLE).and_then(|table| {
        let modules = parse(&table);
        Fact::or_unknown(Some(modules).filter(|modules| !modules.is_empty()), format!("no memory module in `{TABLE}`"))
    })
}

/// Bytes a second that the channels of these modules carry at most; `None` unless speed, width and channel of each are
/// stated. A channel runs at the speed of its slowest module.
#[must_use]
pub fn bus_limit(modules: &[Module]) -> Option<f64> {
    let mut buses: BTreeMap<String, f64> = BTreeMap::new();
    for module in modules {
        let rate = f64::from(module.speed_mts?) * 1e6 * f64::from(module.width_bits?) / 8.0;
        let bus = buses.entry(channel_of(module)?).or_insert(rate);
        *bus = bus.min(rate);
    }
    (!buses.is_empty()).then(|| buses.values().sum())
}

/// The number of channels that are named; unknown unless each module names its own.
pub(crate) fn channels(modules: &[Module]) -> Fact<u32> {
    let named: Option<std::collections::BTreeSet<String>> = modules.iter().map(channel_of).collect();
    Fact::or_unknown(
        named.and_then(|named| u32::try_from(named.len()).ok()).filter(|count| *count > 0),
        "the firmware does not name the memory channels",
    )
}

fn channel_of(module: &Module) -> Option<String> {
    let texts = [&module.bank, &module.locator];
    texts.into_iter().find_map(|text| channel(text)).or_else(|| lettered(&module.locator))
}

/// What stands before the word and the word after it, of `P0 CHANNEL A` or `ChannelB-DIMM0`: `P0 ` and `A`.
fn channel(text: &str) -> Option<String> {
    let upper = text.to_ascii_uppercase();
    let (before, after) = upper.split_once("CHANNEL")?;
    let letters: String =
        after.trim_start_matches([' ', '_', '-']).chars().take_while(char::is_ascii_alphanumeric).collect();
    (!letters.is_empty()).then(|| format!("{before}{letters}"))
}

/// All but the number of the slot, of `DIMM_A1` or `P1-DIMMB2`: the letter behind `DIMM` is the channel.
fn lettered(text: &str) -> Option<String> {
    let upper = text.to_ascii_uppercase();
    let (before, after) = upper.split_once("DIMM")?;
    let mut rest = after.trim_start_matches([' ', '_', '-']).chars();
    let letter = rest.next().filter(char::is_ascii_alphabetic)?;
    let slot = rest.as_str();
    (!slot.is_empty() && slot.bytes().all(|byte| byte.is_ascii_digit())).then(|| format!("{before}{letter}"))
}

fn parse(table: &[u8]) -> Vec<Module> {
    structures(table)
        .into_iter()
        .filter(|(kind, ..)| *kind == 17)
        .filter_map(|(_, body, texts)| module(body, &texts))
        .collect()
}

/// Type, bytes (header included) and strings of each structure. Stops at the first that does not fit.
fn structures(mut table: &[u8]) -> Vec<(u8, &[u8], Vec<String>)> {
    let mut found = Vec::new();
    while let [kind, length, ..] = *table {
        let length = usize::from(length);
        if length < 4 || length > table.len() {
            break;
        }
        let (body, rest) = table.split_at(length);
        // The strings end with an empty one; without any, two zeros stand alone.
        let Some(end) = rest.windows(2).position(|pair| pair == [0, 0]) else { break };
        let texts = rest[..end].split(|byte| *byte == 0).map(|text| String::from_utf8_lossy(text).trim().to_owned());
        found.push((kind, body, texts.collect()));
        table = &rest[end + 2..];
    }
    found
}

fn module(body: &[u8], texts: &[String]) -> Option<Module> {
    let byte = |at: usize| body.get(at).copied();
    let word = |at: usize| Some(u16::from_le_bytes([byte(at)?, byte(at + 1)?]));
    let dword = |at: usize| Some(u32::from(word(at)?) | u32::from(word(at + 2)?) << 16);
    let text = |at: usize| {
        let number = usize::from(byte(at).unwrap_or(0));
        number.checked_sub(1).and_then(|index| texts.get(index)).cloned().unwrap_or_default()
    };
    let size_bytes = match word(0x0c)? {
        0 | 0xffff => return None, // An empty slot, or one of unknown size.
        0x7fff => u64::from(dword(0x1c)? & 0x7fff_ffff) << 20,
        small if small & 0x8000 != 0 => u64::from(small & 0x7fff) << 10,
        small => u64::from(small) << 20,
    };
    let speed = |at: usize, extended: usize| match word(at)? {
        0 => None,
        0xffff => dword(extended).map(|speed| speed & 0x7fff_ffff).filter(|speed| *speed != 0),
        speed => Some(u32::from(speed)),
    };
    Some(Module {
        locator: text(0x10),
        bank: text(0x11),
        size_bytes,
        speed_mts: speed(0x20, 0x58).or_else(|| speed(0x15, 0x54)),
        width_bits: word(0x0a).filter(|bits| !matches!(bits, 0 | 0xffff)).map(u32::from),
        technology: technology(byte(0x12)?),
        manufacturer: text(0x17),
        part: text(0x1a),
    })
}

fn technology(code: u8) -> String {
    let name = match code {
        0x07 => "RAM",
        0x12 => "DDR",
        0x13 => "DDR2",
        0x18 => "DDR3",
        0x1a => "DDR4",
        0x1b => "LPDDR",
        0x1c => "LPDDR2",
        0x1d => "LPDDR3",
        0x1e => "LPDDR4",
        0x20 => "HBM",
        0x21 => "HBM2",
        0x22 => "DDR5",
        0x23 => "LPDDR5",
        0x24 => "HBM3",
        other => return format!("type {other}"),
    };
    name.to_owned()
}

#[cfg(test)]
#[path = "smbios/tests.rs"]
pub(crate) mod tests;
