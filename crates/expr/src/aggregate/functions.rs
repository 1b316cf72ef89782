//! The list of aggregate functions, and what makes the accumulators that depend on a type.

use super::chosen::{ByPlace, Place, chosen_by};
use super::count::{Count, Decided};
use super::monoid::{And, Greatest, Least, Monoid, Or, Product, Xor};
use super::native::{by_native, is_native};
use super::quantile::quantile;
use super::regression::{Regression, Sums};
use super::shape::{Measure, Shape};
use super::sum::RealSum;
use super::types::{self, Types};
use super::variance::{Spread, Variance};
use super::weighted::Weighted;
use super::whole_sum::{NarrowSum, Outcome, WholeSum};
use super::{
    Accumulating, AggregateFunction, deviation, distinct, geometric, histogram, list, mode, no_values, runs, texts,
    top, weighted_quantile, weighted_spread,
};
use crate::{Result, Scalar, SqlType};

/// A bit aggregate for the integer type that was bound.
macro_rules! bits {
    ($types:expr, $op:ty) => {{
        let ty = $types.result.to_arrow();
        match &$types.result {
            SqlType::TinyInt => Ok(Box::new(Monoid::<i8, $op>::new(ty)) as Accumulating),
            SqlType::SmallInt => Ok(Box::new(Monoid::<i16, $op>::new(ty)) as Accumulating),
            SqlType::Integer => Ok(Box::new(Monoid::<i32, $op>::new(ty)) as Accumulating),
            SqlType::BigInt => Ok(Box::new(Monoid::<i64, $op>::new(ty)) as Accumulating),
            SqlType::UTinyInt => Ok(Box::new(Monoid::<u8, $op>::new(ty)) as Accumulating),
            SqlType::USmallInt => Ok(Box::new(Monoid::<u16, $op>::new(ty)) as Accumulating),
            SqlType::UInteger => Ok(Box::new(Monoid::<u32, $op>::new(ty)) as Accumulating),
            SqlType::UBigInt => Ok(Box::new(Monoid::<u64, $op>::new(ty)) as Accumulating),
            other => Err(no_values(other)),
        }
    }};
}

