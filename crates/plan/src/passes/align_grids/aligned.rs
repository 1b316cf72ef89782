//! Two grids on axes that hold the labels of both, and what is true where one of them has a cell.

use super::super::PassContext;
use super::super::join_grids::{axis_map, with_names};
use super::super::parts::fresh;
use super::super::side::{Side, choice, scan_of};
use crate::align::Align;
use crate::axis::{MAX_AXIS_VALUES, along_axis, in_terms_of_scan, substitute};
use crate::grid_plan::Along;
use crate::{BoundQuery, Column, GridPlan, Result, RowPlan, Scan};
use arrow::array::ArrayRef;
use hyperslab_expr::{ColumnId, Expr, Scalar};
use hyperslab_grid::{AxisMap, IndexSet, Region};
use std::convert::Infallible;

/// Cells of two grids, side by side.
pub(super) struct Aligned {
    /// The cells that one of them has, with the columns of both.
    grid: GridPlan,
    /// For each axis how many positions the first grid has: they come first.
    firsts: Vec<usize>,
    /// What is true at these.
    leads: Vec<Expr>,
    /// What must be true besides where the first grid has a cell, and all that must be where the second has one.
    first: Option<Expr>,
    second: Option<Expr>,
    /// Whether cells come in the order of the first grid, and then those that only the second has in the order of that.
    pub(super) is_in_order: bool,
}

impl Aligned {
    /// Aligns two grids by pairs of expressions that are equal for partners; none if a cell may have several partners, or if
    /// an axis is not compared.
    pub(super) fn new(
        grids: [&GridPlan; 2],
        shown: [Vec<Column>; 2],
        on: &[(Expr, Expr)],
        context: &mut PassContext<'_>,
    ) -> Result<Option<Self>> {
        let [Some(one), Some(other)] = grids.map(scan_of) else { return Ok(None) };
        let Some(axes) = axes(context.query, grids, on)? else { return Ok(None) };
        let next = &mut context.next_column;
        let mut first = Side::new(grids[0], one, lacking(&axes, 0), &shown[0], next)?;
        let mut second = Side::new(grids[1], other, lacking(&axes, 1), &shown[1], next)?;
        let mut columns = std::mem::take(&mut first.columns);
        columns.append(&mut second.columns);
        let either = either(context.query, grids, [&first, &second], on, (&mut columns, next));
        let is_in_order = !first.is_masked() && follow(&axes);
        // With one axis that differs each place is one of the first grid or of the second.
        let is_whole = !first.is_masked() && !second.is_masked() && differ(&axes) == Some(1);
        let present = [first.present(), second.present()];
        let firsts = axes.iter().map(Axis::firsts).collect();
        let leads = first.leads.iter().flatten().cloned().collect();
        let predicates = Expr::all_of(first.predicates);
        let mut grid = GridPlan::Align(Box::new(align(axes, [first.scan, second.scan], either)));
        if let [Some(one), Some(other)] = &present
            && !is_whole
        {
            grid = GridPlan::Mask { input: Box::new(grid), predicate: Expr::Or(vec![one.clone(), other.clone()]) };
        }
        if !columns.is_empty() {
            grid = GridPlan::Map { input: Box::new(grid), columns };
        }
        let [_, second] = present;
        Ok(Some(Self { grid, firsts, leads, first: predicates, second, is_in_order }))
    }

    /// The cells that one of the grids has, as rows of these columns.
    pub(super) fn cells(self, shown: Vec<Column>) -> RowPlan {
        cells(self.grid, shown)
    }

    /// The cells that the first grid has, in its order.
    pub(super) fn of_first(self, shown: Vec<Column>) -> RowPlan {
        cells(self.within_first(), shown)
    }

    /// The cells that only the first grid has, in its order.
    pub(super) fn of_first_alone(self, shown: Vec<Column>) -> RowPlan {
        let literal = |value| Expr::Literal(Scalar::Boolean(value));
        let alone = self.second.clone().map_or(literal(false), |second| choice(second, literal(false), literal(true)));
        cells(masked(self.within_first(), Some(alone)), shown)
    }

    fn within_first(mut self) -> GridPlan {
        for (axis, len) in self.firsts.into_iter().enumerate() {
            self.grid.narrow(axis, &IndexSet::all(len));
        }
        masked(where_true(self.grid, &self.leads), self.first)
    }
}

/// A grid where some conditions are true: what they guard is a label of an axis again.
fn where_true(grid: GridPlan, conditions: &[Expr]) -> GridPlan {
    let known = |expr: Expr| {
        let rewritten: Result<Expr, Infallible> = expr.transform(&mut |part| {
            Ok(if conditions.contains(&part) { Expr::Literal(Scalar::Boolean(true)) } else { part })
        });
        match rewritten {
            Ok(expr) => expr,
        }
    };
    match grid {
        GridPlan::Mask { input, predicate } => {
            GridPlan::Mask { input: Box::new(where_true(*input, conditions)), predicate: known(predicate) }
        }
        GridPlan::Map { input, columns } => {
            let columns = columns.into_iter().map(|(column, expr)| (column, known(expr))).collect();
            GridPlan::Map { input: Box::new(where_true(*input, conditions)), columns }
        }
        other => other,
    }
}

