//! `count(*)`, `count(x)`, `count_if` and `regr_count`: how many rows count.

use super::native::{booleans, counts, held, values};
use super::rows::{Fold, Mask, fold};
use crate::{Accumulator, Groups, Result};
use arrow::array::{ArrayRef, AsArray};
use arrow::buffer::BooleanBuffer;
use std::ops::Range;

/// Counts rows without a NULL among the arguments and, with `only_true`, whose argument is true.
#[derive(Default)]
pub(super) struct Count {
    rows: Vec<i64>,
    only_true: bool,
}

impl Count {
    /// Counts rows whose one argument, a BOOLEAN, is true.
    pub(super) fn only_true() -> Self {
        Self { rows: Vec::new(), only_true: true }
    }
}

struct CountRows<'a>(&'a mut [i64]);

impl Fold for CountRows<'_> {
    #[inline(always)]
    fn one(&mut self, group: usize, _: usize) {
        self.0[group] += 1;
    }

    #[inline(always)]
    fn same(&mut self, group: usize, rows: Range<usize>) {
        self.0[group] += rows.len() as i64;
    }

    #[inline(always)]
    fn next(&mut self, first: usize, rows: Range<usize>) {
        self.0[first..first + rows.len()].iter_mut().for_each(|count| *count += 1);
    }
}

impl Accumulator for Count {
    fn resize(&mut self, groups: usize) {
        self.rows.resize(groups.max(self.rows.len()), 0);
    }

    fn update(&mut self, groups: &Groups<'_>, args: &[ArrayRef], present: Option<&BooleanBuffer>) -> Result<()> {
        let mut mask = Mask::of(args, present);
        if self.only_true {
            let truth = args[0].as_boolean().values();
            match &mut mask {
                Some(mask) => mask.narrow(truth),
                None => mask = Some(Mask::new(truth)),
            }
        }
        fold(groups, mask.as_ref(), &mut CountRows(&mut self.rows));
        Ok(())
    }

    fn state(&mut self) -> Result<Vec<ArrayRef>> {
        Ok(vec![counts(std::mem::take(&mut self.rows))])
    }

    fn merge(&mut self, groups: &Groups<'_>, state: &[ArrayRef]) -> Result<()> {
        let more = values::<i64>(&state[0]);
        groups.for_each(|at, group| self.rows[group] += more[at]);
        Ok(())
    }

    fn finish(&mut self) -> Result<ArrayRef> {
        Ok(counts(std::mem::take(&mut self.rows)))
    }

    fn memory(&self) -> usize {
        held(&self.rows)
    }
}

/// `bool_and` and `bool_or`: whether a row is met that decides the outcome, false or true.
pub(super) struct Decided {
    deciding: bool,
    seen: Vec<bool>,
    decided: Vec<bool>,
}

impl Decided {
    /// The outcome is `deciding` as soon as one row is.
    pub(super) fn by(deciding: bool) -> Self {
        Self { deciding, seen: Vec::new(), decided: Vec::new() }
    }
}

/// Notes that a group was met.
pub(super) struct Seen<'a>(pub(super) &'a mut [bool]);

impl Fold for Seen<'_> {
    #[inline(always)]
    fn one(&mut self, group: usize, _: usize) {
        self.0[group] = true;
    }

    #[inline(always)]
    fn same(&mut self, group: usize, _: Range<usize>) {
        self.0[group] = true;
    }

    #[inline(always)]
    fn next(&mut self, first: usize, rows: Range<usize>) {
        self.0[first..first + rows.len()].fill(true);
    }
}

impl Accumulator for Decided {
    fn resize(&mut self, groups: usize) {
        let groups = groups.max(self.seen.len());
        self.seen.resize(groups, false);
        self.decided.resize(groups, false);
    }

    fn update(&mut self, groups: &Groups<'_>, args: &[ArrayRef], present: Option<&BooleanBuffer>) -> Result<()> {
        let truth = args[0].as_boolean().values();
        let deciding = if self.deciding { truth.clone() } else { !truth };
        let mask = Mask::of(args, present);
        fold(groups, mask.as_ref(), &mut Seen(&mut self.seen));
        let mut decided = mask.unwrap_or_else(|| Mask::new(&deciding));
        decided.narrow(&deciding);
        fold(groups, Some(&decided), &mut Seen(&mut self.decided));
        Ok(())
    }

    fn state(&mut self) -> Result<Vec<ArrayRef>> {
        Ok(vec![self.finish()?])
    }

    fn merge(&mut self, groups: &Groups<'_>, state: &[ArrayRef]) -> Result<()> {
        self.update(groups, state, None)
    }

    fn finish(&mut self) -> Result<ArrayRef> {
        let outcome: Vec<bool> = self.decided.iter().map(|decided| *decided == self.deciding).collect();
        let out = booleans(&outcome, &self.seen);
        self.decided.clear();
        self.seen.clear();
        Ok(out)
    }

    fn memory(&self) -> usize {
        held(&self.seen) + held(&self.decided)
    }
}
