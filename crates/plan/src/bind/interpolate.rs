//! `interpolate(x, axis => value, .., method => 'linear')`: the value of a variable at a place between its cells.
//!
//! The dataset then has no rows along the axes named: of each row the cell before the place is read, by an equality of
//! positions as `nearest` has, with the values at the corners around the place in one list; what they come to at the
//! place is an ordinary function of that list. So reading is as narrow as that of `nearest`, places may be constants,
//! columns of the dataset (pressure at each cell) or of other tables, and the equalities are keys of joins.

use super::dataset::{AxisColumn, Interpolated};
use super::expr::{Bound, ExprBinder, Frame};
use super::from::FromTree;
use super::grouping::same_expr;
use super::join::key;
use super::refuse::at_node;
use super::scope::{Handle, Scope, Table, quoted};
use super::unify::cast;
use crate::{Error, JoinKind, Result, Span};
use hyperslab_expr::scalar::nearest::numbers;
use hyperslab_expr::{Expr, Scalar, SqlType};
use sqlparser::ast::{self, FunctionArg, FunctionArgExpr, FunctionArguments, Ident};

const USAGE: &str = "write interpolate(t2m, latitude => 48.2, longitude => 16.4)";

/// How values between cells follow from theirs.
#[derive(Clone, Copy, Default)]
enum Method {
    #[default]
    Linear,
    Nearest,
}

const METHODS: [(&str, Method); 2] = [("linear", Method::Linear), ("nearest", Method::Nearest)];

/// One axis, and the place along it.
struct Along {
    dim: usize,
    labels: Bound,
    circular: Bound,
    value: Bound,
}

