//! Folds the integers of packed variables instead of the values that they stand for: they are two to eight times smaller,
//! need no unpacking, and their sums are exact.

use super::packed::Packed;
use super::parts::{cast, fresh, read};
use super::{Pass, PassContext};
use crate::{BoundQuery, Column, ColumnSource, GridPlan, Result, RowPlan, Scan};
use hyperslab_expr::{AggregateCall, ColumnId, Expr, SqlType, aggregate, scalar};
use hyperslab_grid::schema::Role;
use std::collections::HashMap;

pub(super) const PASS: Pass = Pass {
    name: "fold_packed",
    about: "aggregates and comparisons of packed variables are those of their integers; results are unpacked",
    rewrite: |plan, context| plan.transform(&mut |node| rewrite(node, context)),
};

fn rewrite(plan: RowPlan, context: &mut PassContext<'_>) -> Result<RowPlan> {
    let RowPlan::Materialize { grid, columns } = plan else { return Ok(plan) };
    let (mut input, keys, mut aggregates) = match *grid {
        GridPlan::Aggregate { input, keys, aggregates } => (input, keys, aggregates),
        cells => return only_tested(cells, columns, context),
    };
    let given = columns_of(&columns, &keys, &aggregates);
    // What the columns that are handed out are computed from, where that is not themselves.
    let mut results = HashMap::new();
    for packed in packed_variables(&input, context) {
        let Some(written) = Written::over(&packed, &mut input, &keys, &aggregates)? else { continue };
        let columns = std::mem::take(&mut aggregates).into_iter().map(|(column, _)| column);
        for (column, folded) in columns.zip(written.place(&packed, &mut input)) {
            aggregates.extend(folded.placed(column, &mut results, &mut context.next_column)?);
        }
    }
    if results.is_empty() {
        let grid = Box::new(GridPlan::Aggregate { input, keys, aggregates });
        return Ok(RowPlan::Materialize { grid, columns });
    }
    let is_unpacked = |id: &ColumnId| results.contains_key(id);
    let made = keys.iter().map(|(column, _)| column.id).chain(aggregates.iter().map(|(column, _)| column.id));
    let used: Vec<ColumnId> = results.values().flat_map(Expr::columns).collect();
    let columns = made.filter(|id| (columns.contains(id) && !is_unpacked(id)) || used.contains(id)).collect();
    let grid = Box::new(GridPlan::Aggregate { input, keys, aggregates });
    let shown = given.into_iter().map(|column| {
        let expr = results.remove(&column.id).unwrap_or_else(|| read(&column));
        (column, expr)
    });
    Ok(RowPlan::Project { columns: shown.collect(), input: Box::new(RowPlan::Materialize { grid, columns }) })
}

/// Cells, of which packed variables may be compared with constants, but are not handed out.
fn only_tested(mut grid: GridPlan, columns: Vec<ColumnId>, context: &mut PassContext<'_>) -> Result<RowPlan> {
    for packed in packed_variables(&grid, context) {
        let is_given = columns.contains(&packed.values);
        if let Some(written) = Written::over(&packed, &mut grid, &[], &[])?.filter(|_| !is_given) {
            written.place(&packed, &mut grid);
        }
    }
    Ok(RowPlan::Materialize { grid: Box::new(grid), columns })
}

/// The columns that are handed out, in order.
fn columns_of(ids: &[ColumnId], keys: &[(Column, Expr)], aggregates: &[(Column, AggregateCall)]) -> Vec<Column> {
    let all = || keys.iter().map(|(column, _)| column).chain(aggregates.iter().map(|(column, _)| column));
    ids.iter().filter_map(|id| all().find(|column| column.id == *id)).cloned().collect()
}

/// The packed variables that a grid reads, each with a new column for its integers.
fn packed_variables(grid: &GridPlan, context: &mut PassContext<'_>) -> Vec<Packed> {
    let mut found = Vec::new();
    for scan in grid.scans() {
        found.extend(scan.columns.iter().filter_map(|column| {
            let ColumnSource::Variable(variable) = column.source else { return None };
            let packing = packing(context.query, scan, variable)?;
            let ty = SqlType::from_arrow(packing.stored()).ok()?;
            let integers = fresh(&format!("{} (packed)", column.column.name), ty, &mut context.next_column);
            Some(Packed { values: column.column.id, integers, packing })
        }));
    }
    found
}

fn packing(query: &BoundQuery, scan: &Scan, variable: usize) -> Option<hyperslab_grid::Packing> {
    let dataset = query.dataset(scan.dataset);
    let is_data = dataset.schema().variables[variable].role == Role::Data;
    is_data.then(|| dataset.packing(variable)).flatten()
}

/// What reads the values of a packed variable, written over its integers.
struct Written<'a> {
    exprs: Vec<Expr>,
    calls: Vec<Folded<'a>>,
}

impl<'a> Written<'a> {
    /// Of the expressions and the aggregates of a grid; nothing if one of them, or a key, needs the values.
    fn over(
        packed: &'a Packed,
        input: &mut GridPlan,
        keys: &[(Column, Expr)],
        aggregates: &[(Column, AggregateCall)],
    ) -> Result<Option<Self>> {
        let exprs =
            input.exprs_mut().into_iter().map(|expr| packed.rewritten(expr.clone())).collect::<Result<Vec<_>>>()?;
        let calls = aggregates.iter().map(|(_, call)| Folded::of(call.clone(), packed)).collect::<Result<Vec<_>>>()?;
        let of_calls = calls.iter().flat_map(|folded| folded.call.args.iter().chain(&folded.call.filter));
        let all = exprs.iter().chain(keys.iter().map(|(_, key)| key)).chain(of_calls);
        let is_needed = all.into_iter().any(|expr| expr.columns().contains(&packed.values));
        Ok((!is_needed).then_some(Self { exprs, calls }))
    }

