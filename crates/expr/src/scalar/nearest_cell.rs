//! The cell that is nearest to a place, where latitudes and longitudes differ from cell to cell.

use super::signature::exactly;
use super::{Fails, Family, Kernel, ScalarFunction};
use crate::places::Places;
use crate::{Error, SqlType};
use arrow::array::{Array, AsArray, Int64Array};
use arrow::datatypes::Float64Type;
use std::sync::Arc;

/// `nearest_cell(places, lat, lon, tolerance)`: what `nearest` of latitudes and longitudes over two dimensions becomes.
pub(super) const NEAREST_CELL: ScalarFunction = ScalarFunction {
    names: &["nearest_cell"],
    family: Family::Place,
    usage: "nearest_cell(places, lat, lon, tolerance)",
    doc: "Number, from 0, of the cell nearest to a place by great circle, of several the first. \
          NULL if none is within the tolerance in metres, where there is one",
    bind: |args| exactly(args, &[SqlType::Blob, SqlType::Double, SqlType::Double, SqlType::Double], SqlType::BigInt),
    kernel: Kernel::Eager(|call| {
        let [places, ..] = &call.args else { return Err(Error::new("nearest_cell takes 4 arguments")) };
        if !places.is_constant() {
            return Err(Error::new("nearest_cell takes places that are the same for all rows"));
        }
        let bytes = places.array().as_binary::<i32>();
        if bytes.is_null(0) {
            return Ok(call.wrap(Arc::new(Int64Array::new_null(call.count()))));
        }
        let places = Places::new(bytes.value(0));
        let [lat, lon, within] = [1, 2, 3].map(|at| call.reader::<Float64Type>(at));
        let number = |row: usize| {
            let wanted = lat.get(row).zip(lon.get(row))?;
            places.nearest(wanted, within.get(row)).map(i64::from)
        };
        let out: Int64Array = (0..call.count()).map(number).collect();
        Ok(call.wrap(Arc::new(out)))
    }),
    fails: Fails::Sometimes,
};
