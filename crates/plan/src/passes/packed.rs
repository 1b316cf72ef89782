//! Expressions over a packed variable, written over the integers that stand for its values.

use super::parts::{cast, read};
use crate::{Column, Result};
use hyperslab_expr::{ColumnId, Expr, Scalar, Span, SqlType, scalar};
use hyperslab_grid::Packing;
use std::ops::{Bound, RangeInclusive};

/// A packed variable of a scan, and the column of its integers.
pub(super) struct Packed {
    /// The column of the values.
    pub(super) values: ColumnId,
    /// The column of the integers.
    pub(super) integers: Column,
    /// Which integers stand for which values.
    pub(super) packing: Packing,
}

impl Packed {
    /// An expression whose comparisons of the values with constants, and tests for NULL, are of the integers. Other uses of the
    /// values stay.
    pub(super) fn rewritten(&self, expr: Expr) -> Result<Expr> {
        expr.transform(&mut |part| {
            let Expr::Call { function, args, ty, at } = part else { return Ok(part) };
            let instead = match (function.as_str(), args.as_slice()) {
                ("is null" | "is not null", [arg]) if self.is_values(arg) => {
                    Some(scalar::call(&function, vec![self.integers()], at)?)
                }
                (_, [left, Expr::Literal(right)]) if self.is_values(left) => self.compared(&function, right, at)?,
                (_, [Expr::Literal(left), right]) if self.is_values(right) => match turned(&function) {
                    Some(function) => self.compared(function, left, at)?,
                    None => None,
                },
                _ => None,
            };
            Ok(instead.unwrap_or(Expr::Call { function, args, ty, at }))
        })
    }

    /// The integers.
    pub(super) fn integers(&self) -> Expr {
        read(&self.integers)
    }

    /// Whether an expression is the values as they are, or as a wider type.
    pub(super) fn is_values(&self, expr: &Expr) -> bool {
        match expr {
            Expr::Column(id, _) => *id == self.values,
            Expr::Cast { arg, to: SqlType::Double, .. } => self.is_values(arg),
            _ => false,
        }
    }

    /// The value that an integer, or something between two of them, stands for.
    pub(super) fn unpacked(&self, integer: Expr) -> Result<Expr> {
        self.with_offset(self.scaled(integer)?)
    }

    /// An expression times the scale.
    pub(super) fn scaled(&self, integer: Expr) -> Result<Expr> {
        scalar::call("*", vec![cast(integer, &self.ty()), self.constant(self.packing.scale())], None)
    }

    /// An expression plus the offset, if there is one.
    fn with_offset(&self, scaled: Expr) -> Result<Expr> {
        if self.packing.offset() == 0.0 {
            return Ok(scaled);
        }
        scalar::call("+", vec![scaled, self.constant(self.packing.offset())], None)
    }

    /// Some times the offset.
    pub(super) fn offsets(&self, times: Expr) -> Result<Expr> {
        scalar::call("*", vec![cast(times, &self.ty()), self.constant(self.packing.offset())], None)
    }

    fn ty(&self) -> SqlType {
        if self.packing.is_single() { SqlType::Float } else { SqlType::Double }
    }

    fn constant(&self, value: f64) -> Expr {
        Expr::Literal(if self.packing.is_single() { Scalar::Float(value as f32) } else { Scalar::Double(value) })
    }

    /// A comparison of the values with a constant, as one of the integers; none if the constant is not a plain number.
    fn compared(&self, function: &str, with: &Scalar, at: Option<Span>) -> Result<Option<Expr>> {
        let value = match with {
            Scalar::Double(value) => *value,
            Scalar::Float(value) => f64::from(*value),
            _ => return Ok(None),
        };
        if value.is_nan() {
            return Ok(None);
        }
        let (low, high) = match function {
            "=" | "<>" => (Bound::Included(value), Bound::Included(value)),
            "<" => (Bound::Unbounded, Bound::Excluded(value)),
            "<=" => (Bound::Unbounded, Bound::Included(value)),
            ">" => (Bound::Excluded(value), Bound::Unbounded),
            ">=" => (Bound::Included(value), Bound::Unbounded),
            _ => return Ok(None),
        };
        let within = self.within(&self.packing.between(low, high), at)?;
        Ok(Some(if function == "<>" { scalar::call("not", vec![within], at)? } else { within }))
    }

