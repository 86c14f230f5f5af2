//! Activations against numpy's (`golden.py` wrote `golden.bin`) and against nested loops, in every precision and on every
//! instruction set; and the promise of the ladder on real data.

use engine_nam::{
    Activation, ActivationMap, Isa, Layer, Network, Precision, Prepared, Training, data, prune, score, train,
};

/// The parameters of `golden.py`.
fn parameters(layers: &[Layer]) -> Vec<f32> {
    let count: usize = layers.iter().map(|layer| layer.parameters()).sum();
    let bits = (0..count as u64).map(|at| (at * 2_654_435_761 % (1 << 32)) >> 8);
    bits.map(|bits| (bits as f32 / 16_777_216.0 - 0.5) * 0.25).collect()
}

fn dense_layers() -> Vec<Layer> {
    let dense = |inputs, outputs, activation| Layer::Dense { inputs, outputs, activation };
    vec![dense(64, 128, Activation::Relu), dense(128, 64, Activation::Relu), dense(64, 10, Activation::Identity)]
}

fn convolutional_layers() -> Vec<Layer> {
    let activation = Activation::Relu;
    let conv = Layer::Conv { height: 8, width: 8, channels: 1, filters: 4, kernel: 3, activation };
    let dense = Layer::Dense { inputs: 4, outputs: 10, activation: Activation::Identity };
    vec![conv, Layer::Mean { height: 8, width: 8, channels: 4 }, dense]
}

fn golden() -> Vec<f32> {
    let bytes = include_bytes!("golden.bin");
    bytes.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect()
}

#[test]
fn activations_equal_numpy_within_a_hundred_thousandth() {
    let pixels = data::digits_in_order().unwrap();
    let golden = golden();
    for isa in Isa::ALL.into_iter().filter(|isa| isa.is_available()) {
        let mut rest = golden.as_slice();
        for (layers, rows) in [(dense_layers(), 5), (convolutional_layers(), 2)] {
            let network = Network::with_parameters(layers.clone(), parameters(&layers)).unwrap();
            let mut map = ActivationMap::new(&network, rows);
            let mut prepared = Prepared::with_isa(&network, Precision::F32, &[], isa).unwrap();
            prepared.capture(&pixels.table().values()[..rows * 64], &mut map).unwrap();
            for (at, layer) in layers.iter().enumerate() {
                let (right, after) = rest.split_at(rows * layer.outputs());
                let worst = map.layer(at).iter().zip(right).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
                assert!(worst <= 1e-5, "{isa}, layer {at}: {worst}");
                assert!(right.iter().any(|value| value.abs() > 0.01), "the reference is not all zero");
                rest = after;
            }
        }
        assert!(rest.is_empty());
    }
}

#[test]
fn a_map_holds_what_the_forward_pass_computes_in_every_precision() {
    let pixels = data::digits_in_order().unwrap();
    for layers in [dense_layers(), convolutional_layers()] {
        let network = Network::with_parameters(layers.clone(), parameters(&layers)).unwrap();
        for precision in Precision::ALL {
            let calibration = &pixels.table().values()[..64 * 100];
            let mut prepared = Prepared::new(&network, precision, calibration).unwrap();
            for rows in [0, 1, 47, 48, 131] {
                let input = &pixels.table().values()[..rows * 64];
                let mut map = ActivationMap::new(&network, 131);
                let mut outputs = vec![0.0; rows * 10];
                assert_eq!(prepared.capture(input, &mut map).unwrap(), rows);
                prepared.forward(input, &mut outputs).unwrap();
                assert_eq!((map.rows(), map.output()), (rows, &outputs[..]), "{precision:?}");
                let whole: usize = layers.iter().map(|layer| layer.outputs() * 4).sum();
                assert_eq!(map.bytes_per_row(), whole);
            }
        }
    }
}

