//! Places on the sphere, and bins of axes.

use super::arithmetic::overflow;
use super::signature::{Bound, doubles, exactly, takes};
use super::{Call, Fails, Family, Kernel, ScalarFunction, Value};
use crate::cast::rules::{common_type, implicit_cast};
use crate::cast::with_integer;
use crate::sphere::distance;
use crate::{Error, Result, SqlType};
use arrow::array::{Array, ArrowPrimitiveType, AsArray, BooleanArray};
use arrow::datatypes::{Float32Type, Float64Type, Int32Type};
use std::sync::Arc;

/// `haversine(lat1, lon1, lat2, lon2)`
pub(super) const HAVERSINE: ScalarFunction = ScalarFunction {
    names: &["haversine"],
    family: Family::Place,
    usage: "haversine(lat1, lon1, lat2, lon2)",
    doc: "Great-circle distance in metres on the sphere of radius 6371008.8 m",
    bind: |args| doubles(args, 4),
    kernel: Kernel::Eager(|call| {
        let degrees = [0, 1, 2, 3].map(|at| call.reader::<Float64Type>(at));
        let out = call.rows::<Float64Type>(|row| {
            let [lat1, lon1, lat2, lon2] = degrees.map(|angle| angle.get(row));
            Ok(lat1.zip(lon1).zip(lat2.zip(lon2)).map(|(from, to)| distance(from, to)))
        })?;
        Ok(call.wrap(Arc::new(out)))
    }),
    fails: Fails::Never,
};

/// `lon_between(lon, west, east)`
pub(super) const LON_BETWEEN: ScalarFunction = ScalarFunction {
    names: &["lon_between"],
    family: Family::Place,
    usage: "lon_between(lon, west, east)",
    doc: "Whether a longitude lies from west eastwards to east, both included, in any convention (0..360, -180..180)",
    bind: |args| {
        let lon = if args.first() == Some(&SqlType::Float) { SqlType::Float } else { SqlType::Double };
        exactly(args, &[lon, SqlType::Double, SqlType::Double], SqlType::Boolean)
    },
    kernel: Kernel::Eager(|call| match call.types[0] {
        SqlType::Float => lon_between::<Float32Type>(call, f64::from(f32::EPSILON)),
        _ => lon_between::<Float64Type>(call, f64::EPSILON),
    }),
    fails: Fails::Never,
};

