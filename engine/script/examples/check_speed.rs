//! Checks a generated scenario of 1,000 lines and writes how long that takes, in milliseconds.

use std::fmt::Write as _;
use std::time::Instant;

use engine_core::metric::MetricDef;
use engine_core::probe::{OwnNoise, ParamDef, ParamKind, ProbeInfo, RoundProcess};
use engine_core::unit::Unit;
use engine_script::{Options, Source, check};

static PROBE: ProbeInfo = ProbeInfo {
    id: "cpu.primes",
    summary: "Stands for a probe.",
    method: 1,
    about: "",
    params: &[ParamDef {
        name: "limit",
        kind: ParamKind::Count { min: 1, max: 1 << 40 },
        default: Some("1000"),
        tiny: None,
        doc: "",
    }],
    metrics: &[MetricDef::cost("time", Unit::Seconds, "")],
    round_seconds: 1.0,
    process: RoundProcess::Engine,
    noise: OwnNoise::Quiet,
};

/// Four lines a step: a function, a bench with a sweep, a custom step with a closure, and a comment.
fn scenario(lines: usize) -> String {
    let mut text = String::from("suite(\"speed\", #{ rounds: 5 });\n");
    for n in 0..lines / 4 {
        // Writing to a `String` cannot fail.
        let _ = writeln!(text, "fn limit_{n}(x) {{ let sum = 0; for i in 0..3 {{ sum += i * x; }} sum + {n} + 1 }}");
        let _ = writeln!(
            text,
            "bench(\"b{n}\", #{{ sweep: #{{ size: [1, 2] }}, expect: [\"median < 50 ms\"] }}, |p| cpu::primes(#{{ limit: limit_{n}(p.size) }}));"
        );
        let _ = writeln!(
            text,
            "custom(\"c{n}\", #{{ expect: [\"work < 1 s\"] }}, || {{ let v = timed(\"work\", || limit_{n}(3)); record(\"v\", v); }});"
        );
        let _ = writeln!(text, "// Step number {n}.");
    }
    text
}

fn main() {
    let source = Source::Text { name: "speed.rhai".to_owned(), text: scenario(1000), base: ".".into() };
    let options = Options::new(vec![&PROBE]);
    let mut times: Vec<f64> = (0..15)
        .map(|_| {
            let start = Instant::now();
            let checked = check(&source, &options);
            let time = start.elapsed().as_secs_f64() * 1e3;
            assert!(checked.is_good(), "{:?}", checked.diagnostics);
            time
        })
        .collect();
    times.sort_by(f64::total_cmp);
    #[expect(clippy::print_stdout, reason = "the figure is the purpose")]
    {
        println!("{:.2}", times[times.len() / 2]);
    }
}
