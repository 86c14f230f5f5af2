//! Users' own rules: `rules/*.rhai` beside the configuration, with the same fields as the built-in ones and asked the same way.
//!
//! A file calls `rule(id, #{ .. })` once or more. Its `check` gets the facts of a run and the limits, and gives a map (a
//! finding) or nothing. A number that the run lacks ends the check: the rule is then not assessed. Files are read with
//! an engine of its own that knows rules and nothing else: no files, no network, no scenario.

mod facts;
mod language;
mod read;
#[cfg(test)]
mod tests;
mod trial;

use std::path::{Path, PathBuf};

use engine_analysis::advice::{About, Assess, Checked, Facts, LimitDef, Limits, Missing};
use engine_core::finding::Effort;
use engine_core::step::Place;
use rhai::{AST, Dynamic, Engine, FnPtr};

use crate::diagnostic::{Diagnostic, ErrorClass};

/// Largest file that is read.
const LARGEST: u64 = 1 << 20;

/// One of the user's rules.
struct UserRule {
    file: String,
    engine: std::rc::Rc<Engine>,
    ast: std::rc::Rc<AST>,
    id: String,
    title: String,
    looks_at: String,
    needs: String,
    model: String,
    effort: Effort,
    wrong_when: String,
    limits: Vec<LimitDef>,
    check: FnPtr,
    tests: Vec<trial::Trial>,
}

/// What came of one test of a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleTest {
    /// Id of the rule.
    pub rule: String,
    /// Name of the test.
    pub test: String,
    /// Whether it came out as it says.
    pub passed: bool,
    /// Why not.
    pub why: String,
}

/// All rules of the user's.
#[derive(Default)]
pub struct UserRules {
    rules: Vec<UserRule>,
}

impl std::fmt::Debug for UserRules {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.rules.iter().map(|rule| &rule.id)).finish()
    }
}

impl UserRules {
    /// Reads the `.rhai` files of the first of these folders that exists, in the order of their names.
    ///
    /// # Errors
    /// What is wrong with the files, each with line and column.
    pub fn load(folders: &[PathBuf]) -> Result<Self, Vec<Diagnostic>> {
        let (mut rules, mut errors) = (Vec::<UserRule>::new(), Vec::new());
        for file in files(folders) {
            match text(&file).and_then(|text| language::rules(&file.display().to_string(), &text)) {
                Ok(read) => rules.extend(read),
                Err(error) => errors.push(*error),
            }
        }
        let builtin = engine_analysis::rules::rules();
        for (at, rule) in rules.iter().enumerate() {
            let taken = rules[..at].iter().any(|earlier| earlier.id == rule.id)
                || builtin.iter().any(|known| known.about().id == rule.id);
            if taken {
                let place = Place { file: rule.file.clone(), line: 0, column: 0 };
                let message = format!("there is a rule `{}` already: give it another name", rule.id);
                errors.push(Diagnostic::error(ErrorClass::Invalid, "bad-rule", message, place));
            }
        }
        if errors.is_empty() { Ok(Self { rules }) } else { Err(errors) }
    }

    /// The files that [`Self::load`] reads, with what is in them; those that cannot be read are empty. Tells whether the rules
    /// are still the same.
    #[must_use]
    pub fn texts(folders: &[PathBuf]) -> Vec<(PathBuf, Vec<u8>)> {
        let read = |file: PathBuf| {
            let small = std::fs::metadata(&file).is_ok_and(|about| about.len() <= LARGEST);
            let text = if small { std::fs::read(&file).unwrap_or_default() } else { Vec::new() };
            (file, text)
        };
        files(folders).into_iter().map(read).collect()
    }

    /// The rules, to be asked.
    #[must_use]
    pub fn rules(&self) -> Vec<&dyn Assess> {
        self.rules.iter().map(|rule| rule as &dyn Assess).collect()
    }

    /// How many there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.rules.len()
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// Runs the tests of every rule. One without a case that fires and one that does not counts as failed.
    #[must_use]
    pub fn test(&self) -> Vec<RuleTest> {
        self.rules.iter().flat_map(trial::all).collect()
    }
}

/// The `.rhai` files of the first of these folders that exists, in the order of their names.
fn files(folders: &[PathBuf]) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = folders
        .iter()
        .find_map(|folder| std::fs::read_dir(folder).ok())
        .into_iter()
        .flatten()
        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
        .filter(|path| path.extension().is_some_and(|suffix| suffix == "rhai"))
        .collect();
    files.sort();
    files
}

fn text(path: &Path) -> Result<String, Box<Diagnostic>> {
    let wrong = |message: String| {
        let place = Place { file: path.display().to_string(), line: 0, column: 0 };
        Box::new(Diagnostic::error(ErrorClass::Invalid, "bad-rule", message, place))
    };
    let size = std::fs::metadata(path).map_err(|error| wrong(format!("cannot be read: {error}")))?.len();
    if size > LARGEST {
        return Err(wrong(format!("a file of rules has at most {LARGEST} bytes, this one {size}")));
    }
    std::fs::read_to_string(path).map_err(|error| wrong(format!("cannot be read: {error}")))
}

impl Assess for UserRule {
    fn about(&self) -> About<'_> {
        About {
            id: &self.id,
            title: &self.title,
            looks_at: &self.looks_at,
            needs: &self.needs,
            model: &self.model,
            effort: self.effort,
            wrong_when: &self.wrong_when,
            limits: &self.limits,
        }
    }

    fn check(&self, facts: &Facts<'_>, limits: &Limits<'_>) -> Checked {
        let run = facts::RunFacts::of(facts);
        let set: rhai::Map = self
            .limits
            .iter()
            .map(|limit| (limit.name.as_ref().into(), Dynamic::from(limits.of(&limit.name))))
            .collect();
        let called = self.check.call::<Dynamic>(&self.engine, &self.ast, (run, set));
        let answer = match called {
            Ok(answer) => answer,
            Err(error) => {
                return Err(match language::missing(&error) {
                    Some(missing) => Missing(missing),
                    None => Missing(format!("the rule failed: {}", language::told(&self.file, &error))),
                });
            }
        };
        if answer.is_unit() {
            return Ok(None);
        }
        read::draft(&answer, limits).map(Some).map_err(|why| Missing(format!("the rule failed: {}: {why}", self.file)))
    }
}
