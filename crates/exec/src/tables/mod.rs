//! Tables of files, CSV, Parquet and GeoJSON: as planning sees them, and as sources of batches.
//!
//! A partition is a part of the table: a row group, or a CSV or GeoJSON file, which one thread reads from front to back.

mod options;
mod scan;

pub(crate) use options::options;
pub use scan::scan;

use arrow::datatypes::FieldRef;
use hyperslab_plan::TableSource;
use hyperslab_plan::explain::ReadEstimate;
use hyperslab_storage::tables::Table;
use std::any::Any;
use std::fmt;
use std::sync::Arc;

/// A table of files.
pub struct OpenTable(pub Arc<Table>);

impl fmt::Debug for OpenTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "OpenTable({} files)", self.0.files())
    }
}

impl TableSource for OpenTable {
    fn columns(&self) -> &[FieldRef] {
        self.0.columns()
    }

    fn files(&self) -> usize {
        self.0.files()
    }

    fn rows(&self) -> Option<u64> {
        self.0.rows()
    }

    fn estimate(&self, columns: &[usize]) -> ReadEstimate {
        let sizes = (0..self.0.parts()).map(|part| self.0.size(part, columns));
        let (chunks, bytes) = sizes.fold((0, 0), |(chunks, bytes), size| (chunks + size.chunks, bytes + size.bytes));
        ReadEstimate { chunks, chunks_present: chunks, chunks_again: 0, bytes, bytes_present: bytes }
    }

    fn warnings(&self) -> &[String] {
        self.0.warnings()
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}
