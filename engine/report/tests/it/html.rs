//! HTML: what is in the file is what is in the record, nothing in it reaches outside, and it stays small.

use std::io::Read as _;

use data_encoding::BASE64;
use engine_core::finding::{Advice, Bottleneck, Potential, ResourceUse};
use engine_core::measurement::Stat;
use engine_core::run::RunRecord;
use engine_core::series::SeriesId;
use engine_report::html::{self, Kind, assets};
use engine_report::{Report, TimeZone, json};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::fixture;

/// The report with everything that it can show.
pub(crate) fn full(record: &RunRecord, kind: Kind) -> String {
    let (cases, health, exit) = (fixture::cases(), fixture::health(), fixture::exit());
    html::report(&Report { cases: &cases, health: Some(&health), exit: Some(&exit), ..Report::of(record) }, kind)
}

/// What lies compressed in an element of the file.
fn packed(file: &str, id: &str) -> Vec<u8> {
    let start = file.find(&format!("id=\"{id}\"")).unwrap_or_else(|| panic!("no element `{id}`"));
    let text = &file[start..];
    let text = &text[text.find('>').unwrap() + 1..text.find("</script>").unwrap()];
    let mut out = Vec::new();
    flate2::read::GzDecoder::new(BASE64.decode(text.as_bytes()).unwrap().as_slice()).read_to_end(&mut out).unwrap();
    out
}

pub(crate) fn data(file: &str, id: &str) -> Value {
    serde_json::from_slice(&packed(file, id)).unwrap()
}

/// The row of a table that is of a series.
fn row<'f>(file: &'f str, series: &str) -> &'f str {
    let start = file.find(&format!("data-series=\"{series}\"")).unwrap_or_else(|| panic!("no row of `{series}`"));
    let rest = &file[start..];
    &rest[..rest.find("</tr>").unwrap()]
}

/// The numbers in an attribute, in order.
pub(crate) fn numbers(text: &str, attribute: &str) -> Vec<f64> {
    let front = format!(" {attribute}=\"");
    text.split(&front).skip(1).filter_map(|rest| rest.split('"').next()?.parse().ok()).collect()
}

/// Rust writes a float so that it is read back as the same, so these must be equal to the last bit.
pub(crate) fn same(found: &[f64], wanted: &[f64], what: &str) {
    let bits = |all: &[f64]| all.iter().map(|value| value.to_bits()).collect::<Vec<_>>();
    assert_eq!(bits(found), bits(wanted), "{what}: {found:?} in the file, {wanted:?} in the record");
}

#[test]
fn every_number_of_the_results_is_that_of_the_record() {
    let record = fixture::run();
    for kind in [Kind::Full, Kind::Lite] {
        let file = full(&record, kind);
        let mut checked = 0;
        for step in &record.steps {
            for measurement in step.scalars() {
                let labels = step.plan.labels.joined(&measurement.labels);
                let id = SeriesId { step: step.plan.name.clone(), metric: measurement.metric.id.clone(), labels };
                let row = row(&file, &id.to_string());
                let estimate = measurement.estimate().unwrap();
                let end = |stat| measurement.statistic(stat).unwrap().value;
                same(&numbers(row, "data-v"), &[estimate.value], row);
                let low: Vec<f64> = estimate.interval.iter().map(|i| i.low).chain([end(Stat::Min)]).collect();
                let high: Vec<f64> = estimate.interval.iter().map(|i| i.high).chain([end(Stat::Max)]).collect();
                same(&numbers(row, "data-low"), &low, row);
                same(&numbers(row, "data-high"), &high, row);
                checked += 1;
            }
        }
        assert!(checked > 15, "only {checked} series");
    }
}

#[test]
fn every_expectation_and_limit_is_that_of_the_record() {
    let record = fixture::run();
    let file = full(&record, Kind::Lite);
    for one in &record.judged {
        let Some(observed) = one.observed else { continue };
        let wanted = format!("data-v=\"{:?}\"", observed.value);
        let rows = file.split("<tr data-step=\"").filter(|row| row.starts_with(&format!("{}\"", one.step)));
        assert!(rows.into_iter().any(|row| row.contains(&wanted)), "{}: {wanted}", one.text);
    }
    for row in fixture::health().rows.iter().filter_map(|row| row.observed) {
        assert!(file.contains(&format!("data-v=\"{row:?}\"")), "{row}");
    }
}

