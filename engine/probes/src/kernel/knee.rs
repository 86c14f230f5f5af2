//! Finds the capacities of caches in a curve of latency over size. Pure: numbers in, numbers out.
//!
//! In logarithms of both axes, a cache is a plateau and its end a ramp; real plateaus slope a little (a neighbour
//! takes its share of a cache) and real ramps are steep, smooth or anything between (replacement, page colours). So
//! the curve, made monotone first, is cut into straight pieces at the least penalised error; a ramp is a run of steep
//! pieces that rises enough, cut in two where it flattens between two steep parts; and the capacity is where the
//! plateau's line meets that of the ramp's steepest piece. What the system declares plays no part.

/// Least rise of a ramp, in octaves of latency: 28 %.
const LEAST_RISE: f64 = 0.36;
/// Slope from which a piece is part of a ramp: octaves of latency for an octave of size.
const STEEP: f64 = 0.4;
/// Least distance of two knees, in octaves of size: nearer ones are joined.
const APART: f64 = 0.75;
/// Noise that is expected at least, in octaves of latency: 1 %.
const NOISE: f64 = 0.015;
/// Knees that are reported at most: the ends of three levels of cache.
const MOST: usize = 3;
/// Points below which a curve says nothing.
const LEAST_POINTS: usize = 8;

/// The end of a plateau.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Knee {
    /// Effective capacity in bytes.
    pub bytes: f64,
    /// It is not below this: two points before the curve leaves the plateau.
    pub low: f64,
    /// It is not above this: one point after a quarter of the rise (of its logarithm) is done.
    pub high: f64,
    /// Latency where the plateau ends, in the curve's unit.
    pub before: f64,
    /// Latency where the ramp ends, in the curve's unit.
    pub after: f64,
}

/// The knees of a curve of `(bytes, latency)`, ascending: at most three, those that rise most. Points need not be
/// sorted or evenly spread; those that are not positive and finite are left out. Eight an octave give about 5 %.
///
/// No knee means that the curve is flat, or too short to tell.
#[must_use]
pub fn knees(curve: &[(f64, f64)]) -> Vec<Knee> {
    let points = prepare(curve);
    if points.len() < LEAST_POINTS {
        return Vec::new();
    }
    let pieces = polyline(&points, &cuts(&points));
    let mut knees: Vec<(f64, Knee)> = Vec::new();
    let mut open: Option<(usize, usize, f64, Knee)> = None;
    for (first, last) in ramps(&pieces) {
        let Some((rise, knee_here)) = knee(&points, &pieces, first, last) else { continue };
        // Two knees so close are one whose ramp was disturbed.
        open = match open {
            Some((start, _, _, before)) if knee_here.bytes < before.bytes * APART.exp2() => {
                knee(&points, &pieces, start, last).map(|(rise, joined)| (start, last, rise, joined))
            }
            before => {
                knees.extend(before.map(|(_, _, rise, knee)| (rise, knee)));
                Some((first, last, rise, knee_here))
            }
        };
    }
    knees.extend(open.map(|(_, _, rise, knee)| (rise, knee)));
    knees.sort_by(|one, two| two.0.total_cmp(&one.0));
    knees.truncate(MOST);
    let mut knees: Vec<Knee> = knees.into_iter().map(|(_, knee)| knee).collect();
    knees.sort_by(|one, two| one.bytes.total_cmp(&two.bytes));
    knees
}

/// A point in octaves of size and of latency.
type Log = (f64, f64);