impl<'a> ExprBinder<'_, 'a> {
    pub(super) fn interpolate(&mut self, function: &'a ast::Function, span: Span) -> Result<Bound> {
        let FunctionArguments::List(list) = &function.args else { return Err(wrong("it takes a variable", span)) };
        let Some((FunctionArg::Unnamed(FunctionArgExpr::Expr(first)), rest)) = list.args.split_first() else {
            return Err(wrong("interpolate takes a variable first", span));
        };
        let at = at_node(self.binder.text, first);
        let (relation, variable) = self.variable(first, at)?;
        let (mut along, mut method) = (Vec::new(), Method::default());
        for arg in rest {
            match named(arg).ok_or_else(|| wrong("after the variable, interpolate takes axis => value", span))? {
                (ast::Expr::Identifier(name), value) if name.value.eq_ignore_ascii_case("method") => {
                    method = self.method(value)?;
                }
                (axis, value) => along.push(self.along(relation, axis, value)?),
            }
        }
        along.sort_by_key(|along| along.dim);
        if along.is_empty() {
            return Err(wrong("interpolate takes at least one axis => value", span));
        }
        if along.windows(2).any(|pair| pair[0].dim == pair[1].dim) {
            return Err(Error::new("an axis is given twice").or_at(Some(span)));
        }
        let corners = self.corners(relation, variable, &along, at)?;
        // Corners are in the order of the variable's dimensions, which need not be that of the dataset.
        if let Table::Dataset(dataset) = &self.frame.scope.relations[relation].table {
            let dims = dataset.dims_of(Handle::Variable(variable));
            along.sort_by_key(|along| dims.iter().position(|dim| *dim == along.dim));
        }
        self.value_at(corners, &along, method, span)
    }

    /// The variable of a dataset in FROM that is interpolated.
    fn variable(&self, expr: &ast::Expr, at: Span) -> Result<(usize, usize)> {
        let not_one = |reason: &str| {
            Err(Error::new(format!("interpolate takes a variable of a dataset{reason}")).or_at(Some(at)))
        };
        let Some((table, name)) = name_of(expr) else {
            return not_one("").map_err(|error| error.with_hint("write interpolate(t2m, ..) - 273.15"));
        };
        let (relation, handle) = self.frame.scope.locate(table, name, self.binder)?;
        match (&self.frame.scope.relations[relation].table, handle) {
            (Table::Dataset(_), Handle::Variable(variable)) => Ok((relation, variable)),
            (Table::Dataset(_), _) => not_one(", not an index"),
            (Table::Rows { .. }, _) => {
                not_one(", which this is no more").map_err(|error| error.with_hint("use it within the subquery"))
            }
        }
    }

    fn method(&mut self, value: &'a ast::Expr) -> Result<Method> {
        let (value, at) = self.binder.constant(value, "a method")?;
        let is = |word: &str| matches!(&value, Scalar::Varchar(text) if text.eq_ignore_ascii_case(word));
        METHODS.iter().find(|(name, _)| is(name)).map(|(_, method)| *method).ok_or_else(|| {
            let names: Vec<String> = METHODS.iter().map(|(name, _)| format!("'{name}'")).collect();
            let error = Error::new("there is no such method of interpolation").or_at(Some(at));
            error.with_hint(format!("it is {}", names.join(" or ")))
        })
    }

    /// An axis of the table, by the name of its coordinate or dimension, and the place along it.
    fn along(&mut self, relation: usize, name: &ast::Expr, value: &'a ast::Expr) -> Result<Along> {
        let at = at_node(self.binder.text, name);
        let refused = |reason: String| Error::new(reason).or_at(Some(at));
        let Some((table, ident)) = name_of(name) else {
            return Err(refused("this is no axis".into()).with_hint(USAGE));
        };
        if let Some(table) = table
            && self.frame.scope.relation(table, self.binder)? != relation
        {
            return Err(refused(format!("{name} is no axis of the dataset that is interpolated")));
        }
        let Table::Dataset(dataset) = &self.frame.scope.relations[relation].table else {
            return Err(refused("this is no dataset".into()));
        };
        let axis = match dataset.find(&ident.value)[..] {
            [handle] if dataset.plane(handle).is_some() => {
                let reason = format!("{} labels no axis: it lies along several dimensions", quoted(&ident.value));
                return Err(refused(reason).with_hint("nearest(lat, lon, 48.2, 16.4) finds the nearest cell"));
            }
            [handle] => dataset.axis(handle),
            _ => return Err(dataset.no_axis(&ident.value).or_at(Some(at))),
        };
        let axis = axis.ok_or_else(|| dataset.no_axis(&ident.value).or_at(Some(at)))?;
        let (labels, ty) = self.line(&axis, ident).map_err(|error| error.or_at(Some(at)))?;
        let value = self.place(value, &ty)?;
        let constant = |scalar: Scalar| Bound::new(Expr::Literal(scalar), at);
        let circular = constant(Scalar::Boolean(axis.is_longitude));
        Ok(Along { dim: axis.dim, labels: constant(labels), circular, value })
    }

    /// The labels of an axis as numbers in order: longitudes go on beyond the whole circle, where they cover it; and
    /// the type of places on it.
    fn line(&self, axis: &AxisColumn, name: &Ident) -> Result<(Scalar, SqlType)> {
        let values = self.labels(axis)?;
        let ty = match axis.variable {
            Some(variable) => SqlType::from_field(&axis.dataset.schema().variables[variable].field)?,
            None => SqlType::BigInt,
        };
        let refused = |reason: &str| Err(Error::new(format!("the labels of {} {reason}", quoted(&name.value))));
        if !(ty.is_numeric() || matches!(ty, SqlType::Timestamp(_))) {
            return refused("are neither numbers nor times");
        }
        let Some(mut labels) = numbers(&values)?.into_iter().collect::<Option<Vec<f64>>>() else {
            return refused("are not all known");
        };
        if axis.is_longitude {
            unwrap(&mut labels);
        }
        if !(labels.is_sorted_by(|a, b| a < b) || labels.is_sorted_by(|a, b| a > b)) {
            return refused("are not in order, as interpolate needs them");
        }
        let labels = labels.into_iter().map(Scalar::Double).collect();
        Ok((Scalar::List(labels, SqlType::Double), if ty.is_numeric() { SqlType::Double } else { ty }))
    }

    /// A place along an axis, in the type of its labels.
    fn place(&mut self, value: &'a ast::Expr, ty: &SqlType) -> Result<Bound> {
        let bound = self.bind(value)?;
        let is_computed = |id: &_| self.frame.is_computed(*id);
        if bound.expr.columns().iter().any(is_computed) || bound.expr.is_volatile() {
            let error = Error::new("a place is a constant or made of columns: no aggregate, window or random number");
            return Err(error.or_at(Some(bound.span)).with_hint("compute it in a subquery in FROM"));
        }
        let from = bound.expr.sql_type();
        if ty.is_numeric() && !from.is_numeric() && from != SqlType::Null && !bound.is_text_literal() {
            return Err(Error::new(format!("a place along this axis is a number, not {from}")).or_at(Some(bound.span)));
        }
        Ok(Bound::new(cast(bound.clone(), ty)?, bound.span))
    }

    /// The column of the values around the place.
    fn corners(&mut self, relation: usize, variable: usize, along: &[Along], at: Span) -> Result<Bound> {
        let dims: Vec<usize> = along.iter().map(|along| along.dim).collect();
        let place: Vec<(usize, Expr)> = along.iter().map(|along| (along.dim, along.value.expr.clone())).collect();
        let Table::Dataset(dataset) = &mut self.frame.scope.relations[relation].table else {
            return Err(Error::new("this is no dataset").or_at(Some(at)));
        };
        let is_new = dataset.place().is_none();
        if dataset.place().is_some_and(|known| !is_same(&known.along, &place)) {
            let error = Error::new("this dataset is interpolated at another place already").or_at(Some(at));
            return Err(error.with_hint("for a second place, read the dataset a second time in FROM"));
        }
        let column = dataset.take_corners(variable, &dims, at, self.binder)?;
        if is_new {
            let positions: Vec<_> = dims.iter().map(|dim| dataset.take_index(*dim, at, self.binder)).collect();
            let ids = positions.iter().map(|column| column.id).collect();
            let mut conditions = Vec::new();
            for (position, along) in positions.into_iter().zip(along) {
                let before = self.on_axis("axis_before", along)?;
                let position = Bound::new(Expr::Column(position.id, position.ty), at);
                conditions.push(self.call("=", vec![position, before], at)?.expr);
            }
            let place = Interpolated { along: place, positions: ids, conditions, span: at };
            if let Table::Dataset(dataset) = &mut self.frame.scope.relations[relation].table {
                dataset.set_place(place);
            }
        }
        self.frame.mentions.push((column.id, at));
        Ok(Bound::new(Expr::Column(column.id, column.ty), at))
    }

    fn on_axis(&mut self, function: &str, along: &Along) -> Result<Bound> {
        let args = vec![along.labels.clone(), along.value.clone(), along.circular.clone()];
        self.call(function, args, along.value.span)
    }

    /// What the corners come to at the place.
    fn value_at(&mut self, corners: Bound, along: &[Along], method: Method, span: Span) -> Result<Bound> {
        match method {
            Method::Linear => {
                if !matches!(corners.expr.sql_type(), SqlType::Array(item, _) if item.is_numeric()) {
                    let error =
                        Error::new("between values that are no numbers there is nothing").or_at(Some(corners.span));
                    return Err(error.with_hint("method => 'nearest' takes the value of the nearest cell"));
                }
                let parts = along.iter().map(|along| self.on_axis("axis_part", along)).collect::<Result<Vec<_>>>()?;
                self.call("between_corners", [vec![corners], parts].concat(), span)
            }
            Method::Nearest => {
                let whole = |n: i128| Bound::new(Expr::Literal(Scalar::Integer(n, SqlType::BigInt)), span);
                let mut corner = whole(0);
                for along in along {
                    let side = self.on_axis("axis_side", along)?;
                    let twice = self.call("*", vec![corner, whole(2)], span)?;
                    corner = self.call("+", vec![twice, side], span)?;
                }
                let index = self.call("+", vec![corner, whole(1)], span)?;
                self.call("list_extract", vec![corners, index], span)
            }
        }
    }
}

