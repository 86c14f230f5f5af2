//! The functions that are written by hand, each with an example that a test runs.

use super::journeys::JOURNEYS;

/// A function as documents show it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Written {
    /// Module, or nothing.
    pub(crate) module: &'static str,
    pub(crate) name: &'static str,
    pub(crate) signature: &'static str,
    pub(crate) doc: &'static str,
    /// A whole scenario; `#PROBE` stands for a spec of the first probe there is.
    pub(crate) example: &'static str,
}

pub(super) const fn written(
    module: &'static str,
    name: &'static str,
    signature: &'static str,
    doc: &'static str,
    example: &'static str,
) -> Written {
    Written { module, name, signature, doc, example }
}

/// All of them, in the order of the documents.
pub(crate) const WRITTEN: &[Written] = &joined::<{ BASE.len() + JOURNEYS.len() }>();

const fn joined<const N: usize>() -> [Written; N] {
    let mut all = [BASE[0]; N];
    let mut at = 0;
    while at < N {
        all[at] = if at < BASE.len() { BASE[at] } else { JOURNEYS[at - BASE.len()] };
        at += 1;
    }
    all
}

/// What is there for every step.
const BASE: &[Written] = &[
    written(
        "",
        "suite",
        "suite(name, #{ options })",
        "Names the scenario and sets what its steps start from. Comes before the first step.",
        "suite(\"health\", #{ budget: \"5 min\", rounds: 5, tags: [\"ci\"] });\nbench(#PROBE);",
    ),
    written(
        "",
        "bench",
        "bench(name, #{ options }, spec or |point| spec)",
        "Declares a step that runs a spec: a probe or a command. The name defaults to the probe's id. With `sweep` or `cases` it is one step for each point, and a function makes the spec of each.",
        "bench(\"step\", #{ rounds: [5, 30], until: \"1 %\", expect: [\"median < 1 h\"] }, #PROBE);",
    ),
    written(
        "",
        "custom",
        "custom(name, #{ options }, || ..)",
        "Declares a step that runs script code: what it times and records are the step's metrics. Captured values are copied when it is declared. The function runs in the engine's own process, so there is no `isolate`: what needs a process of its own is a probe or a command.",
        "custom(\"squares\", #{ rounds: 10, sweep: #{ n: [10, 100] } }, |p| {\n    timed(\"loop\", || { let sum = 0; for i in 0..p.n { sum += i * i; } sum });\n});",
    ),
    written(
        "",
        "stress",
        "stress(name, #{ options }, spec or load or |point| ..)",
        "Declares a step that measures something in the quiet and beside stressors, in turn: how much slower it is (`slowdown`, with the interval over rounds) for each background and intensity, and what the stressors did. What is measured may stand in `measure` or at the end; without it the stressors themselves are held and looked at. Without `rounds` it takes five.",
        "stress(\"noise\", #{ background: [stress::cpu(), [stress::cache(), stress::timers()]], intensity: [50, 100], measure: #PROBE, expect: [\"slowdown{background=cpu} < 10\"] });",
    ),
    written(
        "",
        "command",
        "command([program, arguments..], #{ options })",
        "The spec of running a program: its time, memory and exit code. Needs `--allow-run=PROGRAM`.",
        "bench(\"version\", command([\"git\", \"--version\"]));",
    ),
    written(
        "",
        "measure",
        "measure(spec)",
        "Runs a spec now, inside `custom`, and gives its metrics: `m.rate`, `m[\"rate\"]`, `m.get(\"rate\", other)`, `m.has(\"rate\")`.",
        "custom(\"both\", || { let m = measure(#PROBE); });",
    ),
    written(
        "",
        "timed",
        "timed(name, #{ times: n }, || ..)",
        "Times a function inside `custom`, or in a journey, and gives what it returns. `times` calls it so often between start and stop of the clock; the sample is the time of one call. A section shorter than a hundred times what `timed` itself costs is marked.",
        "custom(\"text\", || { let s = timed(\"upper\", #{ times: 1000 }, || \"abc\".to_upper()); });",
    ),
    written(
        "",
        "record",
        "record(name, value)",
        "Records a sample of a metric inside `custom`, `finish` or a journey: a quantity with its unit, or a bare number as a count.",
        "custom(\"sizes\", || { record(\"moved\", 3 * 4.MiB); record(\"rows\", 12); });",
    ),
    written(
        "",
        "log",
        "log(value)",
        "Leaves a message with the run. Secrets are blacked out.",
        "custom(\"talk\", || log(\"took \" + 5.ms));",
    ),
    written(
        "",
        "param",
        "param(name, default, #{ tiny, short, thorough, one_of, help })",
        "A parameter: `-p name=value` sets it. Its kind, and the kind of its unit, are those of the default. `param(name)` reads it again, inside a `fn` too.",
        "let n = param(\"n\", 1000, #{ tiny: 10, help: \"how many\" });\nfn twice() { 2 * param(\"n\") }\ncustom(\"x\", || record(\"twice\", twice()));",
    ),
    written(
        "",
        "setup",
        "setup(|| ..) or setup(|user| ..)",
        "Runs once before the first round. With a user it may send requests to the target of the first load that has an address; what it returns, plain data, is `user.setup` of every user.",
        "setup(|| log(\"begin\"));\nbench(#PROBE);",
    ),
    written(
        "",
        "teardown",
        "teardown(|| ..) or teardown(|user| ..)",
        "Runs once after the last round, also of an interrupted run; with a user as in `setup`.",
        "teardown(|| log(\"end\"));\nbench(#PROBE);",
    ),
    written(
        "",
        "finish",
        "finish(|run| ..)",
        "Sees the results: `run[\"step\"].metric` is a quantity. Of a sweep it is the best point, in the direction that is good for the metric, or the last where there is none; `run[\"step{axis=1}\"]` is one point. What it records becomes the step `finish`.",
        "bench(\"step\", #PROBE);\nfinish(|run| if run.has(\"step\") { log(\"done\") });",
    ),
    written(
        "",
        "include",
        "include(name, #{ only: [globs], params: #{ name: value } })",
        "Declares another scenario's steps under its suite's name: `hardware/triad`. A name is an embedded scenario, else a path from this file, under the scenario's folder.",
        "bench(#PROBE);",
    ),
    written(
        "",
        "data",
        "data(path)",
        "Rows of a `.csv` file with a header (all values are texts) or of a `.json` list: `rows[0].name`, `rows.len()`, `for row in rows`. `.shuffled()` puts them in an order of the seed; `.per_user()`, `.random()` and `.once()` say how virtual users draw. Needs `--allow-read=FOLDER`.",
        "bench(#PROBE);",
    ),
    written(
        "",
        "env",
        "env(name, other)",
        "An environment variable, or `other`, or `()`. Needs `--allow-env=NAME`.",
        "let home = env(\"ENGINE_EXAMPLE\", \"none\");\nbench(#PROBE);",
    ),
    written(
        "",
        "secret",
        "secret(name)",
        "An environment variable that is never shown, recorded or stored. Joined with a text it is a secret again. Needs `--allow-env=NAME`.",
        "bench(#PROBE);",
    ),
    written(
        "",
        "random",
        "random(from..=to)",
        "A whole number of the range, by the run's seed; without a range a number from 0 to 1.",
        "custom(\"dice\", || record(\"eyes\", random(1..=6)));",
    ),
    written(
        "",
        "pick",
        "pick([values])",
        "One of the values, by the run's seed.",
        "custom(\"colour\", || log(pick([\"red\", \"blue\"])));",
    ),
    written(
        "",
        "profile",
        "profile()",
        "The run's profile: `tiny`, `short`, `default` or `long`.",
        "if profile() != \"tiny\" { log(\"long\"); }\nbench(#PROBE);",
    ),
    written(
        "",
        "qty",
        "qty(number, unit)",
        "A quantity; `5.ms`, `64.MiB` and `qty(\"5 ms\")` are others. Quantities add, multiply and compare with their units; `.to(\"GB\")` counts one in a unit, `.value` in its base unit.",
        "custom(\"q\", || { if qty(5, \"ms\") < \"1 s\" { record(\"q\", 2 * qty(\"1 MiB\")); } });",
    ),
    written(
        "",
        "sleep",
        "sleep(seconds)",
        "Waits inside `custom`, a hundredth of it under the tiny profile; in a journey it is `user.think(..)`.",
        "custom(\"wait\", || sleep(\"1 ms\"));",
    ),
    written(
        "",
        "parse_json",
        "parse_json(text)",
        "A JSON text as maps, lists and values; `null` is `()`.",
        "custom(\"json\", || record(\"length\", parse_json(\"{\\\"a\\\": [1, 2]}\").a.len()));",
    ),
    written(
        "host",
        "cores",
        "host::cores()",
        "Threads that the engine may use at once.",
        "let n = host::cores();\nbench(#PROBE);",
    ),
    written(
        "host",
        "memory",
        "host::memory()",
        "Main memory.",
        "if host::memory() > \"4 GiB\" { log(\"large\"); }\nbench(#PROBE);",
    ),
    written(
        "host",
        "has",
        "host::has(part)",
        "Whether the machine has a part: `\"gpu\"`, `\"io_uring\"`, ..",
        "if host::has(\"gpu\") { log(\"gpu\"); }\nbench(#PROBE);",
    ),
    written("host", "os", "host::os()", "The operating system: `linux`, ..", "log(host::os());\nbench(#PROBE);"),
    written(
        "host",
        "arch",
        "host::arch()",
        "The processor's architecture: `x86_64`, ..",
        "log(host::arch());\nbench(#PROBE);",
    ),
    written(
        "tool",
        "read",
        "tool::read(path)",
        "The text of a file, with its path from the scenario's folder. Needs `--allow-read=FOLDER`.",
        "bench(#PROBE);",
    ),
];
