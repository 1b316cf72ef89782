//! Datasets without files.

use crate::explain::ReadEstimate;
use crate::{Catalog, DatasetSource, Error, Result, Source, TableFormat, TableSource};
use arrow::array::{ArrayRef, NullArray};
use arrow::datatypes::{DataType, Field, FieldRef, TimeUnit};
use hyperslab_grid::schema::{CALENDAR_EXTENSION, DatasetSchema, Dimension, Role, Variable};
use hyperslab_grid::{AxisChunks, ChunkGrid};
use std::any::Any;
use std::sync::Arc;

/// Opens the datasets below by path.
pub(super) struct FakeCatalog;

#[derive(Debug)]
struct Fake(DatasetSchema);

impl Catalog for FakeCatalog {
    fn open(&self, source: &Source) -> Result<Arc<dyn DatasetSource>> {
        let schema = match source.paths[0].as_str() {
            "a.nc" | "dir/a.nc" => simple(),
            "two.nc" => two_grids(),
            "noleap.nc" => noleap(),
            "groups.nc" => groups(),
            "case.nc" => case(),
            "pairs.h5" => compounds(),
            "coords.nc" => coordinates_only(),
            path => return Err(Error::new(format!("{path}: no such file"))),
        };
        Ok(Arc::new(Fake(schema)))
    }

    fn open_table(&self, _format: TableFormat, source: &Source) -> Result<Arc<dyn TableSource>> {
        match source.paths[0].as_str() {
            "s.csv" => Ok(Arc::new(FakeTable(
                [("id", DataType::Utf8), ("lat", FLOAT)].map(|(name, ty)| Arc::new(Field::new(name, ty, true))),
            ))),
            path => Err(Error::new(format!("{path}: no such file"))),
        }
    }
}

#[derive(Debug)]
struct FakeTable([FieldRef; 2]);

impl TableSource for FakeTable {
    fn columns(&self) -> &[FieldRef] {
        &self.0
    }

    fn files(&self) -> usize {
        1
    }

    fn rows(&self) -> Option<u64> {
        None
    }

    fn estimate(&self, _columns: &[usize]) -> ReadEstimate {
        ReadEstimate::default()
    }

    fn warnings(&self) -> &[String] {
        &[]
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

impl DatasetSource for Fake {
    fn schema(&self) -> &DatasetSchema {
        &self.0
    }

    fn coordinate(&self, _variable: usize) -> Result<ArrayRef> {
        Ok(Arc::new(NullArray::new(0)))
    }

    fn plane(&self, _variable: usize, _bytes: usize) -> Result<ArrayRef> {
        Ok(Arc::new(NullArray::new(0)))
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

/// Builds a schema from dimensions and variables; a variable named like a dimension labels it.
fn schema(dims: &[(&str, usize)], variables: &[(&str, &[usize], Role, DataType)]) -> DatasetSchema {
    let variable = |(path, dims, role, ty): &(&str, &[usize], Role, DataType)| {
        let short = path.rsplit('/').next().expect("a part");
        let alone = variables.iter().filter(|(other, ..)| other.rsplit('/').next() == Some(short)).count() == 1;
        let name = if alone { short } else { path };
        let field = Field::new(name, ty.clone(), true).with_metadata([("units".to_string(), "K".to_string())]);
        let path = (*path).to_string();
        Variable {
            name: name.to_string(),
            path,
            dims: dims.to_vec(),
            role: *role,
            field,
            stored_size: 4,
            stored_type: "float".into(),
        }
    };
    let dimension = |(name, len): &(&str, usize)| {
        let coordinate =
            variables.iter().position(|(path, _, role, _)| path == name && *role == Role::DimensionCoordinate);
        Dimension { name: (*name).to_string(), len: *len, coordinate, multiplies_rows: *name != "bnds" }
    };
    DatasetSchema {
        dimensions: dims.iter().map(dimension).collect(),
        variables: variables.iter().map(variable).collect(),
        attributes: Vec::new(),
    }
}

const TIME: DataType = DataType::Timestamp(TimeUnit::Microsecond, None);
const FLOAT: DataType = DataType::Float32;
const DOUBLE: DataType = DataType::Float64;

fn simple() -> DatasetSchema {
    use Role::{Bounds, Data, DimensionCoordinate, Hidden};
    let pair = DataType::FixedSizeList(Arc::new(Field::new("item", FLOAT, true)), 2);
    schema(
        &[("time", 12), ("lat", 4), ("lon", 8), ("bnds", 2)],
        &[
            ("time", &[0], DimensionCoordinate, TIME),
            ("lat", &[1], DimensionCoordinate, FLOAT),
            ("lon", &[2], DimensionCoordinate, FLOAT),
            ("lat_bnds", &[1], Bounds, pair),
            ("t2m", &[0, 1, 2], Data, FLOAT),
            ("orog", &[1, 2], Data, FLOAT),
            ("count_of", &[0, 1, 2], Data, DataType::Int16),
            ("crs", &[], Hidden, DataType::Int32),
        ],
    )
}

/// `ta(time, lev)` and `ps(time)` beside `sst(y, x)` with two-dimensional coordinates and no labels on y and x.
fn two_grids() -> DatasetSchema {
    use Role::{AuxiliaryCoordinate, Data, DimensionCoordinate};
    schema(
        &[("time", 12), ("lev", 3), ("y", 5), ("x", 6)],
        &[
            ("time", &[0], DimensionCoordinate, TIME),
            ("lev", &[1], DimensionCoordinate, DOUBLE),
            ("latitude", &[2, 3], AuxiliaryCoordinate, DOUBLE),
            ("longitude", &[2, 3], AuxiliaryCoordinate, DOUBLE),
            ("ta", &[0, 1], Data, FLOAT),
            ("ps", &[0], Data, FLOAT),
            ("sst", &[2, 3], Data, FLOAT),
        ],
    )
}

fn noleap() -> DatasetSchema {
    let mut schema = schema(
        &[("time", 365)],
        &[("time", &[0], Role::DimensionCoordinate, DataType::Int64), ("tas", &[0], Role::Data, FLOAT)],
    );
    let metadata = [("ARROW:extension:name", CALENDAR_EXTENSION), ("ARROW:extension:metadata", "noleap")];
    let metadata = metadata.map(|(key, value)| (key.to_string(), value.to_string()));
    schema.variables[0].field.set_metadata(metadata);
    schema
}

fn groups() -> DatasetSchema {
    use Role::{AuxiliaryCoordinate, Data};
    schema(
        &[("scanline", 3), ("pixel", 4)],
        &[
            ("PRODUCT/latitude", &[0, 1], AuxiliaryCoordinate, FLOAT),
            ("METEO/latitude", &[0, 1], AuxiliaryCoordinate, FLOAT),
            ("PRODUCT/no2", &[0, 1], Data, FLOAT),
        ],
    )
}

fn case() -> DatasetSchema {
    schema(&[("n", 3)], &[("T", &[0], Role::Data, FLOAT), ("t", &[0], Role::Data, DOUBLE)])
}

/// A compound `obs` with the members `value` and `where`, a compound of two.
fn compounds() -> DatasetSchema {
    let members = ["obs.value", "obs.where.lat", "obs.where.lon"];
    schema(&[("n", 3)], &members.map(|name| (name, &[0usize] as &[usize], Role::Data, FLOAT)))
}

fn coordinates_only() -> DatasetSchema {
    schema(
        &[("lat", 3), ("lon", 4)],
        &[("lat", &[0], Role::DimensionCoordinate, FLOAT), ("lon", &[1], Role::DimensionCoordinate, FLOAT)],
    )
}
