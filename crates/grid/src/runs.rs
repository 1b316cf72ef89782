//! A region within a box, as runs of cells.

use crate::Region;
use std::ops::Range;

/// The selected cells of a box in row-major order, as runs of offsets into the box: neighbouring runs that touch are
/// one. A region that takes the whole of the inner dimensions is few long runs, whatever its rank.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CellRuns {
    runs: Vec<Range<usize>>,
    cells: usize,
}

impl CellRuns {
    /// The runs of `region` within `cover`, which holds all its cells: offsets into an array of the cells of `cover`.
    pub fn new(region: &Region, cover: &Region) -> Self {
        let mut out = Self::default();
        let shape = cover.shape();
        // From here on a dimension is taken whole, so that runs reach across it.
        let whole_from = (0..shape.len()).rev().take_while(|d| region.sets()[*d].len() == shape[*d]).last();
        Walk { region, cover, shape: &shape, whole_from: whole_from.unwrap_or(shape.len()) }.descend(0, 0, &mut out);
        out
    }

    /// All of an array of `cells` cells.
    pub fn whole(cells: usize) -> Self {
        let mut out = Self::default();
        out.push(0..cells);
        out
    }

    fn push(&mut self, run: Range<usize>) {
        if run.is_empty() {
            return;
        }
        self.cells += run.len();
        match self.runs.last_mut() {
            Some(last) if last.end == run.start => last.end = run.end,
            _ => self.runs.push(run),
        }
    }

    /// The runs of offsets, ascending.
    pub fn runs(&self) -> &[Range<usize>] {
        &self.runs
    }

    /// How many cells are selected.
    pub fn cells(&self) -> usize {
        self.cells
    }
}

/// What [`CellRuns::new`] walks over.
struct Walk<'a> {
    region: &'a Region,
    cover: &'a Region,
    shape: &'a [usize],
    whole_from: usize,
}

impl Walk<'_> {
    fn descend(&self, dim: usize, base: usize, out: &mut CellRuns) {
        let Some(set) = self.region.sets().get(dim) else { return out.push(base..base + 1) };
        let inner: usize = self.shape[dim + 1..].iter().product();
        for run in set.runs() {
            // A run of selected positions lies in one run of the cover, where ranks count up as positions do.
            let first = self.cover.sets()[dim].rank(run.start);
            if dim + 1 >= self.whole_from {
                out.push(base + first * inner..base + (first + run.len()) * inner);
            } else {
                (first..first + run.len()).for_each(|rank| self.descend(dim + 1, base + rank * inner, out));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::IndexSet;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn runs_are_the_selected_cells_in_row_major_order(masks in prop::collection::vec(prop::collection::vec(any::<bool>(), 1..6), 0..4)) {
            let shape: Vec<usize> = masks.iter().map(Vec::len).collect();
            let region = Region::new(masks.iter().map(|m| IndexSet::from_mask(m.iter().copied())).collect());
            // Every position of the outer third but the selected ones is left out of the cover.
            let wide = |(m, n): (&Vec<bool>, &usize)| IndexSet::from_mask((0..*n).map(|i| m[i] || i >= n / 3));
            let cover = Region::new(masks.iter().zip(&shape).map(wide).collect());
            let held: Vec<Vec<usize>> = cover.sets().iter().map(|set| set.iter().collect()).collect();
            let mut naive = Vec::new();
            for cell in 0..cover.cells() {
                let mut rest = cell;
                let mut keep = true;
                for d in (0..shape.len()).rev() {
                    keep &= masks[d][held[d][rest % held[d].len()]];
                    rest /= held[d].len();
                }
                if keep {
                    naive.push(cell);
                }
            }
            let runs = CellRuns::new(&region, &cover);
            prop_assert_eq!(runs.runs().iter().flat_map(Clone::clone).collect::<Vec<_>>(), naive);
            prop_assert_eq!(runs.cells(), runs.runs().iter().map(ExactSizeIterator::len).sum::<usize>());
            prop_assert!(runs.runs().windows(2).all(|w| w[0].end < w[1].start));
        }
    }
}
