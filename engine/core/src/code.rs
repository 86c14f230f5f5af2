//! The code under test: which commit a run measured.

use crate::fact::Fact;
use serde::{Deserialize, Serialize};

/// Where the facts about the code come from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CodeSource {
    /// A git working tree.
    Git,
    /// Variables of a CI system.
    CiVariables,
    /// There is neither.
    #[default]
    None,
}

/// Which commit a run measured.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct CodeUnderTest {
    /// Top folder of the repository.
    pub root: Fact<String>,
    /// Full commit id.
    pub commit: Fact<String>,
    /// Branch or tag name; unknown on a detached head that no CI variable names.
    pub branch: Fact<String>,
    /// Whether tracked files differ from the commit; files that git does not track do not count.
    pub dirty: Fact<bool>,
    /// Commit time in seconds since 1970.
    pub committed_at: Fact<i64>,
    /// Where all this comes from.
    pub source: CodeSource,
}

impl CodeUnderTest {
    /// The first twelve characters of the commit, with `+` when dirty: `1a2b3c4d5e6f+`.
    pub fn short(&self) -> Option<String> {
        let commit = self.commit.as_deref()?;
        let mark = if self.dirty.copied() == Some(true) { "+" } else { "" };
        Some(commit.chars().take(12).chain(mark.chars()).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_short_form_marks_a_dirty_tree() {
        let mut code = CodeUnderTest::default();
        assert_eq!(code.short(), None);
        code.commit = Fact::Known("0123456789abcdef".into());
        assert_eq!(code.short().as_deref(), Some("0123456789ab"));
        code.dirty = Fact::Known(true);
        assert_eq!(code.short().as_deref(), Some("0123456789ab+"));
    }

    #[test]
    fn an_unknown_commit_is_told_in_json() {
        let json = serde_json::to_value(CodeUnderTest::default()).unwrap();
        assert_eq!(json["commit"]["unknown"], "not read");
        assert_eq!(json["source"], "none");
    }
}
