//! File formats: one file each, listed in [`FORMATS`]. A format tells what a file holds and reads its chunks as stored;
//! it knows no CF conventions, no datasets and no SQL.

#[cfg(feature = "c-engine")]
mod c;
pub(crate) mod cells;
mod classic;
#[cfg(test)]
mod classic_tests;
#[cfg(all(test, feature = "c-engine"))]
mod conformance;
mod contiguous;
#[cfg(test)]
mod fault_tests;
pub(crate) mod hdf5;
mod open;

pub use open::{Engine, FORMATS, FormatEntry, open};

use crate::metrics::ReadMetrics;
use crate::{Error, ErrorKind, Result};
use arrow::array::{ArrayRef, StringArray};
use arrow::datatypes::DataType;
use hyperslab_grid::Hyperslab;
use std::borrow::Cow;

/// The type of a stored cell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoredType {
    /// Signed 8-bit integer.
    I8,
    /// Unsigned 8-bit integer.
    U8,
    /// Signed 16-bit integer.
    I16,
    /// Unsigned 16-bit integer.
    U16,
    /// Signed 32-bit integer.
    I32,
    /// Unsigned 32-bit integer.
    U32,
    /// Signed 64-bit integer.
    I64,
    /// Unsigned 64-bit integer.
    U64,
    /// IEEE half precision.
    F16,
    /// IEEE single precision.
    F32,
    /// IEEE double precision.
    F64,
    /// One character (netCDF `char`; HDF5 fixed strings of length 1).
    Char,
    /// Text of variable or fixed length.
    Text,
    /// Values that are read as an Arrow array of this type: lists, arrays, truth values, bytes.
    Values(DataType),
    /// A type that cannot be read yet; says which, in words.
    Unsupported(String),
}

impl StoredType {
    /// Bytes a cell; 0 for text, values and what cannot be read.
    pub fn size(&self) -> usize {
        match self {
            Self::I8 | Self::U8 | Self::Char => 1,
            Self::I16 | Self::U16 | Self::F16 => 2,
            Self::I32 | Self::U32 | Self::F32 => 4,
            Self::I64 | Self::U64 | Self::F64 => 8,
            Self::Text | Self::Values(_) | Self::Unsupported(_) => 0,
        }
    }
}

/// The value of an attribute. Numbers of any type are kept without loss.
#[derive(Clone, Debug, PartialEq)]
pub enum Attribute {
    /// One text.
    Text(String),
    /// Several texts.
    Texts(Vec<String>),
    /// Integers of a stored type (unsigned 64-bit included).
    Integers(StoredType, Vec<i128>),
    /// Floats of a stored type (F16, F32 or F64), widened exactly.
    Floats(StoredType, Vec<f64>),
}

/// A dimension as the file declares it.
#[derive(Clone, Debug, PartialEq)]
pub struct FileDimension {
    /// Full path without a leading slash (`time`, `group/obs`). Plain HDF5 without dimension scales: `phony_dim_N`,
    /// one for each distinct length among the variables of a group, as netCDF-C names them.
    pub path: String,
    /// The present length.
    pub len: usize,
    /// Whether it can grow.
    pub unlimited: bool,
}

/// A variable as the file declares it.
#[derive(Clone, Debug, PartialEq)]
pub struct FileVariable {
    /// Full path without a leading slash.
    pub path: String,
    /// Its dimensions, by position in [`FileContents::dimensions`].
    pub dims: Vec<usize>,
    /// The type of its cells.
    pub ty: StoredType,
    /// The bytes that reading takes for each cell before it is of that type: for text of any length a reference, for a member
    /// of a compound all of the compound.
    pub cell_bytes: usize,
    /// About the most bytes that a cell may refer to besides, in a usual file; 0 if it refers to nothing.
    pub heap_bytes: usize,
    /// Its attributes; those that only hold the file format together (`_Netcdf4Dimid`, `DIMENSION_LIST`, `CLASS`, `NAME`,
    /// `REFERENCE_LIST`, `_NCProperties`, `_nc3_strict`, `_Netcdf4Coordinates`) left out.
    pub attributes: Vec<(String, Attribute)>,
    /// The shape of what is read at a time: the chunk, or for contiguous storage a box of about 1 MiB made of whole rows.
    /// Every entry is at least 1.
    pub chunk: Vec<usize>,
    /// Whether the storage is chunked in the file (and `chunk` its chunk shape).
    pub chunked: bool,
    /// What a cell reads as that was never written, in the byte order of this machine; empty: zeros.
    pub fill: Vec<u8>,
    /// Storage and filters in words, such as "chunked, shuffle, deflate 4" or "contiguous".
    pub storage: String,
}

/// What a file holds.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FileContents {
    /// The format in words: "netCDF-4", "netCDF classic (CDF-2)", "HDF5".
    pub format: &'static str,
    /// All dimensions.
    pub dimensions: Vec<FileDimension>,
    /// All variables (HDF5 dimension scales that netCDF marks as "dimension without variable" left out).
    pub variables: Vec<FileVariable>,
    /// Global attributes (those of the root group).
    pub attributes: Vec<(String, Attribute)>,
    /// Whether netCDF's default fill values stand for missing data (see FORMATS: netCDF files, not plain HDF5).
    pub default_fill: bool,
    /// What could not be read and is left out, one sentence each.
    pub problems: Vec<String>,
}

