//! What is found in rounds equals what is found with all values at once, bit by bit.

use super::call;
use crate::aggregate::{create, in_rounds};
use crate::{Accumulator, AggregateCall, Groups, Scalar, SqlType};
use arrow::array::{Array, ArrayRef, Float64Array};
use arrow::buffer::BooleanBuffer;
use arrow::compute::cast;
use std::sync::Arc;

const GROUPS: usize = 4;
const ROWS: usize = 3000;

/// Pseudo-random words.
struct Words(u64);

impl Iterator for Words {
    type Item = u64;

    fn next(&mut self) -> Option<u64> {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        Some(self.0 >> 20)
    }
}

/// Values of a kind: few or many different ones, zeros of both signs, the ends of the real line.
fn numbers(words: &mut Words, kind: u32) -> Vec<Option<f64>> {
    let number = |word: u64| match (kind, word % 16) {
        (_, 0) => None,
        (0, _) => Some((word % 7) as f64 - 3.0),
        (1, _) => Some((word % 100_000) as f64 / 8.0 - 5000.0),
        (2, 1) => Some(-0.0),
        (2, 2) => Some(0.0),
        (2, 3) => Some(f64::INFINITY),
        (2, 4) => Some(f64::NEG_INFINITY),
        (2, 5) => Some(f64::NAN),
        (2, _) => Some(f64::from_bits(word.wrapping_mul(0x9e37_79b9_7f4a_7c15))),
        _ => Some(1e-3 * (word % 1000) as f64),
    };
    words.take(ROWS).map(number).collect()
}

struct Rows {
    groups: Vec<u32>,
    args: Vec<ArrayRef>,
    present: BooleanBuffer,
}

impl Rows {
    fn new(words: &mut Words, ty: &SqlType, kind: u32) -> Self {
        let values: ArrayRef = Arc::new(Float64Array::from(numbers(words, kind)));
        // What the type cannot hold is NULL.
        let args = vec![cast(&cast(&values, &whole(ty)).unwrap(), &ty.to_arrow()).unwrap()];
        // The last group has no rows.
        let groups = words.take(ROWS).map(|word| (word % (GROUPS as u64 - 1)) as u32).collect();
        let present = words.take(ROWS).map(|word| word % 5 > 0).collect();
        Self { groups, args, present }
    }

    /// Folds the rows of a part in.
    fn fold(&self, into: &mut dyn Accumulator, part: usize, parts: usize) {
        let (from, to) = (ROWS * part / parts, ROWS * (part + 1) / parts);
        let args: Vec<ArrayRef> = self.args.iter().map(|array| array.slice(from, to - from)).collect();
        into.resize(GROUPS);
        into.update(&Groups::Each(&self.groups[from..to]), &args, Some(&self.present.slice(from, to - from))).unwrap();
    }
}

/// A type that numbers are cast to on the way to another.
fn whole(ty: &SqlType) -> arrow::datatypes::DataType {
    match ty {
        SqlType::Date => arrow::datatypes::DataType::Int32,
        SqlType::Timestamp(_) => arrow::datatypes::DataType::Int64,
        other => other.to_arrow(),
    }
}

fn at_once(call: &AggregateCall, rows: &Rows) -> ArrayRef {
    let mut accumulator = create(call).unwrap();
    rows.fold(accumulator.as_mut(), 0, 1);
    accumulator.finish().unwrap()
}

/// The result, and after how many rounds.
fn by_rounds(call: &AggregateCall, rows: &Rows, bytes: usize, parts: usize) -> (ArrayRef, usize) {
    let mut rounds = in_rounds(call, bytes).unwrap().expect("it is found in rounds");
    let mut count = 0;
    while !rounds.is_done() {
        let mut all = rounds.accumulator();
        all.resize(GROUPS);
        let same: Vec<u32> = (0..GROUPS as u32).collect();
        for part in 0..parts {
            let mut one = rounds.accumulator();
            rows.fold(one.as_mut(), part, parts);
            assert!(bytes < 4000 || one.memory() <= GROUPS * bytes, "{} in {bytes} bytes a group", one.memory());
            all.merge(&Groups::Each(&same), &one.state().unwrap()).unwrap();
        }
        rounds.close(&all.finish().unwrap()).unwrap();
        count += 1;
    }
    (rounds.finish().unwrap(), count)
}