    /// Whether an integer is one of a range; NULL if there is none.
    fn within(&self, range: &RangeInclusive<i64>, at: Option<Span>) -> Result<Expr> {
        let all = self.packing.integers();
        let compare = |function: &str, with: i64| {
            let with = Expr::Literal(Scalar::Integer(i128::from(with), self.integers.ty.clone()));
            scalar::call(function, vec![self.integers(), with], at)
        };
        if range.is_empty() {
            // False for every integer, and not for NULL.
            return compare("<", *all.start());
        }
        match (range.start() == all.start(), range.end() == all.end()) {
            (true, _) => compare("<=", *range.end()),
            (_, true) => compare(">=", *range.start()),
            _ if range.start() == range.end() => compare("=", *range.start()),
            _ => Ok(Expr::And(vec![compare(">=", *range.start())?, compare("<=", *range.end())?])),
        }
    }
}

/// The comparison that says the same with its sides exchanged.
fn turned(function: &str) -> Option<&'static str> {
    Some(match function {
        "=" => "=",
        "<>" => "<>",
        "<" => ">",
        "<=" => ">=",
        ">" => "<",
        ">=" => "<=",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::{Array, ArrayRef, AsArray, Float64Array, Int8Array};
    use arrow::datatypes::DataType;
    use hyperslab_expr::eval::{Columns, evaluate};
    use std::sync::Arc;

    const VALUES: ColumnId = ColumnId(1);
    const INTEGERS: ColumnId = ColumnId(2);

    fn packed(scale: f64, offset: f64) -> Packed {
        let packing = Packing::new(DataType::Int8, scale, offset, false).expect("tells bytes apart");
        let integers = Column { id: INTEGERS, name: "p".into(), ty: SqlType::TinyInt, metadata: Default::default() };
        Packed { values: VALUES, integers, packing }
    }

    /// Every integer and NULL, and the values that they stand for.
    fn columns(of: &Packed) -> [ArrayRef; 2] {
        let integers: Vec<Option<i8>> = (i8::MIN..=i8::MAX).map(Some).chain([None]).collect();
        let values = integers.iter().map(|p| p.map(|p| of.packing.value(i64::from(p))));
        [Arc::new(values.collect::<Float64Array>()), Arc::new(Int8Array::from(integers))]
    }

    #[test]
    fn comparisons_of_integers_say_what_those_of_values_say() {
        let constants = [-1e9, -64.0, -3.25, -3.0, 0.0, 0.1, 12.5, 63.5, 63.6, 1e9, f64::INFINITY, f64::NEG_INFINITY];
        for of in [packed(0.5, 0.0), packed(-0.5, 3.0), packed(0.1, 0.1)] {
            let columns = columns(&of);
            let run = |expr: &Expr| {
                evaluate(expr, &Columns::new(&[VALUES, INTEGERS], &columns), 257).expect("comparisons never fail")
            };
            for (function, constant) in
                ["=", "<>", "<", "<=", ">", ">="].into_iter().flat_map(|f| constants.map(|c| (f, c)))
            {
                let (values, constant) =
                    (Expr::Column(VALUES, SqlType::Double), Expr::Literal(Scalar::Double(constant)));
                for args in [vec![values.clone(), constant.clone()], vec![constant.clone(), values.clone()]] {
                    let expr = scalar::call(function, args, None).expect("numbers compare");
                    let written = of.rewritten(expr.clone()).expect("can be written");
                    assert_eq!(written.columns(), [INTEGERS], "{expr:?}");
                    let (found, wanted) = (run(&written), run(&expr));
                    assert_eq!(found.as_boolean(), wanted.as_boolean(), "{expr:?} as {written:?}");
                    assert!(found.is_null(256));
                }
            }
        }
    }

    #[test]
    fn other_uses_of_values_stay() {
        let of = packed(0.5, 0.0);
        let values = || Expr::Column(VALUES, SqlType::Double);
        let nan = Expr::Literal(Scalar::Double(f64::NAN));
        for (function, other) in [("<", values()), ("<", nan), ("+", Expr::Literal(Scalar::Double(1.0)))] {
            let expr = scalar::call(function, vec![values(), other], None).expect("binds");
            let written = of.rewritten(expr).expect("stays");
            assert!(written.columns().contains(&VALUES) && !written.columns().contains(&INTEGERS), "{written:?}");
        }
    }

    #[test]
    fn integers_are_unpacked_as_decoding_does() {
        for of in [packed(0.1, 0.3), packed(-0.7, 0.0)] {
            let columns = columns(&of);
            let unpacked = of.unpacked(of.integers()).expect("can be written");
            let found = evaluate(&unpacked, &Columns::new(&[VALUES, INTEGERS], &columns), 257).expect("never fails");
            assert_eq!(&found, &columns[0]);
        }
    }
}
