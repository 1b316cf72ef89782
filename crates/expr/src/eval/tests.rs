//! Which rows a part of an expression sees, what three-valued logic gives, and that folding changes nothing.

use super::{Columns, evaluate, evaluate_constant, evaluate_mask, fold_constants};
use crate::scalar::{bind, common_type};
use crate::{ColumnId, Expr, Result, Scalar, Span, SqlType};
use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, Float64Array, Int32Array};
use arrow::datatypes::{Int32Type, Int64Type};
use proptest::prelude::*;
use std::sync::Arc;

const X: ColumnId = ColumnId(3);
const B: ColumnId = ColumnId(8);
const AT: Span = Span { start: 7, end: 9 };

fn x() -> Expr {
    Expr::Column(X, SqlType::Integer)
}

fn b() -> Expr {
    Expr::Column(B, SqlType::Boolean)
}

fn int(value: i32) -> Expr {
    Expr::Literal(Scalar::Integer(value.into(), SqlType::Integer))
}

fn boolean(value: Option<bool>) -> Expr {
    Expr::Literal(value.map_or(Scalar::Null(SqlType::Boolean), Scalar::Boolean))
}

fn call(name: &str, args: Vec<Expr>) -> Expr {
    let types: Vec<SqlType> = args.iter().map(Expr::sql_type).collect();
    let bound = bind(name, &types).expect("the test's call is right");
    let cast = |(arg, to): (Expr, SqlType)| match arg.sql_type() == to {
        true => arg,
        false => Expr::Cast { arg: Box::new(arg), to, or_null: false, at: None },
    };
    let args = args.into_iter().zip(bound.arg_types).map(cast).collect();
    Expr::Call { function: bound.name.into(), args, ty: bound.ty, at: Some(AT) }
}

fn case(branches: Vec<(Expr, Expr)>, otherwise: Option<Expr>) -> Expr {
    let ty = branches[0].1.sql_type();
    Expr::Case { branches, otherwise: otherwise.map(Box::new), ty }
}

fn run(expr: &Expr, xs: Vec<Option<i32>>, bs: Vec<Option<bool>>) -> Result<ArrayRef> {
    let rows = xs.len();
    let arrays: [ArrayRef; 2] = [Arc::new(Int32Array::from(xs)), Arc::new(BooleanArray::from(bs))];
    evaluate(expr, &Columns::new(&[X, B], &arrays), rows)
}

fn ints(expr: &Expr, xs: &[Option<i32>]) -> Result<Vec<Option<i32>>> {
    let array = run(expr, xs.to_vec(), vec![None; xs.len()])?;
    Ok(array.as_primitive::<Int32Type>().iter().collect())
}

const SOME: [Option<i32>; 5] = [Some(0), Some(2), None, Some(-3), Some(0)];

/// `10 // x`, which fails where x is 0.
fn tenth() -> Expr {
    call("//", vec![int(10), x()])
}

#[test]
fn a_case_computes_results_only_where_they_are_taken() {
    let guarded = case(vec![(call("<>", vec![x(), int(0)]), tenth())], Some(int(-1)));
    assert_eq!(ints(&guarded, &SOME).unwrap(), [Some(-1), Some(5), Some(-1), Some(-3), Some(-1)]);
    let unguarded = case(vec![(call("<", vec![x(), int(9)]), tenth())], None);
    let error = ints(&unguarded, &SOME).unwrap_err();
    assert!(error.message.contains("division by zero"), "{error}");
    assert_eq!(error.at, Some(AT));
}

#[test]
fn a_later_condition_sees_only_open_rows() {
    let later = call(">", vec![tenth(), int(0)]);
    let expr = case(vec![(call("=", vec![x(), int(0)]), int(0)), (later, int(1))], Some(int(-1)));
    assert_eq!(ints(&expr, &SOME).unwrap(), [Some(0), Some(1), Some(-1), Some(-1), Some(0)]);
}

#[test]
fn and_or_shield_their_later_terms() {
    let nonzero = call("<>", vec![x(), int(0)]);
    let positive = call(">", vec![tenth(), int(0)]);
    let and = run(&Expr::And(vec![nonzero, positive.clone()]), SOME.to_vec(), vec![None; 5]).unwrap();
    assert_eq!(and.as_boolean(), &BooleanArray::from(vec![Some(false), Some(true), None, Some(false), Some(false)]));
    let zero = call("=", vec![x(), int(0)]);
    let or = run(&Expr::Or(vec![zero, positive.clone()]), SOME.to_vec(), vec![None; 5]).unwrap();
    assert_eq!(or.as_boolean(), &BooleanArray::from(vec![Some(true), Some(true), None, Some(false), Some(true)]));
    assert!(run(&Expr::And(vec![positive]), SOME.to_vec(), vec![None; 5]).is_err());
}

