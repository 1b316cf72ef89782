//! From the classes that cells are folded by to the groups that are given out: a class counts for each of its rows.

use super::bins::{KeyAxes, KeyAxis, Numbers};
use super::matches::Matches;
use super::program::Program;
use crate::context::Context;
use crate::error::{Error, Result};
use crate::memory::Reservation;
use arrow::array::{Array, ArrayRef, AsArray, UInt32Array};
use arrow::compute::take;
use hyperslab_expr::{ColumnId, Expr};
use hyperslab_plan::Column;
use std::borrow::Cow;
use std::collections::HashMap;
use std::ops::Range;

/// What memory is reserved for.
const WHAT: &str = "the groups of rows that cells are matched with";

/// The groups that are given out where cells are matched with rows.
pub(super) struct Spread {
    /// Which of the axes has the classes.
    pub(super) axis: usize,
    /// For each group of that axis those that it counts in.
    pub(super) into: Targets,
    /// The keys of the groups that are given out, but for those of that axis.
    pub(super) keys: KeyAxes,
    /// For each group of that axis that is given out the number of the tuple of keys of its rows, and a group of cells that
    /// counts in it.
    given: (UInt32Array, UInt32Array),
    /// The keys of rows by the names that they are given out by: one value a tuple.
    of_rows: Vec<(ColumnId, ArrayRef)>,
    /// Whether there are no keys: there is one group then, whatever is matched.
    pub(super) is_whole: bool,
    class: ColumnId,
    _memory: Reservation,
}

impl Spread {
    /// Of the groups by class; nothing for cells that are not matched.
    pub(super) fn new(
        program: &Program,
        folded: &KeyAxes,
        keys: &[(Column, Expr)],
        context: &Context,
    ) -> Result<Option<Self>> {
        let Some(matches) = &program.matches else { return Ok(None) };
        let axis = folded
            .axes
            .iter()
            .position(|axis| axis.has_key(matches.class))
            .ok_or_else(|| Error::internal("no axis has the classes"))?;
        let mut memory = context.memory().reserve(0, WHAT)?;
        let mut given = Given::default();
        let into = given.number(matches, &folded.axes[axis], &mut memory)?;
        let is_whole = keys.is_empty();
        let keys_of_rows = keys.iter().filter_map(|(column, key)| {
            let read = |(id, _): &&(ColumnId, ArrayRef)| matches!(key, Expr::Column(read, _) if read == id);
            matches.keys.iter().find(read).map(|(_, values)| (column.id, values.clone()))
        });
        let of_rows = keys_of_rows.collect();
        let keys = folded.with_groups(axis, given.tuples.len().max(usize::from(is_whole)));
        let given = (given.tuples.into(), given.groups.into());
        Ok(Some(Self { axis, into, keys, given, of_rows, is_whole, class: matches.class, _memory: memory }))
    }

    /// The ranges of the groups that are given out for ranges of classes.
    pub(super) fn ranges(&self, ranges: &[Range<usize>]) -> Vec<Range<usize>> {
        let mut out = ranges.to_vec();
        let all = self.keys.axes[self.axis].groups;
        let before = |group: usize| self.into.before(group).unwrap_or(all);
        // Without keys there is a group that nothing counts in.
        let start = if ranges[self.axis].start == 0 { 0 } else { before(ranges[self.axis].start) };
        out[self.axis] = start..before(ranges[self.axis].end);
        out
    }

    /// Whether groups along an axis before a number count in none that those from there on count in.
    pub(super) fn may_cut(&self, axis: usize, group: usize) -> bool {
        axis != self.axis || self.into.may_cut(group)
    }

    /// The keys of some groups that are given out, along the axis of the classes; `folded` has those of cells.
    pub(super) fn keys_of(&self, groups: &UInt32Array, folded: &KeyAxes) -> Result<Vec<(ColumnId, ArrayRef)>> {
        if self.is_whole {
            return Ok(Vec::new());
        }
        let of = |values: &UInt32Array| Ok::<_, Error>(take(values, groups, None)?.as_primitive().clone());
        let (tuples, of_cells) = (of(&self.given.0)?, of(&self.given.1)?);
        let mut out = folded.axes[self.axis].keys_of(&of_cells)?;
        out.retain(|(id, _)| *id != self.class);
        for (id, values) in &self.of_rows {
            out.push((*id, take(values, &tuples, None)?));
        }
        Ok(out)
    }

    /// How many keys lie on the axis of the classes.
    pub(super) fn key_count(&self, folded: &KeyAxes) -> usize {
        self.of_rows.len() + folded.axes[self.axis].key_count()
    }
}

/// For each group of cells along an axis the numbers of the groups that it counts in. These are numbered by first appearance.
#[derive(Default)]
pub(super) struct Targets {
    starts: Vec<u32>,
    numbers: Vec<u32>,
    /// Whether none behind a group or itself counts in one of those before it.
    may_cut: Vec<bool>,
}