/// Adds to each tree of joins which cells interpolation reads for which rows: where a place comes from another table,
/// these are keys of the join to that.
///
/// # Errors
/// If a join would give rows that have no place.
pub(super) fn place_joins(tree: &mut FromTree, frame: &Frame<'_>) -> Result<()> {
    for (at, relation) in frame.scope.relations.iter().enumerate() {
        let Table::Dataset(dataset) = &relation.table else { continue };
        let Some(place) = dataset.place() else { continue };
        for condition in place.conditions.iter().filter(|condition| !is_own(condition, at, &frame.scope)) {
            join_place(tree, at, condition.clone(), &frame.scope).map_err(|error| error.or_at(Some(place.span)))?;
        }
    }
    Ok(())
}

/// Whether a condition reads nothing but one table.
pub(super) fn is_own(condition: &Expr, relation: usize, scope: &Scope) -> bool {
    condition.columns().iter().all(|id| scope.relation_of(*id) == Some(relation))
}

fn join_place(tree: &mut FromTree, relation: usize, condition: Expr, scope: &Scope) -> Result<()> {
    let is_known = condition.columns().iter().all(|id| scope.relation_of(*id).is_some());
    let (FromTree::Join(join), true) = (tree, is_known) else {
        let error = Error::new("a place to interpolate at comes from a table of this FROM, or is a constant");
        return Err(error.with_hint("compute it in a subquery in FROM, and join that"));
    };
    for side in [&mut join.left, &mut join.right] {
        if side.covers(&condition, scope) {
            return join_place(side, relation, condition, scope);
        }
    }
    let gives_all_cells = match join.kind {
        JoinKind::Inner => false,
        JoinKind::Left | JoinKind::Semi | JoinKind::Anti => join.left.has(relation),
        JoinKind::Full => true,
    };
    if gives_all_cells || join.asof.is_some() {
        let error = Error::new("this join gives rows of the dataset that have no place to interpolate at");
        return Err(error.with_hint("use JOIN, or put the table of places on the left of a LEFT JOIN"));
    }
    match key(condition, &join.left, &join.right, scope) {
        Ok(pair) => join.on.push(pair),
        Err(condition) => join.filter.push(condition),
    }
    Ok(())
}

