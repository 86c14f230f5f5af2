//! Packed weights: strips of sixteen columns, each `[k][16]`, so that a kernel reads them in order from aligned memory.

use half::f16;

/// Columns of a strip: one vector of AVX-512, two of AVX2.
pub(crate) const STRIP: usize = 16;

/// A weight as it is kept in a strip.
pub(crate) trait Float: Copy + Default + Send + Sync + 'static {
    /// Sixteen of them, aligned to their size.
    type Line: Copy + Default + std::fmt::Debug + AsMut<[Self; STRIP]>;
    /// The nearest value of this type.
    fn from_f32(value: f32) -> Self;
    /// The value.
    fn to_f32(self) -> f32;
}

impl Float for f32 {
    type Line = Line;
    fn from_f32(value: f32) -> Self {
        value
    }
    fn to_f32(self) -> f32 {
        self
    }
}

impl Float for f16 {
    type Line = HalfLine;
    fn from_f32(value: f32) -> Self {
        Self::from_f32(value)
    }
    fn to_f32(self) -> f32 {
        self.to_f32()
    }
}

/// Sixteen floats on a cache line of their own.
#[repr(C, align(64))]
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Line(pub(crate) [f32; STRIP]);

/// Sixteen half floats on half a cache line.
#[repr(C, align(32))]
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct HalfLine([f16; STRIP]);

impl AsMut<[f32; STRIP]> for Line {
    fn as_mut(&mut self) -> &mut [f32; STRIP] {
        &mut self.0
    }
}

impl AsMut<[f16; STRIP]> for HalfLine {
    fn as_mut(&mut self) -> &mut [f16; STRIP] {
        &mut self.0
    }
}

/// The columns of a `k x n` matrix in strips, with a bias for each column. Columns beyond `n` are zero.
#[derive(Debug, Clone)]
pub(crate) struct Panels<T: Float> {
    k: usize,
    n: usize,
    lines: Vec<T::Line>,
    bias: Vec<Line>,
}

impl<T: Float> Panels<T> {
    /// Room for a `k x n` matrix, all zero.
    pub(crate) fn zeros(k: usize, n: usize) -> Self {
        let strips = n.div_ceil(STRIP);
        Self { k, n, lines: vec![T::Line::default(); k * strips], bias: vec![Line::default(); strips] }
    }

    /// Makes it a `k x n` matrix of undefined values with no bias; keeps the memory where it suffices.
    pub(crate) fn reshape(&mut self, k: usize, n: usize) {
        if (self.k, self.n) == (k, n) {
            return;
        }
        let strips = n.div_ceil(STRIP);
        (self.k, self.n) = (k, n);
        self.lines.clear();
        self.lines.resize(k * strips, T::Line::default());
        self.bias.clear();
        self.bias.resize(strips, Line::default());
    }

    /// Takes over a matrix whose element `(k, n)` is `values[k * step + n * stride]`. Allocates nothing.
    pub(crate) fn fill(&mut self, values: &[f32], step: usize, stride: usize) {
        for (strip, lines) in self.lines.chunks_exact_mut(self.k.max(1)).enumerate() {
            let first = strip * STRIP;
            let width = STRIP.min(self.n - first);
            for (k, line) in lines.iter_mut().enumerate() {
                let at = k * step + first * stride;
                if stride == 1 {
                    for (to, from) in line.as_mut()[..width].iter_mut().zip(&values[at..at + width]) {
                        *to = T::from_f32(*from);
                    }
                } else {
                    for (j, to) in line.as_mut()[..width].iter_mut().enumerate() {
                        *to = T::from_f32(values[at + j * stride]);
                    }
                }
            }
        }
    }

    /// Takes over the biases of the columns.
    pub(crate) fn fill_bias(&mut self, bias: &[f32]) {
        for (line, values) in self.bias.iter_mut().zip(bias.chunks(STRIP)) {
            line.0[..values.len()].copy_from_slice(values);
        }
    }

    /// Packed weights of a layer: `weights[k][n]` in row order.
    pub(crate) fn of(k: usize, n: usize, weights: &[f32], bias: &[f32]) -> Self {
        let mut panels = Self::zeros(k, n);
        panels.fill(weights, n, 1);
        panels.fill_bias(bias);
        panels
    }

    pub(crate) const fn k(&self) -> usize {
        self.k
    }
    pub(crate) const fn n(&self) -> usize {
        self.n
    }
    /// The lines of a strip: `k` of them.
    pub(crate) fn strip(&self, strip: usize) -> &[T::Line] {
        &self.lines[strip * self.k..(strip + 1) * self.k]
    }
    pub(crate) fn bias(&self) -> &[Line] {
        &self.bias
    }
    /// Bytes of weights and biases, without the padding.
    pub(crate) const fn bytes(&self) -> usize {
        self.k * self.n * size_of::<T>() + self.n * size_of::<f32>()
    }
}

