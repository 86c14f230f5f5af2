//! What was written, so that exactly that is removed: a list of files with their hashes. A file that somebody changed
//! meanwhile is theirs, and is left.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::Planned;

/// Why something could not be written or removed.
#[derive(Debug, thiserror::Error)]
pub enum ManifestError {
    /// A file is there that we did not write.
    #[error("`{}` is there already and was not written by this: move it away, or remove it", path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
    },
    /// A file cannot be read or written.
    #[error("`{}`: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The list cannot be read.
    #[error("`{}` is no list of what was installed: {detail}", path.display())]
    Unreadable {
        /// The list.
        path: PathBuf,
        /// Why.
        detail: String,
    },
}

/// A file that was written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Written {
    /// Where.
    pub path: PathBuf,
    /// SHA-256 of what was written, hexadecimal.
    pub hash: String,
}

/// What was written.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Manifest {
    /// Files.
    pub files: Vec<Written>,
    /// Whether the user's table of cron has our block.
    pub crontab: bool,
    /// Units that were enabled, and whether of the user's own systemd.
    pub units: Vec<(String, bool)>,
}

/// What removing did.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Removed {
    /// Files that are gone.
    pub files: Vec<PathBuf>,
    /// Files that somebody changed: they are left.
    pub changed: Vec<PathBuf>,
}

impl Manifest {
    /// Reads the list; an empty one where there is none.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn read(path: &Path) -> Result<Self, ManifestError> {
        let text = match std::fs::read_to_string(path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Self::default()),
            other => other.map_err(|source| ManifestError::File { path: path.to_owned(), source })?,
        };
        serde_json::from_str(&text)
            .map_err(|error| ManifestError::Unreadable { path: path.to_owned(), detail: error.to_string() })
    }

    /// Keeps the list; removes its file when nothing is left.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn keep(&self, path: &Path) -> Result<(), ManifestError> {
        let failed = |source| ManifestError::File { path: path.to_owned(), source };
        if *self == Self::default() {
            return match std::fs::remove_file(path) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(failed(error)),
                _ => Ok(()),
            };
        }
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).map_err(failed)?;
        }
        let text = serde_json::to_string_pretty(self).unwrap_or_default();
        replace(path, &text).map_err(failed)
    }

    /// Writes files, and notes each before it is there: what a crash leaves is in the list. `keep` is where the list is.
    ///
    /// # Errors
    /// When a file of the same name is not ours, or something cannot be written.
    pub fn write(&mut self, planned: &[Planned], keep: &Path) -> Result<(), ManifestError> {
        for file in planned {
            let ours = self.files.iter().any(|written| written.path == file.path);
            let same = std::fs::read_to_string(&file.path).is_ok_and(|text| text == file.text);
            if file.path.exists() && !ours && !same {
                return Err(ManifestError::Foreign { path: file.path.clone() });
            }
        }
        for file in planned {
            self.files.retain(|written| written.path != file.path);
            self.files.push(Written { path: file.path.clone(), hash: hash(&file.text) });
        }
        self.keep(keep)?;
        for file in planned {
            let failed = |source| ManifestError::File { path: file.path.clone(), source };
            if let Some(folder) = file.path.parent() {
                std::fs::create_dir_all(folder).map_err(failed)?;
            }
            replace(&file.path, &file.text).map_err(failed)?;
        }
        Ok(())
    }

    /// Removes the files that are as they were written.
    ///
    /// # Errors
    /// When one cannot be removed.
    pub fn remove(&mut self) -> Result<Removed, ManifestError> {
        let mut removed = Removed::default();
        for written in std::mem::take(&mut self.files) {
            match std::fs::read_to_string(&written.path) {
                Ok(text) if hash(&text) == written.hash => {
                    std::fs::remove_file(&written.path)
                        .map_err(|source| ManifestError::File { path: written.path.clone(), source })?;
                    removed.files.push(written.path);
                }
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                _ => removed.changed.push(written.path),
            }
        }
        Ok(removed)
    }
}

fn hash(text: &str) -> String {
    data_encoding::HEXLOWER.encode(&Sha256::digest(text.as_bytes()))
}

/// Writes beside and renames, so that no half of a unit is ever read.
fn replace(path: &Path, text: &str) -> std::io::Result<()> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".new");
    let beside = path.with_file_name(name);
    std::fs::write(&beside, text)?;
    std::fs::rename(&beside, path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exactly_what_was_written_is_removed() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let list = at("state/installed.json");
        let planned = |name: &str, text: &str| Planned { path: at(name), text: text.to_owned() };
        std::fs::write(at("theirs.timer"), "theirs").unwrap();
        let mut manifest = Manifest::read(&list).unwrap();
        let refused = manifest.write(&[planned("a.timer", "a"), planned("theirs.timer", "ours")], &list);
        assert!(matches!(refused, Err(ManifestError::Foreign { .. })));
        assert!(!at("a.timer").exists(), "nothing was written by halves");
        manifest.write(&[planned("a.timer", "a"), planned("b.timer", "b")], &list).unwrap();
        manifest.write(&[planned("a.timer", "a2")], &list).unwrap();
        std::fs::write(at("b.timer"), "changed by hand").unwrap();
        let mut manifest = Manifest::read(&list).unwrap();
        let removed = manifest.remove().unwrap();
        assert_eq!((removed.files, removed.changed), (vec![at("a.timer")], vec![at("b.timer")]));
        manifest.keep(&list).unwrap();
        assert!(!list.exists() && at("b.timer").exists() && at("theirs.timer").exists());
    }
}
