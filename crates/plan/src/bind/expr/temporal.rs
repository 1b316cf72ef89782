//! Literals of time: they are read in the calendar of what they meet (SEMANTICS section 4).

use super::{Bound, ExprBinder};
use crate::Result;
use crate::bind::refuse::at_node;
use crate::bind::types::sql_type;
use crate::bind::unify::time_literal;
use hyperslab_expr::{Expr, Scalar, SqlType, scalar};
use hyperslab_grid::Calendar;
use sqlparser::ast;

/// How deep a constant expression of times may be to be seen as one.
const MAX_DEPTH: usize = 50;

/// Whether an expression is made of literals of time and constants only.
pub(super) fn is_time_constant(expr: &ast::Expr) -> bool {
    has_time(expr, MAX_DEPTH) == Some(true)
}

/// Whether there is a literal of time in it; `None` if it is more than constants.
fn has_time(expr: &ast::Expr, depth: usize) -> Option<bool> {
    let depth = depth.checked_sub(1)?;
    match expr {
        ast::Expr::TypedString(typed) => Some(is_time(&typed.data_type)),
        ast::Expr::Cast { expr: arg, data_type, .. } => {
            Some(is_time(data_type) && text_of(arg).is_some()).filter(|time| *time)
        }
        ast::Expr::Nested(inner) => has_time(inner, depth),
        ast::Expr::UnaryOp { expr: arg, .. } => has_time(arg, depth),
        ast::Expr::BinaryOp { left, right, .. } => Some(has_time(left, depth)? | has_time(right, depth)?),
        ast::Expr::Value(_) | ast::Expr::Interval(_) => Some(false),
        ast::Expr::Function(ast::Function { args: ast::FunctionArguments::List(list), over: None, .. }) => {
            let arg = |arg: &ast::FunctionArg| match arg {
                ast::FunctionArg::Unnamed(ast::FunctionArgExpr::Expr(expr)) => has_time(expr, depth),
                _ => None,
            };
            list.args.iter().try_fold(false, |time, next| Some(time | arg(next)?))
        }
        _ => None,
    }
}

fn is_time(ty: &ast::DataType) -> bool {
    matches!(sql_type(ty, crate::Span::default()), Ok(SqlType::Date | SqlType::TIMESTAMP))
}

fn text_of(expr: &ast::Expr) -> Option<&ast::ValueWithSpan> {
    match expr {
        ast::Expr::Value(value) if matches!(value.value, ast::Value::SingleQuotedString(_)) => Some(value),
        ast::Expr::Nested(inner) => text_of(inner),
        _ => None,
    }
}

impl<'a> ExprBinder<'_, 'a> {
    /// `TIMESTAMP '..'`, `DATE '..'`, `INTERVAL '..'` and any other type before a text.
    pub(super) fn typed_string(&mut self, typed: &ast::TypedString) -> Result<Bound> {
        let span = self.binder.text.typed(self.binder.text.span(typed.value.span));
        let Scalar::Varchar(text) = self.binder.literal(&typed.value)? else {
            return Err(crate::Error::new("a type is followed by a text").or_at(Some(span)));
        };
        let ty = sql_type(&typed.data_type, span)?;
        self.time_or_other(&text, &ty, span)
    }

    fn time_or_other(&mut self, text: &str, ty: &SqlType, span: crate::Span) -> Result<Bound> {
        match (ty, self.calendar) {
            (SqlType::Date | SqlType::Timestamp(_), Some(calendar)) => self.time(text, calendar, span),
            (&SqlType::TIMESTAMP, None) => self.time(text, Calendar::ProlepticGregorian, span),
            _ => self.constant(text, ty, span),
        }
    }

    fn time(&mut self, text: &str, calendar: Calendar, span: crate::Span) -> Result<Bound> {
        Ok(Bound::new(time_literal(text, &SqlType::Timestamp(calendar), span)?, span))
    }

    /// `CAST('2001-02-30' AS TIMESTAMP)` is a literal of time as well.
    pub(super) fn cast_time_literal(
        &mut self,
        arg: &'a ast::Expr,
        ty: &ast::DataType,
        or_null: bool,
    ) -> Result<Option<Bound>> {
        let Some(value) = text_of(arg).filter(|_| !or_null && is_time(ty)) else { return Ok(None) };
        let span = self.binder.text.span(value.span);
        let ty = sql_type(ty, span)?;
        match self.binder.literal(value)? {
            Scalar::Varchar(text) => self.time_or_other(&text, &ty, span).map(Some),
            _ => Ok(None),
        }
    }

    /// `INTERVAL '1 day'`, `INTERVAL 3 HOUR`, `INTERVAL (n) DAYS`.
    pub(super) fn interval(&mut self, interval: &'a ast::Interval, whole: &'a ast::Expr) -> Result<Bound> {
        let at = at_node(self.binder.text, whole);
        let more = interval.last_field.is_some()
            || interval.leading_precision.is_some()
            || interval.fractional_seconds_precision.is_some();
        self.binder.refuse(more, "an INTERVAL with a range or a precision of fields", at)?;
        let bound = self.bind(&interval.value)?;
        let span = at.to(bound.span);
        let Some(unit) = &interval.leading_field else { return self.interval_of_text(bound, span) };
        let unit = unit.to_string().to_lowercase();
        match &bound.expr {
            Expr::Literal(Scalar::Varchar(number)) => {
                self.constant(&format!("{number} {unit}"), &SqlType::Interval, span)
            }
            Expr::Literal(Scalar::Integer(number, _)) => {
                self.constant(&format!("{number} {unit}"), &SqlType::Interval, span)
            }
            _ => self.call(&format!("to_{}s", unit.trim_end_matches('s')), vec![bound], span),
        }
    }

    fn interval_of_text(&mut self, bound: Bound, span: crate::Span) -> Result<Bound> {
        match &bound.expr {
            Expr::Literal(Scalar::Varchar(text)) => self.constant(text, &SqlType::Interval, span),
            _ => Err(crate::Error::new("INTERVAL needs a unit")
                .or_at(Some(span))
                .with_hint("write INTERVAL 3 HOUR or INTERVAL '1 day'")),
        }
    }

    /// `EXTRACT(month FROM t)`.
    pub(super) fn extract(
        &mut self,
        field: &ast::DateTimeField,
        arg: &'a ast::Expr,
        whole: &'a ast::Expr,
    ) -> Result<Bound> {
        let part = match field {
            ast::DateTimeField::Custom(ident) => ident.value.clone(),
            other => other.to_string(),
        };
        let at = at_node(self.binder.text, whole);
        let bound = self.bind(arg)?;
        let span = at.to(bound.span);
        self.part_of(&part, bound, span)
    }

    /// A field of a time.
    pub(super) fn part_of(&mut self, part: &str, time: Bound, span: crate::Span) -> Result<Bound> {
        match scalar::date_part_function(&part.to_lowercase()) {
            Some(function) => self.call(function, vec![time], span),
            None => {
                let error = crate::Error::new(format!("'{part}' is no part of a time")).or_at(Some(span));
                Err(error
                    .with_hint("parts are year, quarter, month, week, day, hour, minute, second, dayofyear, epoch ..."))
            }
        }
    }
}
