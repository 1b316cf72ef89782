//! What DuckDB gives for small cases, written down.

use super::{accumulator, call, close, doubles, one_group, over, read, texts};
use crate::aggregate::{AGGREGATE_FUNCTIONS, bind, is_aggregate};
use crate::{Groups, Scalar, SqlType};
use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Date32Array, Decimal128Array, Float32Array, Int8Array, Int32Array,
    Int64Array, IntervalMonthDayNanoArray, TimestampMicrosecondArray,
};
use arrow::datatypes::{
    Decimal128Type, Float32Type, Float64Type, Int32Type, Int64Type, IntervalMonthDayNano, TimestampMicrosecondType,
};
use std::sync::Arc;

const NAN: f64 = f64::NAN;
const INF: f64 = f64::INFINITY;

fn double(name: &str, parameters: &[Scalar], values: &[Option<f64>]) -> Option<f64> {
    let out = over(&call(name, &[SqlType::Double], parameters, false), &[doubles(values)]);
    read(&out)[0]
}

#[test]
fn one_variable() {
    let none: &[Option<f64>] = &[None];
    let one: &[Option<f64>] = &[Some(1.0)];
    let two: &[Option<f64>] = &[Some(1.5), Some(4.0)];
    let three: &[Option<f64>] = &[Some(1.5), Some(4.0), Some(4.0)];
    let four: &[Option<f64>] = &[Some(1.5), Some(4.0), Some(4.0), None, Some(9.25)];
    let same: &[Option<f64>] = &[Some(3.0); 5];
    let five: &[Option<f64>] = &[Some(1.5), Some(4.0), Some(2.0), Some(9.25), Some(-3.0)];
    let nan: &[Option<f64>] = &[Some(1.0), Some(NAN), Some(2.0), Some(3.0)];
    let inf: &[Option<f64>] = &[Some(1.0), Some(INF), Some(2.0), Some(3.0)];
    let both: &[Option<f64>] = &[Some(-INF), Some(INF), Some(2.0), Some(3.0)];
    let inputs = [none, one, two, three, four, same, five, nan, inf, both];
    let s = Some;
    let (q, d) = ("quantile_cont", "quantile_disc");
    #[rustfmt::skip]
    let table: &[(&str, [Option<f64>; 10])] = &[
        ("sum", [None, s(1.0), s(5.5), s(9.5), s(18.75), s(15.0), s(13.75), s(NAN), s(INF), s(NAN)]),
        ("avg", [None, s(1.0), s(2.75), s(3.1666666666666665), s(4.6875), s(3.0), s(2.75), s(NAN), s(INF), s(NAN)]),
        ("product", [None, s(1.0), s(6.0), s(24.0), s(222.0), s(243.0), s(-333.0), s(NAN), s(INF), s(-INF)]),
        ("min", [None, s(1.0), s(1.5), s(1.5), s(1.5), s(3.0), s(-3.0), s(1.0), s(1.0), s(-INF)]),
        ("max", [None, s(1.0), s(4.0), s(4.0), s(9.25), s(3.0), s(9.25), s(NAN), s(INF), s(INF)]),
        ("var_samp", [None, None, s(3.125), s(2.0833333333333335), s(10.640625000000002), s(0.0), s(19.75), s(NAN), s(NAN), s(NAN)]),
        ("var_pop", [None, s(0.0), s(1.5625), s(1.388888888888889), s(7.980468750000001), s(0.0), s(15.8), s(NAN), s(NAN), s(NAN)]),
        ("stddev", [None, None, s(1.7677669529663689), s(1.4433756729740645), s(3.2619970876749727), s(0.0), s(4.444097208657794), s(NAN), s(NAN), s(NAN)]),
        ("stddev_pop", [None, s(0.0), s(1.25), s(1.1785113019775793), s(2.8249723449973807), s(0.0), s(3.9749213828703582), s(NAN), s(NAN), s(NAN)]),
        ("median", [None, s(1.0), s(2.75), s(4.0), s(4.0), s(3.0), s(2.0), s(2.5), s(2.5), s(2.5)]),
        (q, [None, s(1.0), s(2.125), s(2.75), s(3.375), s(3.0), s(1.5), s(1.75), s(1.75), s(-INF)]),
        (d, [None, s(1.0), s(1.5), s(1.5), s(1.5), s(3.0), s(1.5), s(1.0), s(1.0), s(-INF)]),
        ("mode", [None, s(1.0), s(1.5), s(4.0), s(4.0), s(3.0), s(1.5), s(1.0), s(1.0), s(-INF)]),
        // Where the moments are not finite DuckDB gives an error; a NaN leads to NaN here, and to a warning.
        ("skewness", [None, None, None, s(-1.7320508075688767), s(1.1896669608289487), None, s(0.39921038256750135), s(NAN), s(NAN), s(NAN)]),
        ("kurtosis", [None, None, None, None, s(2.3094740609926223), None, s(1.2401558243871182), s(NAN), s(NAN), s(NAN)]),
        ("entropy", [s(0.0), s(0.0), s(1.0), s(0.9182958340544894), s(1.5), s(0.0), s(2.321928094887362), s(2.0), s(2.0), s(2.0)]),
        ("geomean", [None, s(1.0), s(2.449489742783178), s(2.8844991406148166), s(3.8600083452955563), s(3.0), s(NAN), s(NAN), s(INF), s(NAN)]),
        ("mad", [None, s(0.0), s(1.25), s(0.0), s(1.25), s(0.0), s(2.0), s(1.0), s(1.0), s(INF)]),
        ("kurtosis_pop", [None, None, s(-2.0), s(-1.5000000000000002), s(-0.8920701252009837), None, s(-0.6899610439032204), s(NAN), s(NAN), s(NAN)]),
    ];
    for (name, expected) in table {
        let parameters: &[Scalar] = if name.starts_with("quantile") { &[Scalar::Double(0.25)] } else { &[] };
        for (input, expected) in inputs.iter().zip(expected) {
            let found = double(name, parameters, input);
            assert!(close(found, *expected, 1e-14), "{name} of {input:?}: {found:?}, DuckDB: {expected:?}");
        }
    }
}

