//! From the classes that cells are folded by to the groups that are given out: a class counts for each of its rows.

use super::bins::{KeyAxes, Numbers};
use super::matches::Matches;
use super::program::Program;
use crate::error::{Error, Result};
use arrow::array::{Array, ArrayRef, AsArray, UInt32Array};
use arrow::compute::take;
use arrow::datatypes::UInt32Type;
use hyperslab_expr::{ColumnId, Expr};
use hyperslab_plan::Column;
use std::collections::HashMap;
use std::ops::Range;

/// The groups that are given out where cells are matched with rows.
pub(super) struct Spread {
    /// Which of the axes has the classes.
    pub(super) axis: usize,
    /// For each group of that axis those that it counts in.
    pub(super) into: Vec<Vec<u32>>,
    /// The keys of the groups that are given out.
    pub(super) keys: KeyAxes,
    /// For each group of that axis how many groups are given out for those before it: they are numbered by first appearance.
    before: Vec<u32>,
    /// For each group of that axis the least that it or one behind it counts in.
    least_from: Vec<u32>,
    /// Whether there are no keys: there is one group then, whatever is matched.
    pub(super) is_whole: bool,
}

impl Spread {
    /// Of the groups by class; nothing for cells that are not matched.
    pub(super) fn new(program: &Program, folded: &KeyAxes, keys: &[(Column, Expr)]) -> Result<Option<Self>> {
        let Some(matches) = &program.matches else { return Ok(None) };
        let axis = folded
            .axes
            .iter()
            .position(|axis| axis.has_key(matches.class))
            .ok_or_else(|| Error::internal("no axis has the classes"))?;
        let (of_class, others): (Vec<_>, Vec<_>) =
            folded.axes[axis].keys.iter().cloned().partition(|(id, _)| *id == matches.class);
        let mut given = Given::default();
        let into = given.number(matches, of_class[0].1.as_primitive::<UInt32Type>(), &others)?;
        let is_whole = keys.is_empty();
        let groups = given.tuples.len().max(usize::from(is_whole));
        let keys = folded.with_groups(axis, groups, given.keys(matches, &others, keys)?);
        let (before, least_from) = (given_before(&into), least_from(&into));
        Ok(Some(Self { axis, into, keys, before, least_from, is_whole }))
    }

    /// The ranges of the groups that are given out for ranges of classes.
    pub(super) fn ranges(&self, ranges: &[Range<usize>]) -> Vec<Range<usize>> {
        let mut out = ranges.to_vec();
        let classes = &ranges[self.axis];
        let before = |group: usize| self.before.get(group).map_or(self.keys.axes[self.axis].groups, |n| *n as usize);
        out[self.axis] = before(classes.start)..before(classes.end);
        out
    }

    /// Whether groups along an axis before a number count in none that those from there on count in.
    pub(super) fn may_cut(&self, axis: usize, group: usize) -> bool {
        axis != self.axis || self.least_from.get(group).is_none_or(|least| *least >= self.before[group])
    }
}

/// For each group how many are given out for those before it.
fn given_before(into: &[Vec<u32>]) -> Vec<u32> {
    let (mut next, mut before) = (0, Vec::with_capacity(into.len()));
    for numbers in into {
        before.push(next);
        next = numbers.iter().fold(next, |next, number| next.max(number + 1));
    }
    before
}

/// For each group the least that it or one behind it counts in.
fn least_from(into: &[Vec<u32>]) -> Vec<u32> {
    let mut least: Vec<u32> = into.iter().map(|numbers| numbers.iter().copied().min().unwrap_or(u32::MAX)).collect();
    for group in (1..least.len()).rev() {
        least[group - 1] = least[group - 1].min(least[group]);
    }
    least
}

/// For each group that is given out the keys of its rows, and a group of cells that counts in it.
#[derive(Default)]
struct Given {
    tuples: Vec<u32>,
    groups: Vec<u32>,
}

impl Given {
    /// For each group of cells, which has a class or is not matched, those that it counts in, numbered by first appearance.
    fn number(
        &mut self,
        matches: &Matches,
        classes: &UInt32Array,
        others: &[(ColumnId, ArrayRef)],
    ) -> Result<Vec<Vec<u32>>> {
        let mut other = Numbers::default();
        other.add(&others.iter().map(|(_, values)| values.clone()).collect::<Vec<_>>(), classes.len())?;
        let mut known = HashMap::new();
        let mut number = |tuple: u32, group: usize| {
            *known.entry((tuple, other.of()[group])).or_insert_with(|| {
                self.tuples.push(tuple);
                self.groups.push(group as u32);
                self.tuples.len() as u32 - 1
            })
        };
        let tuples = |group: usize| classes.is_valid(group).then(|| &matches.tuples[classes.value(group) as usize][..]);
        let groups = |group: usize| tuples(group).unwrap_or_default().iter().map(|t| number(*t, group)).collect();
        Ok((0..classes.len()).map(groups).collect())
    }

    /// The keys of the groups: of rows by the names that they are given out by, and of cells.
    fn keys(
        self,
        matches: &Matches,
        others: &[(ColumnId, ArrayRef)],
        keys: &[(Column, Expr)],
    ) -> Result<Vec<(ColumnId, ArrayRef)>> {
        let (tuples, groups) = (UInt32Array::from(self.tuples), UInt32Array::from(self.groups));
        let mut out = Vec::new();
        for (column, key) in keys {
            let of_rows = matches.keys.iter().find(|(id, _)| matches!(key, Expr::Column(read, _) if read == id));
            if let Some((_, values)) = of_rows {
                out.push((column.id, take(values, &tuples, None)?));
            }
        }
        for (id, values) in others {
            out.push((*id, take(values, &groups, None)?));
        }
        Ok(out)
    }
}
