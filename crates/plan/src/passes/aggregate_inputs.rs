//! Groups the inputs of a UNION ALL by themselves, and then their groups: a historical run and a scenario, each beneath its own
//! bridge.

use super::{Pass, PassContext, any_volatile};
use crate::axis::substitute;
use crate::{Column, Result, RowPlan};
use hyperslab_expr::{AggregateCall, ColumnId, Expr, SqlType, aggregate, scalar};
use std::collections::HashMap;

pub(super) const PASS: Pass = Pass {
    name: "aggregate_inputs",
    about: "sums, counts, means and extremes over UNION ALL of grids are taken of each input first",
    rewrite: |plan, context: &mut PassContext<'_>| plan.transform(&mut |node| rewrite(node, &mut context.next_column)),
};

fn rewrite(plan: RowPlan, next: &mut u32) -> Result<RowPlan> {
    let RowPlan::Aggregate { input, keys, aggregates } = plan else { return Ok(plan) };
    let is_split = !any_volatile(&keys) && aggregates.iter().all(|(_, call)| parts(call).is_some());
    match union_of(&input, HashMap::new()).filter(|union| is_split && union.inputs.iter().any(has_cells)) {
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

/// The union beneath projections; `above` is what is computed from the columns of `plan`.
fn union_of(plan: &RowPlan, above: HashMap<ColumnId, Expr>) -> Option<Union<'_>> {
    match plan {
        RowPlan::Union { inputs, columns } => Some(Union { inputs, columns, computed: above }),
        RowPlan::Project { input, columns } if !any_volatile(columns) => {
            let here: HashMap<ColumnId, Expr> = columns.iter().map(|(c, expr)| (c.id, expr.clone())).collect();
            let mut all = here.clone();
            all.extend(above.into_iter().map(|(id, expr)| (id, substitute(expr, &here))));
            union_of(input, all)
        }
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

/// The aggregates of parts that one over all is put together from, and what folds each; none if there are no such.
fn parts(call: &AggregateCall) -> Option<&'static [(&'static str, &'static str)]> {
    let is_plain = !call.distinct && call.order.is_empty() && call.parameters.is_empty();
    let is_volatile = call.args.iter().chain(&call.filter).any(Expr::is_volatile);
    let is_real = |ty: SqlType| matches!(ty, SqlType::Float | SqlType::Double);
    match (call.function.as_str(), call.args.as_slice()) {
        _ if !is_plain || is_volatile => None,
        ("sum", [_]) => Some(&[("sum", "sum")]),
        ("count", _) => Some(&[("count", "sum")]),
        ("min", [_]) => Some(&[("min", "min")]),
        ("max", [_]) => Some(&[("max", "max")]),
        ("avg", [arg]) if is_real(arg.sql_type()) => Some(&[("sum", "sum"), ("count", "sum")]),
        _ => None,
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
        let together: Vec<Column> = together.into_iter().map(|column| self.renewed(&column)).collect();
        let union = RowPlan::Union { inputs: branches, columns: together.clone() };
        let (of_keys, of_parts) = together.split_at(self.keys.len());
        let keys = self.keys.iter().zip(of_keys).map(|((key, _), column)| (key.clone(), read(column))).collect();
        let mut of_parts = of_parts.iter();
        let (mut folded, mut shown) = (Vec::new(), Vec::new());
        shown.extend(self.keys.iter().map(|(column, _)| (column.clone(), read(column))));
        for (column, call) in std::mem::take(&mut self.aggregates) {
            let mut values = Vec::new();
            for ((_, fold), part) in parts(&call).unwrap_or_default().iter().zip(of_parts.by_ref()) {
                let fold = called(fold, vec![read(part)], &call)?;
                let result = self.column(&column.name, fold.ty.clone());
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
        let keys = keys.into_iter().map(|(key, expr)| (self.renewed(&key), substitute(expr, over))).collect();
        let mut aggregates = Vec::new();
        for (column, call) in self.aggregates.clone() {
            for (part, _) in parts(&call).unwrap_or_default() {
                let args = call.args.iter().map(|arg| substitute(arg.clone(), over)).collect();
                let mut part = called(part, args, &call)?;
                part.filter = call.filter.clone().map(|filter| substitute(filter, over));
                aggregates.push((self.column(&column.name, part.ty.clone()), part));
            }
        }
        Ok(RowPlan::Aggregate { input: Box::new(input), keys, aggregates })
    }

    fn renewed(&mut self, column: &Column) -> Column {
        Column { id: self.fresh(), ..column.clone() }
    }

    fn column(&mut self, name: &str, ty: SqlType) -> Column {
        Column { id: self.fresh(), name: name.to_string(), ty, metadata: Default::default() }
    }

    fn fresh(&mut self) -> ColumnId {
        *self.next += 1;
        ColumnId(*self.next - 1)
    }
}

/// A plain call of an aggregate, in the place of another.
fn called(function: &str, args: Vec<Expr>, of: &AggregateCall) -> Result<AggregateCall> {
    let types: Vec<SqlType> = args.iter().map(Expr::sql_type).collect();
    let bound = aggregate::bind(function, &types, &[])?;
    let args = args.into_iter().zip(&bound.arg_types).map(|(arg, ty)| cast(arg, ty)).collect();
    Ok(AggregateCall { function: bound.name.to_string(), args, filter: None, ty: bound.ty, ..of.clone() })
}

/// The result of a call from its folded parts.
fn whole(mut values: Vec<Expr>, call: &AggregateCall) -> Result<Expr> {
    match (values.pop(), values.pop()) {
        (Some(count), Some(sum)) => {
            let args = vec![cast(sum, &SqlType::Double), cast(count, &SqlType::Double)];
            let function = scalar::bind("/", &[SqlType::Double, SqlType::Double])?;
            let mean = Expr::Call { function: function.name.to_string(), args, ty: function.ty, at: call.at };
            Ok(cast(mean, &call.ty))
        }
        (Some(value), None) => Ok(cast(value, &call.ty)),
        (None, _) => Err(hyperslab_expr::Error::new("an aggregate has no parts")),
    }
}

fn cast(expr: Expr, ty: &SqlType) -> Expr {
    if expr.sql_type() == *ty {
        return expr;
    }
    Expr::Cast { arg: Box::new(expr), to: ty.clone(), or_null: false, at: None }
}

fn read(column: &Column) -> Expr {
    Expr::Column(column.id, column.ty.clone())
}