#[test]
fn the_curve_is_that_of_the_record() {
    let record = fixture::run();
    let file = full(&record, Kind::Full);
    let charts = data(&file, "charts");
    let chart = charts.as_array().unwrap().iter().find(|c| c["title"] == "cache.latency: latency over size").unwrap();
    let step = record.step("cache.latency").unwrap();
    let mut wanted: Vec<(f64, f64, f64, f64)> = step
        .measurements
        .iter()
        .filter_map(|m| {
            let size: engine_core::quantity::Quantity = m.labels.get("size")?.parse().unwrap();
            let estimate = m.estimate().unwrap();
            let interval = estimate.interval.unwrap();
            Some((size.value, estimate.value, interval.low, interval.high))
        })
        .collect();
    wanted.sort_by(|a, b| a.0.total_cmp(&b.0));
    assert_eq!(wanted.len(), 17);
    let list = |name: &str| -> Vec<f64> {
        chart["series"][0][name].as_array().unwrap().iter().map(|value| value.as_f64().unwrap()).collect()
    };
    same(&list("x"), &wanted.iter().map(|w| w.0).collect::<Vec<_>>(), "sizes");
    same(&list("y"), &wanted.iter().map(|w| w.1).collect::<Vec<_>>(), "medians");
    same(&list("low"), &wanted.iter().map(|w| w.2).collect::<Vec<_>>(), "lower ends");
    same(&list("high"), &wanted.iter().map(|w| w.3).collect::<Vec<_>>(), "upper ends");
    assert_eq!((chart["x"]["log"].as_bool(), chart["y"]["direction"].as_str()), (Some(true), Some("lower is better")));
}

#[test]
fn the_light_file_draws_and_lists_the_same_numbers() {
    let record = fixture::run();
    let (full, lite) = (full(&record, Kind::Full), full(&record, Kind::Lite));
    let charts = data(&full, "charts");
    let figures: Vec<&str> = lite.split("<figure ").skip(1).collect();
    let charts = charts.as_array().unwrap();
    assert_eq!(figures.len(), charts.len());
    for (chart, figure) in charts.iter().zip(figures) {
        assert!(figure.contains("<svg ") && figure.contains("</table>"), "{}", chart["title"]);
        let listed = numbers(figure, "data-v");
        for series in chart["series"].as_array().into_iter().flatten() {
            for value in series["y"].as_array().unwrap().iter().filter_map(Value::as_f64) {
                assert!(listed.iter().any(|one| one.to_bits() == value.to_bits()), "{}: {value}", chart["title"]);
            }
        }
        for lane in chart["lanes"].as_array().into_iter().flatten() {
            for span in lane["spans"].as_array().unwrap() {
                assert!(listed.contains(&span[0].as_f64().unwrap()));
            }
        }
    }
}

#[test]
fn what_the_machine_did_is_that_of_the_record() {
    let record = fixture::run();
    let charts = data(&full(&record, Kind::Full), "charts");
    let chart = charts.as_array().unwrap().iter().find(|c| c["title"] == "Processors").unwrap();
    let found: Vec<f64> = chart["series"][0]["y"].as_array().unwrap().iter().map(|v| v.as_f64().unwrap()).collect();
    same(&found, &record.host.iter().map(|sample| sample.cpu).collect::<Vec<_>>(), "busy shares");
}

