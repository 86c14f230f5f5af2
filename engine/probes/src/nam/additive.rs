//! `nam.additive`: a neural additive model on the breast-cancer data: how well it tells, how long it takes.
//!
//! Method: five folds, the rows of each as scikit-learn's `StratifiedKFold(5, shuffle=True, random_state=42)` deals them; a model
//! of one small network a feature (Agarwal et al., 2021) is fitted to four and judged on the fifth by the area under the ROC
//! curve. Logistic regression reaches 0.995 on the same folds, a boosted additive model 0.997.
//!
//! What would make the number wrong: a model that sees its test rows (folds are fixed in the data); curves that do not add up
//! to the prediction, which is checked; too few passes (under the tiny profile the area says nothing).

use engine_core::args::Args;
use engine_core::metric::MetricDef;
use engine_core::probe::{OwnNoise, ParamDef, ParamKind, ProbeInfo, RoundProcess};
use engine_core::unit::Unit;
use engine_nam::{Additive, AdditiveError, AdditiveOptions, Task, data, score};

use super::stay;
use crate::harness::clock::Stopwatch;
use crate::{Context, Probe, ProbeError};

const EPOCHS: ParamDef = ParamDef {
    name: "epochs",
    kind: ParamKind::Count { min: 1, max: 10_000 },
    default: Some("60"),
    tiny: Some("1"),
    doc: "passes over the rows of a fold",
};
const FOLDS: ParamDef = ParamDef {
    name: "folds",
    kind: ParamKind::Count { min: 1, max: 5 },
    default: Some("5"),
    tiny: Some("1"),
    doc: "how many of the five folds are judged",
};

const AREA: MetricDef = MetricDef::rate("area", Unit::Ratio, "area under the ROC curve, mean over the folds");
const FIT: MetricDef = MetricDef::cost("fit", Unit::Seconds, "fitting the model of a fold");
const PREDICT: MetricDef = MetricDef::cost("predict", Unit::Seconds, "prediction of a row, in a batch");

/// The probe.
pub static PROBE: Probe = Probe {
    info: &ProbeInfo {
        id: "nam.additive",
        summary: "A neural additive model on the breast-cancer data: area under the curve, time to fit and to predict.",
        method: 1,
        about: "Fits one small network a feature to four of five fixed folds and judges the sum on the fifth. That \
                contributions and bias add up to the prediction is checked for every row. With 30 passes or more an area \
                below 0.98 is a failure. The area is wrong when test rows were learned from: the folds are part of the data.",
        params: &[EPOCHS, FOLDS],
        metrics: &[AREA, FIT, PREDICT],
        round_seconds: 2.5,
        process: RoundProcess::Engine,
        noise: OwnNoise::Quiet,
    },
    run,
};

impl From<AdditiveError> for ProbeError {
    fn from(error: AdditiveError) -> Self {
        Self::failed(error.to_string())
    }
}

fn run(args: &Args, cx: &mut Context<'_>) -> Result<(), ProbeError> {
    let whole = |param: &ParamDef| usize::try_from(args.whole(param.name)).unwrap_or(1);
    let (epochs, folds) = (whole(&EPOCHS), whole(&FOLDS));
    stay(cx);
    let (cancer, parts) = data::breast_cancer()?;
    let mut total = 0.0;
    for fold in 0..folds {
        cx.check()?;
        let (test, train): (Vec<usize>, Vec<usize>) = (0..parts.len()).partition(|row| parts[*row] == fold);
        let targets: Vec<f32> = train.iter().map(|row| cancer.labels()[*row] as f32).collect();
        let (rows, judged) = (cancer.table().select(&train)?, cancer.table().select(&test)?);
        let options = AdditiveOptions { epochs, ..AdditiveOptions::default() };

        let clock = Stopwatch::start();
        let model = Additive::fit(&rows, &targets, Task::Classification, &options)?;
        let fitted = clock.stop();
        let clock = Stopwatch::start();
        let scores = model.predict(&judged)?;
        let predicted = clock.stop();

        cx.record(&FIT, fitted.as_secs_f64());
        cx.record(&PREDICT, predicted.as_secs_f64() / test.len() as f64);
        let parts = model.contributions(&judged)?;
        for (row, score) in parts.chunks_exact(model.features()).zip(&scores) {
            let logit = f64::from(model.bias()) + row.iter().map(|part| f64::from(*part)).sum::<f64>();
            let off = (1.0 / (1.0 + (-logit).exp()) - f64::from(*score)).abs();
            if off.is_nan() || off > 1e-4 {
                return Err(ProbeError::verification("the contributions do not add up to the prediction"));
            }
        }
        let positive: Vec<bool> = test.iter().map(|row| cancer.labels()[*row] == 1).collect();
        total += score::auc(&scores, &positive).ok_or_else(|| ProbeError::failed("a fold has one class only"))?;
    }
    let area = total / folds as f64;
    cx.record(&AREA, area);
    if epochs >= 30 && area < 0.98 {
        return Err(ProbeError::verification(format!("the area under the curve is only {area:.4}")));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::harness::tests::{round, values};

    #[test]
    fn a_fold_is_fitted_and_judged() {
        let (records, _) = round(&PROBE, &[]).unwrap();
        assert_eq!(values(&records, "fit").len(), 1);
        assert!((0.0..=1.0).contains(&values(&records, "area")[0]));
        assert!(values(&records, "predict")[0] > 1e-9);
    }
}
