//! What is built: the engine's own workspace, or somebody's, whose files stay as they are.
//!
//! Somebody's workspace is built where it lies, so that everything it refers to is there, with `--locked` so that cargo
//! writes nothing into it. Where there is no lock file that fits, cargo would have to write one: then a copy is built.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::cargo::{Call, Runner};
use super::environment::Environment;
use super::messages::{Target, first_error};
use super::workspace::Workspace;
use crate::{Context, ProbeError};

/// More files than this are no source tree that should be copied.
const MOST_FILES: usize = 100_000;
/// Written last into a copy.
const COMPLETE: &str = ".engine-copy-complete";

/// What is built.
#[derive(Debug, Clone)]
pub(crate) struct Project {
    /// Its `Cargo.toml`.
    pub(crate) manifest: PathBuf,
    /// Whose it is.
    pub(crate) origin: Origin,
}

/// Whose workspace it is.
#[derive(Debug, Clone)]
pub(crate) enum Origin {
    /// The engine's.
    Own(Workspace),
    /// Somebody's, built where it lies: nothing in it may be changed.
    Theirs,
    /// A copy of somebody's.
    Copy,
}

/// What cargo knows of a workspace without its dependencies.
#[derive(Debug, Deserialize)]
struct Metadata {
    packages: Vec<Package>,
    #[serde(default)]
    workspace_default_members: Vec<String>,
    workspace_root: PathBuf,
}

#[derive(Debug, Deserialize)]
struct Package {
    id: String,
    name: String,
    manifest_path: PathBuf,
    targets: Vec<Target>,
}

/// How cargo is asked.
pub(crate) struct Asker<'a> {
    pub(crate) cargo: &'a Path,
    pub(crate) environment: &'a Environment,
    pub(crate) runner: &'a Runner,
}

impl Project {
    /// The engine's own.
    pub(crate) fn own(workspace: Workspace) -> Self {
        Self { manifest: workspace.root.join("Cargo.toml"), origin: Origin::Own(workspace) }
    }

    /// Somebody's, by the path of its manifest or of the folder that holds it. A copy, where one is needed, is made
    /// under `folder` once and used again.
    ///
    /// # Errors
    /// When there is no manifest, or cargo does not accept it.
    pub(crate) fn given(path: &str, folder: &Path, ask: &Asker<'_>, cx: &mut Context<'_>) -> Result<Self, ProbeError> {
        let manifest = manifest(path)?;
        let metadata = ask.metadata(&manifest, cx)?;
        let root = metadata.workspace_root;
        let mut why = "it has no `Cargo.lock`".to_owned();
        if root.join("Cargo.lock").is_file() {
            let done = ask.cargo(&manifest, &["metadata", "--format-version", "1", "--locked"], cx)?;
            if done.success {
                return Ok(Self { manifest, origin: Origin::Theirs });
            }
            if !done.errors.contains("--locked") {
                return Err(ProbeError::failed(format!(
                    "cargo cannot resolve `{}` without a network: {}; `cargo fetch` gets what is missing",
                    manifest.display(),
                    first_error(&done.errors)
                )));
            }
            "its `Cargo.lock` does not fit its manifests".clone_into(&mut why);
        }
        let inside = manifest.strip_prefix(&root).unwrap_or(Path::new("Cargo.toml")).to_owned();
        let copy = folder.join(format!("copy-{:016x}", super::job::hash(&root)));
        if !copy.join(COMPLETE).is_file() {
            let failed = |error: io::Error| {
                ProbeError::failed(format!(
                    "`{}` cannot be copied, and {why}: {error}; `cargo generate-lockfile` makes the copy unnecessary",
                    root.display()
                ))
            };
            if copy.exists() {
                fs::remove_dir_all(&copy).map_err(failed)?;
            }
            let mut left = MOST_FILES;
            copy_tree(&root, &copy, &mut left, cx).map_err(failed)?;
            cx.check()?;
            fs::write(copy.join(COMPLETE), "").map_err(failed)?;
        }
        cx.note(format!("a copy is built, because cargo would have to write into the workspace: {why}"));
        Ok(Self { manifest: copy.join(inside), origin: Origin::Copy })
    }

    /// Where cargo works, so that configuration and toolchain files of the project count.
    pub(crate) fn folder(&self) -> &Path {
        self.manifest.parent().unwrap_or(Path::new("/"))
    }

    /// The arguments by which cargo finds it and writes nothing into it.
    pub(crate) fn arguments(&self) -> Vec<OsString> {
        let mut words: Vec<OsString> = vec!["--offline".into()];
        if !matches!(self.origin, Origin::Copy) {
            words.push("--locked".into());
        }
        words.extend(["--manifest-path".into(), self.manifest.clone().into()]);
        words
    }

