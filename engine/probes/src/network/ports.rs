//! How many connections may be made without running out of ports.

use crate::host::tree::Tree;

/// What the system says about its ports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ports {
    /// Ports that it gives to connections of which the program names none.
    pub(crate) range: u64,
    /// Connections in TIME_WAIT now.
    pub(crate) waiting: u64,
}

impl Ports {
    /// Reads `/proc`. What cannot be read is taken as the kernel's default and as none.
    pub(crate) fn read(tree: &Tree) -> Self {
        let range = tree.text("/proc/sys/net/ipv4/ip_local_port_range").known().and_then(|text| {
            let mut bounds = text.split_whitespace().map(str::parse::<u64>);
            let (low, high) = (bounds.next()?.ok()?, bounds.next()?.ok()?);
            Some((high + 1).saturating_sub(low))
        });
        let waiting = tree.text("/proc/net/sockstat").known().and_then(|text| {
            let line = text.lines().find(|line| line.starts_with("TCP:"))?;
            line.split_whitespace().skip_while(|word| *word != "tw").nth(1)?.parse().ok()
        });
        Self { range: range.unwrap_or(28_232), waiting: waiting.unwrap_or(0) }
    }

    /// The most connections that may be left in TIME_WAIT: half of what is free, so that others find ports too.
    pub(crate) fn room(&self) -> u64 {
        self.range.saturating_sub(self.waiting) / 2
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recorded(range: Option<&str>, sockstat: Option<&str>) -> Ports {
        let root = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(root.path().join("proc/sys/net/ipv4")).unwrap();
        std::fs::create_dir_all(root.path().join("proc/net")).unwrap();
        for (path, text) in [("proc/sys/net/ipv4/ip_local_port_range", range), ("proc/net/sockstat", sockstat)] {
            if let Some(text) = text {
                std::fs::write(root.path().join(path), text).unwrap();
            }
        }
        Ports::read(&Tree::new(root.path()))
    }

    #[test]
    fn the_room_is_half_of_the_free_ports() {
        let busy = "sockets: used 40\nTCP: inuse 5 orphan 0 tw 20000 alloc 6 mem 1\nUDP: inuse 1 mem 0\n";
        assert_eq!(recorded(Some("32768\t60999\n"), Some(busy)), Ports { range: 28_232, waiting: 20_000 });
        assert_eq!(recorded(Some("32768\t60999\n"), Some(busy)).room(), 4_116);
        assert_eq!(recorded(Some("50000 50009"), None).room(), 5);
        assert_eq!(recorded(Some("50000 50009"), Some("TCP: inuse 1 tw 700 alloc 1")).room(), 0);
    }

    #[test]
    fn without_proc_the_defaults_serve() {
        assert_eq!(recorded(None, None), Ports { range: 28_232, waiting: 0 });
        assert_eq!(recorded(Some("what?"), Some("TCP: tw")), Ports { range: 28_232, waiting: 0 });
    }
}
