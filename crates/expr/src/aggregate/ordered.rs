//! `ORDER BY` in the call of an aggregate: gives the rows of each group to another accumulator in that order; equal ones as
//! they came.
//!
//! The last arguments of such a call are what its rows are ordered by.

use super::gathered::{ByGroup, Gathered};
use super::keys::normal;
use super::rows::Mask;
use crate::expr::RowOrder;
use crate::{Accumulator, Groups, Result, SqlType};
use arrow::array::{ArrayRef, UInt32Array};
use arrow::buffer::BooleanBuffer;
use arrow::compute::{SortOptions, take};
use arrow::row::{RowConverter, SortField};

/// The rows of all groups, and who folds them.
struct Ordered {
    gathered: Gathered,
    types: Vec<SqlType>,
    order: Vec<RowOrder>,
    inner: Box<dyn Accumulator>,
}

/// An accumulator over rows of these types in the order of their last columns.
pub(super) fn ordered(types: &[SqlType], order: &[RowOrder], inner: Box<dyn Accumulator>) -> Box<dyn Accumulator> {
    Box::new(Ordered { gathered: Gathered::new(types), types: types.to_vec(), order: order.to_vec(), inner })
}

impl Ordered {
    /// The places of rows, in the order of their groups and within a group as the call says.
    fn places(&self, rows: &ByGroup) -> Result<UInt32Array> {
        let first = self.types.len() - self.order.len();
        let field = |(ty, order): (&SqlType, &RowOrder)| {
            let options = SortOptions { descending: order.descending, nulls_first: order.nulls_first };
            SortField::new_with_options(ty.to_arrow(), options)
        };
        let fields = self.types[first..].iter().zip(&self.order).map(field).collect();
        let keys = rows.columns[first..].iter().zip(&self.types[first..]).map(|(key, ty)| normal(key, ty));
        let keys = RowConverter::new(fields)?.convert_columns(&keys.collect::<Result<Vec<_>>>()?)?;
        let mut places: Vec<u32> = (0..rows.columns[0].len() as u32).collect();
        let mut rest = &mut places[..];
        for size in &rows.sizes {
            let (group, others) = rest.split_at_mut(*size);
            group.sort_by(|a, b| keys.row(*a as usize).cmp(&keys.row(*b as usize)));
            rest = others;
        }
        Ok(places.into())
    }
}

impl Accumulator for Ordered {
    fn resize(&mut self, groups: usize) {
        self.gathered.resize(groups);
    }

    fn update(&mut self, groups: &Groups<'_>, args: &[ArrayRef], present: Option<&BooleanBuffer>) -> Result<()> {
        self.gathered.add(groups, args, Mask::of(&[], present).as_ref())
    }

    fn state(&mut self) -> Result<Vec<ArrayRef>> {
        self.gathered.state()
    }

    fn merge(&mut self, groups: &Groups<'_>, state: &[ArrayRef]) -> Result<()> {
        self.gathered.merge(groups, state)
    }

    fn finish(&mut self) -> Result<ArrayRef> {
        let rows = self.gathered.take()?;
        let places = self.places(&rows)?;
        let args = &rows.columns[..self.types.len() - self.order.len()];
        let args = args.iter().map(|arg| take(arg, &places, None)).collect::<Result<Vec<_>, _>>()?;
        let sizes = rows.sizes.iter().enumerate();
        let each: Vec<u32> = sizes.flat_map(|(group, size)| std::iter::repeat_n(group as u32, *size)).collect();
        self.inner.resize(rows.sizes.len());
        self.inner.update(&Groups::Each(&each), &args, None)?;
        self.inner.finish()
    }

    fn memory(&self) -> usize {
        self.gathered.memory() + self.inner.memory()
    }

    fn met_nan(&self) -> bool {
        self.inner.met_nan()
    }
}
