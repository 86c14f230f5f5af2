//! Loops over vectors: written once in plain Rust and compiled for each instruction set.
#![expect(unsafe_code, reason = "compiled for more instructions than every machine has")]

use super::Isa;

/// Compiles a function for every instruction set, and makes the one that chooses.
macro_rules! versions {
    ($(#[$doc:meta])* $name:ident ( $($arg:ident : $type:ty),* ) $(-> $result:ty)? $body:block) => {
        $(#[$doc])*
        #[inline]
        #[expect(clippy::allow_attributes, clippy::too_many_arguments, reason = "one body for all versions")]
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
    /// `y += factor x`.
    axpy(factor: f32, x: &[f32], y: &mut [f32]) {
        for (y, x) in y.iter_mut().zip(x) {
            *y += factor * x;
        }
    }
}

versions! {
    /// The scalar product.
    dot(x: &[f32], y: &[f32]) -> f32 {
        let mut sums = [0.0_f32; LANES];
        let (a, b) = (x.chunks_exact(LANES), y.chunks_exact(LANES));
        let rest: f32 = a.remainder().iter().zip(b.remainder()).map(|(x, y)| x * y).sum();
        for (x, y) in a.zip(b) {
            for lane in 0..LANES {
                sums[lane] += x[lane] * y[lane];
            }
        }
        sums.iter().sum::<f32>() + rest
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
    /// One step of Adam with decoupled decay; `rate` is already corrected for the bias of the first moment, `root` is the
    /// square root of the correction of the second.
    adam(w: &mut [f32], g: &[f32], m: &mut [f32], v: &mut [f32], rate: f32, root: f32, shrink: f32) {
        for (((w, g), m), v) in w.iter_mut().zip(g).zip(m).zip(v) {
            *m += 0.1 * (g - *m);
            *v += 0.001 * (g * g - *v);
            *w = shrink * *w - rate * *m / (v.sqrt() * root + 1e-8);
        }
    }
}