    /// Has a grid read the integers; the aggregates over them are returned.
    fn place(self, packed: &Packed, grid: &mut GridPlan) -> Vec<Folded<'a>> {
        grid.exprs_mut().into_iter().zip(self.exprs).for_each(|(expr, written)| *expr = written);
        let scans = grid.scans_mut().into_iter().flat_map(|scan| &mut scan.columns);
        for column in scans.filter(|column| column.column.id == packed.values) {
            if let ColumnSource::Variable(variable) = column.source {
                column.source = ColumnSource::Packed(variable);
            }
            column.column = packed.integers.clone();
        }
        self.calls
    }
}

/// An aggregate over integers, and what its result has to do with that over the values.
struct Folded<'a> {
    call: AggregateCall,
    result: Outcome,
    packed: &'a Packed,
}

/// What an aggregate of integers is of the values.
enum Outcome {
    /// The same.
    Same,
    /// An integer, or a mean of integers, to be unpacked.
    Unpacked,
    /// A sum of integers: scaled, with an offset for each of them.
    Sum,
}

impl<'a> Folded<'a> {
    /// An aggregate over the integers, where its result can be had from them; otherwise over what it was.
    fn of(mut call: AggregateCall, packed: &'a Packed) -> Result<Self> {
        call.filter = call.filter.map(|filter| packed.rewritten(filter)).transpose()?;
        call.args = call.args.into_iter().map(|arg| packed.rewritten(arg)).collect::<Result<_>>()?;
        let (ascends, is_single) = (packed.packing.ascends(), packed.packing.is_single());
        let is_plain = call.order.is_empty() && !matches!(call.ty, SqlType::List(_));
        let is_values = |arg: &Expr| packed.is_values(arg);
        let instead = match (call.function.as_str(), call.args.as_slice()) {
            _ if !is_plain => None,
            ("count", [arg]) if is_values(arg) => Some(("count", Outcome::Same)),
            ("min" | "max", [arg]) if is_values(arg) => {
                Some((if (call.function == "min") == ascends { "min" } else { "max" }, Outcome::Unpacked))
            }
            ("first" | "last" | "any_value", [arg]) if is_values(arg) => {
                Some((call.function.as_str(), Outcome::Unpacked))
            }
            ("quantile_disc", [arg]) if is_values(arg) && ascends => Some(("quantile_disc", Outcome::Unpacked)),
            // Means lie between values: in float32 they would be rounded once more.
            ("avg", [arg]) if is_values(arg) && !is_single => Some(("avg", Outcome::Unpacked)),
            ("median" | "quantile_cont", [arg]) if is_values(arg) && !is_single && ascends => {
                Some((call.function.as_str(), Outcome::Unpacked))
            }
            ("sum", [arg]) if is_values(arg) && !is_single && !call.distinct => Some(("sum", Outcome::Sum)),
            ("arg_min" | "arg_max", [value, by]) if is_values(by) && !is_values(value) => {
                Some((if (call.function == "arg_min") == ascends { "arg_min" } else { "arg_max" }, Outcome::Same))
            }
            _ => None,
        };
        let Some((function, result)) = instead else { return Ok(Self { call, result: Outcome::Same, packed }) };
        let args: Vec<Expr> =
            call.args.iter().map(|arg| if is_values(arg) { packed.integers() } else { arg.clone() }).collect();
        let types: Vec<SqlType> = args.iter().map(Expr::sql_type).collect();
        let bound = aggregate::bind(function, &types, &call.parameters)?;
        let call = AggregateCall { function: function.to_string(), args, ty: bound.ty, ..call };
        Ok(Self { call, result, packed })
    }

    /// The aggregates to compute for a column; what it is computed from comes to the results.
    fn placed(
        self,
        column: Column,
        results: &mut HashMap<ColumnId, Expr>,
        next: &mut u32,
    ) -> Result<Vec<(Column, AggregateCall)>> {
        let Self { call, result, packed } = self;
        if let Outcome::Same = result {
            return Ok(vec![(column, call)]);
        }
        let of_integers = fresh(&format!("{} (packed)", column.name), call.ty.clone(), next);
        let mut made = vec![(of_integers.clone(), call.clone())];
        let value = match result {
            Outcome::Sum if packed.packing.offset() != 0.0 => {
                let count = aggregate::call("count", call.args.clone())?;
                let count = AggregateCall { filter: call.filter, at: call.at, ..count };
                let times = fresh(&format!("{} (count)", column.name), count.ty.clone(), next);
                made.push((times.clone(), count));
                let parts = vec![packed.scaled(read(&of_integers))?, packed.offsets(read(&times))?];
                scalar::call("+", parts, None)?
            }
            Outcome::Sum => packed.scaled(read(&of_integers))?,
            Outcome::Same | Outcome::Unpacked => packed.unpacked(read(&of_integers))?,
        };
        results.insert(column.id, cast(value, &column.ty));
        Ok(made)
    }
}
