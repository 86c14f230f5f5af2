//! The page `docs/troubleshooting.md`: made from the tables behind `engine explain`, and from messages that say what to do in
//! more words than fit into them.

use std::fmt::Write as _;

use engine_script::codes;

use super::explain::WORDS;
use crate::exit::MEANINGS;

/// Messages: a piece of the text, why it comes, what to do. A test sees that the sources still say each.
pub(crate) const MESSAGES: &[(&str, &str, &str)] = &[
    (
        "no built-in scenario",
        "The word after `engine run` is neither a built-in scenario nor a file: a file has a `/` or the suffix `.rhai`.",
        "`engine list scenarios` shows the built-in ones.",
    ),
    (
        "allow it with",
        "The scenario wants something that nobody granted: a host, a program, a folder, a variable.",
        "Give the flag that the message names, or the same under `[permissions]` in the configuration.",
    ),
    (
        "pins something else",
        "The scenario stands under `engine.lock`, and one of its texts, the standard library or the engine has changed.",
        "Look at the change, then `engine pin`.",
    ),
    (
        "cannot go on",
        "`--resume` goes on only with the same scenario, engine and machine.",
        "Run the scenario again; the partial run stays.",
    ),
    (
        "is complete: there is nothing to resume",
        "The run has everything that was planned.",
        "`engine run SCENARIO` makes a new one; `engine run SCENARIO --budget 45m` measures longer.",
    ),
    (
        "there is no accepted run to compare with yet",
        "An automatic baseline needs accepted runs of this scenario, branch and machine.",
        "Run it a few times, or name a run: `--baseline @-2`.",
    ),
    (
        "the runs are not comparable",
        "They are of unlike machines or environments, or a probe measures by another method now.",
        "The comparison names the difference; `engine compare OLD NEW --allow-unlike` compares all the same.",
    ),
    (
        "cannot make the folder for test files",
        "The temporary folder is full, read-only or another user's.",
        "Set `run.scratch` in the configuration to a folder on the device to be measured.",
    ),
    (
        "cannot write",
        "A report or the file of the results has no room or no permission where it is to go.",
        "Name another folder with `--out DIR`, another file with `--db FILE`.",
    ),
    (
        "the generator was late",
        "The machine that sends the load was too busy, so a part of the latency is its own.",
        "Lower the rate, give the generator more processors, or run the target elsewhere.",
    ),
    (
        "a longer load would decide it",
        "Too few requests for a share so small: the interval lies on both sides of the limit.",
        "A longer `duration`, a higher rate, or a limit that can be decided.",
    ),
    (
        "the process that ran it ended without finishing it",
        "The run was killed, or the machine went down. What it had stored is there.",
        "`engine run --resume RUN` goes on with it.",
    ),
];

/// The page.
pub(super) fn page() -> String {
    let mut page = String::from(
        "# Troubleshooting\n\nMade by `engine explain --markdown`; `engine explain WORD` says the same on the terminal.\n\n\
         ## By exit code\n\nWhen several apply, the first in this order is returned: 130, 143, 1, 2, 3, 30, 20, 21, 40, 13, 14, 11, 10, 12, \
         31, 4.\n\n| code | name | why | what to do |\n|---:|---|---|---|\n",
    );
    for meaning in &MEANINGS {
        row(&mut page, &[&meaning.code.to_string(), meaning.name, meaning.cause, meaning.fix]);
    }
    page.push_str("\n## By message\n\n| the message says | why | what to do |\n|---|---|---|\n");
    for (text, cause, fix) in MESSAGES {
        row(&mut page, &[&format!("`{text}`"), cause, fix]);
    }
    page.push_str("\n## By word of a report\n\n| word | means | what to do |\n|---|---|---|\n");
    for (word, cause, fix) in WORDS {
        row(&mut page, &[word, cause, fix]);
    }
    page.push_str(
        "\n## By code of a script diagnostic\n\n`engine explain CODE` also shows an example with its repair.\n\n\
         | code | why | what to do |\n|---|---|---|\n",
    );
    for doc in codes::CODES {
        row(&mut page, &[&format!("`{}`", doc.code), doc.cause, doc.remedy]);
    }
    page
}

fn row(page: &mut String, cells: &[&str]) {
    let cells: Vec<String> = cells.iter().map(|cell| cell.replace('|', "\\|").replace('\n', " ")).collect();
    // Writing to a string does not fail.
    let _ = writeln!(page, "| {} |", cells.join(" | "));
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The text of all sources of the workspace, without line breaks within literals.
    fn sources(folder: &std::path::Path, all: &mut String) {
        for entry in std::fs::read_dir(folder).unwrap().flatten() {
            let path = entry.path();
            if path.is_dir() && entry.file_name() != "target" && entry.file_name() != "tests" {
                sources(&path, all);
            } else if path.extension().is_some_and(|suffix| suffix == "rs") && !path.ends_with("cmd/trouble.rs") {
                all.push_str(&std::fs::read_to_string(&path).unwrap());
            }
        }
    }

    #[test]
    fn every_message_of_the_page_is_still_said() {
        let mut all = String::new();
        sources(&std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(".."), &mut all);
        for (text, ..) in MESSAGES {
            assert!(all.contains(text), "nothing says `{text}` any more");
        }
    }
}
