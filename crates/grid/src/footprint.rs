//! The set of dimensions that a value depends on.

use serde::{Deserialize, Serialize};

/// A set of dimensions of one grid, by position. It decides where an expression is evaluated: once (empty), along
/// one coordinate (a single dimension), or on the block.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Footprint(u64);

impl Footprint {
    /// The most dimensions that a grid can have (HDF5 allows 32 for a variable).
    pub const MAX_DIMENSIONS: usize = 64;

    /// No dimension: a constant.
    pub const EMPTY: Self = Self(0);

    /// The dimension at `dim` alone.
    pub fn one(dim: usize) -> Self {
        assert!(dim < Self::MAX_DIMENSIONS, "a grid has at most {} dimensions", Self::MAX_DIMENSIONS);
        Self(1 << dim)
    }

    /// The dimensions `0..rank`.
    pub fn all(rank: usize) -> Self {
        (0..rank).collect()
    }

    /// The dimensions in either set.
    pub fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether every dimension of `other` is in this set.
    pub fn covers(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Whether `dim` is in the set.
    pub fn contains(self, dim: usize) -> bool {
        dim < Self::MAX_DIMENSIONS && self.0 >> dim & 1 == 1
    }

    /// How many dimensions are in the set.
    pub fn len(self) -> usize {
        self.0.count_ones() as usize
    }

    /// Whether the set is empty.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The dimension, if there is just one.
    pub fn single(self) -> Option<usize> {
        (self.len() == 1).then(|| self.0.trailing_zeros() as usize)
    }

    /// Whether the sets have a dimension in common, or are both empty.
    pub fn meets(self, other: Self) -> bool {
        self.0 & other.0 != 0 || (self.is_empty() && other.is_empty())
    }

    /// Puts together what has a dimension in common, directly or by way of others; each with all dimensions that it then has.
    pub fn together<T>(parts: impl IntoIterator<Item = (Self, T)>) -> Vec<(Self, Vec<T>)> {
        let mut out: Vec<(Self, Vec<T>)> = Vec::new();
        for (dims, part) in parts {
            let mut own = (dims, Vec::new());
            for (other, parts) in out.extract_if(.., |(other, _)| other.meets(dims)).collect::<Vec<_>>() {
                own.0 = own.0.union(other);
                own.1.extend(parts);
            }
            own.1.push(part);
            out.push(own);
        }
        out
    }

    /// The dimensions, ascending.
    pub fn dims(self) -> impl Iterator<Item = usize> {
        (0..Self::MAX_DIMENSIONS).filter(move |dim| self.contains(*dim))
    }
}

impl FromIterator<usize> for Footprint {
    fn from_iter<I: IntoIterator<Item = usize>>(dims: I) -> Self {
        dims.into_iter().fold(Self::EMPTY, |set, dim| set.union(Self::one(dim)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_shares_dimensions_is_put_together() {
        let of = |dims: &[usize]| dims.iter().copied().collect::<Footprint>();
        let parts = [&[0][..], &[1, 2], &[], &[3], &[2, 4], &[0], &[]].into_iter().map(of).zip('a'..);
        let together = Footprint::together(parts);
        let expected = [
            (of(&[3]), vec!['d']),
            (of(&[1, 2, 4]), vec!['b', 'e']),
            (of(&[0]), vec!['a', 'f']),
            (of(&[]), vec!['c', 'g']),
        ];
        assert_eq!(together, expected);
    }

    #[test]
    fn a_footprint_is_a_set_of_dimensions() {
        let time_lat: Footprint = [0, 1].into_iter().collect();
        assert_eq!(time_lat.dims().collect::<Vec<_>>(), [0, 1]);
        assert_eq!((time_lat.single(), Footprint::one(5).single(), Footprint::EMPTY.single()), (None, Some(5), None));
        assert!(Footprint::all(3).covers(time_lat) && !time_lat.covers(Footprint::all(3)));
        assert_eq!(Footprint::all(64).len(), 64);
    }
}
