//! Operators: each is a function of the same name, but AND, OR, CASE and IN.

use super::{Bound, ExprBinder};
use crate::bind::literal::number;
use crate::bind::membership::Quantifier;
use crate::bind::refuse::{at_node, unsupported};
use crate::bind::unify::{condition, unify};
use crate::{Result, Span};
use hyperslab_expr::{Expr, Scalar, SqlType};
use sqlparser::ast::{self, BinaryOperator, UnaryOperator};

impl<'a> ExprBinder<'_, 'a> {
    /// An operator over expressions that meet.
    pub(super) fn operator(&mut self, name: &str, args: &[&'a ast::Expr]) -> Result<Bound> {
        let args = self.bind_together(args)?;
        let span = spans(&args);
        self.call(name, args, span)
    }

    pub(super) fn binary(
        &mut self,
        whole: &'a ast::Expr,
        left: &'a ast::Expr,
        op: &BinaryOperator,
        right: &'a ast::Expr,
    ) -> Result<Bound> {
        match op {
            BinaryOperator::And => self.connective(whole, &BinaryOperator::And),
            BinaryOperator::Or => self.connective(whole, &BinaryOperator::Or),
            BinaryOperator::PGRegexNotMatch => {
                let matches = self.operator("regexp_full_match", &[left, right])?;
                self.not(matches, true)
            }
            _ => {
                let refused = || unsupported(&format!("the operator {op}"), at_node(self.binder.text, whole));
                let name = function_of(op).ok_or_else(refused)?;
                self.operator(name, &[left, right])
            }
        }
    }

    /// A chain of AND or of OR, flat: the tree of a long chain is deep, so it is not walked by recursion.
    fn connective(&mut self, whole: &'a ast::Expr, op: &BinaryOperator) -> Result<Bound> {
        let mut terms = Vec::new();
        let mut first = whole;
        while let ast::Expr::BinaryOp { left, op: inner, right } = first
            && inner == op
        {
            terms.push(right.as_ref());
            first = left;
        }
        terms.push(first);
        let (mut span, mut out) = (None, Vec::with_capacity(terms.len()));
        let is_and = *op == BinaryOperator::And;
        for term in terms.into_iter().rev() {
            let bound = self.bind(term)?;
            span = Some(span.map_or(bound.span, |span: Span| span.to(bound.span)));
            match condition(bound, if is_and { "AND" } else { "OR" })? {
                Expr::And(inner) if is_and => out.extend(inner),
                Expr::Or(inner) if !is_and => out.extend(inner),
                term => out.push(term),
            }
        }
        let expr = if is_and { Expr::And(out) } else { Expr::Or(out) };
        Ok(Bound::new(expr, span.unwrap_or_default()))
    }

    pub(super) fn unary(&mut self, op: UnaryOperator, arg: &'a ast::Expr, whole: &'a ast::Expr) -> Result<Bound> {
        match (op, arg) {
            (
                UnaryOperator::Minus,
                ast::Expr::Value(ast::ValueWithSpan { value: ast::Value::Number(text, _), span }),
            ) => {
                let end = self.binder.text.span(*span);
                let span = self.sign_before(end).to(end);
                let value = number(text, true)
                    .ok_or_else(|| crate::Error::new(format!("{text} is no number")).or_at(Some(span)))?;
                Ok(Bound { literal: matches!(value, Scalar::Integer(..)), expr: Expr::Literal(value), span })
            }
            (UnaryOperator::Minus, _) => self.operator("negate", &[arg]),
            (UnaryOperator::Plus, _) => {
                let bound = self.bind(arg)?;
                if bound.expr.sql_type().is_numeric() {
                    return Ok(bound);
                }
                let error = crate::Error::new(format!("+ needs a number, not {}", bound.expr.sql_type()));
                Err(error.or_at(Some(bound.span)))
            }
            (UnaryOperator::Not, _) => {
                let bound = self.bind(arg)?;
                let span = bound.span;
                let arg = Bound::new(condition(bound, "NOT")?, span);
                self.not(arg, true)
            }
            (UnaryOperator::BitwiseNot, _) => self.operator("~", &[arg]),
            _ => Err(unsupported(&format!("the operator {op}"), at_node(self.binder.text, whole))),
        }
    }

    /// The place of the sign before a number.
    fn sign_before(&self, number: Span) -> Span {
        let start = self.binder.text.sql()[..number.start as usize].trim_end().len() as u32;
        Span { start: start.saturating_sub(1), end: number.end }
    }

    pub(in crate::bind) fn not(&mut self, bound: Bound, negated: bool) -> Result<Bound> {
        let span = bound.span;
        if negated { self.call("not", vec![bound], span) } else { Ok(bound) }
    }

    /// `IS [NOT] TRUE` and `IS [NOT] FALSE`.
    pub(super) fn is_truth(&mut self, arg: &'a ast::Expr, truth: bool, negated: bool) -> Result<Bound> {
        let bound = self.bind(arg)?;
        let span = bound.span;
        let arg = Bound::new(condition(bound, "IS TRUE")?, span);
        let truth = Bound::new(Expr::Literal(Scalar::Boolean(truth)), span);
        let name = if negated { "is distinct from" } else { "is not distinct from" };
        self.call(name, vec![arg, truth], span)
    }

    pub(super) fn between(
        &mut self,
        arg: &'a ast::Expr,
        low: &'a ast::Expr,
        high: &'a ast::Expr,
        negated: bool,
    ) -> Result<Bound> {
        let bound = self.bind_together(&[arg, low, high])?;
        let span = spans(&bound);
        let [arg, low, high] = <[Bound; 3]>::try_from(bound).expect("three were bound");
        let from = self.call(">=", vec![arg.clone(), low], span)?;
        let to = self.call("<=", vec![arg, high], span)?;
        self.not(Bound::new(Expr::And(vec![from.expr, to.expr]), span), negated)
    }

    pub(super) fn in_list(&mut self, arg: &'a ast::Expr, list: &'a [ast::Expr], negated: bool) -> Result<Bound> {
        let operands: Vec<&ast::Expr> = std::iter::once(arg).chain(list).collect();
        let bound = self.bind_together(&operands)?;
        let span = spans(&bound);
        let of_arg = bound[0].span;
        let places: Vec<Span> = bound[1..].iter().map(|item| item.span).collect();
        let (mut exprs, _) = unify(bound, "the operands of IN")?;
        let arg = Box::new(exprs.remove(0));
        // One warning says enough, and a list may be long.
        const WATCHED: usize = 64;
        for (item, at) in exprs.iter().zip(places).take(WATCHED) {
            if self.watch_labels((&arg, of_arg), (item, at))? {
                break;
            }
        }
        Ok(Bound::new(Expr::InList { arg, list: exprs, negated }, span))
    }

    /// `x > ANY (..)` and `x > ALL (..)` with a subquery; `= ANY` and `<> ALL` also with a list.
    pub(super) fn compared(
        &mut self,
        whole: &'a ast::Expr,
        arg: &'a ast::Expr,
        op: &BinaryOperator,
        right: &'a ast::Expr,
        quantifier: Quantifier,
    ) -> Result<Bound> {
        let refused = |what: &str| unsupported(what, at_node(self.binder.text, whole));
        let is_comparison = |name: &&'static str| matches!(*name, "=" | "<>" | "<" | "<=" | ">" | ">=");
        let operator =
            function_of(op).filter(is_comparison).ok_or_else(|| refused(&format!("{op} before ANY or ALL")))?;
        match (right, operator, quantifier) {
            (ast::Expr::Nested(inner), ..) => self.compared(whole, arg, op, inner, quantifier),
            (ast::Expr::Subquery(query), ..) => self.quantified(arg, operator, quantifier, query),
            (ast::Expr::Array(list), "=", Quantifier::Any) => self.in_list(arg, &list.elem, false),
            (ast::Expr::Array(list), "<>", Quantifier::All) => {
                let is_in = self.in_list(arg, &list.elem, false)?;
                self.not(is_in, true)
            }
            _ => Err(refused("ANY or ALL of this").with_hint("it takes a subquery: x > ALL (SELECT ..)")),
        }
    }

    pub(super) fn like(
        &mut self,
        name: &str,
        arg: &'a ast::Expr,
        pattern: &'a ast::Expr,
        negated: bool,
        more: bool,
    ) -> Result<Bound> {
        let like = self.operator(name, &[arg, pattern])?;
        self.binder.refuse(more, "LIKE with ANY or ESCAPE", like.span)?;
        self.not(like, negated)
    }

    pub(super) fn case(
        &mut self,
        operand: Option<&'a ast::Expr>,
        conditions: &'a [ast::CaseWhen],
        otherwise: Option<&'a ast::Expr>,
        span: Span,
    ) -> Result<Bound> {
        let mut whens = Vec::with_capacity(conditions.len());
        for branch in conditions {
            let when = match operand {
                Some(operand) => self.operator("=", &[operand, &branch.condition])?,
                None => self.bind(&branch.condition)?,
            };
            whens.push(condition(when, "WHEN")?);
        }
        let results: Vec<&ast::Expr> = conditions.iter().map(|branch| &branch.result).chain(otherwise).collect();
        let (mut results, ty) = unify(self.bind_together(&results)?, "the results of CASE")?;
        let otherwise = otherwise.and_then(|_| results.pop()).map(Box::new);
        let branches = whens.into_iter().zip(results).collect();
        Ok(Bound::new(Expr::Case { branches, otherwise, ty }, span))
    }

    pub(super) fn cast(
        &mut self,
        kind: &ast::CastKind,
        arg: &'a ast::Expr,
        ty: &ast::DataType,
        has_format: bool,
        whole: &'a ast::Expr,
    ) -> Result<Bound> {
        let or_null = matches!(kind, ast::CastKind::TryCast | ast::CastKind::SafeCast);
        if let Some(bound) = self.cast_time_literal(arg, ty, or_null)? {
            return Ok(bound);
        }
        let bound = self.bind(arg)?;
        self.binder.refuse(has_format, "CAST with FORMAT", bound.span)?;
        let to = crate::bind::types::sql_type(ty, bound.span)?;
        let from = bound.expr.sql_type();
        if !hyperslab_expr::cast::can_cast(&from, &to) {
            let error = crate::Error::new(format!("there is no cast from {from} to {to}"));
            return Err(error.or_at(Some(at_node(self.binder.text, whole).to(bound.span))));
        }
        let span = bound.span;
        if from == to {
            return Ok(Bound::new(bound.expr, span));
        }
        if !or_null {
            let hint = "TRY_CAST gives NULL instead";
            let cast = crate::bind::unify::cast(bound, &to);
            let cast = cast.map_err(|error| if error.hint.is_none() { error.with_hint(hint) } else { error });
            return Ok(Bound::new(cast?, span));
        }
        Ok(Bound::new(Expr::Cast { arg: Box::new(bound.expr), to, or_null, at: Some(span) }, span))
    }

    /// A constant of a type, such as what `INTERVAL '1 day'` gives.
    pub(super) fn constant(&self, text: &str, ty: &SqlType, span: Span) -> Result<Bound> {
        let text = Bound { expr: Expr::Literal(Scalar::Varchar(text.to_string())), span, literal: true };
        Ok(Bound::new(crate::bind::unify::cast(text, ty)?, span))
    }
}

