//! What the targets share: bytes as a file, and reading all of it.

use hyperslab_grid::Hyperslab;
use hyperslab_storage::formats::{Engine, Format, Stored, StoredType, open};
use hyperslab_storage::tables::{Table, TableOptions};
use hyperslab_storage::{Block, Dataset, OpenOptions, ReadMetrics, Result, Room};
use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use tempfile::NamedTempFile;

/// Boxes of more cells than this are not read, nor chunks of more bytes: that an absurd length takes long is no finding, and it
/// is those who read that bound memory.
const MOST_CELLS: usize = 1 << 16;
const MOST_BYTES: usize = 1 << 26;

/// A file of these bytes; in memory, if the folder of temporary files is.
pub fn file(bytes: &[u8], ending: &str) -> NamedTempFile {
    let mut file = tempfile::Builder::new().suffix(ending).tempfile().expect("a temporary file");
    file.write_all(bytes).expect("there is room");
    file
}

/// Opens a netCDF or HDF5 file and reads the first cells of each variable, as stored and as meant.
pub fn read_grid(bytes: &[u8]) {
    let file = file(bytes, ".nc");
    // Errors are answers too, here and below.
    if let Ok(format) = open(file.path(), Engine::Direct) {
        read_stored(&*format);
        read_meant(file.path());
    }
}

fn read_stored(format: &dyn Format) {
    let (contents, metrics) = (format.contents(), ReadMetrics::default());
    for (i, variable) in contents.variables.iter().enumerate() {
        let lens: Vec<usize> = variable.dims.iter().map(|dim| contents.dimensions[*dim].len).collect();
        let Some(first) = first_box(&lens, &variable.chunk, variable.ty.size()) else { continue };
        let _: Result<()> = match variable.ty {
            StoredType::Unsupported(_) => Ok(()),
            StoredType::Text => format.read_text(i, &first, &mut space(), &metrics).map(drop),
            StoredType::Values(_) => format.read_values(i, &first, &mut space(), &metrics).map(drop),
            _ => format.read(i, &first, &mut Stored::default(), &metrics).map(drop),
        };
    }
}

fn read_meant(path: &Path) {
    let source = path.to_string_lossy().into_owned();
    let Ok(dataset) = Dataset::open_within(&[source], &OpenOptions::within(MOST_BYTES), &room()) else { return };
    let schema = dataset.schema();
    for (i, variable) in schema.variables.iter().enumerate() {
        let chunk = dataset.describe(i).chunk;
        let Some(first) = first_box(&schema.shape(&variable.dims), &chunk, variable.stored_size) else { continue };
        // A chunk may reach far beyond the variable.
        if dataset.chunk_bytes(i) > MOST_BYTES {
            continue;
        }
        let mut block = Block::within(room());
        if dataset.read(i, &first, &mut block, &ReadMetrics::default()).is_ok() {
            let _ = block.decode(&[0..block.cover().cells().min(MOST_CELLS)]);
        }
    }
}

fn space() -> Stored {
    Stored { room: room(), ..Stored::default() }
}

/// The first cells of a variable; `None` if its chunks are too large to be read here.
fn first_box(lens: &[usize], chunk: &[usize], cell: usize) -> Option<Hyperslab> {
    let bytes = chunk.iter().try_fold(cell.max(16), |bytes, len| bytes.checked_mul(*len))?;
    let mut room = MOST_CELLS;
    let ranges = lens.iter().enumerate().map(|(d, len)| {
        let len = (*len).min(chunk.get(d).copied().unwrap_or(*len)).min(room);
        room /= len.max(1);
        0..len
    });
    (bytes <= MOST_BYTES).then(|| Hyperslab::new(ranges.collect()))
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

fn room() -> Room {
    Room::of(MOST_BYTES)
}
