//! Which cargo and rustc a build uses.

use std::path::{Path, PathBuf};

use engine_core::step::{Skip, SkipKind};

use super::cargo::{Call, Runner};
use super::environment::Environment;
use super::messages::first_error;
use crate::{Context, ProbeError};

/// Cargo and its compiler.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Toolchain {
    /// Where cargo lies.
    pub(crate) cargo: PathBuf,
    /// Where rustc lies.
    pub(crate) rustc: PathBuf,
    /// `rustc 1.95.0 (59807616e 2026-04-14)`.
    pub(crate) version: String,
    /// `x86_64-unknown-linux-gnu`.
    pub(crate) host: String,
}

impl Toolchain {
    /// The toolchain that builds in `folder`, where a file may name one.
    ///
    /// # Errors
    /// A skip where there is none.
    pub(crate) fn find(
        environment: &Environment,
        folder: &Path,
        runner: &Runner,
        cx: &Context<'_>,
    ) -> Result<Self, ProbeError> {
        const REMEDY: &str = "install Rust with its cargo (https://rustup.rs), or add its folder to PATH";
        let find = |program: &str| {
            environment
                .find(program)
                .ok_or_else(|| Skip::new(SkipKind::Tool, format!("`{program}` is not in PATH"), REMEDY))
        };
        let (cargo, rustc) = (find("cargo")?, find("rustc")?);
        let call = Call {
            program: rustc.clone(),
            arguments: vec!["-vV".into()],
            folder: folder.to_owned(),
            environment: environment.clone(),
        };
        let done = runner.run(&call, cx)?;
        let field = |name: &str| done.output.lines().find_map(|line| line.strip_prefix(name)).map(str::to_owned);
        match (done.success, done.output.lines().next(), field("host: ")) {
            (true, Some(version), Some(host)) => Ok(Self { cargo, rustc, version: version.to_owned(), host }),
            _ => {
                let said = first_error(&done.errors);
                let reason = format!("`{}` does not work: {said}", rustc.display());
                Err(Skip::new(SkipKind::Tool, reason, REMEDY).into())
            }
        }
    }
}
