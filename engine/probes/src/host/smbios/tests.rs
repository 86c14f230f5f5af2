use super::*;
use proptest::prelude::*;

/// A structure of type 17 as firmware writes it: slot, bank, size in MiB, rated and set speed.
fn slot(locator: &str, bank: &str, mebibytes: u16, rated: u16, set: u16) -> Vec<u8> {
    let mut body = vec![0_u8; 0x5c];
    body[..2].copy_from_slice(&[17, 0x5c]);
    let mut put = |at: usize, value: u16| body[at..at + 2].copy_from_slice(&value.to_le_bytes());
    put(0x08, 72);
    put(0x0a, 64);
    put(0x0c, mebibytes);
    put(0x15, rated);
    put(0x20, set);
    body[0x10] = 1;
    body[0x11] = 2;
    body[0x12] = 0x22;
    body[0x17] = 3;
    body[0x1a] = 4;
    body.extend_from_slice(format!("{locator}\0{bank}\0G Skill\0F5-6000J3038F16G  \0\0").as_bytes());
    body
}

/// The table of a desktop: its firmware, two modules of 16 GiB at 6000 MT/s in four slots, and the end.
pub(crate) fn desktop() -> Vec<u8> {
    let mut table = vec![0, 5, 0, 0, 1];
    table.extend_from_slice(b"American Megatrends\0\0");
    table.extend(slot("DIMM 0", "P0 CHANNEL A", 0, 0, 0));
    table.extend(slot("DIMM 1", "P0 CHANNEL A", 16_384, 4800, 6000));
    table.extend(slot("DIMM 0", "P0 CHANNEL B", 0, 0, 0));
    table.extend(slot("DIMM 1", "P0 CHANNEL B", 16_384, 4800, 6000));
    table.extend([127, 4, 0, 0, 0, 0]);
    table
}

fn module(locator: &str, bank: &str) -> Module {
    parse(&slot(locator, bank, 16_384, 4800, 6000)).swap_remove(0)
}

#[test]
fn two_modules_of_ddr5_6000_make_96_gigabytes_a_second() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("sys/firmware/dmi/tables");
    std::fs::create_dir_all(&place).unwrap();
    std::fs::write(place.join("DMI"), desktop()).unwrap();
    let Fact::Known(found) = modules(folder.path()) else { panic!("there are two") };
    let expected = Module {
        locator: "DIMM 1".into(),
        bank: "P0 CHANNEL A".into(),
        size_bytes: 16 << 30,
        speed_mts: Some(6000),
        width_bits: Some(64),
        technology: "DDR5".into(),
        manufacturer: "G Skill".into(),
        part: "F5-6000J3038F16G".into(),
    };
    assert_eq!((found.len(), &found[0]), (2, &expected));
    assert_eq!((bus_limit(&found), channels(&found)), (Some(96.0e9), Fact::Known(2)));
}

#[test]
fn two_modules_on_one_channel_share_it() {
    let one = [module("Controller0-ChannelA-DIMM0", "BANK 0"), module("Controller0-ChannelA-DIMM1", "BANK 0")];
    assert_eq!(bus_limit(&one), Some(48.0e9));
    let letters = ["DIMM_A1", "DIMM_A2", "DIMM_B1", "DIMM_B2"].map(|name| module(name, "BANK 0"));
    assert_eq!(bus_limit(&letters), Some(96.0e9));
    let sockets = ["P1-DIMMA1", "P2-DIMMA1"].map(|name| module(name, ""));
    assert_eq!(bus_limit(&sockets), Some(96.0e9));
    // A channel is as fast as its slowest module.
    let mut unlike = one;
    unlike[1].speed_mts = Some(4000);
    assert_eq!(bus_limit(&unlike), Some(32.0e9));
}

#[test]
fn what_is_not_stated_gives_no_limit() {
    let named = module("DIMM 0", "P0 CHANNEL A");
    assert!(bus_limit(&[]).is_none() && bus_limit(std::slice::from_ref(&named)).is_some());
    let nameless = [named.clone(), module("DIMM 0", "BANK 0")];
    assert!(bus_limit(&nameless).is_none() && !channels(&nameless).is_known());
    assert_eq!(bus_limit(&[Module { speed_mts: None, ..named.clone() }]), None);
    assert_eq!(bus_limit(&[Module { width_bits: None, ..named }]), None);
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(modules(folder.path()).reason(), Some("no `/sys/firmware/dmi/tables/DMI`"));
}

#[test]
fn sizes_and_speeds_of_every_form_are_read() {
    let with = |change: &dyn Fn(&mut [u8])| {
        let mut body = slot("A", "B", 16_384, 4800, 6000);
        change(&mut body);
        parse(&body).into_iter().next()
    };
    let set =
        |at: usize, bytes: &'static [u8]| move |body: &mut [u8]| body[at..at + bytes.len()].copy_from_slice(bytes);
    // In KiB, extended, empty, unknown.
    assert_eq!(with(&set(0x0c, &[0, 0x82])).unwrap().size_bytes, 512 << 10);
    let large = |body: &mut [u8]| {
        body[0x0c..0x0e].copy_from_slice(&[0xff, 0x7f]);
        body[0x1c..0x20].copy_from_slice(&(128_u32 << 10).to_le_bytes());
    };
    assert_eq!(with(&large).unwrap().size_bytes, 128 << 30);
    assert!(with(&set(0x0c, &[0, 0])).is_none() && with(&set(0x0c, &[0xff, 0xff])).is_none());
    // The set speed, else the module's own; beyond 65,535 in a field of its own.
    assert_eq!(with(&set(0x20, &[0, 0])).unwrap().speed_mts, Some(4800));
    let fast = |body: &mut [u8]| {
        body[0x20..0x22].copy_from_slice(&[0xff, 0xff]);
        body[0x58..0x5c].copy_from_slice(&70_000_u32.to_le_bytes());
    };
    assert_eq!(with(&fast).unwrap().speed_mts, Some(70_000));
    assert_eq!(with(&set(0x0a, &[0xff, 0xff])).unwrap().width_bits, None);
}

proptest! {
    #[test]
    fn nothing_panics(bytes in any::<Vec<u8>>(), cut in 0_usize..600, at in 0_usize..600, value in any::<u8>()) {
        let _ = bus_limit(&parse(&bytes));
        let whole = desktop();
        let mut torn = whole[..cut.min(whole.len())].to_vec();
        if let Some(byte) = torn.get_mut(at) {
            *byte = value;
        }
        let found = parse(&torn);
        prop_assert!(found.len() <= 4);
        let _ = (bus_limit(&found), channels(&found));
    }
}
