//! Window functions: each call becomes a column that a window above the grouping computes.

use super::binder::Binder;
use super::expr::{Bound, Clause, ExprBinder, Frame};
use super::grouping::{Grouping, same_call, same_expr};
use super::name::function_name;
use super::refuse::{at_node, unsupported};
use super::scope::quoted;
use super::unify::{cast, unify};
use crate::window::{FrameBound, FramePlace, FrameUnits, Window, WindowCall, WindowFrame, WindowFunction};
use crate::{Column, Error, Result, RowPlan, Span};
use hyperslab_expr::{Expr, Scalar, SqlType, aggregate, eval};
use sqlparser::ast::{self, FunctionArgumentClause, FunctionArguments, NullTreatment, WindowFrameUnits, WindowType};
use std::collections::BTreeMap;

/// The functions that exist as window functions only.
const WINDOW_FUNCTIONS: &[&str] = &[
    "row_number",
    "rank",
    "dense_rank",
    "percent_rank",
    "cume_dist",
    "ntile",
    "lag",
    "lead",
    "first_value",
    "last_value",
    "nth_value",
];

/// Whether a name is that of a function that needs OVER.
pub(super) fn is_window_function(name: &str) -> bool {
    WINDOW_FUNCTIONS.contains(&name)
}

/// A call of a window function, with the window that it is over.
#[derive(Clone, Debug)]
pub(super) struct Windowed {
    pub(super) column: Column,
    pub(super) window: Window,
    pub(super) call: WindowCall,
    span: Span,
}

