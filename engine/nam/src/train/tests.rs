use super::*;
use crate::table::Table;

/// Two spirals of points, which no straight line tells apart.
fn spirals() -> Labelled {
    let (mut values, mut labels) = (Vec::new(), Vec::new());
    for at in 0..200_u16 {
        let (turn, label) = (f32::from(at / 2) * 0.05, usize::from(at % 2));
        let angle = turn + label as f32 * std::f32::consts::PI;
        values.extend([turn * angle.cos() / 5.0, turn * angle.sin() / 5.0]);
        labels.push(label);
    }
    Labelled::new(Table::new(values, 2).unwrap(), labels, 2).unwrap()
}

#[test]
fn both_optimisers_learn_what_is_not_linear() {
    let data = spirals();
    for optimizer in [Optimizer::Adam { rate: 1e-2 }, Optimizer::Sgd { rate: 0.1, momentum: 0.9 }] {
        let mut network = Network::dense(&[2, 32, 32, 2], 1).unwrap();
        let options = Training { epochs: 200, batch: 20, optimizer, decay: 0.0, anneal: 1.0, seed: 2 };
        let losses = train(&mut network, &data, &options).unwrap();
        let mut outputs = vec![0.0; 400];
        Prepared::floats(&network).forward(data.table().values(), &mut outputs).unwrap();
        let right = crate::score::accuracy(&outputs, data.labels());
        assert!(losses[199] < 0.3 * losses[0] && right > 0.95, "{optimizer:?}: {right}");
        let mut same = Network::dense(&[2, 32, 32, 2], 1).unwrap();
        assert_eq!(train(&mut same, &data, &options).unwrap(), losses);
        assert_eq!(same, network);
    }
}

#[test]
fn what_cannot_be_trained_is_refused_and_nothing_changes() {
    let data = spirals();
    let mut network = Network::dense(&[2, 4, 3], 1).unwrap();
    let untouched = network.clone();
    let error = train(&mut network, &data, &Training::default()).unwrap_err();
    assert_eq!(error.to_string(), "the model tells 3 classes apart, the data has 2");
    let mut wide = Network::dense(&[3, 2], 1).unwrap();
    assert_eq!(train(&mut wide, &data, &Training::default()), Err(DataError::Columns { expected: 3, found: 2 }.into()));
    assert_eq!(train(&mut network, &data, &Training { batch: 0, ..Training::default() }), Err(TrainError::Options));
    let bad = Training { optimizer: Optimizer::Adam { rate: f32::NAN }, ..Training::default() };
    assert_eq!(train(&mut network, &data, &bad), Err(TrainError::Options));
    assert_eq!(network, untouched);
    let wild = Training { optimizer: Optimizer::Sgd { rate: 1e30, momentum: 0.9 }, ..Training::default() };
    let mut network = Network::dense(&[2, 4, 2], 1).unwrap();
    let untouched = network.clone();
    assert!(matches!(train(&mut network, &data, &wild), Err(TrainError::Diverged { .. })));
    assert_eq!(network, untouched);
}
