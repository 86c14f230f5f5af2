//! Words for errors that the language states without saying what to do: habits from other languages above all.

use engine_core::nearest::hint;
use rhai::{LexError, ParseErrorType};

use crate::diagnostic::ErrorClass;
use crate::sources::Sources;
use crate::translate::first_down;

/// A parse error in our words.
pub(crate) struct Told {
    pub(crate) code: &'static str,
    pub(crate) message: String,
    pub(crate) help: Option<String>,
}

/// A habit: what stands in the line at or before the error, and what to write in its place.
type Habit = (fn(&str, &str) -> bool, &'static str);

/// The line up to the error, and from it on.
const HABITS: [Habit; 13] = [
    (|_, at| at.starts_with("++") || at.starts_with("--"), "there is no `++` or `--`: write `i += 1`"),
    (
        |before, at| before.ends_with("++") || before.ends_with("--") || at.starts_with(")") && before.ends_with("++"),
        "there is no `++` or `--`: write `i += 1`",
    ),
    (|_, at| at.starts_with('?'), "there is no `a ? b : c`: write `if a { b } else { c }`"),
    (|_, at| at.contains("===") || at.contains("!=="), "write `==` or `!=`"),
    (|_, at| at.starts_with('\''), "texts stand in double quotes: \"text\"; single quotes hold one character"),
    (
        |before, at| at.starts_with("try") && before.trim_end().ends_with('='),
        "`try` gives no value: write `let x = (); try { x = ..; } catch { .. }`",
    ),
    (|before, _| ends_in_word(before, "var"), "declare a variable with `let`"),
    (|_, at| at.starts_with("=>"), "a closure is written `|x| ..`"),
    (|_, at| at.starts_with("->"), "a function has no result type: write `fn name(x) { .. }`"),
    (
        |before, _| ends_in_word(before, "function") || ends_in_word(before, "def"),
        "a function is written `fn name(x) { .. }`",
    ),
    (
        |before, at| (at.starts_with(',') || at.starts_with('}')) && short_key(before),
        "each key of a map needs its value: `#{ size: size }`",
    ),
    (
        |before, at| at.starts_with(':') && opens_brace(before),
        "a map is written `#{ key: value }`, with `#` before the brace",
    ),
    (|_, at| at.starts_with('&'), "write `&&`"),
];

fn ends_in_word(before: &str, word: &str) -> bool {
    let before = before.trim_end();
    before.strip_suffix(word).is_some_and(|rest| !rest.ends_with(|c: char| c.is_alphanumeric() || c == '_'))
}

/// `.. #{ file` : the last thing behind `{` or `,` of a map is a bare word.
fn short_key(before: &str) -> bool {
    before.rfind(['{', ',']).is_some_and(|at| {
        let word = before[at + 1..].trim();
        before.contains("#{") && !word.is_empty() && word.chars().all(|c| c.is_alphanumeric() || c == '_')
    })
}

/// `.. { name` without `#` before the brace.
fn opens_brace(before: &str) -> bool {
    before.rfind('{').is_some_and(|at| !before[..at].ends_with('#') && !before[at..].contains('}'))
}

fn habit(line: &str, column: usize) -> Option<String> {
    let before: String = line.chars().take(column.saturating_sub(1)).collect();
    let at: String = line.chars().skip(column.saturating_sub(1)).collect();
    HABITS.iter().find(|(fits, _)| fits(&before, &at)).map(|(_, text)| (*text).to_owned())
}

pub(crate) fn parse(error: &ParseErrorType, sources: &Sources, file: &str, line: &str, column: usize) -> Told {
    let told = |code, message: String, help: Option<String>| Told { code, message, help };
    match error {
        ParseErrorType::VariableUndefined(name) => variable(name, sources, file, line),
        ParseErrorType::ModuleUndefined(name) => {
            let native = sources.native.borrow();
            let near = hint(name, native.iter().map(String::as_str));
            let help = near.is_empty().then(|| format!("import it first: `import \"std/{name}\" as {name};`"));
            told("unknown-module", format!("there is no module `{name}`{near}"), help)
        }
        ParseErrorType::FnDuplicatedDefinition(name, count) => {
            told("duplicate", format!("function `{name}` with {count} parameters is defined twice"), None)
        }
        ParseErrorType::AssignmentToConstant(name) => {
            let help = format!("write `let {name} = ..` for a value that changes");
            told("constant", format!("`{name}` is a constant and cannot be changed"), Some(help))
        }
        ParseErrorType::ExprTooDeep => told("too-deep", "this expression is nested too deeply".to_owned(), None),
        ParseErrorType::Reserved(word) => {
            let help =
                habit(line, column).unwrap_or_else(|| format!("`{word}` is a word of the language: take another name"));
            told("reserved", format!("`{word}` cannot stand here"), Some(help))
        }
        ParseErrorType::BadInput(LexError::UnterminatedString) => {
            let help = habit(line, column).unwrap_or_else(|| "a text ends with the quote it began with".to_owned());
            told("syntax", "this text has no end".to_owned(), Some(help))
        }
        other => told("syntax", first_down(&other.to_string()).replace('\'', "`"), habit(line, column)),
    }
}

/// A variable that is not there: a habit, a scenario's variable inside a `fn`, or a slip.
fn variable(name: &str, sources: &Sources, file: &str, line: &str) -> Told {
    let message = |tail: &str| format!("there is no variable `{name}` here{tail}");
    let (tail, help) = match name {
        "null" | "nil" | "undefined" | "None" | "void" => (String::new(), Some("nothing is written `()`".to_owned())),
        "user" => (
            String::new(),
            Some(
                "requests stand in a journey: `fn buyer(user) { user.get(\"/\"); }`, which `load(..)` runs".to_owned(),
            ),
        ),
        "var" => (String::new(), Some("declare a variable with `let`".to_owned())),
        "function" | "def" => (String::new(), Some("a function is written `fn name(x) { .. }`".to_owned())),
        "new" => (String::new(), Some("there is no `new`: a map is written `#{ key: value }`".to_owned())),
        "True" | "False" => (String::new(), Some(format!("write `{}`", name.to_lowercase()))),
        _ => {
            let declared = declared(sources, file);
            if declared.iter().any(|known| known == name) {
                let help = "a fn does not see the scenario's variables: use a closure, `param(..)`, or a `const` as `global::NAME`";
                (String::new(), Some(help.to_owned()))
            } else if line.contains(&format!("{name}:")) && !line.contains("#{") {
                (String::new(), Some("a map is written `#{ key: value }`, with `#` before the brace".to_owned()))
            } else {
                (hint(name, declared.iter().map(String::as_str)), None)
            }
        }
    };
    Told { code: "unknown-variable", message: message(&tail), help }
}

/// Names that a source declares with `let` or `const`. The source does not compile, so its text is all there is.
fn declared(sources: &Sources, file: &str) -> Vec<String> {
    let Some(source) = sources.get(file) else { return Vec::new() };
    let words = source.text.split(|c: char| !(c.is_alphanumeric() || c == '_')).filter(|word| !word.is_empty());
    let mut names = Vec::new();
    let mut last = "";
    for word in words {
        if matches!(last, "let" | "const") {
            names.push(word.to_owned());
        }
        last = word;
    }
    names
}

/// A function that is not there, or not for these values: `trim (i64)`.
pub(crate) fn missing_function(signature: &str) -> (ErrorClass, &'static str, String, Option<String>) {
    let (name, given) = signature.split_once(" (").unwrap_or((signature, ""));
    let given = given.trim_end_matches(')');
    let operator = !name.contains(|c: char| c.is_alphanumeric());
    let message = if operator {
        let sides: Vec<&str> = given.split(", ").collect();
        format!("`{name}` does not work on {}", sides.iter().map(|side| kind(side)).collect::<Vec<_>>().join(" and "))
    } else if name.starts_with("anon$") {
        "this closure takes another number of values".to_owned()
    } else if given.is_empty() {
        format!("there is no function `{name}` without values")
    } else {
        let kinds: Vec<&str> = given.split(", ").map(kind).collect();
        format!("there is no function `{name}` for {}", kinds.join(" and "))
    };
    (ErrorClass::Invalid, "unknown-function", message, None)
}

/// What people call a type of the language.
pub(crate) fn kind(name: &str) -> &str {
    match name.trim_start_matches("&mut ").trim() {
        "i64" => "a whole number",
        "f64" => "a number",
        "&str | ImmutableString | String" | "string" | "&str" | "ImmutableString" | "String" => "a text",
        "()" => "nothing",
        "bool" => "true or false",
        "map" | "Map" => "a map",
        "array" | "Array" => "a list",
        "Fn" => "a function",
        "char" => "a character",
        "Quantity" => "a quantity",
        "Spec" | "engine_script::verbs::spec::Spec" => "a spec",
        other => other,
    }
}
