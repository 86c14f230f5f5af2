//! Breaking clean text into lines.

use unicode_width::UnicodeWidthChar;

use crate::clean::width;

/// Breaks a clean text at spaces into lines of `most` columns; a longer word is broken anywhere. No-break spaces hold
/// their words together and come out as spaces.
pub(super) fn wrap(text: &str, most: usize) -> Vec<String> {
    let most = most.max(8);
    let mut lines = Vec::new();
    let mut line = String::new();
    for word in text.split(' ').filter(|word| !word.is_empty()) {
        let mut rest = word;
        if !line.is_empty() && width(&line) + 1 + width(rest) > most {
            lines.push(std::mem::take(&mut line));
        }
        while width(rest) > most {
            let cut = cut(rest, most);
            lines.push(rest[..cut].to_owned());
            rest = &rest[cut..];
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(rest);
    }
    if !line.is_empty() || lines.is_empty() {
        lines.push(line);
    }
    lines.into_iter().map(|line| line.replace('\u{a0}', " ")).collect()
}

/// A label with text behind it, further lines beneath the text: `  Title    text ..`.
pub(super) fn hanging(indent: usize, label: &str, label_width: usize, text: &str, most: usize) -> Vec<String> {
    let column = indent + label_width;
    let pad = label_width.saturating_sub(width(label));
    wrap(text, most.saturating_sub(column))
        .into_iter()
        .enumerate()
        .map(|(i, line)| match i {
            0 => format!("{:indent$}{label}{:pad$}{line}", "", ""),
            _ => format!("{:column$}{line}", ""),
        })
        .collect()
}

/// Where to cut a text so that its front takes at most `most` columns, and at least one character.
fn cut(text: &str, most: usize) -> usize {
    let mut used = 0;
    for (at, character) in text.char_indices() {
        used += character.width().unwrap_or(0);
        if used > most && at > 0 {
            // A line must not begin with `::`, which a CI runner takes for a command.
            let before = text[..at].trim_end_matches(':').len();
            return if text[at..].starts_with(':') && before > 0 { before } else { at };
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_line_is_wider_than_asked() {
        let text = format!("one two {} three {}", "x".repeat(50), "数".repeat(30));
        for line in wrap(&text, 20) {
            assert!(width(&line) <= 20, "{line}");
        }
        assert_eq!(wrap("", 20), [""]);
        assert_eq!(hanging(2, "Label", 7, "aaaa bbbb cccc", 18), ["  Label  aaaa bbbb", "         cccc"]);
    }
}
