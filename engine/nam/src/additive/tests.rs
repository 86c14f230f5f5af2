use super::*;
use crate::data;
use crate::score::auc;

/// Rows of random features and a target of which only the first two know anything.
fn curves(rows: usize) -> (Table, Vec<f32>) {
    let mut random = Random::new(5);
    let values: Vec<f32> = (0..rows * 4).map(|at| if at % 4 == 3 { 2.5 } else { 4.0 * random.unit() - 2.0 }).collect();
    let table = Table::new(values, 4).unwrap();
    let targets = (0..rows).map(|row| 10.0 + 3.0 * table.row(row)[0].powi(2) - 2.0 * table.row(row)[1]).collect();
    (table, targets)
}

#[test]
fn a_known_sum_of_curves_is_found_and_named() {
    let (table, targets) = curves(600);
    let model = Additive::fit(&table, &targets, Task::Regression, &AdditiveOptions::default()).unwrap();
    let predictions = model.predict(&table).unwrap();
    let error = predictions.iter().zip(&targets).map(|(p, t)| (p - t).powi(2)).sum::<f32>() / 600.0;
    let mean = targets.iter().sum::<f32>() / 600.0;
    let variance = targets.iter().map(|t| (t - mean).powi(2)).sum::<f32>() / 600.0;
    assert!(error < 0.03 * variance, "{error} of {variance}");
    let importance = model.importance();
    assert!(importance[0] > 5.0 * importance[2] && importance[1] > 5.0 * importance[2], "{importance:?}");
    assert!(importance[3].abs() < 1e-6, "a constant explains nothing: {importance:?}");
    let square = model.shape(0, 5);
    assert_eq!((square.feature, square.values.len()), (0, 5));
    let c = &square.contributions;
    assert!(c[0] > c[2] + 9.0 && c[4] > c[2] + 9.0 && c[1] < c[0], "a parabola: {c:?}");
    // The sum of the parts is the whole.
    let parts = model.contributions(&table).unwrap();
    for (row, prediction) in parts.chunks_exact(4).zip(&predictions) {
        assert!((row.iter().sum::<f32>() + model.bias() - prediction).abs() < 1e-3);
    }
    assert!((model.bias() - mean).abs() < 0.5, "curves are centred: the bias is the mean");
}

#[test]
fn exp_centred_units_make_a_step() {
    let values: Vec<f32> = (0..400_u16).map(|at| f32::from(at) / 400.0).collect();
    let targets: Vec<f32> = values.iter().map(|value| f32::from(u8::from(*value > 0.5))).collect();
    let table = Table::new(values, 1).unwrap();
    let options = AdditiveOptions { units: FirstUnits::ExpCentred, ..AdditiveOptions::default() };
    let model = Additive::fit(&table, &targets, Task::Classification, &options).unwrap();
    let predictions = model.predict(&Table::new(vec![0.1, 0.45, 0.55, 0.9, 9.0], 1).unwrap()).unwrap();
    assert!(predictions[0] < 0.1 && predictions[1] < 0.3 && predictions[2] > 0.7 && predictions[3] > 0.9);
    assert!((predictions[3] - predictions[4]).abs() < 0.1, "beyond the range it says what its end says");
}

#[test]
fn one_fold_of_breast_cancer_is_told_apart() {
    let (cancer, folds) = data::breast_cancer().unwrap();
    let (test, train): (Vec<usize>, Vec<usize>) = (0..569).partition(|row| folds[*row] == 0);
    let targets = |rows: &[usize]| -> Vec<f32> { rows.iter().map(|row| cancer.labels()[*row] as f32).collect() };
    let options = AdditiveOptions { epochs: 15, ..AdditiveOptions::default() };
    let rows = cancer.table().select(&train).unwrap();
    let model = Additive::fit(&rows, &targets(&train), Task::Classification, &options).unwrap();
    let scores = model.predict(&cancer.table().select(&test).unwrap()).unwrap();
    let positive: Vec<bool> = test.iter().map(|row| cancer.labels()[*row] == 1).collect();
    let area = auc(&scores, &positive).unwrap();
    assert!(area > 0.98, "{area}");
    assert_eq!(model.features(), 30);
}

#[test]
fn bad_input_is_named() {
    let (table, targets) = curves(10);
    let fit = |targets: &[f32], task, options: AdditiveOptions| {
        Additive::fit(&table, targets, task, &options).unwrap_err().to_string()
    };
    let usual = AdditiveOptions::default();
    assert_eq!(fit(&targets[..9], Task::Regression, usual), "10 rows need as many labels or targets, got 9");
    let mut bad = targets.clone();
    bad[3] = f32::NAN;
    assert_eq!(fit(&bad, Task::Regression, usual), "row 3: the target `NaN` must be a finite number");
    assert!(fit(&[2.0; 10], Task::Classification, usual).contains("must be 0 or 1"));
    assert!(fit(&[1.0; 10], Task::Classification, usual).contains("of one class"));
    assert!(fit(&targets, Task::Regression, AdditiveOptions { members: 0, ..usual }).contains("at least 1"));
    assert!(fit(&targets, Task::Regression, AdditiveOptions { dropout: 1.0, ..usual }).contains("dropout below 1"));
    let model = Additive::fit(&table, &targets, Task::Regression, &AdditiveOptions { epochs: 1, ..usual }).unwrap();
    let narrow = Table::new(vec![1.0; 6], 3).unwrap();
    assert_eq!(model.predict(&narrow), Err(DataError::Columns { expected: 4, found: 3 }));
    let constant =
        Additive::fit(&table, &[5.0; 10], Task::Regression, &AdditiveOptions { epochs: 200, ..usual }).unwrap();
    assert!(constant.predict(&table).unwrap().iter().all(|value| (value - 5.0).abs() < 0.5));
}
