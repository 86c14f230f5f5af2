//! `engine explain`: what an exit code, a verdict, a state or the code of a diagnostic means, and what to do; and what a
//! verdict that was shown rests on.

use engine_core::nearest::hint;
use engine_script::codes;

use crate::app::App;
use crate::exit::{Exit, Fatal, MEANINGS};

/// Words that reports use, with their meaning and what to do.
pub(super) const WORDS: &[(&str, &str, &str)] = &[
    (
        "better",
        "The whole interval of the change lies beyond the smallest effect that counts, in the good direction.",
        "",
    ),
    (
        "worse",
        "The whole interval of the change lies beyond the smallest effect that counts, in the bad direction.",
        "`engine compare` shows the intervals; with `--fail-on regression` it is exit 11.",
    ),
    ("equivalent", "The whole interval of the change lies within the smallest effect that counts.", ""),
    (
        "unsure",
        "The interval of an expectation lies on both sides of its limit, or there are fewer than 5 rounds.",
        "More `rounds`, a quieter machine, or `--unsure pass|fail`.",
    ),
    ("valid", "Nothing is known against the numbers of the run.", ""),
    (
        "degraded",
        "Something disturbed the run: the reasons stand beside the word and under Diagnostics.",
        "Run again on a quieter machine; the disturbed rounds are marked, none is dropped.",
    ),
    (
        "invalid",
        "The numbers of the run must not be used: the reasons stand beside the word.",
        "Remove the cause and run again.",
    ),
    ("complete", "Everything that was planned is there.", ""),
    (
        "crashed",
        "The engine ended by an error of its own.",
        "Run again with `--log FILE` and report it with that file.",
    ),
    (
        "tainted",
        "A round during which the machine was disturbed: steal, pressure, migrations, preemption, throttling, or a drifting clock.",
        "It was taken again; when that was disturbed too, it counts and is marked.",
    ),
    ("skipped", "The machine lacks what the step needs. A skip is no failure; it names the reason and the remedy.", ""),
];

/// Prints an alert with its life, and what the verdict behind it rests on.
fn alert(app: &App, store: &engine_store::Store, id: &str) -> Result<bool, Fatal> {
    let alert = store.alert(id)?;
    let verdict = alert.verdict.as_deref().map(|id| store.verdict(id)).transpose()?.flatten();
    let explanation = verdict.as_ref().map(|found| engine_analysis::evidence::explain(&found.evidence));
    if app.output.json {
        let document = serde_json::json!({
            "schema_version": 1, "alert": alert, "explanation": explanation,
            "evidence": verdict.as_ref().map(|found| &found.evidence),
        });
        app.out(&document.to_string());
        return Ok(true);
    }
    app.out(&engine_report::text::alert(&alert, &engine_report::TimeZone::system(), app.style()));
    app.out(&format!("\n{}", meaning(alert.rule)));
    if let Some(explanation) = explanation {
        app.out(&format!("\n{}", engine_report::text::explanation(&explanation, app.style())));
    }
    Ok(true)
}

/// What raises alerts of a rule, and what resolves them.
const fn meaning(rule: engine_core::alert::Rule) -> &'static str {
    use engine_core::alert::Rule;
    match rule {
        Rule::Expectation => {
            "Raised where an expectation fails (firing) or is unsure (pending); a run in which it holds resolves it."
        }
        Rule::Verdict => {
            "Raised where a series is worse than the baseline of a run; a run in which it is equivalent or better resolves it, \
             an inconclusive one does not."
        }
        Rule::ChangePoint => {
            "Raised where the history of a series got worse: pending while a few runs show it, firing once it is confirmed; \
             resolved when the change is made good, accepted, or no longer seen."
        }
        Rule::Health => {
            "Raised where the machine was beyond a limit of the settings during a run; a healthy run resolves it."
        }
        Rule::Failure => "Raised where a step or a run failed; a run in which it does not resolves it.",
        Rule::Environment => {
            "Raised where the machine or its software is not what it was in the run before; the next run on the same resolves \
             it. Changes of level that begin with it are counted in with its one notice."
        }
        Rule::MissingRun => {
            "Raised where a scheduled run did not come in time, or gave no result; the next run of the schedule resolves it."
        }
    }
}

/// Prints what a verdict rests on, where a text is the id of one.
fn verdict(app: &App, id: &str) -> Result<bool, Fatal> {
    let looks_like_one = id.len() == 8 && id.starts_with(['v', 'a']) && id.bytes().all(|b| b.is_ascii_alphanumeric());
    if !looks_like_one {
        return Ok(false);
    }
    let store = app.reader()?;
    if id.starts_with('a') {
        return alert(app, &store, id);
    }
    let Some(found) = store.verdict(id)? else {
        let hint = store.verdict_hint(id)?;
        let hint = if hint.is_empty() {
            "; `engine compare` and `engine trend` show the ids of theirs".to_owned()
        } else {
            hint
        };
        return Err(Fatal::usage(format!("no verdict `{id}` is stored{hint}")));
    };
    let explanation = engine_analysis::evidence::explain(&found.evidence);
    if app.output.json {
        let document = serde_json::json!({
            "schema_version": 1, "id": found.id, "shown_by": found.kind, "series": found.evidence.selector(),
            "explanation": explanation, "evidence": found.evidence,
        });
        app.out(&document.to_string());
    } else {
        app.out(&engine_report::text::explanation(&explanation, app.style()));
    }
    Ok(true)
}

/// Prints one meaning, or the table.
pub(crate) fn run(app: &App, what: Option<&str>) -> Result<Exit, Fatal> {
    let Some(what) = what else {
        for meaning in &MEANINGS {
            app.out(&format!("{:>4}  {:<32} {}", meaning.code, meaning.name, meaning.cause));
        }
        let words: Vec<&str> = WORDS.iter().map(|(word, ..)| *word).collect();
        app.out(&format!("\nWords of reports: {}", words.join(", ")));
        let codes: Vec<&str> = codes::CODES.iter().map(|doc| doc.code).collect();
        app.out(&format!("\nCodes of script diagnostics: {}", codes.join(", ")));
        return Ok(Exit::Pass);
    };
    let wanted = what.to_lowercase();
    if let Some(m) = MEANINGS.iter().find(|m| m.code.to_string() == wanted || m.name == wanted) {
        app.out(&format!("{} {}\n\n{}\n{}", m.code, m.name, m.cause, m.fix));
        return Ok(Exit::Pass);
    }
    if let Some((word, cause, fix)) = WORDS.iter().find(|(word, ..)| *word == wanted) {
        app.out(&format!("{word}\n\n{cause}\n{fix}"));
        return Ok(Exit::Pass);
    }
    if let Some(doc) = codes::explained(&wanted) {
        app.out(&format!("{}\n\n{}\n{}", doc.code, doc.cause, doc.remedy));
        for (title, text) in [("Wrong", doc.wrong), ("Right", doc.right)].iter().filter(|(_, text)| !text.is_empty()) {
            app.out(&format!("\n{title}:\n    {}", text.replace('\n', "\n    ")));
        }
        return Ok(Exit::Pass);
    }
    if verdict(app, &wanted)? {
        return Ok(Exit::Pass);
    }
    let known = MEANINGS.iter().map(|m| m.name).chain(WORDS.iter().map(|(word, ..)| *word));
    let known = known.chain(codes::CODES.iter().map(|doc| doc.code));
    let hint = hint(&wanted, known);
    Err(Fatal::usage(format!("nothing is known about `{what}`{hint}; `engine explain` lists what is")))
}
