//! A comparison in words, the same in every format.

use engine_core::comparison::{Comparison, SeriesVerdict, Shape, ShapeChange};
use engine_core::judgement::Verdict;

use crate::number;

/// The verdicts in the order of what a reader must see first: worse, inconclusive, better, equivalent; the larger
/// change first.
pub(crate) fn sorted(comparison: &Comparison) -> Vec<&SeriesVerdict> {
    let rank = |verdict| match verdict {
        Verdict::Worse => 0,
        Verdict::Inconclusive => 1,
        Verdict::Better => 2,
        Verdict::Equivalent => 3,
    };
    let size = |one: &SeriesVerdict| one.change.map_or(0.0, |change| change.ratio.ln().abs());
    let mut sorted: Vec<&SeriesVerdict> = comparison.series.iter().collect();
    sorted.sort_by(|a, b| rank(a.verdict).cmp(&rank(b.verdict)).then(size(b).total_cmp(&size(a))));
    sorted
}

/// `+3.4 %`.
pub(crate) fn change(one: &SeriesVerdict) -> String {
    one.change.map_or_else(|| "n/a".to_owned(), |change| number::change(change.ratio))
}

/// `+2.1 % .. +4.6 %`.
pub(crate) fn interval(one: &SeriesVerdict) -> String {
    match one.change.and_then(|change| change.interval) {
        Some(i) => format!("{} .. {}", number::change(i.low), number::change(i.high)),
        None => "too few".to_owned(),
    }
}

/// The worst verdict; none when nothing was compared.
pub(crate) fn worst(comparison: &Comparison) -> Option<Verdict> {
    if comparison.is_refused() {
        return None;
    }
    let order = [Verdict::Worse, Verdict::Inconclusive, Verdict::Better, Verdict::Equivalent];
    order.into_iter().find(|verdict| comparison.count(*verdict) > 0)
}

/// `1 worse, 2 better, 5 equivalent`.
pub(crate) fn tally(comparison: &Comparison) -> String {
    if comparison.is_refused() {
        return "refused: the runs cannot be compared".to_owned();
    }
    let parts: Vec<String> = [Verdict::Worse, Verdict::Inconclusive, Verdict::Better, Verdict::Equivalent]
        .into_iter()
        .map(|verdict| (comparison.count(verdict), verdict.name()))
        .filter(|(number, _)| *number > 0)
        .map(|(number, name)| format!("{number} {name}"))
        .collect();
    if parts.is_empty() { "nothing to compare: the runs have no series in common".to_owned() } else { parts.join(", ") }
}

/// What changed in a distribution beside its middle, in words.
pub(crate) fn shape(change: &ShapeChange) -> String {
    let what = match change.shape {
        Shape::Spread => "the spread",
        Shape::Tail => "the tail",
        Shape::Modes => "the share of two modes",
    };
    format!("not only the middle counts: {what} is {:.2} times what it was (p = {:.2e})", change.ratio, change.p)
}
