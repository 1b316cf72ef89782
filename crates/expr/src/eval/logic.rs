//! AND and OR in three-valued logic. Terms are evaluated left to right; a term that can fail, or that few rows still
//! need, sees only the rows that are undecided.

use super::{Rows, as_boolean, is_all, never_fails};
use crate::scalar::Value;
use crate::{Expr, Result};
use arrow::array::{Array, BooleanArray, BooleanBuilder};
use arrow::buffer::BooleanBuffer;
use arrow::compute::{and_kleene, or_kleene};
use std::sync::Arc;

#[derive(Clone, Copy, PartialEq)]
pub(super) enum Connective {
    And,
    Or,
}

impl Connective {
    /// The value of a term that decides the whole.
    fn decides(self) -> bool {
        self == Self::Or
    }

    fn join(self, a: &BooleanArray, b: &BooleanArray) -> Result<BooleanArray> {
        Ok(match self {
            Self::And => and_kleene(a, b)?,
            Self::Or => or_kleene(a, b)?,
        })
    }
}

pub(super) fn connect(terms: &[Expr], connective: Connective, rows: &Rows<'_>) -> Result<Value> {
    let Some((first, rest)) = terms.split_first() else {
        return Ok(Value::Constant(Arc::new(BooleanArray::from(vec![!connective.decides()]))));
    };
    let mut joined = as_boolean(rows.value(first)?, rows.rows)?;
    for term in rest {
        let open = undecided(&joined, connective);
        let needed = open.count_set_bits();
        if needed == 0 {
            break;
        }
        let next = if is_all(&open) || never_fails(term) && needed > rows.rows / 8 {
            as_boolean(rows.value(term)?, rows.rows)?
        } else {
            spread(&as_boolean(rows.only(term, &open)?, needed)?, &open, connective.decides())
        };
        joined = connective.join(&joined, &next)?;
    }
    Ok(Value::Array(Arc::new(joined)))
}

/// The rows that no term has decided: those that are NULL, or not the deciding value.
fn undecided(joined: &BooleanArray, connective: Connective) -> BooleanBuffer {
    let open = if connective.decides() { !joined.values() } else { joined.values().clone() };
    match joined.nulls() {
        Some(nulls) => &open | &!nulls.inner(),
        None => open,
    }
}

/// Values of the open rows, back at their places; the others, decided already, are repeated as such.
fn spread(values: &BooleanArray, open: &BooleanBuffer, decided: bool) -> BooleanArray {
    let mut out = BooleanBuilder::with_capacity(open.len());
    let mut from = 0;
    for is_open in open {
        if !is_open {
            out.append_value(decided);
            continue;
        }
        out.append_option(values.is_valid(from).then(|| values.value(from)));
        from += 1;
    }
    out.finish()
}