/// How many bits an integer weight has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Bits {
    /// One a byte, -127..127.
    Eight,
    /// Two a byte, -7..7.
    Four,
}

impl Bits {
    /// The largest magnitude of a weight.
    pub(crate) const fn limit(self) -> f32 {
        match self {
            Self::Eight => 127.0,
            Self::Four => 7.0,
        }
    }
    /// Steps of `k` that one line of 64 bytes holds, times four.
    const fn depth(self) -> usize {
        match self {
            Self::Eight => 4,
            Self::Four => 8,
        }
    }
}

/// Integer weights in strips: a line holds sixteen columns by four steps of `k` (eight bits), or by eight (four bits: the
/// low nibble is step `8 g + i`, the high one step `8 g + 4 + i`, both plus eight).
#[derive(Debug, Clone)]
pub(crate) struct IntegerPanels {
    k: usize,
    n: usize,
    bits: Bits,
    lines: Vec<Bytes>,
    /// What a column's sum is multiplied by.
    scale: Vec<Line>,
    /// What is added then.
    bias: Vec<Line>,
}

/// A cache line of packed integers.
#[repr(C, align(64))]
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bytes(pub(crate) [u8; 64]);

impl IntegerPanels {
    /// Quantises `weights[k][n]` with one scale a column; inputs are `(q - zero) * step` with `q` in 0..=127.
    pub(crate) fn of(bits: Bits, k: usize, n: usize, weights: &[f32], bias: &[f32], step: f32, zero: u8) -> Self {
        let (strips, groups) = (n.div_ceil(STRIP), k.div_ceil(bits.depth()));
        // A nibble of eight is the weight zero.
        let empty = if bits == Bits::Four { 0x88 } else { 0 };
        let mut lines = vec![Bytes([empty; 64]); strips * groups];
        let mut scales = vec![Line::default(); strips];
        let mut biases = vec![Line::default(); strips];
        let mut column = vec![0.0; k];
        for j in 0..n {
            for (to, row) in column.iter_mut().zip(weights.chunks_exact(n)) {
                *to = row[j];
            }
            let scale = best_scale(&column, bits.limit());
            let mut sum = 0.0;
            for (at, weight) in column.iter().enumerate() {
                let q = (weight / scale).round().clamp(-bits.limit(), bits.limit());
                sum += q;
                let (group, within) = (at / bits.depth(), at % bits.depth());
                let byte = &mut lines[j / STRIP * groups + group].0[j % STRIP * 4 + within % 4];
                let q = q as i8;
                match bits {
                    Bits::Eight => *byte = q.cast_unsigned(),
                    Bits::Four if within < 4 => *byte = *byte & 0xf0 | (q + 8).cast_unsigned(),
                    Bits::Four => *byte = *byte & 0x0f | (q + 8).cast_unsigned() << 4,
                }
            }
            scales[j / STRIP].0[j % STRIP] = scale * step;
            biases[j / STRIP].0[j % STRIP] = bias[j] - f32::from(zero) * step * scale * sum;
        }
        Self { k, n, bits, lines, scale: scales, bias: biases }
    }

    pub(crate) const fn n(&self) -> usize {
        self.n
    }
    pub(crate) const fn bits(&self) -> Bits {
        self.bits
    }
    /// Bytes that an input row must have: `k` rounded up to what a line holds.
    pub(crate) const fn row_bytes(&self) -> usize {
        self.k.div_ceil(self.bits.depth()) * self.bits.depth()
    }
    pub(crate) fn strip(&self, strip: usize) -> &[Bytes] {
        let groups = self.k.div_ceil(self.bits.depth());
        &self.lines[strip * groups..(strip + 1) * groups]
    }
    pub(crate) fn scale(&self) -> &[Line] {
        &self.scale
    }
    pub(crate) fn bias(&self) -> &[Line] {
        &self.bias
    }
    /// Bytes of weights, scales and biases, without the padding.
    pub(crate) const fn bytes(&self) -> usize {
        let weights = match self.bits {
            Bits::Eight => self.k * self.n,
            Bits::Four => (self.k * self.n).div_ceil(2),
        };
        weights + 2 * self.n * size_of::<f32>()
    }
}

/// The step between quantised weights that loses least in squares: the largest weight may be clipped when that serves the
/// others. With few levels that is worth more than any other care.
fn best_scale(column: &[f32], limit: f32) -> f32 {
    let largest = column.iter().fold(0.0_f32, |most, weight| most.max(weight.abs()));
    if largest == 0.0 {
        return 1.0;
    }
    let loss = |scale: f32| -> f32 {
        column.iter().map(|w| (w - (w / scale).round().clamp(-limit, limit) * scale).powi(2)).sum()
    };
    let candidates = (0..=12_u8).map(|cut| largest * (1.0 - 0.04 * f32::from(cut)) / limit);
    candidates.min_by(|a, b| loss(*a).total_cmp(&loss(*b))).unwrap_or(largest / limit)
}
