//! How a variable is cut on disk, and which chunks a region meets.

use crate::{Hyperslab, IndexSet, Region};
use serde::{Deserialize, Serialize};
use std::ops::Range;

/// The cuts along one dimension: chunk `i` holds the positions `edges[i]..edges[i + 1]`. Edges ascend strictly and
/// start at 0; files joined along the dimension make them irregular.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AxisChunks {
    edges: Vec<usize>,
}

impl AxisChunks {
    /// Chunks of `size` positions, the last one perhaps shorter.
    ///
    /// # Panics
    /// If `size` is 0.
    pub fn regular(len: usize, size: usize) -> Self {
        assert!(size > 0, "a chunk holds at least one position");
        Self { edges: (0..len).step_by(size).chain([len]).collect() }
    }

    /// One chunk for the whole dimension.
    pub fn whole(len: usize) -> Self {
        Self::regular(len, len.max(1))
    }

    /// Chunks between these edges; those between equal edges are none.
    ///
    /// # Panics
    /// If the edges do not ascend from 0.
    pub fn from_edges(mut edges: Vec<usize>) -> Self {
        assert!(edges.first() == Some(&0) && edges.is_sorted(), "edges ascend from 0");
        edges.dedup();
        Self { edges }
    }

    /// The cuts of several axes laid end to end.
    pub fn concat<'a>(parts: impl IntoIterator<Item = &'a Self>) -> Self {
        let mut edges = vec![0];
        for part in parts {
            let offset = *edges.last().expect("starts with one edge");
            edges.extend(part.edges[1..].iter().map(|edge| offset + edge).filter(|edge| *edge > offset));
        }
        edges.dedup();
        Self { edges }
    }

    /// Neighbouring chunks taken `n` at a time.
    pub fn coarsen(&self, n: usize) -> Self {
        let last = self.len();
        let edges = (0..last).step_by(n.max(1)).map(|i| self.edges[i]).chain([self.edges[last]]).collect();
        Self { edges }
    }

    /// The number of positions.
    pub fn positions(&self) -> usize {
        *self.edges.last().expect("there is at least one edge")
    }

    /// The number of chunks.
    pub fn len(&self) -> usize {
        // A dimension of length 0 has the edges [0, 0] or [0]: no chunk either way.
        if self.positions() == 0 { 0 } else { self.edges.len() - 1 }
    }

    /// Whether there is no chunk.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The positions of chunk `i`.
    pub fn range(&self, i: usize) -> Range<usize> {
        self.edges[i]..self.edges[i + 1]
    }

    /// The chunk that holds position `at`.
    pub fn chunk_of(&self, at: usize) -> usize {
        self.edges.partition_point(|edge| *edge <= at) - 1
    }

    /// The chunks that hold a position of `set`, ascending.
    pub fn meeting(&self, set: &IndexSet) -> IndexSet {
        let mut chunks: Vec<usize> = Vec::new();
        for run in set.runs() {
            let (from, to) = (self.chunk_of(run.start), self.chunk_of(run.end - 1));
            let from = chunks.last().map_or(from, |last| from.max(last + 1));
            chunks.extend(from..=to);
        }
        IndexSet::from_ascending(chunks)
    }

    /// The positions to read for `set`: gaps between selected positions are filled, but for those that hold a whole chunk.
    pub fn covering(&self, set: &IndexSet) -> IndexSet {
        let mut ranges: Vec<Range<usize>> = Vec::new();
        for run in set.runs() {
            match ranges.last_mut() {
                Some(last) if self.chunk_of(run.start) <= self.chunk_of(last.end - 1) + 1 => last.end = run.end,
                _ => ranges.push(run.clone()),
            }
        }
        IndexSet::from_ranges(ranges)
    }
}

/// How a variable, or a grid, is cut into chunks: the product of cuts along each dimension.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChunkGrid {
    axes: Vec<AxisChunks>,
}

impl ChunkGrid {
    /// A chunk grid from the cuts along each dimension.
    pub fn new(axes: Vec<AxisChunks>) -> Self {
        Self { axes }
    }

    /// Chunks of one shape; the last along each dimension may be cut short.
    pub fn regular(shape: &[usize], chunk: &[usize]) -> Self {
        Self::new(shape.iter().zip(chunk).map(|(len, size)| AxisChunks::regular(*len, *size)).collect())
    }

    /// The cuts along each dimension.
    pub fn axes(&self) -> &[AxisChunks] {
        &self.axes
    }

    /// The shape of the whole.
    pub fn shape(&self) -> Vec<usize> {
        self.axes.iter().map(AxisChunks::positions).collect()
    }

    /// The number of chunks.
    pub fn len(&self) -> usize {
        self.axes.iter().map(AxisChunks::len).product()
    }

