//! `longest_run` and `run_count`: rows one after another for which a condition is true.
//!
//! Rows are taken in their order, that of the grid's cells: with time last among the dimensions that are folded, a run is a
//! spell. A NULL ends a run, as false does; a row that a WHERE or a FILTER left out is not there, and what stood around it
//! is next to each other. No row, or none that is true, is 0.

use super::native::{counts, held, values};
use super::rows::{Fold, Mask, fold};
use super::types::{self, Bound};
use super::{Accumulating, AggregateFunction};
use crate::{Accumulator, Error, Groups, Result, Scalar, SqlType};
use arrow::array::{Array, ArrayRef, AsArray};
use arrow::buffer::BooleanBuffer;

/// `longest_run(condition)`
pub(super) const LONGEST_RUN: AggregateFunction = AggregateFunction {
    names: &["longest_run"],
    signature: "longest_run(BOOLEAN)",
    doc: "The length of the longest run of rows, in their order, for which a condition is true; NULL ends a run.",
    parameters: 0..0,
    keeps_units: false,
    bind: types::condition_to_count,
    create: |_, _| Ok(boxed(1, |runs, _| runs.longest)),
};

/// `run_count(condition, n)`
pub(super) const RUN_COUNT: AggregateFunction = AggregateFunction {
    names: &["run_count"],
    signature: "run_count(BOOLEAN, n)",
    doc: "The number of runs of at least n rows, in their order, for which a condition is true; NULL ends a run.",
    parameters: 1..2,
    keeps_units: false,
    bind: bind_count,
    create: |_, parameters| Ok(boxed(least(parameters)?, Runs::count)),
};

fn bind_count(args: &[SqlType], parameters: &[Scalar]) -> Bound {
    if parameters.len() != 1 {
        return Ok(None);
    }
    least(parameters)?;
    types::condition_to_count(args, &[])
}

/// The least length of a run that counts.
fn least(parameters: &[Scalar]) -> Result<i64> {
    match parameters {
        [Scalar::Integer(n, _)] if *n > 0 => i64::try_from(*n).map_err(|_| bad_length()),
        _ => Err(bad_length()),
    }
}

fn bad_length() -> Error {
    Error::new("the least length of a run is a whole number from 1 on").with_hint("write run_count(t > 25, 3)")
}

fn boxed(least: i64, outcome: fn(&Runs, i64) -> i64) -> Accumulating {
    Box::new(RunLengths { least, outcome, groups: Vec::new() })
}

/// The runs of some rows that follow one another, known well enough to put rows before and behind them.
#[derive(Clone, Copy, Default)]
struct Runs {
    /// How many rows.
    rows: i64,
    /// The run at the start: all rows if all are true.
    prefix: i64,
    /// The run at the end: all rows if all are true.
    suffix: i64,
    longest: i64,
    /// How many runs are long enough, without those at the start and at the end.
    inner: i64,
}

impl Runs {
    fn all_true(&self) -> bool {
        self.prefix == self.rows
    }

    #[inline(always)]
    fn push(&mut self, holds: bool, least: i64) {
        if holds {
            self.prefix += i64::from(self.all_true());
            self.suffix += 1;
            self.longest = self.longest.max(self.suffix);
        } else {
            self.inner += i64::from(self.suffix >= least && !self.all_true());
            self.suffix = 0;
        }
        self.rows += 1;
    }

    /// Adds the rows that follow.
    fn merge(&mut self, later: &Self, least: i64) {
        let joined = self.suffix + later.prefix;
        let is_inner = !self.all_true() && !later.all_true();
        self.inner += later.inner + i64::from(is_inner && joined >= least);
        self.longest = self.longest.max(later.longest).max(joined);
        self.prefix = if self.all_true() { joined } else { self.prefix };
        self.suffix = if later.all_true() { joined } else { later.suffix };
        self.rows += later.rows;
    }

    /// How many runs are long enough.
    fn count(&self, least: i64) -> i64 {
        let at_end = self.suffix >= least && !self.all_true();
        self.inner + i64::from(self.prefix >= least) + i64::from(at_end)
    }

    fn parts(&self) -> [i64; 5] {
        [self.rows, self.prefix, self.suffix, self.longest, self.inner]
    }
}

/// The runs of all groups.
struct RunLengths {
    least: i64,
    outcome: fn(&Runs, i64) -> i64,
    groups: Vec<Runs>,
}

struct AddRows<'a> {
    holds: &'a BooleanBuffer,
    least: i64,
    groups: &'a mut [Runs],
}

impl Fold for AddRows<'_> {
    #[inline(always)]
    fn one(&mut self, group: usize, row: usize) {
        self.groups[group].push(self.holds.value(row), self.least);
    }
}

impl Accumulator for RunLengths {
    fn resize(&mut self, groups: usize) {
        self.groups.resize(groups.max(self.groups.len()), Runs::default());
    }

    fn bytes_a_group(&self) -> usize {
        size_of::<Runs>()
    }

    fn update(&mut self, groups: &Groups<'_>, args: &[ArrayRef], present: Option<&BooleanBuffer>) -> Result<()> {
        let condition = args[0].as_boolean();
        let holds =
            condition.nulls().map_or_else(|| condition.values().clone(), |valid| condition.values() & valid.inner());
        let mask = Mask::of(&[], present);
        fold(groups, mask.as_ref(), &mut AddRows { holds: &holds, least: self.least, groups: &mut self.groups });
        Ok(())
    }

    fn state(&mut self) -> Result<Vec<ArrayRef>> {
        let groups = std::mem::take(&mut self.groups);
        let part = |part: usize| counts(groups.iter().map(|runs| runs.parts()[part]).collect());
        Ok((0..5).map(part).collect())
    }

    fn merge(&mut self, groups: &Groups<'_>, state: &[ArrayRef]) -> Result<()> {
        let parts = [0, 1, 2, 3, 4].map(|part| values::<i64>(&state[part]));
        groups.for_each(|at, group| {
            let [rows, prefix, suffix, longest, inner] = [0, 1, 2, 3, 4].map(|part: usize| parts[part][at]);
            self.groups[group].merge(&Runs { rows, prefix, suffix, longest, inner }, self.least);
        });
        Ok(())
    }

    fn finish(&mut self) -> Result<ArrayRef> {
        let groups = std::mem::take(&mut self.groups);
        Ok(counts(groups.iter().map(|runs| (self.outcome)(runs, self.least)).collect()))
    }

    fn memory(&self) -> usize {
        held(&self.groups)
    }
}
