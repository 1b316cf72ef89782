//! Values of coordinates: those over at most one dimension are read as a whole, and held while the dataset is; those over two are
//! read where places are searched.

use crate::combine::opened::check_labels;
use crate::metrics::ReadMetrics;
use crate::{Block, Dataset, Error, ErrorKind, Result};
use arrow::array::{Array, ArrayRef, new_empty_array};
use arrow::compute::concat;
use hyperslab_grid::Hyperslab;
use std::sync::Arc;

impl Dataset {
    /// All values of a variable over at most one dimension; a scalar has one. Read once.
    ///
    /// # Errors
    /// If it has more dimensions, or reading fails.
    pub fn coordinate(&self, variable: usize) -> Result<ArrayRef> {
        if let Some(known) = self.values[variable].get() {
            return Ok(Arc::clone(known));
        }
        let values = self.read_all(variable)?;
        let bytes = values.get_array_memory_size();
        self.room.take(bytes).map_err(|error| error.in_variable(&self.layout.schema.variables[variable].name))?;
        let known = self.values[variable].get_or_init(|| Arc::clone(&values));
        if !Arc::ptr_eq(known, &values) {
            // Another thread has read them meanwhile.
            self.room.give_back(bytes);
        }
        Ok(Arc::clone(known))
    }

    /// All values of a variable over two dimensions, such as latitudes of a curvilinear grid, if no more than `most`: in
    /// row-major order. It may have a dimension before these along which they are the same.
    ///
    /// # Errors
    /// If it has other dimensions or more values, or reading fails.
    pub fn plane(&self, variable: usize, most: usize) -> Result<ArrayRef> {
        let about = &self.layout.schema.variables[variable];
        let shape = self.layout.schema.shape(&about.dims);
        let cells = shape.iter().copied().fold(1, usize::saturating_mul);
        let refused = |message: String| Err(Error::new(ErrorKind::Options, message).in_variable(&about.name));
        match about.dims.len() {
            2 | 3 if cells > most => {
                refused(format!("has {cells} values, which take more than half of the memory limit to be searched"))
            }
            2 => self.read_whole(variable),
            3 if cells > 0 => {
                let (all, len) = (self.read_whole(variable)?, cells / shape[0]);
                let first = all.slice(0, len);
                match (1..shape[0]).all(|at| all.slice(at * len, len).as_ref() == first.as_ref()) {
                    true => Ok(first),
                    false => {
                        let along = &self.layout.schema.dimensions[about.dims[0]].name;
                        refused(format!("has not the same values all along {along}: no cell is always the nearest"))
                    }
                }
            }
            dims => refused(format!("has {dims} dimensions where latitudes and longitudes of places have two")),
        }
    }

    fn read_all(&self, variable: usize) -> Result<ArrayRef> {
        let about = &self.layout.schema.variables[variable];
        if about.dims.len() > 1 {
            let message = format!("has {} dimensions: it is read in boxes, not as a whole", about.dims.len());
            return Err(Error::new(ErrorKind::Options, message).in_variable(&about.name));
        }
        self.read_whole(variable)
    }

    fn read_whole(&self, variable: usize) -> Result<ArrayRef> {
        let about = &self.layout.schema.variables[variable];
        let in_variable = |error: Error| error.in_variable(&about.name);
        let reading = self.room.for_now();
        let (mut block, metrics) = (Block::within(reading.clone()), ReadMetrics::default());
        let mut pieces = Vec::new();
        for slab in self.whole_files(variable) {
            check_labels(slab.cells(), &[self.chunk_bytes(variable)], 1).map_err(in_variable)?;
            // A piece as stored, decoded, and beside the others.
            let bytes = slab.cells().saturating_mul(about.stored_size + 2 * size_of::<f64>());
            reading.take(bytes.max(self.chunk_bytes(variable))).map_err(in_variable)?;
            self.read(variable, &slab, &mut block, &metrics)?;
            pieces.push(block.decode(&block.cells_of(&slab))?);
        }
        let pieces: Vec<&dyn Array> = pieces.iter().map(|piece| &**piece).collect();
        match pieces.as_slice() {
            [] => Ok(new_empty_array(about.data_type())),
            pieces => concat(pieces).map_err(|error| in_variable(Error::corrupt(error.to_string()))),
        }
    }

    /// A variable, cut along its first dimension, at the borders of files only.
    fn whole_files(&self, variable: usize) -> Vec<Hyperslab> {
        let (column, dims) = (&self.layout.columns[variable], &self.layout.schema.variables[variable].dims);
        let edges = match (dims.first(), column.joins.first()) {
            (None, _) => return vec![Hyperslab::new(Vec::new())],
            (Some(_), Some(Some(join))) => self.layout.joins[*join].edges.clone(),
            (Some(dim), _) => vec![0, self.layout.schema.dimensions[*dim].len],
        };
        let pieces = edges.windows(2).map(|pair| pair[0]..pair[1]).filter(|range| !range.is_empty());
        let inner = dims.iter().skip(1).map(|dim| 0..self.layout.schema.dimensions[*dim].len);
        pieces.map(|range| Hyperslab::new(std::iter::once(range).chain(inner.clone()).collect())).collect()
    }
}
