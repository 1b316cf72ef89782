//! Turns the inequality of an ASOF join with an axis of a grid into an equality with one of its labels, by which cells are
//! found as in any other join: no cell has to be held to be searched. Runs first, while both sides are still as they were bound.

use super::join_grids::{grid_of, tell_apart};
use super::parts::cast;
use super::{Pass, PassContext};
use crate::axis::along_axis;
use crate::{AsOf, BoundQuery, GridPlan, JoinKind, Result, RowPlan};
use arrow::array::ArrayRef;
use hyperslab_expr::scalar::{self, asof};
use hyperslab_expr::{Expr, Scalar, SqlType};

pub(super) const PASS: Pass = Pass {
    name: "asof_on_axis",
    about: "an ASOF join with the axis of a grid whose other axes have equalities looks up the label that is nearest",
    rewrite: |plan, context: &mut PassContext<'_>| plan.transform(&mut |node| on_axis(node, context.query)),
};

/// Labels are part of the plan, and are looked through for each batch of rows.
const MOST_LABELS: usize = 1 << 16;

fn on_axis(plan: RowPlan, query: &BoundQuery) -> Result<RowPlan> {
    let RowPlan::Join { right, kind: JoinKind::Inner | JoinKind::Left, on, asof: Some(asof), filter: None, .. } = &plan
    else {
        return Ok(plan);
    };
    let found = equality(query, right, on, asof)?;
    Ok(match (plan, found) {
        (RowPlan::Join { left, right, kind, mut on, filter, .. }, Some(pair)) => {
            on.push(pair);
            RowPlan::Join { left, right, kind, on, asof: None, filter }
        }
        (plan, _) => plan,
    })
}

/// The equality that an inequality with an axis comes to, if each row of the left has one cell at most for each label.
fn equality(query: &BoundQuery, right: &RowPlan, on: &[(Expr, Expr)], asof: &AsOf) -> Result<Option<(Expr, Expr)>> {
    let Some(grid @ GridPlan::Scan(scan)) = grid_of(right) else { return Ok(None) };
    let few = |(_, labels): &(usize, ArrayRef)| labels.len() <= MOST_LABELS;
    let Some((dim, labels)) = along_axis(query, grid, &asof.right).filter(few) else { return Ok(None) };
    let on_axes = on.iter().map(|(_, right)| along_axis(query, grid, right)).collect::<Option<Vec<_>>>();
    let Some(on_axes) = on_axes else { return Ok(None) };
    let labels_of =
        |of: usize| on_axes.iter().filter(|(on, _)| *on == of).map(|(_, labels)| labels.clone()).collect::<Vec<_>>();
    let is_found = |of: usize| match of == dim {
        // Other conditions on the same axis would choose among the labels.
        true => labels_of(of).is_empty() && tell_apart(std::slice::from_ref(&labels), &scan.region.sets()[of]),
        false => tell_apart(&labels_of(of), &scan.region.sets()[of]),
    };
    if !(0..scan.dims.len()).all(is_found) {
        return Ok(None);
    }
    let ty = match asof.right.sql_type() {
        SqlType::Float | SqlType::TinyInt | SqlType::SmallInt | SqlType::Integer => SqlType::Double,
        other => other,
    };
    if !asof::can_be_found(&ty) {
        return Ok(None);
    }
    let [value, label] = [&asof.left, &asof.right].map(|side| cast(side.clone(), &ty));
    let selected = scan.region.sets()[dim].iter().map(|at| scalar_at(&labels, at, &asof.right.sql_type(), &ty));
    let labels = Expr::Literal(Scalar::List(selected.collect::<Result<_>>()?, ty.clone()));
    let operator = Expr::Literal(Scalar::Varchar(asof.operator().to_string()));
    Ok(Some((scalar::call("asof_label", vec![labels, value, operator], None)?, label)))
}

/// The label at a position, as a value of type `to`.
fn scalar_at(labels: &ArrayRef, at: usize, own: &SqlType, to: &SqlType) -> Result<Scalar> {
    if own == to {
        return Scalar::from_array(labels.as_ref(), at, own);
    }
    let wide = arrow::compute::cast(&labels.slice(at, 1), &to.to_arrow())?;
    Scalar::from_array(wide.as_ref(), 0, to)
}