#[test]
fn coalesce_and_if_shield_their_later_arguments() {
    let null_where_zero = call("nullif", vec![x(), int(0)]);
    let expr = call("coalesce", vec![call("//", vec![int(10), null_where_zero]), x(), int(7)]);
    assert_eq!(ints(&expr, &SOME).unwrap(), [Some(0), Some(5), Some(7), Some(-3), Some(0)]);
    let shielded = call("coalesce", vec![int(1), tenth()]);
    assert_eq!(ints(&shielded, &SOME).unwrap(), [Some(1); 5]);
    let chosen = call("if", vec![call("=", vec![x(), int(0)]), int(9), tenth()]);
    assert_eq!(ints(&chosen, &SOME).unwrap(), [Some(9), Some(5), None, Some(-3), Some(9)]);
}

#[test]
fn logic_has_three_values() {
    let all = [Some(true), Some(false), None];
    for a in all {
        for other in all {
            let terms = vec![b(), boolean(other)];
            let found = |expr: Expr| run(&expr, vec![None], vec![a]).unwrap().as_boolean().iter().next().unwrap();
            let and =
                if a == Some(false) || other == Some(false) { Some(false) } else { a.zip(other).map(|(a, b)| a && b) };
            let or =
                if a == Some(true) || other == Some(true) { Some(true) } else { a.zip(other).map(|(a, b)| a || b) };
            assert_eq!((found(Expr::And(terms.clone())), found(Expr::Or(terms))), (and, or), "{a:?} {other:?}");
        }
    }
}

#[test]
fn null_is_no_row_of_a_mask() {
    let arrays: [ArrayRef; 1] = [Arc::new(Int32Array::from(SOME.to_vec()))];
    let columns = Columns::new(&[X], &arrays);
    let mask = evaluate_mask(&call(">", vec![x(), int(-1)]), &columns, 5).unwrap();
    assert_eq!(mask.iter().collect::<Vec<_>>(), [true, true, false, false, true]);
    let all = evaluate_mask(&boolean(Some(true)), &columns, 5).unwrap();
    assert_eq!(all.count_set_bits(), 5);
    assert_eq!(evaluate_mask(&Expr::Literal(Scalar::Null(SqlType::Null)), &columns, 5).unwrap().count_set_bits(), 0);
}

#[test]
fn in_knows_null() {
    let list = |items: Vec<Expr>, negated| Expr::InList { arg: Box::new(x()), list: items, negated };
    let found = |expr: Expr| run(&expr, SOME.to_vec(), vec![None; 5]).unwrap().as_boolean().iter().collect::<Vec<_>>();
    let null = Expr::Literal(Scalar::Null(SqlType::Integer));
    assert_eq!(found(list(vec![int(0), int(2)], false)), [Some(true), Some(true), None, Some(false), Some(true)]);
    assert_eq!(found(list(vec![int(0), null.clone()], true)), [Some(false), None, None, None, Some(false)]);
    // The same by hash.
    let many = |last: Expr| (0..40).filter(|item| *item != 2).map(int).chain([last]).collect::<Vec<_>>();
    assert_eq!(found(list(many(int(99)), false)), [Some(true), Some(false), None, Some(false), Some(true)]);
    assert_eq!(found(list(many(null), true)), [Some(false), None, None, None, Some(false)]);
}

#[test]
fn a_missing_column_is_an_error_and_random_is_not_folded() {
    assert!(evaluate_constant(&x()).is_err());
    let random = call("random", vec![]);
    assert_eq!(fold_constants(random.clone()), random);
    let array = evaluate(&random, &Columns::none(), 3).unwrap();
    let values = array.as_any().downcast_ref::<Float64Array>().unwrap().values().to_vec();
    assert!(values[0] != values[1] && values.iter().all(|value| (0.0..1.0).contains(value)), "{values:?}");
}

#[test]
fn folding_keeps_what_cannot_be_computed() {
    let sum = call("+", vec![int(1), call("*", vec![int(2), int(3)])]);
    assert_eq!(fold_constants(sum), int(7));
    let wrong = call("//", vec![int(1), int(0)]);
    assert_eq!(fold_constants(wrong.clone()), wrong);
    let guarded = case(vec![(boolean(Some(false)), wrong)], Some(x()));
    assert_eq!(fold_constants(guarded), x());
    assert_eq!(fold_constants(Expr::And(vec![boolean(Some(true)), b()])), b());
    assert_eq!(fold_constants(Expr::Or(vec![boolean(Some(true)), b()])), boolean(Some(true)));
    let narrowed = call("=", vec![x(), int(5)]);
    assert_eq!(fold_constants(narrowed.clone()), narrowed);
}

