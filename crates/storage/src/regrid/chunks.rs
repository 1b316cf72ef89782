//! How a column on new axes is cut: as the one that it comes from along other dimensions, and whole along the new ones unless
//! that is too large, so that chunks on disk are read once or, at the borders of few large pieces, twice.

use hyperslab_grid::{AxisChunks, AxisWeights, ChunkGrid};
use std::sync::Arc;

/// About as many cells has a piece at most, where it can be cut smaller: the sums of as many are held while it is computed.
const PIECE_CELLS: usize = 1 << 20;

/// The cuts of a column whose base is cut as `stored`, and of whose cells each has `items` values.
pub(super) fn cut(stored: &ChunkGrid, along: &[Option<Arc<AxisWeights>>], items: usize) -> ChunkGrid {
    let longest = |axis: &AxisChunks| (0..axis.len()).map(|chunk| axis.range(chunk).len()).max().unwrap_or(1);
    let kept = stored.axes().iter().zip(along).filter(|(_, along)| along.is_none());
    let mut room = (PIECE_CELLS / items / kept.map(|(axis, _)| longest(axis)).product::<usize>().max(1)).max(1);
    let mut inner: usize = along.iter().flatten().map(|weights| weights.len().max(1)).product();
    let axes = stored.axes().iter().zip(along).map(|(axis, along)| {
        let Some(weights) = along else { return axis.clone() };
        inner /= weights.len().max(1);
        let positions = (room / inner).clamp(1, weights.len().max(1));
        room = (room / positions).max(1);
        AxisChunks::from_edges(edges(axis, weights, positions))
    });
    ChunkGrid::new(axes.collect())
}

/// Cuts an axis into pieces of about `positions`, half as many more or less: where possible between positions that begin in
/// different chunks, so that few chunks are read for two pieces.
fn edges(stored: &AxisChunks, weights: &AxisWeights, positions: usize) -> Vec<usize> {
    let chunk = |at: usize| weights.row(at).first().map(|(source, _)| stored.chunk_of(*source));
    let is_border = |at: &usize| *at == weights.len() || chunk(*at) != chunk(*at - 1);
    let (mut edges, mut start) = (vec![0], 0);
    while start < weights.len() {
        let wanted = start + positions;
        let near = start + positions.div_ceil(2)..=(wanted + positions / 2).min(weights.len());
        let border = near.filter(is_border).min_by_key(|at| at.abs_diff(wanted));
        start = border.unwrap_or(wanted).min(weights.len());
        edges.push(start);
    }
    edges
}

#[cfg(test)]
mod tests {
    use super::*;

    fn halves(n: usize) -> Option<Arc<AxisWeights>> {
        Some(Arc::new(AxisWeights::new((0..n).map(|at| vec![(at / 2, 1.0)]), n.div_ceil(2))))
    }

    #[test]
    fn small_maps_are_whole_and_large_ones_cut_between_chunks() {
        let stored = ChunkGrid::regular(&[100, 90, 180], &[1, 30, 60]);
        let small = cut(&stored, &[None, halves(180), halves(360)], 1);
        assert_eq!((small.axes()[0].len(), small.axes()[1].len(), small.axes()[2].len()), (100, 1, 1));
        let deep = ChunkGrid::regular(&[100, 90, 180], &[50, 30, 60]);
        let large = cut(&deep, &[None, halves(180), halves(360)], 1);
        let ranges = |axis: &AxisChunks| (0..axis.len()).map(|at| axis.range(at)).collect::<Vec<_>>();
        assert_eq!(large.axes()[0], deep.axes()[0]);
        assert_eq!(ranges(&large.axes()[1]), [0..60, 60..120, 120..180], "58 rows fit, but chunks end after 60");
        assert_eq!(large.axes()[2].len(), 1);
        let column = ChunkGrid::regular(&[2_000_000, 4], &[2_000_000, 4]);
        assert_eq!(cut(&column, &[None, halves(8)], 1).axes()[1].len(), 8, "a cell along the new axis at a time");
        assert_eq!(cut(&ChunkGrid::new(vec![AxisChunks::whole(0)]), &[halves(0)], 1).len(), 0);
    }
}
