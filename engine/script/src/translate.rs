//! Turns the language's errors into diagnostics: place, class, the chain of calls, and words that say what to do.

use engine_core::nearest::hint;
use engine_core::step::Place;
use rhai::{EvalAltResult, LexError, ParseError, ParseErrorType, Position};

use crate::diagnostic::{Diagnostic, ErrorClass, Link};
use crate::fault::{At, Fault};
use crate::hints;
use crate::sources::Sources;
use crate::verbs::Reported;

/// A fault at a place, as a diagnostic.
pub(crate) fn fault(sources: &Sources, fault: &Fault, fallback: &At) -> Diagnostic {
    let at = fault.at.as_ref().unwrap_or(fallback);
    let file = if at.file.is_empty() { &fallback.file } else { &at.file };
    let (place, line) = sources.place(file, at.pos);
    let mut out = Diagnostic::error(fault.class, fault.code, fault.message.clone(), place);
    out.length = at.length.max(1);
    out.help.clone_from(&fault.help);
    out.line = line;
    out
}

/// An error while a source is compiled.
pub(crate) fn parse(sources: &Sources, file: &str, error: &ParseError) -> Diagnostic {
    let pos = error.1;
    let (mut place, mut line) = sources.place(file, pos);
    if place.line == 0 {
        // The end of the text: show the last line that has something on it.
        let source = sources.get(file);
        let last =
            source.as_ref().and_then(|s| s.text.lines().enumerate().filter(|(_, l)| !l.trim().is_empty()).last());
        if let Some((number, text)) = last {
            place = Place { file: file.to_owned(), line: number + 1, column: text.trim_end().chars().count() + 1 };
            line = Some(text.to_owned());
        }
    }
    let rest: String = line.as_deref().unwrap_or_default().chars().skip(place.column.saturating_sub(1)).collect();
    let told = hints::parse(&error.0, sources, file, line.as_deref().unwrap_or_default(), place.column);
    let class = match *error.0 {
        ParseErrorType::ExprTooDeep
        | ParseErrorType::TooManyFunctions
        | ParseErrorType::LiteralTooLarge(..)
        | ParseErrorType::BadInput(LexError::StringTooLong(_)) => ErrorClass::Limit,
        _ => ErrorClass::Invalid,
    };
    let mut out = Diagnostic::error(class, told.code, told.message, place);
    out.length = word_length(&rest);
    out.help = told.help;
    out.line = line;
    out
}

/// The characters of the word at the front.
fn word_length(text: &str) -> usize {
    text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').count().max(1)
}

/// An error while a script ran. `file` is the source that was entered.
pub(crate) fn eval(sources: &Sources, file: &str, error: &EvalAltResult) -> Diagnostic {
    let mut chain = Vec::new();
    let mut file = file.to_owned();
    let mut inner = error;
    loop {
        match inner {
            EvalAltResult::ErrorInFunctionCall(name, source, cause, pos) => {
                let how = if name.starts_with("anon$") {
                    "in a closure, called from".to_owned()
                } else {
                    format!("in `{name}`, called from")
                };
                if !pos.is_none() {
                    chain.insert(0, Link { how, place: sources.place(&file, *pos).0 });
                }
                if !source.is_empty() {
                    file.clone_from(source);
                }
                inner = cause;
            }
            EvalAltResult::ErrorInModule(path, cause, pos) => {
                if let EvalAltResult::ErrorParsing(..) | EvalAltResult::ErrorInModule(..) = **cause {
                    chain.insert(0, Link { how: "imported from".to_owned(), place: sources.place(&file, *pos).0 });
                }
                let _ = path;
                inner = cause;
            }
            _ => break,
        }
    }
    let pos = inner.position();
    let mut out = match inner {
        EvalAltResult::ErrorRuntime(value, _) | EvalAltResult::ErrorTerminated(value, _) => {
            if let Some(Reported(done)) = value.clone().try_cast::<Reported>() {
                return Diagnostic { chain: [done.chain.clone(), chain].concat(), ..done };
            }
            match value.clone().try_cast::<Fault>() {
                Some(raised) => fault(sources, &raised, &At { file: file.clone(), pos, length: 1 }),
                None => at(sources, &file, pos, ErrorClass::Runtime, "thrown", value.to_string(), None),
            }
        }
        EvalAltResult::ErrorParsing(kind, pos) => parse(sources, &file, &ParseError(Box::new(kind.clone()), *pos)),
        EvalAltResult::ErrorPropertyNotFound(name, _) => {
            // The map is gone; a slip is near to a key that the source writes somewhere.
            let sites = sources.sites(&file);
            let near = sites.map_or_else(String::new, |sites| hint(name, sites.keys.iter().map(String::as_str)));
            let help = format!("for one that may be missing write `.get(\"{name}\", other)`");
            let message = format!("there is no property `{name}`{near}");
            at(sources, &file, pos, ErrorClass::Invalid, "unknown-property", message, Some(help))
        }
        other => {
            let told = told(other);
            at(sources, &file, pos, told.0, told.1, told.2, told.3)
        }
    };
    // A fault brings its own place; the chain of calls is that of the error.
    out.chain.extend(chain);
    out
}

