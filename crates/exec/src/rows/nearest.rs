//! The inequality of an ASOF join: of rows held in memory the one with the nearest value on one side of another value.

use super::evaluate::evaluate;
use super::stored::Place;
use crate::error::Result;
use crate::source::{Batch, SourceColumn};
use arrow::array::{Array, ArrayRef};
use arrow::buffer::NullBuffer;
use arrow::row::{Row, RowConverter, Rows, SortField};
use hyperslab_expr::key_form::{key_form, key_type};
use hyperslab_plan::{AsOf, AsOfSide};

/// Values in a form that compares as they do; NULLs are told apart.
pub(crate) struct Values {
    forms: Rows,
    nulls: Option<NullBuffer>,
}

impl Values {
    /// The value of a row, if it is not NULL.
    pub(crate) fn get(&self, row: usize) -> Option<Row<'_>> {
        let is_valid = self.nulls.as_ref().is_none_or(|nulls| nulls.is_valid(row));
        is_valid.then(|| self.forms.row(row))
    }
}

/// The values of the right side, and what is asked of them.
pub(crate) struct Nearest {
    condition: AsOf,
    converter: RowConverter,
    /// For each batch.
    values: Vec<Values>,
}

impl Nearest {
    /// The values of batches of the right side.
    pub(crate) fn new(condition: &AsOf, columns: &[SourceColumn], batches: &[Batch]) -> Result<Self> {
        let field = SortField::new(key_type(&condition.right.sql_type().to_arrow())?);
        let (condition, converter) = (condition.clone(), RowConverter::new(vec![field])?);
        let value = |batch: &Batch| values(&converter, evaluate(&condition.right, columns, batch)?);
        let values = batches.iter().map(value).collect::<Result<_>>()?;
        Ok(Self { condition, converter, values })
    }

    /// The bytes it holds.
    pub(crate) fn memory(&self) -> usize {
        self.values.iter().map(|values| values.forms.size()).sum()
    }

    /// The values of a batch of the left side.
    pub(crate) fn of_left(&self, columns: &[SourceColumn], batch: &Batch) -> Result<Values> {
        values(&self.converter, evaluate(&self.condition.left, columns, batch)?)
    }

    /// Sorts places by value; equal ones stay in order, NULLs come first.
    pub(crate) fn sort(&self, places: &mut [(u32, u32)]) {
        places.sort_by(|a, b| self.value(a).cmp(&self.value(b)));
    }

    /// Of sorted places the one with the nearest value, if there is one on the side asked for; of several the first.
    pub(crate) fn find<'a>(&self, places: &'a [(u32, u32)], value: Option<Row<'_>>) -> &'a [(u32, u32)] {
        let first_not =
            |before: &dyn Fn(Option<Row<'_>>) -> bool| places.partition_point(|place| before(self.value(place)));
        if value.is_none() {
            return &[];
        }
        let (less, not_greater) = (first_not(&|own| own < value), first_not(&|own| own <= value));
        let at = match (self.condition.side, self.condition.or_equal) {
            (AsOfSide::After, true) => less,
            (AsOfSide::After, false) => not_greater,
            (AsOfSide::Before, or_equal) => {
                let end = if or_equal { not_greater } else { less };
                let nearest = end.checked_sub(1).and_then(|last| self.value(&places[last]));
                if nearest.is_none() {
                    return &[];
                }
                first_not(&|own| own < nearest)
            }
        };
        &places[at..places.len().min(at + 1)]
    }

    fn value(&self, (batch, row): &(u32, u32)) -> Option<Row<'_>> {
        let (batch, row): Place = (*batch as usize, *row as usize);
        self.values[batch].get(row)
    }
}

fn values(converter: &RowConverter, array: ArrayRef) -> Result<Values> {
    let nulls = array.logical_nulls();
    Ok(Values { forms: converter.convert_columns(&[key_form(&array)?])?, nulls })
}
