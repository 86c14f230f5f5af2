//! Choosing the linker behind the C compiler, and knowing afterwards which one it was.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use engine_core::step::{Skip, SkipKind};

use super::cargo::{Call, Runner};
use super::environment::Environment;
use super::toolchain::Toolchain;
use crate::{Context, ProbeError};

/// What each linker leaves in the program that it makes; GNU ld leaves nothing.
const TRACES: [(&str, &[u8]); 3] =
    [("lld", b"Linker: LLD "), ("mold", b"(compatible with GNU ld)"), ("gold", b".note.gnu.gold-version")];

/// A linker that was asked for and is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Linker {
    name: String,
    /// Arguments of the C compiler that choose it.
    flags: Vec<String>,
}

impl Linker {
    /// The linker of this name; none for the toolchain's own choice.
    ///
    /// # Errors
    /// A skip where the C compiler does not have it.
    pub(crate) fn find(
        name: &str,
        toolchain: &Toolchain,
        environment: &Environment,
        runner: &Runner,
        folder: &Path,
        cx: &Context<'_>,
    ) -> Result<Option<Self>, ProbeError> {
        if name == "default" {
            return Ok(None);
        }
        let compiler = environment.find("cc").ok_or_else(|| {
            Skip::new(SkipKind::Tool, "`cc` is not in PATH", "install a C compiler (Debian: apt install gcc)")
        })?;
        let run = |program: &Path, arguments: &[String]| {
            let call = Call {
                program: program.to_owned(),
                arguments: arguments.iter().map(OsString::from).collect(),
                folder: folder.to_owned(),
                environment: environment.clone(),
            };
            runner.run(&call, cx)
        };
        let choose = format!("-fuse-ld={name}");
        let version = |flags: &[String]| run(&compiler, &[flags, &["-Wl,--version".to_owned()]].concat());
        if version(std::slice::from_ref(&choose))?.success {
            return Ok(Some(Self { name: name.to_owned(), flags: vec![choose] }));
        }
        if name == "lld" {
            // Rust ships it, for its own use.
            let root = run(&toolchain.rustc, &["--print".to_owned(), "sysroot".to_owned()])?;
            let shipped =
                PathBuf::from(root.output.trim()).join("lib/rustlib").join(&toolchain.host).join("bin/gcc-ld");
            let flags = vec![format!("-B{}", shipped.display()), choose];
            if version(&flags)?.success {
                return Ok(Some(Self { name: name.to_owned(), flags }));
            }
        }
        let reason = format!("`cc -fuse-ld={name}` finds no such linker");
        let package = if name == "bfd" || name == "gold" { "binutils" } else { name };
        Err(Skip::new(SkipKind::Tool, reason, format!("install it (Debian: apt install {package})")).into())
    }

    /// The setting of cargo that hands it to the compiler. It joins what a project sets for this target; what it sets
    /// in `build.rustflags` gives way.
    pub(crate) fn setting(&self, host: &str) -> String {
        let flags: Vec<String> = self.flags.iter().map(|flag| format!("\"-Clink-arg={flag}\"")).collect();
        format!("target.{host}.rustflags=[{}]", flags.join(", "))
    }

    /// Whether it made the program.
    ///
    /// # Errors
    /// A verification error when another did.
    pub(crate) fn verify(&self, program: &Path) -> Result<(), ProbeError> {
        let bytes = fs::read(program)
            .map_err(|error| ProbeError::failed(format!("cannot read `{}`: {error}", program.display())))?;
        match made_by(&bytes) {
            name if name == self.name => Ok(()),
            other => Err(ProbeError::verification(format!("`{}` was asked for, and `{other}` linked", self.name))),
        }
    }
}

/// The linker that made a program.
pub(crate) fn made_by(program: &[u8]) -> &'static str {
    let has = |trace: &[u8]| program.windows(trace.len()).any(|window| window == trace);
    TRACES.iter().find(|(_, trace)| has(trace)).map_or("bfd", |(name, _)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_tell_who_linked_them() {
        assert_eq!(made_by(b"..Linker: LLD 22.1.2 (..)"), "lld");
        assert_eq!(made_by(b"\0mold 1.10.1 (compatible with GNU ld)\0"), "mold");
        assert_eq!(made_by(b"GCC: (Debian)"), "bfd");
    }

    #[test]
    fn a_setting_is_one_line_of_cargos_configuration() {
        let linker = Linker { name: "lld".into(), flags: vec!["-B/ld".into(), "-fuse-ld=lld".into()] };
        let expected = r#"target.x-y-z.rustflags=["-Clink-arg=-B/ld", "-Clink-arg=-fuse-ld=lld"]"#;
        assert_eq!(linker.setting("x-y-z"), expected);
    }
}
