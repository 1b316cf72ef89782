//! What is given out: the rows of finished groups, and of what cells gave by class the groups of the rows that they are matched
//! with.

use super::units::Finished;
use super::{Dense, GROUPS, State, held};
use crate::error::Result;
use crate::grid::bins::{KeyAxes, KeyAxis};
use crate::grid::groups::GroupSpace;
use crate::grid::spread::Spread;
use crate::rows::BATCH_ROWS;
use crate::rows::spill::kept::Kept;
use crate::source::{Batch, copied, rows_of_batch};
use arrow::array::{ArrayRef, BooleanArray, UInt32Array};
use arrow::compute::{filter, take};
use hyperslab_expr::{ColumnId, Groups};
use std::ops::Range;

/// The rows of so many groups are made at a time.
const GIVEN_AT_ONCE: usize = 16 * BATCH_ROWS;

impl<'a> Dense<'a> {
    /// What classes of cells gave, in the groups of all of their rows.
    pub(super) fn spread_out(&'a self, mut state: State<'a>, spread: &'a Spread) -> Result<State<'a>> {
        let mut out = self.state_over(0, self.given_space(state.space.ranges().to_vec()))?;
        let _numbers = self.context.memory().reserve(state.space.spread_bytes(spread.axis, &spread.into), GROUPS)?;
        let (from, to) = state.space.spread(spread.axis, &spread.into, &out.space);
        for (from, to) in from.iter().zip(&to) {
            out.seen[*to as usize] |= state.seen[*from as usize];
        }
        if spread.is_whole {
            out.seen.fill(true);
        }
        let from = UInt32Array::from(from);
        for ((call, own), into) in self.calls.iter().zip(&mut state.accumulators).zip(&mut out.accumulators) {
            self.warn_of_nan(call, own.as_ref());
            let parts = own.state()?.iter().map(|part| Ok(take(part, &from, None)?)).collect::<Result<Vec<_>>>()?;
            into.merge(&Groups::Each(&to), &parts).map_err(|error| error.or_at(call.call.at))?;
        }
        out.memory.resize(out.own + held(&out.accumulators))?;
        Ok(out)
    }

    /// The groups that are given out of some groups that cells are folded by.
    pub(super) fn given_space(&self, ranges: Vec<Range<usize>>) -> GroupSpace<'_> {
        match &self.spread {
            Some(spread) => GroupSpace::new(&spread.keys, spread.ranges(&ranges)),
            None => GroupSpace::new(&self.keys, ranges),
        }
    }

    /// The keys of the groups that are given out.
    fn given_keys(&self) -> &KeyAxes {
        self.spread.as_ref().map_or(&self.keys, |spread| &spread.keys)
    }

    /// Keeps the rows of a finished unit, which may begin a partition: its groups that are present, in order, some at a time.
    pub(super) fn give_out(
        &self,
        unit: Finished<'_>,
        begins: bool,
        columns: &[ColumnId],
        kept: &mut Kept,
    ) -> Result<()> {
        let keys = self.given_keys();
        let columns_of_keys = keys.axes.iter().map(KeyAxis::key_count).sum::<usize>()
            + self.spread.as_ref().map_or(0, |spread| spread.key_count(&self.keys))
            + keys.planes.iter().map(|plane| plane.keys.len()).sum::<usize>()
            + keys.constants.len();
        let width = size_of::<u32>() + (columns_of_keys + 2 * self.calls.len()) * size_of::<u64>();
        let groups = unit.space.len();
        let _making = self.context.memory().reserve(groups.min(GIVEN_AT_ONCE) * width, GROUPS)?;
        if begins {
            kept.begin()?;
        }
        let mut start = 0;
        while start < groups.max(1) {
            let end = start + rows_of_batch(&unit.results, start, (groups - start).min(GIVEN_AT_ONCE)).max(1);
            kept.push(self.rows_of(&unit, start..end.min(groups), columns)?)?;
            start = end;
        }
        Ok(())
    }

    /// The rows of some groups of a unit.
    fn rows_of(&self, unit: &Finished<'_>, groups: Range<usize>, columns: &[ColumnId]) -> Result<Batch> {
        let given = self.given_keys();
        let present = self.watch_presence.then(|| BooleanArray::from(unit.seen[groups.clone()].to_vec()));
        let keep = |array: ArrayRef| -> Result<ArrayRef> {
            Ok(match &present {
                Some(present) => filter(&array, present)?,
                None => array,
            })
        };
        let mut out: Vec<(ColumnId, ArrayRef)> = Vec::new();
        for (call, values) in self.calls.iter().zip(&unit.results) {
            let own = values.slice(groups.start, groups.len());
            let is_part = present.is_none() && groups.len() < unit.space.len();
            out.push((call.id, if is_part { copied(&own)? } else { keep(own)? }));
        }
        let rows = present.as_ref().map_or(groups.len(), BooleanArray::true_count);
        for (at, axis) in given.axes.iter().enumerate() {
            let numbers = unit.space.along(at, groups.clone()).collect::<Vec<_>>().into();
            let keys = match &self.spread {
                Some(spread) if spread.axis == at => spread.keys_of(&numbers, &self.keys)?,
                _ => axis.keys_of(&numbers)?,
            };
            for (id, values) in keys {
                out.push((id, keep(values)?));
            }
        }
        for plane in &given.planes {
            let numbers = UInt32Array::from(unit.space.places(&plane.dims, groups.clone()));
            for (id, values) in &plane.keys {
                out.push((*id, keep(take(values, &numbers, None)?)?));
            }
        }
        for (id, value) in &given.constants {
            out.push((*id, take(value, &UInt32Array::from_value(0, rows), None)?));
        }
        let find = |id: &ColumnId| out.iter().find(|(own, _)| own == id).map(|(_, values)| values.clone());
        let columns = columns.iter().map(|id| find(id).expect("the bridge hands out columns of its grid")).collect();
        Ok(Batch { columns, rows })
    }
}
