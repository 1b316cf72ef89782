//! The order in which cells are folded where a slice has more groups than a processor holds near it.
//!
//! Maps are often stored a time at a time. An aggregate over time would go through the states of all places for each
//! slice, which takes longer than reading the cells. So several slices are read at once and folded tile by tile: the
//! states of a tile stay in the processor's cache. Each group still meets its values in the order of the slices, so
//! that its result has the same bits.

use crate::grid::bins::KeyAxes;
use crate::grid::program::Program;
use crate::grid::vectors::{VECTOR_CELLS, vectors};
use hyperslab_grid::{ChunkGrid, Region};

/// How many slices are folded into a tile at once, at least, where slices are thin.
const SLICES: usize = 8;

/// The most bytes that a thread reads at once for tiles.
pub(crate) const TILE_BYTES: usize = 16 << 20;

/// How cells are folded tile by tile.
#[derive(Clone, Copy)]
pub(super) struct Tiles {
    /// The leading dimensions, which are folded; along all others each position is a group.
    folded: usize,
}

impl Tiles {
    /// Tiles, if the dimensions that are folded come first and there are enough groups.
    pub(super) fn new(keys: &KeyAxes, boxes: &ChunkGrid) -> Option<Self> {
        let rank = boxes.axes().len();
        let folded = rank - keys.axes.len().min(rank);
        let are_last = keys.axes.iter().enumerate().all(|(at, axis)| axis.is_own(folded + at));
        let groups: usize = typical(boxes)[folded..].iter().product();
        (folded > 0 && are_last && groups > VECTOR_CELLS).then_some(Self { folded })
    }

    /// Boxes of enough slices, as far as a thread may hold them.
    pub(super) fn boxes(self, program: &Program, boxes: &ChunkGrid, bytes: usize) -> ChunkGrid {
        let (shape, dim) = (typical(boxes), self.folded - 1);
        let slices: usize = shape[..self.folded].iter().product();
        let cells: usize = shape.iter().product();
        let affordable = bytes / program.cell_bytes().saturating_mul(cells).max(1);
        let wanted = (SLICES / slices.max(1)).min(affordable);
        if wanted < 2 { boxes.clone() } else { program.together(boxes, dim, wanted) }
    }

    /// A box cut into tiles.
    pub(super) fn cut(self, region: &Region) -> Vec<Region> {
        let (slices, places) = region.sets().split_at(self.folded);
        let places = Region::new(places.to_vec());
        let whole = |tile: Region| Region::new(slices.iter().chain(tile.sets()).cloned().collect());
        if places.cells() <= VECTOR_CELLS {
            vec![region.clone()]
        } else {
            vectors(&places, VECTOR_CELLS / SLICES).map(whole).collect()
        }
    }
}

/// How many positions the longer boxes have along each dimension.
fn typical(boxes: &ChunkGrid) -> Vec<usize> {
    boxes.axes().iter().map(|axis| axis.positions().div_ceil(axis.len().max(1)).max(1)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grid::bins::KeyAxis;

    fn keys(axes: &[(usize, bool)]) -> KeyAxes {
        KeyAxes::of(axes.iter().map(|(dim, one_each)| KeyAxis::on_dim(*dim, &[0], *one_each)).collect())
    }

    #[test]
    fn only_maps_of_many_places_are_cut() {
        let slices = ChunkGrid::regular(&[100, 192, 288], &[1, 192, 288]);
        let is_cut = |axes: &[(usize, bool)], boxes: &ChunkGrid| Tiles::new(&keys(axes), boxes).is_some();
        assert!(is_cut(&[(1, true), (2, true)], &slices));
        // Bins, times, series, and chunks of few places.
        assert!(!is_cut(&[(1, false), (2, true)], &slices));
        assert!(!is_cut(&[(0, true), (1, true), (2, true)], &slices));
        assert!(!is_cut(&[(0, true), (2, true)], &slices));
        assert!(!is_cut(&[(1, true), (2, true)], &ChunkGrid::regular(&[100, 192, 288], &[10, 20, 20])));
    }

    #[test]
    fn tiles_are_the_box_and_keep_all_slices() {
        let tiles = Tiles::new(&keys(&[(1, true), (2, true)]), &ChunkGrid::regular(&[9, 100, 100], &[9, 100, 100]));
        let region = Region::all(&[9, 100, 100]);
        let cut = tiles.expect("these are many places").cut(&region);
        assert!(cut.len() > 5 && cut.iter().all(|tile| tile.sets()[0].len() == 9));
        assert_eq!(cut.iter().map(Region::cells).sum::<usize>(), region.cells());
        let small = region.clip(&hyperslab_grid::Hyperslab::new(vec![0..9, 0..3, 0..100]));
        assert_eq!(tiles.map(|tiles| tiles.cut(&small).len()), Some(1));
    }
}