/// Whether two places are one.
fn is_same(a: &[(usize, Expr)], b: &[(usize, Expr)]) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|((dim, a), (other, b))| dim == other && same_expr(a, b))
}

/// A column as it is named.
fn name_of(expr: &ast::Expr) -> Option<(Option<&Ident>, &Ident)> {
    match expr {
        ast::Expr::Identifier(name) => Some((None, name)),
        ast::Expr::CompoundIdentifier(parts) => match &parts[..] {
            [table, name] => Some((Some(table), name)),
            _ => None,
        },
        _ => None,
    }
}

fn named(arg: &FunctionArg) -> Option<(&ast::Expr, &ast::Expr)> {
    match arg {
        FunctionArg::ExprNamed { name, arg: FunctionArgExpr::Expr(value), .. } => Some((name, value)),
        _ => None,
    }
}

/// Lets longitudes go on from one to the next without a leap, and, if they cover the circle, on to the first again.
fn unwrap(labels: &mut Vec<f64>) {
    let turn = |from: f64, to: f64| to + 360.0 * ((from - to) / 360.0).round();
    for at in 1..labels.len() {
        labels[at] = turn(labels[at - 1], labels[at]);
    }
    let ([first, .., last], widest) =
        (&labels[..], labels.windows(2).map(|pair| (pair[1] - pair[0]).abs()).fold(0.0, f64::max))
    else {
        return;
    };
    let gap = 360.0 - (last - first).abs();
    if gap > 0.0 && gap <= widest * (1.0 + 1e-3) {
        labels.push(first + 360.0_f64.copysign(last - first));
    }
}

fn wrong(message: &str, at: Span) -> Error {
    Error::new(message).or_at(Some(at)).with_hint(USAGE)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unwrapped(labels: &[f64]) -> Vec<f64> {
        let mut labels = labels.to_vec();
        unwrap(&mut labels);
        labels
    }

    #[test]
    fn longitudes_that_cover_the_circle_are_closed() {
        assert_eq!(unwrapped(&[0.0, 90.0, 180.0, 270.0]), [0.0, 90.0, 180.0, 270.0, 360.0]);
        assert_eq!(unwrapped(&[90.0, 0.0, -90.0, 180.0]), [90.0, 0.0, -90.0, -180.0, -270.0]);
        assert_eq!(unwrapped(&[350.0, 0.0, 10.0]), [350.0, 360.0, 370.0], "a part of the circle is none");
        assert_eq!(unwrapped(&[-180.0, -60.0, 60.0, 180.0]), [-180.0, -60.0, 60.0, 180.0], "the last is the first");
        assert_eq!(unwrapped(&[5.0]), [5.0]);
    }
}
