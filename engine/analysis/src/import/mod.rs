//! Results of other tools, read into runs: text in, a run out, every value in base units.
//!
//! One file a format. What a tool took in a process of its own becomes a round (a command of hyperfine, a fork of JMH); what
//! it took within one process becomes the samples of one round, because samples of one process say nothing of the next.
//! A statistic that a tool gives in place of samples is kept under the label `stat`; it is never made into samples.

mod bmf;
mod criterion;
mod fio;
mod go;
mod google;
mod hyperfine;
mod jmh;
mod k6;
mod libtest;
mod node;
mod pytest;
mod record;
#[cfg(test)]
mod tests;
mod time;
mod units;

use std::fmt;
use std::str::FromStr;

use engine_core::metric::{Goal, Metric, Nature};
use engine_core::nearest::hint;
use engine_core::series::Labels;
use engine_core::unit::Unit;
use serde_json::Value;
use thiserror::Error;

pub use record::{Origin, record};

/// A format that can be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    /// Criterion.rs: what it prints, JSON lines of `cargo criterion`, or a `sample.json`.
    Criterion,
    /// `cargo bench` with the test harness of Rust.
    Libtest,
    /// `hyperfine --export-json`.
    Hyperfine,
    /// `go test -bench`, as text or with `-json`.
    Go,
    /// JMH with `-rf json`.
    Jmh,
    /// Google Benchmark with `--benchmark_format=json`.
    Google,
    /// `pytest --benchmark-json`.
    Pytest,
    /// k6's `--summary-export`, or the data of `handleSummary`.
    K6,
    /// `fio --output-format=json`.
    Fio,
    /// Bencher Metric Format.
    Bmf,
}

impl Format {
    /// All formats.
    pub const ALL: [Self; 10] = [
        Self::Criterion,
        Self::Libtest,
        Self::Hyperfine,
        Self::Go,
        Self::Jmh,
        Self::Google,
        Self::Pytest,
        Self::K6,
        Self::Fio,
        Self::Bmf,
    ];

    /// The name on the command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Criterion => "criterion",
            Self::Libtest => "libtest",
            Self::Hyperfine => "hyperfine",
            Self::Go => "go",
            Self::Jmh => "jmh",
            Self::Google => "google",
            Self::Pytest => "pytest",
            Self::K6 => "k6",
            Self::Fio => "fio",
            Self::Bmf => "bmf",
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Format {
    type Err = ImportError;

    fn from_str(text: &str) -> Result<Self, ImportError> {
        let names = Self::ALL.map(Self::name);
        let found = Self::ALL.into_iter().find(|format| format.name() == text);
        found.ok_or_else(|| ImportError::NoFormat(format!("`{text}`{}", hint(text, names))))
    }
}

/// Why a file cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ImportError {
    /// A name that no format has.
    #[error("no format {0}; there are auto, criterion, libtest, hyperfine, go, jmh, google, pytest, k6, fio and bmf")]
    NoFormat(String),
    /// No format is recognised.
    #[error("it is in none of the formats that are known ({0}); name one with `--format`")]
    Unrecognised(String),
    /// Not JSON.
    #[error("line {line}, column {column}: {reason}")]
    Syntax {
        /// From 1.
        line: usize,
        /// From 1.
        column: usize,
        /// What is wrong.
        reason: String,
    },
    /// A line that cannot be read.
    #[error("line {line}: {reason}")]
    Line {
        /// From 1.
        line: usize,
        /// What is wrong.
        reason: String,
    },
    /// A value that is missing, or is another kind of value.
    #[error("`{place}`: {reason}")]
    Value {
        /// Such as `results[1].times[3]`.
        place: String,
        /// What is wrong.
        reason: String,
    },
    /// Nothing was measured.
    #[error("it holds no measurement of {0}")]
    Empty(Format),
}

