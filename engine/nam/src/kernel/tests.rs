use super::integer::plain_quantise;
use super::*;
use crate::random::Random;
use half::f16;

fn available() -> impl Iterator<Item = Isa> {
    Isa::ALL.into_iter().filter(|isa| isa.is_available())
}

fn numbers(seed: u64, count: usize) -> Vec<f32> {
    let mut random = Random::new(seed);
    (0..count).map(|_| random.normal()).collect()
}

/// Plain nested loops in double precision.
fn product(a: &[f32], b: &[f32], bias: &[f32], rows: usize, k: usize, n: usize) -> Vec<f64> {
    let of = |row: usize, j: usize| -> f64 {
        (0..k).map(|at| f64::from(a[row * k + at]) * f64::from(b[at * n + j])).sum::<f64>() + f64::from(bias[j])
    };
    (0..rows * n).map(|at| of(at / n, at % n)).collect()
}

#[test]
fn float_products_equal_nested_loops_at_every_shape() {
    for isa in available() {
        for (rows, k, n) in [(1, 1, 1), (1, 64, 128), (2, 3, 16), (5, 128, 10), (12, 17, 33), (49, 64, 47), (64, 9, 64)]
        {
            let (a, b, bias) = (numbers(1, rows * k), numbers(2, k * n), numbers(3, n));
            let right = product(&a, &b, &bias, rows, k, n);
            for finish in [Finish::Store, Finish::Relu, Finish::Add] {
                // A stride wider than the row: what lies between must stay as it was.
                let stride = n + 3;
                let mut c = vec![7.0; (rows - 1) * stride + n];
                multiply(isa, Rows::packed(&a, rows, k), &Panels::<f32>::of(k, n, &b, &bias), finish, &mut c, stride);
                for row in 0..rows {
                    for j in 0..n {
                        let right = match finish {
                            Finish::Store => right[row * n + j],
                            Finish::Relu => right[row * n + j].max(0.0),
                            Finish::Add => right[row * n + j] + 7.0,
                        };
                        let error = (f64::from(c[row * stride + j]) - right).abs();
                        assert!(error < 1e-5 * (1.0 + k as f64), "{isa} {rows}x{k}x{n} {finish:?}: {error}");
                    }
                    assert!(c[row * stride..].iter().skip(n).take(3).all(|between| *between == 7.0));
                }
            }
            // The left matrix transposed: `step` and `stride` change places.
            let turned: Vec<f32> = (0..rows * k).map(|at| a[at % rows * k + at / rows]).collect();
            let mut c = vec![0.0; rows * n];
            let transposed = Rows { values: &turned, count: rows, stride: 1, step: rows };
            multiply(isa, transposed, &Panels::<f32>::of(k, n, &b, &bias), Finish::Store, &mut c, n);
            let worst = c.iter().zip(&right).map(|(c, r)| (f64::from(*c) - r).abs()).fold(0.0, f64::max);
            assert!(worst < 1e-5 * (1.0 + k as f64), "{isa} {rows}x{k}x{n} transposed: {worst}");
        }
    }
}

#[test]
fn half_precision_products_are_those_of_rounded_weights() {
    for isa in available() {
        for (rows, k, n) in [(1, 5, 40), (3, 64, 10), (13, 20, 32)] {
            let (a, b, bias) = (numbers(1, rows * k), numbers(2, k * n), numbers(3, n));
            let rounded: Vec<f32> = b.iter().map(|value| f16::from_f32(*value).to_f32()).collect();
            let right = product(&a, &rounded, &bias, rows, k, n);
            let mut c = vec![0.0; rows * n];
            multiply(isa, Rows::packed(&a, rows, k), &Panels::<f16>::of(k, n, &b, &bias), Finish::Store, &mut c, n);
            let worst = c.iter().zip(&right).map(|(c, r)| (f64::from(*c) - r).abs()).fold(0.0, f64::max);
            assert!(worst < 1e-4, "{isa} {rows}x{k}x{n}: {worst}");
        }
    }
}

#[test]
fn integer_products_are_equal_on_all_instructions_and_near_the_floats() {
    for bits in [Bits::Eight, Bits::Four] {
        for (rows, k, n) in [(1, 1, 1), (1, 64, 128), (3, 7, 16), (9, 30, 33), (16, 128, 10)] {
            let (a, b, bias) = (numbers(1, rows * k), numbers(2, k * n), numbers(3, n));
            let steps = Steps::covering(-3.0, 3.5);
            let panels = IntegerPanels::of(bits, k, n, &b, &bias, steps.step, steps.zero);
            let right = product(&a, &b, &bias, rows, k, n);
            let mut first: Option<Vec<f32>> = None;
            for isa in available() {
                let mut bytes = vec![0; rows * panels.row_bytes()];
                quantise(isa, steps, &a, k, &mut bytes, panels.row_bytes());
                let mut c = vec![0.0; rows * n];
                multiply_integers(isa, &bytes, rows, &panels, false, &mut c, n);
                assert_eq!(first.get_or_insert_with(|| c.clone()), &c, "{isa} {bits:?} {rows}x{k}x{n}");
                let scale = (k as f64).sqrt() * if bits == Bits::Eight { 0.06 } else { 0.4 };
                let worst = c.iter().zip(&right).map(|(c, r)| (f64::from(*c) - r).abs()).fold(0.0, f64::max);
                assert!(worst < 1.0 * scale + 0.6, "{bits:?} {rows}x{k}x{n}: {worst}");
            }
        }
    }
}

