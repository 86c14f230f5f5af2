//! Main memory: what the kernel manages, and the modules that SMBIOS lists.

use super::os::sized;
use super::tree::Tree;
use engine_core::environment::{Dimm, Memory};
use engine_core::fact::Fact;
use std::collections::BTreeSet;

const TABLE: &str = "/sys/firmware/dmi/tables/DMI";

/// Reads everything about memory.
pub(crate) fn read(tree: &Tree, meminfo: &Fact<String>) -> Memory {
    let dimms = tree.bytes(TABLE).and_then(|table| {
        let dimms = dimms(&table);
        Fact::or_unknown(Some(dimms).filter(|dimms| !dimms.is_empty()), format!("no memory module in `{TABLE}`"))
    });
    Memory {
        total_bytes: sized(meminfo, "MemTotal"),
        available_bytes: sized(meminfo, "MemAvailable"),
        channels: dimms.clone().and_then(|dimms| channels(&dimms)),
        dimms,
    }
}

/// The populated modules: structures of type 17 of the SMBIOS table (DSP0134, section 7.18).
fn dimms(table: &[u8]) -> Vec<Dimm> {
    structures(table)
        .into_iter()
        .filter(|(kind, ..)| *kind == 17)
        .filter_map(|(_, body, texts)| dimm(body, &texts))
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

fn dimm(body: &[u8], texts: &[String]) -> Option<Dimm> {
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
        0xffff => dword(extended).filter(|speed| *speed != 0),
        speed => Some(u32::from(speed)),
    };
    // The speed it runs at, else the speed it could run at.
    let speed_mts = speed(0x20, 0x58).or_else(|| speed(0x15, 0x54));
    Some(Dimm { locator: text(0x10), bank: text(0x11), size_bytes, speed_mts, technology: technology(byte(0x12)?) })
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

/// Channels, where banks or slots name them, as in `P0 CHANNEL A` or `ChannelB-DIMM0`.
fn channels(dimms: &[Dimm]) -> Fact<u32> {
    let named: BTreeSet<String> =
        dimms.iter().filter_map(|dimm| channel(&dimm.bank).or_else(|| channel(&dimm.locator))).collect();
    let all = dimms.iter().all(|dimm| channel(&dimm.bank).or_else(|| channel(&dimm.locator)).is_some());
    Fact::or_unknown(
        u32::try_from(named.len()).ok().filter(|count| *count > 0 && all),
        "the firmware does not name the memory channels",
    )
}

/// What stands before the word and the word after it: `P0 ` and `A`.
fn channel(text: &str) -> Option<String> {
    let upper = text.to_ascii_uppercase();
    let (before, after) = upper.split_once("CHANNEL")?;
    let letters: String =
        after.trim_start_matches([' ', '_', '-']).chars().take_while(char::is_ascii_alphanumeric).collect();
    (!letters.is_empty()).then(|| format!("{before}{letters}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A DDR5 module of 16 GiB at 6000 MT/s on channel A, an empty slot, and the end of the table.
    fn table() -> Vec<u8> {
        let module = |size: u16, strings: &[u8]| {
            let mut body = vec![0_u8; 0x28];
            body[0] = 17;
            body[1] = 0x28;
            body[0x0c..0x0e].copy_from_slice(&size.to_le_bytes());
            body[0x10] = 1;
            body[0x11] = 2;
            body[0x12] = 0x22;
            body[0x15..0x17].copy_from_slice(&4800_u16.to_le_bytes());
            body[0x20..0x22].copy_from_slice(&6000_u16.to_le_bytes());
            body.extend_from_slice(strings);
            body
        };
        let mut table = module(16384, b"DIMM 1\0P0 CHANNEL A\0\0");
        table.extend(module(0, b"DIMM 0\0P0 CHANNEL A\0\0"));
        table.extend([127, 4, 0, 0, 0, 0]);
        table
    }

    #[test]
    fn populated_modules_are_listed() {
        let found = dimms(&table());
        let expected = Dimm {
            locator: "DIMM 1".into(),
            bank: "P0 CHANNEL A".into(),
            size_bytes: 16 << 30,
            speed_mts: Some(6000),
            technology: "DDR5".into(),
        };
        assert_eq!(found, [expected]);
        assert_eq!(channels(&found), Fact::Known(1));
    }

    #[test]
    fn channels_that_are_not_named_are_unknown() {
        let mut found = dimms(&table());
        found[0].bank = "BANK 0".into();
        assert!(!channels(&found).is_known());
    }

    proptest! {
        #[test]
        fn nothing_panics(bytes in any::<Vec<u8>>(), cut in 0_usize..200) {
            let _ = dimms(&bytes);
            let whole = table();
            let _ = dimms(&whole[..cut.min(whole.len())]);
        }
    }
}