/// The values of one metric of one benchmark.
#[derive(Debug, Clone, PartialEq)]
pub struct Series {
    /// The metric, with its unit and which direction is good.
    pub metric: Metric,
    /// `stat` where it is a statistic, and what else tells series of one metric apart.
    pub labels: Labels,
    /// Samples by process, in base units.
    pub rounds: Vec<Vec<f64>>,
}

/// One benchmark.
#[derive(Debug, Clone, PartialEq)]
pub struct Bench {
    /// Its name, as the tool writes it.
    pub name: String,
    /// Its parameters.
    pub labels: Labels,
    /// What was measured; the first is what it is about.
    pub series: Vec<Series>,
}

/// What a file holds.
#[derive(Debug, Clone, PartialEq)]
pub struct ImportedRun {
    /// The format.
    pub format: Format,
    /// Version of the tool, where the file says it.
    pub version: Option<String>,
    /// When it was measured, in microseconds since 1970, where the file says it.
    pub started: Option<i64>,
    /// Full commit id of the code, where the file says it.
    pub commit: Option<String>,
    /// Its branch.
    pub branch: Option<String>,
    /// Whether the working tree differed from the commit.
    pub dirty: Option<bool>,
    /// Name of the machine, where the file says it.
    pub host: Option<String>,
    /// The benchmarks, in order.
    pub benches: Vec<Bench>,
    /// What was left out, one sentence each.
    pub remarks: Vec<String>,
}

impl ImportedRun {
    fn new(format: Format) -> Self {
        Self {
            format,
            version: None,
            started: None,
            commit: None,
            branch: None,
            dirty: None,
            host: None,
            benches: Vec::new(),
            remarks: Vec::new(),
        }
    }

    /// The benchmark of this name and these parameters, new if there is none.
    fn bench(&mut self, name: &str, labels: &Labels) -> &mut Bench {
        let found = self.benches.iter().position(|bench| bench.name == name && bench.labels == *labels);
        let at = found.unwrap_or_else(|| {
            self.benches.push(Bench { name: name.to_owned(), labels: labels.clone(), series: Vec::new() });
            self.benches.len() - 1
        });
        &mut self.benches[at]
    }

    /// Takes another run of the same benchmarks as further rounds of this one: it was measured by another process.
    #[must_use]
    pub fn joined(mut self, other: Self) -> Self {
        for bench in other.benches {
            let own = self.bench(&bench.name, &bench.labels);
            for series in bench.series {
                own.series(&series.metric, &series.labels).rounds.extend(series.rounds);
            }
        }
        self.remarks.extend(other.remarks);
        self.started = self.started.into_iter().chain(other.started).min();
        if self.commit != other.commit {
            self.commit = None;
        }
        self
    }
}

impl Bench {
    fn series(&mut self, metric: &Metric, labels: &Labels) -> &mut Series {
        let found = self.series.iter().position(|series| series.metric == *metric && series.labels == *labels);
        let at = found.unwrap_or_else(|| {
            self.series.push(Series { metric: metric.clone(), labels: labels.clone(), rounds: Vec::new() });
            self.series.len() - 1
        });
        &mut self.series[at]
    }

    /// Adds a round.
    fn round(&mut self, metric: &Metric, values: Vec<f64>) {
        self.series(metric, &Labels::new()).rounds.push(values);
    }

    /// Adds a statistic.
    fn statistic(&mut self, metric: &Metric, stat: &str, value: f64) {
        self.series(metric, &Labels::new().with("stat", stat)).rounds.push(vec![value]);
    }
}

/// A metric of another tool.
fn metric(id: &str, unit: Unit, goal: Goal) -> Metric {
    Metric { id: id.to_owned(), unit, goal, nature: Nature::Cost }
}

