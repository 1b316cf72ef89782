//! A SELECT: its clauses are bound first, then the plan is built from the leaves up.

use super::attach::{attach, needed};
use super::binder::Binder;
use super::expr::{Clause, Frame};
use super::grouping::{Grouping, distinct, map_parts, same_expr};
use super::order::{Direction, Order, position};
use super::projection::{Output, aliases};
use super::query::Limits;
use super::refuse::at_node;
use super::subquery::read;
use super::window::lift_windows;
use crate::window::Window;
use crate::{Column, Error, Result, RowPlan, SortKey, Span};
use hyperslab_expr::{ColumnId, Expr};
use sqlparser::ast;
use std::collections::HashSet;

/// A key of ORDER BY over the rows or groups below the list.
struct Key {
    expr: Expr,
    direction: Direction,
    span: Span,
}

impl<'a> Binder<'a> {
    pub(super) fn select(&mut self, select: &'a ast::Select, order: &Order<'a>, limits: Limits) -> Result<RowPlan> {
        self.check_select(select)?;
        let mut frame = Frame::default();
        let tree = self.from(&mut frame, &select.from)?;
        frame.aliases = aliases(select);
        frame.visible_aliases = frame.aliases.len();
        frame.named_windows = &select.named_window;
        let predicate =
            select.selection.as_ref().map(|e| self.expr(&mut frame, Clause::Where).condition(e)).transpose()?;
        frame.mentions.clear();
        let mut outputs = self.projection(&mut frame, select)?;
        let mut keys = self.order_keys(&mut frame, order, &outputs)?;
        let mut on = self.distinct_on(&mut frame, select.distinct.as_ref(), &outputs)?;
        let grouping = self.grouping(&mut frame, &select.group_by, &outputs)?;
        let mut having = self.having(&mut frame, select.having.as_ref())?;
        let mut qualify = self.qualify(&mut frame, select.qualify.as_ref())?;

        if grouping.is_grouped(&frame, having.is_some()) {
            let outputs = outputs.iter_mut().map(|output| (&mut output.expr, output.span));
            let having = having.iter_mut().map(|(predicate, span)| (predicate, *span));
            let qualify = qualify.iter_mut().map(|(predicate, span)| (predicate, *span));
            let keys = keys.iter_mut().chain(on.iter_mut().flatten()).map(|key| (&mut key.expr, key.span));
            let all = outputs.chain(having).chain(qualify).chain(keys);
            all.into_iter().try_for_each(|(expr, span)| grouping.lift(&frame, expr, span))?;
            lift_windows(&grouping, &mut frame)?;
        }
        let is_grouped = grouping.is_grouped(&frame, having.is_some());
        let of_list = outputs
            .iter()
            .map(|output| &output.expr)
            .chain(keys.iter().chain(on.iter().flatten()).map(|key| &key.expr));
        let conditions = having.iter().chain(&qualify).map(|(predicate, _)| predicate);
        let mut shown: Vec<Expr> = of_list.chain(conditions).cloned().collect();
        let below = if is_grouped { grouping.exprs(&frame) } else { std::mem::take(&mut shown) };
        let plan = self.plan_of_from(tree, &mut frame, predicate, &below)?;
        let plan = if is_grouped { self.group(plan, &frame, grouping, having, &shown)? } else { plan };
        let plan = self.windows(plan, &frame);
        let plan = match qualify {
            Some((predicate, _)) => RowPlan::Filter { input: Box::new(plan), predicate },
            None => plan,
        };
        let list = self.list(&frame, &plan, &outputs);
        let plan = match on {
            Some(on) => self.first_of_each(plan, list, keys, on)?,
            None => {
                let is_distinct = matches!(select.distinct, Some(ast::Distinct::Distinct));
                self.sorted_list(plan, list, keys, is_distinct)?
            }
        };
        Ok(limits.apply(plan))
    }

    fn having(&mut self, frame: &mut Frame<'a>, clause: Option<&'a ast::Expr>) -> Result<Option<(Expr, Span)>> {
        let Some(expr) = clause else { return Ok(None) };
        let predicate = self.expr(frame, Clause::Having).condition(expr)?;
        Ok(Some((predicate, at_node(self.text, expr))))
    }

    fn order_keys(&mut self, frame: &mut Frame<'a>, order: &Order<'a>, outputs: &[Output]) -> Result<Vec<Key>> {
        let of = |output: &Output, direction| Key { expr: output.expr.clone(), direction, span: output.span };
        match order {
            Order::All(direction) => Ok(outputs.iter().map(|output| of(output, *direction)).collect()),
            Order::By(keys) => {
                let mut key = |(expr, direction): &(&'a ast::Expr, Direction)| match position(expr) {
                    Some(text) => {
                        Ok(of(&outputs[self.at_position(text, outputs.len(), expr, "ORDER BY")?], *direction))
                    }
                    None => {
                        let bound = self.expr(frame, Clause::OrderBy).bind(expr)?;
                        Ok(Key { expr: bound.expr, direction: *direction, span: bound.span })
                    }
                };
                keys.iter().map(&mut key).collect()
            }
        }
    }

    /// The expressions of DISTINCT ON.
    fn distinct_on(
        &mut self,
        frame: &mut Frame<'a>,
        clause: Option<&'a ast::Distinct>,
        outputs: &[Output],
    ) -> Result<Option<Vec<Key>>> {
        let Some(ast::Distinct::On(exprs)) = clause else { return Ok(None) };
        let keys = exprs.iter().map(|expr| (expr, Direction::ASCENDING)).collect();
        self.order_keys(frame, &Order::By(keys), outputs).map(Some)
    }

