//! The group numbers of the cells of a vector.

use super::bins::{KeyAxes, KeyAxis};
use super::spread::Targets;
use arrow::array::BooleanBufferBuilder;
use arrow::buffer::BooleanBuffer;
use hyperslab_expr::GroupRun;
use hyperslab_grid::{IndexSet, Region};
use std::ops::Range;

/// The groups of one job, numbered row-major over the ranges of its key axes.
pub(super) struct GroupSpace<'a> {
    keys: &'a KeyAxes,
    ranges: Vec<Range<usize>>,
    /// The distance, in group numbers, between neighbours along each key axis.
    strides: Vec<usize>,
    /// The last dimension that has keys.
    last_dim: Option<usize>,
    /// The groups of all cells of the job, where these are only some of them.
    all: Option<Box<Self>>,
}

/// The groups of the cells of a vector, and what they are known for.
#[derive(Default)]
pub(super) struct Runs {
    runs: Vec<GroupRun>,
    /// Which cells have groups of the space, where not all do.
    within: Option<BooleanBuffer>,
    of: Option<Region>,
}

impl Runs {
    /// The groups, in the order of cells. Those that have none of the space have any.
    pub(super) fn groups(&self) -> &[GroupRun] {
        &self.runs
    }

    /// Which cells have groups of the space, where not all do.
    pub(super) fn within(&self) -> Option<&BooleanBuffer> {
        self.within.as_ref()
    }

    /// Whether no cell has a group of the space.
    pub(super) fn are_none(&self) -> bool {
        self.within.as_ref().is_some_and(|within| within.count_set_bits() == 0)
    }
}

impl<'a> GroupSpace<'a> {
    pub(super) fn new(keys: &'a KeyAxes, ranges: Vec<Range<usize>>) -> Self {
        let mut strides = vec![1_usize; ranges.len()];
        for axis in (1..ranges.len()).rev() {
            strides[axis - 1] = strides[axis].saturating_mul(ranges[axis].len());
        }
        let last_dim = keys.axes.iter().map(KeyAxis::last_dim).max();
        Self { keys, ranges, strides, last_dim, all: None }
    }

    /// The same groups, where cells have those of all these ranges.
    pub(super) fn of_cells_with(mut self, all: Vec<Range<usize>>) -> Self {
        self.all = (all != self.ranges).then(|| Box::new(Self::new(self.keys, all)));
        self
    }

    /// Whether cells have other groups too.
    pub(super) fn is_partial(&self) -> bool {
        self.all.is_some()
    }

    /// How many groups there are.
    pub(super) fn len(&self) -> usize {
        self.ranges.iter().map(ExactSizeIterator::len).fold(1_usize, usize::saturating_mul)
    }

