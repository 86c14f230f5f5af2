//! The report file, and its short form for the page of a CI job.

use crate::input::Report;

use super::{advice, comparison, executive, fault, interference, load, results, sections};

/// The whole report of a run.
#[must_use]
pub fn report(report: &Report<'_>) -> String {
    let mut out = String::new();
    sections::header(&mut out, report);
    executive::executive(&mut out, report);
    sections::expectations(&mut out, report);
    comparison::against_baseline(&mut out, report);
    fault::faults(&mut out, report);
    load::loads(&mut out, report);
    interference::stress(&mut out, report);
    results::results(&mut out, report);
    sections::machine(&mut out, report);
    sections::health(&mut out, report);
    advice::section(&mut out, report.advice);
    sections::environment(&mut out, report);
    sections::diagnostics(&mut out, report);
    out
}

/// What a CI job shows on its page (`GITHUB_STEP_SUMMARY`): the report without the environment.
#[must_use]
pub fn step_summary(report: &Report<'_>) -> String {
    let mut out = String::new();
    sections::header(&mut out, report);
    executive::executive(&mut out, report);
    sections::expectations(&mut out, report);
    comparison::against_baseline(&mut out, report);
    let mut details = String::new();
    fault::faults(&mut details, report);
    load::loads(&mut details, report);
    interference::stress(&mut details, report);
    results::results(&mut details, report);
    sections::machine(&mut details, report);
    sections::health(&mut details, report);
    advice::section(&mut details, report.advice);
    sections::diagnostics(&mut details, report);
    out.push_str(&details);
    // A page takes 1 MiB; a longer one is refused as a whole.
    const MOST: usize = 1_000_000;
    if out.len() > MOST {
        let end = out.char_indices().map(|(at, _)| at).take_while(|at| *at <= MOST).last().unwrap_or(0);
        let end = out[..end].rfind('\n').unwrap_or(end);
        out.truncate(end);
        out.push_str("\n\nThe rest is left out here; see the report file.\n");
    }
    out
}
