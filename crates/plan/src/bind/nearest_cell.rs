//! `nearest(lat, lon, latitude, longitude)`: the cell nearest to a place where latitudes and longitudes differ from cell to cell,
//! as those of ocean models and swaths do. It becomes equalities of positions along both dimensions, by which tables join.

use super::dataset::Position;
use super::expr::{Bound, ExprBinder};
use super::scope::{Handle, Table};
use crate::{DatasetSource, Error, Result, Span};
use hyperslab_expr::places::{PLACE_BYTES, ordered};
use hyperslab_expr::scalar::nearest::numbers;
use hyperslab_expr::{Expr, Scalar, SqlType};
use std::sync::Arc;

/// A coordinate of the cells of a table, along two dimensions.
struct Coordinate {
    relation: usize,
    dataset: Arc<dyn DatasetSource>,
    variable: usize,
    dims: [usize; 2],
}

impl ExprBinder<'_, '_> {
    /// True for the cell that is nearest to a place by great circle, if it is within a tolerance in metres; of several the first.
    pub(super) fn nearest_cell(
        &mut self,
        coords: [&Bound; 2],
        place: [&Bound; 2],
        within: Option<&Bound>,
        span: Span,
    ) -> Result<Bound> {
        let [lat, lon] = [self.coordinate(coords[0])?, self.coordinate(coords[1])?];
        check(&lat, &lon).map_err(|error| error.or_at(Some(coords[1].span)))?;
        let places = places(&lat, &lon).map_err(|error| error.or_at(Some(coords[0].span)))?;
        let constant = |scalar: Scalar| Bound::new(Expr::Literal(scalar), span);
        let within = within.cloned().unwrap_or_else(|| constant(Scalar::Null(SqlType::Double)));
        let args = vec![constant(Scalar::Blob(places.into())), place[0].clone(), place[1].clone(), within];
        let cell = self.call("nearest_cell", args, span)?;
        let row = constant(Scalar::Integer(lat.len(1) as i128, SqlType::BigInt));
        let mut terms = Vec::new();
        for (dim, operator) in lat.dims.into_iter().zip(["//", "%"]) {
            let relation = &mut self.frame.scope.relations[lat.relation];
            let position = relation.take_position(Position::Own(Handle::Dimension(dim)), span, self.binder)?;
            self.frame.mentions.push((position.id, span));
            let along = self.call(operator, vec![cell.clone(), row.clone()], span)?;
            let position = Bound::new(Expr::Column(position.id, position.ty), span);
            terms.push(self.call("=", vec![position, along], span)?.expr);
        }
        Ok(Bound::new(Expr::And(terms), span))
    }

    fn coordinate(&self, coord: &Bound) -> Result<Coordinate> {
        let refused = |reason: &str| Error::new(format!("nearest {reason}")).or_at(Some(coord.span));
        let Expr::Column(id, _) = &coord.expr else {
            return Err(refused("takes coordinates, not expressions"));
        };
        let relation = self.frame.scope.relation_of(*id).ok_or_else(|| refused("takes coordinates"))?;
        let Table::Dataset(dataset) = &self.frame.scope.relations[relation].table else {
            let error = refused("takes latitudes and longitudes of a dataset, which this is no more");
            return Err(error.with_hint("use it within the subquery"));
        };
        let Some((variable, dims)) = dataset.plane_of(*id) else {
            let error = refused("of two coordinates takes those that lie along two dimensions each");
            return Err(error.with_hint("along one: nearest(lat, 48.2) AND nearest(lon, 16.4)"));
        };
        Ok(Coordinate { relation, dataset: dataset.source(), variable, dims })
    }
}

impl Coordinate {
    fn len(&self, at: usize) -> usize {
        self.dataset.schema().dimensions[self.dims[at]].len
    }

    fn is_longitude(&self) -> bool {
        self.dataset.schema().variables[self.variable].is_longitude()
    }
}

fn check(lat: &Coordinate, lon: &Coordinate) -> Result<()> {
    let refused = |reason: &str| Err(Error::new(format!("nearest takes {reason}")));
    if lat.relation != lon.relation || lat.dims != lon.dims {
        return refused("latitudes and longitudes of the same cells");
    }
    if lat.is_longitude() && !lon.is_longitude() {
        return refused("latitudes first, then longitudes");
    }
    Ok(())
}

/// The places of all cells, to be searched.
fn places(lat: &Coordinate, lon: &Coordinate) -> Result<Vec<u8>> {
    let values = |coord: &Coordinate| numbers(&coord.dataset.plane(coord.variable, PLACE_BYTES)?);
    let cells = lat.len(0) * lat.len(1);
    let (lat, lon) = (values(lat)?, values(lon)?);
    if lat.len() != cells || lon.len() != cells {
        return Err(Error::new("there are not as many latitudes and longitudes as cells"));
    }
    Ok(ordered(lat.into_iter().zip(lon).map(|(lat, lon)| lat.zip(lon))))
}