/// Sorts, takes logarithms, drops lone spikes (median of three), and makes the curve monotone: a larger region is
/// never faster, so what falls is noise, which is averaged (pool adjacent violators).
fn prepare(curve: &[(f64, f64)]) -> Vec<Log> {
    let usable = |value: f64| value > 0.0 && value.is_finite();
    let mut points: Vec<Log> =
        curve.iter().filter(|p| usable(p.0) && usable(p.1)).map(|p| (p.0.log2(), p.1.log2())).collect();
    points.sort_by(|one, two| one.0.total_cmp(&two.0).then(one.1.total_cmp(&two.1)));
    points.dedup_by(|next, kept| next.0 == kept.0);
    let raw: Vec<f64> = points.iter().map(|point| point.1).collect();
    for i in 1..raw.len().saturating_sub(1) {
        let (a, b, c) = (raw[i - 1], raw[i], raw[i + 1]);
        points[i].1 = a.min(b).max(a.max(b).min(c));
    }
    let mut pools: Vec<(f64, usize)> = Vec::with_capacity(points.len());
    for point in &points {
        let mut pool = (point.1, 1);
        while let Some(&(mean, count)) = pools.last()
            && mean > pool.0
        {
            pools.pop();
            let total = (count + pool.1) as f64;
            pool = ((mean * count as f64 + pool.0 * pool.1 as f64) / total, count + pool.1);
        }
        pools.push(pool);
    }
    let level = pools.into_iter().flat_map(|(mean, count)| std::iter::repeat_n(mean, count));
    points.iter().zip(level).map(|(point, y)| (point.0, y)).collect()
}

/// Sums from which the best line through any run of points follows in constant time.
struct Sums(Vec<[f64; 5]>);

impl Sums {
    fn new(points: &[Log]) -> Self {
        // Centred, so that the differences of sums keep their digits.
        let (x0, y0) = points[points.len() / 2];
        let mut sums = Vec::with_capacity(points.len() + 1);
        let mut sum = [0.0; 5];
        sums.push(sum);
        for &(x, y) in points {
            let (x, y) = (x - x0, y - y0);
            for (sum, term) in sum.iter_mut().zip([x, y, x * x, x * y, y * y]) {
                *sum += term;
            }
            sums.push(sum);
        }
        Self(sums)
    }

    /// Slope and squared error of the best line through points `from..to`.
    fn line(&self, from: usize, to: usize) -> (f64, f64) {
        let n = (to - from) as f64;
        let [x, y, xx, xy, yy]: [f64; 5] = std::array::from_fn(|i| self.0[to][i] - self.0[from][i]);
        let (vxx, vxy, vyy) = (xx - x * x / n, xy - x * y / n, yy - y * y / n);
        let slope = if vxx > 0.0 { vxy / vxx } else { 0.0 };
        (slope, (vyy - slope * vxy).max(0.0))
    }
}

/// Starts of the straight pieces, each of at least two points, that minimise squared error over noise plus a penalty
/// for each piece (dynamic programming over all cuts).
fn cuts(points: &[Log]) -> Vec<usize> {
    let n = points.len();
    let sums = Sums::new(points);
    let penalty = 4.0 * (n as f64).ln();
    let mut best = vec![(f64::INFINITY, 0); n + 1];
    best[0].0 = 0.0;
    for to in 2..=n {
        for from in (0..=to - 2).filter(|&from| from != 1) {
            let cost = best[from].0 + sums.line(from, to).1 / (NOISE * NOISE) + penalty;
            if cost < best[to].0 {
                best[to] = (cost, from);
            }
        }
    }
    let mut starts = Vec::new();
    let mut to = n;
    while to > 0 {
        to = best[to].1;
        starts.push(to);
    }
    starts.reverse();
    starts
}

/// A straight piece of the broken line.
#[derive(Debug, Clone, Copy)]
struct Piece {
    start: Log,
    end: Log,
    /// Whether it joins two fitted pieces: where between its ends the curve rises is then unknown.
    bridge: bool,
}

impl Piece {
    fn slope(&self) -> f64 {
        (self.end.1 - self.start.1) / (self.end.0 - self.start.0)
    }

    fn rise(&self) -> f64 {
        self.end.1 - self.start.1
    }
}

/// The fitted pieces and the bridges between them, left to right.
fn polyline(points: &[Log], starts: &[usize]) -> Vec<Piece> {
    let sums = Sums::new(points);
    let mut pieces: Vec<Piece> = Vec::with_capacity(2 * starts.len());
    for (i, &from) in starts.iter().enumerate() {
        let to = starts.get(i + 1).copied().unwrap_or(points.len());
        let slope = sums.line(from, to).0;
        let n = (to - from) as f64;
        let x = points[from..to].iter().map(|point| point.0).sum::<f64>() / n;
        let y = points[from..to].iter().map(|point| point.1).sum::<f64>() / n;
        let at = |px: f64| (px, y + slope * (px - x));
        let piece = Piece { start: at(points[from].0), end: at(points[to - 1].0), bridge: false };
        if let Some(last) = pieces.last() {
            pieces.push(Piece { start: last.end, end: piece.start, bridge: true });
        }
        pieces.push(piece);
    }
    pieces
}

