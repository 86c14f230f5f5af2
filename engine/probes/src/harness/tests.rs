//! One tiny round of a probe, for the smoke tests of those that measure.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use engine_core::args::ArgValue;
use engine_core::measurement::Record;

use crate::{Context, Probe, ProbeError};

/// What a round recorded, and its remarks.
pub(crate) type Round = (Vec<Record>, Vec<String>);

/// Takes a tiny round on two CPUs; every recorded value must be finite.
pub(crate) fn round(probe: &Probe, given: &[(&str, &str)]) -> Result<Round, ProbeError> {
    round_on(2, probe, given)
}

/// As [`round`], on so many CPUs.
pub(crate) fn round_on(cores: usize, probe: &Probe, given: &[(&str, &str)]) -> Result<Round, ProbeError> {
    let given: BTreeMap<String, ArgValue> =
        given.iter().map(|(name, text)| ((*name).to_owned(), ArgValue::Text((*text).to_owned()))).collect();
    let args = probe.info.args(&given, true).unwrap();
    let cancel = AtomicBool::new(false);
    let deadline = Instant::now() + Duration::from_secs(600);
    let mut cx = Context::new(Path::new("/"), &cancel, deadline, cores, 7, true);
    (probe.run)(&args, &mut cx)?;
    let (records, notes) = cx.finish();
    // Once, or once for each of some labels.
    let primary = records.iter().filter(|record| record.metric.id == probe.info.metrics[0].id);
    assert!(primary.clone().count() == 1 || primary.clone().next().is_some_and(|record| !record.labels.is_empty()));
    for record in &records {
        assert!(probe.info.metric(&record.metric.id).is_some(), "`{}` is not declared", record.metric.id);
        assert!(!record.values.is_empty() && record.values.iter().all(|value| value.is_finite()), "{record:?}");
    }
    Ok((records, notes))
}

/// As [`round`], taken again until the values of these metrics are possible: a machine that does something else may take
/// far longer over a short pass than its work does, but not each time. What is never possible is wrong.
pub(crate) fn round_within(
    probe: &Probe,
    given: &[(&str, &str)],
    possible: &[(&str, std::ops::Range<f64>)],
) -> Result<Round, ProbeError> {
    let mut taken = round(probe, given)?;
    for _ in 0..100 {
        if possible.iter().all(|(metric, range)| values(&taken.0, metric).iter().all(|value| range.contains(value))) {
            break;
        }
        taken = round(probe, given)?;
    }
    Ok(taken)
}

/// All values of a metric, over all its labels.
pub(crate) fn values(records: &[Record], metric: &str) -> Vec<f64> {
    records.iter().filter(|record| record.metric.id == metric).flat_map(|record| record.values.clone()).collect()
}