#[test]
fn two_variables() {
    type Pairs = [(Option<f64>, Option<f64>)];
    let s = Some;
    let none: &Pairs = &[(None, None)];
    let one: &Pairs = &[(s(1.0), s(2.0))];
    let level: &Pairs = &[(s(1.0), s(2.0)), (s(1.0), s(3.0))];
    let upright: &Pairs = &[(s(1.0), s(2.0)), (s(3.0), s(2.0))];
    let four: &Pairs =
        &[(s(1.5), s(2.0)), (s(3.0), s(2.5)), (s(4.0), s(7.0)), (None, s(4.0)), (s(2.0), None), (s(8.0), s(9.25))];
    let inputs = [none, one, level, upright, four];
    let table: &[(&str, [Option<f64>; 5])] = &[
        ("corr", [None, s(NAN), s(NAN), s(NAN), s(0.9164715244894305)]),
        ("covar_pop", [None, s(0.0), s(0.0), s(0.0), s(6.7265625)]),
        ("covar_samp", [None, None, s(0.0), s(0.0), s(8.96875)]),
        ("regr_slope", [None, s(NAN), s(0.0), s(NAN), s(0.7238335435056746)]),
        ("regr_intercept", [None, None, s(1.0), None, s(0.37011349306431285)]),
        ("regr_r2", [None, None, s(1.0), None, s(0.8399200551999808)]),
        ("regr_avgx", [None, s(2.0), s(2.5), s(2.0), s(5.1875)]),
        ("regr_avgy", [None, s(1.0), s(1.0), s(2.0), s(4.125)]),
        ("regr_sxx", [None, s(0.0), s(0.5), s(0.0), s(37.171875)]),
        ("regr_syy", [None, s(0.0), s(0.0), s(2.0), s(23.1875)]),
        ("regr_sxy", [None, s(0.0), s(0.0), s(0.0), s(26.90625)]),
    ];
    for (name, expected) in table {
        for (input, expected) in inputs.iter().zip(expected) {
            let args = [input.iter().map(|pair| pair.0).collect(), input.iter().map(|pair| pair.1).collect()];
            let args = args.map(|values: Vec<_>| doubles(&values));
            let found = read(&over(&call(name, &[SqlType::Double, SqlType::Double], &[], false), &args))[0];
            assert!(close(found, *expected, 1e-14), "{name} of {input:?}: {found:?}, DuckDB: {expected:?}");
        }
    }
    let weights = [s(2.0), None, s(7.0), s(1.0)];
    let args = [doubles(&[s(1.0), s(3.0), None, s(5.0)]), doubles(&weights)];
    let weighted = |name| read(&over(&call(name, &[SqlType::Double, SqlType::Double], &[], false), &args))[0];
    assert_eq!((weighted("weighted_avg"), weighted("weighted_sum")), (s(7.0 / 3.0), s(7.0)));
}