/// The stored cells of a box: reused from read to read.
#[derive(Debug, Default)]
pub struct Stored {
    /// The cells in the byte order of this machine, row-major over the box returned by the read; aligned for 8-byte
    /// cells. Only the first `box cells x cell size` bytes count.
    pub bytes: crate::aligned::AlignedBytes,
    /// Space for what comes from disk and between filters.
    pub scratch: crate::aligned::Scratch,
    /// Where room is asked for that is needed besides: for texts, lists and the like.
    pub room: crate::Room,
}

/// An open file. All methods may be called from any thread at the same time.
pub trait Format: Send + Sync {
    /// What the file holds.
    fn contents(&self) -> &FileContents;

    /// Reads the chunk-grid cell(s) of `variable` that hold `slab`, as stored. Gives the box that `into` then holds: it
    /// contains `slab`, and for one whole chunk is that chunk in full (it may overhang the end of a dimension, where cells
    /// are meaningless). A slab over several chunks is assembled into exactly `slab`.
    ///
    /// # Errors
    /// Anything wrong with the file, named with file and variable.
    fn read(&self, variable: usize, slab: &Hyperslab, into: &mut Stored, metrics: &ReadMetrics) -> Result<Hyperslab>;

    /// Reads the text cells of `slab`, row-major; for variables of [`StoredType::Text`]. `space` is for what is stored.
    ///
    /// # Errors
    /// Anything wrong with the file, named with file and variable.
    fn read_text(
        &self,
        variable: usize,
        slab: &Hyperslab,
        space: &mut Stored,
        metrics: &ReadMetrics,
    ) -> Result<StringArray>;

    /// Reads the cells of `slab`, row-major; for variables of [`StoredType::Values`], as arrays of the type named there.
    ///
    /// # Errors
    /// Anything wrong with the file, named with file and variable.
    fn read_values(
        &self,
        variable: usize,
        slab: &Hyperslab,
        space: &mut Stored,
        metrics: &ReadMetrics,
    ) -> Result<ArrayRef> {
        let (_, _, _) = (slab, space, metrics);
        let error = Error::unsupported("holds values that this format does not have");
        Err(error.in_variable(&self.contents().variables[variable].path))
    }
}

/// The variable that `slab` is to be read from, once it is certain that its cells exist.
fn check_slab<'a>(contents: &'a FileContents, variable: usize, slab: &Hyperslab) -> Result<&'a FileVariable> {
    let declared = &contents.variables[variable];
    let fits = |(range, dim): (&std::ops::Range<usize>, &usize)| {
        range.start <= range.end && range.end <= contents.dimensions[*dim].len
    };
    if slab.rank() != declared.dims.len() || !slab.ranges().iter().zip(&declared.dims).all(fits) {
        let message = format!("has no cells at {:?}", slab.ranges());
        return Err(Error::new(ErrorKind::Disagree, message).in_variable(&declared.path));
    }
    Ok(declared)
}

/// Text as files hold it: UTF-8, or else Latin-1, in which every byte is a character.
fn text_in(bytes: &[u8]) -> Cow<'_, str> {
    std::str::from_utf8(bytes).map_or_else(|_| bytes.iter().copied().map(char::from).collect(), Cow::Borrowed)
}

fn text_of(bytes: &[u8]) -> String {
    text_in(bytes).into_owned()
}

/// The numbers in `bytes`, which are in the byte order of this machine.
fn numbers(ty: StoredType, bytes: &[u8]) -> Attribute {
    macro_rules! integers {
        ($t:ty) => {
            cells_of(bytes, <$t>::from_ne_bytes).map(i128::from).collect()
        };
    }
    let integers = match ty {
        StoredType::I8 => integers!(i8),
        StoredType::U8 => integers!(u8),
        StoredType::I16 => integers!(i16),
        StoredType::U16 => integers!(u16),
        StoredType::I32 => integers!(i32),
        StoredType::U32 => integers!(u32),
        StoredType::I64 => integers!(i64),
        StoredType::U64 => integers!(u64),
        StoredType::F16 => {
            return Attribute::Floats(ty, cells_of(bytes, u16::from_ne_bytes).map(f64_from_half).collect());
        }
        StoredType::F32 => return Attribute::Floats(ty, cells_of(bytes, f32::from_ne_bytes).map(f64::from).collect()),
        StoredType::F64 => return Attribute::Floats(ty, cells_of(bytes, f64::from_ne_bytes).collect()),
        StoredType::Char | StoredType::Text | StoredType::Values(_) | StoredType::Unsupported(_) => Vec::new(),
    };
    Attribute::Integers(ty, integers)
}

fn cells_of<const N: usize, T>(bytes: &[u8], cell: fn([u8; N]) -> T) -> impl Iterator<Item = T> {
    bytes.as_chunks::<N>().0.iter().map(move |bytes| cell(*bytes))
}

/// Half precision numbers in the byte order of this machine as single ones.
fn halves_widened(bytes: &[u8]) -> Vec<f32> {
    // Exact: every half is a single.
    cells_of(bytes, u16::from_ne_bytes).map(|half| f64_from_half(half) as f32).collect()
}

/// The value of a half precision number.
fn f64_from_half(half: u16) -> f64 {
    let sign = if half & 0x8000 == 0 { 1.0 } else { -1.0 };
    let (exponent, mantissa) = (i32::from(half >> 10 & 0x1F), f64::from(half & 0x3FF));
    sign * match exponent {
        0 => mantissa * 2f64.powi(-24),
        0x1F if mantissa == 0.0 => f64::INFINITY,
        0x1F => f64::NAN,
        _ => (1024.0 + mantissa) * 2f64.powi(exponent - 25),
    }
}