/// All aggregate functions.
pub static AGGREGATE_FUNCTIONS: &[AggregateFunction] = &[
    AggregateFunction {
        names: &["count"],
        signature: "count(*), count(any)",
        doc: "The number of rows, or of values that are not NULL.",
        parameters: 0..0,
        keeps_units: false,
        bind: types::count,
        create: |_, _| Ok(Box::new(Count::default())),
    },
    AggregateFunction {
        names: &["count_if", "countif"],
        signature: "count_if(BOOLEAN)",
        doc: "The number of rows for which a condition is true.",
        parameters: 0..0,
        keeps_units: false,
        bind: types::condition_to_count,
        create: |_, _| Ok(Box::new(Count::only_true())),
    },
    AggregateFunction {
        names: &["sum"],
        signature: "sum(number), sum(BOOLEAN)",
        doc: "The sum; of integers and decimals exactly.",
        parameters: 0..0,
        keeps_units: false,
        bind: types::sum,
        create: |types, _| sum_of(types, false),
    },
    AggregateFunction {
        names: &["avg", "mean"],
        signature: "avg(number), avg(DATE), avg(TIMESTAMP), avg(TIME)",
        doc: "The arithmetic mean.",
        parameters: 0..0,
        keeps_units: true,
        bind: types::avg,
        create: |types, _| sum_of(types, true),
    },
    AggregateFunction {
        names: &["min"],
        signature: "min(any), min(any, n)",
        doc: "The least value, or a list of the n least; NaN is the greatest number.",
        parameters: 1..2,
        keeps_units: true,
        bind: types::same_or_list,
        create: |types, parameters| extreme(types, parameters, false),
    },
    AggregateFunction {
        names: &["max"],
        signature: "max(any), max(any, n)",
        doc: "The greatest value, or a list of the n greatest; NaN is the greatest number.",
        parameters: 1..2,
        keeps_units: true,
        bind: types::same_or_list,
        create: |types, parameters| extreme(types, parameters, true),
    },
    AggregateFunction {
        names: &["product"],
        signature: "product(number)",
        doc: "The product.",
        parameters: 0..0,
        keeps_units: false,
        bind: types::double,
        create: |types, _| Ok(Box::new(Monoid::<f64, Product>::new(types.result.to_arrow()))),
    },
    AggregateFunction {
        names: &["bool_and"],
        signature: "bool_and(BOOLEAN)",
        doc: "Whether all are true.",
        parameters: 0..0,
        keeps_units: false,
        bind: types::condition,
        create: |_, _| Ok(Box::new(Decided::by(false))),
    },
    AggregateFunction {
        names: &["bool_or"],
        signature: "bool_or(BOOLEAN)",
        doc: "Whether one is true.",
        parameters: 0..0,
        keeps_units: false,
        bind: types::condition,
        create: |_, _| Ok(Box::new(Decided::by(true))),
    },
    AggregateFunction {
        names: &["bit_and"],
        signature: "bit_and(integer)",
        doc: "The bits that all values have.",
        parameters: 0..0,
        keeps_units: false,
        bind: types::bits,
        create: |types, _| bits!(types, And),
    },
    AggregateFunction {
        names: &["bit_or"],
        signature: "bit_or(integer)",
        doc: "The bits that some value has.",
        parameters: 0..0,
        keeps_units: false,
        bind: types::bits,
        create: |types, _| bits!(types, Or),
    },
    AggregateFunction {
        names: &["bit_xor"],
        signature: "bit_xor(integer)",
        doc: "The bits that an odd number of values has.",
        parameters: 0..0,
        keeps_units: false,
        bind: types::bits,
        create: |types, _| bits!(types, Xor),
    },
    AggregateFunction {
        names: &["var_samp", "variance"],
        signature: "var_samp(number)",
        doc: "The variance of the population that the values are a sample of.",
        parameters: 0..0,
        keeps_units: false,
        bind: types::double,
        create: |_, _| Ok(Box::new(Variance::new(Spread { sample: true, root: false }))),
    },
    AggregateFunction {
        names: &["var_pop"],
        signature: "var_pop(number)",
        doc: "The variance of the values.",
        parameters: 0..0,
        keeps_units: false,
        bind: types::double,
        create: |_, _| Ok(Box::new(Variance::new(Spread { sample: false, root: false }))),
    },
    AggregateFunction {
        names: &["stddev_samp", "stddev"],
        signature: "stddev_samp(number)",
        doc: "The standard deviation of the population that the values are a sample of.",
        parameters: 0..0,
        keeps_units: false,
        bind: types::double,
        create: |_, _| Ok(Box::new(Variance::new(Spread { sample: true, root: true }))),
    },
    AggregateFunction {
        names: &["stddev_pop"],
        signature: "stddev_pop(number)",
        doc: "The standard deviation of the values.",
        parameters: 0..0,
        keeps_units: false,
        bind: types::double,
        create: |_, _| Ok(Box::new(Variance::new(Spread { sample: false, root: true }))),
    },
    AggregateFunction {
        names: &["skewness"],
        signature: "skewness(number)",
        doc: "The skewness of the population that the values are a sample of.",
        parameters: 0..0,
        keeps_units: false,
        bind: types::double,
        create: |_, _| Ok(Box::new(Shape::new(Measure::Skewness))),
    },
    AggregateFunction {
        names: &["kurtosis"],
        signature: "kurtosis(number)",
        doc: "The excess kurtosis of the population that the values are a sample of.",
        parameters: 0..0,
        keeps_units: false,
        bind: types::double,
        create: |_, _| Ok(Box::new(Shape::new(Measure::Kurtosis))),
    },
    AggregateFunction {
        names: &["kurtosis_pop"],
        signature: "kurtosis_pop(number)",
        doc: "The excess kurtosis of the values.",
        parameters: 0..0,
        keeps_units: false,
        bind: types::double,
        create: |_, _| Ok(Box::new(Shape::new(Measure::KurtosisPop))),
    },
    AggregateFunction {
        names: &["corr"],
        signature: "corr(y, x)",
        doc: "The correlation of two variables.",
        parameters: 0..0,
        keeps_units: false,
        bind: types::doubles,
        create: |_, _| Ok(Box::new(Regression::with_squares_of_y(Sums::corr))),
    },
    AggregateFunction {
        names: &["covar_pop"],
        signature: "covar_pop(y, x)",
        doc: "The covariance of two variables.",
        parameters: 0..0,
        keeps_units: false,
        bind: types::doubles,
        create: |_, _| Ok(Box::new(Regression::new(Sums::covar_pop))),
    },
    AggregateFunction {
        names: &["covar_samp"],
        signature: "covar_samp(y, x)",
        doc: "The covariance of the population that the values are a sample of.",
        parameters: 0..0,
        keeps_units: false,
        bind: types::doubles,
        create: |_, _| Ok(Box::new(Regression::new(Sums::covar_samp))),
    },
    AggregateFunction {
        names: &["regr_slope"],
        signature: "regr_slope(y, x)",
        doc: "The slope of the line of least squares.",
        parameters: 0..0,
        keeps_units: false,
        bind: types::doubles,
        create: |_, _| Ok(Box::new(Regression::new(Sums::slope))),
    },
    AggregateFunction {
        names: &["regr_intercept"],
        signature: "regr_intercept(y, x)",
        doc: "Where the line of least squares meets x = 0.",
        parameters: 0..0,
        keeps_units: false,
        bind: types::doubles,
        create: |_, _| Ok(Box::new(Regression::new(Sums::intercept))),
    },
    AggregateFunction {
        names: &["regr_r2"],
        signature: "regr_r2(y, x)",
        doc: "The share of the variance of y that the line of least squares explains.",
        parameters: 0..0,
        keeps_units: false,
        bind: types::doubles,
        create: |_, _| Ok(Box::new(Regression::with_squares_of_y(Sums::r2))),
    },
    AggregateFunction {
        names: &["regr_avgx"],
        signature: "regr_avgx(y, x)",
        doc: "The mean of x where neither is NULL.",
        parameters: 0..0,
        keeps_units: false,
        bind: types::doubles,
        create: |_, _| Ok(Box::new(Regression::new(Sums::mean_x))),
    },
    AggregateFunction {
        names: &["regr_avgy"],
        signature: "regr_avgy(y, x)",
        doc: "The mean of y where neither is NULL.",
        parameters: 0..0,
        keeps_units: false,
        bind: types::doubles,
        create: |_, _| Ok(Box::new(Regression::new(Sums::mean_y))),
    },
    AggregateFunction {
        names: &["regr_sxx"],
        signature: "regr_sxx(y, x)",
        doc: "The sum of squared deviations of x.",
        parameters: 0..0,
        keeps_units: false,
        bind: types::doubles,
        create: |_, _| Ok(Box::new(Regression::new(Sums::xx))),
    },
    AggregateFunction {
        names: &["regr_syy"],
        signature: "regr_syy(y, x)",
        doc: "The sum of squared deviations of y.",
        parameters: 0..0,
        keeps_units: false,
        bind: types::doubles,
        create: |_, _| Ok(Box::new(Regression::with_squares_of_y(Sums::yy))),
    },
    AggregateFunction {
        names: &["regr_sxy"],
        signature: "regr_sxy(y, x)",
        doc: "The sum of products of the deviations of x and y.",
        parameters: 0..0,
        keeps_units: false,
        bind: types::doubles,
        create: |_, _| Ok(Box::new(Regression::new(Sums::xy))),
    },
    AggregateFunction {
        names: &["regr_count"],
        signature: "regr_count(y, x)",
        doc: "The number of rows in which neither is NULL.",
        parameters: 0..0,
        keeps_units: false,
        bind: types::doubles_to_count,
        create: |_, _| Ok(Box::new(Count::default())),
    },
    AggregateFunction {
        names: &["weighted_avg", "wavg"],
        signature: "weighted_avg(x, weight)",
        doc: "sum(x * weight) / sum(weight) where neither is NULL.",
        parameters: 0..0,
        keeps_units: true,
        bind: types::doubles,
        create: |_, _| Ok(Box::new(Weighted::new(true))),
    },
    AggregateFunction {
        names: &["weighted_sum"],
        signature: "weighted_sum(x, weight)",
        doc: "sum(x * weight) where neither is NULL.",
        parameters: 0..0,
        keeps_units: false,
        bind: types::doubles,
        create: |_, _| Ok(Box::new(Weighted::new(false))),
    },
    weighted_spread::WEIGHTED_STDDEV,
    weighted_quantile::WEIGHTED_QUANTILE,
    histogram::HISTOGRAM_1D,
    histogram::HISTOGRAM_2D,
    runs::LONGEST_RUN,
    runs::RUN_COUNT,
    AggregateFunction {
        names: &["median"],
        signature: "median(number), median(DATE), median(TIMESTAMP), median(TIME)",
        doc: "The middle value, or what lies between the two middle values.",
        parameters: 0..0,
        keeps_units: true,
        bind: types::middle,
        create: |types, parameters| quantile(types, parameters, false),
    },
    AggregateFunction {
        names: &["quantile_cont", "percentile_cont"],
        signature: "quantile_cont(x, fraction), quantile_cont(x, [fraction, ..])",
        doc: "The value below which a fraction of the values lies, between two values if need be.",
        parameters: 1..2,
        keeps_units: true,
        bind: types::continuous,
        create: |types, parameters| quantile(types, parameters, false),
    },
    AggregateFunction {
        names: &["quantile_disc", "percentile_disc", "quantile"],
        signature: "quantile_disc(x, fraction), quantile_disc(x, [fraction, ..])",
        doc: "The least value up to which a fraction of the values lies.",
        parameters: 1..2,
        keeps_units: true,
        bind: types::discrete,
        create: |types, parameters| quantile(types, parameters, true),
    },
    AggregateFunction {
        names: &["mode"],
        signature: "mode(any)",
        doc: "The most frequent value, of equally frequent ones the first.",
        parameters: 0..0,
        keeps_units: false,
        bind: types::same,
        create: |types, _| mode::mode(&types.result),
    },
    AggregateFunction {
        names: &["entropy"],
        signature: "entropy(any)",
        doc: "How much a value tells on average, in bits: the sum of -p * log2(p) over the shares of the values.",
        parameters: 0..0,
        keeps_units: false,
        bind: types::any_to_double,
        create: |types, _| mode::entropy(&types.args[0]),
    },
    AggregateFunction {
        names: &["approx_count_distinct"],
        signature: "approx_count_distinct(any)",
        doc: "count(DISTINCT x): exact, unlike elsewhere.",
        parameters: 0..0,
        keeps_units: false,
        bind: types::any_to_count,
        create: |types, _| distinct::distinct(&types.args, false, Box::new(Count::default())),
    },
    AggregateFunction {
        names: &["approx_quantile"],
        signature: "approx_quantile(x, fraction), approx_quantile(x, [fraction, ..])",
        doc: "quantile_cont of FLOAT and DOUBLE, else quantile_disc: exact, unlike elsewhere.",
        parameters: 1..2,
        keeps_units: true,
        bind: types::approximate,
        create: |types, parameters| quantile(types, parameters, types.args[0] != SqlType::Double),
    },
    deviation::MAD,
    geometric::GEOMEAN,
    list::LIST,
    texts::STRING_AGG,
    AggregateFunction {
        names: &["arg_min", "argmin", "min_by"],
        signature: "arg_min(any, by), arg_min(any, by, n)",
        doc: "The value of the first row in which another value is least, or a list of those of the n first.",
        parameters: 2..3,
        keeps_units: false,
        bind: types::chosen,
        create: |types, parameters| chosen(types, parameters, false),
    },
    AggregateFunction {
        names: &["arg_max", "argmax", "max_by"],
        signature: "arg_max(any, by), arg_max(any, by, n)",
        doc: "The value of the first row in which another value is greatest, or a list of those of the n first.",
        parameters: 2..3,
        keeps_units: false,
        bind: types::chosen,
        create: |types, parameters| chosen(types, parameters, true),
    },
    AggregateFunction {
        names: &["first", "arbitrary"],
        signature: "first(any)",
        doc: "The value of the first row, NULL included.",
        parameters: 0..0,
        keeps_units: true,
        bind: types::same,
        create: |types, _| Ok(Box::new(ByPlace::new(Place::First, &types.result)?)),
    },
    AggregateFunction {
        names: &["any_value"],
        signature: "any_value(any)",
        doc: "The first value that is not NULL.",
        parameters: 0..0,
        keeps_units: true,
        bind: types::same,
        create: |types, _| Ok(Box::new(ByPlace::new(Place::FirstValue, &types.result)?)),
    },
    AggregateFunction {
        names: &["last"],
        signature: "last(any)",
        doc: "The value of the last row, NULL included.",
        parameters: 0..0,
        keeps_units: true,
        bind: types::same,
        create: |types, _| Ok(Box::new(ByPlace::new(Place::Last, &types.result)?)),
    },
];