/// What xarray's `weighted(..).quantile` and `.std` give.
#[test]
fn weights() {
    let xs = doubles(&[1.5, 4.0, 2.0, 9.25, -3.0, 7.0, f64::NAN, 50.0].map(|x| Some(x).filter(|x| !x.is_nan())));
    let ws = doubles(&[2.0, 1.0, 0.0, 0.5, 3.0, 1.25, 8.0, f64::NAN].map(|w| Some(w).filter(|w| !w.is_nan())));
    let of = |name: &str, parameters: &[Scalar], ws: &ArrayRef| {
        over(&call(name, &[SqlType::Double, SqlType::Double], parameters, false), &[xs.clone(), ws.clone()])
    };
    let table = [
        (0.0, -3.0),
        (0.1, -3.0),
        (0.25, -1.9683794466403162),
        (0.5, 1.1798418972332014),
        (0.75, 3.5948616600790517),
        (0.9, 5.733596837944665),
        (1.0, 7.124505928853756),
    ];
    for (fraction, expected) in table {
        let found = read(&of("weighted_quantile", &[Scalar::Double(fraction)], &ws))[0];
        assert!(close(found, Some(expected), 1e-14), "{fraction}: {found:?}, xarray: {expected}");
        let from_above = read(&of("weighted_quantile", &[Scalar::Double(fraction - 1.0)], &ws))[0];
        assert!(fraction == 1.0 || close(from_above, Some(expected), 1e-14), "{fraction}: {from_above:?}");
    }
    let listed = Scalar::List(vec![Scalar::Double(0.0), Scalar::Double(0.5)], SqlType::Double);
    let both = of("weighted_quantile", &[listed], &ws);
    assert_eq!(read(&both.as_list::<i32>().value(0)).len(), 2);
    assert!(close(read(&of("weighted_stddev", &[], &ws))[0], Some(4.1711093207515875), 1e-14));
    let nothing = doubles(&[Some(0.0); 8]);
    assert!(read(&of("weighted_stddev", &[], &nothing))[0].is_some_and(f64::is_nan));
    assert!(read(&of("weighted_quantile", &[Scalar::Double(0.5)], &nothing))[0].is_some_and(f64::is_nan));
    assert_eq!(read(&of("weighted_stddev", &[], &doubles(&[None; 8])))[0], None);
    let negative = doubles(&[Some(-1.0); 8]);
    for (name, parameters) in [("weighted_stddev", vec![]), ("weighted_quantile", vec![Scalar::Double(0.5)])] {
        let mut accumulator = accumulator(name, &[SqlType::Double, SqlType::Double], &parameters, 1);
        let outcome = accumulator.update(&Groups::Runs(&one_group(8)), &[xs.clone(), negative.clone()], None);
        assert!(outcome.expect_err("weights").to_string().contains("negative weight"), "{name}");
    }
}

#[test]
fn quantiles() {
    let number = |fraction| [Scalar::Double(fraction)];
    let (three, four) = ([1.0, 2.0, 10.0].map(Some), [1.0, 2.0, 10.0, 11.0].map(Some));
    for (fraction, expected) in [(0.0, 1.0), (-0.25, 6.0), (-0.5, 2.0), (1.0, 10.0), (-0.0, 10.0)] {
        assert_eq!(double("quantile_cont", &number(fraction), &three), Some(expected), "{fraction}");
    }
    for (fraction, expected) in [(-0.25, 10.0), (0.3333, 1.0), (0.34, 2.0), (0.6667, 10.0), (1.0, 10.0)] {
        assert_eq!(double("percentile_disc", &number(fraction), &three), Some(expected), "{fraction}");
    }
    for (fraction, expected) in [(0.25, 1.0), (0.26, 2.0), (0.5, 2.0), (0.51, 10.0), (0.75, 10.0), (1.0, 11.0)] {
        assert_eq!(double("quantile_disc", &number(fraction), &four), Some(expected), "{fraction}");
    }
    let ten: Vec<Option<f64>> = (0..10).map(|value| Some(f64::from(value))).collect();
    for (fraction, expected) in [(0.1, 0.0), (0.3, 2.0), (0.7, 6.0)] {
        assert_eq!(double("quantile_disc", &number(fraction), &ten), Some(expected), "{fraction}");
    }
    let decimal = Scalar::Decimal(10, 3, 2);
    let two = [Scalar::List(vec![decimal, Scalar::Integer(1, SqlType::Integer)], SqlType::Double)];
    let listed = |values: &[Option<f64>]| {
        let out = over(&call("quantile_cont", &[SqlType::Double], &two, false), &[doubles(values)]);
        let list = out.as_list::<i32>();
        list.is_valid(0).then(|| read(&list.value(0)))
    };
    assert_eq!(listed(&[Some(1.5), Some(4.0)]), Some(vec![Some(1.75), Some(4.0)]));
    assert_eq!(listed(&[None]), None);
}

