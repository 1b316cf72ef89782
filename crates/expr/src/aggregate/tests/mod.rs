//! Tests of all aggregates through the module's own surface.

mod duckdb;
mod folds;
mod properties;
mod rounds;

use super::{bind, create};
use crate::{Accumulator, AggregateCall, ColumnId, Expr, GroupRun, Groups, Scalar, SqlType};
use arrow::array::{Array, ArrayRef, AsArray, Float64Array, StringArray};
use arrow::buffer::NullBuffer;
use arrow::datatypes::Float64Type;
use std::sync::Arc;

/// A bound call over columns of some types.
fn call(name: &str, args: &[SqlType], parameters: &[Scalar], distinct: bool) -> AggregateCall {
    let bound = bind(name, args, parameters).unwrap_or_else(|error| panic!("{name}: {error}"));
    let args = bound.arg_types.iter().map(|ty| Expr::Column(ColumnId(0), ty.clone())).collect();
    let (function, parameters) = (bound.name.to_string(), parameters.to_vec());
    AggregateCall { function, args, order: Vec::new(), parameters, distinct, filter: None, ty: bound.ty, at: None }
}

fn accumulator(name: &str, args: &[SqlType], parameters: &[Scalar], groups: usize) -> Box<dyn Accumulator> {
    let mut accumulator = create(&call(name, args, parameters, false)).expect("a bound call has an accumulator");
    accumulator.resize(groups);
    accumulator
}

/// Rows of one group.
fn one_group(len: usize) -> [GroupRun; 1] {
    [GroupRun { len: len as u32, first: 0, step: 0 }]
}

/// The result over all rows as one group.
fn over(call: &AggregateCall, args: &[ArrayRef]) -> ArrayRef {
    let mut accumulator = create(call).expect("a bound call has an accumulator");
    accumulator.resize(1);
    accumulator.update(&Groups::Runs(&one_group(args[0].len())), args, None).expect("no overflow");
    let out = accumulator.finish().expect("a result");
    assert_eq!((out.len(), out.data_type()), (1, &call.ty.to_arrow()), "{}", call.function);
    out
}

/// A DOUBLE array whose null slots hold NaN, which must not be met.
fn doubles(values: &[Option<f64>]) -> ArrayRef {
    let nulls: NullBuffer = values.iter().map(Option::is_some).collect();
    let values: Vec<f64> = values.iter().map(|value| value.unwrap_or(f64::NAN)).collect();
    Arc::new(Float64Array::new(values.into(), Some(nulls)))
}

fn texts(values: &[Option<&str>]) -> ArrayRef {
    Arc::new(StringArray::from(values.to_vec()))
}

/// The values of a DOUBLE array.
fn read(array: &ArrayRef) -> Vec<Option<f64>> {
    array.as_primitive::<Float64Type>().iter().collect()
}

/// Equal, or differing by rounding; NaN equals NaN.
fn close(a: Option<f64>, b: Option<f64>, tolerance: f64) -> bool {
    match (a, b) {
        (Some(a), Some(b)) => {
            a == b || a.is_nan() && b.is_nan() || (a - b).abs() <= tolerance * (1.0 + a.abs().max(b.abs()))
        }
        (None, None) => true,
        (Some(_), None) | (None, Some(_)) => false,
    }
}
