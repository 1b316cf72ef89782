//! A region within a box, as runs of cells.

use crate::{Hyperslab, Region};
use std::ops::Range;

/// The selected cells of a box in row-major order, as runs of offsets into the box: neighbouring runs that touch are
/// one. A region that takes the whole of the inner dimensions is few long runs, whatever its rank.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CellRuns {
    runs: Vec<Range<usize>>,
    cells: usize,
}

impl CellRuns {
    /// The runs of `region` within `slab`, as offsets into an array of the shape of `slab`.
    pub fn new(region: &Region, slab: &Hyperslab) -> Self {
        let mut out = Self::default();
        let shape = slab.shape();
        out.descend(&region.clip(slab), slab, &shape, 0, 0);
        out
    }

    /// All of an array of `cells` cells.
    pub fn whole(cells: usize) -> Self {
        let mut out = Self::default();
        out.push(0..cells);
        out
    }

    fn descend(&mut self, region: &Region, slab: &Hyperslab, shape: &[usize], dim: usize, base: usize) {
        if dim == shape.len() {
            return self.push(base..base + 1);
        }
        let (set, from) = (&region.sets()[dim], slab.ranges()[dim].start);
        let inner: usize = shape[dim + 1..].iter().product();
        let inner_is_whole = (dim + 1..shape.len()).all(|d| region.sets()[d].len() == shape[d]);
        for run in set.runs() {
            if inner_is_whole {
                self.push((base + (run.start - from) * inner)..(base + (run.end - from) * inner));
                continue;
            }
            for at in run.clone() {
                self.descend(region, slab, shape, dim + 1, base + (at - from) * inner);
            }
        }
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
            let slab = Hyperslab::new(shape.iter().map(|n| n / 3..*n).collect());
            let mut naive = Vec::new();
            for cell in 0..slab.cells() {
                let mut rest = cell;
                let mut keep = true;
                for d in (0..shape.len()).rev() {
                    let n = slab.ranges()[d].len();
                    keep &= masks[d][rest % n + slab.ranges()[d].start];
                    rest /= n;
                }
                if keep {
                    naive.push(cell);
                }
            }
            let runs = CellRuns::new(&region, &slab);
            prop_assert_eq!(runs.runs().iter().flat_map(Clone::clone).collect::<Vec<_>>(), naive);
            prop_assert_eq!(runs.cells(), runs.runs().iter().map(ExactSizeIterator::len).sum::<usize>());
            prop_assert!(runs.runs().windows(2).all(|w| w[0].end < w[1].start));
        }
    }
}
