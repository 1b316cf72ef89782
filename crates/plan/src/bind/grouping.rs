//! Grouping: keys, and what an expression over rows means over groups.

use super::binder::Binder;
use super::expr::{Clause, Frame};
use super::name::output_name;
use super::order::position;
use super::projection::Output;
use super::refuse::{at_node, unsupported};
use super::scope::quoted;
use crate::{Column, Error, Result, RowPlan, Span};
use hyperslab_expr::{AggregateCall, ColumnId, Expr};
use sqlparser::ast::{self, GroupByExpr};

/// The keys of a SELECT, if it groups its rows.
pub(super) struct Grouping {
    pub(super) keys: Vec<(Column, Expr)>,
    /// Which of the keys each of several groupings has, if there are several.
    pub(super) sets: Option<Vec<Vec<usize>>>,
    is_written: bool,
}

impl<'a> Binder<'a> {
    /// The keys of GROUP BY: expressions, positions, aliases, or ALL.
    pub(super) fn grouping(
        &mut self,
        frame: &mut Frame<'a>,
        clause: &'a GroupByExpr,
        outputs: &[Output],
    ) -> Result<Grouping> {
        let mut grouping = Grouping { keys: Vec::new(), sets: None, is_written: true };
        match clause {
            GroupByExpr::All(modifiers) => {
                self.refuse(
                    !modifiers.is_empty(),
                    "ROLLUP, CUBE or TOTALS",
                    outputs.first().map(|o| o.span).unwrap_or_default(),
                )?;
                let is_key = |o: &&Output| !o.expr.columns().iter().any(|id| frame.is_computed(*id));
                for output in outputs.iter().filter(is_key) {
                    self.add_key(&mut grouping, frame, output.expr.clone(), &output.name);
                }
            }
            GroupByExpr::Expressions(exprs, modifiers) => {
                let at = exprs.first().map(|e| at_node(self.text, e)).unwrap_or_default();
                self.refuse(!modifiers.is_empty(), "ROLLUP, CUBE or TOTALS", at)?;
                grouping.is_written = !exprs.is_empty();
                let mut sets = vec![Vec::new()];
                for expr in exprs {
                    let more = self.sets_of(&mut grouping, frame, expr, outputs)?;
                    sets = self.all_sets(&sets, &more, expr)?;
                }
                let is_plain = |expr: &ast::Expr| {
                    !matches!(expr, ast::Expr::GroupingSets(_) | ast::Expr::Cube(_) | ast::Expr::Rollup(_))
                };
                grouping.sets = (!exprs.iter().all(is_plain)).then_some(sets);
            }
        }
        Ok(grouping)
    }

    /// Adds the keys of a part of GROUP BY; `places` gets where they are.
    pub(super) fn group_by(
        &mut self,
        grouping: &mut Grouping,
        frame: &mut Frame<'a>,
        expr: &'a ast::Expr,
        outputs: &[Output],
        places: &mut Vec<usize>,
    ) -> Result<()> {
        match expr {
            ast::Expr::Tuple(parts) => {
                return parts.iter().try_for_each(|part| self.group_by(grouping, frame, part, outputs, places));
            }
            ast::Expr::GroupingSets(_) | ast::Expr::Cube(_) | ast::Expr::Rollup(_) => {
                return Err(unsupported("GROUPING SETS, ROLLUP or CUBE within another", at_node(self.text, expr)));
            }
            _ => {}
        }
        let (key, name) = match position(expr) {
            Some(text) => {
                let output = &outputs[self.at_position(text, outputs.len(), expr, "GROUP BY")?];
                self.refuse_aggregate(frame, output, at_node(self.text, expr))?;
                (output.expr.clone(), output.name.clone())
            }
            None => (self.expr(frame, Clause::GroupBy).bind(expr)?.expr, output_name(expr)),
        };
        places.push(self.add_key(grouping, frame, key, &name));
        Ok(())
    }

    fn refuse_aggregate(&self, frame: &Frame<'a>, output: &Output, at: Span) -> Result<()> {
        let has = output.expr.columns().iter().any(|id| frame.is_computed(*id));
        let error = || Error::new("GROUP BY cannot contain an aggregate or a window function").or_at(Some(at));
        if has { Err(error()) } else { Ok(()) }
    }

    /// Adds a key unless it is there, and says where it is; a plain column stays what it is.
    fn add_key(&mut self, grouping: &mut Grouping, frame: &Frame<'a>, key: Expr, name: &str) -> usize {
        if let Some(place) = grouping.keys.iter().position(|(_, known)| same_expr(known, &key)) {
            return place;
        }
        let plain = match &key {
            Expr::Column(id, _) => frame.scope.column(*id).cloned(),
            _ => None,
        };
        let column = plain.unwrap_or_else(|| self.column(name, key.sql_type()));
        grouping.keys.push((column, key));
        grouping.keys.len() - 1
    }
}

impl Grouping {
    /// Whether rows are grouped at all.
    pub(super) fn is_grouped(&self, frame: &Frame<'_>, has_having: bool) -> bool {
        self.is_written || has_having || !frame.aggregates.is_empty() || !frame.grouping_calls.is_empty()
    }

    /// The expressions over rows: keys, and what aggregates read.
    pub(super) fn exprs(&self, frame: &Frame<'_>) -> Vec<Expr> {
        let of_calls = frame.aggregates.iter().flat_map(|(_, call)| call.args.iter().chain(&call.filter));
        self.keys.iter().map(|(_, key)| key).chain(of_calls).cloned().collect()
    }

