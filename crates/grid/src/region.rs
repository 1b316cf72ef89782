//! Boxes and products of index sets.

use crate::IndexSet;
use serde::{Deserialize, Serialize};
use std::ops::Range;

/// A contiguous box of cells, the unit of a read: a range of positions for each dimension. A scalar has none.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Hyperslab {
    ranges: Vec<Range<usize>>,
}

impl Hyperslab {
    /// A box from one range a dimension.
    pub fn new(ranges: Vec<Range<usize>>) -> Self {
        Self { ranges }
    }

    /// All cells of a grid of this shape.
    pub fn all(shape: &[usize]) -> Self {
        Self::new(shape.iter().map(|len| 0..*len).collect())
    }

    /// The boxes that ranges make, some for each dimension, in row-major order.
    pub fn product<'a>(ranges: impl IntoIterator<Item = &'a [Range<usize>]>) -> Vec<Self> {
        let mut boxes = vec![Vec::new()];
        for ranges in ranges {
            let longer = |start: &Vec<Range<usize>>| {
                let start = start.clone();
                ranges.iter().map(move |range| [start.as_slice(), std::slice::from_ref(range)].concat())
            };
            boxes = boxes.iter().flat_map(longer).collect();
        }
        boxes.into_iter().map(Self::new).collect()
    }

    /// The ranges, one a dimension.
    pub fn ranges(&self) -> &[Range<usize>] {
        &self.ranges
    }

    /// How many dimensions the box has.
    pub fn rank(&self) -> usize {
        self.ranges.len()
    }

    /// The first position along each dimension.
    pub fn start(&self) -> Vec<usize> {
        self.ranges.iter().map(|range| range.start).collect()
    }

    /// The number of positions along each dimension.
    pub fn shape(&self) -> Vec<usize> {
        self.ranges.iter().map(ExactSizeIterator::len).collect()
    }

    /// How many cells the box holds.
    pub fn cells(&self) -> usize {
        self.ranges.iter().map(ExactSizeIterator::len).product()
    }

    /// Whether the box holds no cell.
    pub fn is_empty(&self) -> bool {
        self.ranges.iter().any(Range::is_empty)
    }

    /// The cells in both boxes; `None` if there are none.
    pub fn intersect(&self, other: &Self) -> Option<Self> {
        let ranges =
            self.ranges.iter().zip(&other.ranges).map(|(a, b)| a.start.max(b.start)..a.end.min(b.end)).collect();
        let both = Self { ranges };
        (!both.is_empty()).then_some(both)
    }

    /// Whether all cells of `other` lie in this box.
    pub fn contains(&self, other: &Self) -> bool {
        self.ranges.iter().zip(&other.ranges).all(|(a, b)| a.start <= b.start && b.end <= a.end)
    }

    /// The box over the dimensions `dims` of this one, in that order.
    pub fn project(&self, dims: &[usize]) -> Self {
        Self::new(dims.iter().map(|d| self.ranges[*d].clone()).collect())
    }
}

/// Which cells of a grid are selected: the product of one index set a dimension.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Region {
    sets: Vec<IndexSet>,
}

impl Region {
    /// A region from one index set a dimension.
    pub fn new(sets: Vec<IndexSet>) -> Self {
        Self { sets }
    }

    /// All cells of a grid of this shape.
    pub fn all(shape: &[usize]) -> Self {
        Self::new(shape.iter().map(|len| IndexSet::all(*len)).collect())
    }

    /// All cells of a box.
    pub fn all_of(slab: &Hyperslab) -> Self {
        Self::new(slab.ranges().iter().cloned().map(IndexSet::range).collect())
    }

    /// The index sets, one a dimension.
    pub fn sets(&self) -> &[IndexSet] {
        &self.sets
    }

    /// How many positions are selected along each dimension.
    pub fn shape(&self) -> Vec<usize> {
        self.sets.iter().map(IndexSet::len).collect()
    }

    /// How many cells are selected.
    pub fn cells(&self) -> usize {
        self.sets.iter().map(IndexSet::len).product()
    }

    /// Whether no cell is selected.
    pub fn is_empty(&self) -> bool {
        self.sets.iter().any(IndexSet::is_empty)
    }

    /// Keeps along dimension `dim` only the positions that are also in `set`.
    pub fn narrow(&mut self, dim: usize, set: &IndexSet) {
        self.sets[dim] = self.sets[dim].intersect(set);
    }

    /// The cells of the region within a box.
    pub fn clip(&self, slab: &Hyperslab) -> Self {
        Self::new(self.sets.iter().zip(slab.ranges()).map(|(set, range)| set.clip(range)).collect())
    }

    /// Whether all cells of `other` are selected.
    pub fn contains(&self, other: &Self) -> bool {
        self.sets.iter().zip(&other.sets).all(|(own, set)| own.contains_all(set))
    }

    /// The boxes that the region consists of, in row-major order.
    pub fn boxes(&self) -> Vec<Hyperslab> {
        Hyperslab::product(self.sets.iter().map(IndexSet::runs))
    }

    /// The smallest box that holds the region; `None` if it is empty.
    pub fn bounds(&self) -> Option<Hyperslab> {
        self.sets.iter().map(IndexSet::bounds).collect::<Option<Vec<_>>>().map(Hyperslab::new)
    }

    /// The region over the dimensions `dims` of this one, in that order.
    pub fn project(&self, dims: &[usize]) -> Self {
        Self::new(dims.iter().map(|d| self.sets[*d].clone()).collect())
    }
}
