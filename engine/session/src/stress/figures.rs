//! From measurements to records: what was measured, and how it compares with the quiet around it.

use engine_core::measurement::{Measurement, Record, Round};
use engine_core::series::Labels;
use engine_core::stress::{
    BACKGROUND, Background, CHECKED, CONTROL, CPU, Of, QUIET, RATE, SLOWDOWN, STRESSOR, slowdown,
};

use super::background::Did;

/// Labels of parts of a load; what is compared is the whole.
const PARTS: [&str; 4] = ["name", "group", "journey", "phase"];

/// Figures of a load that are kept beside what is compared.
const BESIDE: [&str; 3] = ["response", "rate", "errors"];

/// The measurements of one round, in the order in which they were made.
#[derive(Default)]
pub(super) struct Figures {
    taken: Vec<Taken>,
    own: Vec<Record>,
}

/// One measurement.
struct Taken {
    /// Beside which background; none for quiet.
    background: Option<usize>,
    records: Vec<Record>,
}

impl Figures {
    /// Keeps a measurement.
    pub(super) fn took(&mut self, background: Option<usize>, records: Vec<Record>) {
        self.taken.push(Taken { background, records });
    }

    /// Whether anything was measured beside a background.
    pub(super) fn any_stressed(&self) -> bool {
        self.taken.iter().any(|taken| taken.background.is_some()) || !self.own.is_empty()
    }

    /// Keeps what the stressors did.
    pub(super) fn did(&mut self, background: &Background, did: &[Did]) {
        for Did { id, threads, progress } in did {
            let labels = background.labels().with(STRESSOR, id.trim_start_matches("stress."));
            let seconds = progress.seconds.max(1e-9);
            #[expect(clippy::cast_precision_loss, reason = "counts for display, far below 2^53")]
            let (operations, checked, threads) =
                (progress.operations as f64, progress.checked as f64, (*threads).max(1) as f64);
            for (def, value) in
                [(RATE, operations / seconds), (CPU, progress.cpu / seconds / threads), (CHECKED, checked)]
            {
                self.own.push(Record::value(def.metric(), labels.clone(), value));
            }
        }
    }

    /// All records of the round, slowdowns first.
    pub(super) fn records(self, of: Option<&Of>, backgrounds: &[Background]) -> Vec<Record> {
        let mut out = Vec::new();
        if let Some(of) = of {
            self.slowdowns(of, backgrounds, &mut out);
            self.controls(of, &mut out);
            self.measured(of, backgrounds, &mut out);
        }
        // Without anything else measured the stressors' own rate comes first.
        out.extend(self.own);
        out
    }

    fn slowdowns(&self, of: &Of, backgrounds: &[Background], out: &mut Vec<Record>) {
        for (at, taken) in self.taken.iter().enumerate() {
            let Some(background) = taken.background.and_then(|number| backgrounds.get(number)) else { continue };
            for record in taken.compared(of) {
                let Some(stressed) = figure(record, of) else { continue };
                let around = [self.quiet(self.taken[..at].iter().rev()), self.quiet(self.taken[at + 1..].iter())];
                let around: Vec<f64> =
                    around.iter().flatten().filter_map(|quiet| quiet.same(record, of)).filter(|it| *it > 0.0).collect();
                if around.is_empty() {
                    continue;
                }
                // The geometric mean: a ratio to it is the mean of both ratios, whichever direction is good.
                #[expect(clippy::cast_precision_loss, reason = "two")]
                let quiet = (around.iter().map(|value| value.ln()).sum::<f64>() / around.len() as f64).exp();
                if let Some(ratio) = slowdown(&record.metric, stressed, quiet) {
                    add(out, Record::value(SLOWDOWN.metric(), background.labels().joined(&record.labels), ratio));
                }
            }
        }
    }

    /// Each quiet measurement against the one before.
    fn controls(&self, of: &Of, out: &mut Vec<Record>) {
        let quiet: Vec<&Taken> = self.taken.iter().filter(|taken| taken.background.is_none()).collect();
        for pair in quiet.windows(2) {
            for record in pair[1].compared(of) {
                let (before, after) = (pair[0].same(record, of), figure(record, of));
                let ratio = before.zip(after).and_then(|(before, after)| slowdown(&record.metric, after, before));
                out.extend(
                    ratio
                        .into_iter()
                        .map(|ratio| (CONTROL.metric(), record.labels.clone(), ratio))
                        .map(|(metric, labels, ratio)| Record::value(metric, labels, ratio)),
                );
            }
        }
        merge(out);
    }

    /// What was measured, by background.
    fn measured(&self, of: &Of, backgrounds: &[Background], out: &mut Vec<Record>) {
        let quiet = Labels::new().with(BACKGROUND, QUIET);
        for taken in &self.taken {
            let labels = match taken.background {
                None => quiet.clone(),
                Some(number) => backgrounds.get(number).map(Background::labels).unwrap_or_default(),
            };
            let is_load = taken.records.iter().any(|record| record.histogram.is_some());
            let kept = taken.records.iter().filter(|record| {
                record.metric.id == of.metric || is_load && BESIDE.contains(&record.metric.id.as_str())
            });
            for record in kept.filter(|record| whole(record)) {
                add(out, Record { labels: record.labels.joined(&labels), ..record.clone() });
            }
        }
    }

    fn quiet<'a>(&self, mut near: impl Iterator<Item = &'a Taken>) -> Option<&'a Taken> {
        near.find(|taken| taken.background.is_none())
    }
}

impl Taken {
    /// The records that are compared.
    fn compared<'a>(&'a self, of: &'a Of) -> impl Iterator<Item = &'a Record> {
        self.records.iter().filter(|record| record.metric.id == of.metric && whole(record))
    }

    /// The figure of the same series here.
    fn same(&self, other: &Record, of: &Of) -> Option<f64> {
        figure(self.compared(of).find(|record| record.labels == other.labels)?, of)
    }
}

/// Whether a record is about everything and not about a part of a load.
fn whole(record: &Record) -> bool {
    !PARTS.iter().any(|part| record.labels.get(part).is_some())
}

/// The one number of a record that is compared.
fn figure(record: &Record, of: &Of) -> Option<f64> {
    let round = Round { values: record.values.clone(), histogram: record.histogram.clone(), ..Round::default() };
    let alone = Measurement { metric: record.metric.clone(), labels: Labels::new(), rounds: vec![round] };
    match of.stat {
        Some(stat) => alone.statistic(stat).map(|found| found.value),
        None => alone.rounds.first().and_then(|round| alone.round_value(round)),
    }
}

/// Adds a record; samples of the same series go to one.
fn add(out: &mut Vec<Record>, record: Record) {
    let known = out.iter_mut().find(|known| known.metric == record.metric && known.labels == record.labels);
    match (known, &record.histogram) {
        (Some(known), None) if known.histogram.is_none() => known.values.extend(record.values),
        (Some(known), Some(more)) => {
            let both: Vec<_> = known.histogram.iter().chain([more]).collect();
            let merged = engine_core::histogram::Packed::merged(both);
            *known = Record::latencies(record.metric, record.labels, merged);
        }
        _ => out.push(record),
    }
}

/// Joins the samples of each series.
fn merge(out: &mut Vec<Record>) {
    let all = std::mem::take(out);
    all.into_iter().for_each(|record| add(out, record));
}
