//! Tables of calls and results, a line each: `name (value::TYPE; ..) = value::TYPE`, or `! part of the error`.
//!
//! Except for the tables named `ours`, results are those of DuckDB 2.0. Each call is made with constants, with columns,
//! and with each mixture of both.

mod dates;
mod names;
mod numbers;
mod texts;

use super::bind;
use crate::cast::cast;
use crate::eval::{Columns, evaluate, evaluate_constant};
use crate::{ColumnId, Expr, Result, Scalar, SqlType};
use arrow::array::{ArrayRef, StringArray};
use hyperslab_grid::Calendar;
use std::sync::Arc;

const ROWS: usize = 3;

/// Checks a table.
fn check(table: &str) {
    for line in table.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let (name, rest) = line.split_once(" (").unwrap_or_else(|| panic!("{line}"));
        let (args, expected) = rest.rsplit_once(") ").unwrap_or_else(|| panic!("{line}"));
        let args: Vec<Scalar> = args.split("; ").filter(|arg| !arg.is_empty()).map(value).collect();
        for mixture in 0..1 << args.len() {
            let found = call(name, &args, mixture);
            match expected.split_once(' ').unwrap_or_else(|| panic!("{line}")) {
                ("=", expected) => {
                    assert_eq!(shown(found.unwrap_or_else(|error| panic!("{line}: {error}"))), expected, "{line}")
                }
                (_, part) => {
                    let error = found.expect_err(line).to_string();
                    assert!(error.contains(part), "{line}: {error}");
                }
            }
        }
    }
}

/// Calls a function; the arguments whose bit is set are columns.
fn call(name: &str, args: &[Scalar], mixture: usize) -> Result<Scalar> {
    let types: Vec<SqlType> = args.iter().map(Scalar::sql_type).collect();
    let bound = bind(name, &types)?;
    let is_column = |at: usize| mixture >> at & 1 == 1;
    let ids: Vec<ColumnId> = (0..args.len()).map(|at| ColumnId(at as u32)).collect();
    let arrays = args.iter().map(|arg| arg.to_array(ROWS)).collect::<Result<Vec<ArrayRef>>>()?;
    let parts = args.iter().zip(&bound.arg_types).enumerate().map(|(at, (arg, to))| {
        let part = if is_column(at) { Expr::Column(ids[at], types[at].clone()) } else { Expr::Literal(arg.clone()) };
        Expr::Cast { arg: Box::new(part), to: to.clone(), or_null: false, at: None }
    });
    let expr = Expr::Call { function: bound.name.into(), args: parts.collect(), ty: bound.ty.clone(), at: None };
    if mixture == 0 {
        return evaluate_constant(&expr);
    }
    let array = evaluate(&expr, &Columns::new(&ids, &arrays), ROWS)?;
    let values = (0..ROWS).map(|row| Scalar::from_array(&array, row, &bound.ty)).collect::<Result<Vec<_>>>()?;
    assert!(values.iter().all(|value| shown(value.clone()) == shown(values[0].clone())), "{name}: {values:?}");
    Ok(values[0].clone())
}

/// `text::TYPE` as a value.
pub(super) fn value(text: &str) -> Scalar {
    let (text, ty) = text.rsplit_once("::").unwrap_or_else(|| panic!("{text} has no type"));
    let ty = sql_type(ty);
    if text == "NULL" {
        return Scalar::Null(ty);
    }
    let array: ArrayRef = Arc::new(StringArray::from(vec![text]));
    let array = cast(&array, &SqlType::Varchar, &ty, false).unwrap_or_else(|error| panic!("{error}"));
    Scalar::from_array(&array, 0, &ty).unwrap_or_else(|error| panic!("{error}"))
}

fn shown(value: Scalar) -> String {
    let ty = value.sql_type();
    if value.is_null() {
        return format!("NULL::{ty}");
    }
    let array = value.to_array(1).expect("a value has an array");
    let text = cast(&array, &ty, &SqlType::Varchar, false).expect("a value has a text");
    match Scalar::from_array(&text, 0, &SqlType::Varchar) {
        Ok(Scalar::Varchar(text)) => format!("{text}::{ty}"),
        other => panic!("{other:?}"),
    }
}

fn sql_type(name: &str) -> SqlType {
    let plain = [
        SqlType::Null,
        SqlType::Boolean,
        SqlType::TinyInt,
        SqlType::SmallInt,
        SqlType::Integer,
        SqlType::BigInt,
        SqlType::UTinyInt,
        SqlType::USmallInt,
        SqlType::UInteger,
        SqlType::UBigInt,
        SqlType::HugeInt,
        SqlType::Float,
        SqlType::Double,
        SqlType::Varchar,
        SqlType::Date,
        SqlType::Time,
        SqlType::TIMESTAMP,
        SqlType::Interval,
    ];
    if let Some(ty) = plain.into_iter().find(|ty| ty.to_string() == name) {
        return ty;
    }
    let inner = name.split_once('(').and_then(|(_, rest)| rest.strip_suffix(')')).unwrap_or_else(|| panic!("{name}"));
    match inner.split_once(',') {
        Some((precision, scale)) => SqlType::Decimal(precision.parse().unwrap(), scale.parse().unwrap()),
        None => SqlType::Timestamp(Calendar::from_cf_name(inner).unwrap()),
    }
}