    /// The target that a change begins with: the library of a package, else its first program. Without a name it is
    /// the package of the manifest, or the first that cargo builds by itself; of the engine's own workspace the one in
    /// the middle.
    ///
    /// # Errors
    /// When there is no such package.
    pub(crate) fn target(&self, package: &str, ask: &Asker<'_>, cx: &Context<'_>) -> Result<Target, ProbeError> {
        let metadata = ask.metadata(&self.manifest, cx)?;
        let middle = match &self.origin {
            Origin::Own(workspace) => workspace.middle(),
            Origin::Theirs | Origin::Copy => String::new(),
        };
        let wanted = if package.is_empty() { &middle } else { package };
        let by_name = |name: &str| metadata.packages.iter().find(|package| package.name == name);
        let found = if wanted.is_empty() {
            let own = metadata.packages.iter().find(|package| package.manifest_path == self.manifest);
            let first = metadata.workspace_default_members.first();
            own.or_else(|| metadata.packages.iter().find(|package| Some(&package.id) == first))
                .or_else(|| metadata.packages.first())
        } else {
            by_name(wanted)
        };
        let names = || metadata.packages.iter().map(|package| package.name.as_str()).collect::<Vec<_>>().join("`, `");
        let found = found.ok_or_else(|| {
            ProbeError::failed(format!("no package `{wanted}` in `{}`: it has `{}`", self.manifest.display(), names()))
        })?;
        let of_kind = |kinds: &[&str]| {
            found.targets.iter().find(|target| target.kind.iter().any(|kind| kinds.contains(&kind.as_str())))
        };
        of_kind(&["lib", "rlib", "dylib", "cdylib", "staticlib", "proc-macro"])
            .or_else(|| of_kind(&["bin"]))
            .cloned()
            .ok_or_else(|| ProbeError::failed(format!("the package `{}` has no library and no program", found.name)))
    }
}

impl Asker<'_> {
    fn cargo(&self, manifest: &Path, words: &[&str], cx: &Context<'_>) -> Result<super::cargo::Done, ProbeError> {
        let mut arguments: Vec<OsString> = words.iter().map(OsString::from).collect();
        arguments.extend(["--offline".into(), "--manifest-path".into(), manifest.as_os_str().to_owned()]);
        let call = Call {
            program: self.cargo.to_owned(),
            arguments,
            folder: manifest.parent().unwrap_or(Path::new("/")).to_owned(),
            environment: self.environment.clone(),
        };
        self.runner.run(&call, cx)
    }

    fn metadata(&self, manifest: &Path, cx: &Context<'_>) -> Result<Metadata, ProbeError> {
        let done = self.cargo(manifest, &["metadata", "--format-version", "1", "--no-deps"], cx)?;
        let refused =
            |why: String| ProbeError::failed(format!("cargo does not accept `{}`: {why}", manifest.display()));
        if !done.success {
            return Err(refused(first_error(&done.errors)));
        }
        serde_json::from_str(&done.output).map_err(|error| refused(error.to_string()))
    }
}

fn manifest(path: &str) -> Result<PathBuf, ProbeError> {
    let given = std::path::absolute(path).unwrap_or_else(|_| PathBuf::from(path));
    let manifest = if given.is_dir() { given.join("Cargo.toml") } else { given };
    // Cargo names files by their real paths; so do we, to know them again.
    match manifest.canonicalize() {
        Ok(real) if real.is_file() => Ok(real),
        _ => {
            Err(ProbeError::failed(format!("no manifest `{}`: name a `Cargo.toml` or its folder", manifest.display())))
        }
    }
}

/// Copies sources; what builds made and what git keeps is left out, links go to what they led to.
fn copy_tree(from: &Path, to: &Path, left: &mut usize, cx: &Context<'_>) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        *left = left.checked_sub(1).ok_or_else(|| io::Error::other(format!("more than {MOST_FILES} files")))?;
        if cx.check().is_err() {
            return Ok(());
        }
        let (source, aim) = (entry.path(), to.join(entry.file_name()));
        let kind = entry.file_type()?;
        if kind.is_dir() {
            let name = entry.file_name();
            let built = name == "target" || source.join("CACHEDIR.TAG").is_file();
            if name != ".git" && !built {
                copy_tree(&source, &aim, left, cx)?;
            }
        } else if kind.is_symlink() {
            // A link that leads nowhere is nobody's source.
            if let Ok(real) = source.canonicalize() {
                std::os::unix::fs::symlink(real, aim)?;
            }
        } else if kind.is_file() {
            fs::copy(&source, &aim)?;
        }
    }
    Ok(())
}
