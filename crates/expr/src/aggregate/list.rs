//! `list`: the values of each group, NULL included, in the order of the rows.

use super::AggregateFunction;
use super::gathered::{ByGroup, Gathered};
use super::rows::Mask;
use super::types::{self, Bound};
use crate::{Accumulator, Error, Groups, Result, SqlType};
use arrow::array::{ArrayRef, ListArray};
use arrow::buffer::{BooleanBuffer, NullBuffer, OffsetBuffer};
use std::sync::Arc;

/// `list(x)`
pub(super) const LIST: AggregateFunction = AggregateFunction {
    names: &["list", "array_agg"],
    signature: "list(any)",
    doc: "All values in the order of the rows, NULL included; NULL if there is no row.",
    parameters: 0..0,
    keeps_units: false,
    bind: |args, parameters| listed(types::same(args, parameters)),
    create: |types, _| Ok(Box::new(List { item: types.args[0].clone(), gathered: Gathered::new(&types.args) })),
};

/// A list of what was bound.
pub(super) fn listed(bound: Bound) -> Bound {
    Ok(bound?.map(|types| types::Types { result: SqlType::List(Box::new(types.result)), ..types }))
}

/// One list a group, NULL where there is nothing to list. `items` of a type lie in group order, `sizes` of them in each group.
pub(super) fn list_array(item: &SqlType, items: ArrayRef, sizes: &[usize]) -> Result<ArrayRef> {
    if i32::try_from(items.len()).is_err() {
        let error = Error::new(format!("the lists of all groups have {} items, more than a result holds", items.len()));
        return Err(error.with_hint("list fewer rows, or count them: histogram_1d(x, [edge, ..])"));
    }
    let field = Arc::new(item.to_field("item"));
    let offsets = OffsetBuffer::from_lengths(sizes.iter().copied());
    let nulls: NullBuffer = sizes.iter().map(|size| *size > 0).collect();
    Ok(Arc::new(ListArray::try_new(field, offsets, items, Some(nulls))?))
}

/// The values of all groups.
struct List {
    item: SqlType,
    gathered: Gathered,
}

impl Accumulator for List {
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
        let ByGroup { mut columns, sizes } = self.gathered.take()?;
        list_array(&self.item, columns.swap_remove(0), &sizes)
    }

    fn memory(&self) -> usize {
        self.gathered.memory()
    }
}
