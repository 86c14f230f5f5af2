//! Notices as text: what every channel says, in the same words. All of it is cleaned, because names come from scenarios.

use engine_core::notice::{Item, Notice, NoticeKind};
use engine_report::clean::{clip, line};
use std::fmt::Write as _;

/// Longest subject, in columns.
const SUBJECT: usize = 140;

/// More items than this are counted, not shown.
const MOST: usize = 40;

/// One line: what it is about.
#[must_use]
pub fn subject(notice: &Notice) -> String {
    let mark = match notice.kind {
        NoticeKind::Alert => "alert",
        NoticeKind::Recovery => "well again",
        NoticeKind::Environment => "environment changed",
        NoticeKind::Missing => "run missing",
        NoticeKind::Review => "review",
        NoticeKind::Test => "test",
    };
    clip(&format!("[engine] {mark}: {}", notice.title), SUBJECT)
}

/// A few words, for where there is little room.
#[must_use]
pub fn short(notice: &Notice) -> String {
    let mut lines: Vec<String> = notice.items.iter().take(3).map(|item| clip(&head(item), 120)).collect();
    if notice.items.len() > 3 {
        lines.push(format!("and {} more", notice.items.len() - 3));
    }
    if lines.is_empty() {
        lines = remarks(notice).into_iter().take(2).collect();
    }
    lines.join("\n")
}

/// What stands before the items: where, which run, remarks.
#[must_use]
pub fn remarks(notice: &Notice) -> Vec<String> {
    let mut lines = Vec::new();
    let mut place = format!("{} on {}", notice.suite, notice.machine);
    if let Some(branch) = &notice.branch {
        let _ = write!(place, ", branch {branch}");
    }
    if let Some(run) = &notice.run {
        let _ = write!(place, ", run {}", run.short());
    }
    if notice.kind != NoticeKind::Test {
        lines.push(line(&place));
    }
    lines.extend(notice.remarks.iter().map(|remark| line(remark)));
    lines
}

/// The title of an item.
#[must_use]
pub fn head(item: &Item) -> String {
    let state = if item.recovered { "well again" } else { item.rule.name() };
    line(&format!("{state}: {}", item.subject))
}

/// What an item says, by name.
#[must_use]
pub fn lines(item: &Item) -> Vec<(&'static str, String)> {
    let mut all = vec![("what", line(&item.what))];
    for (name, text) in [("how much", &item.size), ("since", &item.since), ("compared with", &item.against)] {
        all.extend(text.as_ref().map(|text| (name, line(text))));
    }
    all.extend(item.causes.iter().map(|cause| ("probable cause", line(cause))));
    all
}

/// The commands to look closer.
#[must_use]
pub fn look(item: &Item) -> Vec<String> {
    item.look.iter().map(|command| line(command)).collect()
}

/// All of it as plain text.
#[must_use]
pub fn text(notice: &Notice) -> String {
    let mut all = remarks(notice).join("\n");
    for item in notice.items.iter().take(MOST) {
        let _ = write!(all, "\n\n{}\n", head(item));
        for (name, text) in lines(item) {
            let _ = writeln!(all, "  {name}: {text}");
        }
        for command in look(item) {
            let _ = writeln!(all, "  look closer: {command}");
        }
    }
    if notice.items.len() > MOST {
        let _ = write!(all, "\n\nand {} more: engine alerts list\n", notice.items.len() - MOST);
    }
    if let Some(link) = &notice.link {
        let _ = write!(all, "\n\n{}\n", line(link));
    }
    all.trim_start().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::sample;

    #[test]
    fn a_message_says_what_how_much_since_when_against_what_why_and_where_to_look() {
        let text = text(&sample());
        for part in [
            "nightly on m1, branch main, run 01jd0000000000",
            "change-point: triad.rate{threads=8}",
            "what: it got worse",
            "how much: -8.1 % (95 %: -9.0 to -7.2 %)",
            "since: run 01jd0000000000",
            "compared with: the level of the 40 runs before",
            "probable cause: the code changed",
            "look closer: engine explain v7k2m9x1",
            "http://127.0.0.1:5000/",
        ] {
            assert!(text.contains(part), "{part} is not in\n{text}");
        }
    }

    #[test]
    fn no_name_breaks_a_line_or_commands_a_terminal() {
        let mut notice = sample();
        notice.title = "x\r\nBcc: all@example.org".to_owned();
        notice.items[0].subject = "a\u{1b}[31m\u{202e}b\nc".to_owned();
        assert_eq!(subject(&notice).lines().count(), 1);
        let text = text(&notice);
        assert!(!text.contains('\u{1b}') && !text.contains('\u{202e}') && !text.contains("b\nc"), "{text}");
    }
}
