//! A tool that is a function of a script, for whoever measures what a call of one costs: adds two numbers and the bytes of a
//! text.

use rhai::{AST, Engine, Scope};

const SOURCE: &str = "fn add(a, b, text) { a + b + text.bytes }";

/// The tool: two numbers and a text give their sum.
pub(crate) type Tool = Box<dyn FnMut(i64, i64, &str) -> Result<i64, String>>;

/// Makes the tool: compiled once, called by name with the values of one call. The error says what the language has
/// against it.
///
/// # Errors
/// When the function does not compile, which a test excludes.
pub fn tool() -> Result<Tool, String> {
    let engine = Engine::new();
    let ast: AST = engine.compile(SOURCE).map_err(|error| error.to_string())?;
    let mut scope = Scope::new();
    Ok(Box::new(move |a, b, text| {
        engine.call_fn(&mut scope, &ast, "add", (a, b, text.to_owned())).map_err(|error| error.to_string())
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_adds_two_numbers_and_the_bytes_of_a_text() {
        let mut add = tool().unwrap();
        assert_eq!(add(40, -1, "hé"), Ok(42));
        assert_eq!(add(1, 2, ""), Ok(3));
        assert!(add(i64::MAX, 1, "").is_err(), "an overflow is an error of the script");
    }
}
