//! How much memory the mappings take in which given addresses lie.

/// Bytes in memory or in swap of this process's mappings in which at least one of `places` (ascending) lies; `None`
/// where the system does not tell.
pub(super) fn resident(places: &[usize]) -> Option<u64> {
    Some(sum(&std::fs::read_to_string("/proc/self/smaps").ok()?, places))
}

fn sum(smaps: &str, places: &[usize]) -> u64 {
    let (mut inside, mut bytes) = (false, 0);
    for line in smaps.lines() {
        if let Some((from, to)) = line.split_once(' ').and_then(|(range, _)| range.split_once('-'))
            && let (Ok(from), Ok(to)) = (usize::from_str_radix(from, 16), usize::from_str_radix(to, 16))
        {
            let first = places.partition_point(|place| *place < from);
            inside = places.get(first).is_some_and(|place| *place < to);
        } else if inside
            && let Some((name, value)) = line.split_once(':')
            && matches!(name, "Rss" | "Swap")
        {
            bytes += value.trim().trim_end_matches(" kB").trim().parse::<u64>().unwrap_or(0) * 1024;
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMAPS: &str = "1000-3000 rw-p 0 0:0 0 [heap]\nSize: 8 kB\nRss: 4 kB\nSwap: 4 kB\nSwapPss: 4 kB\n\
        3000-9000 rw-p 0 0:0 0\nRss: 16 kB\nSwap: 0 kB\nVmFlags: rd wr\na000-b000 r--p 0 0:0 0 /x\nRss: 4 kB\n";

    #[test]
    fn only_mappings_with_a_place_count() {
        assert_eq!(sum(SMAPS, &[]), 0);
        assert_eq!(sum(SMAPS, &[0x2fff]), 8 << 10);
        assert_eq!(sum(SMAPS, &[0x3000, 0x3008]), 16 << 10);
        assert_eq!(sum(SMAPS, &[0x1000, 0x9000, 0xafff]), 12 << 10);
        assert_eq!(sum(SMAPS, &[0x9000, 0xb000]), 0);
    }

    #[test]
    fn a_touched_block_of_this_process_is_there() {
        let block = vec![1u8; 1 << 20];
        assert!(resident(&[block.as_ptr() as usize]).unwrap() >= 1 << 20);
    }
}
