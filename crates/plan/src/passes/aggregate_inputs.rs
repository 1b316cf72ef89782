//! Groups the inputs of a UNION ALL by themselves, and then their groups: a historical run and a scenario, each beneath its own
//! bridge.

use super::parts::{Part, are_split, fresh, parts, read, renewed, whole};
use super::{Pass, PassContext, any_volatile, beneath_projections};
use crate::axis::substitute;
use crate::{Column, Result, RowPlan};
use hyperslab_expr::{AggregateCall, ColumnId, Expr};
use std::collections::HashMap;

pub(super) const PASS: Pass = Pass {
    name: "aggregate_inputs",
    about: "sums, counts, means and extremes over UNION ALL of grids are taken of each input first",
    rewrite: |plan, context: &mut PassContext<'_>| plan.transform(&mut |node| rewrite(node, &mut context.next_column)),
};

fn rewrite(plan: RowPlan, next: &mut u32) -> Result<RowPlan> {
    let RowPlan::Aggregate { input, keys, aggregates } = plan else { return Ok(plan) };
    let is_split = !any_volatile(&keys) && are_split(&aggregates)?;
    match union_of(&input).filter(|union| is_split && union.inputs.iter().any(has_cells)) {
        Some(union) => Grouped { keys, aggregates, next }.by_input(&union),
        None => Ok(RowPlan::Aggregate { input, keys, aggregates }),
    }
}

/// A union, and what is computed from its columns.
struct Union<'a> {
    inputs: &'a [RowPlan],
    columns: &'a [Column],
    computed: HashMap<ColumnId, Expr>,
}

/// The union beneath projections.
fn union_of(plan: &RowPlan) -> Option<Union<'_>> {
    match beneath_projections(plan) {
        (RowPlan::Union { inputs, columns }, computed) => Some(Union { inputs, columns, computed }),
        _ => None,
    }
}

fn has_cells(plan: &RowPlan) -> bool {
    match plan {
        RowPlan::Materialize { grid, .. } => !grid.is_aggregate(),
        RowPlan::Project { input, .. } | RowPlan::Filter { input, .. } => has_cells(input),
        _ => false,
    }
}

/// A grouping of a union.
struct Grouped<'a> {
    keys: Vec<(Column, Expr)>,
    aggregates: Vec<(Column, AggregateCall)>,
    next: &'a mut u32,
}

impl Grouped<'_> {
    fn by_input(mut self, union: &Union<'_>) -> Result<RowPlan> {
        let Union { inputs, columns, computed } = union;
        let mut branches = Vec::new();
        for input in *inputs {
            let own = columns.iter().zip(input.columns()).map(|(column, own)| (column.id, read(&own)));
            let own: HashMap<ColumnId, Expr> = own.collect();
            let mut over = own.clone();
            over.extend(computed.iter().map(|(id, expr)| (*id, substitute(expr.clone(), &own))));
            branches.push(self.branch(input.clone(), &over)?);
        }
        let together = branches.first().map(RowPlan::columns).unwrap_or_default();
        let together: Vec<Column> = together.into_iter().map(|column| renewed(&column, self.next)).collect();
        let union = RowPlan::Union { inputs: branches, columns: together.clone() };
        let (of_keys, of_parts) = together.split_at(self.keys.len());
        let keys = self.keys.iter().zip(of_keys).map(|((key, _), column)| (key.clone(), read(column))).collect();
        let mut of_parts = of_parts.iter();
        let (mut folded, mut shown) = (Vec::new(), Vec::new());
        shown.extend(self.keys.iter().map(|(column, _)| (column.clone(), read(column))));
        for (column, call) in std::mem::take(&mut self.aggregates) {
            let mut values = Vec::new();
            for (part, column_of_part) in parts(&call)?.unwrap_or_default().iter().zip(of_parts.by_ref()) {
                let fold = part.folded(read(column_of_part), &call)?;
                let result = fresh(&column.name, fold.ty.clone(), self.next);
                values.push(read(&result));
                folded.push((result, fold));
            }
            shown.push((column, whole(values, &call)?));
        }
        let input = Box::new(RowPlan::Aggregate { input: Box::new(union), keys, aggregates: folded });
        Ok(RowPlan::Project { input, columns: shown })
    }

    /// The groups of one input; `over` says what columns are there.
    fn branch(&mut self, input: RowPlan, over: &HashMap<ColumnId, Expr>) -> Result<RowPlan> {
        let keys: Vec<(Column, Expr)> = self.keys.clone();
        let keys = keys.into_iter().map(|(key, expr)| (renewed(&key, self.next), substitute(expr, over))).collect();
        let mut aggregates = Vec::new();
        for (column, call) in self.aggregates.clone() {
            for Part { mut call, .. } in parts(&call)?.unwrap_or_default() {
                call.args = call.args.into_iter().map(|arg| substitute(arg, over)).collect();
                call.filter = call.filter.map(|filter| substitute(filter, over));
                aggregates.push((fresh(&column.name, call.ty.clone(), self.next), call));
            }
        }
        Ok(RowPlan::Aggregate { input: Box::new(input), keys, aggregates })
    }
}