    /// Whether there is no chunk.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The box of the chunk at these chunk indices.
    pub fn slab(&self, at: &[usize]) -> Hyperslab {
        Hyperslab::new(self.axes.iter().zip(at).map(|(axis, i)| axis.range(*i)).collect())
    }

    /// For each dimension the chunks that a region meets; their product are the chunks to read.
    pub fn meeting(&self, region: &Region) -> Region {
        Region::new(self.axes.iter().zip(region.sets()).map(|(axis, set)| axis.meeting(set)).collect())
    }

    /// How many chunks a region meets.
    pub fn count_meeting(&self, region: &Region) -> usize {
        self.meeting(region).cells()
    }

    /// The cells to read for a region, as few boxes as can be that meet no other chunk than the region does.
    pub fn covering(&self, region: &Region) -> Region {
        Region::new(self.axes.iter().zip(region.sets()).map(|(axis, set)| axis.covering(set)).collect())
    }

    /// How many cells the chunks hold that a region meets: what must be decoded to read it.
    pub fn cells_meeting(&self, region: &Region) -> usize {
        let meeting = self.meeting(region);
        let along =
            |(axis, chunks): (&AxisChunks, &IndexSet)| chunks.iter().map(|i| axis.range(i).len()).sum::<usize>();
        self.axes.iter().zip(meeting.sets()).map(along).product()
    }

    /// The boxes of the chunks that a region meets, in row-major order of chunks.
    pub fn slabs_meeting(&self, region: &Region) -> Vec<Hyperslab> {
        let meeting = self.meeting(region);
        let mut out = Vec::with_capacity(meeting.cells());
        for_each_index(meeting.sets(), &mut |at| out.push(self.slab(at)));
        out
    }
}

/// Calls `visit` with each combination of positions, in row-major order.
fn for_each_index(sets: &[IndexSet], visit: &mut impl FnMut(&[usize])) {
    fn descend(sets: &[IndexSet], at: &mut Vec<usize>, visit: &mut impl FnMut(&[usize])) {
        let Some(set) = sets.get(at.len()) else { return visit(at) };
        for i in set.iter() {
            at.push(i);
            descend(sets, at, visit);
            at.pop();
        }
    }
    descend(sets, &mut Vec::with_capacity(sets.len()), visit);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn axis() -> impl Strategy<Value = AxisChunks> {
        prop::collection::vec((1usize..12, 1usize..5), 1..4).prop_map(|parts| {
            let parts: Vec<_> = parts.into_iter().map(|(len, size)| AxisChunks::regular(len, size)).collect();
            AxisChunks::concat(&parts)
        })
    }

    proptest! {
        #[test]
        fn chunks_tile_the_axis(axis in axis()) {
            let tiled: Vec<usize> = (0..axis.len()).flat_map(|i| axis.range(i)).collect();
            prop_assert_eq!(tiled, (0..axis.positions()).collect::<Vec<_>>());
            for at in 0..axis.positions() {
                prop_assert!(axis.range(axis.chunk_of(at)).contains(&at));
            }
        }

        #[test]
        fn a_region_meets_just_the_chunks_with_its_cells(a in axis(), b in axis(), seed in any::<u64>()) {
            let pick = |len: usize, salt: u64| IndexSet::from_mask((0..len).map(|i| (seed ^ salt).rotate_left(i as u32 * 7) & 3 == 0));
            let region = Region::new(vec![pick(a.positions(), 1), pick(b.positions(), 99)]);
            let grid = ChunkGrid::new(vec![a, b]);
            let mut naive = Vec::new();
            for i in 0..grid.axes()[0].len() {
                for j in 0..grid.axes()[1].len() {
                    let slab = grid.slab(&[i, j]);
                    if !region.clip(&slab).is_empty() {
                        naive.push(slab);
                    }
                }
            }
            prop_assert_eq!(grid.count_meeting(&region), naive.len());
            for slab in &naive {
                prop_assert_eq!(grid.count_meeting(&Region::all_of(slab)), 1);
            }
            let cover = grid.covering(&region);
            prop_assert_eq!(grid.meeting(&cover), grid.meeting(&region));
            prop_assert_eq!(cover.sets().iter().zip(region.sets()).all(|(c, r)| c.intersect(r) == *r), true);
            prop_assert_eq!(grid.cells_meeting(&region), naive.iter().map(Hyperslab::cells).sum::<usize>());
            prop_assert_eq!(grid.slabs_meeting(&region), naive);
        }
    }

    #[test]
    fn an_empty_dimension_has_no_chunk() {
        assert_eq!(AxisChunks::regular(0, 5).len(), 0);
        assert_eq!(AxisChunks::concat(&[AxisChunks::regular(0, 5), AxisChunks::regular(3, 5)]).len(), 1);
        assert_eq!(ChunkGrid::new(vec![]).len(), 1, "a scalar is one chunk of one cell");
    }
}
