//! Functions of a whole axis (SEMANTICS section 6): `nearest`, `dim_index`, `dim_size`, `cell_area`, `is_complete`. They look at coordinates,
//! which are known when a query is bound, and become ordinary expressions: an equality, a position, a constant, areas by
//! position.

use super::dataset::AxisColumn;
use super::expr::{Bound, ExprBinder};
use super::scope::Table;
use super::unify::cast;
use crate::{Error, Result, Span};
use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::DataType;
use hyperslab_expr::scalar::nearest::{Axis, numbers};
use hyperslab_expr::{Expr, Scalar, SqlType, eval, sphere};
use hyperslab_grid::regrid::{Geometry, half_way};
use sqlparser::ast::{self, FunctionArguments};

const FUNCTIONS: &[&str] = &["nearest", "dim_index", "dim_size", "cell_area", "is_complete"];

/// Whether a name is that of a function of an axis.
pub(super) fn is_axis_function(name: &str) -> bool {
    FUNCTIONS.contains(&name)
}

impl<'a> ExprBinder<'_, 'a> {
    /// A function of an axis, as an ordinary expression.
    pub(super) fn axis_function(&mut self, name: &str, function: &'a ast::Function, span: Span) -> Result<Bound> {
        let FunctionArguments::List(list) = &function.args else { return Err(wrong(name, span)) };
        let args = list.args.iter().map(|arg| self.arg(arg, span)).collect::<Result<Vec<_>>>()?;
        let args = self.bind_args(&args)?;
        match (name, &args[..]) {
            ("nearest", [a, b]) => {
                let [coord, value] = self.in_order(a, b);
                self.nearest(coord, value, None, span)
            }
            ("nearest", [a, b, tolerance]) => {
                let [coord, value] = self.in_order(a, b);
                self.nearest(coord, value, Some(tolerance), span)
            }
            ("nearest", [lat, lon, north, east]) => self.nearest_cell([lat, lon], [north, east], None, span),
            ("nearest", [lat, lon, north, east, within]) => {
                self.nearest_cell([lat, lon], [north, east], Some(within), span)
            }
            ("dim_index", [coord]) => self.dim_index(coord, span),
            ("dim_size", [coord]) => {
                let len = self.axis(coord, "dim_size")?.1.len;
                Ok(Bound::new(Expr::Literal(Scalar::Integer(len as i128, SqlType::BigInt)), span))
            }
            ("cell_area", [lat, lon]) => self.cell_area(lat, lon, span),
            ("is_complete", [time, period]) => self.is_complete(time, period, span),
            _ => Err(wrong(name, span)),
        }
    }

    /// The coordinate first, where only the other is one.
    fn in_order<'b>(&self, a: &'b Bound, b: &'b Bound) -> [&'b Bound; 2] {
        if self.axis(a, "nearest").is_err() && self.axis(b, "nearest").is_ok() { [b, a] } else { [a, b] }
    }

    /// The table of a coordinate, and the axis that it labels.
    pub(super) fn axis(&self, coord: &Bound, function: &str) -> Result<(usize, AxisColumn)> {
        let refused = |reason: &str| Err(Error::new(format!("{function} {reason}")).or_at(Some(coord.span)));
        let Expr::Column(id, _) = &coord.expr else { return refused("takes a coordinate, not an expression") };
        let Some(relation) = self.frame.scope.relation_of(*id) else { return refused("takes a coordinate") };
        let relation_of = &self.frame.scope.relations[relation];
        match (relation_of.axis_of(*id, self.binder), &relation_of.table) {
            (Some(axis), _) => Ok((relation, axis)),
            (None, Table::Dataset(dataset)) if function == "nearest" && dataset.plane_of(*id).is_some() => {
                let hint = "nearest(lat, lon, 48.2, 16.4) takes latitudes and longitudes of two dimensions together";
                refused("takes a coordinate along one dimension").map_err(|error| error.with_hint(hint))
            }
            (None, Table::Dataset(_)) => refused("takes a coordinate along one dimension"),
            (None, Table::Rows { .. }) => {
                let error = Error::new(format!("{function} takes a coordinate of a dataset, which this is no more"));
                let error = error.or_at(Some(coord.span));
                Err(error.with_hint(
                    "a subquery may pass coordinates on, but not group, join or compute them: use it within",
                ))
            }
        }
    }

    fn dim_index(&mut self, coord: &Bound, span: Span) -> Result<Bound> {
        let (relation, axis) = self.axis(coord, "dim_index")?;
        let column = self.frame.scope.relations[relation].take_position(axis.position, span, self.binder)?;
        self.frame.mentions.push((column.id, span));
        Ok(Bound::new(Expr::Column(column.id, column.ty), span))
    }

    /// True for the one value of the axis that is nearest to another; of two the lower.
    fn nearest(&mut self, coord: &Bound, value: &Bound, tolerance: Option<&Bound>, span: Span) -> Result<Bound> {
        let (_, axis) = self.axis(coord, "nearest")?;
        let ty = coord.expr.sql_type();
        let within = tolerance.map(|tolerance| distance_of(tolerance, &ty)).transpose()?.flatten();
        let values = self.labels(&axis)?;
        let labels = numbers(&values)?;
        if !value.expr.columns().is_empty() {
            return self.nearest_to_each(coord, value, (&labels, axis.is_longitude), within, span);
        }
        let nothing = Bound::new(Expr::Literal(Scalar::Boolean(false)), span);
        let Some(wanted) = number(value, &ty)? else { return Ok(nothing) };
        let Some(found) = Axis::new(&labels, axis.is_longitude).nearest(wanted, within) else { return Ok(nothing) };
        let label = Scalar::from_array(&values, found, &ty)?;
        self.call("=", vec![coord.clone(), Bound::new(Expr::Literal(label), value.span)], span)
    }

    /// True for the position on the axis that is nearest to a value which differs from row to row: an equality, by which
    /// tables join.
    fn nearest_to_each(
        &mut self,
        coord: &Bound,
        value: &Bound,
        (labels, is_circle): (&[Option<f64>], bool),
        within: Option<f64>,
        span: Span,
    ) -> Result<Bound> {
        let ty = coord.expr.sql_type();
        let to = if ty.is_numeric() { SqlType::Double } else { ty };
        let value = Bound::new(cast(value.clone(), &to)?, value.span);
        let labels = labels.iter().map(|label| label.map_or(Scalar::Null(SqlType::Double), Scalar::Double)).collect();
        let constant = |scalar: Scalar| Bound::new(Expr::Literal(scalar), span);
        let within = constant(within.map_or(Scalar::Null(SqlType::Double), Scalar::Double));
        let args =
            vec![constant(Scalar::List(labels, SqlType::Double)), value, constant(Scalar::Boolean(is_circle)), within];
        let position = self.call("nearest_position", args, span)?;
        let index = self.dim_index(coord, span)?;
        self.call("=", vec![index, position], span)
    }

    pub(super) fn labels(&self, axis: &AxisColumn) -> Result<ArrayRef> {
        match axis.variable {
            Some(variable) => axis.dataset.coordinate(variable),
            None => Ok(std::sync::Arc::new(arrow::array::Int64Array::from_iter_values(0..axis.len as i64))),
        }
    }

    /// The area of each cell in m2: on the sphere, between the edges that bounds say, or else half way between labels.
    fn cell_area(&mut self, lat: &Bound, lon: &Bound, span: Span) -> Result<Bound> {
        let sides = [lat, lon].map(|coord| self.axis(coord, "cell_area").map(|(_, axis)| (coord, axis)));
        let [lat, lon] = sides;
        let lat = self.by_position(lat?, span, sphere::zone)?;
        let lon = self.by_position(lon?, span, sphere::sector)?;
        self.call("*", vec![lat, lon], span)
    }

    /// What a function of the edges of each cell along an axis gives, found by position.
    fn by_position(
        &mut self,
        (coord, axis): (&Bound, AxisColumn),
        span: Span,
        of_edges: impl Fn(f64, f64) -> f64,
    ) -> Result<Bound> {
        let edges = self.edges(&axis).map_err(|error| error.or_at(Some(coord.span)))?;
        let values = edges.into_iter().map(|(low, high)| Scalar::Double(of_edges(low, high))).collect();
        self.listed(coord, Scalar::List(values, SqlType::Double), span)
    }

    /// What a list has at the position along the axis of a coordinate.
    pub(super) fn listed(&mut self, coord: &Bound, values: Scalar, span: Span) -> Result<Bound> {
        let list = Bound::new(Expr::Literal(values), span);
        let index = self.dim_index(coord, span)?;
        let one = Bound::new(Expr::Literal(Scalar::Integer(1, SqlType::BigInt)), span);
        let index = self.call("+", vec![index, one], span)?;
        self.call("list_extract", vec![list, index], span)
    }

    /// The edges of the cells along an axis.
    fn edges(&self, axis: &AxisColumn) -> Result<Vec<(f64, f64)>> {
        if let Some(bounds) = axis.bounds {
            let pairs = axis.dataset.coordinate(bounds)?;
            if matches!(pairs.data_type(), DataType::FixedSizeList(_, 2)) && pairs.len() == axis.len {
                let ends = numbers(pairs.as_fixed_size_list().values())?;
                let pair = |pair: &[Option<f64>; 2]| pair[0].zip(pair[1]);
                if let Some(edges) = ends.as_chunks::<2>().0.iter().map(pair).collect() {
                    return Ok(edges);
                }
            }
        }
        let labels = numbers(&self.labels(axis)?)?.into_iter().collect::<Option<Vec<f64>>>();
        let labels = labels.filter(|labels| labels.len() > 1).ok_or_else(|| {
            Error::new("the edges of cells are not known: the file has no bounds for this axis, and no neighbours")
        })?;
        Ok(half_way(&labels, if axis.is_longitude { Geometry::Longitude } else { Geometry::Latitude }))
    }
}

