//! CASE and coalesce: each result is computed for the rows that take it, then all are put together.

use super::{Rows, as_boolean, is_all, never_fails, truth_of};
use crate::scalar::Value;
use crate::{Expr, Result, SqlType};
use arrow::array::{Array, BooleanArray, new_null_array};
use arrow::buffer::BooleanBuffer;
use arrow::compute::kernels::zip::zip;
use arrow::compute::{interleave, is_not_null};

/// `CASE WHEN .. THEN .. ELSE .. END`
pub(crate) fn case(
    branches: &[(&Expr, &Expr)],
    otherwise: Option<&Expr>,
    ty: &SqlType,
    rows: &Rows<'_>,
) -> Result<Value> {
    if let ([(when, then)], Some(otherwise)) = (branches, otherwise)
        && never_fails(then)
        && never_fails(otherwise)
    {
        return choose(rows.truth(when)?, rows.value(then)?, rows.value(otherwise)?);
    }
    let mut chosen = Choice::new(ty, rows.rows);
    for (when, then) in branches {
        if chosen.is_complete() {
            break;
        }
        let taken = rows.truth_within(when, &chosen.open)?;
        chosen.add(then, taken, rows, false)?;
    }
    if let Some(otherwise) = otherwise {
        chosen.add(otherwise, chosen.open.clone(), rows, false)?;
    }
    chosen.finish()
}

/// The first value that is not NULL; an argument sees only the rows that all before it left open.
pub(crate) fn first_valid(args: &[Expr], rows: &Rows<'_>) -> Result<Value> {
    if let [first, second] = args
        && never_fails(second)
    {
        let first = rows.value(first)?.into_array(rows.rows)?;
        if first.null_count() == 0 {
            return Ok(Value::Array(first));
        }
        return choose(truth_of(&is_not_null(&first)?), Value::Array(first), rows.value(second)?);
    }
    let ty = args.first().map_or(SqlType::Null, Expr::sql_type);
    let mut chosen = Choice::new(&ty, rows.rows);
    for arg in args {
        if chosen.is_complete() {
            break;
        }
        chosen.add(arg, chosen.open.clone(), rows, true)?;
    }
    chosen.finish()
}

/// One value where the bits are set, the other elsewhere.
fn choose(bits: BooleanBuffer, a: Value, b: Value) -> Result<Value> {
    match bits.count_set_bits() {
        0 => Ok(b),
        count if count == bits.len() => Ok(a),
        _ => Ok(Value::Array(zip(&BooleanArray::new(bits, None), &a, &b)?)),
    }
}

impl Rows<'_> {
    /// The rows among the open ones that make a condition true.
    fn truth_within(&self, condition: &Expr, open: &BooleanBuffer) -> Result<BooleanBuffer> {
        if is_all(open) || never_fails(condition) {
            return Ok(&self.truth(condition)? & open);
        }
        let truth = truth_of(&as_boolean(self.only(condition, open)?, open.count_set_bits())?);
        let mut spread = vec![false; open.len()];
        for (from, row) in open.set_indices().enumerate() {
            spread[row] = truth.value(from);
        }
        Ok(spread.into())
    }
}

/// Which value each row takes, of those computed so far.
struct Choice {
    values: Vec<Value>,
    /// For each row: which of the values, and where in it. The first value is a NULL.
    places: Vec<(usize, usize)>,
    /// The rows that have taken none.
    open: BooleanBuffer,
}

impl Choice {
    fn new(ty: &SqlType, rows: usize) -> Self {
        let null = Value::Constant(new_null_array(&ty.to_arrow(), 1));
        Self { values: vec![null], places: vec![(0, 0); rows], open: BooleanBuffer::new_set(rows) }
    }

    fn is_complete(&self) -> bool {
        self.open.count_set_bits() == 0
    }

    /// Lets rows take the value of an expression; with `only_valid` those where it is NULL stay open.
    fn add(&mut self, result: &Expr, taken: BooleanBuffer, rows: &Rows<'_>, only_valid: bool) -> Result<()> {
        let count = taken.count_set_bits();
        if count == 0 {
            return Ok(());
        }
        let whole = count == taken.len() || never_fails(result) && count > taken.len() / 8;
        let value = if whole { rows.value(result)? } else { rows.only(result, &taken)? };
        let mut still_open = vec![false; if only_valid { taken.len() } else { 0 }];
        for (from, row) in taken.set_indices().enumerate() {
            let place = value.place(if whole { row } else { from });
            match only_valid && value.array().is_null(place) {
                true => still_open[row] = true,
                false => self.places[row] = (self.values.len(), place),
            }
        }
        self.values.push(value);
        self.open = if only_valid { still_open.into() } else { &self.open & &!&taken };
        Ok(())
    }

    fn finish(self) -> Result<Value> {
        let arrays: Vec<&dyn Array> = self.values.iter().map(|value| value.array().as_ref()).collect();
        Ok(Value::Array(interleave(&arrays, &self.places)?))
    }
}
