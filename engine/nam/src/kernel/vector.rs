//! Loops over vectors: written once in plain Rust and compiled for each instruction set.
#![expect(unsafe_code, reason = "compiled for more instructions than every machine has")]

use super::Isa;

/// Compiles a function for every instruction set, and makes the one that chooses.
macro_rules! versions {
    ($(#[$doc:meta])* $name:ident ( $($arg:ident : $type:ty),* ) $(-> $result:ty)? $body:block) => {
        $(#[$doc])*
        #[inline]
        pub(crate) fn $name(isa: Isa, $($arg: $type),*) $(-> $result)? {
            #[inline(always)]
            fn body($($arg: $type),*) $(-> $result)? $body
            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx2,fma")]
            fn wide($($arg: $type),*) $(-> $result)? { body($($arg),*) }
            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx2,fma")]
            fn narrow($($arg: $type),*) $(-> $result)? { body($($arg),*) }
            match isa {
                // SAFETY: an instruction set is named only where it is available.
                #[cfg(target_arch = "x86_64")]
                Isa::Avx512 => unsafe { wide($($arg),*) },
                // SAFETY: as above.
                #[cfg(target_arch = "x86_64")]
                Isa::Avx2 => unsafe { narrow($($arg),*) },
                _ => body($($arg),*),
            }
        }
    };
}
pub(super) use versions;

/// Lanes that sums are split into, so that the compiler may use vectors without reordering anything.
const LANES: usize = 32;

versions! {
    /// One row through a dense layer: `y = finish(x W + b)` with `W` in rows of the outputs. An input of zero costs nothing.
    forward_row(weights: &[f32], bias: &[f32], x: &[f32], relu: bool, y: &mut [f32]) {
        y.copy_from_slice(bias);
        for (value, weights) in x.iter().zip(weights.chunks_exact(y.len())) {
            if *value != 0.0 {
                for (y, weight) in y.iter_mut().zip(weights) {
                    *y += value * weight;
                }
            }
        }
        if relu {
            y.iter_mut().for_each(|y| *y = y.max(0.0));
        }
    }
}

versions! {
    /// One row backwards through a dense layer whose `parameters` are weights, then biases: the slope of the inputs by the
    /// weights as they were; then a step of the size `rate`, or the gradient where there is room for one.
    backward_row(
        parameters: &mut [f32], gradient: Option<&mut [f32]>, x: &[f32], slope: &[f32], rate: f32, inner: &mut [f32]
    ) {
        let n = slope.len();
        let (weights, bias) = parameters.split_at_mut(x.len() * n);
        for (weights, inner) in weights.chunks_exact(n).zip(inner.iter_mut()) {
            let mut sums = [0.0_f32; LANES / 2];
            let (a, b) = (weights.chunks_exact(LANES / 2), slope.chunks_exact(LANES / 2));
            let rest: f32 = a.remainder().iter().zip(b.remainder()).map(|(w, s)| w * s).sum();
            for (w, s) in a.zip(b) {
                for lane in 0..LANES / 2 {
                    sums[lane] += w[lane] * s[lane];
                }
            }
            *inner = sums.iter().sum::<f32>() + rest;
        }
        if let Some(gradient) = gradient {
            let (by_weight, by_bias) = gradient.split_at_mut(x.len() * n);
            by_bias.copy_from_slice(slope);
            for (value, to) in x.iter().zip(by_weight.chunks_exact_mut(n)) {
                for (to, slope) in to.iter_mut().zip(slope) {
                    *to = value * slope;
                }
            }
        } else {
            for (bias, slope) in bias.iter_mut().zip(slope) {
                *bias -= rate * slope;
            }
            for (value, weights) in x.iter().zip(weights.chunks_exact_mut(n)) {
                if *value != 0.0 {
                    for (weight, slope) in weights.iter_mut().zip(slope) {
                        *weight -= rate * value * slope;
                    }
                }
            }
        }
    }
}

versions! {
    /// `x.y`, `x.x` and `y.y` in one pass.
    norms(x: &[f32], y: &[f32]) -> [f32; 3] {
        let mut sums = [[0.0_f32; LANES]; 3];
        let (a, b) = (x.chunks_exact(LANES), y.chunks_exact(LANES));
        let mut rest = [0.0_f32; 3];
        for (x, y) in a.remainder().iter().zip(b.remainder()) {
            rest = [rest[0] + x * y, rest[1] + x * x, rest[2] + y * y];
        }
        for (x, y) in a.zip(b) {
            for lane in 0..LANES {
                sums[0][lane] += x[lane] * y[lane];
                sums[1][lane] += x[lane] * x[lane];
                sums[2][lane] += y[lane] * y[lane];
            }
        }
        std::array::from_fn(|at| sums[at].iter().sum::<f32>() + rest[at])
    }
}

versions! {
    /// One step down the gradient with momentum: `v = momentum v + g + decay w`, `w -= rate v`.
    descend(w: &mut [f32], g: &[f32], v: &mut [f32], rate: f32, momentum: f32, decay: f32) {
        for ((w, g), v) in w.iter_mut().zip(g).zip(v) {
            *v = momentum * *v + g + decay * *w;
            *w -= rate * *v;
        }
    }
}

versions! {
    /// One step of Adam with decoupled decay. `step` is the rate, corrected for the bias of the first moment; the root of the
    /// correction of the second; and what the weights are multiplied by.
    adam(w: &mut [f32], g: &[f32], m: &mut [f32], v: &mut [f32], step: [f32; 3]) {
        let [rate, root, shrink] = step;
        for (((w, g), m), v) in w.iter_mut().zip(g).zip(m).zip(v) {
            *m += 0.1 * (g - *m);
            *v += 0.001 * (g * g - *v);
            *w = shrink * *w - rate * *m / (v.sqrt() * root + 1e-8);
        }
    }
}
