//! The kernel's CPU lists: `0-3,8-11`.

use std::collections::BTreeSet;

/// More CPUs than any machine has; a longer list is not one.
const MOST: u32 = 65_536;

/// The CPUs of a list; `None` when it is not one. An empty text is the empty list.
pub(crate) fn parse(text: &str) -> Option<BTreeSet<u32>> {
    let mut cpus = BTreeSet::new();
    for part in text.trim().split(',').filter(|part| !part.trim().is_empty()) {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (first, last) = (first.trim().parse::<u32>().ok()?, last.trim().parse::<u32>().ok()?);
        if first > last || last >= MOST {
            return None;
        }
        cpus.extend(first..=last);
    }
    Some(cpus)
}

/// The shortest list of these CPUs.
pub(crate) fn format(cpus: &BTreeSet<u32>) -> String {
    let mut runs: Vec<(u32, u32)> = Vec::new();
    for &cpu in cpus {
        match runs.last_mut() {
            Some((_, last)) if *last + 1 == cpu => *last = cpu,
            _ => runs.push((cpu, cpu)),
        }
    }
    let text = |(first, last): &(u32, u32)| {
        if first == last { first.to_string() } else { format!("{first}-{last}") }
    };
    runs.iter().map(text).collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn lists_are_read() {
        assert_eq!(parse("0-2,8").unwrap().into_iter().collect::<Vec<_>>(), [0, 1, 2, 8]);
        assert!(parse("").unwrap().is_empty());
        for bad in ["a", "3-1", "0-99999999", "1-", "-"] {
            assert_eq!(parse(bad), None, "{bad}");
        }
    }

    proptest! {
        #[test]
        fn nothing_panics(text in any::<String>()) {
            let _ = parse(&text);
        }

        #[test]
        fn what_is_written_reads_back(cpus in proptest::collection::btree_set(0_u32..300, 0..40)) {
            prop_assert_eq!(parse(&format(&cpus)), Some(cpus));
        }
    }
}
