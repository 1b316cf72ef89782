//! A batch with a column of every type, for tests.

use arrow::array::{
    ArrayRef, BinaryArray, BooleanArray, Date32Array, Decimal128Array, FixedSizeListArray, Float32Array, Float64Array,
    Int8Array, Int64Array, IntervalMonthDayNanoArray, ListArray, NullArray, StringArray, Time64MicrosecondArray,
    TimestampMicrosecondArray, UInt64Array,
};
use arrow::datatypes::{Float32Type, Float64Type, IntervalMonthDayNano, Schema};
use arrow::record_batch::RecordBatch;
use hyperslab_expr::SqlType;
use hyperslab_grid::Calendar;
use std::sync::Arc;

/// The rows of [`every_type`] as CSV.
pub(super) const CSV: [&str; 4] = [
    "true,-128,-9223372036854775808,18446744073709551615,12345678901234567890123456789,-1.05,0.1,0.30000000000000004,\"a \"\"quoted\"\", text",
    "\u{1}é\",\\x00a\\x5C,1969-12-31,23:59:59.5,2019-06-01 00:00:00,2001-02-30 06:00:00,1 month,\"[1.5, NULL]\",\"[0.5, 0.25]\",",
    "false,0,7,0,-1,0.00,-inf,nan,\"\",,2000-02-29,00:00:00,1970-01-01 00:00:00.000001,1970-01-01 00:00:00,00:00:00,[],\"[1.0, 2.0]\",",
    ",,,,,,,,,,,,,,,,,",
];

/// Three rows; the last is NULL throughout.
pub(super) fn every_type() -> RecordBatch {
    let list = ListArray::from_iter_primitive::<Float64Type, _, _>([Some(vec![Some(1.5), None]), Some(vec![]), None]);
    let bounds = [Some(vec![Some(0.5), Some(0.25)]), Some(vec![Some(1.0), Some(2.0)]), None];
    let bounds = FixedSizeListArray::from_iter_primitive::<Float32Type, _, _>(bounds, 2);
    let decimals = |values: [i128; 2], precision, scale| {
        let array = Decimal128Array::from_iter(values.map(Some).into_iter().chain([None]));
        Arc::new(array.with_precision_and_scale(precision, scale).expect("the values fit")) as ArrayRef
    };
    let in_360 = Calendar::Day360.parse("2001-02-30 06:00:00");
    let month = IntervalMonthDayNano::new(1, 0, 0);
    let columns: Vec<(&str, SqlType, ArrayRef)> = vec![
        ("boolean", SqlType::Boolean, Arc::new(BooleanArray::from(vec![Some(true), Some(false), None]))),
        ("tinyint", SqlType::TinyInt, Arc::new(Int8Array::from(vec![Some(-128), Some(0), None]))),
        ("bigint", SqlType::BigInt, Arc::new(Int64Array::from(vec![Some(i64::MIN), Some(7), None]))),
        ("ubigint", SqlType::UBigInt, Arc::new(UInt64Array::from(vec![Some(u64::MAX), Some(0), None]))),
        ("hugeint", SqlType::HugeInt, decimals([12_345_678_901_234_567_890_123_456_789, -1], 38, 0)),
        ("decimal", SqlType::Decimal(5, 2), decimals([-105, 0], 5, 2)),
        ("float", SqlType::Float, Arc::new(Float32Array::from(vec![Some(0.1), Some(f32::NEG_INFINITY), None]))),
        ("double", SqlType::Double, Arc::new(Float64Array::from(vec![Some(0.1 + 0.2), Some(f64::NAN), None]))),
        (
            "text",
            SqlType::Varchar,
            Arc::new(StringArray::from(vec![Some("a \"quoted\", text\n\u{1}é"), Some(""), None])),
        ),
        ("blob", SqlType::Blob, Arc::new(BinaryArray::from(vec![Some(&b"\0a\\"[..]), None, None]))),
        ("date", SqlType::Date, Arc::new(Date32Array::from(vec![Some(-1), Some(11_016), None]))),
        ("clock", SqlType::Time, Arc::new(Time64MicrosecondArray::from(vec![Some(86_399_500_000), Some(0), None]))),
        (
            "time",
            SqlType::TIMESTAMP,
            Arc::new(TimestampMicrosecondArray::from(vec![Some(1_559_347_200_000_000), Some(1), None])),
        ),
        ("time_360", SqlType::Timestamp(Calendar::Day360), Arc::new(Int64Array::from(vec![in_360, Some(0), None]))),
        (
            "interval",
            SqlType::Interval,
            Arc::new(IntervalMonthDayNanoArray::from(vec![Some(month), Some(IntervalMonthDayNano::ZERO), None])),
        ),
        ("list", SqlType::List(Box::new(SqlType::Double)), Arc::new(list)),
        ("bounds", SqlType::Array(Box::new(SqlType::Float), 2), Arc::new(bounds)),
        ("null", SqlType::Null, Arc::new(NullArray::new(3))),
    ];
    let fields: Vec<_> = columns.iter().map(|(name, ty, _)| ty.to_field(name)).collect();
    let arrays = columns.into_iter().map(|(.., array)| array).collect();
    RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays).expect("the arrays have their types")
}
