//! Groups cells before they are joined to rows, by the axes that the join looks at: regions and periods see the sums of a
//! place or a time, not all of its cells. What they give is put together after the join.

use super::join_grids::grid_of;
use super::parts::{are_split, fresh, parts, read, whole};
use super::{Pass, PassContext, any_volatile, beneath_projections, gives_cells};
use crate::axis::{along_axis, substitute};
use crate::{BoundQuery, Column, JoinKind, Result, RowPlan};
use hyperslab_expr::{AggregateCall, ColumnId, Expr, Scalar, SqlType, eval, scalar};
use std::collections::BTreeSet;

pub(super) const PASS: Pass = Pass {
    name: "aggregate_before_join",
    about: "sums, counts, means and extremes of cells that find rows by some of their axes are taken along the others first",
    rewrite: |plan, context: &mut PassContext<'_>| plan.transform(&mut |node| rewrite(node, context)),
};

/// How many cells a group must have, at least.
const CELLS_A_GROUP: usize = 8;

fn rewrite(plan: RowPlan, context: &mut PassContext<'_>) -> Result<RowPlan> {
    let RowPlan::Aggregate { input, keys, aggregates } = &plan else { return Ok(plan) };
    if any_volatile(keys) || !are_split(aggregates)? {
        return Ok(plan);
    }
    let (join, computed) = beneath_projections(input);
    let RowPlan::Join { left, right, kind: JoinKind::Inner, on, asof: None, filter: None } = join else {
        return Ok(plan);
    };
    let over = |expr: &Expr| substitute(expr.clone(), &computed);
    let keys: Vec<(Column, Expr)> = keys.iter().map(|(column, key)| (column.clone(), over(key))).collect();
    let call = |(column, call): &(Column, AggregateCall)| {
        let args = call.args.iter().map(over).collect();
        (column.clone(), AggregateCall { args, filter: call.filter.as_ref().map(over), ..call.clone() })
    };
    let aggregates: Vec<(Column, AggregateCall)> = aggregates.iter().map(call).collect();
    let joined = Joined { left, right, on };
    match joined.is_worth_it(context.query, &keys, &aggregates) {
        true => joined.grouped(keys, aggregates, &mut context.next_column),
        false => Ok(plan),
    }
}

/// Cells joined to rows.
struct Joined<'a> {
    left: &'a RowPlan,
    right: &'a RowPlan,
    on: &'a [(Expr, Expr)],
}