fn cells(grid: GridPlan, shown: Vec<Column>) -> RowPlan {
    let ids = shown.iter().map(|column| column.id).collect();
    with_names(RowPlan::Materialize { grid: Box::new(grid), columns: ids }, shown)
}

fn masked(grid: GridPlan, predicate: Option<Expr>) -> GridPlan {
    match predicate {
        Some(predicate) => GridPlan::Mask { input: Box::new(grid), predicate },
        None => grid,
    }
}

/// An axis, and where its positions are on the dimension of each grid; one of them may have no such dimension.
struct Axis {
    dims: [Option<usize>; 2],
    positions: Vec<[Option<usize>; 2]>,
}

impl Axis {
    /// Whether there are positions that one of the grids does not have.
    fn lacks(&self, side: usize) -> bool {
        self.dims[side].is_some() && self.positions.iter().any(|at| at[side].is_none())
    }

    /// How many positions the first grid has.
    fn firsts(&self) -> usize {
        self.positions.iter().filter(|at| at[0].is_some() || self.dims[0].is_none()).count()
    }

    /// Whether all positions are the first grid's, and those of the second come in the same order.
    fn keeps_order(&self) -> bool {
        !self.lacks(0) && self.positions.iter().filter_map(|at| at[1]).is_sorted()
    }
}

/// The dimension of one of the grids for each axis that it has, and whether it has not all positions of it.
fn lacking(axes: &[Axis], side: usize) -> impl Iterator<Item = (usize, bool)> {
    axes.iter().filter_map(move |axis| Some((axis.dims[side]?, axis.lacks(side))))
}

/// Whether cells come in the order of the first grid, and after them those that only the second has, in the order of that.
fn follow(axes: &[Axis]) -> bool {
    let outer = axes.iter().position(|axis| axis.positions.len() > 1);
    let second: Vec<usize> = axes.iter().filter_map(|axis| axis.dims[1]).collect();
    axes.iter().all(|axis| !axis.lacks(0))
        || (second.is_sorted() && axes.iter().enumerate().all(|(at, axis)| Some(at) == outer || axis.keeps_order()))
}

/// How many axes have positions that one of the grids does not have, if that is so on the same axes for both.
fn differ(axes: &[Axis]) -> Option<usize> {
    let lacks = |side: usize| (0..axes.len()).filter(|at| axes[*at].lacks(side)).collect::<Vec<_>>();
    let [first, second] = [0, 1].map(lacks);
    (first == second).then_some(first.len())
}

/// The labels of a condition: the dimension of each grid, and the values along it.
type Labels = [(usize, ArrayRef); 2];

/// The axes in the order of the first grid. None if there are several places on a dimension that no condition is about.
fn axes(query: &BoundQuery, grids: [&GridPlan; 2], on: &[(Expr, Expr)]) -> Result<Option<Vec<Axis>>> {
    let pair = |(first, second): &(Expr, Expr)| {
        Some([along_axis(query, grids[0], first)?, along_axis(query, grids[1], second)?])
    };
    let Some(pairs) = on.iter().map(pair).collect::<Option<Vec<Labels>>>() else { return Ok(None) };
    let selected = grids.map(|grid| grid.region().sets());
    let is_free = |side: usize, dim: usize| pairs.iter().all(|pair| pair[side].0 != dim);
    let single = |side: usize, dim: usize| selected[side][dim].iter().next().filter(|_| selected[side][dim].len() == 1);
    let mut others = (0..selected[1].len()).filter(|dim| is_free(1, *dim));
    let mut axes: Vec<Axis> = Vec::new();
    for dim in 0..selected[0].len() {
        let axis = if is_free(0, dim) {
            let other = others.next();
            single(0, dim).map(|at| Axis {
                dims: [Some(dim), other],
                positions: vec![[Some(at), other.and_then(|other| single(1, other))]],
            })
        } else {
            matched(dim, &pairs, selected)?
        };
        let Some(axis) = axis else { return Ok(None) };
        axes.push(axis);
    }
    axes.extend(others.map(|dim| Axis { dims: [None, Some(dim)], positions: vec![[None, single(1, dim)]] }));
    let mut seconds: Vec<usize> = axes.iter().filter_map(|axis| axis.dims[1]).collect();
    seconds.sort_unstable();
    let has_all = axes.iter().all(|axis| axis.dims.iter().any(Option::is_some))
        && seconds.windows(2).all(|pair| pair[0] != pair[1])
        && seconds.iter().all(|dim| !is_free(1, *dim) || single(1, *dim).is_some());
    Ok((!axes.is_empty() && has_all).then_some(axes))
}

