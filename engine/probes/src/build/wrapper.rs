//! Timing the linker on a stable toolchain, which has no option that tells it.
//!
//! Cargo runs the compiler through a wrapper (`RUSTC_WRAPPER`) that adds `-C linker=`, naming a second wrapper; rustc
//! runs that where it would have run the linker, and it hands over to the real one through the tiny process that times
//! `tool.command`. So the time is that of the linker's process (the C compiler as driver, and the linker below it), from
//! just before its start to its end, and neither wrapper is in it. A wrapper has the name of what it stands for, because
//! rustc tells by the name how to speak to it.

use std::fs;
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use crate::ProbeError;
use crate::tool::tiny::read_report;

/// Names of linkers, as people set them, that take the arguments of a C compiler or of a linker.
const NAMES: [&str; 12] =
    ["cc", "gcc", "clang", "c++", "g++", "clang++", "ld", "ld.lld", "lld", "rust-lld", "mold", "wild"];

/// The compiler's wrapper, below the line that says where the wrappers lie.
const COMPILER: &str = r#"linker=cc
for word in "$@"; do
    case "$word" in
        linker=*) linker=${word#linker=} ;;
        -Clinker=*) linker=${word#-Clinker=} ;;
    esac
done
wrapper="$folder/names/${linker##*/}"
[ -x "$wrapper" ] || exec "$@"
ENGINE_LINKER=$(command -v "$linker") || exec "$@"
export ENGINE_LINKER
exec "$@" -C "linker=$wrapper"
"#;

/// A linker's wrapper, below the lines that say where the wrappers and the tiny program lie. An old result would hide
/// that the linker failed, so it goes first.
const LINKER: &str = r#"out=
last=
for word in "$@"; do
    [ "$last" = -o ] && out=$word
    last=$word
done
[ -n "$out" ] && rm -f "$out"
printf %s "$out" > "$folder/reports/$$.name"
"$starter" "$ENGINE_LINKER" "${ENGINE_LINKER##*/}" "$@" 3> "$folder/reports/$$.report"
[ -e "$out" ]
"#;

/// The wrappers on disk, and what they reported.
#[derive(Debug)]
pub(crate) struct Wrapper {
    folder: PathBuf,
}

/// One run of the linker.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Link {
    /// What it made, without the number that cargo puts behind it.
    pub(crate) name: String,
    /// How long it took, in seconds.
    pub(crate) wall: f64,
    /// CPU time, in seconds.
    pub(crate) cpu: f64,
    /// Largest resident set of one of its processes, in bytes.
    pub(crate) peak_memory: f64,
}

impl Wrapper {
    /// Writes the wrappers below `folder`.
    ///
    /// # Errors
    /// When they cannot be written.
    pub(crate) fn new(folder: &Path, starter: &Path) -> io::Result<Self> {
        fs::create_dir_all(folder.join("names"))?;
        fs::create_dir_all(folder.join("reports"))?;
        let places = [("folder", folder), ("starter", starter)];
        script(&folder.join("rustc-wrapper"), &places, COMPILER)?;
        // Written once and linked: all are the same, and what they stand for comes through the environment.
        let first = folder.join("names").join(NAMES[0]);
        script(&first, &places, LINKER)?;
        for name in &NAMES[1..] {
            fs::hard_link(&first, folder.join("names").join(name))?;
        }
        Ok(Self { folder: folder.to_owned() })
    }

    /// The compiler's wrapper.
    pub(crate) fn compiler(&self) -> PathBuf {
        self.folder.join("rustc-wrapper")
    }

    /// What was linked since the last time.
    ///
    /// # Errors
    /// When a report cannot be read, or the linker failed.
    pub(crate) fn links(&self) -> Result<Vec<Link>, ProbeError> {
        let reports = self.folder.join("reports");
        let cannot = |error: io::Error| ProbeError::failed(format!("cannot read the linker's times: {error}"));
        let mut links = Vec::new();
        for entry in fs::read_dir(&reports).map_err(cannot)? {
            let path = entry.map_err(cannot)?.path();
            if path.extension().is_none_or(|kind| kind != "report") {
                continue;
            }
            let name = fs::read_to_string(path.with_extension("name")).map_err(cannot)?;
            let report = read_report(&fs::read(&path).map_err(cannot)?)
                .filter(|report| report.error == 0 && report.ended.status == 0)
                .ok_or_else(|| ProbeError::verification(format!("the linker did not make `{name}`")))?;
            let usage = &report.ended.usage;
            let seconds = |time: libc::timeval| time.tv_sec as f64 + time.tv_usec as f64 * 1e-6;
            links.push(Link {
                name: shown(&name),
                wall: report.wall,
                cpu: seconds(usage.ru_utime) + seconds(usage.ru_stime),
                peak_memory: usage.ru_maxrss as f64 * 1024.0,
            });
            fs::remove_file(&path).and_then(|()| fs::remove_file(path.with_extension("name"))).map_err(cannot)?;
        }
        links.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(links)
    }
}

fn script(path: &Path, places: &[(&str, &Path)], text: &str) -> io::Result<()> {
    let mut whole = b"#!/bin/sh\n".to_vec();
    for (name, place) in places {
        whole.extend_from_slice(name.as_bytes());
        whole.extend_from_slice(b"='");
        // Within quotes a quote alone needs care.
        for byte in place.as_os_str().as_bytes() {
            whole.extend_from_slice(if *byte == b'\'' { b"'\\''" } else { std::slice::from_ref(byte) });
        }
        whole.extend_from_slice(b"'\n");
    }
    whole.extend_from_slice(text.as_bytes());
    fs::OpenOptions::new().write(true).create_new(true).mode(0o700).open(path)?.write_all(&whole)
}

/// `/t/release/deps/app-0123456789abcdef` is `app`.
fn shown(path: &str) -> String {
    let name = Path::new(path).file_name().unwrap_or_default().to_string_lossy().into_owned();
    let (stem, kind) = name.split_once('.').unwrap_or((&name, ""));
    let is_number = |text: &str| text.len() == 16 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let plain = stem.rsplit_once('-').filter(|(_, number)| is_number(number)).map_or(stem, |(plain, _)| plain);
    if kind.is_empty() { plain.to_owned() } else { format!("{plain}.{kind}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_behind_a_name_is_not_shown() {
        assert_eq!(shown("/t/release/deps/app-0123456789abcdef"), "app");
        assert_eq!(
            shown("/t/debug/build/my-lib-0123456789abcdef/build_script_build-0123456789abcdef"),
            "build_script_build"
        );
        assert_eq!(shown("/t/deps/libmacros-0123456789abcdef.so"), "libmacros.so");
        assert_eq!(shown("my-app"), "my-app");
    }
}
