//! What planning may see of datasets and of tables.

use crate::Result;
use crate::explain::ReadEstimate;
use arrow::array::ArrayRef;
use arrow::datatypes::FieldRef;
use hyperslab_expr::Scalar;
use hyperslab_grid::regrid::Method;
use hyperslab_grid::{ChunkGrid, Packing, Region, schema::DatasetSchema};
use serde::{Deserialize, Serialize};
use std::any::Any;
use std::fmt::Debug;
use std::sync::Arc;

/// A dataset of a query, by position in [`crate::BoundQuery::datasets`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct DatasetId(pub usize);

/// A table of a query, by position in [`crate::BoundQuery::tables`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct TableId(pub usize);

/// What files of rows are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum TableFormat {
    /// Comma-separated values, or separated by something else.
    Csv,
    /// Parquet.
    Parquet,
    /// GeoJSON.
    GeoJson,
}

impl TableFormat {
    /// The format of files whose names, or globs, end like this; `None` for a dataset.
    pub fn of_path(path: &str) -> Option<Self> {
        match path.rsplit_once('.')?.1.to_ascii_lowercase().as_str() {
            "csv" | "tsv" => Some(Self::Csv),
            "parquet" | "pq" => Some(Self::Parquet),
            "geojson" => Some(Self::GeoJson),
            _ => None,
        }
    }

    /// Its name, for people.
    pub fn name(self) -> &'static str {
        match self {
            Self::Csv => "CSV",
            Self::Parquet => "Parquet",
            Self::GeoJson => "GeoJSON",
        }
    }
}

/// How a query names a dataset or a table: plain data, so that it can be opened again elsewhere.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Source {
    /// Paths and globs.
    pub paths: Vec<String>,
    /// Options, `read_netcdf(.., name => value)` or `read_csv(.., name => value)`, names in lower case.
    pub options: Vec<(String, Scalar)>,
    /// Onto which other axes a dataset is taken, if it is.
    pub regrid: Option<Box<Regrid>>,
    /// The dimensions along which the corners around places are wanted, which `interpolate` reads.
    #[serde(default)]
    pub corners: Vec<String>,
}

impl Source {
    /// Files, as they are.
    pub fn new(paths: Vec<String>, options: Vec<(String, Scalar)>) -> Self {
        Self { paths, options, regrid: None, corners: Vec::new() }
    }
}

/// What `regrid(source, target, axis => labels, method => ..)` asks for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Regrid {
    /// The new latitudes and longitudes, if there are any.
    pub target: Option<RegridTarget>,
    /// Further axes by name, with their new labels.
    pub axes: Vec<(String, Vec<f64>)>,
    /// How values follow from those of the source.
    pub method: Method,
    /// The part of a new cell that must not be missing, where areas count.
    pub min_fraction: Option<f64>,
}

/// New latitudes and longitudes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum RegridTarget {
    /// A regular grid of the globe, `r360x180`.
    Global {
        /// How many from 0 eastwards around the globe.
        longitudes: usize,
        /// How many from south to north.
        latitudes: usize,
    },
    /// Those of another dataset.
    Like(Source),
}

/// Opens what a query names.
pub trait Catalog {
    /// Opens a dataset; the same source may give the same dataset again.
    ///
    /// # Errors
    /// What the file or the options make impossible, without a place in the SQL: the binder adds it.
    fn open(&self, source: &Source) -> Result<Arc<dyn DatasetSource>>;

    /// Opens a table; the same source may give the same table again.
    ///
    /// # Errors
    /// As [`Catalog::open`].
    fn open_table(&self, format: TableFormat, source: &Source) -> Result<Arc<dyn TableSource>>;
}

/// A table as planning sees it: its columns, never its rows.
pub trait TableSource: Debug + Send + Sync {
    /// Its columns, of Arrow types that hold types of SQL.
    fn columns(&self) -> &[FieldRef];

    /// The number of files.
    fn files(&self) -> usize;

    /// The number of rows, where the files say it.
    fn rows(&self) -> Option<u64>;

    /// What reading some of its columns, by position, takes.
    fn estimate(&self, columns: &[usize]) -> ReadEstimate;

    /// What was doubtful about it when it was opened.
    fn warnings(&self) -> &[String];

    /// The table itself, for the executor.
    fn as_any(&self) -> &dyn Any;
}

/// A dataset as planning sees it: axes, chunk grids, coordinates, never a data variable.
pub trait DatasetSource: Debug + Send + Sync {
    /// Its dimensions and variables.
    fn schema(&self) -> &DatasetSchema;

    /// All values of a variable over at most one dimension that is no data variable, decoded.
    ///
    /// # Errors
    /// If they cannot be read.
    fn coordinate(&self, variable: usize) -> Result<ArrayRef>;

    /// All values of a variable over two dimensions that is no data variable, decoded, in row-major order; `bytes` are held
    /// for each besides. Of one over three dimensions those that it has along the last two, if they are always the same.
    ///
    /// # Errors
    /// If they cannot be read, or are too many.
    fn plane(&self, variable: usize, bytes: usize) -> Result<ArrayRef>;

    /// What is read at a time of a variable, over its dimensions.
    fn chunk_grid(&self, variable: usize) -> ChunkGrid;

    /// The cells of files that a region of a variable is read from, and how these are cut: what EXPLAIN counts. The region
    /// itself, unless the variable is computed from another.
    fn stored(&self, variable: usize, region: &Region) -> (Region, ChunkGrid) {
        (region.clone(), self.chunk_grid(variable))
    }

    /// How many of these chunks are read more than once, each time after the first.
    fn read_again(&self, _variable: usize, _region: &Region) -> usize {
        0
    }

    /// The paths of its files.
    fn paths(&self) -> Vec<String> {
        Vec::new()
    }

    /// How integers stand for the values of a variable: if they do, and everywhere alike.
    fn packing(&self, _variable: usize) -> Option<Packing> {
        None
    }

    /// The number of files.
    fn files(&self) -> usize;

    /// What was doubtful about it when it was opened.
    fn warnings(&self) -> &[String];

    /// The dataset itself, for the executor.
    fn as_any(&self) -> &dyn Any;
}
