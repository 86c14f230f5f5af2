//! What buffers hold: words that look random, so that no memory compression helps, computed alike on both sides from
//! their place. Read as `f32` they are finite, between 1/8 and 2 in size, of either sign.

/// The word at a place: the finaliser of MurmurHash3 (Appleby), fitted to finite numbers.
pub(super) const fn word(seed: u32, place: u32) -> u32 {
    (mix(place ^ seed) & 0x81ff_ffff) | 0x3e00_0000
}

/// Spreads a number over all 32 bits.
pub(super) const fn mix(number: u32) -> u32 {
    let mut h = number;
    h = (h ^ (h >> 16)).wrapping_mul(0x85eb_ca6b);
    h = (h ^ (h >> 13)).wrapping_mul(0xc2b2_ae35);
    h ^ (h >> 16)
}

/// `mix` and `word` for kernels.
pub(super) const WGSL: &str = "
fn mix32(number: u32) -> u32 {
    var h = number;
    h = (h ^ (h >> 16u)) * 0x85ebca6bu;
    h = (h ^ (h >> 13u)) * 0xc2b2ae35u;
    return h ^ (h >> 16u);
}
fn word(seed: u32, place: u32) -> u32 {
    return (mix32(place ^ seed) & 0x81ffffffu) | 0x3e000000u;
}
";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_finite_and_differ() {
        let words: Vec<u32> = (0..10_000).map(|place| word(7, place)).collect();
        assert!(words.iter().all(|&bits| (0.125..2.0).contains(&f32::from_bits(bits).abs())));
        let unlike: std::collections::BTreeSet<u32> = words.iter().copied().collect();
        assert!(unlike.len() > 9_990);
        assert!((0..10_000).all(|place| word(8, place) != words[place as usize]));
        let negative = words.iter().filter(|&&bits| bits >> 31 == 1).count();
        assert!((4_800..5_200).contains(&negative));
    }
}
