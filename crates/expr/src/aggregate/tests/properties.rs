//! Every aggregate against a plain fold over the rows of each group: groups in runs of all kinds or one by one, NULLs,
//! absent rows, updates cut anywhere, partial states merged.

use super::{call, close, doubles, read};
use crate::aggregate::create;
use crate::{Accumulator, AggregateCall, ColumnId, Expr, GroupRun, Groups, RowOrder, Scalar, SqlType};
use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, Int64Array, StringArray};
use arrow::buffer::BooleanBuffer;
use arrow::datatypes::{Decimal128Type, Int64Type};
use proptest::prelude::*;
use std::cmp::Ordering;
use std::sync::Arc;

const GROUPS: usize = 300;

/// The rows of a test: runs of groups, and for each row two values and whether it is present.
#[derive(Clone, Debug)]
struct Rows {
    runs: Vec<GroupRun>,
    ys: Vec<Option<f64>>,
    xs: Vec<Option<f64>>,
    present: Vec<bool>,
    cuts: Vec<usize>,
}

/// Whether a row of a stretch is there: all, none, or by the bits of a number.
fn stretches(len: usize, seeds: &[u64]) -> Vec<bool> {
    let bit = |row: usize| match seeds[row / 97 % seeds.len()] {
        seed if seed % 3 == 0 => true,
        seed if seed % 3 == 1 => (row as u64).wrapping_mul(seed).count_ones() % 3 != 0,
        seed => seed % 2 == 0,
    };
    (0..len).map(bit).collect()
}

fn rows(nan: bool) -> impl Strategy<Value = Rows> {
    let run = (1u32..150, 0u32..100, 0u32..2).prop_map(|(len, first, step)| GroupRun { len, first, step });
    let seeds = || prop::collection::vec(any::<u64>(), 1..8);
    (
        prop::collection::vec(run, 1..12),
        any::<u64>(),
        seeds(),
        seeds(),
        seeds(),
        prop::collection::vec(any::<prop::sample::Index>(), 0..4),
    )
        .prop_map(move |(runs, seed, y_there, x_there, present, cuts)| {
            let len = runs.iter().map(|run| run.len as usize).sum();
            let value = |row: usize, salt: u64| {
                let mixed =
                    (row as u64 + 1).wrapping_mul(seed | 1).wrapping_add(salt).wrapping_mul(0x9e37_79b9_7f4a_7c15)
                        >> 40;
                if nan && mixed.is_multiple_of(11) { f64::NAN } else { mixed as f64 % 37.0 / 4.0 - 3.0 }
            };
            let column = |there: &[u64], salt: u64| -> Vec<Option<f64>> {
                stretches(len, there)
                    .into_iter()
                    .enumerate()
                    .map(|(row, there)| there.then(|| value(row, salt)))
                    .collect()
            };
            let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(len)).chain([0, len]).collect();
            cuts.sort_unstable();
            Rows { ys: column(&y_there, 1), xs: column(&x_there, 2), present: stretches(len, &present), runs, cuts }
        })
}

impl Rows {
    fn each(&self) -> Vec<u32> {
        self.runs.iter().flat_map(|run| (0..run.len).map(|i| run.first + i * run.step)).collect()
    }

    /// The same with values above 0.
    fn positive(&self) -> Self {
        let positive = |values: &[Option<f64>]| values.iter().map(|value| value.map(|v| v.abs() + 0.25)).collect();
        Self { ys: positive(&self.ys), xs: positive(&self.xs), ..self.clone() }
    }

    /// The runs of some rows.
    fn runs_of(&self, from: usize, to: usize) -> Vec<GroupRun> {
        let mut at = 0;
        let mut out = Vec::new();
        for run in &self.runs {
            let (start, end) = (from.max(at), to.min(at + run.len as usize));
            if start < end {
                let first = run.first + (start - at) as u32 * run.step;
                out.push(GroupRun { len: (end - start) as u32, first, step: run.step });
            }
            at += run.len as usize;
        }
        out
    }

    /// The present rows of each group.
    fn grouped(&self) -> Vec<Vec<(Option<f64>, Option<f64>)>> {
        let mut groups = vec![Vec::new(); GROUPS];
        for (row, group) in self.each().into_iter().enumerate().filter(|(row, _)| self.present[*row]) {
            groups[group as usize].push((self.ys[row], self.xs[row]));
        }
        groups
    }