#[test]
fn types_meet_as_in_duckdb() {
    let met = |a: &SqlType, b: &SqlType| common_type(a, b).map(|ty| ty.to_string());
    for (a, b, ty) in [
        (SqlType::UBigInt, SqlType::BigInt, "HUGEINT"),
        (SqlType::UTinyInt, SqlType::TinyInt, "SMALLINT"),
        (SqlType::UBigInt, SqlType::Decimal(2, 1), "DECIMAL(21,1)"),
        (SqlType::Decimal(3, 2), SqlType::Decimal(3, 1), "DECIMAL(4,2)"),
        (SqlType::HugeInt, SqlType::Float, "FLOAT"),
        (SqlType::Float, SqlType::Decimal(3, 1), "FLOAT"),
        (SqlType::Date, SqlType::TIMESTAMP, "TIMESTAMP"),
        (SqlType::Varchar, SqlType::Date, "DATE"),
        (SqlType::Boolean, SqlType::Integer, "INTEGER"),
        (SqlType::Null, SqlType::Interval, "INTERVAL"),
    ] {
        assert_eq!((met(&a, &b), met(&b, &a)), (Some(ty.into()), Some(ty.into())));
    }
    assert_eq!(met(&SqlType::Date, &SqlType::Integer), None);
}

fn conditions() -> impl Strategy<Value = Expr> {
    let leaf = prop_oneof![
        Just(b()),
        any::<Option<bool>>().prop_map(boolean),
        (-3..3).prop_map(|k| call("<", vec![x(), int(k)])),
        (-3..3).prop_map(|k| call(">", vec![tenth(), int(k)])),
    ];
    leaf.prop_recursive(4, 24, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 1..4).prop_map(Expr::And),
            prop::collection::vec(inner.clone(), 1..4).prop_map(Expr::Or),
            inner.clone().prop_map(|term| call("not", vec![term])),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| call("coalesce", vec![a, b])),
            (inner.clone(), inner.clone(), inner).prop_map(|(when, then, other)| case(vec![(when, then)], Some(other))),
        ]
    })
}

/// The value in one row, by the definition; the error if the row needs a value that fails.
fn naive(expr: &Expr, x: Option<i32>, b: Option<bool>) -> Result<Option<bool>, ()> {
    let terms = |terms: &[Expr], decides: bool| {
        let mut whole = Some(!decides);
        for term in terms {
            match naive(term, x, b)? {
                Some(value) if value == decides => return Ok(Some(decides)),
                None => whole = None,
                Some(_) => {}
            }
        }
        Ok(whole)
    };
    match expr {
        Expr::And(parts) => terms(parts, false),
        Expr::Or(parts) => terms(parts, true),
        Expr::Case { branches, otherwise, .. } => match naive(&branches[0].0, x, b)? {
            Some(true) => naive(&branches[0].1, x, b),
            _ => naive(otherwise.as_ref().expect("the tests have an ELSE"), x, b),
        },
        Expr::Call { function, args, .. } if function == "not" => Ok(naive(&args[0], x, b)?.map(|value| !value)),
        Expr::Call { function, args, .. } if function == "coalesce" => match naive(&args[0], x, b)? {
            Some(value) => Ok(Some(value)),
            None => naive(&args[1], x, b),
        },
        leaf => run(leaf, vec![x], vec![b]).map(|array| array.as_boolean().iter().next().flatten()).map_err(drop),
    }
}

proptest! {
    #[test]
    fn vectors_and_folding_give_what_rows_give(
        expr in conditions(),
        rows in prop::collection::vec((prop::option::of(-4..4), any::<Option<bool>>()), 1..40),
    ) {
        let (xs, bs): (Vec<_>, Vec<_>) = rows.iter().copied().unzip();
        let expected: Result<Vec<_>, ()> = rows.iter().map(|(x, b)| naive(&expr, *x, *b)).collect();
        let found = |expr: &Expr| run(expr, xs.clone(), bs.clone()).map(|array| array.as_boolean().iter().collect::<Vec<_>>());
        match expected {
            Ok(expected) => {
                prop_assert_eq!(found(&expr), Ok(expected.clone()));
                prop_assert_eq!(found(&fold_constants(expr)), Ok(expected));
            }
            Err(()) => prop_assert!(found(&expr).is_err()),
        }
    }

    #[test]
    fn checked_sums_are_exact(a in any::<i64>(), b in any::<i64>()) {
        let big = |value: i64| Expr::Literal(Scalar::Integer(value.into(), SqlType::BigInt));
        let sum = evaluate(&call("+", vec![big(a), big(b)]), &Columns::none(), 1);
        match a.checked_add(b) {
            Some(expected) => prop_assert_eq!(sum.unwrap().as_primitive::<Int64Type>().value(0), expected),
            None => prop_assert!(sum.is_err()),
        }
    }
}
