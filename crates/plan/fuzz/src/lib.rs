//! What the targets share: a catalog without files, and all of planning over it.

use arrow::array::{ArrayRef, Float32Array};
use arrow::datatypes::{DataType, Field};
use hyperslab_grid::schema::{DatasetSchema, Dimension, Role, Variable};
use hyperslab_grid::{AxisChunks, ChunkGrid};
use hyperslab_plan::bind::{BoundStatement, Parameters, bind, parse};
use hyperslab_plan::passes::optimize;
use hyperslab_plan::{Catalog, DatasetSource, Error, Result, Source, TableFormat, TableSource};
use std::any::Any;
use std::sync::Arc;

/// Parses, binds and optimizes all statements of a text; errors are answers too.
pub fn plan(sql: &str) {
    let Ok(statements) = parse(sql) else { return };
    for statement in &statements {
        if let Ok(BoundStatement::Query(query)) = bind(statement, &OneDataset, &Parameters::default()) {
            let _ = optimize(query, true);
        }
    }
}

/// Whatever path is named, `v(lat, lon)` is there.
struct OneDataset;

#[derive(Debug)]
struct Fake(DatasetSchema);

impl Catalog for OneDataset {
    fn open(&self, _source: &Source) -> Result<Arc<dyn DatasetSource>> {
        let variable = |name: &str, dims: &[usize], role| Variable {
            name: name.into(),
            path: name.into(),
            dims: dims.to_vec(),
            role,
            field: Field::new(name, DataType::Float32, true),
            stored_size: 4,
            stored_type: "float".into(),
        };
        let dimension =
            |name: &str, at| Dimension { name: name.into(), len: LEN, coordinate: Some(at), multiplies_rows: true };
        Ok(Arc::new(Fake(DatasetSchema {
            dimensions: vec![dimension("lat", 0), dimension("lon", 1)],
            variables: vec![
                variable("lat", &[0], Role::DimensionCoordinate),
                variable("lon", &[1], Role::DimensionCoordinate),
                variable("v", &[0, 1], Role::Data),
            ],
            attributes: Vec::new(),
        })))
    }

    fn open_table(&self, _format: TableFormat, _source: &Source) -> Result<Arc<dyn TableSource>> {
        Err(Error::new("there are no tables"))
    }
}

/// Labels of each axis.
const LEN: usize = 5;

impl DatasetSource for Fake {
    fn schema(&self) -> &DatasetSchema {
        &self.0
    }

    fn coordinate(&self, _variable: usize) -> Result<ArrayRef> {
        Ok(Arc::new((0..LEN).map(|i| Some(i as f32)).collect::<Float32Array>()))
    }

    fn plane(&self, _variable: usize, _bytes: usize) -> Result<ArrayRef> {
        Ok(Arc::new((0..LEN * LEN).map(|i| Some(i as f32)).collect::<Float32Array>()))
    }

    fn chunk_grid(&self, variable: usize) -> ChunkGrid {
        let shape = self.0.shape(&self.0.variables[variable].dims);
        ChunkGrid::new(shape.into_iter().map(AxisChunks::whole).collect())
    }

    fn files(&self) -> usize {
        1
    }

    fn warnings(&self) -> &[String] {
        &[]
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}
