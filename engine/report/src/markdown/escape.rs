//! Text from outside as Markdown that shows as that text and does nothing else: no markup, no HTML, no link, no mention,
//! no broken table.

use crate::clean;

/// Longest text in a table cell or a heading.
const CELL: usize = 160;
/// Longest sentence.
const SENTENCE: usize = 600;

/// A name: as code where it has plain characters only, else escaped.
pub(super) fn name(text: &str) -> String {
    let text = clean::clip(text, CELL);
    let plain = |c: char| c.is_ascii_alphanumeric() || " ._-/{}=,:%<>+*()@".contains(c);
    if !text.is_empty() && text.trim() == text && text.chars().all(plain) { format!("`{text}`") } else { escape(&text) }
}

/// A short text in a table cell.
pub(super) fn cell(text: &str) -> String {
    escape(&clean::clip(text, CELL))
}

/// A sentence.
pub(super) fn sentence(text: &str) -> String {
    escape(&clean::clip(text, SENTENCE))
}

/// Every character that could mean something is written so that it cannot. Backticks survive as code only in pairs
/// that hold nothing of the kind, so that "run `engine doctor`" reads as it was meant.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 16);
    let mut rest = text;
    // Runs of backticks pair by their length: such a text is taken for hostile as a whole.
    let paired = !text.contains("``");
    while let Some(start) = rest.find('`') {
        plain(&mut out, &rest[..start]);
        rest = &rest[start + 1..];
        match rest.find('`') {
            Some(end)
                if paired
                    && !rest[..end].trim().is_empty()
                    && rest[..end].chars().all(|c| c.is_ascii_graphic() && c != '|' || c == ' ') =>
            {
                out.push('`');
                out.push_str(&rest[..end]);
                out.push('`');
                rest = &rest[end + 1..];
            }
            _ => out.push_str("\\`"),
        }
    }
    plain(&mut out, rest);
    out
}

fn plain(out: &mut String, text: &str) {
    let mut before = None;
    let mut characters = text.chars().peekable();
    while let Some(c) = characters.next() {
        match c {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            // A zero-width joiner would be invisible in a copy; an entity shows the same sign and links nothing.
            '@' => out.push_str("&#64;"),
            '#' => out.push_str("&#35;"),
            // Bare addresses become links.
            ':' if characters.peek() == Some(&'/') => out.push_str("&#58;"),
            '\\' | '*' | '[' | ']' | '|' | '~' | '`' | '$' => {
                out.push('\\');
                out.push(c);
            }
            // Within a word it means nothing.
            '_' if !before.is_some_and(char::is_alphanumeric)
                || !characters.peek().is_some_and(|next| next.is_alphanumeric()) =>
            {
                out.push_str("\\_");
            }
            '!' if characters.peek() == Some(&'[') => out.push_str("\\!"),
            '=' | '+' | '-' if before.is_none() && out.is_empty() => {
                out.push('\\');
                out.push(c);
            }
            _ => out.push(c),
        }
        before = Some(c);
    }
    // `www.` links by itself.
    if text.contains("www.") {
        *out = out.replace("www.", "www&#46;");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_text_shows_as_itself_and_does_nothing() {
        assert_eq!(cell("<img src=x onerror=alert(1)>"), "&lt;img src=x onerror=alert(1)&gt;");
        assert_eq!(cell("a|b\nc"), "a\\|b\\\\nc");
        assert_eq!(cell("[x](http://e)"), "\\[x\\](http&#58;//e)");
        assert_eq!(cell("@team #12 **b** _i_ snake_case"), "&#64;team &#35;12 \\*\\*b\\*\\* \\_i\\_ snake_case");
        assert_eq!(cell("- item"), "\\- item");
        assert_eq!(sentence("run `engine doctor` now"), "run `engine doctor` now");
        assert_eq!(cell("`a|b` ``` `"), "\\`a\\|b\\` \\`\\`\\` \\`");
    }

    #[test]
    fn a_plain_name_is_code() {
        assert_eq!(name("memory.stream{threads=2}"), "`memory.stream{threads=2}`");
        assert_eq!(name("a`b"), "a\\`b");
        assert_eq!(name(""), "");
    }
}