/// Runs of steep pieces, as first and last index; cut in two where they flatten between two steep parts.
fn ramps(pieces: &[Piece]) -> Vec<(usize, usize)> {
    let mut ramps = Vec::new();
    let mut first = 0;
    while first < pieces.len() {
        if pieces[first].slope() < STEEP {
            first += 1;
            continue;
        }
        let run = pieces[first..].iter().take_while(|piece| piece.slope() >= STEEP).count();
        split(pieces, first, first + run - 1, &mut ramps);
        first += run;
    }
    ramps
}

/// Cuts a ramp at its flattest piece when that is less than half as steep as the steepest on either side, each side
/// rises enough for a knee, and the two are far enough apart.
fn split(pieces: &[Piece], first: usize, last: usize, ramps: &mut Vec<(usize, usize)>) {
    let rise = |from: usize, to: usize| pieces[to].end.1 - pieces[from].start.1;
    let peak = |from: usize, to: usize| steepest(pieces, from, to).slope();
    let cut = (first + 1..last)
        .filter(|&at| !pieces[at].bridge && rise(first, at) >= LEAST_RISE && rise(at + 1, last) >= LEAST_RISE)
        .filter(|&at| 2.0 * pieces[at].slope() < peak(first, at - 1).min(peak(at + 1, last)))
        .filter(|&at| pieces[at].end.0 - pieces[first].start.0 >= 0.5)
        .min_by(|&one, &two| pieces[one].slope().total_cmp(&pieces[two].slope()));
    match cut {
        Some(at) => {
            split(pieces, first, at, ramps);
            split(pieces, at + 1, last, ramps);
        }
        None => ramps.push((first, last)),
    }
}

/// The piece that carries a ramp: the steepest of those that make up at least a tenth of its rise, or the steepest.
fn steepest(pieces: &[Piece], first: usize, last: usize) -> &Piece {
    let rise = pieces[last].end.1 - pieces[first].start.1;
    let run = &pieces[first..=last];
    let carrying = run.iter().filter(|piece| piece.rise() >= 0.1 * rise);
    carrying.max_by(|one, two| one.slope().total_cmp(&two.slope())).unwrap_or(&run[0])
}

/// The knee before the ramp of pieces `first..=last`, with its rise; nothing when it rises too little, or when there
/// is no plateau before it to end.
fn knee(points: &[Log], pieces: &[Piece], first: usize, last: usize) -> Option<(f64, Knee)> {
    let (from, to) = (pieces[first].start, pieces[last].end);
    let rise = to.1 - from.1;
    if first == 0 || rise < LEAST_RISE {
        return None;
    }
    let steep = steepest(pieces, first, last);
    // The plateau's level at its end; its slope is too uncertain to be drawn on.
    let met = steep.start.0 - (steep.start.1 - from.1) / steep.slope();
    // Across a bridge the curve rises somewhere between its two points.
    let middle = if steep.bridge && steep.rise() > 0.5 * rise { f64::midpoint(met, steep.end.0) } else { met };
    let at = middle.clamp(from.0, steep.end.0.max(from.0));
    let position = |x: f64| points.partition_point(|point| point.0 < x);
    let low = points[position(from.0).saturating_sub(2)].0;
    let quarter = points.iter().find(|p| p.0 > from.0 && p.1 >= from.1 + 0.25 * rise).map_or(to.0, |point| point.0);
    let high = points[(position(quarter) + 1).min(points.len() - 1)].0;
    let (low, high) = (low.min(at), high.max(at));
    let [bytes, low, high, before, after] = [at, low, high, from.1, to.1].map(f64::exp2);
    Some((rise, Knee { bytes, low, high, before, after }))
}

#[cfg(test)]
#[path = "knee/tests.rs"]
mod tests;
