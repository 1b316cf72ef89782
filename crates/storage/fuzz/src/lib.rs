//! What the targets share: bytes as a file, and reading all of it.

use hyperslab_grid::Hyperslab;
use hyperslab_storage::formats::{Engine, Stored, StoredType, open};
use hyperslab_storage::tables::{Table, TableOptions};
use hyperslab_storage::{ReadMetrics, Result};
use std::io::Write;
use std::sync::Arc;
use tempfile::NamedTempFile;

/// Boxes of more cells than this are not read: that an absurd length takes long is no finding.
const MOST_CELLS: usize = 1 << 16;

/// A file of these bytes; in memory, if the folder of temporary files is.
pub fn file(bytes: &[u8], ending: &str) -> NamedTempFile {
    let mut file = tempfile::Builder::new().suffix(ending).tempfile().expect("a temporary file");
    file.write_all(bytes).expect("there is room");
    file
}

/// Opens a netCDF or HDF5 file and reads the first cells of each variable.
pub fn read_grid(bytes: &[u8]) {
    let file = file(bytes, ".nc");
    let Ok(format) = open(file.path(), Engine::Direct) else { return };
    let (contents, metrics) = (format.contents(), ReadMetrics::default());
    for (i, variable) in contents.variables.iter().enumerate() {
        let mut room = MOST_CELLS;
        let ranges = variable.dims.iter().zip(&variable.chunk).map(|(dim, chunk)| {
            let len = contents.dimensions[*dim].len.min(*chunk).min(room);
            room /= len.max(1);
            0..len
        });
        let first = Hyperslab::new(ranges.collect());
        // An error is an answer too.
        let _: Result<()> = match variable.ty {
            StoredType::Unsupported(_) => Ok(()),
            StoredType::Text => format.read_text(i, &first, &metrics).map(drop),
            StoredType::Values(_) => format.read_values(i, &first, &metrics).map(drop),
            _ => format.read(i, &first, &mut Stored::default(), &metrics).map(drop),
        };
    }
}

/// Opens a file of rows and reads it.
pub fn read_table(bytes: &[u8], ending: &str, options: &TableOptions) {
    let file = file(bytes, ending);
    let Ok(table) = Table::open(&[file.path().to_string_lossy().into_owned()], options) else { return };
    let (columns, metrics) = ((0..table.columns().len()).collect::<Vec<_>>(), Arc::new(ReadMetrics::default()));
    for part in 0..table.parts() {
        if let Ok(batches) = table.read(part, &columns, &metrics) {
            batches.for_each(drop);
        }
    }
}