/// The axis that a dimension of the first grid lies on with the one that it is compared to; none if there are several.
fn matched(dim: usize, pairs: &[Labels], selected: [&[IndexSet]; 2]) -> Result<Option<Axis>> {
    let of_axis: Vec<&Labels> = pairs.iter().filter(|[(first, _), _]| *first == dim).collect();
    let Some([_, (other, _)]) = of_axis.first() else { return Ok(None) };
    if of_axis.iter().any(|[_, (of, _)]| of != other) {
        return Ok(None);
    }
    let labels = [0, 1].map(|side| of_axis.iter().map(|pair| pair[side].1.clone()).collect::<Vec<ArrayRef>>());
    let positions = positions(&labels, [&selected[0][dim], &selected[1][*other]])?;
    Ok(positions.map(|positions| Axis { dims: [Some(dim), Some(*other)], positions }))
}

/// The selected positions of two dimensions, those with equal labels together; none if several have the same.
fn positions(labels: &[Vec<ArrayRef>; 2], selected: [&IndexSet; 2]) -> Result<Option<Vec<[Option<usize>; 2]>>> {
    let there = axis_map(&labels[0], &labels[1], selected[1])?;
    let (Some(there), Some(back)) = (there, axis_map(&labels[1], &labels[0], selected[0])?) else { return Ok(None) };
    let of_first = selected[0].iter().map(|at| [Some(at), there.get(at)]);
    let added = selected[1].iter().filter(|at| back.get(*at).is_none()).map(|at| [None, Some(at)]);
    let positions: Vec<_> = of_first.chain(added).collect();
    Ok((positions.len() <= MAX_AXIS_VALUES).then_some(positions))
}

fn align(axes: Vec<Axis>, scans: [Scan; 2], either: Vec<([Expr; 2], ColumnId)>) -> Align {
    let shape: Vec<usize> = axes.iter().map(|axis| axis.positions.len()).collect();
    let along = |side: usize| {
        let of = |dim: usize| {
            let (at, axis) = axes.iter().enumerate().find(|(_, axis)| axis.dims[side] == Some(dim))?;
            let map = AxisMap::new(axis.positions.iter().map(|at| at[side]), scans[side].shape[dim]);
            Some(Along { dim: at, map })
        };
        (0..scans[side].dims.len()).filter_map(of).collect::<Vec<_>>()
    };
    let along = [along(0), along(1)];
    let name = |axis: &Axis| match axis.dims {
        [Some(dim), _] => scans[0].dim_names[dim].clone(),
        [None, dim] => dim.map(|dim| scans[1].dim_names[dim].clone()).unwrap_or_default(),
    };
    let dim_names = axes.iter().map(name).collect();
    Align { scans, along, dim_names, region: Region::all(&shape), shape, either }
}

/// For each pair that is equal for partners, in either order, a column that is the first where its grid has a position on the
/// axis, and else the second: a label of the axis.
fn either(
    query: &BoundQuery,
    grids: [&GridPlan; 2],
    sides: [&Side; 2],
    on: &[(Expr, Expr)],
    (columns, next): (&mut Vec<(Column, Expr)>, &mut u32),
) -> Vec<([Expr; 2], ColumnId)> {
    let mut out = Vec::new();
    for (first, second) in on {
        let pair = [first, second];
        let over_scans = [0, 1].map(|side| {
            let (dim, _) = along_axis(query, grids[side], pair[side])?;
            let value = substitute(in_terms_of_scan(grids[side], pair[side].clone()), &sides[side].instead);
            Some((value, sides[side].leads[dim].clone()))
        });
        let [Some(one), Some(other)] = over_scans else { continue };
        let name = name_of(grids[0], first).unwrap_or_else(|| "label".to_string());
        for (pair, [(value, leads), (otherwise, _)]) in
            [([first, second], [one.clone(), other.clone()]), ([second, first], [other, one])]
        {
            let column = fresh(&name, value.sql_type(), next);
            out.push((pair.map(|expr| nowhere(expr.clone())), column.id));
            columns.push((column, leads.map_or(value.clone(), |leads| choice(leads, value, otherwise))));
        }
    }
    out
}

fn name_of(grid: &GridPlan, label: &Expr) -> Option<String> {
    let Expr::Column(id, _) = label else { return None };
    grid.columns().into_iter().find(|column| column.column.id == *id).map(|column| column.column.name)
}

/// An expression that says no more where it stands in the SQL.
pub(super) fn nowhere(expr: Expr) -> Expr {
    let rewritten: Result<Expr, Infallible> = expr.transform(&mut |mut part| {
        if let Expr::Call { at, .. } | Expr::Cast { at, .. } = &mut part {
            *at = None;
        }
        Ok(part)
    });
    match rewritten {
        Ok(expr) => expr,
    }
}