    /// The groups of the cells of a vector, in row-major order of cells. `known` are those of the vector before: mostly the next
    /// one differs along folded dimensions only.
    pub(super) fn runs<'r>(&self, vector: &Region, known: &'r mut Runs) -> &'r Runs {
        let decisive = |(dim, set): (usize, &IndexSet)| match self.keys.axes.iter().any(|axis| axis.lies_on(dim)) {
            true => set.clone(),
            false => IndexSet::all(set.len()),
        };
        let of = Region::new(vector.sets().iter().enumerate().map(decisive).collect());
        if known.of.as_ref() != Some(&of) {
            known.runs.clear();
            match &self.all {
                None => self.descend(vector, 0, (0, 0), &mut known.runs),
                Some(all) => {
                    let mut runs = Vec::new();
                    all.descend(vector, 0, (0, 0), &mut runs);
                    (known.runs, known.within) = self.clipped(&runs, all);
                }
            }
            known.of = Some(of);
        }
        known
    }

    /// Runs in a larger space as runs in this one, and which cells have groups of it. Runs of one group stay as they are, for
    /// their cells are added up together.
    fn clipped(&self, runs: &[GroupRun], all: &Self) -> (Vec<GroupRun>, Option<BooleanBuffer>) {
        let (mut out, mut within) = (Vec::new(), BooleanBufferBuilder::new(0));
        let mut add = |len: usize, group: Option<usize>, step: u32| {
            within.append_n(len, group.is_some());
            let step = if group.is_some() { step } else { 0 };
            if len > 0 {
                out.push(GroupRun { len: len as u32, first: group.unwrap_or(0) as u32, step });
            }
        };
        let line = all.ranges.last().map_or(1, ExactSizeIterator::len).max(1);
        for run in runs {
            let (first, len) = (run.first as usize, run.len as usize);
            if run.step == 0 {
                add(len, self.number(first, all), 0);
                continue;
            }
            let mut done = 0;
            while done < len {
                // Groups that count up, in lines along the last axis.
                let rest = (line - (first + done) % line).min(len - done);
                let [before, own] = self.stretch(first + done, rest, all);
                add(before, None, 0);
                add(own, self.number(first + done + before, all), 1);
                add(rest - before - own, None, 0);
                done += rest;
            }
        }
        let within = within.finish();
        let is_whole = within.count_set_bits() == within.len();
        (out, (!is_whole).then_some(within))
    }

    /// Of groups that count up along the last axis of a larger space, how many come before those of this one, and how many
    /// these are.
    fn stretch(&self, first: usize, len: usize, all: &Self) -> [usize; 2] {
        let (Some(own), Some(other)) = (self.ranges.last(), all.ranges.last()) else { return [0, len] };
        let at = other.start + first % other.len();
        let (start, end) = (own.start.max(at), own.end.min(at + len));
        match start < end && self.number(first + start - at, all).is_some() {
            true => [start - at, end - start],
            false => [len, 0],
        }
    }

    /// The number of a group of a larger space in this one, if it is there.
    fn number(&self, group: usize, all: &Self) -> Option<usize> {
        let mut number = 0;
        for (axis, range) in self.ranges.iter().enumerate() {
            let along = all.ranges[axis].start + group / all.strides[axis] % all.ranges[axis].len();
            number += range.contains(&along).then(|| (along - range.start) * self.strides[axis])?;
        }
        Some(number)
    }

    /// Adds the groups of the cells from dimension `dim` on, where those before lead to group `base`, and to `place` of the
    /// plane of keys that `dim` lies within.
    fn descend(&self, vector: &Region, dim: usize, (base, place): (usize, usize), out: &mut Vec<GroupRun>) {
        let Some(set) = vector.sets().get(dim) else { return push(out, 1, base, 0) };
        if self.last_dim.is_none_or(|last| last < dim) {
            return push(out, vector.sets()[dim..].iter().map(IndexSet::len).product(), base, 0);
        }
        let innermost = dim + 1 == vector.sets().len();
        let Some(axis) = self.keys.axes.iter().position(|axis| axis.lies_on(dim)) else {
            let bases = std::iter::repeat_n(base, set.len());
            return shifted(bases, out, |base, out| self.descend(vector, dim + 1, (base, place), out));
        };
        let (key, first, stride) = (&self.keys.axes[axis], self.ranges[axis].start, self.strides[axis]);
        let place_of = |at: usize| place + key.add(dim, at);
        if key.last_dim() > dim {
            return set.iter().for_each(|at| self.descend(vector, dim + 1, (base, place_of(at)), out));
        }
        let group_of = |at: usize| base + (key.group(place_of(at)) - first) * stride;
        if innermost && key.is_own(dim) {
            // The last key axis has stride 1, and selected positions are numbered without gaps.
            return push(out, set.len(), set.iter().next().map_or(base, group_of), 1);
        }
        match innermost {
            true => set.runs().iter().for_each(|run| {
                let (mut at, end) = (place_of(run.start), place_of(run.start) + run.len());
                while at < end {
                    let until = key.same_until(at).min(end);
                    push(out, until - at, base + (key.group(at) - first) * stride, 0);
                    at = until;
                }
            }),
            false => {
                shifted(set.iter().map(group_of), out, |base, out| self.descend(vector, dim + 1, (base, 0), out));
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

    /// For each key axis the groups of it.
    pub(super) fn ranges(&self) -> &[Range<usize>] {
        &self.ranges
    }

    /// The bytes that [`Self::spread`] takes.
    pub(super) fn spread_bytes(&self, axis: usize, into: &Targets) -> usize {
        let along = &self.ranges[axis];
        let pairs = into.pairs(along) * self.len() / along.len().max(1);
        pairs * 2 * size_of::<u32>()
    }

    /// For the groups of this space those of another that they count in, which has other groups along an axis: pairs of both
    /// numbers, in the order of this space.
    pub(super) fn spread(&self, axis: usize, into: &Targets, other: &Self) -> (Vec<u32>, Vec<u32>) {
        let (inner, len) = (self.strides[axis], self.ranges[axis].len());
        let (mut from, mut to) = (Vec::new(), Vec::new());
        for group in 0..self.len() {
            let (outside, along, inside) = (group / (inner * len), group / inner % len, group % inner);
            let base = outside * inner * other.ranges[axis].len() + inside;
            for number in into.of(self.ranges[axis].start + along) {
                from.push(group as u32);
                to.push((base + (*number as usize - other.ranges[axis].start) * inner) as u32);
            }
        }
        (from, to)
    }

    /// For some groups the numbers of their places among all combinations of groups along some dimensions, row-major.
    pub(super) fn places(&self, dims: &[usize], of: Range<usize>) -> Vec<u32> {
        let mut places = vec![0; of.len()];
        for (at, axis) in
            self.keys.axes.iter().enumerate().filter(|(_, axis)| dims.iter().any(|dim| axis.lies_on(*dim)))
        {
            let groups = axis.groups as u32;
            places
                .iter_mut()
                .zip(self.along(at, of.clone()))
                .for_each(|(place, number)| *place = *place * groups + number);
        }
        places
    }

    /// For some groups their numbers along one key axis.
    pub(super) fn along(&self, axis: usize, of: Range<usize>) -> impl Iterator<Item = u32> + '_ {
        let (range, stride) = (self.ranges[axis].clone(), self.strides[axis]);
        of.map(move |group| (range.start + group / stride % range.len()) as u32)
    }
}

/// Adds what `once` adds for each of some first groups. That of the second is the pattern of all others, which differ by where
/// they start only, unless it became a part of what was there.
fn shifted(mut bases: impl Iterator<Item = usize>, out: &mut Vec<GroupRun>, once: impl Fn(usize, &mut Vec<GroupRun>)) {
    let Some(base) = bases.next() else { return };
    once(base, out);
    let (start, before) = (out.len(), out.last().copied());
    let Some(base) = bases.next() else { return };
    once(base, out);
    if start == 0 || out.get(start - 1) != before.as_ref() {
        return bases.for_each(|base| once(base, out));
    }
    let pattern = start..out.len();
    for other in bases {
        let copied = out.len();
        out.extend_from_within(pattern.clone());
        out[copied..].iter_mut().for_each(|run| run.first = (run.first as usize + other - base) as u32);
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
    use super::*;
    use std::iter::once;

    fn numbers(space: &GroupSpace<'_>, vector: &Region) -> Vec<usize> {
        let (mut out, mut runs) = (Vec::new(), Runs::default());
        hyperslab_expr::Groups::Runs(space.runs(vector, &mut runs).groups()).for_each(|_, group| out.push(group));
        out
    }

    #[test]
    fn a_time_mean_is_one_run_a_slice() {
        let keys = KeyAxes::of(vec![KeyAxis::on_dim(1, &[0, 1, 2], true), KeyAxis::on_dim(2, &[0, 1], true)]);
        let space = GroupSpace::new(&keys, vec![0..3, 0..2]);
        let mut runs = Runs::default();
        assert_eq!(
            space.runs(&Region::all(&[2, 3, 2]), &mut runs).groups(),
            [GroupRun { len: 6, first: 0, step: 1 }; 2]
        );
        assert_eq!((space.len(), space.along(0, 0..6).collect::<Vec<_>>()), (6, vec![0, 0, 1, 1, 2, 2]));
    }

    #[test]
    fn runs_are_known_for_vectors_that_differ_along_folded_dimensions_only() {
        let keys = KeyAxes::of(vec![KeyAxis::on_dim(1, &[0, 1, 0, 2], false)]);
        let (space, mut runs) = (GroupSpace::new(&keys, once(0..3).collect()), Runs::default());
        let vector = |times: std::ops::Range<usize>, places: std::ops::Range<usize>| {
            Region::new(vec![IndexSet::range(times), IndexSet::range(places)])
        };
        for (times, places) in [(0..2, 0..2), (2..4, 0..2), (2..4, 1..3), (4..5, 1..3), (4..5, 2..4)] {
            let vector = vector(times, places);
            let found = space.runs(&vector, &mut runs).groups().to_vec();
            assert_eq!(found, space.runs(&vector, &mut Runs::default()).groups());
        }
    }

    #[test]
    fn some_of_the_groups_of_cells_are_found_as_all_are() {
        let on = |dim, group_of: &[u32], one_each| KeyAxis::on_dim(dim, group_of, one_each);
        let keys = KeyAxes::of(vec![on(0, &[0, 1, 1, 2], false), on(1, &[0, 1, 2], true), on(2, &[0, 1, 2, 3], true)]);
        let (all, vector) = (vec![0..3, 0..3, 0..4], Region::all(&[4, 3, 4]));
        let whole = GroupSpace::new(&keys, all.clone());
        let of_all = numbers(&whole, &vector);
        for part in [vec![1..2, 0..3, 0..4], vec![0..3, 1..3, 0..4], vec![2..3, 0..1, 1..3], vec![0..3, 2..3, 3..4]] {
            let space = GroupSpace::new(&keys, part).of_cells_with(all.clone());
            let numbers_in_all = space.numbers_in(&whole);
            let (found, mut runs) = (numbers(&space, &vector), Runs::default());
            let within = space.runs(&vector, &mut runs).within().cloned().expect("not all groups are there");
            for ((group, number), is_within) in of_all.iter().zip(found).zip(&within) {
                assert_eq!(is_within, numbers_in_all.contains(&(*group as u32)));
                assert!(!is_within || numbers_in_all[number] as usize == *group);
            }
        }
        assert!(!GroupSpace::new(&keys, all.clone()).of_cells_with(all).is_partial());
    }

    #[test]
    fn folding_everything_is_one_run() {
        let keys = KeyAxes::of(Vec::new());
        let space = GroupSpace::new(&keys, Vec::new());
        let mut runs = Runs::default();
        let found = space.runs(&Region::all(&[2, 3, 4]), &mut runs).groups();
        assert_eq!((found, space.len()), (&[GroupRun { len: 24, first: 0, step: 0 }][..], 1));
    }

    #[test]
    fn patterns_repeat_whether_or_not_their_ends_meet() {
        for group_of in [&[0, 1, 0][..], &[0, 0, 1], &[0, 0, 0], &[0]] {
            let keys = KeyAxes::of(vec![KeyAxis::on_dim(1, group_of, false)]);
            let space = GroupSpace::new(&keys, once(0..2).collect());
            let found = numbers(&space, &Region::all(&[5, group_of.len()]));
            assert_eq!(found, group_of.repeat(5).iter().map(|group| *group as usize).collect::<Vec<_>>());
        }
    }

    #[test]
    fn places_of_a_plane_are_those_of_its_axes() {
        let on = |dim| KeyAxis::on_dim(dim, &[0, 1, 2], true);
        let keys = KeyAxes::of(vec![KeyAxis::on_dim(0, &[0, 1], true), on(1), on(2)]);
        let space = GroupSpace::new(&keys, vec![1..2, 1..3, 0..2]);
        assert_eq!(space.places(&[1, 2], 0..4), [3, 4, 6, 7]);
    }

    #[test]
    fn groups_count_in_several_others() {
        // Two classes, the first of two rows and the second of none, between two other axes.
        let axes = |groups: &[u32]| {
            let on = |dim, group_of: &[u32]| KeyAxis::on_dim(dim, group_of, false);
            KeyAxes::of(vec![on(0, &[0, 1]), on(1, groups), on(2, &[0, 1])])
        };
        let (folded, given) = (axes(&[0, 1]), axes(&[0, 1, 2]));
        let (from, to) = (GroupSpace::new(&folded, vec![0..2; 3]), GroupSpace::new(&given, vec![0..2, 0..3, 0..2]));
        let into = Targets::new([vec![2, 0], vec![]].into_iter().map(Into::into));
        let pairs = (vec![0, 0, 1, 1, 4, 4, 5, 5], vec![4, 0, 5, 1, 10, 6, 11, 7]);
        assert_eq!(from.spread(1, &into, &to), pairs);
        assert_eq!(from.spread_bytes(1, &into), 64);
    }

    #[test]
    fn bins_repeat_and_ranges_are_numbered_from_their_start() {
        let keys = KeyAxes::of(vec![KeyAxis::on_dim(0, &[0, 1, 0], false), KeyAxis::on_dim(1, &[9, 0, 9, 1, 2], true)]);
        let space = GroupSpace::new(&keys, vec![0..2, 1..3]);
        let vector = Region::new(vec![IndexSet::all(3), IndexSet::range(3..5)]);
        assert_eq!(numbers(&space, &vector), [0, 1, 2, 3, 0, 1]);
        let unit = GroupSpace::new(&keys, vec![0..2, 0..3]);
        assert_eq!(space.numbers_in(&unit), [1, 2, 4, 5]);
    }
}
