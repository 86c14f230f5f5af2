//! HTML: faults, stress, the parts of a run and its baseline are told as the record has them.

use engine_core::fault::Recovery;
use engine_core::load::{LoadWindow, WindowRow};
use engine_core::measurement::Estimate;
use engine_core::plan::Part;
use engine_core::run::RunRecord;
use engine_core::stats::quantile::median;
use engine_core::stress::{CHECKED, CONTROL, CPU, RATE, SLOWDOWN};
use engine_report::html::{self, Kind};
use engine_report::{Report, executive};

use crate::html::{data, numbers, same};
use crate::{fault, fixture, interference};

const KINDS: [Kind; 2] = [Kind::Full, Kind::Lite];

/// The part of a file from a mark to the end of its row.
fn row<'f>(file: &'f str, mark: &str) -> &'f str {
    let start = file.find(mark).unwrap_or_else(|| panic!("no `{mark}`"));
    let rest = &file[start..];
    &rest[..rest.find("</tr>").unwrap()]
}

/// A second of a load in each phase of the fault's last repetition.
fn with_windows(mut record: RunRecord) -> RunRecord {
    let window = |(at, phase): (u32, &str)| LoadWindow {
        step: 0,
        round: 2,
        at: f64::from(at),
        seconds: 1.0,
        rows: vec![WindowRow { started: 100, ok: 100 - u64::from(at), ..WindowRow::default() }],
        users: 1,
        phase: phase.to_owned(),
    };
    record.steps[0].windows =
        [(0, "before"), (1, "before"), (2, "fault"), (3, "after"), (4, "after")].map(window).to_vec();
    // The loop ends a little late.
    let last = record.steps[0].windows[4].clone();
    record.steps[0].windows.push(LoadWindow { at: 5.0, seconds: 0.01, rows: vec![], ..last });
    record.faults[2].marks[0].at = 2.0;
    record.faults[2].marks[1].at = 3.5;
    record
}

#[test]
fn a_fault_is_told_as_it_was() {
    let record = with_windows(fault::fault());
    for kind in KINDS {
        let file = html::report(&Report::of(&record), kind);
        assert!(file.contains("recovered in 1 of 3, not recovered in 1 of 3, inconclusive in 1 of 3"));
        for measurement in &record.steps[0].measurements {
            let values: Vec<f64> = measurement.counted().flat_map(|round| round.values.iter().copied()).collect();
            let row = row(&file, &format!("data-figure=\"{}\"", measurement.metric.id));
            let (low, high) =
                (values.iter().copied().fold(f64::INFINITY, f64::min), values.iter().copied().fold(0.0, f64::max));
            same(&numbers(row, "data-v"), &[median(&values)], row);
            same(&[numbers(row, "data-low"), numbers(row, "data-high")].concat(), &[low, high], row);
            assert_eq!(numbers(row, "data-n"), [values.len() as f64]);
        }
        for fault in &record.faults {
            let row = row(&file, &format!("data-repetition=\"{}\"", fault.round + 1));
            assert!(row.contains(fault.verdict().name()), "{row}");
            let lost = fault.data.as_ref().unwrap().lost as f64;
            let wanted = match &fault.recovery {
                Recovery::Inconclusive { .. } => vec![lost],
                Recovery::Seen(seen) => {
                    let base = &seen.baseline;
                    let mut all = vec![base.p95, base.rate, base.errors];
                    all.extend(seen.detect);
                    all.extend([seen.worst_p95, seen.worst_rate]);
                    all.extend(seen.recover);
                    all.extend([seen.failed as f64, seen.lost, lost]);
                    all
                }
            };
            same(&numbers(row, "data-v"), &wanted, row);
            for mark in &fault.marks {
                assert!(file.contains(&format!("<span data-v=\"{:?}\">", mark.at)), "{mark:?}");
            }
        }
        assert!(file.contains("9 windows before the fault") && file.contains("from the removal of the fault"));
    }
}

#[test]
fn the_phases_and_moments_of_a_fault_stand_on_its_course() {
    let record = with_windows(fault::fault());
    let charts = data(&html::report(&Report::of(&record), Kind::Full), "charts");
    let chart = charts.as_array().unwrap().iter().find(|c| c["title"] == "shop.crash: requests").unwrap();
    let bands: Vec<(f64, f64, &str, bool)> = chart["bands"]
        .as_array()
        .unwrap()
        .iter()
        .map(|b| {
            (b["from"].as_f64().unwrap(), b["to"].as_f64().unwrap(), b["name"].as_str().unwrap(), b["bad"] == true)
        })
        .collect();
    assert_eq!(bands, [(0.0, 2.0, "before", false), (2.0, 3.0, "fault", true), (3.0, 5.01, "after", false)]);
    let lines: Vec<(f64, bool)> =
        chart["lines"].as_array().unwrap().iter().map(|l| (l["x"].as_f64().unwrap(), l["bad"] == true)).collect();
    assert_eq!(lines, [(2.0, true), (3.5, false)]);
    let rates: Vec<f64> = chart["series"][0]["y"].as_array().unwrap().iter().map(|v| v.as_f64().unwrap()).collect();
    assert_eq!(rates.len(), 5, "what is left over at the end is no stretch of its own");
    same(&rates[..4], &[100.0, 99.0, 98.0, 97.0], "rates");
    let lite = html::report(&Report::of(&record), Kind::Lite);
    assert!(lite.contains("class=\"band bad\"") && lite.contains("class=\"moment bad\""));
}