    /// The results of folding in the pieces: `as_runs` or one by one, and with every piece in an accumulator of its
    /// own that is merged, or all in one.
    fn fold(&self, call: &AggregateCall, args: &[ArrayRef], as_runs: bool, merged: bool) -> ArrayRef {
        let (each, present) = (self.each(), BooleanBuffer::from(self.present.as_slice()));
        let fresh = || {
            let mut accumulator = create(call).expect("a bound call has an accumulator");
            accumulator.resize(GROUPS);
            accumulator
        };
        let mut all = fresh();
        for cut in self.cuts.windows(2) {
            let (from, len) = (cut[0], cut[1] - cut[0]);
            let args: Vec<ArrayRef> = args.iter().map(|array| array.slice(from, len)).collect();
            let (runs, present) = (self.runs_of(from, from + len), present.slice(from, len));
            let groups = if as_runs { Groups::Runs(&runs) } else { Groups::Each(&each[from..from + len]) };
            let mut part = if merged { fresh() } else { std::mem::replace(&mut all, fresh()) };
            part.update(&groups, &args, Some(&present)).expect("no overflow");
            if merged { merge(all.as_mut(), part.as_mut()) } else { all = part }
        }
        all.finish().expect("a result")
    }
}

fn merge(all: &mut dyn Accumulator, part: &mut dyn Accumulator) {
    let state = part.state().expect("a state");
    let groups = [GroupRun { len: GROUPS as u32, first: 0, step: 1 }];
    all.merge(&Groups::Runs(&groups), &state).expect("no overflow");
}

/// The aggregate of two variables, folded plainly over the present rows of a group.
fn plain(name: &str, rows: &[(Option<f64>, Option<f64>)]) -> Option<f64> {
    let pairs: Vec<(f64, f64)> = rows.iter().filter_map(|(y, x)| Some(((*y)?, (*x)?))).collect();
    let n = pairs.len() as f64;
    let (y, x) = (pairs.iter().map(|p| p.0).sum::<f64>() / n, pairs.iter().map(|p| p.1).sum::<f64>() / n);
    let xx: f64 = pairs.iter().map(|p| (p.1 - x).powi(2)).sum();
    let yy: f64 = pairs.iter().map(|p| (p.0 - y).powi(2)).sum();
    let xy: f64 = pairs.iter().map(|p| (p.0 - y) * (p.1 - x)).sum();
    let weight: f64 = pairs.iter().map(|p| p.1).sum();
    let product: f64 = pairs.iter().map(|p| p.0 * p.1).sum();
    let pick = |wins: fn(f64, f64) -> bool| {
        let better = |best: (f64, f64), pair: &(f64, f64)| if wins(pair.1, best.1) { *pair } else { best };
        pairs.split_first().map(|(first, rest)| rest.iter().fold(*first, better).0)
    };
    let known = |value: f64| (n > 0.0).then_some(value);
    match name {
        "regr_count" => Some(n),
        "covar_pop" => known(xy / n),
        "covar_samp" => (n > 1.0).then(|| xy / (n - 1.0)),
        "regr_avgx" => known(x),
        "regr_avgy" => known(y),
        "regr_sxx" => known(xx),
        "regr_syy" => known(yy),
        "regr_sxy" => known(xy),
        "weighted_avg" => known(product / weight).filter(|_| weight.abs() > 1e-6),
        "weighted_sum" => known(product),
        "weighted_stddev" => {
            let mean = product / weight;
            known((pairs.iter().map(|p| p.1 * (p.0 - mean).powi(2)).sum::<f64>() / weight).sqrt())
        }
        "arg_min" => pick(below),
        "arg_max" => pick(|a, b| below(b, a)),
        _ => unreachable!("not an aggregate of two variables: {name}"),
    }
}

/// The order of SQL.
fn below(a: f64, b: f64) -> bool {
    a < b || b.is_nan() && !a.is_nan()
}

