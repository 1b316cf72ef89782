//! How values are folded: the same bits for the same calls, NaN and overflow noticed, memory told.

use super::{accumulator, doubles, one_group, read};
use crate::{GroupRun, Groups, Scalar, SqlType};
use arrow::array::{Array, ArrayRef, Decimal128Array, Float64Array};
use arrow::buffer::BooleanBuffer;
use std::sync::Arc;

fn sum_of(array: &ArrayRef, present: Option<&BooleanBuffer>) -> f64 {
    let mut sum = accumulator("sum", &[SqlType::Double], &[], 1);
    sum.update(&Groups::Runs(&one_group(array.len())), std::slice::from_ref(array), present).expect("no overflow");
    read(&sum.finish().expect("a result"))[0].expect("there are values")
}

#[test]
fn a_sum_is_taken_in_eight_lanes() {
    let values: Vec<f64> = (0..1_003).map(|row| 1.0 / (1.0 + f64::from(row))).collect();
    let mut lanes = [0.0; 8];
    values.iter().enumerate().for_each(|(row, value)| lanes[row % 8] += value);
    let [a, b, c, d, e, f, g, h] = lanes;
    let expected = ((a + e) + (c + g)) + ((b + f) + (d + h));
    let array: ArrayRef = Arc::new(Float64Array::from(values));
    assert_eq!(sum_of(&array, None).to_bits(), f64::to_bits(expected));
    let all = BooleanBuffer::new_set(array.len());
    assert_eq!(sum_of(&array, Some(&all)).to_bits(), f64::to_bits(expected));
}

#[test]
fn what_lies_in_null_slots_has_no_effect() {
    let there: Vec<bool> = (0..500).map(|row| row % 5 != 0 && !(130..300).contains(&row)).collect();
    let sums = [f64::NAN, -0.0, f64::INFINITY].map(|filler| {
        let values: Vec<f64> = there.iter().map(|there| if *there { 0.1 } else { filler }).collect();
        let array: ArrayRef = Arc::new(Float64Array::new(values.into(), Some(there.clone().into())));
        sum_of(&array, None).to_bits()
    });
    assert_eq!(sums[0], sums[1]);
    assert_eq!(sums[0], sums[2]);
}

#[test]
fn only_a_nan_that_is_a_value_is_met() {
    let names = ["sum", "avg", "min", "max", "median", "mode", "var_samp", "skewness", "product"];
    for name in names {
        let mut all = accumulator(name, &[SqlType::Double], &[], 1);
        let groups = one_group(2);
        all.update(&Groups::Runs(&groups), &[doubles(&[None, Some(1.0)])], None).expect("no overflow");
        let absent = BooleanBuffer::from(vec![true, false]);
        all.update(&Groups::Runs(&groups), &[doubles(&[Some(1.0), Some(f64::NAN)])], Some(&absent))
            .expect("no overflow");
        assert!(!all.met_nan(), "{name}");
        all.update(&Groups::Runs(&groups), &[doubles(&[Some(f64::NAN), None])], None).expect("no overflow");
        assert!(all.met_nan(), "{name}");
    }
}

#[test]
fn an_exact_sum_that_does_not_fit_is_an_error() {
    let near = 10i128.pow(38) - 1;
    let array = |values: Vec<i128>| -> ArrayRef { Arc::new(Decimal128Array::from(values)) };
    let mut beyond_type = accumulator("sum", &[SqlType::HugeInt], &[], 1);
    beyond_type.update(&Groups::Runs(&one_group(2)), &[array(vec![near, 1])], None).expect("128 bits hold it");
    let error = beyond_type.finish().expect_err("HUGEINT does not hold it");
    assert_eq!(error.to_string(), "a sum is too large for its type (cast the argument to DOUBLE)");
    let mut beyond_bits = accumulator("sum", &[SqlType::HugeInt], &[], 1);
    assert!(beyond_bits.update(&Groups::Runs(&one_group(2)), &[array(vec![near, near])], None).is_err());
}

#[test]
fn an_empty_accumulator_has_results_for_its_groups() {
    for (name, parameters) in [("sum", vec![]), ("quantile_cont", vec![Scalar::Double(0.5)]), ("mode", vec![])] {
        let mut empty = accumulator(name, &[SqlType::Double], &parameters, 3);
        let out = empty.finish().expect("a result");
        assert_eq!((out.len(), out.null_count()), (3, 3), "{name}");
    }
    let mut text = accumulator("arg_max", &[SqlType::Varchar, SqlType::Varchar], &[], 2);
    assert_eq!(text.finish().expect("a result").null_count(), 2);
}

#[test]
fn values_of_equal_groups_are_held_without_overhead() {
    let (groups, rounds) = (2_000, 100);
    let mut median = accumulator("median", &[SqlType::Double], &[], groups);
    let values: ArrayRef = Arc::new(Float64Array::from_iter_values((0..groups).map(|group| group as f64)));
    let run = [GroupRun { len: groups as u32, first: 0, step: 1 }];
    for _ in 0..rounds {
        median.update(&Groups::Runs(&run), std::slice::from_ref(&values), None).expect("no overflow");
    }
    // Once as they came, once put together.
    let bytes = 2 * groups * rounds * size_of::<f64>();
    assert!((bytes..bytes * 3 / 2).contains(&median.memory()), "{} bytes for {bytes}", median.memory());
    let found = read(&median.finish().expect("a result"));
    assert_eq!(found[groups - 1], Some((groups - 1) as f64));
}
