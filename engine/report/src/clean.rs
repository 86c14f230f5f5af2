//! Text from outside, made safe to show: without control characters, without marks that turn the order of letters
//! round, and no longer than a reader bears.
//!
//! A name with an escape sequence could otherwise rewrite the terminal, and one with a bidirectional mark could make
//! `fail` read as something else.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// One line of text: control characters, line ends and invisible marks are written as escapes (`\n`, `\u{1b}`).
#[must_use]
pub fn line(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        let at_start = out.is_empty() || out.ends_with(char::is_whitespace);
        // CI runners take `::name` at the start of a line, and `##[name` anywhere, for commands to themselves.
        let command = match character {
            ':' => at_start && characters.peek() == Some(&':'),
            '[' => out.ends_with("##"),
            _ => false,
        };
        if command {
            out.extend(character.escape_unicode());
        } else if is_hidden(character) {
            out.extend(character.escape_default());
        } else {
            out.push(character);
        }
    }
    out
}

/// The same, cut to `most` columns with an ellipsis.
#[must_use]
pub fn clip(text: &str, most: usize) -> String {
    fit(&line(first(text, most * 4)), most)
}

/// The front of a text, `most` characters at most: so that nothing is spent on what is cut anyway.
fn first(text: &str, most: usize) -> &str {
    text.char_indices().nth(most).map_or(text, |(end, _)| &text[..end])
}

/// Columns that a clean text takes on a terminal.
#[must_use]
pub(crate) fn width(text: &str) -> usize {
    text.width()
}

/// Cuts a clean text in its middle, where it is wider than `most` columns: both ends of a name tell something.
#[must_use]
pub(crate) fn fit(text: &str, most: usize) -> String {
    if width(text) <= most {
        return text.to_owned();
    }
    let Some(room) = most.checked_sub(1) else { return String::new() };
    let back = room / 3;
    let head: String = take(text.chars(), room - back).collect();
    let tail: Vec<char> = take(text.chars().rev(), back).collect();
    head.chars().chain(std::iter::once('…')).chain(tail.into_iter().rev()).collect()
}

/// Cuts a clean text at its end: the front of a message says most.
#[must_use]
pub(crate) fn front(text: &str, most: usize) -> String {
    if width(text) <= most {
        return text.to_owned();
    }
    let Some(room) = most.checked_sub(1) else { return String::new() };
    take(text.chars(), room).chain(std::iter::once('…')).collect()
}

/// Characters up to a width.
fn take(characters: impl Iterator<Item = char>, most: usize) -> impl Iterator<Item = char> {
    characters
        .scan(0, |used, character| {
            *used += character.width().unwrap_or(0);
            Some((character, *used))
        })
        .take_while(move |(_, used)| *used <= most)
        .map(|(character, _)| character)
}

/// Whether a character would not show as itself: controls, invisible and direction marks, line separators, and what
/// XML forbids.
fn is_hidden(character: char) -> bool {
    character.is_control()
        || matches!(character,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{fffe}' | '\u{ffff}'
            | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_not_show_as_itself_is_escaped() {
        assert_eq!(line("a\x1b[31mb\nc\u{202e}d\u{7f}\u{9b}"), "a\\u{1b}[31mb\\nc\\u{202e}d\\u{7f}\\u{9b}");
        assert_eq!(
            line("::error::x memory::stream ##[add-path]y"),
            "\\u{3a}:error::x memory::stream ##\\u{5b}add-path]y"
        );
        assert_eq!(line("größe 4 KiB שלום 数"), "größe 4 KiB שלום 数");
    }

    #[test]
    fn long_text_is_cut_in_its_middle_by_columns_not_bytes() {
        assert_eq!(fit("memory.stream", 13), "memory.stream");
        assert_eq!(fit("memory.stream.triad", 10), "memory…iad");
        assert!(width(&fit("数数数数数数数数", 7)) <= 7);
        assert_eq!(fit("abc", 0), "");
        assert_eq!(width(&clip(&"x".repeat(10_000), 60)), 60);
    }
}
