//! Expressions: names to columns, operators to functions, casts written out.

mod column;
mod function;
mod operator;
mod special;
mod temporal;

use super::attach::Attached;
use super::binder::Binder;
use super::grouping_sets::GroupingCall;
use super::membership::Quantifier;
use super::refuse::{at_node, unsupported};
use super::scope::Scope;
use super::text::Text;
use super::unify::{adapt, cast, condition, unify};
use super::window::Windowed;
use crate::{Column, Error, Result, Span};
use hyperslab_expr::{AggregateCall, ColumnId, Expr, Scalar, SqlType, eval, scalar};
use hyperslab_grid::Calendar;
use sqlparser::ast;

/// An expression and where it stands.
#[derive(Clone, Debug)]
pub(in crate::bind) struct Bound {
    pub(in crate::bind) expr: Expr,
    pub(in crate::bind) span: Span,
    /// Whether it is a bare constant, which takes the type of what it meets.
    pub(in crate::bind) literal: bool,
}

impl Bound {
    pub(in crate::bind) fn new(expr: Expr, span: Span) -> Self {
        Self { expr, span, literal: false }
    }

    pub(in crate::bind) fn is_text_literal(&self) -> bool {
        self.literal && matches!(self.expr, Expr::Literal(Scalar::Varchar(_)))
    }
}

/// Which clause an expression stands in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::bind) enum Clause {
    Select,
    Where,
    GroupBy,
    Having,
    Qualify,
    OrderBy,
    On,
    Values,
    Constant,
}

impl Clause {
    pub(in crate::bind) fn name(self) -> &'static str {
        match self {
            Self::Select => "SELECT",
            Self::Where => "WHERE",
            Self::GroupBy => "GROUP BY",
            Self::Having => "HAVING",
            Self::Qualify => "QUALIFY",
            Self::OrderBy => "ORDER BY",
            Self::On => "ON",
            Self::Values => "VALUES",
            Self::Constant => "a constant",
        }
    }

    fn takes_aggregates(self) -> bool {
        matches!(self, Self::Select | Self::Having | Self::Qualify | Self::OrderBy)
    }

    pub(in crate::bind) fn takes_windows(self) -> bool {
        matches!(self, Self::Select | Self::Qualify | Self::OrderBy)
    }
}

/// A name that the list of a SELECT gives to an expression.
pub(in crate::bind) struct Alias<'a> {
    pub(in crate::bind) name: String,
    pub(in crate::bind) expr: &'a ast::Expr,
}

/// What the expressions of one SELECT share.
#[derive(Default)]
pub(in crate::bind) struct Frame<'a> {
    pub(in crate::bind) scope: Scope,
    pub(in crate::bind) aliases: Vec<Alias<'a>>,
    /// How many of the aliases can be seen: in the list itself, those further left.
    pub(in crate::bind) visible_aliases: usize,
    /// The aliases being bound right now: one cannot mean itself.
    open_aliases: Vec<usize>,
    /// The aggregates met, each once.
    pub(in crate::bind) aggregates: Vec<(Column, AggregateCall)>,
    /// The calls of window functions met, each once.
    pub(in crate::bind) windows: Vec<Windowed>,
    /// The calls of GROUPING met, each once.
    pub(in crate::bind) grouping_calls: Vec<GroupingCall>,
    /// The windows that the SELECT names.
    pub(in crate::bind) named_windows: &'a [ast::NamedWindowDefinition],
    /// The subqueries met.
    pub(in crate::bind) attached: Vec<Attached>,
    /// What each of them is as an expression: an alias may be written out several times.
    pub(in crate::bind) subqueries: Vec<(&'a ast::Query, Expr)>,
    /// Where columns are mentioned.
    pub(in crate::bind) mentions: Vec<(ColumnId, Span)>,
}

impl Frame<'_> {
    /// Whether a column is the result of an aggregate or of a window function.
    pub(in crate::bind) fn is_computed(&self, id: ColumnId) -> bool {
        self.aggregates.iter().any(|(column, _)| column.id == id)
            || self.grouping_calls.iter().any(|call| call.column.id == id)
            || self.windows.iter().any(|windowed| windowed.column.id == id)
    }

    /// Whether a column is that of a subquery: the same for all rows, or looked up by keys.
    pub(in crate::bind) fn is_attached(&self, id: ColumnId) -> bool {
        self.attached.iter().any(|attached| attached.columns.contains(&id))
    }

    /// Whether a column is the result of a window function.
    pub(in crate::bind) fn is_window(&self, id: ColumnId) -> bool {
        self.windows.iter().any(|windowed| windowed.column.id == id)
    }
}