impl<'a> ExprBinder<'_, 'a> {
    /// A call with OVER: the column that will hold its results.
    pub(super) fn window_call(
        &mut self,
        name: &str,
        function: &'a ast::Function,
        over: &'a WindowType,
        at: Span,
        span: Span,
    ) -> Result<Bound> {
        self.check_window(span)?;
        let spec = self.spec(over)?;
        self.in_window = true;
        let bound = self.windowed(name, function, spec, [at, span]);
        self.in_window = false;
        let (window, call, ty, metadata) = bound?;
        let known =
            self.frame.windows.iter().find(|known| known.window == window && same_window_call(&known.call, &call));
        let column = match known {
            Some(known) => known.column.clone(),
            None => {
                let column = Column { metadata, ..self.binder.column(function_name(function), ty) };
                self.frame.windows.push(Windowed { column: column.clone(), window, call, span });
                column
            }
        };
        Ok(Bound::new(Expr::Column(column.id, column.ty), span))
    }

    /// What the parts of a call come to.
    fn windowed(
        &mut self,
        name: &str,
        function: &'a ast::Function,
        spec: Spec<'a>,
        [at, span]: [Span; 2],
    ) -> Result<(Window, WindowCall, SqlType, BTreeMap<String, String>)> {
        let window = self.window(&spec)?;
        let frame = self.frame_of(&spec, &window, span)?;
        if !is_window_function(name) && (aggregate::is_aggregate(name) || !function.within_group.is_empty()) {
            self.binder.refuse(nulls_of(function).is_some(), "IGNORE NULLS in an aggregate", span)?;
            let (call, metadata) = self.aggregate_call(name, function, at, span)?;
            let ty = call.ty.clone();
            return Ok((window, WindowCall { function: WindowFunction::Aggregate(call), frame }, ty, metadata));
        }
        self.binder.refuse(function.filter.is_some(), &format!("FILTER with {name}"), span)?;
        let args = self.window_args(name, function, span)?;
        let ignore_nulls = nulls_of(function) == Some(NullTreatment::IgnoreNulls);
        // A value of another row is of the same units.
        let metadata = self.metadata_of(args.first());
        let (function, ty) = window_function(name, args, ignore_nulls, at)?;
        let is_value = matches!(function, WindowFunction::Shifted { .. } | WindowFunction::Picked { .. });
        let metadata = if is_value { metadata } else { BTreeMap::new() };
        Ok((window, WindowCall { function, frame }, ty, metadata))
    }

    fn check_window(&self, span: Span) -> Result<()> {
        if self.in_window {
            let error = Error::new("a window function cannot be an argument of another").or_at(Some(span));
            return Err(error.with_hint("use a subquery"));
        }
        if self.in_aggregate {
            let error = Error::new("an aggregate cannot contain a window function").or_at(Some(span));
            return Err(error.with_hint("compute the window in a subquery"));
        }
        if self.clause.takes_windows() {
            return Ok(());
        }
        let error = Error::new(format!("{} cannot contain a window function", self.clause.name())).or_at(Some(span));
        Err(error.with_hint("conditions on window functions belong in QUALIFY"))
    }

    fn window_args(&mut self, name: &str, function: &'a ast::Function, span: Span) -> Result<Vec<Bound>> {
        let FunctionArguments::List(list) = &function.args else { return Ok(Vec::new()) };
        self.binder.refuse(list.duplicate_treatment.is_some(), &format!("DISTINCT in {name}(..)"), span)?;
        let args = list.args.iter().map(|arg| self.arg(arg, span)).collect::<Result<Vec<_>>>()?;
        self.bind_args(&args)
    }

    fn spec(&self, over: &'a WindowType) -> Result<Spec<'a>> {
        match over {
            WindowType::WindowSpec(spec) => self.complete(spec),
            WindowType::NamedWindow(name) => self.named_spec(name),
        }
    }

    fn named_spec(&self, name: &ast::Ident) -> Result<Spec<'a>> {
        let same = |definition: &&'a ast::NamedWindowDefinition| definition.0.value.eq_ignore_ascii_case(&name.value);
        match self.frame.named_windows.iter().find(same).map(|definition| &definition.1) {
            Some(ast::NamedWindowExpr::WindowSpec(spec)) if spec.window_name.as_ref().is_none_or(|n| n != name) => {
                self.complete(spec)
            }
            Some(ast::NamedWindowExpr::NamedWindow(other)) if !other.value.eq_ignore_ascii_case(&name.value) => {
                self.named_spec(other)
            }
            _ => Err(Error::new(format!("there is no window {}", quoted(&name.value)))
                .or_at(Some(self.binder.span(name)))
                .with_hint("name it after the other clauses: WINDOW w AS (PARTITION BY ..)")),
        }
    }

    /// A specification with what the window that it builds on says.
    fn complete(&self, spec: &'a ast::WindowSpec) -> Result<Spec<'a>> {
        let base = spec.window_name.as_ref().map(|name| self.named_spec(name)).transpose()?.unwrap_or_default();
        let partition_by = if spec.partition_by.is_empty() { base.partition_by } else { &spec.partition_by };
        let order_by = if spec.order_by.is_empty() { base.order_by } else { &spec.order_by };
        Ok(Spec { partition_by, order_by, frame: spec.window_frame.as_ref().or(base.frame) })
    }

    fn window(&mut self, spec: &Spec<'a>) -> Result<Window> {
        let partition = spec.partition_by.iter().map(|e| Ok(self.bind(e)?.expr)).collect::<Result<_>>()?;
        let key = |key: &'a ast::OrderByExpr| {
            let direction = self.binder.direction(&key.options, at_node(self.binder.text, &key.expr))?;
            Ok(direction.of(self.bind(&key.expr)?.expr))
        };
        let order = spec.order_by.iter().map(key).collect::<Result<_>>()?;
        Ok(Window { partition, order })
    }

    fn frame_of(&mut self, spec: &Spec<'a>, window: &Window, span: Span) -> Result<WindowFrame> {
        let Some(frame) = spec.frame else {
            return Ok(if window.order.is_empty() { WindowFrame::WHOLE } else { WindowFrame::SO_FAR });
        };
        let units = match frame.units {
            WindowFrameUnits::Rows => FrameUnits::Rows,
            WindowFrameUnits::Range => FrameUnits::Range,
            WindowFrameUnits::Groups => FrameUnits::Groups,
        };
        let start = self.bound(&frame.start_bound, units, window, "the start of a frame")?;
        let end = frame.end_bound.as_ref().map(|end| self.bound(end, units, window, "the end of a frame"));
        let end = end.transpose()?.unwrap_or(FrameBound::CurrentRow);
        if start == FrameBound::UnboundedFollowing || end == FrameBound::UnboundedPreceding {
            return Err(Error::new("a frame starts before it ends").or_at(Some(span)));
        }
        let (start_is_after, end_is_before) = (is_after(&start), is_before(&end));
        if start == FrameBound::CurrentRow && end_is_before
            || start_is_after && (end == FrameBound::CurrentRow || end_is_before)
        {
            let error =
                Error::new("a frame that starts at the current row, or after it, cannot end before").or_at(Some(span));
            return Err(error.with_hint("write what comes first first: ROWS BETWEEN 1 PRECEDING AND CURRENT ROW"));
        }
        Ok(WindowFrame { units, start, end })
    }

    fn bound(
        &mut self,
        bound: &'a ast::WindowFrameBound,
        units: FrameUnits,
        window: &Window,
        what: &'static str,
    ) -> Result<FrameBound> {
        use ast::WindowFrameBound as B;
        let (expr, following) = match bound {
            B::CurrentRow => return Ok(FrameBound::CurrentRow),
            B::Preceding(None) => return Ok(FrameBound::UnboundedPreceding),
            B::Following(None) => return Ok(FrameBound::UnboundedFollowing),
            B::Preceding(Some(expr)) => (expr.as_ref(), false),
            B::Following(Some(expr)) => (expr.as_ref(), true),
        };
        let (value, at) = self.binder.constant(expr, what)?;
        if units == FrameUnits::Range {
            return self.value_bound(value, at, window, following);
        }
        let literal = Bound::new(Expr::Literal(value), at);
        match eval::evaluate_constant(&cast(literal, &SqlType::BigInt)?).map_err(|error| error.or_at(Some(at)))? {
            Scalar::Integer(count, _) if count >= 0 => {
                let count = u64::try_from(count).unwrap_or(u64::MAX);
                Ok(if following { FrameBound::Following(count) } else { FrameBound::Preceding(count) })
            }
            _ => Err(Error::new(format!("{what} is a number of rows, not negative")).or_at(Some(at))),
        }
    }

    /// Where the one key of the order is so much less or greater than in the current row.
    fn value_bound(&mut self, offset: Scalar, at: Span, window: &Window, following: bool) -> Result<FrameBound> {
        let [key] = &window.order[..] else {
            let error = Error::new("RANGE with an offset needs one ORDER BY expression").or_at(Some(at));
            return Err(error.with_hint("ROWS counts rows"));
        };
        // In a descending order what comes later is less.
        let function = if following == key.descending { "-" } else { "+" };
        let operands = vec![Bound::new(key.expr.clone(), at), Bound::new(Expr::Literal(offset), at)];
        let edge = self.call(function, operands, at)?;
        let edge = cast(edge, &key.expr.sql_type()).map_err(|error| error.or_at(Some(at)))?;
        Ok(FrameBound::Value { edge, following })
    }
}

