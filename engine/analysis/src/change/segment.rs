//! Levels: the division of a series into segments of constant level that costs least.
//!
//! Optimal partitioning under squared error (Jackson et al., 2005) with the pruning of PELT (Killick, Fearnhead and
//! Eckley, 2012): exact, and close to linear in time where there are changes. The values are clipped before, so that
//! squared error is as robust as the clipping.

/// Sums that give the squared error of any stretch in constant time.
#[derive(Debug, Clone)]
pub(crate) struct Sums {
    sums: Vec<f64>,
    squares: Vec<f64>,
    /// Mean of all values.
    pub(crate) centre: f64,
}

impl Sums {
    /// Of values; they are centred, so that nothing cancels.
    pub(crate) fn of(values: &[f64]) -> Self {
        let centre = values.iter().sum::<f64>() / values.len().max(1) as f64;
        let (mut sum, mut square) = (0.0, 0.0);
        let mut sums = Vec::with_capacity(values.len() + 1);
        let mut squares = Vec::with_capacity(values.len() + 1);
        sums.push(0.0);
        squares.push(0.0);
        for value in values {
            let value = value - centre;
            sum += value;
            square += value * value;
            sums.push(sum);
            squares.push(square);
        }
        Self { sums, squares, centre }
    }

    /// Sum of squared deviations of the points `from..to` from their mean.
    pub(crate) fn error(&self, from: usize, to: usize) -> f64 {
        let sum = self.sums[to] - self.sums[from];
        (self.squares[to] - self.squares[from] - sum * sum / (to - from) as f64).max(0.0)
    }

    /// Sum of the points `from..to` about the centre of all; for differences of means.
    pub(crate) fn mean(&self, from: usize, to: usize) -> f64 {
        (self.sums[to] - self.sums[from]) / (to - from) as f64
    }
}

/// Changes are looked for at every second point: the search costs a quarter, and who wants the exact place puts each
/// change between its neighbours afterwards.
const STRIDE: usize = 2;

/// Where the last segment may start, as columns, so that the costs of all starts are one vector loop.
#[derive(Debug, Default)]
struct Starts {
    place: Vec<usize>,
    from: Vec<f64>,
    sum: Vec<f64>,
    /// Least cost of all before, less the sum of squares before.
    offset: Vec<f64>,
    /// The end up to which it is still a candidate.
    until: Vec<usize>,
    cost: Vec<f64>,
}

impl Starts {
    fn push(&mut self, place: usize, best: f64, sums: &Sums) {
        self.place.push(place);
        self.from.push(place as f64);
        self.sum.push(sums.sums[place]);
        self.offset.push(best - sums.squares[place]);
        self.until.push(usize::MAX);
        self.cost.push(0.0);
    }

    /// The cost of each start for a last segment up to `end`.
    fn weigh(&mut self, end: usize, sums: &Sums) {
        let (sum, square, place) = (sums.sums[end], sums.squares[end], end as f64);
        let rows = self.cost.iter_mut().zip(&self.offset).zip(&self.sum).zip(&self.from);
        for (((cost, offset), before), from) in rows {
            let sum = sum - before;
            *cost = offset + square - sum * sum / (place - from);
        }
    }

    /// Drops the starts that can win for no end after `end`. One that costs more than the best and a change can win for
    /// none from `end + shortest` on.
    fn prune(&mut self, limit: f64, end: usize, shortest: usize) {
        let mut kept = 0;
        for row in 0..self.place.len() {
            if self.until[row] == usize::MAX && self.cost[row] > limit {
                self.until[row] = end + shortest;
            }
            if self.until[row] > end {
                self.place[kept] = self.place[row];
                self.from[kept] = self.from[row];
                self.sum[kept] = self.sum[row];
                self.offset[kept] = self.offset[row];
                self.until[kept] = self.until[row];
                kept += 1;
            }
        }
        self.place.truncate(kept);
        self.from.truncate(kept);
        self.sum.truncate(kept);
        self.offset.truncate(kept);
        self.until.truncate(kept);
        self.cost.truncate(kept);
    }
}

/// The first points of all segments but the first, in rising order. A segment has at least `shortest` points and each
/// change costs `penalty`, in the unit of the squared error.
pub(crate) fn partition(sums: &Sums, n: usize, penalty: f64, shortest: usize) -> Vec<usize> {
    if n < 2 * shortest {
        return Vec::new();
    }
    let mut best = vec![f64::INFINITY; n + 1];
    let mut last = vec![0_usize; n + 1];
    best[0] = -penalty;
    let mut starts = Starts::default();
    starts.push(0, best[0], sums);
    let mut waiting = STRIDE;
    for end in (shortest..=n).filter(|end| end % STRIDE == 0 || *end == n) {
        while waiting + shortest <= end {
            if best[waiting].is_finite() {
                starts.push(waiting, best[waiting], sums);
            }
            waiting += STRIDE;
        }
        starts.weigh(end, sums);
        let least = starts
            .cost
            .iter()
            .enumerate()
            .fold((0, f64::INFINITY), |least, (row, cost)| if *cost < least.1 { (row, *cost) } else { least });
        (best[end], last[end]) = (least.1 + penalty, starts.place[least.0]);
        starts.prune(least.1 + penalty, end, shortest);
    }
    let mut changes = Vec::new();
    let mut end = n;
    while last[end] > 0 {
        end = last[end];
        changes.push(end);
    }
    changes.reverse();
    changes
}
