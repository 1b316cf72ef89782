//! Positions of one dimension as ascending runs.

use serde::{Deserialize, Serialize};
use std::ops::Range;

/// A set of positions along one dimension: ascending, non-empty runs that neither touch nor overlap.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct IndexSet {
    runs: Vec<Range<usize>>,
}

impl IndexSet {
    /// No position.
    pub fn empty() -> Self {
        Self::default()
    }

    /// All positions of a dimension of `len`.
    pub fn all(len: usize) -> Self {
        Self::range(0..len)
    }

    /// The positions of one range; empty if the range is.
    pub fn range(range: Range<usize>) -> Self {
        let runs = if range.is_empty() { Vec::new() } else { vec![range] };
        Self { runs }
    }

    /// The positions of ranges that ascend and do not overlap; those that touch become one run.
    ///
    /// # Panics
    /// If a range does not follow the one before it.
    pub fn from_ranges(ranges: impl IntoIterator<Item = Range<usize>>) -> Self {
        let mut runs: Vec<Range<usize>> = Vec::new();
        for range in ranges.into_iter().filter(|range| !range.is_empty()) {
            match runs.last_mut() {
                Some(last) if last.end == range.start => last.end = range.end,
                Some(last) => {
                    assert!(last.end < range.start, "ranges must ascend");
                    runs.push(range);
                }
                None => runs.push(range),
            }
        }
        Self { runs }
    }

    /// The positions whose flag is true.
    pub fn from_mask(mask: impl IntoIterator<Item = bool>) -> Self {
        Self::from_ascending(mask.into_iter().enumerate().filter(|(_, keep)| *keep).map(|(i, _)| i))
    }

    /// Positions given in strictly ascending order.
    ///
    /// # Panics
    /// If a position does not follow the one before it.
    pub fn from_ascending(positions: impl IntoIterator<Item = usize>) -> Self {
        Self::from_ranges(positions.into_iter().map(|at| at..at + 1))
    }

    /// The runs, ascending.
    pub fn runs(&self) -> &[Range<usize>] {
        &self.runs
    }

    /// How many positions are in the set.
    pub fn len(&self) -> usize {
        self.runs.iter().map(ExactSizeIterator::len).sum()
    }

    /// Whether no position is in the set.
    pub fn is_empty(&self) -> bool {
        self.runs.is_empty()
    }

    /// Whether these are all positions of a dimension of `len`.
    pub fn is_all(&self, len: usize) -> bool {
        match self.runs.as_slice() {
            [] => len == 0,
            [one] => *one == (0..len),
            _ => false,
        }
    }

    /// The smallest range that holds the set, `None` if it is empty.
    pub fn bounds(&self) -> Option<Range<usize>> {
        Some(self.runs.first()?.start..self.runs.last()?.end)
    }

    /// The positions, ascending.
    pub fn iter(&self) -> impl Iterator<Item = usize> + '_ {
        self.runs.iter().flat_map(Clone::clone)
    }

    /// Whether all positions of `other` are in the set.
    pub fn contains_all(&self, other: &Self) -> bool {
        other.runs.iter().all(|run| {
            self.runs[self.first_run_after(run.start)..]
                .first()
                .is_some_and(|own| own.start <= run.start && run.end <= own.end)
        })
    }

    /// Whether `at` is in the set.
    pub fn contains(&self, at: usize) -> bool {
        self.runs[self.first_run_after(at)..].first().is_some_and(|run| run.contains(&at))
    }

    /// How many positions of the set lie before `at`: the place of `at` among the selected positions.
    pub fn rank(&self, at: usize) -> usize {
        self.runs.iter().take_while(|run| run.start < at).map(|run| run.end.min(at) - run.start).sum()
    }

    /// The positions within `range`.
    pub fn clip(&self, range: &Range<usize>) -> Self {
        let runs = self.runs[self.first_run_after(range.start)..]
            .iter()
            .take_while(|run| run.start < range.end)
            .map(|run| run.start.max(range.start)..run.end.min(range.end))
            .collect();
        Self { runs }
    }

    /// The selected positions numbered `ranks`, counted from the first one selected.
    pub fn ranked(&self, ranks: Range<usize>) -> Self {
        let mut before = 0;
        let mut runs = Vec::new();
        for run in &self.runs {
            let (from, to) = (ranks.start.max(before), ranks.end.min(before + run.len()));
            if from < to {
                runs.push(run.start + (from - before)..run.start + (to - before));
            }
            before += run.len();
            if before >= ranks.end {
                break;
            }
        }
        Self { runs }
    }

    /// The positions in both sets.
    pub fn intersect(&self, other: &Self) -> Self {
        let runs = self.runs.iter().flat_map(|run| other.clip(run).runs).collect();
        Self { runs }
    }

    /// The index of the first run that ends after `at`.
    fn first_run_after(&self, at: usize) -> usize {
        self.runs.partition_point(|run| run.end <= at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn set() -> impl Strategy<Value = Vec<bool>> {
        prop::collection::vec(any::<bool>(), 0..40)
    }

    fn naive(mask: &[bool]) -> Vec<usize> {
        mask.iter().enumerate().filter(|(_, keep)| **keep).map(|(i, _)| i).collect()
    }

    proptest! {
        #[test]
        fn a_set_is_its_positions(mask in set()) {
            let set = IndexSet::from_mask(mask.clone());
            prop_assert_eq!(set.iter().collect::<Vec<_>>(), naive(&mask));
            prop_assert_eq!(set.len(), naive(&mask).len());
            prop_assert_eq!(set.is_all(mask.len()), mask.iter().all(|keep| *keep));
            prop_assert!(set.runs().windows(2).all(|w| w[0].end < w[1].start));
            for at in 0..mask.len() + 2 {
                prop_assert_eq!(set.contains(at), mask.get(at) == Some(&true));
                prop_assert_eq!(set.rank(at), naive(&mask).iter().filter(|i| **i < at).count());
            }
        }

        #[test]
        fn intersection_and_clip_keep_what_is_in_both(a in set(), b in set(), from in 0usize..40, len in 0usize..40) {
            let (x, y) = (IndexSet::from_mask(a.clone()), IndexSet::from_mask(b.clone()));
            let both: Vec<usize> = naive(&a).into_iter().filter(|i| b.get(*i) == Some(&true)).collect();
            prop_assert_eq!(x.intersect(&y).iter().collect::<Vec<_>>(), both);
            prop_assert!(x.contains_all(&x.intersect(&y)));
            prop_assert_eq!(x.contains_all(&y), x.intersect(&y) == y);
            let ranked: Vec<usize> = naive(&a).into_iter().skip(from).take(len).collect();
            prop_assert_eq!(x.ranked(from..from + len).iter().collect::<Vec<_>>(), ranked);
            let clipped: Vec<usize> = naive(&a).into_iter().filter(|i| (from..from + len).contains(i)).collect();
            prop_assert_eq!(x.clip(&(from..from + len)).iter().collect::<Vec<_>>(), clipped);
        }
    }
}