/// The aggregate of one variable, folded plainly over the present rows of a group.
fn plain_one(name: &str, rows: &[(Option<f64>, Option<f64>)]) -> Option<f64> {
    let values: Vec<f64> = rows.iter().filter_map(|(y, _)| *y).collect();
    let mut sorted = values.clone();
    sorted.sort_by(|a, b| below(*b, *a).cmp(&below(*a, *b)));
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let moment = |power: i32| values.iter().map(|value| (value - mean).powi(power)).sum::<f64>();
    let known = |value: f64| (n > 0.0).then_some(value);
    let times = |value: &f64| values.iter().filter(|v| *v == value || v.is_nan() && value.is_nan()).count();
    match name {
        "count" => Some(n),
        "sum" => known(values.iter().sum()),
        "avg" => known(mean),
        "min" => sorted.first().copied(),
        "max" => sorted.last().copied(),
        "product" => known(values.iter().product()),
        "var_samp" => (n > 1.0).then(|| moment(2) / (n - 1.0)),
        "stddev_pop" => known((moment(2) / n).sqrt()),
        "skewness" => {
            (n > 2.0).then(|| (n * (n - 1.0)).sqrt() / (n - 2.0) * (moment(3) / n) / (moment(2) / n).powf(1.5))
        }
        "kurtosis_pop" => (n > 1.0).then(|| n * moment(4) / moment(2).powi(2) - 3.0),
        "median" => {
            let at = |place: usize| sorted[place];
            let half = values.len() / 2;
            (n > 0.0).then(|| if values.len() % 2 == 1 { at(half) } else { at(half - 1) * 0.5 + at(half) * 0.5 })
        }
        "quantile_disc" => (n > 0.0).then(|| sorted[((0.75 * n).ceil() as usize).max(1) - 1]),
        "mode" => values.iter().rev().max_by_key(|value| times(value)).copied(),
        "entropy" => Some(values.iter().map(|value| (n / times(value) as f64).log2() / n).sum()),
        "approx_count_distinct" => Some(values.iter().map(|value| 1.0 / times(value) as f64).sum::<f64>().round()),
        "geomean" => known((values.iter().map(|value| value.ln()).sum::<f64>() / n).exp()),
        "mad" => {
            let middle = plain_one("median", rows);
            let distances = values.iter().map(|value| (Some((value - middle.unwrap_or(0.0)).abs()), None));
            plain_one("median", &distances.collect::<Vec<_>>())
        }
        "first" => rows.first().and_then(|row| row.0),
        "any_value" => values.first().copied(),
        "last" => rows.last().and_then(|row| row.0),
        _ => unreachable!("not an aggregate of one variable: {name}"),
    }
}

fn as_doubles(array: &ArrayRef) -> Vec<Option<f64>> {
    match array.as_primitive_opt::<Int64Type>() {
        Some(counts) => counts.iter().map(|count| count.map(|count| count as f64)).collect(),
        None => read(array),
    }
}

/// Checks all ways to fold; `tolerance` 0 where results are exact.
fn check(rows: &Rows, name: &str, two: bool, tolerance: f64) -> Result<(), TestCaseError> {
    let mut args = vec![doubles(&rows.ys)];
    if two {
        args.push(doubles(&rows.xs));
    }
    let parameters: &[Scalar] = if name == "quantile_disc" { &[Scalar::Double(0.75)] } else { &[] };
    let call = call(name, &vec![SqlType::Double; args.len()], parameters, false);
    let grouped = rows.grouped();
    for (as_runs, merged) in [(true, false), (true, true), (false, false), (false, true)] {
        let found = as_doubles(&rows.fold(&call, &args, as_runs, merged));
        for (group, members) in grouped.iter().enumerate() {
            let expected = if two { plain(name, members) } else { plain_one(name, members) };
            // Of values that are all alike the shape is not defined, and weights may cancel out.
            let vague = matches!(name, "skewness" | "kurtosis_pop")
                && members.iter().filter_map(|m| m.0).all(|v| Some(v) == members.iter().find_map(|m| m.0));
            let vague = vague || name == "weighted_avg" && expected.is_none() && found[group].is_some();
            prop_assert!(
                vague || close(found[group], expected, tolerance),
                "{} of group {}, runs {}, merged {}: {:?} instead of {:?}",
                name,
                group,
                as_runs,
                merged,
                found[group],
                expected
            );
        }
    }
    Ok(())
}

/// A row of a group: y and x.
type Row = (Option<f64>, Option<f64>);

