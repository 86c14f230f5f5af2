//! The options that all build probes share, and what they mean to cargo.

use engine_core::args::Args;
use engine_core::probe::{ParamDef, ParamKind};

/// What is compiled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Types and borrows are checked; no code is made.
    Check,
    /// Made by the `dev` profile.
    Debug,
    /// Made by the `release` profile.
    Release,
}

impl Kind {
    /// The arguments that ask cargo for it.
    pub(crate) fn words(self) -> &'static [&'static str] {
        match self {
            Self::Check => &["check"],
            Self::Debug => &["build"],
            Self::Release => &["build", "--release"],
        }
    }

    /// The profile in the names of environment variables.
    pub(crate) fn profile(self) -> &'static str {
        match self {
            Self::Check | Self::Debug => "DEV",
            Self::Release => "RELEASE",
        }
    }

    /// What the option `kind` says.
    pub(crate) fn of(args: &Args) -> Self {
        match args.text(KIND.name) {
            "check" => Self::Check,
            "release" => Self::Release,
            _ => Self::Debug,
        }
    }
}

/// The word that leaves a setting to the profile.
const AS_PROFILE: &str = "profile";

const fn text(name: &'static str, doc: &'static str) -> ParamDef {
    ParamDef { name, kind: ParamKind::Text, default: Some(""), tiny: None, doc }
}

const fn word(name: &'static str, words: &'static [&'static str], doc: &'static str) -> ParamDef {
    ParamDef { name, kind: ParamKind::Choice(words), default: Some(words[0]), tiny: None, doc }
}

const fn count(name: &'static str, min: u64, max: u64, default: &'static str, doc: &'static str) -> ParamDef {
    ParamDef { name, kind: ParamKind::Count { min, max }, default: Some(default), tiny: None, doc }
}

pub(crate) const MANIFEST: ParamDef = ParamDef {
    kind: ParamKind::Manifest,
    ..text(
        "manifest",
        "a `Cargo.toml` or its folder, whose build scripts then run; a workspace that the engine writes when empty",
    )
};
pub(crate) const MEMBER: ParamDef =
    text("member", "the member of the workspace to build (`-p`); what cargo takes by itself when empty");
pub(crate) const CRATES: ParamDef = ParamDef {
    tiny: Some("1"),
    ..count("crates", 1, 64, "8", "crates of the engine's own workspace: 1 is a program alone")
};
pub(crate) const MODULES: ParamDef = ParamDef {
    tiny: Some("1"),
    ..count("modules", 1, 1000, "6", "modules in the crates of the engine's own workspace together")
};
pub(crate) const OPT_LEVEL: ParamDef =
    word("opt_level", &[AS_PROFILE, "0", "1", "2", "3", "s", "z"], "optimisation; the profile's when not given");
pub(crate) const CODEGEN_UNITS: ParamDef =
    count("codegen_units", 0, 1024, "0", "pieces that a crate is compiled in; the profile's when 0");
pub(crate) const LTO: ParamDef =
    word("lto", &[AS_PROFILE, "off", "thin", "fat"], "optimisation across crates; the profile's when not given");
pub(crate) const DEBUGINFO: ParamDef = word(
    "debuginfo",
    &[AS_PROFILE, "none", "line-tables-only", "limited", "full"],
    "what a debugger finds; the profile's when not given",
);
pub(crate) const INCREMENTAL: ParamDef =
    word("incremental", &[AS_PROFILE, "on", "off"], "incremental compilation; the profile's when not given");
pub(crate) const LINKER: ParamDef = word(
    "linker",
    &["default", "bfd", "gold", "lld", "mold"],
    "the linker behind the C compiler; the toolchain's own when not given",
);
pub(crate) const JOBS: ParamDef = count("jobs", 0, 1024, "0", "crates compiled at once; cargo's own choice when 0");
pub(crate) const TARGET: ParamDef =
    word("target", &["scratch", "memory"], "where the build writes: the folder for test files, or a tmpfs");
pub(crate) const KIND: ParamDef = word("kind", &["debug", "check", "release"], "what is built");
pub(crate) const RUNS: ParamDef =
    ParamDef { tiny: Some("1"), ..count("runs", 1, 1000, "3", "how often in each round") };

/// The options of all build probes and those of one.
macro_rules! params {
    ($($own:expr),*) => {{
        use $crate::build::options as o;
        &[
            $($own,)*
            o::MANIFEST,
            o::MEMBER,
            o::CRATES,
            o::MODULES,
            o::OPT_LEVEL,
            o::CODEGEN_UNITS,
            o::LTO,
            o::DEBUGINFO,
            o::INCREMENTAL,
            o::LINKER,
            o::JOBS,
            o::TARGET,
        ]
    }};
}
pub(crate) use params;

/// The environment variables by which cargo learns of the settings: they stand above the profile of the manifest.
pub(crate) fn variables(args: &Args, kind: Kind) -> Vec<(String, String)> {
    let mut variables = Vec::new();
    let mut of_profile = |name: &str, value: String| {
        variables.push((format!("CARGO_PROFILE_{}_{name}", kind.profile()), value));
    };
    for (option, name) in [(&OPT_LEVEL, "OPT_LEVEL"), (&LTO, "LTO"), (&DEBUGINFO, "DEBUG")] {
        match args.text(option.name) {
            AS_PROFILE => {}
            value => of_profile(name, value.to_owned()),
        }
    }
    match args.whole(CODEGEN_UNITS.name) {
        0 => {}
        units => of_profile("CODEGEN_UNITS", units.to_string()),
    }
    match args.text(INCREMENTAL.name) {
        "on" => variables.push(("CARGO_INCREMENTAL".to_owned(), "1".to_owned())),
        "off" => variables.push(("CARGO_INCREMENTAL".to_owned(), "0".to_owned())),
        _ => {}
    }
    variables
}

/// The optimisation level that every crate must show, when one is asked for.
pub(crate) fn opt_level(args: &Args) -> Option<&str> {
    Some(args.text(OPT_LEVEL.name)).filter(|level| *level != AS_PROFILE)
}