#[test]
fn quantisation_rounds_clamps_and_takes_what_is_no_number_for_zero() {
    let steps = Steps::covering(-1.0, 1.54);
    assert_eq!(steps, Steps { step: 0.02, zero: 50 });
    let mut from = vec![0.0, 0.02, -1.0, 1.54, 1e9, -1e9, f32::NAN, 0.03];
    from.extend(numbers(4, 40));
    let mut plain = vec![0; from.len()];
    plain_quantise(steps, &from, &mut plain);
    assert_eq!(&plain[..8], &[50, 51, 0, 127, 127, 0, 0, plain[7]]);
    for isa in available() {
        let mut bytes = vec![9; 52];
        quantise(isa, steps, &from, 48, &mut bytes, 52);
        assert_eq!((&bytes[..48], &bytes[48..]), (&plain[..], &[0; 4][..]), "{isa}");
    }
    assert_eq!(Steps::covering(0.0, 0.0), Steps { step: 1.0, zero: 0 });
}

#[test]
fn sparse_products_skip_zeros_and_equal_the_dense_ones() {
    let (rows, k, n) = (37, 40, 21);
    let (a, mut b, bias) = (numbers(1, rows * k), numbers(2, k * n), numbers(3, n));
    b.iter_mut().filter(|weight| weight.abs() < 1.0).for_each(|weight| *weight = 0.0);
    let left = b.iter().filter(|weight| **weight != 0.0).count();
    let matrix = SparseMatrix::of(k, n, &b, &bias);
    assert_eq!(matrix.bytes(), left * 6 + (n + 1) * 4 + n * 4);
    let right = product(&a, &b, &bias, rows, k, n);
    for isa in available() {
        let (mut c, mut lanes) = (vec![0.0; rows * n], vec![0.0; (k + n) * SPARSE_LANES]);
        matrix.multiply(isa, &a, rows, true, &mut c, &mut lanes);
        let worst = c.iter().zip(&right).map(|(c, r)| (f64::from(*c) - r.max(0.0)).abs()).fold(0.0, f64::max);
        assert!(worst < 1e-4, "{isa}: {worst}");
    }
}

#[test]
fn vector_loops_equal_plain_ones() {
    let (x, y) = (numbers(1, 77), numbers(2, 77));
    let sum = |x: &[f32], y: &[f32]| x.iter().zip(y).map(|(x, y)| f64::from(*x) * f64::from(*y)).sum::<f64>();
    let right = [sum(&x, &y), sum(&x, &x), sum(&y, &y)];
    let (k, n) = (13, 37);
    let (weights, bias, inputs, slope) = (numbers(3, k * n), numbers(4, n), numbers(5, k), numbers(6, n));
    for isa in available() {
        for (ours, right) in norms(isa, &x, &y).iter().zip(right) {
            assert!((f64::from(*ours) - right).abs() < 1e-4, "{isa}");
        }
        let mut outputs = vec![0.0; n];
        forward_row(isa, &weights, &bias, &inputs, false, &mut outputs);
        for (ours, right) in outputs.iter().zip(product(&inputs, &weights, &bias, 1, k, n)) {
            assert!((f64::from(*ours) - right).abs() < 1e-5, "{isa}");
        }
        let (mut parameters, mut gradient, mut inner) =
            ([weights.clone(), bias.clone()].concat(), vec![0.0; (k + 1) * n], vec![0.0; k]);
        backward_row(isa, &mut parameters, Some(&mut gradient), &inputs, &slope, 0.0, &mut inner);
        assert_eq!((&parameters[..k * n], &gradient[k * n..]), (&weights[..], &slope[..]));
        let mut stepped = parameters.clone();
        backward_row(isa, &mut stepped, None, &inputs, &slope, 0.5, &mut inner);
        for (i, inner) in inner.iter().enumerate() {
            assert!((f64::from(*inner) - sum(&weights[i * n..(i + 1) * n], &slope)).abs() < 1e-5, "{isa}");
            assert!((gradient[i * n + 3] - inputs[i] * slope[3]).abs() < 1e-6);
        }
        for ((stepped, before), gradient) in stepped.iter().zip(&parameters).zip(&gradient) {
            assert!((stepped - (before - 0.5 * gradient)).abs() < 1e-6, "{isa}");
        }
    }
}

#[test]
#[should_panic(expected = "the result is too short")]
fn a_result_that_is_too_short_never_reaches_a_kernel() {
    let panels = Panels::<f32>::of(2, 2, &[0.0; 4], &[0.0; 2]);
    multiply(Isa::best(), Rows::packed(&[0.0; 4], 2, 2), &panels, Finish::Store, &mut [0.0; 3], 2);
}
