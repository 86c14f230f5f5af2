//! A folder of its own for each test, and the binary run in it with nothing of the user's environment.

use std::path::{Path, PathBuf};
use std::process::Output;

use assert_cmd::Command;
use tempfile::TempDir;

/// A private folder that serves as home, data folder and working directory.
pub(crate) struct Sandbox {
    folder: TempDir,
}

/// What came of a command.
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Sandbox {
    pub(crate) fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    pub(crate) fn path(&self, name: impl AsRef<Path>) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a file.
    pub(crate) fn file(&self, name: &str, text: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        path
    }

    /// The binary with arguments, not yet started.
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::cargo_bin("engine").unwrap();
        let path = std::env::var_os("PATH").unwrap();
        command.env_clear().env("PATH", path).env("HOME", self.folder.path()).env("TMPDIR", self.folder.path());
        // A toolchain that `rustup` keeps is found through these, and the home is another one here.
        for (name, folder) in [("RUSTUP_HOME", ".rustup"), ("CARGO_HOME", ".cargo")] {
            let kept = std::env::var_os(name).map(PathBuf::from);
            let kept = kept.or_else(|| Some(Path::new(&std::env::var_os("HOME")?).join(folder)));
            command.envs(kept.filter(|folder| folder.is_dir()).map(|folder| (name, folder)));
        }
        command.current_dir(self.folder.path()).args(args);
        command
    }

    /// Runs the binary.
    pub(crate) fn run(&self, args: &[&str]) -> Ran {
        self.command(args).output().unwrap().into()
    }

    /// Runs the binary and wants an exit code.
    pub(crate) fn expect(&self, code: i32, args: &[&str]) -> Ran {
        let ran = self.run(args);
        assert_eq!(ran.code, code, "{args:?}\n--- stdout\n{}\n--- stderr\n{}", ran.out, ran.err);
        ran
    }

    /// Runs a scenario's text under the tiny profile and wants an exit code.
    pub(crate) fn tiny(&self, code: i32, script: &str) -> Ran {
        self.file("s.rhai", script);
        self.expect(code, &["run", "s.rhai", "--profile", "tiny"])
    }

    /// The report files written so far with this suffix.
    pub(crate) fn reports(&self, suffix: &str) -> Vec<PathBuf> {
        let folder = self.path(".local/share/engine/reports");
        let Ok(entries) = std::fs::read_dir(folder) else { return vec![] };
        let mut files: Vec<PathBuf> = entries
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.extension().is_some_and(|s| s == suffix))
            .collect();
        files.sort();
        files
    }
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        Self { code: output.status.code().unwrap_or(-1), out: text(output.stdout), err: text(output.stderr) }
    }
}

impl Ran {
    /// Standard output as JSON.
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {}", self.out))
    }

    /// Standard error contains every word.
    #[track_caller]
    pub(crate) fn says(&self, words: &[&str]) {
        for word in words {
            assert!(self.err.contains(word), "`{word}` is not in\n{}", self.err);
        }
    }
}

/// The root of the project.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}
