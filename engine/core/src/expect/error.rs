//! What can be wrong with the text of an expectation, and where in it.

use crate::quantity::QuantityError;

/// An expectation that cannot be used, with the place within its text.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("expectation `{text}`, column {column}: {problem}")]
pub struct ExpectError {
    /// The whole text.
    pub text: String,
    /// Byte offset within the text.
    pub offset: usize,
    /// Column within the text, in characters, from 1.
    pub column: usize,
    /// What is wrong there.
    #[source]
    pub problem: Box<Problem>,
}

impl ExpectError {
    pub(super) fn new(text: &str, offset: usize, problem: Problem) -> Self {
        let column = text.get(..offset).map_or(0, |before| before.chars().count()) + 1;
        Self { text: text.to_owned(), offset, column, problem: Box::new(problem) }
    }
}

/// What is wrong.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Problem {
    /// Something else stands there than the grammar wants.
    #[error("expected {wanted}, found {found}{hint}")]
    Expected {
        /// What would have been right.
        wanted: String,
        /// What stands there, or `the end`.
        found: String,
        /// `, did you mean ..?` or empty.
        hint: String,
    },
    /// A number or its unit is wrong.
    #[error(transparent)]
    Quantity(#[from] QuantityError),
    /// A part that must be a time is something else.
    #[error("{part} must be a time above zero, got `{got}`")]
    NotATime {
        /// Which part.
        part: &'static str,
        /// What stands there.
        got: String,
    },
    /// `for N windows` without a window.
    #[error("`for` counts windows, and `{selector}` has none: write `{selector}[10 s] ..`")]
    NoWindow {
        /// The left side.
        selector: String,
    },
    /// One label is named twice.
    #[error("label `{0}` is named twice")]
    LabelTwice(String),
    /// A clause stands there twice.
    #[error("`{0}` stands here for the second time")]
    ClauseTwice(&'static str),
    /// The step records no such metric.
    #[error("unknown metric `{name}`{remedy}")]
    UnknownMetric {
        /// The name as typed.
        name: String,
        /// `, did you mean ..?` or what there is.
        remedy: String,
    },
    /// Both sides have a unit, and the units do not go together.
    #[error("`{left}` is {left_kind} and `{right}` is {right_kind}: they cannot be compared")]
    Unlike {
        /// The left side as written.
        left: String,
        /// `a time`, ..
        left_kind: String,
        /// The right side as written.
        right: String,
        /// `a size`, ..
        right_kind: String,
    },
    /// A bare number stands against a quantity.
    #[error("`{left}` is {kind} and `{number}` has no unit: write {remedy}")]
    NoUnit {
        /// The left side as written.
        left: String,
        /// `a time`, ..
        kind: String,
        /// The bare number.
        number: String,
        /// Examples of the same number with a unit.
        remedy: String,
    },
}