fn wrong(name: &str, span: Span) -> Error {
    let usage = match name {
        "nearest" => "nearest(coord, value), perhaps with a tolerance, or nearest(lat, lon, latitude, longitude)",
        "cell_area" => "cell_area(lat, lon)",
        "is_complete" => "is_complete(time, 'season'), or with 'year' or 'month'",
        "dim_index" => "dim_index(coord)",
        _ => "dim_size(coord)",
    };
    Error::new(format!("wrong arguments: write {usage}")).or_at(Some(span))
}

/// A constant as a number on an axis of a type: microseconds for times; none if it is NULL or NaN.
fn number(value: &Bound, ty: &SqlType) -> Result<Option<f64>> {
    let to = if ty.is_numeric() { SqlType::Double } else { ty.clone() };
    let constant = cast(value.clone(), &to)?;
    let array = eval::evaluate_constant(&constant).map_err(|error| error.or_at(Some(value.span)))?.to_array(1)?;
    Ok(numbers(&array)?[0].filter(|number| !number.is_nan()))
}

/// A tolerance as a distance on an axis of a type: a number, or an interval with months of 30 days.
fn distance_of(tolerance: &Bound, ty: &SqlType) -> Result<Option<f64>> {
    if ty.is_numeric() {
        return number(tolerance, ty);
    }
    match eval::evaluate_constant(&cast(tolerance.clone(), &SqlType::Interval)?)? {
        Scalar::Interval(months, days, micros) => {
            let days = f64::from(months) * 30.0 + f64::from(days);
            Ok(Some(days * 86_400e6 + micros as f64))
        }
        _ => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cells_of_the_globe_are_the_sphere() {
        let lats: Vec<f64> = (0..19).map(|i| -90.0 + 10.0 * f64::from(i)).collect();
        let sum: f64 = half_way(&lats, Geometry::Latitude).iter().map(|(low, high)| sphere::zone(*low, *high)).sum();
        assert!((sum / (2.0 * sphere::RADIUS * sphere::RADIUS) - 1.0).abs() < 1e-12, "{sum}");
        assert_eq!(half_way(&[350.0, 0.0 + 360.0], Geometry::Longitude), [(345.0, 355.0), (355.0, 365.0)]);
    }
}
