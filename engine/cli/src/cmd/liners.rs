//! The one-liners `engine time`, `engine probe` and `engine http`: each is a scenario, which `--print-scenario` shows.

use engine_core::args::ArgValue;
use engine_core::nearest::hint;
use engine_core::quantity::Quantity;
use engine_core::unit::Dimension;

use crate::app::{self, App};
use crate::args::{Allow, HttpArgs, OneLine, ProbeArgs, Reading, TimeArgs};
use crate::exit::{Exit, Fatal};
use crate::journey::split_url;
use crate::journey::write::text;
use crate::pipeline::{self, Request};
use crate::source;

/// `engine time 'A' 'B'`: the commands as cases, interleaved, the first as the reference.
pub(crate) fn time(app: &App, args: &TimeArgs) -> Result<Exit, Fatal> {
    let mut commands = Vec::new();
    for command in expand(args)? {
        let words = shell_words::split(&command)
            .map_err(|error| Fatal::usage(format!("`{command}`: {error}; put it into single quotes")))?;
        if words.is_empty() {
            return Err(Fatal::usage("a command is empty"));
        }
        commands.push((command, words));
    }
    let rounds = args.rounds.map_or_else(|| "[10, 50]".to_owned(), |rounds| rounds.to_string());
    let cases: Vec<String> = commands
        .iter()
        .map(|(name, words)| {
            let words: Vec<String> = words.iter().map(|word| text(word)).collect();
            format!("    #{{ name: {}, argv: [{}] }},\n", text(name), words.join(", "))
        })
        .collect();
    let several = commands.len() > 1;
    let reference = if several { format!("reference: {}, ", text(&commands[0].0)) } else { String::new() };
    let script = format!(
        "//! {}\nsuite(\"time\", #{{ rounds: {rounds} }});\nlet cases = [\n{}];\n\
         bench(\"time\", #{{ cases: cases, {reference}until: \"1 %\", warmup: {} }},\n    \
         |c| command(c.argv, #{{ ignore_failure: {} }}));\n",
        if several { "Which command is faster?" } else { "How long does the command take?" },
        cases.concat(),
        args.warmup,
        args.ignore_failure,
    );
    // What is typed on the command line is meant to be run.
    let allow = Allow { allow_run: commands.iter().map(|(_, words)| words[0].clone()).collect(), ..Allow::default() };
    go(app, &script, Reading { allow, ..Reading::default() }, &args.one, None)
}

/// The commands with every `{NAME}` of `-L NAME a,b,c` replaced: the cross product.
fn expand(args: &TimeArgs) -> Result<Vec<String>, Fatal> {
    let mut commands = args.commands.clone();
    for pair in args.list.chunks(2) {
        let [name, values] = pair else { continue };
        let place = format!("{{{name}}}");
        if !commands.iter().any(|command| command.contains(&place)) {
            return Err(Fatal::usage(format!("`-L {name}`: no command contains `{place}`")));
        }
        commands = commands
            .iter()
            .flat_map(|command| {
                let values: Vec<&str> = if command.contains(&place) { values.split(',').collect() } else { vec![""] };
                values.into_iter().map(|value| command.replace(&place, value)).collect::<Vec<_>>()
            })
            .collect();
    }
    let mut seen = std::collections::BTreeSet::new();
    match commands.iter().find(|command| !seen.insert((*command).clone())) {
        Some(twice) => Err(Fatal::usage(format!("`{twice}` is there twice: a case needs a name of its own"))),
        None => Ok(commands),
    }
}

/// `engine probe ID k=v`.
pub(crate) fn probe(app: &App, args: &ProbeArgs) -> Result<Exit, Fatal> {
    let probes = engine_probes::registry::registry();
    let Some(probe) = probes.iter().find(|probe| probe.info.id == args.id) else {
        let hint = hint(&args.id, probes.iter().map(|probe| probe.info.id));
        return Err(Fatal::usage(format!("no probe `{}`{hint}; `engine list probes` shows all", args.id)));
    };
    let mut given = std::collections::BTreeMap::new();
    for option in &args.options {
        let (name, value) = app::pair(&args.id, option)?;
        given.insert(name, ArgValue::Text(value));
    }
    probe.info.args(&given, false).map_err(|error| Fatal::usage(error.to_string()))?;
    let options: Vec<String> = given.iter().map(|(name, value)| format!("{name}: {}", literal(value))).collect();
    let call = args.id.replacen('.', "::", 1);
    let options = if options.is_empty() { String::new() } else { format!("#{{ {} }}", options.join(", ")) };
    let rounds = args.rounds.map_or_else(|| "[5, 30]".to_owned(), |rounds| rounds.to_string());
    let script = format!(
        "//! {}\nsuite(\"probe\", #{{ rounds: {rounds} }});\nbench(#{{ until: \"2 %\" }}, {call}({options}));\n",
        probe.info.summary
    );
    go(app, &script, Reading::default(), &args.one, args.machine.as_deref())
}