    /// Makes an expression over rows one over groups: keys and aggregates become columns.
    ///
    /// # Errors
    /// If it reads a column that is neither.
    pub(super) fn lift(&self, frame: &Frame<'_>, expr: &mut Expr, within: Span) -> Result<()> {
        *expr = self.over_groups(frame, expr.clone(), within)?;
        Ok(())
    }

    fn over_groups(&self, frame: &Frame<'_>, expr: Expr, within: Span) -> Result<Expr> {
        if let Some((column, _)) = self.keys.iter().find(|(_, key)| same_expr(key, &expr)) {
            return Ok(Expr::Column(column.id, column.ty.clone()));
        }
        match expr {
            // A column of none of the tables is one of the query around: the same for all rows.
            Expr::Column(id, _)
                if !frame.is_computed(id) && !frame.is_attached(id) && frame.scope.column(id).is_some() =>
            {
                Err(not_grouped(frame, id, within))
            }
            expr => map_parts(expr, &mut |part| self.over_groups(frame, part, within)),
        }
    }
}

fn not_grouped(frame: &Frame<'_>, id: ColumnId, within: Span) -> Error {
    let name = frame.scope.column(id).map(|c| quoted(&c.name)).unwrap_or_default();
    let inside =
        |(mentioned, at): &&(ColumnId, Span)| *mentioned == id && within.start <= at.start && at.end <= within.end;
    let at = frame.mentions.iter().find(inside).map_or(within, |(_, at)| *at);
    let error = Error::new(format!("{name} is neither in GROUP BY nor in an aggregate")).or_at(Some(at));
    error.with_hint(format!("add it to GROUP BY, or use any_value({name}) or first({name})"))
}

/// DISTINCT: groups without aggregates.
pub(super) fn distinct(plan: RowPlan) -> RowPlan {
    let keys = plan.columns().into_iter().map(|c| (c.clone(), Expr::Column(c.id, c.ty))).collect();
    RowPlan::Aggregate { input: Box::new(plan), keys, aggregates: Vec::new() }
}

/// Rebuilds an expression from its parts.
pub(super) fn map_parts(expr: Expr, map: &mut impl FnMut(Expr) -> Result<Expr>) -> Result<Expr> {
    let mut all = |parts: Vec<Expr>| parts.into_iter().map(&mut *map).collect::<Result<Vec<_>>>();
    Ok(match expr {
        Expr::Column(..) | Expr::Literal(_) => expr,
        Expr::Call { function, args, ty, at } => Expr::Call { function, args: all(args)?, ty, at },
        Expr::Cast { arg, to, or_null, at } => Expr::Cast { arg: Box::new(map(*arg)?), to, or_null, at },
        Expr::And(terms) => Expr::And(all(terms)?),
        Expr::Or(terms) => Expr::Or(all(terms)?),
        Expr::Case { branches, otherwise, ty } => {
            let branches =
                branches.into_iter().map(|(when, then)| Ok((map(when)?, map(then)?))).collect::<Result<_>>()?;
            let otherwise = otherwise.map(|expr| map(*expr).map(Box::new)).transpose()?;
            Expr::Case { branches, otherwise, ty }
        }
        Expr::InList { arg, list, negated } => {
            let list = all(list)?;
            Expr::InList { arg: Box::new(map(*arg)?), list, negated }
        }
    })
}

/// Whether two expressions are the same but for their places in the text.
pub(super) fn same_expr(a: &Expr, b: &Expr) -> bool {
    let all = |a: &[Expr], b: &[Expr]| a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same_expr(a, b));
    match (a, b) {
        (Expr::Call { function: f, args: x, ty: t, at: _ }, Expr::Call { function: g, args: y, ty: u, at: _ }) => {
            f == g && t == u && all(x, y)
        }
        (Expr::Cast { arg: x, to: t, or_null: n, at: _ }, Expr::Cast { arg: y, to: u, or_null: m, at: _ }) => {
            t == u && n == m && same_expr(x, y)
        }
        (Expr::And(x), Expr::And(y)) | (Expr::Or(x), Expr::Or(y)) => all(x, y),
        (Expr::InList { arg: x, list: l, negated: n }, Expr::InList { arg: y, list: m, negated: o }) => {
            n == o && same_expr(x, y) && all(l, m)
        }
        (Expr::Case { branches: x, otherwise: o, ty: t }, Expr::Case { branches: y, otherwise: p, ty: u }) => {
            let branches =
                x.len() == y.len() && x.iter().zip(y).all(|(a, b)| same_expr(&a.0, &b.0) && same_expr(&a.1, &b.1));
            branches && t == u && same_option(o.as_deref(), p.as_deref())
        }
        (Expr::Column(..) | Expr::Literal(_), _) => a == b,
        (
            Expr::Call { .. }
            | Expr::Cast { .. }
            | Expr::And(_)
            | Expr::Or(_)
            | Expr::Case { .. }
            | Expr::InList { .. },
            _,
        ) => false,
    }
}

fn same_option(a: Option<&Expr>, b: Option<&Expr>) -> bool {
    match (a, b) {
        (Some(a), Some(b)) => same_expr(a, b),
        (None, None) => true,
        (Some(_), None) | (None, Some(_)) => false,
    }
}

/// Whether two calls of aggregates are the same but for their places.
pub(super) fn same_call(a: &AggregateCall, b: &AggregateCall) -> bool {
    let args = a.args.len() == b.args.len() && a.args.iter().zip(&b.args).all(|(a, b)| same_expr(a, b));
    let rest = a.function == b.function && a.parameters == b.parameters && a.distinct == b.distinct;
    let rest = rest && a.order == b.order && a.ty == b.ty;
    args && rest && same_option(a.filter.as_ref(), b.filter.as_ref())
}
