//! The least squares behind the law: three coefficients that may not be negative, and how far each of their functions can
//! be moved before the fit becomes too bad.
//!
//! With `g(N) = a + b (N - 1) + c N (N - 1)`, the time that each of N takes, the law is `X(N) = N / g(N)`, and
//! `gamma = 1 / a`, `alpha = b / a`, `beta = c / a`. `g` is linear in its coefficients, so a step of Gauss and Newton is a
//! small quadratic programme, which is solved exactly by trying every set of coefficients at zero. Everything that one
//! may want an interval of is a plane in (a, b, c): `alpha = k` is `b - k a = 0`, `X(M) = k` is `g(M) = M / k`. The
//! interval is where the best fit *in that plane* is not significantly worse (profile likelihood; Bates and Watts,
//! 1988). It needs no resampling, respects the bounds, and may be open to one side.

/// Coefficients `a`, `b` and `c`.
pub(super) type Coefficients = [f64; 3];

/// How the errors of a throughput are weighted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Errors {
    /// Each by its share of the throughput: logarithms are fitted. Measured rates err so.
    #[default]
    Relative,
    /// Each as it is, as in the usual published fits: the largest throughputs then decide.
    Absolute,
}

/// A plane `normal . (a, b, c) = offset`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Plane {
    pub(super) normal: Coefficients,
    pub(super) offset: f64,
}

/// One point of a linearised problem.
#[derive(Debug, Clone, Copy)]
struct Step {
    weight: f64,
    target: f64,
    importance: f64,
}

/// What is fitted. Columns and times are scaled to about 1, so that thousands of users are no numerical matter.
#[derive(Debug, Clone)]
pub(super) struct Problem {
    /// For each point: the scaled `(1, N - 1, N (N - 1))`, and its throughput over N, scaled.
    rows: Vec<([f64; 3], f64, f64)>,
    scale: Coefficients,
    errors: Errors,
    /// Whether `c` may differ from zero.
    coherency: bool,
}

impl Problem {
    /// The problem of points `(N, X)`, all N at least 1 and all X above zero.
    pub(super) fn new(points: &[(f64, f64)], errors: Errors, coherency: bool) -> Self {
        let most = |of: fn(f64) -> f64| points.iter().map(|(n, _)| of(*n)).fold(0.0, f64::max).max(1e-300);
        let time = Self::time_of(points);
        let columns = [1.0, most(|n| n - 1.0), most(|n| n * (n - 1.0))];
        let rows = points.iter().map(|(n, x)| {
            let row = [1.0, (n - 1.0) / columns[1], n * (n - 1.0) / columns[2]];
            (row, x / n * time, *n)
        });
        Self { rows: rows.collect(), scale: columns.map(|column| time / column), errors, coherency }
    }

    /// The time that throughputs are scaled by: the mean of `N / X`.
    pub(super) fn time_of(points: &[(f64, f64)]) -> f64 {
        points.iter().map(|(n, x)| n / x).sum::<f64>() / points.len() as f64
    }

    /// The best coefficients, in a plane if one is given, and the sum of squares that they leave. `None` where the plane
    /// holds no coefficients that are not negative.
    pub(super) fn best(&self, plane: Option<Plane>) -> Option<(Coefficients, f64)> {
        // In scaled coefficients the plane's normal is scaled too.
        let plane = plane.map(|plane| {
            let normal: Coefficients = std::array::from_fn(|i| plane.normal[i] * self.scale[i]);
            let size = normal.iter().map(|v| v.abs()).fold(plane.offset.abs(), f64::max).max(1e-300);
            Plane { normal: normal.map(|v| v / size), offset: plane.offset / size }
        });
        // The first step weighs times by the throughput: its minimum is near and needs no start.
        let mut at = self.programme(plane, &[1.0; 3], |rate, _, n| Step {
            weight: rate,
            target: 1.0,
            importance: self.first(rate * n),
        })?;
        let mut left = self.squares(&at);
        for _ in 0..200 {
            let step = |rate: f64, time: f64, n: f64| {
                let (target, importance) = match self.errors {
                    Errors::Relative => (1.0 - (rate * time).ln(), 1.0),
                    Errors::Absolute => (2.0 - rate * time, (n / time).powi(2)),
                };
                Step { weight: 1.0 / time, target, importance }
            };
            let current = at;
            let Some(next) = self.programme(plane, &current, step) else { break };
            let mut share = 1.0;
            let mut moved = None;
            while share > 1e-6 {
                let tried: Coefficients = std::array::from_fn(|i| current[i] + share * (next[i] - current[i]));
                let squares = self.squares(&tried);
                if squares < left {
                    moved = Some((tried, squares));
                    break;
                }
                share *= 0.5;
            }
            let Some((tried, squares)) = moved else { break };
            let gain = left - squares;
            (at, left) = (tried, squares);
            if gain <= 1e-14 * left {
                break;
            }
        }
        Some((std::array::from_fn(|i| at[i] * self.scale[i]), left))
    }

    fn time(row: &[f64; 3], at: &Coefficients) -> f64 {
        row.iter().zip(at).map(|(row, at)| row * at).sum::<f64>().max(1e-12)
    }

