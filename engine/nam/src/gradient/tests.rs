use super::*;
use crate::naive;
use crate::network::Activation;
use crate::prepared::Prepared;
use crate::random::Random;

/// Half the sum of squared outputs, weighted so that every output has a slope of its own; by nested loops in double
/// precision, so that differences over a millionth are exact enough and hardly ever cross the corner of `max(0, x)`.
fn loss(layers: &[Layer], parameters: &[f64], input: &[f64]) -> f64 {
    let output = naive::forward(layers, parameters, input).pop().unwrap();
    output.iter().enumerate().map(|(at, y)| 0.5 * (1.0 + at as f64 % 3.0) * y.powi(2)).sum()
}

fn check(layers: Vec<Layer>) {
    let mut network = Network::new(layers.clone(), 5).unwrap();
    let mut random = Random::new(9);
    network.parameters_mut().iter_mut().for_each(|value| *value += 0.05 * random.normal());
    let rows = 3;
    let input: Vec<f32> = (0..rows * network.inputs()).map(|_| random.normal()).collect();
    let mut map = ActivationMap::new(&network, rows);
    Prepared::floats(&network).capture(&input, &mut map).unwrap();
    let slope: Vec<f32> = map.output().iter().enumerate().map(|(at, y)| (1.0 + at as f32 % 3.0) * y).collect();
    let mut gradient = vec![0.0; network.parameters().len()];
    let mut backward = Backward::default();
    let inner = backward.run(&network, &input, &map, &slope, &mut gradient, Some(0)).unwrap().to_vec();
    let close = |analytic: f32, numeric: f64, what: &str| {
        let error = (f64::from(analytic) - numeric).abs() / (1.0 + numeric.abs());
        assert!(error < 1e-4, "{what}: {analytic} and {numeric}");
    };
    let double = |values: &[f32]| -> Vec<f64> { values.iter().map(|value| f64::from(*value)).collect() };
    let (parameters, input64) = (double(network.parameters()), double(&input));
    let h = 1e-6;
    let difference = |values: &[f64], at: usize, loss: &dyn Fn(&[f64]) -> f64| {
        let moved = |by: f64| {
            let mut values = values.to_vec();
            values[at] += by;
            loss(&values)
        };
        (moved(h) - moved(-h)) / (2.0 * h)
    };
    for _ in 0..60 {
        let at = random.below(gradient.len());
        close(gradient[at], difference(&parameters, at, &|moved| loss(&layers, moved, &input64)), "parameter");
        let at = random.below(input.len());
        close(inner[at], difference(&input64, at, &|moved| loss(&layers, &parameters, moved)), "input");
    }
    let mut again = vec![0.0; gradient.len()];
    assert!(backward.run(&network, &input, &map, &slope, &mut again, None).unwrap().is_empty());
    assert_eq!(gradient, again);
}

#[test]
fn gradients_equal_differences() {
    let dense = |inputs, outputs, activation| Layer::Dense { inputs, outputs, activation };
    check(vec![dense(7, 19, Activation::Relu), dense(19, 33, Activation::Relu), dense(33, 3, Activation::Identity)]);
    let conv = |channels, filters, kernel| {
        let activation = Activation::Relu;
        Layer::Conv { height: 5, width: 4, channels, filters, kernel, activation }
    };
    check(vec![
        conv(2, 6, 3),
        conv(6, 5, 1),
        Layer::Mean { height: 5, width: 4, channels: 5 },
        dense(5, 4, Activation::Identity),
    ]);
}

#[test]
fn wrong_shapes_are_named() {
    let network = Network::dense(&[2, 3, 1], 0).unwrap();
    let mut map = ActivationMap::new(&network, 2);
    Prepared::floats(&network).capture(&[0.0; 4], &mut map).unwrap();
    let mut gradient = vec![0.0; network.parameters().len()];
    let error = Backward::default().run(&network, &[0.0; 4], &map, &[1.0], &mut gradient, None).unwrap_err();
    assert_eq!(error.to_string(), "slope of the outputs: expected 2 values, got 1");
}
