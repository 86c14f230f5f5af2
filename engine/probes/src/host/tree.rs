//! Reading `/proc`, `/sys` and `/etc` under a root folder, so that a recorded tree reads like a machine.

use engine_core::fact::Fact;
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// More than any file we read; a recorded tree cannot make us read without end.
const LARGEST: u64 = 4 << 20;

/// A root folder: `/` for this machine.
#[derive(Debug, Clone)]
pub(crate) struct Tree {
    root: PathBuf,
}

impl Tree {
    pub(crate) fn new(root: &Path) -> Self {
        Self { root: root.to_owned() }
    }

    /// Whether this is the running machine, on which system calls tell more than files.
    pub(crate) fn is_live(&self) -> bool {
        self.root == Path::new("/")
    }

    /// The place of an absolute path under the root.
    pub(crate) fn path(&self, path: &str) -> PathBuf {
        self.root.join(path.trim_start_matches('/'))
    }

    pub(crate) fn exists(&self, path: &str) -> bool {
        self.path(path).exists()
    }

    /// The bytes of a file.
    pub(crate) fn bytes(&self, path: &str) -> Fact<Vec<u8>> {
        let read = std::fs::File::open(self.path(path)).and_then(|file| {
            let mut bytes = Vec::new();
            file.take(LARGEST).read_to_end(&mut bytes).map(|_| bytes)
        });
        match read {
            Ok(bytes) => Fact::Known(bytes),
            Err(error) => Fact::Unknown(reason(path, &error)),
        }
    }

    /// The text of a file without white space at its ends. Bytes that are not UTF-8 are replaced.
    pub(crate) fn text(&self, path: &str) -> Fact<String> {
        self.bytes(path).map(|bytes| String::from_utf8_lossy(&bytes).trim_matches(['\0', ' ', '\n', '\t']).to_owned())
    }

    /// The text of a file that is worth nothing when empty.
    pub(crate) fn line(&self, path: &str) -> Fact<String> {
        self.text(path).and_then(|text| {
            if text.is_empty() { Fact::Unknown(format!("`{path}` is empty")) } else { Fact::Known(text) }
        })
    }

    /// The number that a file holds.
    pub(crate) fn value<T: FromStr>(&self, path: &str) -> Fact<T> {
        self.text(path).and_then(|text| Fact::or_unknown(text.parse().ok(), format!("`{path}` holds `{text}`")))
    }

    /// A switch: 0 or N is off, another number or Y is on.
    pub(crate) fn switch(&self, path: &str) -> Fact<bool> {
        self.text(path).and_then(|text| match text.as_str() {
            "0" | "N" => Fact::Known(false),
            "Y" => Fact::Known(true),
            other if other.parse::<u64>().is_ok() => Fact::Known(true),
            other => Fact::Unknown(format!("`{path}` holds `{other}`")),
        })
    }

    /// The names in a folder, sorted, those with numbers at their ends by number.
    pub(crate) fn names(&self, path: &str) -> Fact<Vec<String>> {
        match std::fs::read_dir(self.path(path)) {
            Ok(entries) => {
                let mut names: Vec<String> =
                    entries.flatten().filter_map(|entry| entry.file_name().into_string().ok()).collect();
                names.sort_by_cached_key(|name| {
                    let stem = name.trim_end_matches(|c: char| c.is_ascii_digit());
                    (stem.to_owned(), name[stem.len()..].parse::<u64>().unwrap_or(0))
                });
                Fact::Known(names)
            }
            Err(error) => Fact::Unknown(reason(path, &error)),
        }
    }
}

/// Why a file could not be read, without the path of a recorded tree.
fn reason(path: &str, error: &std::io::Error) -> String {
    match error.kind() {
        ErrorKind::NotFound | ErrorKind::NotADirectory => format!("no `{path}`"),
        ErrorKind::PermissionDenied => format!("`{path}` may not be read by this user"),
        kind => format!("`{path}` could not be read: {kind}"),
    }
}

/// The value after `name:` or `name =` in a text of such lines; the first one counts.
pub(crate) fn member<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    text.lines().find_map(|line| {
        let rest = line.strip_prefix(name)?.trim_start();
        let value = rest.strip_prefix(':').or_else(|| rest.strip_prefix('='))?;
        Some(value.trim())
    })
}

/// A line such as `MemTotal:  16 kB`, in bytes.
pub(crate) fn kibibytes(text: &str, name: &str) -> Option<u64> {
    member(text, name)?.strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
}

/// The chosen word of a line such as `always [madvise] never`; a lone word chooses itself.
pub(crate) fn chosen(text: &str) -> Option<&str> {
    match text.split_once('[') {
        Some((_, rest)) => rest.split_once(']').map(|(word, _)| word.trim()).filter(|word| !word.is_empty()),
        None => Some(text.trim()).filter(|word| !word.is_empty() && !word.contains(char::is_whitespace)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn members_and_choices() {
        assert_eq!(member("model\t\t: 17\nmodel name\t: AMD EPYC\n", "model name"), Some("AMD EPYC"));
        assert_eq!(member("model\t\t: 17\nmodel name\t: AMD EPYC\n", "model"), Some("17"));
        assert_eq!(kibibytes("MemTotal:       24684084 kB", "MemTotal"), Some(24_684_084 * 1024));
        assert_eq!(kibibytes("HugePages_Total:       3", "HugePages_Total"), None);
        assert_eq!(chosen("always [madvise] never"), Some("madvise"));
        assert_eq!(chosen("none"), Some("none"));
        assert_eq!(chosen("a b"), None);
    }

    #[test]
    fn names_are_in_the_order_of_their_numbers() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["cpu10", "cpu2", "cpufreq"] {
            std::fs::create_dir(folder.path().join(name)).unwrap();
        }
        let tree = Tree::new(folder.path());
        assert_eq!(tree.names("/").known().unwrap(), &["cpu2", "cpu10", "cpufreq"]);
        assert_eq!(tree.names("/none").reason(), Some("no `/none`"));
    }

    proptest! {
        #[test]
        fn nothing_panics(text in any::<String>(), name in ".{0,5}") {
            let _ = (member(&text, &name), kibibytes(&text, &name), chosen(&text));
        }
    }
}
