//! The corners around a place between cells: beside each variable a hidden one, which holds for each cell a list of its own
//! value and of those at the next position along some axes. What lies between them is computed by whoever reads them.

use super::{Builder, Built, Regridded, Rule, chunks};
use crate::combine::columns::{Column, Source};
use crate::{Dataset, Error, ErrorKind, Result};
use arrow::datatypes::{DataType, Field};
use hyperslab_grid::AxisWeights;
use hyperslab_grid::schema::{Role, Variable, corners_name};
use std::sync::{Arc, OnceLock};

/// So many axes make 64 corners.
const MAX_AXES: usize = 6;

impl Dataset {
    /// This dataset with a further, hidden variable for each data variable that lies along all of some dimensions: the
    /// values at both ends along each, lists of 2, 4, 8 and so on, the last dimension of the variable fastest. After the
    /// last position comes the first. What was there keeps its position.
    ///
    /// # Errors
    /// If there is no such dimension, or there are too many.
    pub fn with_corners(self: &Arc<Self>, dimensions: &[String]) -> Result<Self> {
        if dimensions.len() > MAX_AXES {
            return Err(Error::new(ErrorKind::Options, format!("corners lie along at most {MAX_AXES} axes")));
        }
        let dims = dimensions.iter().map(|name| self.dimension(name)).collect::<Result<Vec<_>>>()?;
        let mut builder = Builder { base: self, axes: &[], rule: Rule::Corners, built: Built::default() };
        let variables = self.schema().variables.len();
        (0..variables).for_each(|variable| builder.add(variable));
        for (at, about) in self.schema().variables.iter().enumerate() {
            if about.role == Role::Data && dims.iter().all(|dim| about.dims.contains(dim)) {
                builder.push(corners_of(about, dims.len()), self.corners(at, &dims), OnceLock::new());
            }
        }
        Ok(builder.finish())
    }

    fn dimension(&self, name: &str) -> Result<usize> {
        let found = self.schema().dimensions.iter().position(|about| about.name == name);
        found.ok_or_else(|| Error::not_found(format!("there is no dimension {name}")))
    }

    fn corners(self: &Arc<Self>, variable: usize, dims: &[usize]) -> Column {
        let base = &self.layout.columns[variable];
        let next = |dim: &usize| {
            let len = self.schema().dimensions[*dim].len;
            dims.contains(dim).then(|| Arc::new(AxisWeights::new((0..len).map(|at| ends(at, len)), len)))
        };
        let along: Vec<Option<Arc<AxisWeights>>> = self.schema().variables[variable].dims.iter().map(next).collect();
        let joins = base.joins.iter().zip(&along).map(|(join, along)| join.filter(|_| along.is_none())).collect();
        let chunks = chunks::cut(&base.chunks, &along, 1 << dims.len());
        let computed = Regridded { base: Arc::clone(self), variable, along, rule: Rule::Corners };
        Column { joins, chunks, source: Source::Regridded(computed), storage: base.storage.clone() }
    }
}

/// A position and the next one.
fn ends(at: usize, len: usize) -> Vec<(usize, f64)> {
    vec![(at, 1.0), ((at + 1) % len, 1.0)]
}

fn corners_of(about: &Variable, axes: usize) -> Variable {
    let corners = 1 << axes;
    let item =
        Arc::new(Field::new("item", about.data_type().clone(), true).with_metadata(about.field.metadata().clone()));
    let field = Field::new(corners_name(&about.name), DataType::FixedSizeList(item, corners), true);
    Variable {
        name: corners_name(&about.name),
        path: corners_name(&about.path),
        role: Role::Hidden,
        stored_size: about.stored_size << axes,
        field,
        ..about.clone()
    }
}
