//! Embeddings rounded to bytes, and how far the rounding can have moved a cosine.
//!
//! A unit vector `e` becomes `s * c` with whole numbers `c` from -127 to 127, and `d = |e - s c|` is kept. For a query `q`,
//! likewise `t * b` with `g = |q - t b|`: the cosine is at most `s t (b . c) + |t b| d + g`, by the inequality of Cauchy and
//! Schwarz on both errors.

/// Room for the rounding of `f32` in all of this.
const SLACK: f32 = 1e-5;

/// What is kept beside the bytes of a row.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Scale {
    /// One over the length of the embedding.
    pub(crate) inverse: f32,
    /// What a byte's one stands for, in the unit vector.
    step: f32,
    /// The length of what rounding took away, rounded up.
    error: f32,
}

/// The length of a vector.
pub(crate) fn length(vector: &[f32]) -> f64 {
    vector.iter().map(|&x| f64::from(x) * f64::from(x)).sum::<f64>().sqrt()
}

impl Scale {
    /// Rounds a vector of that length (above 0) and appends its bytes.
    pub(crate) fn round(vector: &[f32], length: f64, bytes: &mut Vec<i8>) -> Self {
        let largest = vector.iter().fold(0.0_f32, |largest, x| largest.max(x.abs()));
        let step = f64::from(largest) / length / 127.0;
        let mut square = 0.0;
        for &x in vector {
            let x = f64::from(x) / length;
            let byte = (x / step).round().clamp(-127.0, 127.0);
            bytes.push(byte as i8);
            square += (x - byte * step).powi(2);
        }
        Self { inverse: (1.0 / length) as f32, step: step as f32, error: square.sqrt() as f32 * 1.001 }
    }
}

/// A rounded query.
#[derive(Debug)]
pub(crate) struct Query {
    /// Its bytes.
    pub(crate) bytes: Vec<i8>,
    scale: Scale,
    /// What its own rounding may add to any cosine.
    own: f32,
    /// The length of the rounded query.
    rounded: f32,
}

impl Query {
    /// Rounds a vector of that length (above 0).
    pub(crate) fn new(vector: &[f32], length: f64) -> Self {
        let mut bytes = Vec::with_capacity(vector.len());
        let scale = Scale::round(vector, length, &mut bytes);
        Self { bytes, own: scale.error + SLACK, rounded: 1.0 + scale.error, scale }
    }

    /// One over the length of the query.
    pub(crate) fn inverse(&self) -> f32 {
        self.scale.inverse
    }

    /// The cosine of a row is not above this.
    #[inline]
    pub(crate) fn at_most(&self, row: &Scale, dot: i32) -> f32 {
        dot as f32 * (self.scale.step * row.step) + self.rounded * row.error + self.own
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn no_cosine_is_above_its_bound_and_the_bound_is_near(
            pairs in prop::collection::vec((-1.0_f32..1.0, -1.0_f32..1.0), 2..100), large in -40.0_f32..40.0,
        ) {
            let (mut a, b): (Vec<f32>, Vec<f32>) = pairs.into_iter().unzip();
            // One number that dwarfs the others is the worst for rounding.
            a[0] = large;
            prop_assume!(length(&a) > 1e-3 && length(&b) > 1e-3);
            let query = Query::new(&a, length(&a));
            let mut bytes = Vec::new();
            let scale = Scale::round(&b, length(&b), &mut bytes);
            let dot: i32 = bytes.iter().zip(&query.bytes).map(|(x, y)| i32::from(*x) * i32::from(*y)).sum();
            let cosine: f64 = a.iter().zip(&b).map(|(x, y)| f64::from(*x) * f64::from(*y)).sum::<f64>() / length(&a) / length(&b);
            let bound = f64::from(query.at_most(&scale, dot));
            prop_assert!(cosine <= bound, "{} > {}", cosine, bound);
            // Twice both errors: half a step in each number at most.
            prop_assert!(bound - cosine < 0.1, "{} of {}", bound, cosine);
        }
    }
}
