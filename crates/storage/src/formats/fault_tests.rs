//! Reads that fail: whichever read of opening a file and of reading its cells it is, there is an error that names the file.

use super::{Engine, Stored, StoredType, open};
use crate::Result;
use crate::io::faults::{self, Fault};
use crate::metrics::ReadMetrics;
use arrow::array::Array;
use hyperslab_grid::Hyperslab;
use std::path::{Path, PathBuf};

/// Reads all cells of all variables.
fn read_all(path: &Path) -> Result<usize> {
    let file = open(path, Engine::Direct)?;
    let (contents, metrics) = (file.contents(), ReadMetrics::default());
    let mut cells = 0;
    for (i, variable) in contents.variables.iter().enumerate() {
        let shape: Vec<usize> = variable.dims.iter().map(|dim| contents.dimensions[*dim].len).collect();
        let all = Hyperslab::all(&shape);
        match variable.ty {
            StoredType::Unsupported(_) => {}
            StoredType::Text => cells += file.read_text(i, &all, &mut Stored::default(), &metrics)?.len(),
            StoredType::Values(_) => cells += file.read_values(i, &all, &mut Stored::default(), &metrics)?.len(),
            _ => cells += file.read(i, &all, &mut Stored::default(), &metrics)?.cells(),
        }
    }
    Ok(cells)
}

fn fixtures() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures");
    let names = [
        "classic/plain.nc",
        "classic/unlimited.nc",
        "netcdf4/plain.nc",
        "netcdf4/text.nc",
        "netcdf4/two_grids.nc",
        "hdf5/strings.h5",
        "hdf5/missing_chunks.h5",
        "hdf5/fletcher.h5",
        "real/air.nc",
    ];
    names.iter().map(|name| folder.join(name)).collect()
}

#[test]
fn every_read_that_fails_is_an_error_that_names_the_file() {
    for path in fixtures() {
        let (whole, reads) = faults::with(None, || read_all(&path));
        let cells = whole.unwrap_or_else(|error| panic!("{error}"));
        assert!(cells > 0 && reads > 1, "{}: {cells} cells in {reads} reads", path.display());
        for fault in [Fault::Device, Fault::Short] {
            for at in 0..reads {
                let (outcome, _) = faults::with(Some((at, fault)), || read_all(&path));
                let error = outcome.expect_err("a read failed");
                assert_eq!(error.file.as_deref(), Some(path.as_path()), "read {at} of {reads}: {error}");
                let words = if fault == Fault::Device { "Input/output error" } else { "became shorter" };
                assert!(error.message.contains(words), "read {at} of {reads}: {error}");
            }
        }
    }
}
