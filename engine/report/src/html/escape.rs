//! Text from outside as HTML that shows as that text and does nothing else.

use crate::clean;

/// Longest text in a cell or a heading.
const CELL: usize = 160;
/// Longest sentence.
const SENTENCE: usize = 600;

/// A name or a short text.
pub(super) fn cell(text: &str) -> String {
    markup(&clean::clip(text, CELL))
}

/// A sentence, with what stands between backticks as code.
pub(super) fn sentence(text: &str) -> String {
    let text = markup(&clean::clip(text, SENTENCE));
    let parts: Vec<&str> = text.split('`').collect();
    if parts.len() < 3 || parts.len().is_multiple_of(2) {
        return text;
    }
    let mut out = String::with_capacity(text.len() + 26);
    for (at, part) in parts.iter().enumerate() {
        let code = at % 2 == 1;
        put!(out, "{}{part}{}", if code { "<code>" } else { "" }, if code { "</code>" } else { "" });
    }
    out
}

/// Every character that could begin or end markup or an attribute is an entity.
fn markup(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 16);
    for character in text.chars() {
        match character {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            _ => out.push(character),
        }
    }
    out
}

/// A name for a chart's data: clean and short. The script escapes it where the chart library would read markup.
pub(super) fn label(text: &str) -> String {
    clean::clip(text, 80)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_text_shows_as_itself() {
        assert_eq!(
            cell("<img src=x onerror='a(\"b\")'>&"),
            "&lt;img src=x onerror=&#39;a(&quot;b&quot;)&#39;&gt;&amp;"
        );
        assert_eq!(cell("a\u{202e}b\nc"), "a\\u{202e}b\\nc");
        assert!(sentence(&"x<".repeat(10_000)).len() < 4000);
        assert_eq!(sentence("run `a<b` now"), "run <code>a&lt;b</code> now");
        assert_eq!(sentence("a ` b"), "a ` b");
    }
}
