//! The evaluator: an expression and arrays of equal length in, one array out. It knows no dimensions.
//!
//! An expression is walked once for each call, over vectors of thousands of rows, so that dispatch costs little; the
//! loops are in the functions and in Arrow's kernels. Constants are not repeated: a [`Value`] may stand for all rows.
//! Parts that can fail see only the rows that need them ([`choice`], [`logic`]).

mod choice;
mod fold;
mod in_list;
mod logic;

pub(crate) use choice::{case, first_valid};
pub use fold::fold_constants;

use crate::cast::cast;
use crate::cast::rules::implicit_cast;
use crate::scalar::{self, Call, Fails, Kernel, Value};
use crate::{ColumnId, Error, Expr, Result, Scalar, SqlType};
use arrow::array::{Array, ArrayRef, AsArray, BooleanArray};
use arrow::buffer::BooleanBuffer;
use arrow::compute::FilterBuilder;
use arrow::datatypes::DataType;

/// The arrays that columns stand for, all of the same length.
#[derive(Clone, Copy, Debug)]
pub struct Columns<'a> {
    ids: &'a [ColumnId],
    arrays: &'a [ArrayRef],
}

impl<'a> Columns<'a> {
    /// Columns and their arrays, in the same order.
    pub fn new(ids: &'a [ColumnId], arrays: &'a [ArrayRef]) -> Self {
        debug_assert_eq!(ids.len(), arrays.len(), "each column has its array");
        Self { ids, arrays }
    }

    /// No columns, for constants.
    pub fn none() -> Self {
        Self { ids: &[], arrays: &[] }
    }

    fn get(&self, id: ColumnId) -> Result<&'a ArrayRef> {
        let at = self.ids.iter().position(|known| *known == id);
        let array = at.and_then(|at| self.arrays.get(at));
        array.ok_or_else(|| Error::new(format!("column {} is not given to the evaluator", id.0)))
    }
}

/// Evaluates an expression to an array of `rows` values.
///
/// # Errors
/// If a value cannot be computed, with its place in the SQL text.
pub fn evaluate(expr: &Expr, columns: &Columns<'_>, rows: usize) -> Result<ArrayRef> {
    Rows { columns: *columns, rows }.value(expr)?.into_array(rows)
}

/// Evaluates a condition: which of the rows make it true. NULL does not.
///
/// # Errors
/// As [`evaluate`].
pub fn evaluate_mask(expr: &Expr, columns: &Columns<'_>, rows: usize) -> Result<BooleanBuffer> {
    Rows { columns: *columns, rows }.truth(expr)
}

/// Evaluates an expression that reads no column.
///
/// # Errors
/// If it reads a column, or as [`evaluate`].
pub fn evaluate_constant(expr: &Expr) -> Result<Scalar> {
    let array = evaluate(expr, &Columns::none(), 1)?;
    Scalar::from_array(&array, 0, &expr.sql_type())
}

/// The rows that an expression is evaluated for.
pub struct Rows<'a> {
    columns: Columns<'a>,
    rows: usize,
}