/// The parts of a window as they are written.
#[derive(Clone, Copy, Default)]
struct Spec<'a> {
    partition_by: &'a [ast::Expr],
    order_by: &'a [ast::OrderByExpr],
    frame: Option<&'a ast::WindowFrame>,
}

/// IGNORE NULLS or RESPECT NULLS, behind the brackets or within them.
fn nulls_of(function: &ast::Function) -> Option<NullTreatment> {
    let within = match &function.args {
        FunctionArguments::List(list) => list.clauses.iter().find_map(|clause| match clause {
            FunctionArgumentClause::IgnoreOrRespectNulls(treatment) => Some(*treatment),
            _ => None,
        }),
        FunctionArguments::None | FunctionArguments::Subquery(_) => None,
    };
    function.null_treatment.or(within)
}

/// A function that exists as a window function only, with its type.
fn window_function(name: &str, args: Vec<Bound>, ignore_nulls: bool, at: Span) -> Result<(WindowFunction, SqlType)> {
    let wrong = |takes: &str| Err(Error::new(format!("{name} takes {takes}")).or_at(Some(at)));
    let count = |function: WindowFunction| match args.is_empty() {
        true => Ok((function, SqlType::BigInt)),
        false => wrong("no argument"),
    };
    let share = |function: WindowFunction| count(function).map(|(function, _)| (function, SqlType::Double));
    match name {
        "row_number" => return count(WindowFunction::RowNumber),
        "rank" => return count(WindowFunction::Rank),
        "dense_rank" => return count(WindowFunction::DenseRank),
        "percent_rank" => return share(WindowFunction::PercentRank),
        "cume_dist" => return share(WindowFunction::CumeDist),
        _ => {}
    }
    let picked = |arg: Bound, place: FramePlace| {
        let ty = arg.expr.sql_type();
        Ok((WindowFunction::Picked { arg: arg.expr, place, ignore_nulls }, ty))
    };
    let mut args = args.into_iter();
    match (name, args.next(), args.next(), args.next(), args.next()) {
        ("ntile", Some(parts), None, ..) => {
            Ok((WindowFunction::Ntile(cast(parts, &SqlType::BigInt)?), SqlType::BigInt))
        }
        ("first_value", Some(arg), None, ..) => picked(arg, FramePlace::First),
        ("last_value", Some(arg), None, ..) => picked(arg, FramePlace::Last),
        ("nth_value", Some(arg), Some(n), None, _) => {
            let n = cast(n, &SqlType::BigInt)?;
            picked(arg, FramePlace::Nth(n))
        }
        ("lag" | "lead", Some(arg), offset, default, None) => {
            let one = || Ok(Expr::Literal(Scalar::Integer(1, SqlType::BigInt)));
            let offset = offset.map_or_else(one, |offset| cast(offset, &SqlType::BigInt))?;
            let (exprs, ty) = unify(std::iter::once(arg).chain(default).collect(), "the default of a window function")?;
            let mut exprs = exprs.into_iter();
            let arg = exprs.next().expect("the value comes first");
            let function =
                WindowFunction::Shifted { arg, offset, ahead: name == "lead", default: exprs.next(), ignore_nulls };
            Ok((function, ty))
        }
        ("lag" | "lead", ..) => wrong("a value, how many rows, and a default"),
        ("nth_value", ..) => wrong("a value and a number"),
        ("ntile" | "first_value" | "last_value", ..) => wrong("one argument"),
        _ => {
            let error = unsupported(&format!("{name} with OVER"), at);
            Err(error.with_hint("aggregates and functions such as row_number, lag and first_value take OVER"))
        }
    }
}