/// Checks all ways to fold against what `plain` gives for the present rows of each group, exactly.
fn check_each(
    rows: &Rows,
    call: &AggregateCall,
    args: &[ArrayRef],
    plain: impl Fn(&[Row]) -> Scalar,
) -> Result<(), TestCaseError> {
    let grouped = rows.grouped();
    for (as_runs, merged) in [(true, false), (true, true), (false, false), (false, true)] {
        let found = rows.fold(call, args, as_runs, merged);
        for (group, members) in grouped.iter().enumerate() {
            let found = Scalar::from_array(&found, group, &call.ty).expect("a value of its type");
            prop_assert_eq!(found, plain(members), "{} of group {}, merged {}", call.function, group, merged);
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn one_variable(rows in rows(false)) {
        for name in ["count", "min", "max", "quantile_disc", "mode", "first", "any_value", "last", "approx_count_distinct"] {
            check(&rows, name, false, 0.0)?;
        }
        for name in ["sum", "avg", "product", "var_samp", "stddev_pop", "skewness", "kurtosis_pop", "median", "mad", "entropy"] {
            check(&rows, name, false, 1e-9)?;
        }
        check(&rows.positive(), "geomean", false, 1e-9)?;
    }

    #[test]
    fn two_variables(rows in rows(false)) {
        for name in ["regr_count", "arg_min", "arg_max"] {
            check(&rows, name, true, 0.0)?;
        }
        let reals = ["covar_pop", "covar_samp", "regr_avgx", "regr_avgy", "regr_sxx", "regr_syy", "regr_sxy"];
        for name in reals.into_iter().chain(["weighted_avg", "weighted_sum"]) {
            check(&rows, name, true, 1e-9)?;
        }
        check(&rows.positive(), "weighted_stddev", true, 1e-9)?;
    }

    #[test]
    fn runs(rows in rows(false)) {
        let condition: Vec<Option<bool>> = rows.ys.iter().map(|y| y.map(|y| y > 1.0)).collect();
        let args: Vec<ArrayRef> = vec![Arc::new(BooleanArray::from(condition))];
        let lengths = |members: &[Row]| -> Vec<i128> {
            let stretches = members.split(|row| row.0.is_none_or(|y| y <= 1.0));
            stretches.map(|stretch| stretch.len() as i128).filter(|len| *len > 0).collect()
        };
        let count = |n: i128| Scalar::Integer(n, SqlType::BigInt);
        let longest = call("longest_run", &[SqlType::Boolean], &[], false);
        check_each(&rows, &longest, &args, |members| count(lengths(members).into_iter().max().unwrap_or(0)))?;
        for least in [1, 2, 5] {
            let runs = call("run_count", &[SqlType::Boolean], &[count(least)], false);
            let plain = |members: &[Row]| lengths(members).iter().filter(|len| **len >= least).count() as i128;
            check_each(&rows, &runs, &args, |members| count(plain(members)))?;
        }
    }

    #[test]
    fn histograms(rows in rows(false)) {
        let (y_edges, x_edges) = ([-2.0, 0.25, 1.0, 6.0], [-3.0, 0.0, 6.0]);
        let (y, x) = (doubles(&rows.ys), doubles(&rows.xs));
        let (double, list) = (SqlType::Double, |values: Vec<Scalar>, ty: SqlType| Scalar::List(values, ty));
        let edges = |edges: &[f64]| list(edges.iter().map(|edge| Scalar::Double(*edge)).collect(), SqlType::Double);
        let counts = call("histogram_1d", &[SqlType::Double], &[edges(&y_edges)], false);
        let within = |value: f64, edges: &[f64], bin: usize| {
            value >= edges[bin] && (value < edges[bin + 1] || bin + 2 == edges.len() && value == edges[bin + 1])
        };
        check_each(&rows, &counts, std::slice::from_ref(&y), |members| {
            let count = |bin: usize| members.iter().filter(|row| row.0.is_some_and(|y| within(y, &y_edges, bin))).count();
            list((0..3).map(|bin| Scalar::Integer(count(bin) as i128, SqlType::BigInt)).collect(), SqlType::BigInt)
        })?;
        let weights = call("histogram_1d", &[double.clone(), double.clone()], &[edges(&y_edges)], false);
        check_each(&rows, &weights, &[y.clone(), x.clone()], |members| {
            let of_bin = |bin: usize| move |row: &&Row| row.0.is_some_and(|y| within(y, &y_edges, bin));
            let sum = |bin: usize| members.iter().filter(of_bin(bin)).filter_map(|row| row.1).fold(0.0, |a, b| a + b);
            list((0..3).map(|bin| Scalar::Double(sum(bin))).collect(), SqlType::Double)
        })?;
        let plane = call("histogram_2d", &[double.clone(), double], &[edges(&y_edges), edges(&x_edges)], false);
        check_each(&rows, &plane, &[y, x], |members| {
            let count = |a: usize, b: usize| {
                let inside = |row: &&Row| {
                    row.0.is_some_and(|y| within(y, &y_edges, a)) && row.1.is_some_and(|x| within(x, &x_edges, b))
                };
                Scalar::Integer(members.iter().filter(inside).count() as i128, SqlType::BigInt)
            };
            let row = |a: usize| list((0..2).map(|b| count(a, b)).collect(), SqlType::BigInt);
            list((0..3).map(row).collect(), SqlType::List(Box::new(SqlType::BigInt)))
        })?;
    }

    #[test]
    fn the_first_in_order_is_that_of_a_list_in_order(rows in rows(false), descending: bool, nulls_first: bool, two: bool) {
        let (y, x) = (doubles(&rows.ys), doubles(&rows.xs));
        let double = SqlType::Double;
        let one = RowOrder { descending, nulls_first };
        let order = if two { vec![one, RowOrder { descending: false, nulls_first: true }] } else { vec![one] };
        for name in ["first", "any_value"] {
            let plain = call(name, std::slice::from_ref(&double), &[], false);
            let keys = [Expr::Column(ColumnId(1), double.clone()), Expr::Column(ColumnId(0), double.clone())];
            let args = [&plain.args[..], &keys[..order.len()]].concat();
            let by_x = AggregateCall { order: order.clone(), args, ..plain };
            prop_assert_eq!(crate::aggregate::kept_values(&by_x), 0);
            check_each(&rows, &by_x, &[y.clone(), x.clone(), y.clone()][..=order.len()], |members| {
                let mut sorted = members.to_vec();
                sorted.retain(|row| name == "first" || row.0.is_some());
                let rank = |x: Option<f64>| x.map_or(if nulls_first { -1e9 } else { 1e9 }, |x| if descending { -x } else { x });
                sorted.sort_by(|a, b| rank(a.1).total_cmp(&rank(b.1)).then(if two { a.0.partial_cmp(&b.0).unwrap() } else { Ordering::Equal }));
                let first = sorted.first().and_then(|row| row.0);
                first.map_or(Scalar::Null(SqlType::Double), Scalar::Double)
            })?;
        }
    }

    #[test]
    fn lists_in_order(rows in rows(false)) {
        let (y, x) = (doubles(&rows.ys), doubles(&rows.xs));
        let double = SqlType::Double;
        let listed = |ys: Vec<Option<f64>>| match ys.is_empty() {
            true => Scalar::Null(SqlType::List(Box::new(SqlType::Double))),
            false => Scalar::List(
                ys.into_iter().map(|y| y.map_or(Scalar::Null(SqlType::Double), Scalar::Double)).collect(),
                SqlType::Double,
            ),
        };
        let list = call("list", &[SqlType::Double], &[], false);
        let in_order = |members: &[Row]| members.iter().map(|row| row.0).collect::<Vec<_>>();
        check_each(&rows, &list, std::slice::from_ref(&y), |members| listed(in_order(members)))?;

        let order = vec![RowOrder { descending: true, nulls_first: false }];
        let args = [&list.args[..], &[Expr::Column(ColumnId(1), double.clone())]].concat();
        let by_x = AggregateCall { order, args, ..list };
        check_each(&rows, &by_x, &[y.clone(), x.clone()], |members| {
            let mut sorted = members.to_vec();
            sorted.sort_by(|a, b| b.1.unwrap_or(-1e9).total_cmp(&a.1.unwrap_or(-1e9)));
            listed(in_order(&sorted))
        })?;

        let three = [Scalar::Integer(3, SqlType::Integer)];
        let greatest = call("max", &[SqlType::Double], &three, false);
        check_each(&rows, &greatest, std::slice::from_ref(&y), |members| {
            let mut ys: Vec<Option<f64>> = members.iter().map(|row| row.0).filter(Option::is_some).collect();
            ys.sort_by(|a, b| b.partial_cmp(a).expect("no NaN"));
            listed(ys.into_iter().take(3).collect())
        })?;
        let chosen = call("arg_min", &[double.clone(), double], &three, false);
        check_each(&rows, &chosen, &[y, x], |members| {
            let mut pairs: Vec<Row> = members.iter().filter(|row| row.0.is_some() && row.1.is_some()).copied().collect();
            pairs.sort_by(|a, b| a.1.partial_cmp(&b.1).expect("no NaN"));
            listed(pairs.into_iter().take(3).map(|row| row.0).collect())
        })?;

        let words: Vec<Option<String>> = rows.ys.iter().map(|y| y.map(|y| y.to_string())).collect();
        let words: Vec<ArrayRef> = vec![Arc::new(StringArray::from(words))];
        let joined = call("string_agg", &[SqlType::Varchar], &[Scalar::Varchar("; ".to_string())], false);
        check_each(&rows, &joined, &words, |members| {
            let words: Vec<String> = members.iter().filter_map(|row| row.0).map(|y| y.to_string()).collect();
            if words.is_empty() { Scalar::Null(SqlType::Varchar) } else { Scalar::Varchar(words.join("; ")) }
        })?;
    }

    #[test]
    fn a_weighted_quantile_of_equal_weights_is_a_quantile(rows in rows(false), fraction in -1.0..1.0f64) {
        let ones = doubles(&vec![Some(2.5); rows.ys.len()]);
        let (double, fraction) = (SqlType::Double, [Scalar::Double(fraction)]);
        let plain = rows.fold(&call("quantile_cont", &[SqlType::Double], &fraction, false), &[doubles(&rows.ys)], true, true);
        let call = call("weighted_quantile", &[double.clone(), double], &fraction, false);
        for (as_runs, merged) in [(true, false), (true, true), (false, false), (false, true)] {
            let found = rows.fold(&call, &[doubles(&rows.ys), ones.clone()], as_runs, merged);
            for (found, expected) in read(&found).into_iter().zip(read(&plain)) {
                prop_assert!(close(found, expected, 1e-9), "{found:?} instead of {expected:?}");
            }
        }
    }

    #[test]
    fn with_nan(rows in rows(true)) {
        for name in ["count", "min", "max", "quantile_disc", "mode", "first", "sum", "avg", "var_samp", "any_value"] {
            check(&rows, name, false, 1e-9)?;
        }
        for name in ["arg_min", "arg_max", "regr_avgx", "regr_sxy", "weighted_sum"] {
            check(&rows, name, true, 1e-9)?;
        }
    }

    #[test]
    fn integers_exactly(rows in rows(false), shift in 0u32..62) {
        let wide = |value: f64| (value * 4.0) as i64 * (1 << shift >> 6);
        let ys: Vec<Option<i64>> = rows.ys.iter().map(|value| value.map(wide)).collect();
        let args: Vec<ArrayRef> = vec![Arc::new(Int64Array::from(ys.clone()))];
        let (each, present) = (rows.each(), &rows.present);
        let members = |group: usize| {
            let of_group = each.iter().enumerate().filter(move |(row, g)| **g as usize == group && present[*row]);
            of_group.filter_map(|(row, _)| ys[row]).collect::<Vec<i64>>()
        };
        let of = |name: &str, distinct: bool| call(name, &[SqlType::BigInt], &[], distinct);
        for (as_runs, merged) in [(true, false), (true, true), (false, false), (false, true)] {
            let sums = rows.fold(&of("sum", false), &args, as_runs, merged);
            let folds = ["bit_and", "bit_or", "bit_xor", "min"].map(|name| rows.fold(&of(name, false), &args, as_runs, merged));
            let distinct = rows.fold(&of("count", true), &args, as_runs, merged);
            for group in 0..GROUPS {
                let values = members(group);
                let sum = values.iter().map(|value| i128::from(*value)).sum::<i128>();
                let found = sums.is_valid(group).then(|| sums.as_primitive::<Decimal128Type>().value(group));
                prop_assert_eq!(found, (!values.is_empty()).then_some(sum));
                let all = |op: fn(i64, i64) -> i64| values.iter().copied().reduce(op);
                let expected = [all(|a, b| a & b), all(|a, b| a | b), all(|a, b| a ^ b), all(i64::min)];
                for (found, expected) in folds.iter().zip(expected) {
                    let found = found.as_primitive::<Int64Type>();
                    prop_assert_eq!(found.is_valid(group).then(|| found.value(group)), expected);
                }
                let unlike: std::collections::BTreeSet<i64> = values.into_iter().collect();
                prop_assert_eq!(distinct.as_primitive::<Int64Type>().value(group), unlike.len() as i64);
            }
        }
    }
}
