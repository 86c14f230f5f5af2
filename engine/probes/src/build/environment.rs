//! What a build is given of this process's environment. The engine may itself have been started by cargo or by a build
//! script: what these set for what they run would change what is built, how, and with how many threads.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

/// Variables for a build.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Environment {
    /// Name and value of each.
    pub(crate) variables: Vec<(OsString, OsString)>,
    /// Settings that were somebody's wish and are not passed on.
    pub(crate) dropped: Vec<String>,
}

/// Variables of which a build takes none, beside all that begin with `CARGO`, `RUSTC` or `RUSTDOC`: flags, a job server
/// that is not its own, and what build scripts are given.
const FOREIGN: [&str; 11] = [
    "RUSTFLAGS",
    "RUST_RECURSION_COUNT",
    "MAKEFLAGS",
    "MFLAGS",
    "OUT_DIR",
    "TARGET",
    "HOST",
    "NUM_JOBS",
    "OPT_LEVEL",
    "PROFILE",
    "DEBUG",
];
/// What cargo sets for every program that it runs: nobody's wish, so nobody needs to be told.
const SET_BY_CARGO: [&str; 8] = [
    "CARGO_PKG_",
    "CARGO_MANIFEST_",
    "CARGO_BIN_",
    "CARGO_CFG_",
    "CARGO_FEATURE_",
    "CARGO_CRATE_",
    "CARGO_PRIMARY_",
    "CARGO_MAKEFLAGS",
];

impl Environment {
    /// This process's, without what belongs to an outer build.
    pub(crate) fn here() -> Self {
        Self::of(std::env::vars_os())
    }

    /// The same of any variables.
    pub(crate) fn of(all: impl IntoIterator<Item = (OsString, OsString)>) -> Self {
        let mut kept = Self::default();
        for (name, value) in all {
            let known = name.to_str().unwrap_or("");
            if !is_foreign(known) {
                kept.variables.push((name, value));
            } else if is_wish(known) && !value.is_empty() {
                kept.dropped.push(known.to_owned());
            }
        }
        kept.dropped.sort();
        // Nothing is fetched, no compiler is installed, and nothing but messages is written.
        for (name, value) in [
            ("CARGO_NET_OFFLINE", "true"),
            ("RUSTUP_AUTO_INSTALL", "0"),
            ("CARGO_TERM_COLOR", "never"),
            ("CARGO_TERM_PROGRESS_WHEN", "never"),
            ("CARGO_TERM_QUIET", "false"),
        ] {
            kept.set(name, value);
        }
        kept
    }

    /// Where cargo keeps registries and its user's settings.
    pub(crate) fn cargo_home(&self) -> Option<PathBuf> {
        let of_user = || Some(Path::new(self.get("HOME")?).join(".cargo"));
        self.get("CARGO_HOME").map(PathBuf::from).or_else(of_user)
    }

    /// Sets a variable, in place of any of that name.
    pub(crate) fn set(&mut self, name: &str, value: impl AsRef<OsStr>) {
        self.variables.retain(|(known, _)| known != name);
        self.variables.push((name.into(), value.as_ref().to_owned()));
    }

    /// A variable's value.
    pub(crate) fn get(&self, name: &str) -> Option<&OsStr> {
        self.variables.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_os_str())
    }

    /// The program of this name in its search path.
    pub(crate) fn find(&self, program: &str) -> Option<PathBuf> {
        let path = self.get("PATH")?;
        std::env::split_paths(path).map(|folder| folder.join(program)).find(|path| is_executable(path))
    }
}

fn is_foreign(name: &str) -> bool {
    // Where registries and settings lie is not of an outer build; a project needs it to find its dependencies.
    let kept = name == "CARGO_HOME";
    let prefixed = ["CARGO", "RUSTC", "RUSTDOC"].iter().any(|prefix| name.starts_with(prefix));
    !kept && (prefixed || FOREIGN.contains(&name))
}

/// Whether somebody may have set it to change a build.
fn is_wish(name: &str) -> bool {
    let of_builds = ["RUSTFLAGS", "RUSTC", "RUSTDOC"].iter().any(|prefix| name.starts_with(prefix));
    let of_cargo = name.starts_with("CARGO_") && !SET_BY_CARGO.iter().any(|prefix| name.starts_with(prefix));
    of_builds || of_cargo
}

fn is_executable(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    std::fs::metadata(path).is_ok_and(|file| file.is_file() && file.permissions().mode() & 0o111 != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(names: &[(&str, &str)]) -> Environment {
        Environment::of(names.iter().map(|(name, value)| (OsString::from(name), OsString::from(value))))
    }

    #[test]
    fn nothing_of_an_outer_build_reaches_the_inner_one() {
        let outer = [
            ("PATH", "/bin"),
            ("CARGO_HOME", "/home/me/.cargo"),
            ("RUSTUP_TOOLCHAIN", "nightly"),
            ("CARGO", "/bin/cargo"),
            ("CARGO_PKG_NAME", "engine"),
            ("CARGO_MAKEFLAGS", "-j --jobserver-fds=8,9"),
            ("MAKEFLAGS", "-j"),
            ("RUSTFLAGS", "-Ctarget-cpu=native"),
            ("CARGO_ENCODED_RUSTFLAGS", "-g"),
            ("CARGO_PROFILE_RELEASE_LTO", "fat"),
            ("CARGO_TARGET_DIR", "/mine"),
            ("CARGO_BUILD_JOBS", ""),
            ("RUSTC_WRAPPER", "sccache"),
            ("RUSTC", "other"),
        ];
        let inner = of(&outer);
        for (name, value) in &outer[..3] {
            assert_eq!(inner.get(name), Some(OsStr::new(value)), "{name}");
        }
        for (name, _) in &outer[3..] {
            assert!(inner.get(name).is_none_or(OsStr::is_empty), "{name} came through");
        }
        let said = [
            "CARGO_ENCODED_RUSTFLAGS",
            "CARGO_PROFILE_RELEASE_LTO",
            "CARGO_TARGET_DIR",
            "RUSTC",
            "RUSTC_WRAPPER",
            "RUSTFLAGS",
        ];
        assert_eq!(inner.dropped, said);
        assert_eq!(inner.get("CARGO_NET_OFFLINE"), Some(OsStr::new("true")));
    }

    #[test]
    fn programs_are_found_by_the_search_path() {
        assert!(of(&[("PATH", "/no/folder:/usr/bin:/bin")]).find("sh").is_some());
        assert_eq!(of(&[("PATH", "/usr/bin:/bin")]).find("no-such-program"), None);
        assert_eq!(of(&[]).find("sh"), None);
    }
}