/// The span of operands taken together.
fn spans(bound: &[Bound]) -> Span {
    bound.iter().map(|b| b.span).reduce(Span::to).unwrap_or_default()
}

fn function_of(op: &BinaryOperator) -> Option<&'static str> {
    Some(match op {
        BinaryOperator::Plus => "+",
        BinaryOperator::Minus => "-",
        BinaryOperator::Multiply => "*",
        BinaryOperator::Divide => "/",
        BinaryOperator::DuckIntegerDivide | BinaryOperator::MyIntegerDivide => "//",
        BinaryOperator::Modulo => "%",
        BinaryOperator::BitwiseXor | BinaryOperator::PGExp => "^",
        BinaryOperator::Custom(op) if op == "**" => "^",
        BinaryOperator::Eq => "=",
        BinaryOperator::NotEq => "<>",
        BinaryOperator::Lt => "<",
        BinaryOperator::LtEq => "<=",
        BinaryOperator::Gt => ">",
        BinaryOperator::GtEq => ">=",
        BinaryOperator::StringConcat => "||",
        BinaryOperator::BitwiseAnd => "&",
        BinaryOperator::BitwiseOr => "|",
        BinaryOperator::PGBitwiseShiftLeft => "<<",
        BinaryOperator::PGBitwiseShiftRight => ">>",
        BinaryOperator::PGRegexMatch => "regexp_full_match",
        BinaryOperator::PGLikeMatch => "like",
        BinaryOperator::PGILikeMatch => "ilike",
        _ => return None,
    })
}
