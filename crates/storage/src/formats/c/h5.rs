//! Plain HDF5 files through the HDF5 C library: the cells only.

use super::says;
use crate::formats::{FileContents, Format, Stored, StoredType, check_slab};
use crate::metrics::ReadMetrics;
use crate::{Error, Result};
use arrow::array::StringArray;
use hdf5_metno::types::{VarLenAscii, VarLenUnicode};
use hdf5_metno::{Dataset, H5Type, Hyperslab as Selected, SliceOrIndex};
use hyperslab_grid::Hyperslab;
use ndarray::IxDyn;
use std::path::Path;

/// A file opened by HDF5.
pub(super) struct PlainHdf5 {
    file: hdf5_metno::File,
    contents: FileContents,
}

impl PlainHdf5 {
    pub(super) fn open(path: &Path, contents: FileContents) -> Result<Self> {
        let file = hdf5_metno::File::open(path);
        let file = file.map_err(|error| Error::corrupt(format!("the C library says: {error}")))?;
        Ok(Self { file, contents })
    }

    fn dataset(&self, variable: usize) -> Result<Dataset> {
        let dataset = self.file.dataset(&self.contents.variables[variable].path);
        dataset.map_err(|error| says(&self.contents, variable, error))
    }

    fn cells<T: H5Type>(&self, variable: usize, slab: &Hyperslab) -> Result<Vec<T>> {
        let selected: Vec<SliceOrIndex> = slab.ranges().iter().cloned().map(SliceOrIndex::from).collect();
        let dataset = self.dataset(variable)?;
        let cells = match slab.rank() {
            0 => dataset.read_raw::<T>(),
            _ => dataset.read_slice::<T, _, IxDyn>(Selected::from(selected)).map(|cells| cells.into_iter().collect()),
        };
        cells.map_err(|error| says(&self.contents, variable, error))
    }
}

impl Format for PlainHdf5 {
    fn contents(&self) -> &FileContents {
        &self.contents
    }

    fn read(&self, variable: usize, slab: &Hyperslab, into: &mut Stored, metrics: &ReadMetrics) -> Result<Hyperslab> {
        let declared = check_slab(&self.contents, variable, slab)?;
        macro_rules! cells {
            ($t:ty) => {
                bytemuck::cast_slice::<$t, u8>(&self.cells::<$t>(variable, slab)?).to_vec()
            };
        }
        let cells = match &declared.ty {
            StoredType::I8 => cells!(i8),
            StoredType::U8 => cells!(u8),
            StoredType::I16 => cells!(i16),
            StoredType::U16 => cells!(u16),
            StoredType::I32 => cells!(i32),
            StoredType::U32 => cells!(u32),
            StoredType::I64 => cells!(i64),
            StoredType::U64 => cells!(u64),
            StoredType::F32 => cells!(f32),
            StoredType::F64 => cells!(f64),
            StoredType::F16
            | StoredType::Char
            | StoredType::Text
            | StoredType::Values(_)
            | StoredType::Unsupported(_) => {
                let message = format!("holds {:?}, which is not read through the C library", declared.ty);
                return Err(Error::unsupported(message).in_variable(&declared.path));
            }
        };
        into.bytes.resize(cells.len()).copy_from_slice(&cells);
        metrics.chunk_read(cells.len(), cells.len());
        Ok(slab.clone())
    }

    fn read_text(&self, variable: usize, slab: &Hyperslab, _: &mut Stored, _: &ReadMetrics) -> Result<StringArray> {
        check_slab(&self.contents, variable, slab)?;
        let unicode = self.cells::<VarLenUnicode>(variable, slab);
        let texts = unicode.map(|cells| cells.iter().map(|text| Some(text.as_str())).collect());
        texts.or_else(|_| {
            let cells = self.cells::<VarLenAscii>(variable, slab)?;
            Ok(cells.iter().map(|text| Some(text.as_str())).collect())
        })
    }
}
