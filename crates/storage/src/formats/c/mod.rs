//! The same files through the netCDF and HDF5 C libraries: read on request (`engine => 'c'`), and the reference in tests.
//!
//! Both libraries hold one lock for the whole process, so that a second thread gains nothing; and they crash on some
//! damaged files. Nothing is read this way unless it is asked for.

mod h5;
mod nc;

use super::{FileContents, Format, classic, hdf5};
use crate::io::{FileSource, ReadAt};
use crate::metrics::ReadMetrics;
use crate::{Error, Result};
use std::path::Path;
use std::sync::Arc;

/// Opens a file: classic and netCDF-4 files through netCDF, others through HDF5.
pub(super) fn open(path: &Path) -> Result<Arc<dyn Format>> {
    let metrics = ReadMetrics::default();
    let source = FileSource::open(path, &metrics)?;
    let mut first = vec![0; source.len().min(8) as usize];
    source.read_exact_at(0, &mut first, &metrics)?;
    if classic::probe(&first) {
        let format = match first[3] {
            1 => "netCDF classic (CDF-1)",
            2 => "netCDF classic (CDF-2)",
            _ => "netCDF classic (CDF-5)",
        };
        return Ok(Arc::new(nc::NetCdf::open(path, format)?));
    }
    // What a plain HDF5 file holds has no meaning to the C library: names of dimensions are ours to give.
    let direct = hdf5::open(source)?;
    match direct.contents().format {
        "netCDF-4" => Ok(Arc::new(nc::NetCdf::open(path, "netCDF-4")?)),
        _ => Ok(Arc::new(h5::PlainHdf5::open(path, direct.contents().clone())?)),
    }
}

fn says(contents: &FileContents, variable: usize, message: impl std::fmt::Display) -> Error {
    Error::corrupt(format!("the C library says: {message}")).in_variable(&contents.variables[variable].path)
}