/// An edge counts as met within the rounding of an angle in the type of `lon`: 349.9 as FLOAT is -10.1.
fn lon_between<T: ArrowPrimitiveType>(call: &Call<'_>, epsilon: f64) -> Result<Value>
where
    T::Native: Into<f64>,
{
    let (lon, west, east) = (call.reader::<T>(0), call.reader::<Float64Type>(1), call.reader::<Float64Type>(2));
    let slack = 360.0 * epsilon;
    let holds = |lon: f64, west: f64, east: f64| {
        let from_west = (lon - west + slack).rem_euclid(360.0);
        east - west >= 360.0 && lon.is_finite() || from_west <= (east - west).rem_euclid(360.0) + 2.0 * slack
    };
    let out: BooleanArray =
        (0..call.count()).map(|row| Some(holds(lon.get(row)?.into(), west.get(row)?, east.get(row)?))).collect();
    Ok(call.wrap(Arc::new(out)))
}

/// `bucket(x, width [, origin])`
pub(super) const BUCKET: ScalarFunction = ScalarFunction {
    names: &["bucket"],
    family: Family::Place,
    usage: "bucket(number, width) or bucket(number, width, origin); for times it is time_bucket",
    doc: "Lower edge of the bin of that width that holds x, edges counted from 0 or an origin",
    bind: bind_bucket,
    kernel: Kernel::Eager(|call| match call.ty {
        SqlType::Float => real_buckets::<Float32Type>(call, |value| value as f32),
        SqlType::Double => real_buckets::<Float64Type>(call, |value| value),
        ty => with_integer!(ty, |T| integer_buckets::<T>(call), _ => Err(Error::new(format!("{ty} has no buckets")))),
    }),
    fails: Fails::Sometimes,
};

fn bind_bucket(args: &[SqlType]) -> Bound {
    let numbers = args.iter().all(|ty| ty.is_numeric() || *ty == SqlType::Null);
    if !(2..=3).contains(&args.len()) || !numbers {
        return Ok(None);
    }
    let fits_bigint = args.iter().all(|ty| implicit_cast(ty, &SqlType::BigInt));
    if fits_bigint && args[0] != SqlType::Null {
        let ty = args.iter().try_fold(SqlType::Null, |a, b| common_type(&a, b)).unwrap_or(SqlType::BigInt);
        return takes(vec![ty.clone(); args.len()], ty);
    }
    let ty = if args[0] == SqlType::Float { SqlType::Float } else { SqlType::Double };
    takes([vec![ty.clone()], vec![SqlType::Double; args.len() - 1]].concat(), ty)
}

fn bad_width() -> Error {
    Error::new("the width of a bucket must be above 0")
}

fn real_buckets<T: ArrowPrimitiveType>(call: &Call<'_>, narrow: fn(f64) -> T::Native) -> Result<Value>
where
    T::Native: Into<f64>,
{
    let (values, widths) = (call.reader::<T>(0), call.reader::<Float64Type>(1));
    let origins = (call.args.len() > 2).then(|| call.reader::<Float64Type>(2));
    let out = call.rows::<T>(|row| {
        let origin = origins.map_or(Some(0.0), |origins| origins.get(row));
        let (Some(value), Some(width), Some(origin)) = (values.get(row), widths.get(row), origin) else {
            return Ok(None);
        };
        if width.is_nan() || width <= 0.0 {
            return Err(bad_width());
        }
        let bins = (value.into() - origin) / width;
        let edge = |bin: f64| narrow(bin * width + origin);
        // A label that is spelt like an edge begins a bucket, though its float may lie a hair below.
        let nearest = edge(bins.round());
        Ok(Some(if nearest == value { nearest } else { edge(bins.floor()) }))
    })?;
    Ok(call.wrap(Arc::new(out)))
}

fn integer_buckets<T: ArrowPrimitiveType>(call: &Call<'_>) -> Result<Value>
where
    T::Native: Into<i128> + TryFrom<i128>,
{
    let (values, widths) = (call.reader::<T>(0), call.reader::<T>(1));
    let origins = (call.args.len() > 2).then(|| call.reader::<T>(2));
    let out = call.rows::<T>(|row| {
        let origin = origins.map_or(Some(T::Native::default()), |origins| origins.get(row));
        let (Some(value), Some(width), Some(origin)) = (values.get(row), widths.get(row), origin) else {
            return Ok(None);
        };
        let (value, width, origin): (i128, i128, i128) = (value.into(), width.into(), origin.into());
        if width <= 0 {
            return Err(bad_width());
        }
        let edge = (value - origin).div_euclid(width) * width + origin;
        edge.try_into().map(Some).map_err(|_| overflow(&format!("bucket({value}, {width})"), call.ty))
    })?;
    Ok(call.wrap(Arc::new(out)))
}

/// `width_bucket(x, lo, hi, n)`
pub(super) const WIDTH_BUCKET: ScalarFunction = ScalarFunction {
    names: &["width_bucket"],
    family: Family::Place,
    usage: "width_bucket(number, low, high, bins) or width_bucket(number, [edge, ..])",
    doc: "Number of the bin, from 1, among equal bins from low to high, or between ascending edges: 0 below all, and one more \
          than there are bins from high, or from the last edge, on",
    bind: |args| {
        let double = SqlType::Double;
        match args.len() {
            2 => exactly(args, &[double.clone(), SqlType::List(Box::new(double))], SqlType::Integer),
            _ => exactly(args, &[double.clone(), double.clone(), double, SqlType::Integer], SqlType::Integer),
        }
    },
    kernel: Kernel::Eager(|call| if call.args.len() == 2 { bins_between_edges(call) } else { equal_bins(call) }),
    fails: Fails::Sometimes,
};

fn equal_bins(call: &Call<'_>) -> Result<Value> {
    let [value, low, high] = [0, 1, 2].map(|at| call.reader::<Float64Type>(at));
    let bins = call.reader::<Int32Type>(3);
    let out = call.rows::<Int32Type>(|row| {
        let (Some(value), Some(low), Some(high), Some(bins)) =
            (value.get(row), low.get(row), high.get(row), bins.get(row))
        else {
            return Ok(None);
        };
        bin_number(value, low, high, bins).map(Some)
    })?;
    Ok(call.wrap(Arc::new(out)))
}

fn bins_between_edges(call: &Call<'_>) -> Result<Value> {
    let (values, lists) = (call.reader::<Float64Type>(0), call.args[1].array().as_list::<i32>());
    let all = lists.values().as_primitive::<Float64Type>();
    let (mut checked, mut edges) = (None, &all.values()[..0]);
    let out = call.rows::<Int32Type>(|row| {
        let list = call.args[1].place(row);
        let (Some(value), true) = (values.get(row), lists.is_valid(list)) else { return Ok(None) };
        // Mostly one list holds for all rows.
        if checked != Some(list) {
            let span = lists.value_offsets()[list] as usize..lists.value_offsets()[list + 1] as usize;
            let ascend = all.values()[span.clone()].is_sorted_by(|a, b| below(*a, *b) || a == b);
            if !ascend || span.clone().any(|at| all.is_null(at)) {
                let error = Error::new("the edges of width_bucket must ascend, and none is NULL");
                return Err(error.with_hint("write width_bucket(x, [0, 10, 20])"));
            }
            (checked, edges) = (Some(list), &all.values()[span]);
        }
        Ok(Some(edges.partition_point(|edge| !below(value, *edge)) as i32))
    })?;
    Ok(call.wrap(Arc::new(out)))
}

/// The order of SQL, in which NaN is the greatest number.
fn below(a: f64, b: f64) -> bool {
    a < b || b.is_nan() && !a.is_nan()
}

fn bin_number(value: f64, low: f64, high: f64, bins: i32) -> Result<i32> {
    if bins <= 0 || bins == i32::MAX || !low.is_finite() || !high.is_finite() || low == high {
        return Err(Error::new("width_bucket needs finite, different bounds and at least one bin"));
    }
    let share = (value - low) / (high - low);
    Ok(match share {
        _ if share < 0.0 => 0,
        _ if share < 1.0 => ((share * f64::from(bins)) as i32 + 1).min(bins),
        _ => bins + 1,
    })
}