/// Binds expressions of one clause.
pub(in crate::bind) struct ExprBinder<'e, 'a> {
    pub(in crate::bind) binder: &'e mut Binder<'a>,
    pub(in crate::bind) frame: &'e mut Frame<'a>,
    pub(in crate::bind) clause: Clause,
    /// Within the arguments of an aggregate.
    pub(in crate::bind) in_aggregate: bool,
    /// Within a call with OVER.
    pub(in crate::bind) in_window: bool,
    /// The calendar in which literals of time are read.
    calendar: Option<Calendar>,
}

impl<'a> Binder<'a> {
    pub(in crate::bind) fn expr<'e>(&'e mut self, frame: &'e mut Frame<'a>, clause: Clause) -> ExprBinder<'e, 'a> {
        ExprBinder { binder: self, frame, clause, in_aggregate: false, in_window: false, calendar: None }
    }

    /// An expression that reads no column.
    ///
    /// # Errors
    /// If it does.
    pub(in crate::bind) fn bind_constant(&mut self, expr: &'a ast::Expr, what: &'static str) -> Result<Bound> {
        let mut frame = Frame::default();
        self.expr(&mut frame, Clause::Constant).bind(expr).map_err(|error| {
            match error.message.starts_with("there is no column") {
                true => Error { hint: Some(format!("{what} takes a constant")), ..error },
                false => error,
            }
        })
    }
}