    /// Groups rows; `shown` are the expressions over groups.
    fn group(
        &mut self,
        plan: RowPlan,
        frame: &Frame<'a>,
        grouping: Grouping,
        having: Option<(Expr, Span)>,
        shown: &[Expr],
    ) -> Result<RowPlan> {
        let mut needed = needed(frame, &shown.iter().collect::<Vec<_>>(), &[])?;
        for (attached, _) in &mut needed {
            let span = attached.span;
            attached.on.iter_mut().try_for_each(|(outer, _)| grouping.lift(frame, outer, span))?;
        }
        let plan = attach(self.groups(plan, frame, grouping)?, needed);
        Ok(match having {
            Some((predicate, _)) => RowPlan::Filter { input: Box::new(plan), predicate },
            None => plan,
        })
    }

    /// The columns of the list. A column that is passed on keeps its number, the first time.
    fn list(&mut self, frame: &Frame<'a>, plan: &RowPlan, outputs: &[Output]) -> Vec<(Column, Expr)> {
        let below = plan.columns();
        let mut passed: HashSet<ColumnId> = HashSet::new();
        let mut column = |output: &Output| {
            let Expr::Column(id, _) = &output.expr else { return self.column(&output.name, output.expr.sql_type()) };
            let origin = below.iter().find(|c| c.id == *id).or_else(|| frame.scope.column(*id));
            let mut column = match origin {
                Some(origin) => Column { name: output.name.clone(), ..origin.clone() },
                None => self.column(&output.name, output.expr.sql_type()),
            };
            if !passed.insert(*id) {
                column.id = self.fresh();
            }
            column
        };
        outputs.iter().map(|output| (column(output), output.expr.clone())).collect()
    }

    /// Of rows that are equal in `on` the first in order, sorted.
    fn first_of_each(
        &mut self,
        plan: RowPlan,
        list: Vec<(Column, Expr)>,
        keys: Vec<Key>,
        on: Vec<Key>,
    ) -> Result<RowPlan> {
        let shown = list.iter().map(|(column, _)| (column.clone(), read(column))).collect();
        let mut all = list;
        let mut column = |expr: Expr| {
            if let Some((column, _)) = all.iter().find(|(_, known)| !expr.is_volatile() && same_expr(known, &expr)) {
                return read(column);
            }
            let column = self.column("key", expr.sql_type());
            all.push((column.clone(), expr));
            read(&column)
        };
        let partition = on.into_iter().map(|key| column(key.expr)).collect();
        let order: Vec<SortKey> = keys.into_iter().map(|key| key.direction.of(column(key.expr))).collect();
        let listed = RowPlan::Project { input: Box::new(plan), columns: all };
        let firsts = self.first_rows(listed, Window { partition, order: order.clone() }, 1, 0)?;
        Ok(RowPlan::Project { input: Box::new(sorted(firsts, order)), columns: shown })
    }

    /// The list, without duplicates if it is distinct, and sorted.
    fn sorted_list(
        &mut self,
        plan: RowPlan,
        list: Vec<(Column, Expr)>,
        keys: Vec<Key>,
        is_distinct: bool,
    ) -> Result<RowPlan> {
        let mut hidden: Vec<(Column, Expr)> = Vec::new();
        let mut sort = Vec::with_capacity(keys.len());
        for Key { expr, direction, span } in keys {
            let over_list = over_columns(expr.clone(), &list)?;
            if over_list.columns().iter().all(|id| list.iter().any(|(column, _)| column.id == *id)) {
                sort.push(direction.of(over_list));
            } else if is_distinct {
                let error = Error::new("with DISTINCT, ORDER BY can only use what SELECT shows").or_at(Some(span));
                return Err(error.with_hint("add the expression to the list"));
            } else {
                let column = self.column("order", expr.sql_type());
                sort.push(direction.of(Expr::Column(column.id, column.ty.clone())));
                hidden.push((column, expr));
            }
        }
        let shown: Vec<(Column, Expr)> =
            list.iter().map(|(c, _)| (c.clone(), Expr::Column(c.id, c.ty.clone()))).collect();
        let has_hidden = !hidden.is_empty();
        let plan = RowPlan::Project { input: Box::new(plan), columns: list.into_iter().chain(hidden).collect() };
        let plan = if is_distinct { distinct(plan) } else { plan };
        let plan = sorted(plan, sort);
        Ok(if has_hidden { RowPlan::Project { input: Box::new(plan), columns: shown } } else { plan })
    }
}

fn sorted(plan: RowPlan, keys: Vec<SortKey>) -> RowPlan {
    if keys.is_empty() { plan } else { RowPlan::Sort { input: Box::new(plan), keys } }
}

/// An expression with the parts that the list computes taken from it.
fn over_columns(expr: Expr, list: &[(Column, Expr)]) -> Result<Expr> {
    if matches!(expr, Expr::Literal(_)) {
        return Ok(expr);
    }
    match list.iter().find(|(_, listed)| same_expr(listed, &expr)) {
        Some((column, _)) => Ok(Expr::Column(column.id, column.ty.clone())),
        None => map_parts(expr, &mut |part| over_columns(part, list)),
    }
}