#[test]
fn quantiles_of_other_types() {
    let half = [Scalar::Double(0.5)];
    let of = |name: &str, ty: SqlType, values: ArrayRef| over(&call(name, &[ty], &half, false), &[values]);
    let bytes = of("quantile_cont", SqlType::TinyInt, Arc::new(Int8Array::from(vec![127, -128])));
    assert_eq!(read(&bytes), [Some(-0.5)]);
    let floats = of("quantile_cont", SqlType::Float, Arc::new(Float32Array::from(vec![1.0, 2.0])));
    assert_eq!(floats.as_primitive::<Float32Type>().value(0), 1.5);
    for (days, micros) in [([0, 3], 129_600_000_000), ([-3, 0], -129_600_000_000)] {
        let dates = of("quantile_cont", SqlType::Date, Arc::new(Date32Array::from(days.to_vec())));
        assert_eq!(dates.as_primitive::<TimestampMicrosecondType>().value(0), micros);
    }
    for (pair, expected) in [([100, 101], 101), ([-101, -100], -101)] {
        let times: ArrayRef = Arc::new(TimestampMicrosecondArray::from(pair.to_vec()));
        let found = of("quantile_cont", SqlType::TIMESTAMP, times);
        assert_eq!(found.as_primitive::<TimestampMicrosecondType>().value(0), expected, "{pair:?}");
    }
    for (pair, expected) in [([100, 101], 100), ([-100, -101], -100)] {
        let cents = Decimal128Array::from(pair.to_vec()).with_precision_and_scale(9, 2).expect("they fit");
        let found = of("quantile_cont", SqlType::Decimal(9, 2), Arc::new(cents));
        assert_eq!(found.as_primitive::<Decimal128Type>().value(0), expected, "{pair:?}");
    }
}

#[test]
fn sums_and_means_of_other_types() {
    let of = |name: &str, ty: SqlType, values: ArrayRef| over(&call(name, &[ty], &[], false), &[values]);
    let large: ArrayRef = Arc::new(Int64Array::from(vec![i64::MAX, i64::MAX, -5]));
    let sum = of("sum", SqlType::BigInt, large.clone());
    assert_eq!(sum.as_primitive::<Decimal128Type>().value(0), 2 * i128::from(i64::MAX) - 5);
    assert_eq!(read(&of("avg", SqlType::BigInt, large)), [Some((2 * i128::from(i64::MAX) - 5) as f64 / 3.0)]);
    let floats: ArrayRef = Arc::new(Float32Array::from(vec![16_777_216.0, 1.0, 1.0]));
    assert_eq!(read(&of("sum", SqlType::Float, floats.clone())), [Some(16_777_218.0)]);
    assert_eq!(read(&of("avg", SqlType::Float, floats)), [Some(5_592_406.0)]);
    for (pair, mean) in [([0, 1], 0), ([-1, 0], 0), ([-4, -3], -3)] {
        let times: ArrayRef = Arc::new(TimestampMicrosecondArray::from(pair.to_vec()));
        let found = of("avg", SqlType::TIMESTAMP, times);
        assert_eq!(found.as_primitive::<TimestampMicrosecondType>().value(0), mean, "{pair:?}");
    }
    let dates = of("avg", SqlType::Date, Arc::new(Date32Array::from(vec![0, 3])));
    assert_eq!(dates.as_primitive::<TimestampMicrosecondType>().value(0), 129_600_000_000);
    let cents = Decimal128Array::from(vec![Some(100), None, Some(125)]).with_precision_and_scale(9, 2);
    let cents: ArrayRef = Arc::new(cents.expect("they fit"));
    assert_eq!(read(&of("avg", SqlType::Decimal(9, 2), cents.clone())), [Some(1.125)]);
    assert_eq!(of("sum", SqlType::Decimal(9, 2), cents).as_primitive::<Decimal128Type>().value(0), 225);
}