impl<'a> ExprBinder<'_, 'a> {
    /// Binds an expression.
    ///
    /// # Errors
    /// What is wrong with it, with its place.
    pub(in crate::bind) fn bind(&mut self, expr: &'a ast::Expr) -> Result<Bound> {
        self.binder.enter().map_err(|error| error.or_at(Some(at_node(self.binder.text, expr))))?;
        let bound = self.dispatch(expr);
        self.binder.leave();
        bound
    }

    fn dispatch(&mut self, expr: &'a ast::Expr) -> Result<Bound> {
        use ast::Expr as E;
        match expr {
            E::Identifier(ident) => self.identifier(ident),
            E::CompoundIdentifier(parts) => self.compound_identifier(parts),
            E::Value(value) => self.literal(value),
            E::Nested(inner) => self.bind(inner),
            E::BinaryOp { left, op, right } => self.binary(expr, left, op, right),
            E::UnaryOp { op, expr: arg } => self.unary(*op, arg, expr),
            E::IsNull(arg) => self.operator("is null", &[arg.as_ref()]),
            E::IsNotNull(arg) => self.operator("is not null", &[arg.as_ref()]),
            E::IsTrue(arg) => self.is_truth(arg, true, false),
            E::IsNotTrue(arg) => self.is_truth(arg, true, true),
            E::IsFalse(arg) => self.is_truth(arg, false, false),
            E::IsNotFalse(arg) => self.is_truth(arg, false, true),
            E::IsUnknown(arg) => self.operator("is null", &[arg.as_ref()]),
            E::IsNotUnknown(arg) => self.operator("is not null", &[arg.as_ref()]),
            E::IsDistinctFrom(a, b) => self.operator("is distinct from", &[a.as_ref(), b.as_ref()]),
            E::IsNotDistinctFrom(a, b) => self.operator("is not distinct from", &[a.as_ref(), b.as_ref()]),
            E::Between { expr: arg, negated, low, high } => self.between(arg, low, high, *negated),
            E::InList { expr: arg, list, negated } => self.in_list(arg, list, *negated),
            E::Like { negated, any, expr: arg, pattern, escape_char } => {
                self.like("like", arg, pattern, *negated, *any || escape_char.is_some())
            }
            E::ILike { negated, any, expr: arg, pattern, escape_char } => {
                self.like("ilike", arg, pattern, *negated, *any || escape_char.is_some())
            }
            E::Cast { kind, expr: arg, data_type, format } => self.cast(kind, arg, data_type, format.is_some(), expr),
            E::TypedString(typed) => self.typed_string(typed),
            E::Interval(interval) => self.interval(interval, expr),
            E::Case { operand, conditions, else_result, case_token, end_token } => {
                let span = self.binder.text.span(case_token.0.span).to(self.binder.text.span(end_token.0.span));
                self.case(operand.as_deref(), conditions, else_result.as_deref(), span)
            }
            E::Function(function) => self.function(function),
            E::Extract { field, syntax: _, expr: arg } => self.extract(field, arg, expr),
            E::Ceil { expr: arg, field } => self.rounded("ceil", arg, field, expr),
            E::Floor { expr: arg, field } => self.rounded("floor", arg, field, expr),
            E::Position { expr: what, r#in } => self.special("strpos", &[r#in.as_ref(), what.as_ref()], expr),
            E::Substring { expr: arg, substring_from, substring_for, special: _, shorthand: _ } => {
                self.substring(arg, substring_from.as_deref(), substring_for.as_deref(), expr)
            }
            E::Trim { trim_where, trim_what, expr: arg, trim_characters } => {
                self.trim(*trim_where, trim_what.as_deref(), arg, trim_characters.as_deref(), expr)
            }
            E::Subquery(query) => self.scalar_subquery(query),
            E::Exists { subquery, negated } => self.exists(subquery, *negated),
            E::AnyOp { left, compare_op, right, is_some: _ } => {
                self.compared(expr, left, compare_op, right, Quantifier::Any)
            }
            E::AllOp { left, compare_op, right } => self.compared(expr, left, compare_op, right, Quantifier::All),
            E::InSubquery { expr: arg, subquery, negated } => self.in_subquery(arg, subquery, *negated),
            E::Array(array) => self.list(&array.elem, expr),
            E::CompoundFieldAccess { root, access_chain } => self.access(root, access_chain, expr),
            other => Err(unsupported(kind(other), at_node(self.binder.text, other))),
        }
    }

    fn literal(&mut self, value: &ast::ValueWithSpan) -> Result<Bound> {
        let span = self.binder.text.span(value.span);
        let value = self.binder.literal(value)?;
        let literal = matches!(value, Scalar::Integer(..) | Scalar::Varchar(_) | Scalar::Null(_));
        Ok(Bound { expr: Expr::Literal(value), span, literal })
    }

    /// Binds a condition.
    ///
    /// # Errors
    /// If it is not BOOLEAN.
    pub(in crate::bind) fn condition(&mut self, expr: &'a ast::Expr) -> Result<Expr> {
        let what = self.clause.name();
        condition(self.bind(expr)?, what)
    }

    /// Binds what meets: literals of time are read in the calendar of the others.
    fn bind_together(&mut self, exprs: &[&'a ast::Expr]) -> Result<Vec<Bound>> {
        let waits: Vec<bool> =
            exprs.iter().map(|expr| self.calendar.is_none() && temporal::is_time_constant(expr)).collect();
        if !waits.contains(&true) {
            return exprs.iter().map(|expr| self.bind(expr)).collect();
        }
        let mut bound: Vec<Option<Bound>> = exprs.iter().map(|_| None).collect();
        for (at, expr) in exprs.iter().enumerate().filter(|(at, _)| !waits[*at]) {
            bound[at] = Some(self.bind(expr)?);
        }
        let calendars = bound.iter().flatten().filter_map(|b| match b.expr.sql_type() {
            SqlType::Timestamp(calendar) if calendar != Calendar::ProlepticGregorian => Some(calendar),
            _ => None,
        });
        self.calendar = calendars.into_iter().next();
        let late = exprs.iter().enumerate().filter(|(at, _)| waits[*at]).try_for_each(|(at, expr)| {
            bound[at] = Some(self.bind(expr)?);
            Ok(())
        });
        self.calendar = None;
        late.map(|()| bound.into_iter().map(|b| b.expect("each was bound, early or late")).collect())
    }

    /// A call of a scalar function, its arguments cast to what it takes.
    ///
    /// # Errors
    /// If there is no such function, or none for these types.
    pub(in crate::bind) fn call(&mut self, name: &str, mut args: Vec<Bound>, span: Span) -> Result<Bound> {
        if args.len() > 1 {
            adapt(&mut args);
        }
        let function =
            settle(name, &args).map_err(|error| with_time(error, &args, self.binder.text).or_at(Some(span)))?;
        self.binder.is_volatile |= scalar::is_volatile(function.name);
        let is_text = |(arg, ty): &(&Bound, &SqlType)| **ty == SqlType::Blob && arg.expr.sql_type() == SqlType::Varchar;
        if function.name.starts_with("st_")
            && let Some((text, _)) = args.iter().zip(&function.arg_types).find(is_text)
        {
            let error = Error::new("this is a text, not a shape").or_at(Some(text.span));
            return Err(error.with_hint("write ST_GeomFromText(..) around it"));
        }
        let cast = |(arg, ty): (Bound, &SqlType)| cast(arg, ty);
        let spans: Vec<Span> = args.iter().map(|arg| arg.span).collect();
        let args = args.into_iter().zip(&function.arg_types).map(cast).collect::<Result<Vec<_>>>()?;
        if let ("=", [left, right], [at, other]) = (function.name, &args[..], &spans[..]) {
            self.watch_labels((left, *at), (right, *other))?;
        }
        let ty = scalar::type_of_call(&function, &args);
        Ok(Bound::new(Expr::Call { function: function.name.to_string(), args, ty, at: Some(span) }, span))
    }

    /// A list: a constant one if its items are.
    fn list(&mut self, items: &'a [ast::Expr], whole: &'a ast::Expr) -> Result<Bound> {
        let span = self.list_span(items, whole);
        let items = self.bind_together(&items.iter().collect::<Vec<_>>())?;
        let is_constant = items.iter().all(|item| item.expr.columns().is_empty() && !item.expr.is_volatile());
        if !is_constant {
            return self.call("list_value", items, span);
        }
        let (items, ty) = unify(items, "a list")?;
        let values = items.iter().map(|item| eval::evaluate_constant(item).map_err(|error| error.or_at(Some(span))));
        Ok(Bound::new(Expr::Literal(Scalar::List(values.collect::<Result<_>>()?, ty)), span))
    }

    fn list_span(&self, items: &[ast::Expr], whole: &ast::Expr) -> Span {
        let text = self.binder.text;
        let ends = items.first().zip(items.last()).map(|(first, last)| at_node(text, first).to(at_node(text, last)));
        ends.unwrap_or_else(|| at_node(text, whole))
    }
}

/// A hint where a time meets a number that may be a year.
fn with_time(error: Error, args: &[Bound], text: &Text) -> Error {
    let is_time = |arg: &&Bound| matches!(arg.expr.sql_type(), SqlType::Timestamp(_) | SqlType::Date);
    let year = args.iter().find_map(|arg| match &arg.expr {
        Expr::Literal(Scalar::Integer(year @ 1000..=9999, _)) => Some(*year),
        _ => None,
    });
    match (args.iter().find(is_time), year) {
        (Some(time), Some(year)) => Error { hint: None, ..error }
            .with_hint(format!("write TIMESTAMP '{year}-01-01', or compare year({})", text.slice(time.span))),
        _ => error,
    }
}

/// The function for arguments of these types; text literals may take any type that the function asks for.
fn settle(name: &str, args: &[Bound]) -> Result<scalar::BoundFunction> {
    let types: Vec<SqlType> = args.iter().map(|arg| arg.expr.sql_type()).collect();
    scalar::bind(name, &types).or_else(|error| {
        let open = |arg: &Bound| if arg.is_text_literal() { SqlType::Null } else { arg.expr.sql_type() };
        let open: Vec<SqlType> = args.iter().map(open).collect();
        if open == types { Err(error) } else { scalar::bind(name, &open).map_err(|_| error) }
    })
}

/// What a kind of expression is called.
fn kind(expr: &ast::Expr) -> &'static str {
    use ast::Expr as E;
    match expr {
        E::InUnnest { .. } => "IN UNNEST",
        E::SimilarTo { .. } => "SIMILAR TO",
        E::RLike { .. } => "RLIKE",
        E::AtTimeZone { .. } => "AT TIME ZONE",
        E::Collate { .. } => "COLLATE",
        E::Tuple(_) => "a tuple",
        E::Struct { .. } | E::Dictionary(_) | E::Map(_) | E::Named { .. } => "STRUCT and MAP",
        E::GroupingSets(_) => "GROUPING SETS",
        E::Cube(_) => "CUBE",
        E::Rollup(_) => "ROLLUP",
        E::Lambda(_) => "a lambda",
        E::JsonAccess { .. } | E::IsJson { .. } => "JSON",
        E::Overlay { .. } => "OVERLAY",
        E::Convert { .. } => "CONVERT (write CAST)",
        E::Wildcard(_) | E::QualifiedWildcard(..) => "* within an expression",
        _ => "this kind of expression",
    }
}