/// `engine http URL`: one request again and again, at a rate or by so many users.
pub(crate) fn http(app: &App, args: &HttpArgs) -> Result<Exit, Fatal> {
    let script = http_script(args).map_err(Fatal::usage)?;
    let allow = Allow { allow_net: args.allow_net.clone(), ..Allow::default() };
    go(app, &script, Reading { allow, seed: args.seed, ..Reading::default() }, &args.one, None)
}

/// The scenario of `engine http`.
fn http_script(args: &HttpArgs) -> Result<String, String> {
    let (origin, path) = split_url(&args.url)?;
    let quantity = |flag: &str, value: &str, dimension, like: &str| match value.parse::<Quantity>() {
        Ok(found) if found.dimension == dimension && found.value > 0.0 => Ok(()),
        _ => Err(format!("`{flag}` must be {like}, got `{value}`")),
    };
    quantity("-d", &args.duration, Dimension::TIME, "a time such as `30 s`")?;
    let mut load = vec![format!("target: {}", text(&origin))];
    let model = match &args.rate {
        Some(rate) => {
            quantity("-r", rate, Dimension::PER_TIME, "a rate such as `200/s`")?;
            let spaced = if args.poisson { format!("poisson({})", text(rate)) } else { text(rate) };
            load.push(format!("arrivals: {spaced}"));
            format!("at {rate}")
        }
        None => {
            load.push(format!("users: {}", args.users));
            format!("by {} users", args.users)
        }
    };
    load.push(format!("duration: {}", text(&args.duration)));
    if let Some(warmup) = &args.warmup {
        quantity("--warmup", warmup, Dimension::TIME, "a time such as `5 s`")?;
        load.push(format!("warmup: {}", text(warmup)));
    }
    if let Some(timeout) = &args.timeout {
        quantity("--timeout", timeout, Dimension::TIME, "a time such as `5 s`")?;
        load.push(format!("timeout: {}", text(timeout)));
    }
    if args.insecure {
        load.push("insecure: true".to_owned());
    }
    if !args.expect.is_empty() {
        let all: Vec<String> = args.expect.iter().map(|expect| text(expect)).collect();
        load.push(format!("expect: [{}]", all.join(", ")));
    }
    let has_body = args.body.is_some() || args.json_body.is_some();
    let method = args.method.as_deref().unwrap_or(if has_body { "POST" } else { "GET" }).to_ascii_uppercase();
    let mut options = Vec::new();
    let mut headers = Vec::new();
    for header in &args.header {
        let (name, value) = header.split_once(':').ok_or_else(|| format!("`-H {header}` must be NAME: VALUE"))?;
        headers.push(format!("{}: {}", text(name.trim()), text(value.trim())));
    }
    if let Some(json) = &args.json_body {
        serde_json::from_str::<serde::de::IgnoredAny>(json)
            .map_err(|error| format!("`--json-body` is not JSON: {error}"))?;
        headers.push("\"Content-Type\": \"application/json\"".to_owned());
    }
    if !headers.is_empty() {
        options.push(format!("headers: #{{ {} }}", headers.join(", ")));
    }
    if let Some(body) = args.body.as_ref().or(args.json_body.as_ref()) {
        options.push(format!("body: {}", text(body)));
    }
    let options = if options.is_empty() { String::new() } else { format!(", #{{ {} }}", options.join(", ")) };
    let call = match method.as_str() {
        "GET" | "POST" | "PUT" | "DELETE" => format!("user.{}({}{options})", method.to_ascii_lowercase(), text(&path)),
        other => format!("user.request({}, {}{options})", text(other), text(&path)),
    };
    Ok(format!(
        "//! {method} {} {model} for {}.\nsuite(\"http\");\nload(\"http\", #{{\n    {},\n    journey: |user| {{ {call}; }},\n}});\n",
        args.url.replace(['\n', '\r'], " "),
        args.duration,
        load.join(",\n    "),
    ))
}

/// Runs the scenario that a line is, or shows it.
fn go(app: &App, script: &str, reading: Reading, one: &OneLine, machine: Option<&str>) -> Result<Exit, Fatal> {
    if one.print_scenario {
        app.out(script);
        return Ok(Exit::Pass);
    }
    let reading = Reading { profile: one.profile.clone(), ..reading };
    let mut request = Request::new(app, source::given(script), &reading)?;
    request.storing = one.storing.clone();
    request.machine = machine.map(str::to_owned);
    pipeline::run(app, request)
}

/// A word of the command line as a script literal: counts and truth values are bare, all else is text.
fn literal(value: &ArgValue) -> String {
    let word = value.to_string();
    let bare = word == "true"
        || word == "false"
        || (!word.is_empty() && word.bytes().all(|b| b.is_ascii_digit() || b == b'_'));
    if bare { word } else { text(&word) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_become_literals() {
        assert_eq!(text("a \"b\" \\ \n"), "\"a \\\"b\\\" \\\\ \\n\"");
        assert_eq!(literal(&ArgValue::Text("64".into())), "64");
        assert_eq!(literal(&ArgValue::Text("4 KiB".into())), "\"4 KiB\"");
    }
}