/// Reads a file of a format; `path` is where it was, which is all that names the benchmark in a `sample.json`.
///
/// # Errors
/// See [`ImportError`].
pub fn read(format: Format, text: &str, path: &str) -> Result<ImportedRun, ImportError> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let run = match format {
        Format::Criterion => criterion::read(text, path),
        Format::Libtest => libtest::read(text),
        Format::Hyperfine => hyperfine::read(&node::parse(text)?),
        Format::Go => go::read(text),
        Format::Jmh => jmh::read(&node::parse(text)?),
        Format::Google => google::read(&node::parse(from_brace(text))?),
        Format::Pytest => pytest::read(&node::parse(text)?),
        Format::K6 => k6::read(&node::parse(text)?),
        Format::Fio => fio::read(&node::parse(from_brace(text))?),
        Format::Bmf => bmf::read(&node::parse(text)?),
    }?;
    if run.benches.iter().all(|bench| bench.series.is_empty()) {
        return Err(ImportError::Empty(format));
    }
    Ok(run)
}

/// JSON after what a tool printed before it.
fn from_brace(text: &str) -> &str {
    text.find('{').map_or(text, |at| &text[at..])
}

/// Finds the format of a file.
///
/// # Errors
/// [`ImportError::Unrecognised`], with what it looked like.
pub fn detect(text: &str) -> Result<Format, ImportError> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let unknown = |what: String| Err(ImportError::Unrecognised(what));
    let head = text.trim_start();
    if !head.starts_with(['{', '[']) {
        if let Some(format) = detect_text(text) {
            return Ok(format);
        }
        // fio prints warnings before its JSON.
        let json = from_brace(text);
        if json.len() < text.len() && serde_json::from_str::<Value>(json).is_ok() {
            return detect(json);
        }
        let first: String = head.lines().next().unwrap_or("").chars().take(60).collect();
        return unknown(if first.is_empty() {
            "it is empty".to_owned()
        } else {
            format!("its first line is `{first}`")
        });
    }
    let value: Value = match serde_json::from_str(text) {
        Ok(value) => value,
        Err(error) => {
            let mut lines = head.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
            return match lines.next() {
                Some(line) if line.get("reason").is_some() => Ok(Format::Criterion),
                Some(line) if line.get("Action").is_some() => Ok(Format::Go),
                _ => unknown(format!("it begins as JSON and is none: {error}")),
            };
        }
    };
    if let Some(first) = value.as_array().and_then(|array| array.first()) {
        let jmh = first.get("primaryMetric").is_some();
        return if jmh { Ok(Format::Jmh) } else { unknown("a JSON array of something else".to_owned()) };
    }
    let has = |key: &str| value.get(key).is_some();
    let first_of = |key: &str| value.get(key).and_then(Value::as_array).and_then(|array| array.first());
    let of_bencher = |measures: &Value| {
        let measures = measures.as_object().filter(|measures| !measures.is_empty());
        measures.is_some_and(|measures| measures.values().all(|measure| measure.get("value").is_some()))
    };
    let format = if has("fio version") {
        Format::Fio
    } else if first_of("results").is_some_and(|result| result.get("command").is_some()) {
        Format::Hyperfine
    } else if has("machine_info") || first_of("benchmarks").is_some_and(|bench| bench.get("stats").is_some()) {
        Format::Pytest
    } else if has("context") && has("benchmarks") {
        Format::Google
    } else if has("iters") && has("times") || has("reason") {
        Format::Criterion
    } else if has("metrics") && value["metrics"].is_object() {
        Format::K6
    } else if value.as_object().is_some_and(|benches| !benches.is_empty() && benches.values().all(of_bencher)) {
        Format::Bmf
    } else {
        let keys: Vec<&str> = value.as_object().into_iter().flatten().map(|(key, _)| key.as_str()).take(5).collect();
        return unknown(format!("a JSON object with the keys {}", keys.join(", ")));
    };
    Ok(format)
}

fn detect_text(text: &str) -> Option<Format> {
    // A file of `cargo bench` may hold both: then Criterion's, whose benches the harness lists as ignored tests.
    if text.lines().any(criterion::is_result) {
        return Some(Format::Criterion);
    }
    if text.lines().any(libtest::is_result) {
        return Some(Format::Libtest);
    }
    text.lines().any(go::is_result).then_some(Format::Go)
}