    fn squares(&self, at: &Coefficients) -> f64 {
        let residual = |(row, rate, n): &([f64; 3], f64, f64)| {
            let time = Self::time(row, at);
            match self.errors {
                Errors::Relative => (rate * time).ln(),
                Errors::Absolute => n * (rate - 1.0 / time),
            }
        };
        self.rows.iter().map(|row| residual(row).powi(2)).sum()
    }

    /// How much a throughput counts in the first step.
    fn first(&self, throughput: f64) -> f64 {
        if self.errors == Errors::Absolute { throughput.powi(2) } else { 1.0 }
    }

    /// The coefficients, none negative, that minimise the sum of `importance (weight row . coefficients - target)^2`, with
    /// these from `step(rate, time, n)`.
    fn programme(
        &self,
        plane: Option<Plane>,
        at: &Coefficients,
        step: impl Fn(f64, f64, f64) -> Step,
    ) -> Option<Coefficients> {
        let mut products = [[0.0; 3]; 3];
        let mut right = [0.0; 3];
        for (row, rate, n) in &self.rows {
            let Step { weight, target, importance } = step(*rate, Self::time(row, at), *n);
            for i in 0..3 {
                right[i] += importance * weight * row[i] * target;
                for j in 0..3 {
                    products[i][j] += importance * weight * weight * row[i] * row[j];
                }
            }
        }
        let mut best: Option<(Coefficients, f64)> = None;
        for free in 1..8_u8 {
            let is_free: Vec<usize> = (0..3).filter(|i| free >> i & 1 == 1).collect();
            if !self.coherency && is_free.contains(&2) {
                continue;
            }
            let size = is_free.len() + usize::from(plane.is_some());
            let mut system = vec![vec![0.0; size + 1]; size];
            for (r, i) in is_free.iter().enumerate() {
                for (c, j) in is_free.iter().enumerate() {
                    system[r][c] = products[*i][*j];
                }
                if let Some(plane) = plane {
                    system[r][size - 1] = plane.normal[*i];
                    system[size - 1][r] = plane.normal[*i];
                }
                system[r][size] = right[*i];
            }
            if let Some(plane) = plane {
                system[size - 1][size] = plane.offset;
            }
            let Some(solution) = solve(system) else { continue };
            let mut candidate = [0.0; 3];
            is_free.iter().zip(&solution).for_each(|(i, value)| candidate[*i] = *value);
            // Zero up to rounding is zero; less is outside.
            if candidate.iter().any(|value| *value < -1e-12 || !value.is_finite()) {
                continue;
            }
            candidate = candidate.map(|value| value.max(0.0));
            let cost = (0..3)
                .map(|i| candidate[i] * ((0..3).map(|j| products[i][j] * candidate[j]).sum::<f64>() - 2.0 * right[i]))
                .sum::<f64>();
            if best.is_none_or(|(_, least)| cost < least) {
                best = Some((candidate, cost));
            }
        }
        best.map(|(candidate, _)| candidate)
    }

    /// The values `k` around `centre` for which the best fit in `plane(k)` leaves at most `limit`: low and high end,
    /// within `lowest ..= highest`; an end is infinite when the limit is not reached below `highest`.
    pub(super) fn extent(
        &self,
        (lowest, centre, highest): (f64, f64, f64),
        limit: f64,
        plane: impl Fn(f64) -> Plane,
    ) -> (f64, f64) {
        let inside = |k: f64| self.best(Some(plane(k))).is_some_and(|(_, squares)| squares <= limit);
        let edge = |mut near: f64, mut far: f64| {
            for _ in 0..60 {
                let middle = 0.5 * (near + far);
                if inside(middle) {
                    near = middle
                } else {
                    far = middle
                }
                if (far - near).abs() <= 1e-7 * near.abs().max(1e-12) {
                    break;
                }
            }
            0.5 * (near + far)
        };
        let low = if inside(lowest) { lowest } else { edge(centre, lowest) };
        let mut step = (0.1 * centre).max(1e-6 * highest.min(1.0));
        let mut near = centre;
        let high = loop {
            let far = centre + step;
            if far >= highest {
                break if inside(highest) { f64::INFINITY } else { edge(near, highest) };
            }
            if !inside(far) {
                break edge(near, far);
            }
            (near, step) = (far, 2.0 * step);
        };
        (low, high)
    }
}

/// Solves an augmented system of a few linear equations by elimination with pivots; `None` when it is singular.
fn solve(mut system: Vec<Vec<f64>>) -> Option<Vec<f64>> {
    let n = system.len();
    for column in 0..n {
        let pivot = (column..n).max_by(|a, b| system[*a][column].abs().total_cmp(&system[*b][column].abs()))?;
        system.swap(column, pivot);
        let head = system[column].clone();
        if head[column].abs() < 1e-14 {
            return None;
        }
        for (_, row) in system.iter_mut().enumerate().filter(|(row, _)| *row != column) {
            let factor = row[column] / head[column];
            row.iter_mut().zip(&head).for_each(|(value, above)| *value -= factor * above);
        }
    }
    Some((0..n).map(|i| system[i][n] / system[i][i]).collect())
}