#[test]
fn stress_is_told_as_it_was() {
    let record = interference::record(&["1 KiB", "2 KiB"]);
    let step = &record.steps[0];
    let ends = |found: &Estimate| found.interval.map_or_else(Vec::new, |i| vec![i.low, i.high]);
    for kind in KINDS {
        let file = html::report(&Report::of(&record), kind);
        let mut checked = 0;
        for slowdown in step.measurements.iter().filter(|m| m.metric.id == SLOWDOWN.id) {
            let label = |name| slowdown.labels.get(name).unwrap();
            let found = slowdown.estimate().unwrap();
            let row = row(&file, &format!("data-background=\"{} (size={})\"", label("background"), label("size")));
            let other = |id: &str| step.measurements.iter().find(|m| m.metric.id == id && m.labels == slowdown.labels);
            let own = |id: &str| {
                let own = |m: &&engine_core::measurement::Measurement| {
                    m.metric.id == id && m.labels.get("stressor") == Some(label("background"))
                };
                step.measurements.iter().find(own).unwrap()
            };
            let measured = other("latency").unwrap().estimate().unwrap();
            let (rate, cpu) = (own(RATE.id).estimate().unwrap(), own(CPU.id).estimate().unwrap());
            let verified: f64 = own(CHECKED.id).pooled().iter().sum();
            let wanted = [found.value, measured.value, rate.value, cpu.value, verified];
            same(&numbers(row, "data-v"), &wanted, row);
            let bounds = [&found, &measured, &rate, &cpu].map(ends).concat();
            let told: Vec<f64> =
                numbers(row, "data-low").into_iter().zip(numbers(row, "data-high")).flat_map(|(a, b)| [a, b]).collect();
            same(&told, &bounds, row);
            checked += 1;
        }
        assert_eq!(checked, 4);
        for control in step.measurements.iter().filter(|m| m.metric.id == CONTROL.id) {
            let row = row(&file, &format!("data-control=\"size={}\"", control.labels.get("size").unwrap()));
            same(&numbers(row, "data-v"), &[control.estimate().unwrap().value], row);
        }
        assert!(row(&file, "data-background=\"memory\"").contains("refused: 90 MiB of memory"));
        for word in ["slower", "no difference shown", "lower is better, 1.00x is no difference"] {
            assert!(file.contains(word), "{word}");
        }
    }
}

/// The ordinary run as a run in two parts.
fn in_parts() -> RunRecord {
    let mut record = fixture::run();
    for (number, step) in record.steps.iter_mut().enumerate() {
        let part = if number % 2 == 0 { "hardware" } else { "code" };
        step.plan.name = format!("{part}/{}", step.plan.name);
    }
    for one in &mut record.judged {
        one.step = format!("hardware/{}", one.step);
    }
    record.header.plan.parts = ["hardware", "code"].map(|name| Part { name: name.to_owned(), budget: 60.0 }).to_vec();
    record
}

#[test]
fn the_parts_of_a_run_are_summed_up_first() {
    let record = in_parts();
    let report = Report::of(&record);
    let parts = executive::parts(&report);
    assert!(parts.iter().all(|part| part.steps.iter().sum::<usize>() > 1));
    for kind in KINDS {
        let file = html::report(&report, kind);
        let at = |text: &str| file.find(text).unwrap_or_else(|| panic!("no `{text}`"));
        assert!(at("id=\"summary\"") < at("id=\"expectations\""));
        for part in &parts {
            let row = row(&file, &format!("data-part=\"{}\"", part.name));
            assert!(row.contains(part.result), "{row}");
            same(&numbers(row, "data-v"), &[part.seconds], row);
            let counts: Vec<usize> = row
                .split("data-counts=\"")
                .skip(1)
                .flat_map(|rest| rest.split('"').next().unwrap().split(' ').map(|n| n.parse().unwrap()))
                .collect();
            assert_eq!(counts, [part.steps.as_slice(), part.expectations.as_slice()].concat());
        }
        let findings = executive::findings(&report);
        assert!(!findings.is_empty());
        assert_eq!(file[at("class=\"attention\"")..at("id=\"expectations\"")].matches("<li>").count(), findings.len());
    }
    assert!(!html::report(&Report::of(&fixture::run()), Kind::Lite).contains("id=\"summary\""), "one part is no part");
}

#[test]
fn a_run_is_held_against_its_baseline() {
    let (record, comparison) = (fixture::run(), fixture::comparison());
    let report = Report { comparison: Some(&comparison), ..Report::of(&record) };
    for kind in KINDS {
        let file = html::report(&report, kind);
        let part = &file[file.find("id=\"baseline\"").unwrap()..];
        let part = &part[..part.find("</section>").unwrap()];
        for one in &comparison.series {
            let row = row(part, &format!("data-series=\"{}\"", one.id));
            same(&numbers(row, "data-v"), &[one.old.value, one.new.value, one.change.unwrap().ratio], row);
        }
        assert!(part.contains("its method changed from version 1 to 2"));
    }
}

#[test]
fn what_a_victim_says_is_only_text() {
    let mut record = with_windows(fault::fault());
    let evil = "\u{1b}[2J<img src=x onerror=alert(1)>\"'`";
    for fault in &mut record.faults {
        fault.mechanism = evil.to_owned();
        fault.passed_over = vec![evil.to_owned()];
        fault.marks.iter_mut().for_each(|mark| evil.clone_into(&mut mark.what));
        fault.data.as_mut().unwrap().examples = vec![evil.to_owned()];
    }
    let mut stress = interference::record(&[evil]);
    stress.notes[0].message = format!("memory at 100 %: not measured: {evil}");
    for record in [record, stress] {
        let file = html::report(&Report::of(&record), Kind::Lite);
        assert!(!file.contains("<img") && !file.contains('\u{1b}'));
        assert!(file.contains("&lt;img src=x"), "it is shown");
    }
}
