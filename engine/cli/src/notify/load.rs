//! Reads `notify.toml` or `notify.json`; what is wrong is named with line and column.

use std::ops::Range;
use std::path::Path;

use engine_core::nearest::hint;
use engine_operate::Settings;
use engine_operate::settings::Wrong;
use toml::de::{DeTable, DeValue};

use crate::exit::{Exit, Fatal};

/// The settings with a line of explanation each.
#[cfg(test)]
const DOCUMENTED: &str = include_str!("../../../../config/notify.toml");

/// Reads a file; without one everything is off.
pub(super) fn settings(file: Option<&Path>) -> Result<Settings, Fatal> {
    let Some(path) = file else { return Ok(Settings::default()) };
    let text = std::fs::read_to_string(path)
        .map_err(|error| Fatal::new(Exit::Invalid, format!("{}: {error}", path.display())))?;
    let json = path.extension().is_some_and(|suffix| suffix == "json");
    let read = if json { from_json(&text) } else { from_toml(&text) };
    read.map_err(|problems| {
        let lines: Vec<String> = problems
            .into_iter()
            .map(|(place, message)| match place {
                Some((line, column)) => format!("{}:{line}:{column}: {message}", path.display()),
                None => format!("{}: {message}", path.display()),
            })
            .collect();
        Fatal::new(Exit::Invalid, lines.join("\n"))
    })
}

/// Line and column, from 1.
type Place = Option<(usize, usize)>;

type Problems = Vec<(Place, String)>;

fn from_toml(text: &str) -> Result<Settings, Problems> {
    let settings: Settings = toml::from_str(text)
        .map_err(|error| vec![(error.span().map(|span| position(text, span.start)), with_hint(error.message()))])?;
    let wrong = settings.wrong();
    if wrong.is_empty() {
        return Ok(settings);
    }
    let table = DeTable::parse(text).ok();
    let place = |key: &str| {
        let span = table.as_ref().and_then(|table| span(table.get_ref(), key))?;
        Some(position(text, span.start))
    };
    Err(wrong.into_iter().map(|Wrong { key, message }| (place(key), format!("`{key}` {message}"))).collect())
}

/// Where a key stands, or else its table.
fn span(table: &DeTable<'_>, key: &str) -> Option<Range<usize>> {
    let (first, rest) = key.split_once('.').map_or((key, None), |(first, rest)| (first, Some(rest)));
    let (name, value) = table.iter().find(|(name, _)| name.get_ref().as_ref() == first)?;
    match (rest, value.get_ref()) {
        (Some(rest), DeValue::Table(inner)) => span(inner, rest).or_else(|| Some(name.span())),
        _ => Some(name.span()),
    }
}

fn from_json(text: &str) -> Result<Settings, Problems> {
    let settings: Settings = serde_json::from_str(text).map_err(|error| {
        let message = error.to_string();
        let message = message.split(" at line ").next().unwrap_or(&message);
        vec![(Some((error.line(), error.column())), with_hint(message))]
    })?;
    let wrong = settings.wrong();
    if wrong.is_empty() {
        return Ok(settings);
    }
    let place = |key: &str| {
        // Keys are unlike each other, and a section stands before what is in it.
        let mut at = 0;
        for part in key.split('.') {
            at += text.get(at..)?.find(&format!("\"{part}\""))?;
        }
        Some(position(text, at))
    };
    Err(wrong.into_iter().map(|Wrong { key, message }| (place(key), format!("`{key}` {message}"))).collect())
}

fn position(text: &str, offset: usize) -> (usize, usize) {
    let before = text.get(..offset).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().map_or(0, |last| last.chars().count()) + 1;
    (line, column)
}