fn at(
    sources: &Sources,
    file: &str,
    pos: Position,
    class: ErrorClass,
    code: &'static str,
    message: String,
    help: Option<String>,
) -> Diagnostic {
    let (place, line) = sources.place(file, pos);
    let rest: String = line.as_deref().unwrap_or_default().chars().skip(place.column.saturating_sub(1)).collect();
    let mut out = Diagnostic::error(class, code, message, place);
    out.length = word_length(&rest);
    out.help = help;
    out.line = line;
    out
}

type Told = (ErrorClass, &'static str, String, Option<String>);

fn told(error: &EvalAltResult) -> Told {
    use EvalAltResult as E;
    let limit = |what: &str| (ErrorClass::Limit, "limit", what.to_owned(), None);
    match error {
        E::ErrorTooManyOperations(_) => limit("the script takes too many operations"),
        E::ErrorTooManyVariables(_) => limit("the script has too many variables"),
        E::ErrorTooManyModules(_) => limit("the script imports too many modules"),
        E::ErrorStackOverflow(_) => (
            ErrorClass::Limit,
            "too-deep",
            "functions call each other too deeply".to_owned(),
            Some("a function that calls itself needs a condition under which it returns".to_owned()),
        ),
        E::ErrorDataTooLarge(what, _) => limit(&format!("{} too large", what.to_lowercase())),
        E::ErrorDataRace(name, _) => (
            ErrorClass::Invalid,
            "captured-twice",
            "a method cannot take a closure that uses the object the method is called on".to_owned(),
            Some(format!(
                "use a free function (`group`, `timed`, `measure`, `retry`) in place of the method (here: {name})"
            )),
        ),
        E::ErrorFunctionNotFound(signature, _) => hints::missing_function(signature),
        E::ErrorVariableNotFound(name, _) => {
            (ErrorClass::Invalid, "unknown-variable", format!("there is no variable `{name}` here"), None)
        }
        E::ErrorModuleNotFound(name, _) => {
            (ErrorClass::Invalid, "unknown-module", format!("there is no module `{name}` here"), None)
        }
        E::ErrorIndexNotFound(name, _) => {
            (ErrorClass::Invalid, "unknown-property", format!("there is no `{name}`"), None)
        }
        E::ErrorAssignmentToConstant(name, _) => (
            ErrorClass::Invalid,
            "constant",
            format!("`{name}` is a constant and cannot be changed"),
            Some(format!("write `let {name} = ..` for a value that changes")),
        ),
        E::ErrorNonPureMethodCallOnConstant(name, _) => (
            ErrorClass::Invalid,
            "constant",
            format!("`{name}` changes its object in place, and the object is a constant"),
            None,
        ),
        E::ErrorMismatchDataType(..)
        | E::ErrorMismatchOutputType(..)
        | E::ErrorIndexingType(..)
        | E::ErrorDotExpr(..) => (ErrorClass::Invalid, "wrong-type", first_down(&bare(error)), None),
        _ => (ErrorClass::Runtime, "runtime", first_down(&bare(error)), None),
    }
}

/// The language's own words, without the position at their end.
fn bare(error: &EvalAltResult) -> String {
    let text = error.to_string();
    match text.rfind(" (line ") {
        Some(end) => text[..end].to_owned(),
        None => text,
    }
}

/// As ours begin: in lower case.
pub(crate) fn first_down(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |c| c.to_lowercase().chain(chars).collect())
}
