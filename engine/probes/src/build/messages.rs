//! What cargo says with `--message-format=json`: what was compiled, what was already there, and the first error.

use std::path::PathBuf;

use serde::Deserialize;

/// What one call of cargo said.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Messages {
    /// Everything that is there afterwards, compiled now or before.
    pub(crate) artifacts: Vec<Artifact>,
    /// The compiler's first error.
    pub(crate) error: Option<CompileError>,
}

/// One thing that was compiled, or was found to be up to date.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(crate) struct Artifact {
    /// Which package it belongs to.
    pub(crate) package_id: String,
    /// Its target.
    pub(crate) target: Target,
    /// Where the program lies, if it is one.
    pub(crate) executable: Option<PathBuf>,
    /// Whether nothing was compiled for it.
    pub(crate) fresh: bool,
    /// What it was compiled with.
    pub(crate) profile: Profile,
}

/// A target of a package.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(crate) struct Target {
    /// Its name.
    pub(crate) name: String,
    /// `lib`, `bin`, `custom-build`, `proc-macro` and others.
    pub(crate) kind: Vec<String>,
    /// The file that it begins with.
    pub(crate) src_path: PathBuf,
}

/// Settings of the compiler.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(crate) struct Profile {
    /// `0` to `3`, `s` or `z`.
    pub(crate) opt_level: String,
}

/// Why a crate does not compile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CompileError {
    /// The crate.
    pub(crate) name: String,
    /// `src/main.rs:3:5`, where the compiler names a place.
    pub(crate) place: Option<String>,
    /// What is wrong.
    pub(crate) message: String,
    /// `E0308`, where it has a number.
    pub(crate) code: Option<String>,
}

impl std::fmt::Display for CompileError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "`{}` does not compile: ", self.name)?;
        if let Some(place) = &self.place {
            write!(f, "{place}: ")?;
        }
        f.write_str(&self.message)?;
        self.code.as_ref().map_or(Ok(()), |code| write!(f, " [{code}]"))
    }
}

#[derive(Deserialize)]
struct Line {
    reason: String,
    target: Option<Target>,
    message: Option<Diagnostic>,
}

#[derive(Deserialize)]
struct Diagnostic {
    message: String,
    level: String,
    code: Option<Code>,
    spans: Vec<Span>,
}

#[derive(Deserialize)]
struct Code {
    code: String,
}

#[derive(Deserialize)]
struct Span {
    file_name: String,
    line_start: u64,
    column_start: u64,
    is_primary: bool,
}

impl Messages {
    /// Reads one object a line; lines that are something else (what a build script's program printed) are left out.
    pub(crate) fn read(text: &str) -> Self {
        let mut messages = Self::default();
        for text in text.lines().filter(|line| line.starts_with('{')) {
            let Ok(line) = serde_json::from_str::<Line>(text) else { continue };
            match line.reason.as_str() {
                "compiler-artifact" => messages.artifacts.extend(serde_json::from_str::<Artifact>(text)),
                "compiler-message" if messages.error.is_none() => {
                    messages.error = line.message.and_then(|message| error(message, line.target));
                }
                _ => {}
            }
        }
        messages
    }

    /// How many crates were compiled.
    pub(crate) fn compiled(&self) -> usize {
        self.artifacts.iter().filter(|artifact| !artifact.fresh).count()
    }

    /// The programs that are there afterwards.
    pub(crate) fn programs(&self) -> impl Iterator<Item = &PathBuf> {
        self.artifacts.iter().filter_map(|artifact| artifact.executable.as_ref())
    }
}

fn error(message: Diagnostic, target: Option<Target>) -> Option<CompileError> {
    // `error: internal compiler error` is a level of its own; the summary at the end is not the error itself.
    if !message.level.starts_with("error") || message.message.starts_with("aborting due to") {
        return None;
    }
    let span = message.spans.iter().find(|span| span.is_primary);
    Some(CompileError {
        name: target.map_or_else(|| "a crate".to_owned(), |target| target.name),
        place: span.map(|span| format!("{}:{}:{}", span.file_name, span.line_start, span.column_start)),
        message: message.message,
        code: message.code.map(|code| code.code),
    })
}

/// The first error among what cargo said on standard error, with the lines that belong to it.
pub(crate) fn first_error(errors: &str) -> String {
    const SHOWN: usize = 12;
    let lines: Vec<&str> = errors.lines().collect();
    let first = lines.iter().position(|line| line.starts_with("error")).unwrap_or(lines.len().saturating_sub(SHOWN));
    let rest = &lines[first..];
    let more = rest.iter().skip(1).take_while(|line| !line.starts_with("error") && !line.starts_with("warning"));
    let shown: Vec<&str> = rest.iter().take(1).chain(more).copied().take(SHOWN).collect();
    shown.join("\n").trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ARTIFACT: &str = r#"{"reason":"compiler-artifact","package_id":"path+file:///w#app@0.1.0","manifest_path":"/w/Cargo.toml","target":{"kind":["bin"],"crate_types":["bin"],"name":"app","src_path":"/w/src/main.rs","edition":"2021"},"profile":{"opt_level":"3","debuginfo":0,"test":false},"features":[],"filenames":["/t/app"],"executable":"/t/app","fresh":FRESH}"#;
    const WARNING: &str = r#"{"reason":"compiler-message","target":{"kind":["lib"],"name":"base","src_path":"/w/lib.rs"},"message":{"message":"unused","level":"warning","code":{"code":"unused"},"spans":[]}}"#;
    const ERROR: &str = r#"{"reason":"compiler-message","target":{"kind":["lib"],"name":"base","src_path":"/w/lib.rs"},"message":{"message":"mismatched types","level":"error","code":{"code":"E0308","explanation":"long"},"spans":[{"file_name":"src/other.rs","line_start":1,"column_start":1,"is_primary":false},{"file_name":"src/lib.rs","line_start":3,"column_start":9,"is_primary":true}]}}"#;
    const SUMMARY: &str = r#"{"reason":"compiler-message","target":{"kind":["lib"],"name":"base","src_path":"/w/lib.rs"},"message":{"message":"aborting due to 1 previous error","level":"error","code":null,"spans":[]}}"#;

    #[test]
    fn compiled_and_fresh_are_told_apart() {
        let text =
            [&ARTIFACT.replace("FRESH", "false"), &ARTIFACT.replace("FRESH", "true"), WARNING, "a program's words"]
                .join("\n");
        let messages = Messages::read(&text);
        assert_eq!((messages.artifacts.len(), messages.compiled(), messages.programs().count()), (2, 1, 2));
        assert_eq!(messages.artifacts[0].profile.opt_level, "3");
        assert_eq!(messages.error, None);
    }

    #[test]
    fn the_first_error_has_its_crate_place_and_number() {
        let text = [WARNING, SUMMARY, ERROR, SUMMARY].join("\n");
        let said = Messages::read(&text).error.unwrap().to_string();
        assert_eq!(said, "`base` does not compile: src/lib.rs:3:9: mismatched types [E0308]");
    }

    #[test]
    fn an_error_of_cargo_itself_is_found_among_its_words() {
        let said = "   Compiling a v0.1.0\nwarning: odd\nerror: failed to parse manifest\n\nCaused by:\n  no name\nerror: second\n";
        assert_eq!(first_error(said), "error: failed to parse manifest\n\nCaused by:\n  no name");
        assert_eq!(first_error("one\ntwo"), "one\ntwo");
        assert_eq!(first_error(""), "");
    }
}