#[test]
fn a_load_is_told_with_its_windows() {
    let record = crate::load::load();
    let report = Report::of(&record);
    for kind in [Kind::Full, Kind::Lite] {
        let file = html::report(&report, kind);
        let step = &record.steps[0];
        let response = step.measurements.iter().find(|m| m.metric.id == "response").unwrap();
        let all = file.split("<tr>").find(|row| row.starts_with("<th scope=\"row\">all</th>")).unwrap();
        let of = |p| response.statistic(Stat::Percentile(p)).unwrap().value;
        let cells = numbers(all, "data-v");
        same(&cells[2..7], &[of(50.0), of(90.0), of(95.0), of(99.0), of(99.9)], "percentiles");
    }
    let charts = data(&html::report(&report, Kind::Full), "charts");
    let find = |title: &str| charts.as_array().unwrap().iter().find(|c| c["title"] == title).unwrap();
    let windows = &record.steps[0].windows;
    let list = |value: &Value| -> Vec<f64> { value.as_array().unwrap().iter().map(|v| v.as_f64().unwrap()).collect() };
    let rates: Vec<f64> = windows.iter().map(|w| w.total().unwrap().ok as f64 / w.seconds).collect();
    same(&list(&find("shop: requests")["series"][0]["y"]), &rates, "rates");
    let p99: Vec<f64> = windows
        .iter()
        .map(|w| w.total().unwrap().response.as_ref().unwrap().value_at_quantile(0.99).unwrap().floor() as f64 / 1e9)
        .collect();
    same(&list(&find("shop: response time")["series"][3]["y"]), &p99, "p99");
    let heat = &find("shop: responses by time taken")["heat"];
    let counted: u64 =
        heat["z"].as_array().unwrap().iter().flat_map(|r| r.as_array().unwrap()).filter_map(Value::as_u64).sum();
    let ended: u64 = windows.iter().map(|w| w.total().unwrap().response.as_ref().unwrap().count()).sum();
    assert_eq!(counted, ended);
    assert_eq!(find("shop: requests")["bands"].as_array().unwrap().len(), 2);
}

#[test]
fn the_results_file_lies_in_the_report() {
    let record = fixture::run();
    let file = full(&record, Kind::Full);
    let (cases, health, exit) = (fixture::cases(), fixture::health(), fixture::exit());
    let report = Report { cases: &cases, health: Some(&health), exit: Some(&exit), ..Report::of(&record) };
    assert_eq!(String::from_utf8(packed(&file, "document")).unwrap(), json::report(&report));
}

#[test]
fn the_chart_library_is_whole_and_the_one_that_we_name() {
    let hex = |bytes: &[u8]| Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    assert_eq!(hex(assets::PLOTLY_GZ), assets::PLOTLY_GZ_SHA256);
    let file = full(&fixture::run(), Kind::Full);
    let library = packed(&file, "plotly");
    assert_eq!(hex(&library), assets::PLOTLY_SHA256);
    assert!(String::from_utf8_lossy(&library[..400]).contains(&format!("v{}", assets::PLOTLY_VERSION)));
    assert!(assets::PLOTLY_LICENSE.starts_with("MIT License"));
}

#[test]
fn nothing_in_the_file_reaches_outside() {
    for record in [fixture::run(), fixture::partial(), crate::load::load()] {
        for kind in [Kind::Full, Kind::Lite] {
            let file = full(&record, kind);
            assert!(file.len() <= kind.most(), "{} bytes", file.len());
            // What is compressed in it was looked at above; the rest is text.
            let start = file.find("id=\"plotly\"").unwrap_or(file.len());
            for text in [&file[..start]] {
                for banned in [
                    "src=\"http",
                    "href=\"http",
                    "href=\"//",
                    "url(http",
                    "@import",
                    "<link rel=\"stylesheet",
                    "<iframe",
                ] {
                    assert!(!text.contains(banned), "{banned}");
                }
            }
            assert!(file.contains("default-src 'none'"));
            assert_eq!(file.contains("<script"), kind == Kind::Full);
        }
    }
}

#[test]
fn the_policy_allows_the_page_s_own_script_alone() {
    let file = full(&fixture::run(), Kind::Full);
    let script = file.split("<script type=\"module\">").nth(1).unwrap().split("</script>").next().unwrap();
    let hash = BASE64.encode(&Sha256::digest(script.as_bytes()));
    assert!(file.contains(&format!("script-src 'sha256-{hash}' blob:;")), "{hash}");
    assert!(!script.contains("import ") && !script.contains("\nexport "), "no modules are left to fetch");
}

