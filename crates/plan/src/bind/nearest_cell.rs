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

/// Latitudes and longitudes of the cells of a table.
struct Plane {
    relation: usize,
    dataset: Arc<dyn DatasetSource>,
    /// The variables.
    lat: usize,
    lon: usize,
    /// The dimensions of both.
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
        let plane = self.plane(coords)?;
        let places = Scalar::Blob(plane.places().map_err(|error| error.or_at(Some(coords[0].span)))?.into());
        let constant = |scalar: Scalar| Bound::new(Expr::Literal(scalar), span);
        let within = within.cloned().unwrap_or_else(|| constant(Scalar::Null(SqlType::Double)));
        let args = vec![constant(places), place[0].clone(), place[1].clone(), within];
        let cell = self.call("nearest_cell", args, span)?;
        let row = constant(Scalar::Integer(plane.len(1) as i128, SqlType::BigInt));
        let mut terms = Vec::new();
        for (dim, operator) in plane.dims.into_iter().zip(["//", "%"]) {
            let relation = &mut self.frame.scope.relations[plane.relation];
            let position = relation.take_position(Position::Own(Handle::Dimension(dim)), span, self.binder)?;
            self.frame.mentions.push((position.id, span));
            let along = self.call(operator, vec![cell.clone(), row.clone()], span)?;
            let position = Bound::new(Expr::Column(position.id, position.ty), span);
            terms.push(self.call("=", vec![position, along], span)?.expr);
        }
        Ok(Bound::new(Expr::And(terms), span))
    }

    fn plane(&self, [lat, lon]: [&Bound; 2]) -> Result<Plane> {
        let [(relation, dataset, lat_at, dims), (other, _, lon_at, lon_dims)] = [self.label(lat)?, self.label(lon)?];
        let variables = &dataset.schema().variables;
        let refused = |reason: &str, at: Span| Err(Error::new(format!("nearest takes {reason}")).or_at(Some(at)));
        if relation != other || dims != lon_dims {
            return refused("latitudes and longitudes of the same cells", lon.span);
        }
        if variables[lat_at].is_longitude() && !variables[lon_at].is_longitude() {
            return refused("latitudes first, then longitudes", lat.span);
        }
        Ok(Plane { relation, dataset, lat: lat_at, lon: lon_at, dims })
    }

    /// The table of a coordinate along two dimensions, its variable and dimensions.
    fn label(&self, coord: &Bound) -> Result<(usize, Arc<dyn DatasetSource>, usize, [usize; 2])> {
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
        Ok((relation, dataset.source(), variable, dims))
    }
}

impl Plane {
    fn len(&self, at: usize) -> usize {
        self.dataset.schema().dimensions[self.dims[at]].len
    }

    /// The places of all cells, to be searched.
    fn places(&self) -> Result<Vec<u8>> {
        let [lat, lon] = [self.lat, self.lon].map(|variable| numbers(&self.dataset.plane(variable, PLACE_BYTES)?));
        let (lat, lon) = (lat?, lon?);
        if lat.len() != self.len(0) * self.len(1) || lon.len() != lat.len() {
            return Err(Error::new("there are not as many latitudes and longitudes as cells"));
        }
        Ok(ordered(lat.into_iter().zip(lon).map(|(lat, lon)| lat.zip(lon))))
    }
}