fn sum_of(types: &Types, mean: bool) -> Result<Accumulating> {
    let arg = &types.args[0];
    let outcome = if mean { Outcome::mean_of(arg, &types.result) } else { Outcome::Sum(types.result.to_arrow()) };
    Ok(match arg {
        SqlType::Float => Box::new(RealSum::<f32>::new(mean)),
        SqlType::Double => Box::new(RealSum::<f64>::new(mean)),
        SqlType::TinyInt => Box::new(NarrowSum::<i8>::new(outcome)),
        SqlType::SmallInt => Box::new(NarrowSum::<i16>::new(outcome)),
        SqlType::Integer | SqlType::Date => Box::new(NarrowSum::<i32>::new(outcome)),
        SqlType::BigInt | SqlType::Time | SqlType::Timestamp(_) => Box::new(WholeSum::<i64>::new(outcome)),
        SqlType::UTinyInt => Box::new(NarrowSum::<u8>::new(outcome)),
        SqlType::USmallInt => Box::new(NarrowSum::<u16>::new(outcome)),
        SqlType::UInteger => Box::new(NarrowSum::<u32>::new(outcome)),
        SqlType::UBigInt => Box::new(WholeSum::<u64>::new(outcome)),
        SqlType::HugeInt | SqlType::Decimal(..) => Box::new(WholeSum::<i128>::new(outcome)),
        other => return Err(no_values(other)),
    })
}

fn chosen(types: &Types, parameters: &[Scalar], greatest: bool) -> Result<Accumulating> {
    let [value, by] = [0, 1].map(|at: usize| &types.args[at]);
    match parameters {
        [count] => top::top(value, by, count, greatest),
        _ => chosen_by(value, by, greatest),
    }
}

fn extreme(types: &Types, parameters: &[Scalar], greatest: bool) -> Result<Accumulating> {
    if let [count] = parameters {
        return top::top(&types.args[0], &types.args[0], count, greatest);
    }
    let ty = types.result.to_arrow();
    if types.result == SqlType::Boolean {
        return Ok(Box::new(Decided::by(greatest)));
    }
    if !is_native(&types.result) {
        return chosen_by(&types.result, &types.result, greatest);
    }
    Ok(by_native!(&types.result, N => {
        if greatest { Box::new(Monoid::<N, Greatest>::new(ty)) } else { Box::new(Monoid::<N, Least>::new(ty)) as Accumulating }
    }, else return Err(no_values(&types.result))))
}
