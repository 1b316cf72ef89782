//! From each position of one dimension to a position of another.

use serde::{Deserialize, Serialize};

/// For each position of one dimension the position, or none, on another. One mechanism for joins between axes in
/// any order, for pointwise selection, ragged arrays (observation to profile) and `filename` over time.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct AxisMap {
    to: Vec<u32>,
    target_len: usize,
}

impl AxisMap {
    const NONE: u32 = u32::MAX;

    /// A map onto a dimension of `target_len`.
    ///
    /// # Panics
    /// If a position lies outside the target, or the target has more than 2³²-1 positions.
    pub fn new(positions: impl IntoIterator<Item = Option<usize>>, target_len: usize) -> Self {
        assert!(target_len < Self::NONE as usize, "a mapped dimension has fewer than 2^32 - 1 positions");
        let checked = |at: usize| {
            assert!(at < target_len, "position {at} lies outside the {target_len} of the target");
            u32::try_from(at).expect("checked against the target's length")
        };
        let to = positions.into_iter().map(|at| at.map_or(Self::NONE, checked)).collect();
        Self { to, target_len }
    }

    /// From each observation to its instance, for a contiguous ragged array with these row sizes.
    pub fn from_row_sizes(sizes: &[usize]) -> Self {
        Self::new(sizes.iter().enumerate().flat_map(|(row, n)| std::iter::repeat_n(Some(row), *n)), sizes.len())
    }

    /// The number of positions mapped.
    pub fn len(&self) -> usize {
        self.to.len()
    }

    /// Whether no position is mapped.
    pub fn is_empty(&self) -> bool {
        self.to.is_empty()
    }

    /// The length of the dimension mapped to.
    pub fn target_len(&self) -> usize {
        self.target_len
    }

    /// Where position `at` goes.
    pub fn get(&self, at: usize) -> Option<usize> {
        let to = self.to[at];
        (to != Self::NONE).then_some(to as usize)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn row_sizes_repeat_their_instance() {
        let map = AxisMap::from_row_sizes(&[2, 0, 1]);
        assert_eq!((0..map.len()).map(|i| map.get(i)).collect::<Vec<_>>(), [Some(0), Some(0), Some(2)]);
        assert_eq!(map.target_len(), 3);
        assert_eq!(AxisMap::new([None, Some(1)], 2).get(0), None);
    }
}