impl Rows<'_> {
    /// The value of an expression for these rows.
    ///
    /// # Errors
    /// If a value cannot be computed, with its place in the SQL text.
    pub(crate) fn value(&self, expr: &Expr) -> Result<Value> {
        match expr {
            Expr::Column(id, _) => Ok(Value::Array(self.columns.get(*id)?.clone())),
            Expr::Literal(value) => Ok(Value::Constant(value.to_array(1)?)),
            Expr::Call { function, args, ty, at } => self.call(function, args, ty).map_err(|error| error.or_at(*at)),
            Expr::Cast { arg, to, or_null, at } => self.cast(arg, to, *or_null).map_err(|error| error.or_at(*at)),
            Expr::And(terms) => logic::connect(terms, logic::Connective::And, self),
            Expr::Or(terms) => logic::connect(terms, logic::Connective::Or, self),
            Expr::Case { branches, otherwise, ty } => {
                let branches: Vec<_> = branches.iter().map(|(when, then)| (when, then)).collect();
                case(&branches, otherwise.as_deref(), ty, self)
            }
            Expr::InList { arg, list, negated } => in_list::contains(arg, list, *negated, self),
        }
    }

    fn call(&self, name: &str, args: &[Expr], ty: &SqlType) -> Result<Value> {
        let function = scalar::function(name).ok_or_else(|| Error::new(format!("there is no function {name}")))?;
        match function.kernel {
            Kernel::Lazy(kernel) => kernel(args, self),
            Kernel::Volatile(kernel) => Ok(kernel(self.rows)),
            Kernel::Eager(kernel) => {
                let types: Vec<SqlType> = args.iter().map(Expr::sql_type).collect();
                let args = args.iter().map(|arg| self.value(arg)).collect::<Result<Vec<_>>>()?;
                kernel(&Call { args: &args, types: &types, ty })
            }
        }
    }

    fn cast(&self, arg: &Expr, to: &SqlType, or_null: bool) -> Result<Value> {
        let from = arg.sql_type();
        Ok(match self.value(arg)? {
            Value::Array(array) => Value::Array(cast(&array, &from, to, or_null)?),
            Value::Constant(array) => Value::Constant(cast(&array, &from, to, or_null)?),
        })
    }

    /// The value of an expression for the kept rows only, in their order.
    fn only(&self, expr: &Expr, keep: &BooleanBuffer) -> Result<Value> {
        let filter = FilterBuilder::new(&BooleanArray::new(keep.clone(), None)).optimize().build();
        let ids = expr.columns();
        let arrays =
            ids.iter().map(|id| Ok(filter.filter(self.columns.get(*id)?)?)).collect::<Result<Vec<ArrayRef>>>()?;
        Rows { columns: Columns::new(&ids, &arrays), rows: keep.count_set_bits() }.value(expr)
    }

    /// The rows that make a condition true.
    fn truth(&self, condition: &Expr) -> Result<BooleanBuffer> {
        Ok(truth_of(&as_boolean(self.value(condition)?, self.rows)?))
    }
}

/// Where an array is true, and not NULL.
fn truth_of(array: &BooleanArray) -> BooleanBuffer {
    match array.nulls() {
        Some(nulls) if nulls.null_count() > 0 => array.values() & nulls.inner(),
        _ => array.values().clone(),
    }
}

/// A condition's value with an entry for each row; a bare NULL is unknown everywhere.
fn as_boolean(value: Value, rows: usize) -> Result<BooleanArray> {
    let array = value.into_array(rows)?;
    match array.data_type() {
        DataType::Null => Ok(BooleanArray::new_null(rows)),
        DataType::Boolean => Ok(array.as_boolean().clone()),
        other => Err(Error::new(format!("a condition is BOOLEAN, not {other}"))),
    }
}

/// Whether an expression has a value for all rows, so that it can be evaluated for rows that do not need it.
fn never_fails(expr: &Expr) -> bool {
    never_fails_but(expr, &|_| false)
}

/// The same where parts are known to have values, or to fail whatever the row.
pub fn never_fails_but(expr: &Expr, has_values: &dyn Fn(&Expr) -> bool) -> bool {
    let itself = match expr {
        Expr::Column(..) | Expr::Literal(_) | Expr::And(_) | Expr::Or(_) | Expr::Case { .. } | Expr::InList { .. } => {
            true
        }
        Expr::Cast { arg, to, or_null, .. } => *or_null || cast_never_fails(&arg.sql_type(), to),
        Expr::Call { function, ty, args, .. } => {
            scalar::function(function).is_some_and(|function| match function.fails {
                Fails::Never => true,
                Fails::UnlessReal => ty.is_float(),
                Fails::ByShape => args.iter().any(has_values),
                Fails::Sometimes => false,
            })
        }
    };
    itself && expr.children().into_iter().all(|child| never_fails_but(child, has_values)) || has_values(expr)
}

fn cast_never_fails(from: &SqlType, to: &SqlType) -> bool {
    *from == SqlType::Null || from.is_numeric() && implicit_cast(from, to) && !matches!(to, SqlType::Decimal(..))
}

fn is_all(bits: &BooleanBuffer) -> bool {
    bits.count_set_bits() == bits.len()
}

#[cfg(test)]
mod tests;
