//! Cutting a region into vectors: few enough cells that what is computed on them stays in cache.

use hyperslab_grid::Region;

/// The most cells of a vector that columns are computed on.
pub(super) const VECTOR_CELLS: usize = 8192;

/// The region cut into parts of at most `most` cells: laid end to end, they are its cells in row-major order.
pub(super) fn vectors(region: &Region, most: usize) -> Vectors<'_> {
    let shape = region.shape();
    let inner = |dim: usize| shape[dim + 1..].iter().product::<usize>();
    let split = (0..shape.len()).find(|dim| inner(*dim) <= most).unwrap_or(0);
    let step = if shape.is_empty() { 1 } else { (most / inner(split).max(1)).max(1) };
    Vectors {
        region,
        done: region.is_empty(),
        next: vec![0; if shape.is_empty() { 0 } else { split + 1 }],
        shape,
        step,
    }
}

/// See [`vectors`].
pub(super) struct Vectors<'a> {
    region: &'a Region,
    shape: Vec<usize>,
    /// The rank, along each dimension up to the one that is split, where the next vector starts.
    next: Vec<usize>,
    /// How many positions of the split dimension a vector takes.
    step: usize,
    done: bool,
}

impl Iterator for Vectors<'_> {
    type Item = Region;

    fn next(&mut self) -> Option<Region> {
        if self.done {
            return None;
        }
        let split = self.next.len().saturating_sub(1);
        let part = |(dim, set): (usize, &hyperslab_grid::IndexSet)| match self.next.get(dim) {
            Some(at) if dim == split => set.ranked(*at..at + self.step),
            Some(at) => set.ranked(*at..at + 1),
            None => set.clone(),
        };
        let out = Region::new(self.region.sets().iter().enumerate().map(part).collect());
        self.advance();
        Some(out)
    }
}

impl Vectors<'_> {
    fn advance(&mut self) {
        let split = self.next.len().saturating_sub(1);
        for dim in (0..self.next.len()).rev() {
            self.next[dim] += if dim == split { self.step } else { 1 };
            if self.next[dim] < self.shape[dim] {
                return;
            }
            self.next[dim] = 0;
        }
        self.done = true;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hyperslab_grid::{CellRuns, IndexSet};

    fn cells(region: &Region, shape: &[usize]) -> Vec<usize> {
        CellRuns::new(region, &Region::all(shape)).runs().iter().flat_map(Clone::clone).collect()
    }

    #[test]
    fn vectors_are_the_region_in_order() {
        for shape in
            [vec![], vec![1], vec![20_000], vec![3, 100, 90], vec![2, 3, 9000], vec![5, 0, 7], vec![40, 41, 41]]
        {
            let every_third = |n: &usize| IndexSet::from_mask((0..*n).map(|i| i % 3 != 1));
            for region in [Region::all(&shape), Region::new(shape.iter().map(every_third).collect())] {
                let parts: Vec<Region> = vectors(&region, VECTOR_CELLS).collect();
                assert!(parts.iter().all(|part| (1..=VECTOR_CELLS).contains(&part.cells())), "{shape:?}");
                let laid: Vec<usize> = parts.iter().flat_map(|part| cells(part, &shape)).collect();
                assert_eq!(laid, cells(&region, &shape), "{shape:?}");
            }
        }
    }
}