#[test]
fn verdicts_and_findings_come_before_the_numbers() {
    let file = full(&fixture::run(), Kind::Lite);
    let at = |text: &str| file.find(text).unwrap_or_else(|| panic!("no `{text}`"));
    let order = [
        "<h1>",
        "class=\"verdict bad\"",
        "id=\"expectations\"",
        "id=\"findings\"",
        "id=\"results\"",
        "id=\"health\"",
        "id=\"timeline\"",
        "id=\"environment\"",
        "id=\"diagnostics\"",
    ];
    for pair in order.windows(2) {
        assert!(at(pair[0]) < at(pair[1]), "{pair:?}");
    }
    assert!(file.find("✗</b> fail").unwrap() < file.find("✓</b> pass").unwrap(), "the worst first");
}

#[test]
fn advice_stands_before_the_numbers_and_is_only_text() {
    let row = ResourceUse {
        name: "CPU <i>".into(),
        utilisation: None,
        saturation: None,
        errors: None,
        limits: true,
        unknown: vec![],
    };
    let advice = Advice {
        run: "01k9x8y7z6abcdefghjkmnpqrs".into(),
        objective: "<b>time</b> of all steps".into(),
        findings: vec![],
        quiet: vec!["memory.latency".into()],
        not_assessed: vec![],
        bottlenecks: vec![Bottleneck {
            step: String::new(),
            rows: vec![row],
            limits: Some("CPU".into()),
            first: None,
            verdict: "the CPU limits: see `cpu.primes`".into(),
        }],
        potential: Potential::NotKnown { reason: "no share is known".into() },
        calibration: vec![],
    };
    let record = fixture::run();
    let file = html::report(&Report { advice: Some(&advice), ..Report::of(&record) }, Kind::Lite);
    let at = |text: &str| file.find(text).unwrap_or_else(|| panic!("no `{text}`"));
    assert!(at("id=\"advice\"") < at("id=\"results\""));
    for text in
        ["&lt;b&gt;time&lt;/b&gt;", "CPU &lt;i&gt;", "see <code>cpu.primes</code>", "not known: no share is known"]
    {
        assert!(file.contains(text), "{text}");
    }
}

#[test]
fn two_runs_are_compared() {
    let comparison = fixture::comparison();
    for kind in [Kind::Full, Kind::Lite] {
        let file = html::comparison(&comparison, None, &TimeZone::UTC, kind);
        assert!(file.len() <= kind.most());
        assert!(file.contains("class=\"verdict bad\"><p class=\"word\">Worse"));
        for one in &comparison.series {
            let row = row(&file, &one.id.to_string());
            same(&numbers(row, "data-v"), &[one.old.value, one.new.value, one.change.unwrap().ratio], row);
        }
        assert!(file.contains("its method changed from version 1 to 2") && file.contains("<code>cpu.governor</code>"));
    }
}

#[test]
fn two_loads_lie_over_one_another() {
    let (old, mut new) = (crate::load::load(), crate::load::load());
    for window in &mut new.steps[0].windows {
        window.rows[0].ok += 7;
    }
    let file = html::comparison(&fixture::comparison(), Some((&old, &new)), &TimeZone::UTC, Kind::Full);
    let charts = data(&file, "charts");
    let chart = charts.as_array().unwrap().iter().find(|c| c["title"] == "shop: requests").unwrap();
    let name = |at: usize| chart["series"][at]["name"].as_str().unwrap();
    assert_eq!((name(0), name(1)), ("old: ended well", "new: ended well"));
    let first = |at: usize| chart["series"][at]["y"][0].as_f64().unwrap();
    assert_eq!((first(0), first(1)), (200.0, 207.0));
}

#[test]
fn a_large_run_still_fits_and_says_what_it_left_out() {
    let mut record = fixture::run();
    let step = record.steps[0].clone();
    for number in 0..800 {
        let mut one = step.clone();
        one.plan.name = format!("step-{number}");
        record.steps.push(one);
    }
    let sample = record.host[0].clone();
    record.host =
        (0..3000).map(|at| engine_core::host_sample::HostSample { at: f64::from(at), ..sample.clone() }).collect();
    for kind in [Kind::Full, Kind::Lite] {
        let file = full(&record, kind);
        assert!(file.len() <= kind.most(), "{kind:?}: {} bytes", file.len());
        assert!(file.contains("had no room in this file") && file.contains("summed up to fewer points"));
        assert!(file.contains("id=\"diagnostics\""), "what bears on trust stays");
    }
}
