//! The report of a run: as much of it as fits.

use super::chart::Chart;
use super::charts::Detail;
use super::page::Page;
use super::{Kind, advice, comparison, diagnostics, executive, fault, interference, load, results, sections};
use crate::input::Report;
use crate::{clean, json};

/// From everything to what the largest runs have room for.
pub(super) const DETAILS: [Detail; 6] = [
    Detail { points: 600, rows: 28, spans: 3000, lines: usize::MAX, figures: usize::MAX },
    Detail { points: 240, rows: 24, spans: 1200, lines: usize::MAX, figures: usize::MAX },
    Detail { points: 120, rows: 20, spans: 500, lines: 4000, figures: 80 },
    Detail { points: 60, rows: 12, spans: 200, lines: 1500, figures: 40 },
    Detail { points: 30, rows: 8, spans: 80, lines: 500, figures: 16 },
    Detail { points: 12, rows: 6, spans: 20, lines: 120, figures: 4 },
];

/// The report of a run as one HTML file.
#[must_use]
pub fn report(report: &Report<'_>, kind: Kind) -> String {
    let title = format!("{}: benchmark report", clean::clip(&report.record.header.scenario.name, 80));
    let document = json::report(report);
    let mut file = String::new();
    for (level, detail) in DETAILS.into_iter().enumerate() {
        // The results file has all that is left out; without room for the whole there is none for it either.
        let document = (level < 3).then_some(document.as_str());
        file = page(report, kind, detail).file(&title, document, level > 0);
        if file.len() <= kind.most() {
            break;
        }
    }
    file
}

/// The charts of a run, as the pages draw them.
#[must_use]
pub fn charts(report: &Report<'_>) -> Vec<Chart> {
    page(report, Kind::Full, DETAILS[0]).charts
}

fn page(report: &Report<'_>, kind: Kind, detail: Detail) -> Page {
    let mut page = Page::new(kind, detail);
    sections::header(&mut page, report);
    executive::executive(&mut page, report);
    sections::expectations(&mut page, report);
    comparison::against_baseline(&mut page, report);
    sections::findings(&mut page, report);
    advice::advice(&mut page, report);
    fault::faults(&mut page, report);
    load::loads(&mut page, report);
    interference::stress(&mut page, report);
    results::results(&mut page, report);
    sections::machine(&mut page, report);
    sections::health(&mut page, report);
    sections::timeline(&mut page, report);
    sections::environment(&mut page, report);
    diagnostics::diagnostics(&mut page, report);
    page
}
