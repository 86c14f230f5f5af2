//! `engine ab 'A' 'B' [SCENARIO]`: two builds in one job, in alternation, the only fair comparison on a noisy runner. It
//! is a scenario with two cases, which `--print-scenario` shows.

use engine_core::comparison::CaseRatio;
use engine_core::judgement::Verdict;
use engine_core::run::RunRecord;
use engine_core::step::Outcome;
use engine_script::Source;

use crate::app::App;
use crate::args::{AbArgs, FailOn};
use crate::exit::{Exit, Fatal};
use crate::journey::write::text;
use crate::pipeline::{self, Request};
use crate::source;

/// Runs both builds.
pub(crate) fn run(app: &App, args: &AbArgs) -> Result<Exit, Fatal> {
    let mut words = Vec::new();
    for command in [&args.a, &args.b] {
        let split = shell_words::split(command)
            .map_err(|error| Fatal::usage(format!("`{command}`: {error}; put it into single quotes")))?;
        if split.is_empty() {
            return Err(Fatal::usage("a command is empty"));
        }
        words.push(split);
    }
    let (script, base) = match &args.scenario {
        None => (of_commands(args, &words), None),
        Some(name) => of_scenario(args, name)?,
    };
    if args.print_scenario {
        app.out(&script);
        return Ok(Exit::Pass);
    }
    let mut reading = args.reading.clone();
    // What is typed on the command line is meant to be run.
    reading.allow.allow_run.extend(words.iter().map(|words| words[0].clone()));
    if args.scenario.is_some() {
        let own = std::mem::take(&mut reading.params);
        let of_both = own.iter().flat_map(|given| ["A", "B"].map(|case| format!("{case}/{given}")));
        reading.params = of_both.collect();
    }
    let source = match base {
        Some(base) => Source::Text { name: "ab".to_owned(), text: script, base },
        None => source::given(&script),
    };
    let mut request = Request::new(app, source, &reading)?;
    request.storing = args.storing.clone();
    request.fail_on.clone_from(&args.fail_on);
    request.cases = true;
    pipeline::run(app, request)
}

/// The commands themselves as cases.
fn of_commands(args: &AbArgs, words: &[Vec<String>]) -> String {
    let rounds = args.rounds.map_or_else(|| "[10, 50]".to_owned(), |rounds| rounds.to_string());
    let cases: String = ["A", "B"]
        .iter()
        .zip(words)
        .map(|(case, words)| {
            let words: Vec<String> = words.iter().map(|word| text(word)).collect();
            format!("    #{{ name: \"{case}\", argv: [{}] }},\n", words.join(", "))
        })
        .collect();
    format!(
        "//! {}\nsuite(\"ab\", #{{ rounds: {rounds} }});\nlet cases = [\n{cases}];\n\
         bench(\"ab\", #{{ cases: cases, reference: \"A\", until: \"1 %\", warmup: 1 }}, |c| command(c.argv));\n",
        title(args)
    )
}

/// A scenario twice, with the command of each build as its parameter; and the folder in which it stands.
fn of_scenario(args: &AbArgs, name: &str) -> Result<(String, Option<std::path::PathBuf>), Fatal> {
    let source = source::named(name)?;
    let (included, base) = match &source {
        Source::File(path) => {
            let file = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
            (file, Some(source::folder(&source)))
        }
        Source::Embedded(name) => (name.clone(), None),
        Source::Text { .. } => return Err(Fatal::usage("`engine ab` takes a scenario from a file")),
    };
    let one = |case: &str, command: &str| {
        format!(
            "include({}, #{{ case: \"{case}\", reference: \"A\", params: #{{ {}: {} }} }});\n",
            text(&included),
            text(&args.into),
            text(command)
        )
    };
    let script = format!("//! {}\nsuite(\"ab\");\n{}{}", title(args), one("A", &args.a), one("B", &args.b));
    Ok((script, base))
}

/// What the report says was compared.
fn title(args: &AbArgs) -> String {
    let line = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    format!("Two builds side by side: A is `{}`, B is `{}`.", line(&args.a), line(&args.b))
}

/// What `--fail-on` makes of cases: the first metric of each step decides, so that a dozen metrics do not give a dozen
/// chances of a false alarm.
pub(crate) fn against_reference(record: &RunRecord, cases: &[CaseRatio], fail_on: &[FailOn]) -> Vec<(Exit, String)> {
    let decides = |ratio: &&CaseRatio| {
        let steps = record.steps.iter().filter(|step| step.plan.name == ratio.step);
        steps.filter_map(|step| step.primary()).any(|primary| primary.metric.id == ratio.metric.id)
    };
    let first: Vec<&CaseRatio> = cases.iter().filter(decides).collect();
    let named = |verdict: Verdict| -> Vec<String> {
        let of = first.iter().filter(|ratio| ratio.verdict == verdict);
        of.map(|ratio| format!("{}.{}: {}", ratio.step, ratio.metric.id, ratio.reason)).collect()
    };
    let mut causes = Vec::new();
    let worse = named(Verdict::Worse);
    if fail_on.contains(&FailOn::Regression) && !worse.is_empty() {
        causes.push((Exit::Regression, format!("B is worse than A: {}", worse.join("; "))));
    }
    let mut open = named(Verdict::Inconclusive);
    let measured = record.steps.iter().any(|step| step.outcome == Some(Outcome::Measured));
    if first.is_empty() && measured {
        open.push("no step was measured with both builds".to_owned());
    }
    if fail_on.contains(&FailOn::Inconclusive) && !open.is_empty() {
        causes.push((Exit::Inconclusive, format!("it is not sure whether B differs from A: {}", open.join("; "))));
    }
    causes
}