impl Targets {
    /// Of groups in order.
    pub(super) fn new<'t>(of_groups: impl Iterator<Item = Cow<'t, [u32]>>) -> Self {
        let (mut targets, mut next, mut before) = (Self::default(), 0, Vec::new());
        for numbers in of_groups {
            targets.starts.push(targets.numbers.len() as u32);
            before.push(next);
            next = numbers.iter().fold(next, |next, number| next.max(number + 1));
            targets.numbers.extend_from_slice(&numbers);
        }
        let mut least = u32::MAX;
        targets.may_cut = vec![false; before.len()];
        for (group, before) in before.into_iter().enumerate().rev() {
            least = targets.of(group).iter().fold(least, |least, number| least.min(*number));
            targets.may_cut[group] = least >= before;
        }
        targets
    }

    /// How many groups are given out for those before one that may be cut from them, if any follows: the next is new.
    fn before(&self, group: usize) -> Option<usize> {
        self.numbers.get(self.start(group)).map(|number| *number as usize)
    }

    /// Those of a group.
    pub(super) fn of(&self, group: usize) -> &[u32] {
        &self.numbers[self.start(group)..self.start(group + 1)]
    }

    /// How many those of some groups are.
    pub(super) fn pairs(&self, groups: &Range<usize>) -> usize {
        self.start(groups.end) - self.start(groups.start)
    }

    fn start(&self, group: usize) -> usize {
        self.starts.get(group).map_or(self.numbers.len(), |start| *start as usize)
    }

    fn may_cut(&self, group: usize) -> bool {
        self.may_cut.get(group).copied().unwrap_or(true)
    }
}

/// For each group that is given out the keys of its rows, and a group of cells that counts in it.
#[derive(Default)]
struct Given {
    tuples: Vec<u32>,
    groups: Vec<u32>,
}

/// What a group of cells takes, and each group that it counts in, while these are numbered.
const GROUP_BYTES: usize = size_of::<u32>() + 1;
const PAIR_BYTES: usize = 3 * size_of::<u32>();
/// What is held besides where groups of different cells may be the same.
const KNOWN_BYTES: usize = 4 * size_of::<(u32, u32, u32)>();

impl Given {
    /// For each group of cells, which has a class or is not matched, those that it counts in, numbered by first appearance.
    fn number(&mut self, matches: &Matches, axis: &KeyAxis, memory: &mut Reservation) -> Result<Targets> {
        let class = axis.keys.iter().find(|(id, _)| *id == matches.class);
        let (_, classes) = class.ok_or_else(|| Error::internal("no key has the classes"))?;
        let classes: &UInt32Array = classes.as_primitive();
        let tuples = |group: usize| match classes.is_valid(group) {
            true => &matches.tuples[classes.value(group) as usize][..],
            false => &[],
        };
        let pairs: usize = (0..classes.len()).map(|group| tuples(group).len()).sum();
        memory.grow(classes.len() * GROUP_BYTES + pairs * PAIR_BYTES)?;
        if axis.has_labels() {
            return Ok(self.number_each(classes.len(), tuples));
        }
        let _known = memory.beside(classes.len() * KNOWN_BYTES)?;
        let others: Vec<ArrayRef> =
            axis.keys.iter().filter(|(id, _)| *id != matches.class).map(|(_, values)| values.clone()).collect();
        let mut other = Numbers::default();
        other.add(&others, classes.len())?;
        let mut known = HashMap::new();
        let mut number = |tuple: u32, group: usize| {
            *known.entry((tuple, other.of()[group])).or_insert_with(|| {
                self.tuples.push(tuple);
                self.groups.push(group as u32);
                self.tuples.len() as u32 - 1
            })
        };
        Ok(Targets::new((0..classes.len()).map(|group| tuples(group).iter().map(|t| number(*t, group)).collect())))
    }

    /// The same where groups of cells that are not the same count in different ones.
    fn number_each<'t>(&mut self, groups: usize, tuples: impl Fn(usize) -> &'t [u32]) -> Targets {
        let mut own = HashMap::new();
        let numbers = |group: usize| {
            own.clear();
            let number = |tuple: &u32| {
                *own.entry(*tuple).or_insert_with(|| {
                    self.tuples.push(*tuple);
                    self.groups.push(group as u32);
                    self.tuples.len() as u32 - 1
                })
            };
            tuples(group).iter().map(number).collect()
        };
        Targets::new((0..groups).map(numbers))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_are_cut_where_none_counts_on_both_sides() {
        let of_groups = [vec![0, 1], vec![], vec![2, 2], vec![3], vec![2, 4], vec![5], vec![]];
        let targets = Targets::new(of_groups.iter().map(|of| Cow::Borrowed(&of[..])));
        let cuts: Vec<usize> = (0..=7).filter(|group| targets.may_cut(*group)).collect();
        assert_eq!(cuts, [0, 1, 2, 5, 6, 7]);
        assert_eq!(
            cuts.iter().map(|group| targets.before(*group)).collect::<Vec<_>>(),
            [Some(0), Some(2), Some(2), Some(5), None, None]
        );
        assert_eq!((targets.of(4), targets.pairs(&(1..4))), (&[2, 4][..], 3));
    }
}
