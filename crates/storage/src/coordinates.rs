//! Values of variables over at most one dimension: read as a whole, and held while the dataset is.

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

    fn read_all(&self, variable: usize) -> Result<ArrayRef> {
        let about = &self.layout.schema.variables[variable];
        if about.dims.len() > 1 {
            let message = format!("has {} dimensions: it is read in boxes, not as a whole", about.dims.len());
            return Err(Error::new(ErrorKind::Options, message).in_variable(&about.name));
        }
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

    /// A variable over at most one dimension, cut at the borders of files only.
    fn whole_files(&self, variable: usize) -> Vec<Hyperslab> {
        let (column, dims) = (&self.layout.columns[variable], &self.layout.schema.variables[variable].dims);
        let edges = match (dims.first(), column.joins.first()) {
            (None, _) => return vec![Hyperslab::new(Vec::new())],
            (Some(_), Some(Some(join))) => self.layout.joins[*join].edges.clone(),
            (Some(dim), _) => vec![0, self.layout.schema.dimensions[*dim].len],
        };
        let pieces = edges.windows(2).map(|pair| pair[0]..pair[1]).filter(|range| !range.is_empty());
        pieces.map(|range| Hyperslab::new(std::iter::once(range).collect())).collect()
    }
}
