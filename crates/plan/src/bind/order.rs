//! ORDER BY: keys by expression, position, alias, or ALL.

use super::binder::Binder;
use super::expr::{Clause, Frame};
use super::refuse::{at_node, unsupported};
use crate::{Column, Error, Result, SortKey, Span};
use hyperslab_expr::Expr;
use sqlparser::ast::{self, OrderByKind, OrderBySort};

/// An ORDER BY clause as it is written.
pub(super) enum Order<'a> {
    /// Keys, each with its direction; there may be none.
    By(Vec<(&'a ast::Expr, Direction)>),
    /// Every column of the result.
    All(Direction),
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Direction {
    descending: bool,
    nulls_first: bool,
}

impl Direction {
    /// What an order is if nothing is said.
    pub(super) const ASCENDING: Self = Self { descending: false, nulls_first: false };

    pub(super) fn of(self, expr: Expr) -> SortKey {
        SortKey { expr, descending: self.descending, nulls_first: self.nulls_first }
    }
}

impl Order<'_> {
    pub(super) const NONE: Order<'static> = Order::By(Vec::new());
}

/// A position in the list of the result, if an expression is one: a bare integer.
pub(super) fn position(expr: &ast::Expr) -> Option<&str> {
    match expr {
        ast::Expr::Value(ast::ValueWithSpan { value: ast::Value::Number(text, _), .. })
            if text.bytes().all(|b| b.is_ascii_digit()) =>
        {
            Some(text)
        }
        _ => None,
    }
}

impl<'a> Binder<'a> {
    pub(super) fn order_clause(&self, clause: Option<&'a ast::OrderBy>) -> Result<Order<'a>> {
        let Some(ast::OrderBy { kind, interpolate }) = clause else { return Ok(Order::NONE) };
        self.refuse(interpolate.is_some(), "INTERPOLATE", Span::default())?;
        match kind {
            OrderByKind::All(options) => self.direction(options, Span::default()).map(Order::All),
            OrderByKind::Expressions(keys) => {
                let key = |key: &'a ast::OrderByExpr| {
                    let at = at_node(self.text, &key.expr);
                    self.refuse(key.with_fill.is_some(), "WITH FILL", at)?;
                    Ok((&key.expr, self.direction(&key.options, at)?))
                };
                keys.iter().map(key).collect::<Result<_>>().map(Order::By)
            }
        }
    }

    /// How a key orders.
    pub(super) fn direction(&self, options: &ast::OrderByOptions, at: Span) -> Result<Direction> {
        let descending = match &options.sort {
            None | Some(OrderBySort::Asc) => false,
            Some(OrderBySort::Desc) => true,
            Some(OrderBySort::Using(_)) => return Err(unsupported("ORDER BY .. USING", at)),
        };
        Ok(Direction { descending, nulls_first: options.nulls_first.unwrap_or(false) })
    }

    /// Which of `count` columns of the result a position means.
    ///
    /// # Errors
    /// If there is none.
    pub(super) fn at_position(&self, text: &str, count: usize, expr: &ast::Expr, clause: &str) -> Result<usize> {
        let position = text.parse::<usize>().ok().and_then(|n| n.checked_sub(1)).filter(|n| *n < count);
        position.ok_or_else(|| {
            let error = Error::new(format!("{clause} {text}: the result has {count} columns"));
            error.or_at(Some(at_node(self.text, expr)))
        })
    }

    /// Keys over a result of which only the columns can be seen.
    pub(super) fn result_keys(
        &mut self,
        frame: &mut Frame<'a>,
        columns: &[Column],
        order: &Order<'a>,
    ) -> Result<Vec<SortKey>> {
        let of = |column: &Column| Expr::Column(column.id, column.ty.clone());
        match order {
            Order::All(direction) => Ok(columns.iter().map(|column| direction.of(of(column))).collect()),
            Order::By(keys) => {
                let mut key = |(expr, direction): &(&'a ast::Expr, Direction)| match position(expr) {
                    Some(text) => {
                        Ok(direction.of(of(&columns[self.at_position(text, columns.len(), expr, "ORDER BY")?])))
                    }
                    None => Ok(direction.of(self.expr(frame, Clause::Where).bind(expr)?.expr)),
                };
                keys.iter().map(&mut key).collect()
            }
        }
    }
}