fn same_window_call(a: &WindowCall, b: &WindowCall) -> bool {
    match (&a.function, &b.function) {
        (WindowFunction::Aggregate(x), WindowFunction::Aggregate(y)) => a.frame == b.frame && same_call(x, y),
        _ => a == b,
    }
}

impl<'a> Binder<'a> {
    /// The plan with its windows, those over one window together.
    pub(super) fn windows(&self, mut plan: RowPlan, frame: &Frame<'a>) -> RowPlan {
        let mut rest: Vec<&Windowed> = frame.windows.iter().collect();
        while let Some(first) = rest.first() {
            let window = first.window.clone();
            let (own, others): (Vec<_>, Vec<_>) =
                rest.into_iter().partition(|windowed| same_window(&windowed.window, &window));
            let calls = own.into_iter().map(|windowed| (windowed.column.clone(), windowed.call.clone())).collect();
            plan = RowPlan::Window { input: Box::new(plan), window, calls };
            rest = others;
        }
        plan
    }

    /// The condition of QUALIFY.
    pub(super) fn qualify(
        &mut self,
        frame: &mut Frame<'a>,
        clause: Option<&'a ast::Expr>,
    ) -> Result<Option<(Expr, Span)>> {
        let Some(expr) = clause else { return Ok(None) };
        let predicate = self.expr(frame, Clause::Qualify).condition(expr)?;
        Ok(Some((predicate, at_node(self.text, expr))))
    }
}

/// Makes what windows read of rows what they read of groups.
pub(super) fn lift_windows(grouping: &Grouping, frame: &mut Frame<'_>) -> Result<()> {
    let mut windows = std::mem::take(&mut frame.windows);
    for windowed in &mut windows {
        let span = windowed.span;
        let exprs = windowed.window.exprs_mut().chain(windowed.call.exprs_mut());
        exprs.into_iter().try_for_each(|expr| grouping.lift(frame, expr, span))?;
    }
    frame.windows = windows;
    Ok(())
}

fn same_window(a: &Window, b: &Window) -> bool {
    let directions = |window: &Window| window.order.iter().map(|k| (k.descending, k.nulls_first)).collect::<Vec<_>>();
    let counts = |window: &Window| (window.partition.len(), window.order.len());
    counts(a) == counts(b) && directions(a) == directions(b) && a.exprs().zip(b.exprs()).all(|(x, y)| same_expr(x, y))
}

fn is_before(bound: &FrameBound) -> bool {
    matches!(bound, FrameBound::Preceding(_) | FrameBound::Value { following: false, .. })
}

fn is_after(bound: &FrameBound) -> bool {
    matches!(bound, FrameBound::Following(_) | FrameBound::Value { following: true, .. })
}
