//! A netCDF-4 file that is written box by box. What lies on no dimension of it, or has no type there, is refused by name.

mod coding;
#[cfg(feature = "c-engine")]
mod netcdf4;
#[cfg(not(feature = "c-engine"))]
#[path = "none.rs"]
mod netcdf4;

use crate::{Error, ErrorKind, NewFile, Result};
use arrow::array::ArrayRef;
use arrow::datatypes::{Field, FieldRef};
use coding::Coding;
use hyperslab_grid::Hyperslab;
use netcdf4::Writer;
use std::path::Path;

/// A dimension of a new file and its labels, as many as it is long. None of them is NULL.
#[derive(Clone, Debug)]
pub struct NewDimension {
    /// Name, type and attributes of the labels.
    pub field: FieldRef,
    /// The labels.
    pub labels: ArrayRef,
}

/// A netCDF-4 file being written, which appears under its name when it is whole.
pub struct NewGrid {
    file: NewFile,
    writer: Writer,
    variables: Vec<Variable>,
    /// How many cells a variable has.
    cells: usize,
    /// The most positions along the outermost dimension that a chunk of a variable has.
    chunk_rows: usize,
}

/// A variable over all dimensions.
struct Variable {
    name: String,
    coding: Coding,
    /// How many of its cells were written.
    written: usize,
    has_nulls: bool,
    /// Whether the number that stands for missing ones is a value.
    met_fill: bool,
}

/// How a variable lies in the file.
#[cfg_attr(not(feature = "c-engine"), expect(dead_code, reason = "nothing is written without the library"))]
struct Layout<'a> {
    name: &'a str,
    dims: &'a [&'a str],
    chunk: Vec<usize>,
}

/// Chunks have about so many bytes: some pieces of a map, read at once.
const CHUNK_BYTES: usize = 1 << 20;

impl NewGrid {
    /// Begins the file `path`: dimensions with labels, variables over all of these, attributes of the file as a whole.
    ///
    /// # Errors
    /// If a column has a type that netCDF-4 does not have, or the file cannot be made. [`ErrorKind::Unsupported`] in builds without
    /// the netCDF library.
    pub fn create(
        path: &Path,
        dimensions: &[NewDimension],
        variables: &[FieldRef],
        attributes: &[(&str, String)],
    ) -> Result<Self> {
        let failed = |error: &std::io::Error| Error::new(ErrorKind::Io, error.to_string()).in_file(path);
        let file = NewFile::create(path).map_err(|error| failed(&error))?;
        let place = file.temporary().ok_or_else(|| {
            Error::new(ErrorKind::Unsupported, "netCDF cannot be written to what is no file").in_file(path)
        })?;
        let mut writer = Writer::create(place)?;
        let names: Vec<String> = dimensions.iter().map(|dimension| plain_name(&dimension.field)).collect();
        let dims: Vec<&str> = names.iter().map(String::as_str).collect();
        for (name, dimension) in dims.iter().zip(dimensions) {
            let coding = Coding::of_labels(&dimension.field, &dimension.labels).map_err(|e| e.in_variable(*name))?;
            writer.add_dimension(name, dimension.labels.len())?;
            let chunk = vec![dimension.labels.len().max(1)];
            let at = writer.add_variable(&Layout { name, dims: &[name], chunk }, &coding)?;
            let all = Hyperslab::new(std::iter::once(0..dimension.labels.len()).collect());
            writer.write(at, &all, &coding.encode(&dimension.labels)?.0)?;
        }
        let shape: Vec<usize> = dimensions.iter().map(|dimension| dimension.labels.len()).collect();
        let (mut made, mut chunk_rows) = (Vec::new(), 1);
        for field in variables {
            let name = &plain_name(field);
            let coding = Coding::of(field).map_err(|error| error.in_variable(name))?;
            let chunk = chunk_shape(&shape, coding.cell_bytes());
            chunk_rows = chunk.first().copied().unwrap_or(1).max(chunk_rows);
            writer.add_variable(&Layout { name, dims: &dims, chunk }, &coding)?;
            let name = field.name().clone();
            made.push(Variable { name, coding, written: 0, has_nulls: false, met_fill: false });
        }
        attributes.iter().try_for_each(|(name, value)| writer.add_attribute(name, value))?;
        let cells = shape.iter().product();
        Ok(Self { file, writer, variables: made, cells, chunk_rows })
    }

    /// So many positions along the outermost dimension, or fewer: such that boxes of them share no chunk.
    pub fn whole_chunks(&self, rows: usize) -> usize {
        (rows - rows % self.chunk_rows).max(rows.min(1))
    }

    /// Writes a box of a variable, its values in row-major order.
    ///
    /// # Errors
    /// If a value is the one that stands for missing ones, or the file takes no more.
    pub fn write(&mut self, variable: usize, slab: &Hyperslab, values: &ArrayRef) -> Result<()> {
        let place = self.place(variable);
        let about = &mut self.variables[variable];
        let (encoded, met_fill) = about.coding.encode(values).map_err(|error| error.in_variable(&about.name))?;
        about.written += values.len();
        about.has_nulls |= values.null_count() > 0;
        about.met_fill |= met_fill;
        self.writer.write(place, slab, &encoded)
    }

    /// The number of a variable in the file: the labels come before.
    fn place(&self, variable: usize) -> usize {
        self.writer.variables() - self.variables.len() + variable
    }

    /// Gives the file its name.
    ///
    /// # Errors
    /// If what was written cannot be brought to disk, or values are missing where no number is left to say so.
    pub fn finish(mut self) -> Result<()> {
        for at in 0..self.variables.len() {
            let (place, about) = (self.place(at), &self.variables[at]);
            let is_missing = about.has_nulls || about.written < self.cells;
            if is_missing && about.met_fill {
                return Err(about.coding.taken().in_variable(&about.name));
            }
            if is_missing && about.coding.has_fill() {
                self.writer.add_missing_value(place, &about.coding)?;
            }
        }
        self.writer.close()?;
        self.file.finish().map_err(|error| Error::new(ErrorKind::Io, error.to_string()))
    }
}

/// The name of a column as netCDF takes it: a slash would mean a group.
fn plain_name(field: &Field) -> String {
    field.name().trim_end().replace('/', "_")
}

/// Chunks of whole inner dimensions, as long as these are small enough.
fn chunk_shape(shape: &[usize], cell: usize) -> Vec<usize> {
    let mut room = (CHUNK_BYTES / cell.max(1)).max(1);
    let mut chunk: Vec<usize> = shape.iter().map(|_| 1).collect();
    for (size, len) in chunk.iter_mut().zip(shape).rev() {
        *size = (*len).min(room).max(1);
        room /= *size;
        if room == 0 {
            break;
        }
    }
    chunk
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_are_whole_inner_dimensions_of_a_megabyte() {
        assert_eq!(chunk_shape(&[365, 180, 360], 4), [4, 180, 360]);
        assert_eq!(chunk_shape(&[10, 3000, 3000], 8), [1, 43, 3000]);
        assert_eq!(chunk_shape(&[10_000_000], 8), [131_072]);
        assert_eq!(chunk_shape(&[0, 5], 8), [1, 5]);
        assert!(chunk_shape(&[], 8).is_empty());
    }
}
