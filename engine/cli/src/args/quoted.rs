//! Every command that the documents quote is understood by this program.

use std::path::{Path, PathBuf};

use clap::{CommandFactory, Parser};

use super::Cli;

/// The documents.
fn documents() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut files = vec![root.join("README.md")];
    for folder in ["docs", "docs/guides"] {
        let entries = std::fs::read_dir(root.join(folder)).unwrap().flatten().map(|entry| entry.path());
        let generated = |path: &PathBuf| path.ends_with("claims.md") || path.ends_with("peers.md");
        files.extend(entries.filter(|path| path.extension().is_some_and(|suffix| suffix == "md") && !generated(path)));
    }
    files
}

/// The commands in a text: lines of code blocks and spans of code that begin with the program's name.
fn commands(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut fenced = false;
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
            continue;
        }
        let indented = line.starts_with("    ");
        let spans: Vec<&str> =
            if fenced || indented { vec![line.trim()] } else { line.split('`').skip(1).step_by(2).collect() };
        for span in spans {
            // A remark, or what a shell does beside it.
            let span = span.split("  #").next().unwrap_or_default();
            for part in span.split("&&").flat_map(|part| part.split(" | ")).map(str::trim) {
                if part.starts_with("engine ") {
                    found.push(part.split(" > ").next().unwrap_or_default().trim().to_owned());
                }
            }
        }
    }
    found
}

/// What stands for something else is no command to be typed.
fn is_a_pattern(command: &str) -> bool {
    command.contains("..") || command.contains('[') || command.contains('<') || command.contains("run quick|")
}

#[test]
fn every_quoted_command_is_understood() {
    let known: Vec<String> = Cli::command().get_subcommands().map(|sub| sub.get_name().to_owned()).collect();
    let mut wrong = Vec::new();
    let mut count = 0;
    for file in documents() {
        for command in commands(&std::fs::read_to_string(&file).unwrap()) {
            let words = shell_words::split(&command).unwrap_or_else(|error| panic!("`{command}`: {error}"));
            let verb = words.get(1).map_or("", String::as_str);
            // Two words are a name, as in a sentence.
            let named = words.len() == 2 && known.iter().any(|name| name == verb) || command == "engine help COMMAND";
            if is_a_pattern(&command) || named {
                continue;
            }
            count += 1;
            if let Err(error) = Cli::try_parse_from(&words)
                && error.use_stderr()
            {
                let why = error.to_string();
                wrong.push(format!("{}: `{command}`: {}", file.display(), why.lines().next().unwrap_or_default()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(count > 60, "only {count} commands were found");
}

#[test]
fn commands_are_found_where_they_stand() {
    let text = "Say `engine init && engine doctor`, not `other`.\n\n    engine run full  # all of it\n\n```sh\nengine ab 'a' 'b' > x\n```\n";
    assert_eq!(commands(text), ["engine init", "engine doctor", "engine run full", "engine ab 'a' 'b'"]);
}
