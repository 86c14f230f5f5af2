//! What makes another scheduler start the engine: units of systemd, or lines of cron. Everything is text first, so that
//! it can be shown before it is written; what is written is noted, so that exactly that is removed.

pub mod calendar;
pub mod crontab;
pub mod manifest;
pub mod units;

/// A file to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Planned {
    /// Where.
    pub path: std::path::PathBuf,
    /// What.
    pub text: String,
}

/// What is started, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Program {
    /// The engine's binary.
    pub engine: std::path::PathBuf,
    /// The file of the results.
    pub database: std::path::PathBuf,
    /// The configuration, where one is used.
    pub config: Option<std::path::PathBuf>,
    /// Folders that must be writable beside that of the database.
    pub writable: Vec<std::path::PathBuf>,
    /// Variables that it needs to find its folders and tools; no secrets.
    pub environment: Vec<(String, String)>,
}

impl Program {
    /// The command as arguments, from the binary on.
    #[must_use]
    pub fn command(&self, arguments: &[&str]) -> Vec<String> {
        let mut all = vec![self.engine.display().to_string(), "--db".to_owned(), self.database.display().to_string()];
        if let Some(config) = &self.config {
            all.extend(["--config".to_owned(), config.display().to_string()]);
        }
        all.extend(arguments.iter().map(|argument| (*argument).to_owned()));
        all
    }
}
