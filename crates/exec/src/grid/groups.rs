//! The group numbers of the cells of a vector.

use super::bins::KeyAxes;
use hyperslab_expr::GroupRun;
use hyperslab_grid::{IndexSet, Region};
use std::ops::Range;

/// The groups of one job, numbered row-major over the ranges of its key axes.
pub(super) struct GroupSpace<'a> {
    keys: &'a KeyAxes,
    ranges: Vec<Range<usize>>,
    /// The distance, in group numbers, between neighbours along each key axis.
    strides: Vec<usize>,
}

impl<'a> GroupSpace<'a> {
    pub(super) fn new(keys: &'a KeyAxes, ranges: Vec<Range<usize>>) -> Self {
        let mut strides = vec![1_usize; ranges.len()];
        for axis in (1..ranges.len()).rev() {
            strides[axis - 1] = strides[axis].saturating_mul(ranges[axis].len());
        }
        Self { keys, ranges, strides }
    }

    /// How many groups there are.
    pub(super) fn len(&self) -> usize {
        self.ranges.iter().map(ExactSizeIterator::len).fold(1_usize, usize::saturating_mul)
    }

    /// The groups of the cells of a vector, in row-major order of cells.
    pub(super) fn runs(&self, vector: &Region, out: &mut Vec<GroupRun>) {
        out.clear();
        self.descend(vector, 0, 0, out);
    }

    fn descend(&self, vector: &Region, dim: usize, base: usize, out: &mut Vec<GroupRun>) {
        let Some(set) = vector.sets().get(dim) else { return push(out, 1, base, 0) };
        if self.keys.axes.last().is_none_or(|axis| axis.dim < dim) {
            return push(out, vector.sets()[dim..].iter().map(IndexSet::len).product(), base, 0);
        }
        let innermost = dim + 1 == vector.sets().len();
        let Some(axis) = self.keys.axes.iter().position(|axis| axis.dim == dim) else {
            return repeat(set.len(), out, |out| self.descend(vector, dim + 1, base, out));
        };
        let (group_of, first, stride) = (&self.keys.axes[axis].group_of, self.ranges[axis].start, self.strides[axis]);
        let place = |at: usize| base + (group_of[at] as usize - first) * stride;
        if innermost && self.keys.axes[axis].one_each {
            // The last key axis has stride 1, and selected positions are numbered without gaps.
            return push(out, set.len(), set.iter().next().map_or(base, place), 1);
        }
        for at in set.iter() {
            match innermost {
                true => push(out, 1, place(at), 0),
                false => self.descend(vector, dim + 1, place(at), out),
            }
        }
    }

    /// For each group of this space its number in a larger one.
    pub(super) fn numbers_in(&self, other: &Self) -> Vec<u32> {
        let mut numbers = vec![0];
        for axis in 0..self.ranges.len() {
            let offset = self.ranges[axis].start - other.ranges[axis].start;
            let stride = other.strides[axis];
            let along = |base: &usize| {
                let base = *base;
                (0..self.ranges[axis].len()).map(move |i| base + (offset + i) * stride)
            };
            numbers = numbers.iter().flat_map(along).collect();
        }
        numbers.into_iter().map(|number| number as u32).collect()
    }

    /// For each group its number along one key axis.
    pub(super) fn along(&self, axis: usize) -> impl Iterator<Item = u32> + '_ {
        let (range, stride) = (self.ranges[axis].clone(), self.strides[axis]);
        (0..self.len()).map(move |group| (range.start + group / stride % range.len()) as u32)
    }
}

/// Adds what `once` adds `times` times. The second time is the pattern of all others, unless it became a part of what was
/// there.
fn repeat(times: usize, out: &mut Vec<GroupRun>, once: impl Fn(&mut Vec<GroupRun>)) {
    (0..times.min(1)).for_each(|_| once(out));
    let (first, before) = (out.len(), out.last().copied());
    for done in 1..times {
        once(out);
        if done == 1 && first > 0 && out.get(first - 1) == before.as_ref() {
            let pattern = first..out.len();
            return (2..times).for_each(|_| out.extend_from_within(pattern.clone()));
        }
    }
}

/// Adds a run, as a part of the one before it where it goes on.
fn push(out: &mut Vec<GroupRun>, len: usize, first: usize, step: u32) {
    let (len, first) = (len as u32, first as u32);
    if let Some(last) = out.last_mut()
        && last.step == step
        && last.first + last.len * step == first
    {
        last.len += len;
        return;
    }
    out.push(GroupRun { len, first, step });
}

#[cfg(test)]
mod tests {
    use super::super::bins::KeyAxis;
    use super::*;

    fn axis(dim: usize, group_of: &[u32], one_each: bool) -> KeyAxis {
        let groups = group_of.iter().max().map_or(0, |max| *max as usize + 1);
        KeyAxis { dim, group_of: group_of.to_vec(), groups, one_each, keys: Vec::new() }
    }

    fn numbers(space: &GroupSpace<'_>, vector: &Region) -> Vec<usize> {
        let mut runs = Vec::new();
        space.runs(vector, &mut runs);
        let mut out = Vec::new();
        hyperslab_expr::Groups::Runs(&runs).for_each(|_, group| out.push(group));
        out
    }

    #[test]
    fn a_time_mean_is_one_run_a_slice() {
        let keys = KeyAxes { axes: vec![axis(1, &[0, 1, 2], true), axis(2, &[0, 1], true)], constants: Vec::new() };
        let space = GroupSpace::new(&keys, vec![0..3, 0..2]);
        let mut runs = Vec::new();
        space.runs(&Region::all(&[2, 3, 2]), &mut runs);
        assert_eq!(runs, [GroupRun { len: 6, first: 0, step: 1 }; 2]);
        assert_eq!((space.len(), space.along(0).collect::<Vec<_>>()), (6, vec![0, 0, 1, 1, 2, 2]));
    }

    #[test]
    fn folding_everything_is_one_run() {
        let keys = KeyAxes { axes: Vec::new(), constants: Vec::new() };
        let space = GroupSpace::new(&keys, Vec::new());
        let mut runs = Vec::new();
        space.runs(&Region::all(&[2, 3, 4]), &mut runs);
        assert_eq!((runs, space.len()), (vec![GroupRun { len: 24, first: 0, step: 0 }], 1));
    }

    #[test]
    fn patterns_repeat_whether_or_not_their_ends_meet() {
        for group_of in [&[0, 1, 0][..], &[0, 0, 1], &[0, 0, 0], &[0]] {
            let keys = KeyAxes { axes: vec![axis(1, group_of, false)], constants: Vec::new() };
            let space = GroupSpace::new(&keys, std::iter::once(0..2).collect());
            let found = numbers(&space, &Region::all(&[5, group_of.len()]));
            assert_eq!(found, group_of.repeat(5).iter().map(|group| *group as usize).collect::<Vec<_>>());
        }
    }

    #[test]
    fn bins_repeat_and_ranges_are_numbered_from_their_start() {
        let keys =
            KeyAxes { axes: vec![axis(0, &[0, 1, 0], false), axis(1, &[9, 0, 9, 1, 2], true)], constants: Vec::new() };
        let space = GroupSpace::new(&keys, vec![0..2, 1..3]);
        let vector = Region::new(vec![IndexSet::all(3), IndexSet::range(3..5)]);
        assert_eq!(numbers(&space, &vector), [0, 1, 2, 3, 0, 1]);
        let unit = GroupSpace::new(&keys, vec![0..2, 0..3]);
        assert_eq!(space.numbers_in(&unit), [1, 2, 4, 5]);
    }
}
