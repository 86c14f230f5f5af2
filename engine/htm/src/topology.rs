//! Where columns and inputs lie: rectangular grids of any number of dimensions, and the neighbourhoods in them.

use std::ops::Range;

/// A grid; cells are numbered with the last dimension fastest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Grid {
    dimensions: Vec<u32>,
    len: u32,
}

impl Grid {
    /// A grid of these sizes; `None` when it is empty or has more than 2^31 cells.
    pub(crate) fn new(dimensions: &[u32]) -> Option<Self> {
        let len = dimensions.iter().try_fold(1_u32, |product, &size| product.checked_mul(size))?;
        let sensible = !dimensions.is_empty() && len > 0 && len <= 1 << 31;
        sensible.then(|| Self { dimensions: dimensions.to_vec(), len })
    }

    pub(crate) fn len(&self) -> u32 {
        self.len
    }

    pub(crate) fn dimensions(&self) -> &[u32] {
        &self.dimensions
    }

    /// Where a cell lies.
    pub(crate) fn coordinates(&self, mut cell: u32) -> Vec<u32> {
        let mut at = vec![0; self.dimensions.len()];
        for (place, &size) in at.iter_mut().zip(&self.dimensions).rev() {
            *place = cell % size;
            cell /= size;
        }
        at
    }

    /// The cell of `self` beneath the middle of cell `cell` of `other`, when both cover the same area.
    pub(crate) fn beneath(&self, other: &Self, cell: u32) -> Vec<u32> {
        // Grids of unlike dimensions are laid over each other by their order only.
        if self.dimensions.len() != other.dimensions.len() {
            let place = (u64::from(cell) * 2 + 1) * u64::from(self.len) / (u64::from(other.len) * 2);
            return self.coordinates(place as u32);
        }
        let at = other.coordinates(cell);
        let sizes = self.dimensions.iter().zip(&other.dimensions);
        at.iter()
            .zip(sizes)
            .map(|(&place, (&mine, &theirs))| {
                ((u64::from(place) * 2 + 1) * u64::from(mine) / (u64::from(theirs) * 2)) as u32
            })
            .collect()
    }

    /// All cells within `radius` of a place in every dimension (a cube), as runs of cells, ascending and disjoint. With
    /// `wrap`, the grid's ends touch; otherwise the cube is cut off there.
    pub(crate) fn neighbourhood(&self, centre: &[u32], radius: u32, wrap: bool) -> Vec<Range<u32>> {
        let mut runs: Vec<Range<u32>> = std::iter::once(0..1).collect();
        // Dimension by dimension: each run so far is a set of rows, of which the spans of the next are taken.
        for (&size, &middle) in self.dimensions.iter().zip(centre) {
            let spans = spans(size, middle, radius, wrap);
            let whole = spans.len() == 1 && spans[0] == (0..size);
            let mut next = Vec::new();
            for run in runs {
                if whole {
                    next.push(run.start * size..run.end * size);
                } else {
                    let rows = run.flat_map(|row| spans.iter().map(move |s| row * size + s.start..row * size + s.end));
                    next.extend(rows);
                }
            }
            runs = next;
        }
        runs
    }
}

/// The places within `radius` of `middle` in one dimension.
fn spans(size: u32, middle: u32, radius: u32, wrap: bool) -> Vec<Range<u32>> {
    let (low, high) = (i64::from(middle) - i64::from(radius), i64::from(middle) + i64::from(radius) + 1);
    let end = i64::from(size);
    if high - low >= end && (wrap || (low <= 0 && high >= end)) {
        return std::iter::once(0..size).collect();
    }
    let inside = low.max(0) as u32..high.min(end) as u32;
    let mut all = vec![inside];
    if wrap && low < 0 {
        all.push((end + low) as u32..size);
    }
    if wrap && high > end {
        all.insert(0, 0..(high - end) as u32);
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cells(grid: &Grid, centre: &[u32], radius: u32, wrap: bool) -> Vec<u32> {
        grid.neighbourhood(centre, radius, wrap).into_iter().flatten().collect()
    }

    #[test]
    fn a_line_wraps_or_is_cut() {
        let line = Grid::new(&[10]).expect("a grid");
        assert_eq!(cells(&line, &[1], 2, true), [0, 1, 2, 3, 9]);
        assert_eq!(cells(&line, &[1], 2, false), [0, 1, 2, 3]);
        assert_eq!(cells(&line, &[9], 2, true), [0, 1, 7, 8, 9]);
        assert!(line.neighbourhood(&[3], 50, true).into_iter().eq(std::iter::once(0..10)));
        assert!(line.neighbourhood(&[3], 50, false).into_iter().eq(std::iter::once(0..10)));
    }

    #[test]
    fn neighbourhoods_are_those_of_plain_loops() {
        for sizes in [vec![7_u32, 5], vec![4, 3, 6]] {
            let grid = Grid::new(&sizes).expect("a grid");
            for cell in 0..grid.len() {
                for radius in 0..4 {
                    for wrap in [false, true] {
                        let middle = grid.coordinates(cell);
                        let near = |other: &u32| {
                            grid.coordinates(*other).iter().zip(&middle).zip(&sizes).all(|((&a, &b), &size)| {
                                let apart = a.abs_diff(b);
                                (if wrap { apart.min(size - apart) } else { apart }) <= radius
                            })
                        };
                        let plain: Vec<u32> = (0..grid.len()).filter(near).collect();
                        assert_eq!(cells(&grid, &middle, radius, wrap), plain, "{sizes:?} {cell} {radius} {wrap}");
                    }
                }
            }
        }
    }

    #[test]
    fn the_place_beneath_is_in_proportion() {
        let (inputs, columns) = (Grid::new(&[1_000]).expect("a grid"), Grid::new(&[2_048]).expect("a grid"));
        assert_eq!(inputs.beneath(&columns, 0), [0]);
        assert_eq!(inputs.beneath(&columns, 1_024), [500]);
        assert_eq!(inputs.beneath(&columns, 2_047), [999]);
        let plane = Grid::new(&[10, 20]).expect("a grid");
        assert_eq!(plane.beneath(&Grid::new(&[5, 10]).expect("a grid"), 11), [3, 3]);
        assert_eq!(plane.beneath(&Grid::new(&[50]).expect("a grid"), 25), [5, 2]);
    }

    #[test]
    fn impossible_grids_are_none() {
        assert!(Grid::new(&[]).is_none() && Grid::new(&[3, 0]).is_none() && Grid::new(&[1 << 20, 1 << 20]).is_none());
    }
}