impl Joined<'_> {
    /// Whether expressions are over cells alone.
    fn is_of_cells<'e>(&self, exprs: impl IntoIterator<Item = &'e Expr>) -> bool {
        let own: BTreeSet<ColumnId> = self.left.columns().iter().map(|column| column.id).collect();
        exprs.into_iter().flat_map(Expr::columns).all(|id| own.contains(&id))
    }

    /// Whether there are far fewer groups of cells than cells.
    fn is_worth_it(&self, query: &BoundQuery, keys: &[(Column, Expr)], aggregates: &[(Column, AggregateCall)]) -> bool {
        let Some(grid) = grid_of(self.left).filter(|_| !gives_cells(self.right)) else { return false };
        let read_by_calls = aggregates.iter().flat_map(|(_, call)| call.args.iter().chain(&call.filter));
        let of_cells = keys.iter().map(|(_, key)| key).filter(|key| self.is_of_cells([*key]));
        let dims = self.on.iter().map(|(left, _)| left).chain(of_cells);
        let dims =
            dims.map(|expr| along_axis(query, grid, expr).map(|(dim, _)| dim)).collect::<Option<BTreeSet<usize>>>();
        let others = keys.iter().map(|(_, key)| key).filter(|key| !self.is_of_cells([*key]));
        let of_rows: BTreeSet<ColumnId> = self.right.columns().iter().map(|column| column.id).collect();
        let region = &grid.scan().region;
        let has_values = |expr: &Expr| !expr.columns().is_empty() && along_axis(query, grid, expr).is_some();
        let groups = |dims: &BTreeSet<usize>| {
            dims.iter().map(|dim| region.sets()[*dim].len()).fold(1_usize, usize::saturating_mul)
        };
        // Cells that find no row are computed too.
        self.is_of_cells(read_by_calls.clone())
            && read_by_calls.into_iter().all(|expr| eval::never_fails_but(expr, &has_values))
            && others.flat_map(Expr::columns).all(|id| of_rows.contains(&id))
            && dims.is_some_and(|dims| groups(&dims).saturating_mul(CELLS_A_GROUP) <= region.cells())
    }

    /// The groups of cells joined to the rows, and what they are put together into.
    fn grouped(
        &self,
        keys: Vec<(Column, Expr)>,
        aggregates: Vec<(Column, AggregateCall)>,
        next: &mut u32,
    ) -> Result<RowPlan> {
        let looked_at = self.on.iter().map(|(left, _)| (fresh("key", left.sql_type(), next), left.clone()));
        let mut by: Vec<(Column, Expr)> = looked_at.collect();
        let on = by.iter().zip(self.on).map(|((own, _), (_, right))| (read(own), right.clone())).collect();
        let mut shown: Vec<(Column, Expr)> = keys.iter().map(|(key, _)| (key.clone(), read(key))).collect();
        // Keys of cells are known before the join, those of rows after it.
        let key_after = |(key, expr): (Column, Expr)| {
            if !self.is_of_cells([&expr]) {
                return (key, expr);
            }
            let own = fresh(&key.name, expr.sql_type(), next);
            let after = read(&own);
            by.push((own, expr));
            (key, after)
        };
        let keys_after = keys.into_iter().map(key_after).collect();
        let two = TwoSteps::new(aggregates, next)?;
        shown.extend(two.results);
        let cells = RowPlan::Aggregate { input: Box::new(self.left.clone()), keys: by, aggregates: two.of_parts };
        let (left, right) = (Box::new(cells), Box::new(self.right.clone()));
        let joined = RowPlan::Join { left, right, kind: JoinKind::Inner, on, asof: None, filter: None };
        let input = RowPlan::Aggregate { input: Box::new(joined), keys: keys_after, aggregates: two.of_all };
        Ok(RowPlan::Project { input: Box::new(input), columns: shown })
    }
}

/// Aggregates in two steps.
struct TwoSteps {
    of_parts: Vec<(Column, AggregateCall)>,
    of_all: Vec<(Column, AggregateCall)>,
    /// The aggregates that were asked for, over what the second step gives.
    results: Vec<(Column, Expr)>,
}

impl TwoSteps {
    fn new(aggregates: Vec<(Column, AggregateCall)>, next: &mut u32) -> Result<Self> {
        let mut two = Self { of_parts: Vec::new(), of_all: Vec::new(), results: Vec::new() };
        for (result, call) in aggregates {
            let mut values = Vec::new();
            for part in parts(&call)?.unwrap_or_default() {
                let given = fresh(&result.name, part.call.ty.clone(), next);
                let fold = part.folded(read(&given), &call)?;
                let over_all = fresh(&result.name, fold.ty.clone(), next);
                values.push(read(&over_all));
                two.of_parts.push((given, part.call));
                two.of_all.push((over_all, fold));
            }
            let value = whole(values, &call)?;
            two.results.push((result, if call.function == "count" { or_none(value)? } else { value }));
        }
        Ok(two)
    }
}

/// A count, 0 where nothing was counted.
fn or_none(count: Expr) -> Result<Expr> {
    let args = vec![count, Expr::Literal(Scalar::Integer(0, SqlType::BigInt))];
    let function = scalar::bind("coalesce", &[SqlType::BigInt, SqlType::BigInt])?;
    Ok(Expr::Call { function: function.name.to_string(), args, ty: function.ty, at: None })
}
