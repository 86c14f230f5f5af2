//! Versions of the tools that builds and scripts use. Each is asked, so this is done only on request.

use super::program::output;
use engine_core::environment::Toolchain;
use engine_core::fact::Fact;
use std::time::Duration;

/// A cold start of a version manager's wrapper can take a second.
const LIMIT: Duration = Duration::from_secs(5);

/// Asks all tools, at once: each mostly waits for its own start.
pub fn toolchain() -> Toolchain {
    std::thread::scope(|scope| {
        let ask = |program: &'static str| scope.spawn(move || version(program));
        let (rustc, cargo, cc, python, git) = (ask("rustc"), ask("cargo"), ask("cc"), ask("python3"), ask("git"));
        let answer = |thread: std::thread::ScopedJoinHandle<'_, Fact<String>>| {
            thread.join().unwrap_or_else(|_| Fact::unknown("asking for the version failed"))
        };
        Toolchain {
            rustc: answer(rustc),
            cargo: answer(cargo),
            cc: answer(cc),
            python: answer(python),
            git: answer(git),
        }
    })
}

/// The first line of `PROGRAM --version`.
pub(crate) fn version(program: &str) -> Fact<String> {
    match output(program, &["--version"], None, LIMIT) {
        Ok(text) => {
            let text = String::from_utf8_lossy(&text);
            let line = text.lines().next().map(str::trim).filter(|line| !line.is_empty());
            Fact::or_unknown(line.map(str::to_owned), format!("`{program} --version` prints nothing"))
        }
        Err(error) => Fact::Unknown(error.to_string()),
    }
}
