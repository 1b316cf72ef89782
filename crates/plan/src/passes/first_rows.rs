//! Finds the first row of each partition by grouping: `QUALIFY row_number() OVER (PARTITION BY lat, lon ORDER BY x DESC) = 1`
//! keeps one row for each place, and sorts nothing.

use super::join_grids::tell_apart;
use super::parts::{fresh, read};
use super::{Pass, PassContext};
use crate::axis::along_axis;
use crate::row_plan::is_passed_on;
use crate::window::{Window, WindowCall, WindowFunction};
use crate::{BoundQuery, Column, ColumnSource, GridPlan, Result, RowPlan, ScanColumn, SortKey};
use arrow::array::ArrayRef;
use hyperslab_expr::{AggregateCall, ColumnId, Expr, RowOrder, Scalar, SqlType, aggregate};
use hyperslab_grid::Footprint;

pub(super) const PASS: Pass = Pass {
    name: "first_rows",
    about: "row_number() = 1 over cells becomes first(.. ORDER BY ..) of groups, put back into the order of the cells",
    rewrite: |plan, context: &mut PassContext<'_>| {
        let PassContext { query, next_column } = context;
        plan.transform(&mut |node| rewrite(node, query, next_column))
    },
};

fn rewrite(plan: RowPlan, query: &BoundQuery, next: &mut u32) -> Result<RowPlan> {
    let RowPlan::Filter { input, predicate } = &plan else { return Ok(plan) };
    let RowPlan::Window { input: rows, window, calls } = input.as_ref() else { return Ok(plan) };
    let [(number, WindowCall { function: WindowFunction::RowNumber, .. })] = &calls[..] else { return Ok(plan) };
    let (first, rest): (Vec<Expr>, Vec<Expr>) =
        predicate.clone().conjuncts().into_iter().partition(|term| is_first(term, number));
    let is_volatile = window.exprs().chain(&rest).any(Expr::is_volatile);
    let Some(grid) = cells(rows).filter(|grid| grid.base().scan().is_some() && !first.is_empty() && !is_volatile)
    else {
        return Ok(plan);
    };
    let mut window = window.clone();
    // What is the same for a whole partition orders nothing.
    let Window { partition, order } = &mut window;
    order.retain(|key| !partition.contains(&key.expr));
    let groups = FirstRows { query, next, window, shown: rows.columns() };
    let groups = groups.of(grid.clone(), number.clone())?;
    Ok(match Expr::all_of(rest) {
        Some(predicate) => RowPlan::Filter { input: Box::new(groups), predicate },
        None => groups,
    })
}

/// Whether a term is true just for the first row: `n = 1`, `n <= 1`, `n < 2`.
fn is_first(term: &Expr, number: &Column) -> bool {
    let Expr::Call { function, args, .. } = term else { return false };
    let (sign, limit) = match (function.as_str(), &args[..]) {
        (sign, [Expr::Column(id, _), Expr::Literal(limit)]) if *id == number.id => (sign, limit),
        ("=", [Expr::Literal(limit), Expr::Column(id, _)]) if *id == number.id => ("=", limit),
        (">=", [Expr::Literal(limit), Expr::Column(id, _)]) if *id == number.id => ("<=", limit),
        (">", [Expr::Literal(limit), Expr::Column(id, _)]) if *id == number.id => ("<", limit),
        _ => return false,
    };
    matches!((sign, limit), ("=" | "<=", Scalar::Integer(1, _)) | ("<", Scalar::Integer(2, _)))
}

/// The cells that a plan hands out, perhaps under new names.
fn cells(plan: &RowPlan) -> Option<&GridPlan> {
    match plan {
        RowPlan::Project { input, columns } if columns.iter().all(|(column, expr)| is_passed_on(column, expr)) => {
            cells(input)
        }
        RowPlan::Materialize { grid, .. } if !grid.is_aggregate() => Some(grid),
        _ => None,
    }
}

/// The first rows of the partitions of a window.
struct FirstRows<'a> {
    query: &'a BoundQuery,
    next: &'a mut u32,
    window: Window,
    /// The columns of the rows.
    shown: Vec<Column>,
}

