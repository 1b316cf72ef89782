//! A left join of rows with cells, as stations with the values at their places: which rows have no cell is known from the axes,
//! so that cells are streamed past the rows as in an inner join, and the other rows are put beside what matches.

use super::join_grids::grid_of;
use super::parts::{fresh, named, read};
use super::swap_joins::{self, is_free, numbered, sorted_by};
use super::window_on_axis::has_all_cells;
use super::{Pass, PassContext, any_volatile};
use crate::axis::{along_axis, in_terms_of_scan};
use crate::{BoundQuery, Column, GridPlan, JoinKind, Result, RowPlan};
use hyperslab_expr::{Expr, Scalar, SqlType, aggregate};

pub(super) const PASS: Pass = Pass {
    name: "left_rows",
    about: "a left join of rows with all cells of a grid by its axes streams the cells; rows without any are found by the axes",
    rewrite: |plan, context: &mut PassContext<'_>| {
        let plan = plan.transform(&mut |node| without_order(node, context))?;
        plan.transform(&mut |node| Ok(in_order(node, context)))
    },
};

/// Aggregates do not care for the order of rows; their groups are put into the order of the first rows that have them.
fn without_order(plan: RowPlan, context: &mut PassContext<'_>) -> Result<RowPlan> {
    let RowPlan::Aggregate { input, keys, mut aggregates } = plan else { return Ok(plan) };
    if !is_free(&keys, &aggregates) || !is_left_join(&input, context.query) {
        return Ok(RowPlan::Aggregate { input, keys, aggregates });
    }
    let shown = keys.iter().map(|(column, _)| column).chain(aggregates.iter().map(|(column, _)| column));
    let shown: Vec<Column> = shown.cloned().collect();
    let number = fresh("row", SqlType::BigInt, &mut context.next_column);
    let first = fresh("first row", SqlType::BigInt, &mut context.next_column);
    let order = read(&first);
    aggregates.push((first, aggregate::call("min", vec![read(&number)])?));
    let input = Box::new(beneath(*input, &number, context));
    let groups = RowPlan::Aggregate { input, keys, aggregates };
    Ok(sorted_by(groups, order, shown))
}

fn is_left_join(plan: &RowPlan, query: &BoundQuery) -> bool {
    match plan {
        RowPlan::Project { input, columns } => !any_volatile(columns) && is_left_join(input, query),
        plan => Parts::of(plan, query).is_some(),
    }
}

/// The join beneath projections, which pass the number of the row on.
fn beneath(plan: RowPlan, number: &Column, context: &mut PassContext<'_>) -> RowPlan {
    match plan {
        RowPlan::Project { input, mut columns } => {
            columns.push((number.clone(), read(number)));
            RowPlan::Project { input: Box::new(beneath(*input, number, context)), columns }
        }
        plan => match Parts::of(&plan, context.query) {
            Some(parts) => parts.together(&plan, number.clone(), &mut context.next_column),
            None => plan,
        },
    }
}

/// Elsewhere the rows are put back into it.
fn in_order(plan: RowPlan, context: &mut PassContext<'_>) -> RowPlan {
    let Some(parts) = Parts::of(&plan, context.query) else { return plan };
    let next = &mut context.next_column;
    let number = fresh("row", SqlType::BigInt, next);
    sorted_by(parts.together(&plan, number.clone(), next), read(&number), plan.columns())
}

/// What a left join is made of.
struct Parts<'a> {
    rows: &'a RowPlan,
    cells: &'a RowPlan,
    grid: &'a GridPlan,
    on: &'a [(Expr, Expr)],
}

impl<'a> Parts<'a> {
    fn of(plan: &'a RowPlan, query: &BoundQuery) -> Option<Self> {
        let RowPlan::Join { left: rows, right: cells, kind: JoinKind::Left, on, asof: None, filter: None } = plan
        else {
            return None;
        };
        let grid = grid_of(cells).filter(|grid| has_all_cells(grid) && grid.rank() > 0 && can_be_read_twice(rows))?;
        let is_on_axis = |(left, right): &(Expr, Expr)| !left.is_volatile() && along_axis(query, grid, right).is_some();
        let is_larger = grid.region().cells() as u64 > swap_joins::rows(rows, query);
        (!on.is_empty() && on.iter().all(is_on_axis) && is_larger).then_some(Self { rows, cells, grid, on })
    }

    /// The pairs that match and the rows that have no match, as the columns of the join, and the number of the row.
    fn together(&self, join: &RowPlan, number: Column, next: &mut u32) -> RowPlan {
        let shown: Vec<Column> = join.columns().into_iter().chain([number]).collect();
        let (rows, number_of_pair) = numbered(self.rows.clone(), next);
        let on = self.on.iter().map(|(left, right)| (right.clone(), left.clone())).collect();
        let pairs = joined(self.cells.clone(), rows, JoinKind::Inner, on);
        let of_pairs = join.columns().iter().map(read).chain([number_of_pair]).collect();
        let (rows, number_of_row) = numbered(self.rows.clone(), next);
        let (places, on) = self.places(next);
        let alone = joined(rows, places, JoinKind::Anti, on);
        let nulls = self.cells.columns().into_iter().map(|column| Expr::Literal(Scalar::Null(column.ty)));
        let of_alone = self.rows.columns().iter().map(read).chain(nulls).chain([number_of_row]).collect();
        let inputs = vec![named(pairs, of_pairs, &shown, next), named(alone, of_alone, &shown, next)];
        RowPlan::Union { inputs, columns: shown }
    }

    /// The different places of cells on the axes of the condition, and what rows without one differ in.
    fn places(&self, next: &mut u32) -> (RowPlan, Vec<(Expr, Expr)>) {
        let (mut keys, mut on) = (Vec::new(), Vec::new());
        for (left, right) in self.on {
            let key = fresh("key", right.sql_type(), next);
            on.push((left.clone(), read(&key)));
            keys.push((key, in_terms_of_scan(self.grid, right.clone())));
        }
        let scan = self.grid.base().to_grid();
        let columns = scan.columns().into_iter().map(|column| column.column.id).collect();
        let cells = Box::new(RowPlan::Materialize { grid: Box::new(scan), columns });
        (RowPlan::Aggregate { input: cells, keys, aggregates: Vec::new() }, on)
    }
}

/// Whether rows are the same when they are read again, at little cost.
fn can_be_read_twice(plan: &RowPlan) -> bool {
    match plan {
        RowPlan::Table(_) | RowPlan::Values { .. } => true,
        RowPlan::Filter { input, predicate } => !predicate.is_volatile() && can_be_read_twice(input),
        RowPlan::Project { input, columns } => !any_volatile(columns) && can_be_read_twice(input),
        _ => false,
    }
}

fn joined(left: RowPlan, right: RowPlan, kind: JoinKind, on: Vec<(Expr, Expr)>) -> RowPlan {
    RowPlan::Join { left: Box::new(left), right: Box::new(right), kind, on, asof: None, filter: None }
}
