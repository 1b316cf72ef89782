//! What planning may see of datasets.

use crate::Result;
use arrow::array::ArrayRef;
use hyperslab_expr::Scalar;
use hyperslab_grid::{ChunkGrid, schema::DatasetSchema};
use serde::{Deserialize, Serialize};
use std::any::Any;
use std::fmt::Debug;
use std::sync::Arc;

/// A dataset of a query, by position in [`crate::BoundQuery::datasets`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct DatasetId(pub usize);

/// How a query names a dataset: plain data, so that it can be opened again elsewhere.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Source {
    /// Paths and globs.
    pub paths: Vec<String>,
    /// Options, `read_netcdf(.., name => value)`, names in lower case.
    pub options: Vec<(String, Scalar)>,
}

/// Opens what a query names.
pub trait Catalog {
    /// Opens a dataset; the same source may give the same dataset again.
    ///
    /// # Errors
    /// What the file or the options make impossible, without a place in the SQL: the binder adds it.
    fn open(&self, source: &Source) -> Result<Arc<dyn DatasetSource>>;
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

    /// What is read at a time of a variable, over its dimensions.
    fn chunk_grid(&self, variable: usize) -> ChunkGrid;

    /// The number of files.
    fn files(&self) -> usize;

    /// What was doubtful about it when it was opened.
    fn warnings(&self) -> &[String];

    /// The dataset itself, for the executor.
    fn as_any(&self) -> &dyn Any;
}
