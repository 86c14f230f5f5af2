//! What can go wrong with a store, where, and what to do about it.

use std::io;
use std::path::PathBuf;

use crate::SdrError;

/// Why a store refuses or cannot do something. Whatever it is, what was stored before stays as it was.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The representation is of another width than the store's.
    #[error("{0}: encode it for this store, or use another store")]
    Width(#[from] SdrError),
    /// No bit is on.
    #[error("a representation without on bits matches nothing: give it at least one")]
    Empty,
    /// Every bit is on.
    #[error("a representation with all {size} bits on matches everything: leave at least one off")]
    Full {
        /// How many bits there are.
        size: u32,
    },
    /// No store is made for such a width.
    #[error("a store holds representations of 2 to {most} bits, not of {size}")]
    Size {
        /// What was asked for.
        size: u32,
        /// The most that a store takes.
        most: u32,
    },
    /// An embedding has a number that is none, or no length.
    #[error("an embedding cannot be used: {what}")]
    Embedding {
        /// What is wrong with it.
        what: String,
    },
    /// Nothing has this key.
    #[error("there is nothing of key {0}")]
    Missing(u64),
    /// A value is too large.
    #[error(
        "the value of {key} has {bytes} bytes, and at most {most} are kept: store large values elsewhere and their place here"
    )]
    Value {
        /// Whose value.
        key: u64,
        /// Its length.
        bytes: usize,
        /// The most that is kept.
        most: usize,
    },
    /// There is something of that name.
    #[error("`{}` exists: open it, or choose another name", .0.display())]
    Exists(PathBuf),
    /// Another store, perhaps of another process, has the file.
    #[error("`{}` is in use by another store: close that one first", .0.display())]
    Locked(PathBuf),
    /// The file is something else.
    #[error("`{}` is no {expected}: {what}", path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
        /// What was expected.
        expected: &'static str,
        /// What it is instead.
        what: String,
    },
    /// The file ends before its header does.
    #[error(
        "`{}` ends after {bytes} bytes, within its header: it was cut off or never finished, and no record is left in it; \
         restore it from a copy, or remove it and create the store again",
        path.display()
    )]
    Unfinished {
        /// The file.
        path: PathBuf,
        /// Its length.
        bytes: u64,
    },
    /// The file was written in a form that this version does not know.
    #[error("`{}` is of version {found}, and this program reads version {known}: open it with the program that wrote it", path.display())]
    Version {
        /// The file.
        path: PathBuf,
        /// What it says.
        found: u32,
        /// What is known.
        known: u32,
    },
    /// Both copies of the header are damaged.
    #[error("`{}`: both copies of the header (bytes 0 to 63) are damaged: restore the file from a copy", .0.display())]
    Header(PathBuf),
    /// A record in the middle of the file is damaged: sound ones follow.
    #[error(
        "`{}`: bytes {from} to {to} are damaged ({what}); nothing was changed: restore the file from a copy, or let \
         `salvage` gather all sound records in a new file",
        path.display(), to = to - 1
    )]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// Where the damage begins.
        from: u64,
        /// Where the next sound record begins.
        to: u64,
        /// What is wrong.
        what: &'static str,
    },
    /// An earlier failure could not be undone.
    #[error("`{}` takes no more writes since one failed and could not be undone: open it again", .0.display())]
    Broken(PathBuf),
    /// The system refused.
    #[error("cannot {what} `{}`: {source}; nothing stored before is lost", path.display())]
    Io {
        /// What was tried.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
}
