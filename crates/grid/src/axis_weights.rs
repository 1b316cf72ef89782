//! For each position of one dimension a weighted sum of positions of another.

use crate::IndexSet;

/// A sparse matrix: what each position of a new dimension takes of the positions of the old one. An
/// [`AxisMap`](crate::AxisMap) whose positions lead to several others, each with a weight that is finite and above 0.
#[derive(Clone, Debug, PartialEq)]
pub struct AxisWeights {
    /// Row `i` is `entries[starts[i]..starts[i + 1]]`.
    starts: Vec<usize>,
    entries: Vec<(usize, f64)>,
    source_len: usize,
}

impl AxisWeights {
    /// The rows of the matrix, each with positions of a dimension of `source_len` and their weights.
    ///
    /// # Panics
    /// If a position lies outside of that dimension, or a weight is not finite and above 0.
    pub fn new(rows: impl IntoIterator<Item = Vec<(usize, f64)>>, source_len: usize) -> Self {
        let (mut starts, mut entries) = (vec![0], Vec::new());
        for row in rows {
            let sound = |(at, weight): &(usize, f64)| *at < source_len && weight.is_finite() && *weight > 0.0;
            assert!(row.iter().all(sound), "weights are above 0, at positions of the {source_len} there are");
            entries.extend(row);
            starts.push(entries.len());
        }
        Self { starts, entries, source_len }
    }

    /// The number of positions of the new dimension.
    pub fn len(&self) -> usize {
        self.starts.len() - 1
    }

    /// Whether the new dimension has no position.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The length of the old dimension.
    pub fn source_len(&self) -> usize {
        self.source_len
    }

    /// What position `at` takes; nothing if it lies outside of the old axis.
    pub fn row(&self, at: usize) -> &[(usize, f64)] {
        &self.entries[self.starts[at]..self.starts[at + 1]]
    }

    /// The positions of the old dimension that some of the new one take.
    pub fn sources(&self, set: &IndexSet) -> IndexSet {
        let mut taken = vec![false; self.source_len];
        set.iter().flat_map(|at| self.row(at)).for_each(|(source, _)| taken[*source] = true);
        IndexSet::from_mask(taken)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_kept_and_their_sources_found() {
        let weights = AxisWeights::new([vec![(3, 0.5), (0, 0.5)], vec![], vec![(2, 1.0)]], 5);
        assert_eq!((weights.len(), weights.source_len()), (3, 5));
        assert_eq!((weights.row(0), weights.row(1)), (&[(3, 0.5), (0, 0.5)][..], &[][..]));
        assert_eq!(weights.sources(&IndexSet::range(1..3)), IndexSet::range(2..3));
        assert_eq!(weights.sources(&IndexSet::all(3)), IndexSet::from_ascending([0, 2, 3]));
    }
}
