//! How a pattern is written: the number of on bits, then the gaps between them, each in as few groups of seven bits as
//! it needs. At the usual densities nearly every gap fits a byte: 41 of 2,048 bits take about 43 bytes, not 256.

/// Appends a number in groups of seven bits, the lowest first; all but the last have their top bit set.
pub(crate) fn put_number(mut number: u32, to: &mut Vec<u8>) {
    while number >= 0x80 {
        to.push(number as u8 | 0x80);
        number >>= 7;
    }
    to.push(number as u8);
}

/// Takes a number from the front; `None` when the bytes end too early or say no `u32`.
pub(crate) fn take_number(from: &mut &[u8]) -> Option<u32> {
    let mut number = 0_u64;
    for shift in (0..35).step_by(7) {
        let (&byte, rest) = from.split_first()?;
        *from = rest;
        number |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return u32::try_from(number).ok();
        }
    }
    None
}

/// Appends the on bits, which ascend.
pub(crate) fn put_bits(on: &[u32], to: &mut Vec<u8>) {
    put_number(on.len() as u32, to);
    let mut next = 0;
    for &bit in on {
        put_number(bit - next, to);
        next = bit + 1;
    }
}

/// Takes the on bits from the front into `on`, which is emptied first. `None`, and anything in `on`, when the bytes are
/// no pattern of this width.
pub(crate) fn take_bits(from: &mut &[u8], size: u32, on: &mut Vec<u32>) -> Option<()> {
    on.clear();
    let count = take_number(from)?;
    if count > size {
        return None;
    }
    on.reserve(count as usize);
    let mut next = 0_u32;
    for _ in 0..count {
        let bit = next.checked_add(take_number(from)?).filter(|&bit| bit < size)?;
        on.push(bit);
        next = bit + 1;
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_usual_pattern_takes_little_more_than_a_byte_a_bit() {
        let on: Vec<u32> = (0..41).map(|at| at * 49 + 7).collect();
        let mut bytes = Vec::new();
        put_bits(&on, &mut bytes);
        assert_eq!(bytes.len(), 42);
    }

    #[test]
    fn what_is_no_pattern_is_refused() {
        let mut on = Vec::new();
        for bytes in [&[][..], &[2, 1], &[1, 200], &[1, 10], &[11], &[0xff, 0xff, 0xff, 0xff, 0xff, 1]] {
            assert_eq!(take_bits(&mut &*bytes, 10, &mut on), None, "{bytes:?}");
        }
    }

    proptest! {
        #[test]
        fn what_was_written_is_read(set in prop::collection::btree_set(0_u32..1_000_000, 0..200), rest: Vec<u8>) {
            let on: Vec<u32> = set.into_iter().collect();
            let mut bytes = Vec::new();
            put_bits(&on, &mut bytes);
            bytes.extend(&rest);
            let (mut from, mut read) = (&bytes[..], vec![7]);
            prop_assert!(take_bits(&mut from, 1_000_000, &mut read).is_some());
            prop_assert_eq!(read, on);
            prop_assert_eq!(from, &rest[..]);
        }
    }
}
