//! Group numbers along one dimension.

use serde::{Deserialize, Serialize};

/// For each position of a dimension the number of its group. Groups are numbered by first appearance; every group
/// has a position. Equal labels share a group, so that a dense aggregate is right on axes with duplicates.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bins {
    of: Vec<u32>,
    first: Vec<usize>,
    consecutive: bool,
}

impl Bins {
    /// Groups positions by key: equal keys, equal bins.
    pub fn by_key<K: std::hash::Hash + Eq>(keys: impl IntoIterator<Item = K>) -> Self {
        let mut seen = std::collections::HashMap::new();
        let (mut of, mut first) = (Vec::new(), Vec::new());
        for (at, key) in keys.into_iter().enumerate() {
            let next = u32::try_from(first.len()).expect("an axis has fewer than 2^32 positions");
            let bin = *seen.entry(key).or_insert(next);
            if bin == next {
                first.push(at);
            }
            of.push(bin);
        }
        let consecutive = first.len() == of.len();
        Self { of, first, consecutive }
    }

    /// All positions of a dimension of `len` in one group, or in none if it is empty.
    pub fn folded(len: usize) -> Self {
        Self::by_key(std::iter::repeat_n((), len))
    }

    /// The number of groups.
    pub fn count(&self) -> usize {
        self.first.len()
    }

    /// The group of each position.
    pub fn of(&self) -> &[u32] {
        &self.of
    }

    /// The first position of each group: where its key is found.
    pub fn first_positions(&self) -> &[usize] {
        &self.first
    }

    /// Whether position `i` is group `i` throughout: each position a group of its own.
    pub fn is_identity(&self) -> bool {
        self.consecutive
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_keys_share_a_bin_in_order_of_appearance() {
        let bins = Bins::by_key([6, 7, 6, 8]);
        assert_eq!((bins.of(), bins.count(), bins.first_positions()), (&[0, 1, 0, 2][..], 3, &[0, 1, 3][..]));
        assert!(!bins.is_identity() && Bins::by_key([3, 1]).is_identity());
        assert_eq!(Bins::folded(3).of(), [0, 0, 0]);
    }
}