/// An unknown key with the nearest known one.
fn with_hint(message: &str) -> String {
    let Some(rest) = message.strip_prefix("unknown field `") else { return message.to_owned() };
    let Some((given, known)) = rest.split_once('`') else { return message.to_owned() };
    let known: Vec<&str> = known.split('`').skip(1).step_by(2).collect();
    format!("unknown key `{given}`{}; there are {}", hint(given, known.iter().copied()), known.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(name: &str, text: &str) -> Result<Settings, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        settings(Some(&path)).map_err(|error| error.message.replace(&folder.path().display().to_string(), ""))
    }

    #[test]
    fn the_documented_settings_are_the_defaults() {
        assert_eq!(read("notify.toml", DOCUMENTED).unwrap(), Settings::default());
        assert_eq!(settings(None).unwrap(), Settings::default());
    }

    #[test]
    fn every_commented_example_is_a_good_setting() {
        // What stands in comments as `"..."` or `[...]` after an empty value takes its place.
        let mut text = String::new();
        for line in DOCUMENTED.lines() {
            let commented = line.strip_prefix("# ").filter(|rest| {
                rest.starts_with('[')
                    || rest.starts_with("rules =")
                    || rest.starts_with("scenarios =")
                    || rest.starts_with("branches =")
            });
            let line = commented.unwrap_or(line);
            let example = line.split_once(" # ").and_then(|(setting, comment)| {
                let (name, value) = setting.split_once(" = ")?;
                let empty = ["\"\"", "[]"].contains(&value.trim());
                let start = comment.find(['"', '['])?;
                let open = comment[start..].chars().next()?;
                let close = if open == '[' { ']' } else { '"' };
                let end = start + 1 + comment[start + 1..].find(close)?;
                empty.then(|| format!("{name} = {}", &comment[start..=end]))
            });
            text += &example.unwrap_or_else(|| line.to_owned());
            text.push('\n');
        }
        let text = text.replace("enabled = false", "enabled = true").replace("user = \"\"", "user = \"engine\"");
        let settings = read("notify.toml", &text).unwrap();
        assert_eq!(settings.email.recipients.len(), 2, "{text}");
        assert_eq!(settings.email.only.rules.len(), 3);
        assert!(!settings.webhook.signing_key.is_empty() && !settings.command.command.is_empty());
    }

    #[test]
    fn what_is_wrong_is_named_with_line_and_column() {
        let wrong = |text: &str| read("notify.toml", text).unwrap_err();
        assert!(
            wrong("[email]\nhots = \"x\"\n").starts_with("/notify.toml:2:1: unknown key `hots`, did you mean `host`?")
        );
        assert!(wrong("[alerts]\n  fire_after = \"2\"\n").starts_with("/notify.toml:2:16: invalid type"));
        assert!(
            wrong("[slack]\nenabled = true\n  webhook_url = \"https://x\"\n")
                .starts_with("/notify.toml:3:3: `slack.webhook_url` is a secret")
        );
        assert!(wrong("[email]\npassword = \"${env}\"\n").starts_with("/notify.toml:2:12: `${env}` names no secret"));
        assert!(wrong("[email\n").starts_with("/notify.toml:1:"));
        let two = wrong("[alerts]\nruns = \"x\"\nper_hour = 0\n");
        assert!(two.contains(":2:1: `alerts.runs`") && two.contains(":3:1: `alerts.per_hour`"), "{two}");
    }

    #[test]
    fn json_with_the_same_keys_is_read() {
        let good = r#"{"alerts": {"per_hour": 5}, "slack": {"enabled": true, "webhook_url": "${env:S}"}}"#;
        assert_eq!(read("notify.json", good).unwrap().alerts.per_hour, 5);
        let wrong = |text: &str| read("notify.json", text).unwrap_err();
        assert!(wrong("{\"email\": {\n \"hots\": 1}}").starts_with("/notify.json:2:"));
        assert!(
            wrong("{\"slack\": {\n  \"enabled\": true}}").starts_with("/notify.json:1:2: `slack.webhook_url`")
                || wrong("{\"slack\": {\n  \"enabled\": true}}").contains("`slack.webhook_url`")
        );
        assert!(
            wrong("{\"slack\": {\n  \"webhook_url\": \"https://x\"}}")
                .starts_with("/notify.json:2:3: `slack.webhook_url`")
        );
    }
}
