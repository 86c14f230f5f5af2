//! Stress in every format: the interference table.

use engine_core::args::Args;
use engine_core::event::{Note, NoteLevel};
use engine_core::metric::MetricDef;
use engine_core::plan::{PlannedStep, Work};
use engine_core::run::RunRecord;
use engine_core::stress::{Background, CHECKED, CONTROL, CPU, Measured, Of, RATE, SLOWDOWN, StressShape, Stressing};
use engine_core::unit::Unit;
use engine_report::text::{self, Style};
use engine_report::{Report, json, markdown};

use crate::fixture::{self, measured};

const LATENCY: MetricDef = MetricDef::floor("latency", Unit::Seconds, "");

/// Six rounds, close together.
const SIX: [f64; 6] = [-0.012, 0.004, 0.0, 0.009, -0.003, 0.002];

/// Beside `cache` it is 1.5 times slower, beside `cpu` as fast; `memory` was refused. `series` of each.
pub(crate) fn record(series: &[&str]) -> RunRecord {
    let background = |name: &str| Background {
        name: name.to_owned(),
        intensity: "100".to_owned(),
        stressors: vec![Stressing { id: format!("stress.{name}"), args: Args::default() }],
    };
    let of = Of { metric: "latency".into(), stat: None };
    let shape = StressShape {
        backgrounds: ["cache", "cpu", "memory"].map(background).to_vec(),
        measured: Measured::Probe { id: "memory.latency".into(), args: Args::default(), of, seconds: 1.0 },
        settle: 0.2,
    };
    let mut all = Vec::new();
    for (background, factor) in [("cache", 1.5), ("cpu", 1.0)] {
        for size in series {
            let mut labels = vec![("background", background), ("intensity", "100")];
            labels.extend((!size.is_empty()).then_some(("size", *size)));
            all.push(measured(SLOWDOWN.metric(), &labels, factor, &SIX));
            all.push(measured(LATENCY.metric(), &labels, factor * 80e-9, &SIX));
        }
        let own = [("background", background), ("intensity", "100"), ("stressor", background)];
        all.push(measured(RATE.metric(), &own, 2e6, &SIX));
        all.push(measured(CPU.metric(), &own, 0.98, &SIX));
        all.push(measured(CHECKED.metric(), &own, 500.0, &SIX));
    }
    for size in series {
        let own: Vec<_> = (!size.is_empty()).then_some(("size", *size)).into_iter().collect();
        all.push(measured(CONTROL.metric(), &own, 1.01, &SIX));
        let quiet: Vec<_> = own.into_iter().chain([("background", "quiet")]).collect();
        all.push(measured(LATENCY.metric(), &quiet, 80e-9, &SIX));
    }
    let plan = PlannedStep { work: Work::Stress { shape }, ..fixture::planned("noise", &[], "") };
    let steps = vec![fixture::step(plan, all)];
    let mut record = RunRecord::new(fixture::header("stress", &steps));
    record.steps = steps;
    let message = "memory at 100 %: not measured: refused: 90 MiB of memory: at most 5 MiB may be taken".to_owned();
    record.notes.push(Note { level: NoteLevel::Info, step: Some("noise".into()), message, place: None, at: None });
    record
}

#[test]
fn each_background_has_its_row_and_what_it_says() {
    let record = record(&[""]);
    let report = Report::of(&record);
    let text = text::summary(&report, Style::new(100, false, true));
    for line in [
        "Interference noise",
        "latency of memory.latency",
        "quiet: 79.",
        "slower",
        "no difference shown",
        "quiet again",
    ] {
        assert!(text.contains(line), "{line}\n{text}");
    }
    assert!(text.contains("1.50x") && text.contains("refused: 90 MiB of memory"), "{text}");
    let markdown = markdown::report(&report);
    assert!(
        markdown.contains("| `cache` | `100` % | 1.50x |") && markdown.contains("slower | `cache` |"),
        "{markdown}"
    );
    crate::markdown::assert_tables(&markdown);
    let json: serde_json::Value = serde_json::from_str(&json::report(&report)).unwrap();
    let rows = json["steps"][0]["interference"]["rows"].as_array().unwrap();
    assert_eq!(
        (rows.len(), &rows[0]["verdict"], &rows[1]["verdict"]),
        (3, &"slower".into(), &"no difference shown".into())
    );
    assert!(rows[0]["low"].as_f64().unwrap() > 1.0 && rows[0]["stressors"][0]["checked"].as_f64().unwrap() > 5000.0);
    assert!(
        rows[2]["slowdown"].is_null() && rows[2]["missing"].as_str().unwrap().starts_with("refused"),
        "{}",
        rows[2]
    );
    assert_eq!(json["steps"][0]["interference"]["unit"], "s");
    let line = text::result_line(&record.steps[0], Style::new(120, false, true));
    assert!(line.contains("beside cache at 100 %, 6 rounds") && line.contains("at worst 1.50x [1.4"), "{line}");
}

#[test]
fn of_many_series_the_surest_is_shown_and_the_file_has_all() {
    let record = record(&["1 KiB", "2 KiB", "4 KiB", "8 KiB"]);
    let report = Report::of(&record);
    let text = text::summary(&report, Style::new(100, false, true));
    assert_eq!(text.lines().filter(|line| line.trim_start().starts_with("cache (")).count(), 1, "{text}");
    assert!(text.contains("the slowest of 4 series each"), "{text}");
    let markdown = markdown::report(&report);
    assert_eq!(markdown.lines().filter(|line| line.starts_with("| `cache (size=")).count(), 4, "{markdown}");
    crate::markdown::assert_tables(&markdown);
}
