//! The hash that spreads a bucket's bits: MurmurHash3, x86, 32 bits (Appleby, 2011; public domain), for one word.

/// The hash of the four bytes of `word`, least significant first.
#[must_use]
pub(crate) const fn murmur3(word: u32, seed: u32) -> u32 {
    let mut k = word.wrapping_mul(0xcc9e_2d51);
    k = k.rotate_left(15).wrapping_mul(0x1b87_3593);
    let mut h = (seed ^ k).rotate_left(13).wrapping_mul(5).wrapping_add(0xe654_6b64);
    h ^= 4; // The length.
    h = (h ^ (h >> 16)).wrapping_mul(0x85eb_ca6b);
    h = (h ^ (h >> 13)).wrapping_mul(0xc2b2_ae35);
    h ^ (h >> 16)
}

#[cfg(test)]
mod tests {
    use super::murmur3;

    #[test]
    fn known_answers() {
        // Published test vectors of four bytes.
        assert_eq!(murmur3(0xffff_ffff, 0), 0x7629_3b50);
        assert_eq!(murmur3(0x8765_4321, 0), 0xf55b_516b);
        assert_eq!(murmur3(0x8765_4321, 0x5082_edee), 0x2362_f9de);
        assert_eq!(murmur3(0, 0), 0x2362_f9de);
    }
}