impl FirstRows<'_> {
    /// The plan of groups; `number` is the column that is 1 in all of them.
    fn of(mut self, mut grid: GridPlan, number: Column) -> Result<RowPlan> {
        let (mut keys, known) = self.keys();
        let mut aggregates = Vec::new();
        let order = self.positions(&mut grid, &mut keys, &mut aggregates)?;
        let mut shown = Vec::new();
        for column in std::mem::take(&mut self.shown) {
            if known.contains(&column.id) {
                shown.push((column.clone(), read(&column)));
                continue;
            }
            let value = self.column(&column.name, column.ty.clone());
            aggregates.push((value.clone(), self.first(read(&column))?));
            shown.push((column, read(&value)));
        }
        shown.push((number, Expr::Literal(Scalar::Integer(1, SqlType::BigInt))));
        let columns = grid.columns().into_iter().map(|c| c.column.id).collect();
        let cells = RowPlan::Materialize { grid: Box::new(grid), columns };
        let groups = RowPlan::Aggregate { input: Box::new(cells), keys, aggregates };
        let sorted = RowPlan::Sort { input: Box::new(groups), keys: order };
        Ok(RowPlan::Project { input: Box::new(sorted), columns: shown })
    }

    /// The keys of the groups, and the columns among them. Without partitions there is one group, but none of no rows.
    fn keys(&mut self) -> (Vec<(Column, Expr)>, Vec<ColumnId>) {
        let (mut keys, mut known): (Vec<(Column, Expr)>, Vec<ColumnId>) = (Vec::new(), Vec::new());
        for expr in self.window.partition.clone() {
            match self.shown.iter().find(|c| matches!(&expr, Expr::Column(id, _) if *id == c.id)) {
                Some(column) if known.contains(&column.id) => {}
                Some(column) => {
                    known.push(column.id);
                    keys.push((column.clone(), expr));
                }
                None => keys.push((self.column("key", expr.sql_type()), expr)),
            }
        }
        if keys.is_empty() {
            keys.push((self.column("key", SqlType::Boolean), Expr::Literal(Scalar::Boolean(true))));
        }
        (keys, known)
    }

    /// Where the rows lie in the grid, which is the order that they come in. Along a dimension whose positions the partitions
    /// tell apart it is a key like theirs, elsewhere that of the row chosen.
    fn positions(
        &mut self,
        grid: &mut GridPlan,
        keys: &mut Vec<(Column, Expr)>,
        aggregates: &mut Vec<(Column, AggregateCall)>,
    ) -> Result<Vec<SortKey>> {
        let labels: Vec<Option<(usize, ArrayRef)>> =
            self.window.partition.iter().map(|key| along_axis(self.query, grid, key)).collect();
        let mut order = Vec::new();
        let mut settled: Vec<usize> = Vec::new();
        for dim in 0..grid.rank() {
            let on_axes = labels.iter().flatten();
            let on: Vec<ArrayRef> = on_axes.filter(|(of, _)| *of == dim).map(|(_, values)| values.clone()).collect();
            let apart = tell_apart(&on, &grid.region().sets()[dim]);
            let position = self.position(grid, dim);
            if apart {
                settled.push(dim);
                keys.push((position.clone(), read(&position)));
                order.push(ascending(&position));
            } else {
                let chosen = self.column(&position.name, SqlType::BigInt);
                aggregates.push((chosen.clone(), self.first(read(&position))?));
                order.push(ascending(&chosen));
            }
            // Groups that differ do so in one of the positions so far.
            if labels.iter().all(|label| label.as_ref().is_some_and(|(of, _)| settled.contains(of))) {
                break;
            }
        }
        Ok(order)
    }

    /// A column with the positions along a dimension of the grid.
    fn position(&mut self, grid: &mut GridPlan, dim: usize) -> Column {
        let column = self.column(&format!("dim_index({})", grid.dim_names()[dim]), SqlType::BigInt);
        let footprint: Footprint = std::iter::once(dim).collect();
        let source = ColumnSource::Position(dim);
        if let Some(scan) = grid.scan_mut() {
            scan.columns.push(ScanColumn { column: column.clone(), source, footprint });
        }
        column
    }

    /// The value of the row that comes first in the order of the window.
    fn first(&self, value: Expr) -> Result<AggregateCall> {
        let mut call = aggregate::call("first", vec![value])?;
        for key in &self.window.order {
            call.args.push(key.expr.clone());
            call.order.push(RowOrder { descending: key.descending, nulls_first: key.nulls_first });
        }
        Ok(call)
    }

    fn column(&mut self, name: &str, ty: SqlType) -> Column {
        fresh(name, ty, self.next)
    }
}

fn ascending(column: &Column) -> SortKey {
    SortKey { expr: read(column), descending: false, nulls_first: false }
}