#[test]
fn what_row_is_chosen() {
    let numbers = |values: &[Option<i32>]| Arc::new(Int32Array::from(values.to_vec())) as ArrayRef;
    let letters = texts(&[Some("p"), Some("q"), Some("r"), Some("s"), None, None]);
    let by = numbers(&[Some(1), None, Some(5), Some(5), Some(9), Some(-1)]);
    let chosen = |name: &str, value: &ArrayRef, by: &ArrayRef, types: [SqlType; 2]| {
        over(&call(name, &types, &[], false), &[value.clone(), by.clone()])
    };
    let text = |out: &ArrayRef| out.as_string::<i32>().iter().next().flatten().map(str::to_string);
    let types = || [SqlType::Varchar, SqlType::Integer];
    assert_eq!(text(&chosen("arg_max", &letters, &by, types())).as_deref(), Some("r"));
    assert_eq!(text(&chosen("min_by", &letters, &by, types())).as_deref(), Some("p"));
    let swapped = [SqlType::Integer, SqlType::Varchar];
    assert_eq!(chosen("arg_max", &by, &letters, swapped).as_primitive::<Int32Type>().value(0), 5);
    let nothing = numbers(&[None; 6]);
    assert_eq!(text(&chosen("arg_max", &letters, &nothing, types())), None);
    let nan = doubles(&[Some(1.0), Some(NAN), Some(5.0)]);
    let out = chosen("arg_max", &letters.slice(0, 3), &nan, [SqlType::Varchar, SqlType::Double]);
    assert_eq!(text(&out).as_deref(), Some("q"));

    let values = numbers(&[None, Some(1), Some(2), None]);
    let of = |name: &str| over(&call(name, &[SqlType::Integer], &[], false), std::slice::from_ref(&values));
    let places = ["first", "any_value", "last", "min", "max"];
    let found = places.map(|name| of(name).as_primitive::<Int32Type>().iter().next().flatten());
    assert_eq!(found, [None, Some(1), None, Some(1), Some(2)]);
    let of = |name: &str| text(&over(&call(name, &[SqlType::Varchar], &[], false), std::slice::from_ref(&letters)));
    assert_eq!(places.map(of).map(|found| found.unwrap_or_default()), ["p", "p", "", "p", "s"]);
}

#[test]
fn modes_bits_and_conditions() {
    let of = |name: &str, ty: SqlType, values: ArrayRef| over(&call(name, &[ty], &[], false), &[values]);
    let numbers = |values: &[Option<i32>]| Arc::new(Int32Array::from(values.to_vec())) as ArrayRef;
    let integer = |name: &str, values: &[Option<i32>]| {
        of(name, SqlType::Integer, numbers(values)).as_primitive::<Int32Type>().iter().next().flatten()
    };
    assert_eq!(integer("mode", &[Some(2), Some(1), Some(1), Some(2)]), Some(2));
    assert_eq!(double("mode", &[], &[Some(0.0), Some(-0.0), Some(1.0)]), Some(0.0));
    assert!(double("mode", &[], &[Some(1.0), Some(NAN), Some(-NAN)]).is_some_and(f64::is_nan));
    let five_six = [None, Some(5), Some(6)];
    let bits = ["bit_and", "bit_or", "bit_xor"];
    assert_eq!(bits.map(|name| integer(name, &five_six)), [Some(4), Some(7), Some(3)]);
    assert_eq!(bits.map(|name| integer(name, &[None])), [None; 3]);
    let condition = |name: &str, values: &[Option<bool>]| {
        let out = of(name, SqlType::Boolean, Arc::new(BooleanArray::from(values.to_vec())));
        out.as_boolean().iter().next().flatten()
    };
    let names = ["bool_and", "bool_or", "min", "max"];
    let both = [Some(true), None, Some(false)];
    assert_eq!(names.map(|name| condition(name, &[None])), [None; 4]);
    assert_eq!(names.map(|name| condition(name, &both[..2])), [Some(true); 4]);
    assert_eq!(names.map(|name| condition(name, &both)), [Some(false), Some(true), Some(false), Some(true)]);
    let counted = of("count_if", SqlType::Boolean, Arc::new(BooleanArray::from(both.to_vec())));
    assert_eq!(counted.as_primitive::<Int64Type>().value(0), 1);
    let (days, month) = (IntervalMonthDayNano::new(0, 31, 0), IntervalMonthDayNano::new(1, 0, 0));
    let least = of("min", SqlType::Interval, Arc::new(IntervalMonthDayNanoArray::from(vec![days, month])));
    assert_eq!(least.as_primitive::<arrow::datatypes::IntervalMonthDayNanoType>().value(0), month);
}