#[test]
fn rounds_find_what_all_values_at_once_give() {
    let types = [
        SqlType::Double,
        SqlType::Float,
        SqlType::TinyInt,
        SqlType::USmallInt,
        SqlType::Integer,
        SqlType::BigInt,
        SqlType::Date,
        SqlType::TIMESTAMP,
    ];
    let fractions = Scalar::List([0.0, 0.1, -0.25, 0.5, 0.999, 1.0].map(Scalar::Double).to_vec(), SqlType::Double);
    let mut words = Words(11);
    for ty in &types {
        let numeric = !matches!(ty, SqlType::Date | SqlType::Timestamp(_));
        let calls = [
            Some(call("median", std::slice::from_ref(ty), &[], false)),
            Some(call("quantile_cont", std::slice::from_ref(ty), std::slice::from_ref(&fractions), false)),
            Some(call("quantile_disc", std::slice::from_ref(ty), std::slice::from_ref(&fractions), false)),
            (numeric && *ty == SqlType::Double).then(|| call("mad", std::slice::from_ref(ty), &[], false)),
        ];
        for kind in 0..4 {
            let rows = Rows::new(&mut words, ty, kind);
            for call in calls.iter().flatten() {
                let wanted = at_once(call, &rows);
                for (bytes, parts) in [(0, 1), (0, 5), (5000, 3), (1 << 24, 2)] {
                    let (found, _) = by_rounds(call, &rows, bytes, parts);
                    assert_eq!(found.to_data(), wanted.to_data(), "{}({ty}) kind {kind} {bytes}", call.function);
                }
            }
        }
    }
}

/// Weights of a kind: equal, uneven, some of them 0, and such that few rows have nearly all of it.
fn weights(words: &mut Words, kind: u32) -> ArrayRef {
    let weight = |word: u64| match (kind, word % 11) {
        (_, 0) => None,
        (0, _) => Some(0.1),
        (1, _) => Some(((word % 900) as f64 / 10.0).to_radians().cos()),
        (2, 1..5) => Some(0.0),
        (2, 5) => Some(1e-300),
        (2, _) => Some(word as f64),
        (3, 1) => Some(1e12),
        _ => Some((word % 1000) as f64 * 1e-290),
    };
    Arc::new(Float64Array::from(words.take(ROWS).map(weight).collect::<Vec<_>>()))
}

#[test]
fn rounds_find_weighted_quantiles_as_all_values_at_once_give_them() {
    let fractions = Scalar::List([0.0, 0.1, -0.25, 0.5, 0.999, 1.0].map(Scalar::Double).to_vec(), SqlType::Double);
    let both = [SqlType::Double, SqlType::Double];
    let calls = [
        call("weighted_quantile", &both, &[Scalar::Double(0.5)], false),
        call("weighted_quantile", &both, &[fractions], false),
    ];
    let mut words = Words(23);
    for (kind, of_weights) in (0..4).flat_map(|kind| (0..4).map(move |of_weights| (kind, of_weights))) {
        let mut rows = Rows::new(&mut words, &SqlType::Double, kind);
        rows.args.push(weights(&mut words, of_weights));
        for call in &calls {
            let wanted = at_once(call, &rows);
            for (bytes, parts) in [(0, 1), (0, 5), (20_000, 3), (1 << 24, 2)] {
                let (found, _) = by_rounds(call, &rows, bytes, parts);
                assert_eq!(found.to_data(), wanted.to_data(), "values {kind} weights {of_weights} {bytes}");
            }
        }
    }
}

#[test]
fn weights_without_a_sum_give_no_number() {
    let call = call("weighted_quantile", &[SqlType::Double, SqlType::Double], &[Scalar::Double(0.5)], false);
    for weight in [0.0, f64::INFINITY, f64::NAN] {
        let mut rows = Rows::new(&mut Words(3), &SqlType::Double, 1);
        rows.args.push(Arc::new(Float64Array::from(vec![weight; ROWS])));
        let (found, wanted) = (by_rounds(&call, &rows, 0, 2).0, at_once(&call, &rows));
        for result in [found, wanted] {
            let result = result.as_any().downcast_ref::<Float64Array>().unwrap();
            assert!(
                (0..GROUPS - 1).all(|group| result.value(group).is_nan()) && result.is_null(GROUPS - 1),
                "{weight}"
            );
        }
    }
}

#[test]
fn few_different_values_are_known_after_one_round() {
    let mut words = Words(5);
    let median = call("median", &[SqlType::Double], &[], false);
    let rounds =
        |words: &mut Words, kind, bytes| by_rounds(&median, &Rows::new(words, &SqlType::Double, kind), bytes, 2).1;
    assert_eq!(rounds(&mut words, 0, 1 << 24), 1);
    assert!(rounds(&mut words, 1, 0) > 4, "four bits a round of 64");
}

#[test]
fn values_that_changed_between_rounds_are_an_error() {
    let mut words = Words(9);
    let median = call("median", &[SqlType::Double], &[], false);
    let mut rounds = in_rounds(&median, 0).unwrap().unwrap();
    let mut first = rounds.accumulator();
    Rows::new(&mut words, &SqlType::Double, 1).fold(first.as_mut(), 0, 1);
    rounds.close(&first.finish().unwrap()).unwrap();
    let mut second = rounds.accumulator();
    second.resize(GROUPS);
    assert!(rounds.close(&second.finish().unwrap()).unwrap_err().to_string().contains("changed"));
}
