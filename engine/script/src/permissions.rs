//! Permissions: what a scenario may touch. Nothing by default but the programs that shipped probes need and the
//! scratch folder; each error names the flag that grants what is missing.
//!
//! Programs: `--allow-run=grep` grants the word `grep`, however the search path resolves it. A program named with a
//! slash is a path and needs that path (`--allow-run=./grep-main`): a grant of `grep` does not cover `./grep`, or a
//! scenario could bring its own. `--allow-run=*` grants all.

use std::path::{Component, Path, PathBuf};

/// What was granted on the command line or in the configuration.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Permissions {
    /// `HOST:PORT`, `HOST`, or `*`.
    pub net: Vec<String>,
    /// Programs, or `*`.
    pub run: Vec<String>,
    /// Folders and files that may be read, or `*`.
    pub read: Vec<String>,
    /// Folders and files that may be written, or `*`.
    pub write: Vec<String>,
    /// Names of environment variables, or `*`.
    pub env: Vec<String>,
    /// Kinds of faults, or `*`.
    pub fault: Vec<String>,
}

impl Permissions {
    /// Everything: for tests and for trusted callers.
    #[must_use]
    pub fn all() -> Self {
        let all = || vec!["*".to_owned()];
        Self { net: all(), run: all(), read: all(), write: all(), env: all(), fault: all() }
    }

    /// Whether `program`, as a script names it, may be started.
    #[must_use]
    pub fn allows_run(&self, program: &str) -> bool {
        self.run.iter().any(|granted| {
            granted == "*"
                || granted == program
                || (granted.contains('/')
                    && program.contains('/')
                    && tidy(Path::new(granted)) == tidy(Path::new(program)))
        })
    }

    /// Whether the file or folder may be read. Links are followed first, so that none leads out of a granted folder.
    #[must_use]
    pub fn allows_read(&self, path: &Path) -> bool {
        self.read.iter().any(|granted| granted == "*" || real(path).starts_with(real(Path::new(granted))))
    }

    /// Whether the file or folder may be written, as for reading.
    #[must_use]
    pub fn allows_write(&self, path: &Path) -> bool {
        self.write.iter().any(|granted| granted == "*" || real(path).starts_with(real(Path::new(granted))))
    }

    /// Whether traffic may be sent to a host: always to this machine's own loopback addresses.
    #[must_use]
    pub fn allows_net(&self, host: &str, port: u16) -> bool {
        let named = |granted: &str| match granted.rsplit_once(':') {
            // An address of IPv6 without a port has colons too.
            Some((name, number))
                if !granted.ends_with(']') && number.parse::<u16>().is_ok() && !name.ends_with(':') =>
            {
                number.parse() == Ok(port) && same_host(name, host)
            }
            _ => same_host(granted, host),
        };
        is_loopback(host) || self.net.iter().any(|granted| granted == "*" || named(granted))
    }

    /// The process that may be broken though the run did not start it: `pid:N`.
    #[must_use]
    pub fn fault_process(&self) -> Option<u32> {
        self.fault.iter().find_map(|granted| granted.strip_prefix("pid:")?.parse().ok())
    }

    /// Whether the environment variable may be read.
    #[must_use]
    pub fn allows_env(&self, name: &str) -> bool {
        self.env.iter().any(|granted| granted == "*" || granted == name)
    }
}

fn same_host(granted: &str, host: &str) -> bool {
    granted.trim_start_matches('[').trim_end_matches(']').eq_ignore_ascii_case(host)
}

/// Whether a host is this machine's own loopback.
pub(crate) fn is_loopback(host: &str) -> bool {
    host == "localhost" || host.parse().is_ok_and(|address: std::net::IpAddr| address.is_loopback())
}

/// The path with `.` and `..` resolved by name.
pub(crate) fn tidy(path: &Path) -> PathBuf {
    let mut out = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir if matches!(out.components().next_back(), Some(Component::Normal(_))) => {
                out.pop();
            }
            other => out.push(other),
        }
    }
    out
}

/// The path with links followed as far as it exists; the rest resolved by name.
pub(crate) fn real(path: &Path) -> PathBuf {
    let whole = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let mut rest = Vec::new();
    let mut at = whole.as_path();
    loop {
        if let Ok(found) = at.canonicalize() {
            return tidy(&rest.iter().rev().fold(found, |path: PathBuf, part: &&std::ffi::OsStr| path.join(part)));
        }
        match (at.parent(), at.components().next_back()) {
            (Some(parent), Some(last)) => {
                rest.push(last.as_os_str());
                at = parent;
            }
            _ => return tidy(&whole),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_by_name_and_one_by_path_are_different_things() {
        let granted = Permissions { run: vec!["grep".into(), "./tools/../a".into()], ..Permissions::default() };
        assert!(granted.allows_run("grep"));
        assert!(granted.allows_run("./a") && granted.allows_run("./b/../a"));
        assert!(!granted.allows_run("./grep"), "a scenario could bring its own");
        assert!(!granted.allows_run("/tmp/grep"));
        assert!(!granted.allows_run("a"), "a word is looked up on the search path");
        assert!(!Permissions::default().allows_run("true"));
        assert!(Permissions::all().allows_run("/bin/anything"));
    }

    #[test]
    fn hosts_are_granted_with_or_without_a_port() {
        let granted = Permissions {
            net: vec!["shop.example".into(), "api.example:8080".into(), "[2001:db8::1]:443".into()],
            ..Permissions::default()
        };
        assert!(granted.allows_net("shop.example", 1) && granted.allows_net("SHOP.example", 443));
        assert!(granted.allows_net("api.example", 8080) && !granted.allows_net("api.example", 80));
        assert!(granted.allows_net("2001:db8::1", 443) && !granted.allows_net("2001:db8::1", 80));
        assert!(!granted.allows_net("evil.example", 443) && !granted.allows_net("notshop.example", 443));
        for own in ["localhost", "127.0.0.1", "127.9.9.9", "::1"] {
            assert!(Permissions::default().allows_net(own, 9), "{own}");
        }
        assert!(Permissions::all().allows_net("anything", 9));
    }

    #[test]
    fn a_granted_folder_covers_what_is_really_inside() {
        let dir = tempfile::tempdir().unwrap();
        let inside = dir.path().join("in");
        std::fs::create_dir(&inside).unwrap();
        std::fs::write(dir.path().join("secret"), "x").unwrap();
        std::os::unix::fs::symlink(dir.path().join("secret"), inside.join("link")).unwrap();
        let granted = Permissions { read: vec![inside.display().to_string()], ..Permissions::default() };
        assert!(granted.allows_read(&inside.join("a.csv")));
        assert!(!granted.allows_read(&inside.join("../secret")));
        assert!(!granted.allows_read(&inside.join("link")), "a link that leads out");
        assert!(!granted.allows_read(&dir.path().join("inner")), "a name that begins alike");
    }
}