#[test]
fn distinct_values() {
    let values = doubles(&[1.0, 1.0, 2.0, -0.0, 0.0].map(Some));
    let with_nan = doubles(&[Some(1.0), Some(1.0), None, Some(2.0), Some(-0.0), Some(0.0), Some(NAN), Some(-NAN)]);
    let of =
        |name: &str, values: &ArrayRef| over(&call(name, &[SqlType::Double], &[], true), std::slice::from_ref(values));
    assert_eq!(of("count", &with_nan).as_primitive::<Int64Type>().value(0), 4);
    assert_eq!(of("sum", &values).as_primitive::<Float64Type>().value(0), 3.0);
    assert_eq!(of("avg", &values).as_primitive::<Float64Type>().value(0), 1.0);
    let letters = texts(&[Some("a"), None, Some("a"), Some("b")]);
    let count = over(&call("count", &[SqlType::Varchar], &[], true), &[letters]);
    assert_eq!(count.as_primitive::<Int64Type>().value(0), 2);
    let null_first = doubles(&[None, Some(1.0)]);
    assert_eq!(read(&of("first", &null_first)), [None]);
}

#[test]
fn types() {
    let decimal = SqlType::Decimal(9, 2);
    for (name, arg, result) in [
        ("sum", SqlType::Boolean, SqlType::HugeInt),
        ("sum", SqlType::UTinyInt, SqlType::HugeInt),
        ("sum", SqlType::Null, SqlType::HugeInt),
        ("sum", SqlType::Float, SqlType::Double),
        ("SUM", decimal.clone(), SqlType::Decimal(38, 2)),
        ("mean", SqlType::HugeInt, SqlType::Double),
        ("avg", SqlType::Date, SqlType::TIMESTAMP),
        ("avg", SqlType::Time, SqlType::Time),
        ("min", SqlType::Varchar, SqlType::Varchar),
        ("median", SqlType::Float, SqlType::Float),
        ("median", SqlType::BigInt, SqlType::Double),
        ("median", decimal.clone(), decimal.clone()),
        ("median", SqlType::Date, SqlType::TIMESTAMP),
        ("variance", decimal, SqlType::Double),
        ("count", SqlType::List(Box::new(SqlType::Blob)), SqlType::BigInt),
    ] {
        assert_eq!(bind(name, std::slice::from_ref(&arg), &[]).map(|bound| bound.ty), Ok(result), "{name}({arg})");
    }
    let kept: Vec<_> = AGGREGATE_FUNCTIONS.iter().filter(|f| f.keeps_units).map(|f| f.names[0]).collect();
    assert_eq!(
        kept.join(" "),
        "avg min max weighted_avg weighted_quantile median quantile_cont quantile_disc approx_quantile first any_value last"
    );
}

#[test]
fn errors_help() {
    let message = |name: &str, args: &[SqlType], parameters: &[Scalar]| {
        bind(name, args, parameters).expect_err("it must not bind").to_string()
    };
    assert_eq!(message("medain", &[], &[]), "unknown aggregate function medain (did you mean median?)");
    assert_eq!(message("qqqqqq", &[], &[]), "unknown aggregate function qqqqqq");
    let of_text = message("sum", &[SqlType::Varchar], &[]);
    assert_eq!(of_text, "no aggregate sum(VARCHAR) (there is sum(number), sum(BOOLEAN))");
    let far = message("quantile_cont", &[SqlType::Double], &[Scalar::Double(1.5)]);
    assert_eq!(far, "the fraction 1.5 of a quantile does not lie between -1 and 1 (1.5 percent are 0.015)");
    assert!(bind("quantile_cont", &[SqlType::Double], &[]).is_err(), "a fraction is needed");
    assert!(is_aggregate("Count") && !is_aggregate("sin"));
}