#[test]
fn shapes_that_do_not_fit_are_named() {
    let network = Network::dense(&[4, 3, 2], 0).unwrap();
    let mut prepared = Prepared::floats(&network);
    let error = prepared.forward(&[0.0; 9], &mut [0.0; 4]).unwrap_err();
    assert_eq!(error.to_string(), "input, in whole rows: expected 12 values, got 9");
    assert!(prepared.forward(&[0.0; 8], &mut [0.0; 3]).unwrap_err().to_string().starts_with("output"));
    let mut small = ActivationMap::new(&network, 1);
    assert!(prepared.capture(&[0.0; 8], &mut small).unwrap_err().to_string().contains("expected 1 values, got 2"));
    let other = Network::dense(&[4, 5, 2], 0).unwrap();
    assert!(prepared.capture(&[0.0; 4], &mut ActivationMap::new(&other, 1)).is_err());
    let error = Prepared::new(&network, Precision::Int8, &[]).unwrap_err();
    assert!(error.to_string().contains("needs rows of typical inputs"));
    assert!(Prepared::new(&network, Precision::Int4, &[0.0; 3]).is_err());
}

#[test]
fn the_ladder_keeps_its_promises_on_digits() {
    let digits = data::digits().unwrap();
    let mut network = Network::dense(&[64, 128, 64, 10], 0).unwrap();
    train(&mut network, &digits.train, &Training::default()).unwrap();
    let (rows, labels) = (digits.test.table().values(), digits.test.labels());
    let judge = |network: &Network, precision| {
        let mut prepared = Prepared::new(network, precision, digits.train.table().values()).unwrap();
        let mut outputs = vec![0.0; labels.len() * 10];
        prepared.forward(rows, &mut outputs).unwrap();
        (score::accuracy(&outputs, labels), prepared.bytes())
    };
    let (float, float_bytes) = judge(&network, Precision::F32);
    assert!(float >= 0.97, "{float}");
    let mut bytes = float_bytes;
    for (precision, loss) in [(Precision::F16, 0.0025), (Precision::Int8, 0.005), (Precision::Int4, 0.02)] {
        let (accuracy, smaller) = judge(&network, precision);
        assert!(accuracy >= float - loss, "{precision:?}: {accuracy} of {float}");
        assert!((smaller as f64) < 0.6 * bytes as f64, "{precision:?} takes about half of the one before");
        bytes = smaller;
    }
    // Without its zeros a pruned network computes what it computes with them.
    let half = prune(&network, 0.5);
    let (dense, _) = judge(&half, Precision::F32);
    let (sparse, sparse_bytes) = judge(&half, Precision::Sparse);
    assert!((dense - sparse).abs() < 1e-12 && sparse > 0.9 && sparse_bytes < float_bytes);
}

#[test]
fn a_convolutional_network_learns_digits() {
    let digits = data::digits().unwrap();
    let conv = |channels, filters| Layer::Conv {
        height: 8,
        width: 8,
        channels,
        filters,
        kernel: 3,
        activation: Activation::Relu,
    };
    let dense = Layer::Dense { inputs: 32, outputs: 10, activation: Activation::Identity };
    let layers = vec![conv(1, 16), conv(16, 32), Layer::Mean { height: 8, width: 8, channels: 32 }, dense];
    let mut network = Network::new(layers, 1).unwrap();
    let options = Training { epochs: 6, optimizer: engine_nam::Optimizer::Adam { rate: 1e-2 }, ..Training::default() };
    train(&mut network, &digits.train, &options).unwrap();
    let mut outputs = vec![0.0; 4500];
    let floats = |network: &Network, precision, outputs: &mut [f32]| {
        let mut prepared = Prepared::new(network, precision, digits.train.table().values()).unwrap();
        prepared.forward(digits.test.table().values(), outputs).unwrap();
        score::accuracy(outputs, digits.test.labels())
    };
    let float = floats(&network, Precision::F32, &mut outputs);
    assert!(float > 0.8, "{float}");
    let int8 = floats(&network, Precision::Int8, &mut outputs);
    assert!((int8 - float).abs() < 0.02, "{int8} of {float}");
}
