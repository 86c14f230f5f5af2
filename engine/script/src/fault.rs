//! Errors that the engine's own functions raise in a script: they keep their class, place and help on the way out.

use rhai::{Dynamic, EvalAltResult, NativeCallContext, Position};

use crate::diagnostic::ErrorClass;

/// A place in a source: file as shown, position, number of characters to underline.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct At {
    pub(crate) file: String,
    pub(crate) pos: Position,
    pub(crate) length: usize,
}

/// What a native function raises. A script that catches it sees its message.
#[derive(Debug, Clone)]
pub(crate) struct Fault {
    pub(crate) class: ErrorClass,
    pub(crate) code: &'static str,
    pub(crate) message: String,
    pub(crate) help: Option<String>,
    pub(crate) at: Option<At>,
}

/// What native functions return.
pub(crate) type Raised<T> = Result<T, Box<EvalAltResult>>;

impl Fault {
    pub(crate) fn new(class: ErrorClass, code: &'static str, message: impl Into<String>) -> Self {
        Self { class, code, message: message.into(), help: None, at: None }
    }

    /// The scenario is wrong.
    pub(crate) fn invalid(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(ErrorClass::Invalid, code, message)
    }

    /// The script went wrong while it ran.
    pub(crate) fn runtime(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(ErrorClass::Runtime, code, message)
    }

    pub(crate) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Points at a place, unless it already points at a nearer one.
    pub(crate) fn or_at(mut self, at: Option<At>) -> Self {
        self.at = self.at.or(at);
        self
    }

    /// Raises it at the call: functions of modules get no position from the language.
    pub(crate) fn raise(self, ctx: &NativeCallContext<'_>) -> Box<EvalAltResult> {
        let pos = ctx.call_position();
        let here = At { file: ctx.call_source().unwrap_or_default().to_owned(), pos, length: ctx.fn_name().len() };
        self.or_at(Some(here)).boxed(pos)
    }

    /// Raises it where there is no call context: the language fills in the position.
    pub(crate) fn boxed(self, pos: Position) -> Box<EvalAltResult> {
        Box::new(EvalAltResult::ErrorRuntime(Dynamic::from(self), pos))
    }
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)
    }
}
