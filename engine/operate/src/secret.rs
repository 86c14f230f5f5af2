//! Secrets: named in the settings, looked up when they are needed, never printed, stored or kept.
//!
//! A value is `${env:NAME}`, `${file:/absolute/path}` or `${credential:NAME}` (a file of that name in the folder that
//! systemd's `LoadCredential=` makes). Around them may stand text.

use std::fmt;
use std::path::PathBuf;

use serde::{Deserialize, Deserializer};

/// What stands in the place of a secret.
pub const HIDDEN: &str = "<hidden>";

/// Why there is no secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SecretError {
    /// What was written is no reference.
    #[error("`${{{given}}}` names no secret; wanted is `${{env:NAME}}`, `${{file:/path}}` or `${{credential:NAME}}`")]
    Form {
        /// What stands between the braces.
        given: String,
    },
    /// A brace is open.
    #[error("`${{` has no `}}`")]
    Open,
    /// The variable is not set.
    #[error("the variable `{name}` is not set")]
    Variable {
        /// Its name.
        name: String,
    },
    /// The file cannot be read.
    #[error("the file `{}` cannot be read: {detail}", path.display())]
    File {
        /// Its path.
        path: PathBuf,
        /// Why.
        detail: String,
    },
    /// There is no folder of credentials.
    #[error("there is no credential `{name}`: this was not started by systemd with `LoadCredential={name}:..`")]
    Credential {
        /// Its name.
        name: String,
    },
}

/// Where secrets are looked up.
pub trait Secrets: Send + Sync {
    /// A variable of the environment.
    fn variable(&self, name: &str) -> Option<String>;
    /// The folder of systemd's credentials.
    fn credentials(&self) -> Option<PathBuf>;
}

#[derive(Clone, PartialEq, Eq)]
enum Part {
    Text(String),
    Variable(String),
    File(PathBuf),
    Credential(String),
}

/// A value that names secrets.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Secret(Vec<Part>);

impl Secret {
    /// Reads a value.
    ///
    /// # Errors
    /// When what stands in `${..}` is no reference.
    pub fn parse(text: &str) -> Result<Self, SecretError> {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("${") {
            let (given, after) = after.split_once('}').ok_or(SecretError::Open)?;
            if !before.is_empty() {
                parts.push(Part::Text(before.to_owned()));
            }
            parts.push(match given.split_once(':') {
                Some(("env", name)) if !name.is_empty() => Part::Variable(name.to_owned()),
                Some(("file", path)) if path.starts_with('/') => Part::File(PathBuf::from(path)),
                Some(("credential", name)) if !name.is_empty() && !name.contains('/') => {
                    Part::Credential(name.to_owned())
                }
                _ => return Err(SecretError::Form { given: given.to_owned() }),
            });
            rest = after;
        }
        if !rest.is_empty() {
            parts.push(Part::Text(rest.to_owned()));
        }
        Ok(Self(parts))
    }

    /// Whether nothing is written.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether it is written out instead of named.
    #[must_use]
    pub fn is_literal(&self) -> bool {
        !self.is_empty() && self.0.iter().all(|part| matches!(part, Part::Text(_)))
    }

    /// Looks the secret up.
    ///
    /// # Errors
    /// When a part of it is not there.
    pub fn reveal(&self, secrets: &dyn Secrets) -> Result<Revealed, SecretError> {
        let file = |path: PathBuf| {
            let text = std::fs::read_to_string(&path)
                .map_err(|error| SecretError::File { path, detail: error.to_string() })?;
            Ok(text.trim_end_matches(['\r', '\n']).to_owned())
        };
        let mut text = String::new();
        for part in &self.0 {
            text += &match part {
                Part::Text(text) => text.clone(),
                Part::Variable(name) => secrets
                    .variable(name)
                    .filter(|value| !value.is_empty())
                    .ok_or_else(|| SecretError::Variable { name: name.clone() })?,
                Part::File(path) => file(path.clone())?,
                Part::Credential(name) => {
                    let folder = secrets.credentials().ok_or_else(|| SecretError::Credential { name: name.clone() })?;
                    file(folder.join(name))?
                }
            };
        }
        Ok(Revealed(text))
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for part in &self.0 {
            match part {
                Part::Text(_) => f.write_str(HIDDEN)?,
                Part::Variable(name) => write!(f, "${{env:{name}}}")?,
                Part::File(path) => write!(f, "${{file:{}}}", path.display())?,
                Part::Credential(name) => write!(f, "${{credential:{name}}}")?,
            }
        }
        Ok(())
    }
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

/// A secret that was looked up. It is shown by nothing.
#[derive(Clone, PartialEq, Eq)]
pub struct Revealed(String);

impl Revealed {
    /// The secret itself, for whoever needs it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// A text without the secret.
    #[must_use]
    pub fn scrub(&self, text: &str) -> String {
        // What is shorter would hide half of every message, and is no secret.
        if self.0.len() < 4 { text.to_owned() } else { text.replace(&self.0, HIDDEN) }
    }
}

impl fmt::Debug for Revealed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(HIDDEN)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// Secrets of a test.
    #[derive(Debug, Default)]
    pub(crate) struct Known {
        pub(crate) variables: Vec<(&'static str, &'static str)>,
        pub(crate) folder: Option<PathBuf>,
    }

    impl Secrets for Known {
        fn variable(&self, name: &str) -> Option<String> {
            self.variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
        }
        fn credentials(&self) -> Option<PathBuf> {
            self.folder.clone()
        }
    }

    #[test]
    fn a_secret_is_named_and_looked_up_when_it_is_needed() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("token");
        std::fs::write(&file, "f1le-s3cret\n").unwrap();
        let known = Known { variables: vec![("TOKEN", "v4riable"), ("EMPTY", "")], folder: Some(folder.path().into()) };
        let reveal = |text: &str| Secret::parse(text).unwrap().reveal(&known).map(|found| found.expose().to_owned());
        assert_eq!(reveal("${env:TOKEN}").unwrap(), "v4riable");
        assert_eq!(reveal("https://host/${env:TOKEN}/x").unwrap(), "https://host/v4riable/x");
        assert_eq!(reveal(&format!("${{file:{}}}", file.display())).unwrap(), "f1le-s3cret");
        assert_eq!(reveal("${credential:token}").unwrap(), "f1le-s3cret");
        assert_eq!(reveal("${env:EMPTY}").unwrap_err().to_string(), "the variable `EMPTY` is not set");
        assert!(reveal("${file:/nonexistent}").unwrap_err().to_string().contains("/nonexistent"));
    }

    #[test]
    fn what_is_no_reference_is_refused() {
        for bad in ["${TOKEN}", "${env:}", "${file:relative}", "${credential:a/b}", "${env:TOKEN"] {
            assert!(Secret::parse(bad).is_err(), "{bad}");
        }
        assert!(Secret::parse("plain").unwrap().is_literal());
        assert!(!Secret::parse("${env:A}b").unwrap().is_literal());
        assert!(Secret::parse("").unwrap().is_empty());
    }

    #[test]
    fn nothing_shows_a_secret() {
        let known = Known { variables: vec![("TOKEN", "v4riable")], folder: None };
        let secret = Secret::parse("https://h/${env:TOKEN}").unwrap();
        let found = secret.reveal(&known).unwrap();
        assert_eq!(format!("{secret:?} {found:?}"), "<hidden>${env:TOKEN} <hidden>");
        assert_eq!(found.scrub("error for https://h/v4riable: no"), "error for <hidden>: no");
    }
}
