//! Sources: the texts that messages quote, read with their limits.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::rc::Rc;

use rhai::{AST, Position};

use crate::diagnostic::{Diagnostic, ErrorClass, Link};
use crate::sites::{Sites, line_column};
use engine_core::step::Place;

/// One source that was read.
#[derive(Debug)]
pub(crate) struct SourceText {
    /// What messages call it.
    pub(crate) name: String,
    /// As compiled: without byte order mark, the `#!` line made a comment.
    pub(crate) text: String,
    /// Folder of the file; none for embedded ones.
    pub(crate) folder: Option<PathBuf>,
    /// Set once it is compiled.
    pub(crate) compiled: RefCell<Option<(Rc<AST>, Rc<Sites>)>>,
}

impl SourceText {
    /// A source from bytes.
    ///
    /// # Errors
    /// Too long, not UTF-8, or nothing but blanks.
    #[expect(clippy::result_large_err, reason = "an error ends the reading: it is made once")]
    pub(crate) fn new(name: &str, bytes: Vec<u8>, folder: Option<PathBuf>, limit: usize) -> Result<Self, Diagnostic> {
        let fail = |code, message: String, line, column| {
            let place = Place { file: name.to_owned(), line, column };
            Diagnostic::error(ErrorClass::Invalid, code, message, place)
        };
        if bytes.len() > limit {
            let message = format!("`{name}` has {} bytes, more than the {limit} a scenario may have", bytes.len());
            let mut fault = fail("too-long", message, 0, 0);
            fault.class = ErrorClass::Limit;
            fault.help = Some("put data into a file of its own and read it with `data(..)`".to_owned());
            return Err(fault);
        }
        let text = String::from_utf8(bytes).map_err(|error| {
            let good = &error.as_bytes()[..error.utf8_error().valid_up_to()];
            let line = 1 + good.iter().filter(|b| **b == b'\n').count();
            let start = good.iter().rposition(|b| *b == b'\n').map_or(0, |at| at + 1);
            let column = 1 + String::from_utf8_lossy(&good[start..]).chars().count();
            let mut fault = fail("not-utf8", format!("`{name}` is not UTF-8 text"), line, column);
            fault.help = Some("save the file as UTF-8".to_owned());
            fault
        })?;
        let text = match text.strip_prefix('\u{feff}') {
            Some(rest) => rest.to_owned(),
            None => text,
        };
        let text = match text.strip_prefix("#!") {
            Some(rest) => format!("//{rest}"),
            None => text,
        };
        Ok(Self { name: name.to_owned(), text, folder, compiled: RefCell::new(None) })
    }

    /// The text of a line, counted from 1.
    pub(crate) fn line(&self, line: usize) -> Option<&str> {
        self.text.lines().nth(line.checked_sub(1)?)
    }

    /// See [`title`].
    pub(crate) fn title(&self) -> String {
        title(&self.text)
    }
}

/// What a scenario says of itself in one line: the first line of its description (`//! ..`), up to the last sentence that
/// ends in it; where none does, the first sentence of the paragraph. Empty without a description.
#[must_use]
pub fn title(text: &str) -> String {
    let comment = |line: &str| line.trim().strip_prefix("//!").map(|line| line.trim().to_owned());
    let mut lines = text.lines().skip_while(|line| comment(line).is_none()).map_while(comment);
    let first = lines.next().unwrap_or_default();
    let rest: Vec<String> = lines.take_while(|line| !line.is_empty()).collect();
    if rest.is_empty() {
        return first;
    }
    // The bytes after which a sentence ends: before a space, or at the end.
    let sentences = |text: &str| -> Vec<usize> {
        let stops = text.match_indices(['.', '?', '!']).map(|(at, _)| at + 1);
        stops.filter(|at| text[*at..].chars().next().is_none_or(char::is_whitespace)).collect()
    };
    if let Some(end) = sentences(&first).last() {
        return first[..*end].to_owned();
    }
    let whole = std::iter::once(first).chain(rest).collect::<Vec<_>>().join(" ");
    let end = sentences(&whole).first().copied().unwrap_or(whole.len());
    whole[..end].to_owned()
}

/// All sources of a scenario, by name.
#[derive(Debug, Default)]
pub(crate) struct Sources {
    texts: RefCell<BTreeMap<String, Rc<SourceText>>>,
    /// How each source was first reached; the scenario itself by nothing.
    origins: RefCell<BTreeMap<String, Link>>,
    /// Names of the modules of native functions, for hints.
    pub(crate) native: RefCell<BTreeSet<String>>,
}

impl Sources {
    pub(crate) fn add(&self, source: SourceText) -> Rc<SourceText> {
        let source = Rc::new(source);
        self.texts.borrow_mut().insert(source.name.clone(), Rc::clone(&source));
        source
    }

    /// Takes note of how a source was reached.
    pub(crate) fn came(&self, name: &str, link: Link) {
        if link.place.line > 0 {
            self.origins.borrow_mut().entry(name.to_owned()).or_insert(link);
        }
    }

    /// How a source was reached, innermost first.
    pub(crate) fn chain(&self, name: &str) -> Vec<Link> {
        let origins = self.origins.borrow();
        let mut chain: Vec<Link> = Vec::new();
        let mut at = name.to_owned();
        while let Some(link) = origins.get(&at).filter(|_| chain.len() < 32) {
            at.clone_from(&link.place.file);
            chain.push(link.clone());
        }
        chain
    }

    pub(crate) fn get(&self, name: &str) -> Option<Rc<SourceText>> {
        self.texts.borrow().get(name).cloned()
    }

    pub(crate) fn all(&self) -> Vec<Rc<SourceText>> {
        self.texts.borrow().values().cloned().collect()
    }

    /// The call sites of a compiled source.
    pub(crate) fn sites(&self, name: &str) -> Option<Rc<Sites>> {
        self.get(name)?.compiled.borrow().as_ref().map(|(_, sites)| Rc::clone(sites))
    }

    /// The place of a position, and the text of its line.
    pub(crate) fn place(&self, file: &str, pos: Position) -> (Place, Option<String>) {
        let (line, column) = line_column(pos);
        let text = self.get(file).and_then(|source| source.line(line).map(str::to_owned));
        (Place { file: file.to_owned(), line, column }, text)
    }
}

/// Reads a file, but no more than one byte over the limit: a 10 GB file must not fill the memory.
pub(crate) fn read_file(path: &Path, limit: usize) -> std::io::Result<Vec<u8>> {
    use std::io::Read;
    let mut bytes = Vec::new();
    let most = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
    std::fs::File::open(path)?.take(most).read_to_end(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_title_is_a_line_of_whole_sentences() {
        assert_eq!(title("//! One line without an end\nsuite(\"x\");"), "One line without an end");
        assert_eq!(title("\n//! How fast? Run with: -p x=1\n//!\n//! More."), "How fast? Run with: -p x=1");
        assert_eq!(
            title("//! At its limits: all held, and how much\n//! slower it is. Then more.\n"),
            "At its limits: all held, and how much slower it is."
        );
        assert_eq!(title("//! An open model. Latency counts from\n//! the start.\n"), "An open model.");
        assert_eq!(title("//! Version 1.2 of it, which\n//! never ends"), "Version 1.2 of it, which never ends");
        assert_eq!(title("let x = 1; // no description"), "");
    }
}
