//! Files in memory, for tests: any shape, type and attribute, without a file library.

use crate::formats::{Attribute, FileContents, FileDimension, FileVariable, Format, Stored, StoredType};
use crate::metrics::ReadMetrics;
use crate::{Error, Result};
use arrow::array::StringArray;
use hyperslab_grid::Hyperslab;
use std::sync::Arc;

/// The cells of a variable as stored.
#[derive(Clone, Debug)]
pub(crate) struct FakeCells {
    ty: StoredType,
    bytes: Vec<u8>,
    strings: Vec<Option<String>>,
}

/// Numbers as cells of their own type.
pub(crate) fn cells<T: bytemuck::NoUninit>(ty: StoredType, values: &[T]) -> FakeCells {
    FakeCells { ty, bytes: bytemuck::cast_slice(values).to_vec(), strings: Vec::new() }
}

/// Floats.
pub(crate) fn floats(values: &[f32]) -> FakeCells {
    cells(StoredType::F32, values)
}

/// Doubles.
pub(crate) fn doubles(values: &[f64]) -> FakeCells {
    cells(StoredType::F64, values)
}

/// Shorts.
pub(crate) fn shorts(values: &[i16]) -> FakeCells {
    cells(StoredType::I16, values)
}

/// `n` floats that count up from 0.
pub(crate) fn f32s(n: usize) -> FakeCells {
    floats(&(0..n).map(|i| i as f32).collect::<Vec<_>>())
}

/// Characters.
pub(crate) fn chars(text: &str) -> FakeCells {
    cells(StoredType::Char, text.as_bytes())
}

/// Strings.
pub(crate) fn strings(texts: &[&str]) -> FakeCells {
    let strings = texts.iter().map(|text| Some(text.to_string())).collect();
    FakeCells { ty: StoredType::Text, bytes: Vec::new(), strings }
}

/// A text attribute.
pub(crate) fn text(value: &str) -> Attribute {
    Attribute::Text(value.to_string())
}

/// A double attribute.
pub(crate) fn double(value: f64) -> Attribute {
    Attribute::Floats(StoredType::F64, vec![value])
}

/// A float attribute.
pub(crate) fn float(value: f32) -> Attribute {
    Attribute::Floats(StoredType::F32, vec![f64::from(value)])
}

/// A short attribute.
pub(crate) fn short(value: i16) -> Attribute {
    Attribute::Integers(StoredType::I16, vec![i128::from(value)])
}

/// A scalar without a name.
pub(crate) fn variable() -> FileVariable {
    FileVariable {
        path: String::new(),
        dims: Vec::new(),
        ty: StoredType::F32,
        cell_bytes: 4,
        heap_bytes: 0,
        attributes: Vec::new(),
        chunk: Vec::new(),
        chunked: false,
        fill: Vec::new(),
        storage: "contiguous".into(),
    }
}

/// A file in memory.
#[derive(Clone, Debug, Default)]
pub(crate) struct FakeFile {
    contents: FileContents,
    cells: Vec<FakeCells>,
}

impl FakeFile {
    /// A netCDF file without anything.
    pub(crate) fn new() -> Self {
        let contents = FileContents { format: "fake", default_fill: true, ..FileContents::default() };
        Self { contents, cells: Vec::new() }
    }

    /// Adds a dimension.
    pub(crate) fn dim(mut self, path: &str, len: usize) -> Self {
        self.contents.dimensions.push(FileDimension { path: path.into(), len, unlimited: false });
        self
    }

    /// Adds a dimension that can grow.
    pub(crate) fn unlimited(mut self, path: &str, len: usize) -> Self {
        self.contents.dimensions.push(FileDimension { path: path.into(), len, unlimited: true });
        self
    }

    /// Adds a global attribute.
    pub(crate) fn attribute(mut self, name: &str, value: Attribute) -> Self {
        self.contents.attributes.push((name.into(), value));
        self
    }

    /// Adds a variable, in one chunk.
    pub(crate) fn var(mut self, path: &str, dims: &[&str], cells: FakeCells, attributes: &[(&str, Attribute)]) -> Self {
        let at =
            |name: &&str| self.contents.dimensions.iter().position(|d| d.path == *name).expect("a known dimension");
        let dims: Vec<usize> = dims.iter().map(at).collect();
        let shape: Vec<usize> = dims.iter().map(|d| self.contents.dimensions[*d].len).collect();
        let count = cells.bytes.len().checked_div(cells.ty.size()).unwrap_or(cells.strings.len());
        assert_eq!(count, shape.iter().product::<usize>(), "as many cells as {path} has");
        let attributes = attributes.iter().map(|(name, value)| (name.to_string(), value.clone())).collect();
        let chunk = shape.iter().map(|len| (*len).max(1)).collect();
        self.contents.variables.push(FileVariable {
            path: path.into(),
            dims,
            ty: cells.ty.clone(),
            cell_bytes: cells.ty.size(),
            attributes,
            chunk,
            ..variable()
        });
        self.cells.push(cells);
        self
    }

    /// Cuts the variable added last into chunks.
    pub(crate) fn chunked(mut self, chunk: &[usize]) -> Self {
        let last = self.contents.variables.last_mut().expect("a variable was added");
        (last.chunk, last.chunked) = (chunk.to_vec(), true);
        self
    }

    /// What the file holds.
    pub(crate) fn contents(&self) -> FileContents {
        self.contents.clone()
    }

    /// The file, opened.
    pub(crate) fn open(&self) -> Arc<dyn Format> {
        Arc::new(self.clone())
    }

    fn shape(&self, variable: usize) -> Vec<usize> {
        self.contents.variables[variable].dims.iter().map(|d| self.contents.dimensions[*d].len).collect()
    }
}

impl Format for FakeFile {
    fn contents(&self) -> &FileContents {
        &self.contents
    }

    fn read(&self, variable: usize, slab: &Hyperslab, into: &mut Stored, metrics: &ReadMetrics) -> Result<Hyperslab> {
        let (shape, about) = (self.shape(variable), &self.contents.variables[variable]);
        if slab.ranges().iter().zip(&shape).any(|(range, len)| range.end > *len) {
            return Err(Error::corrupt(format!("{slab:?} lies outside of {}", about.path)));
        }
        let chunk = slab.ranges().iter().zip(&about.chunk).map(|(range, size)| {
            let start = range.start / size * size;
            start..start + size
        });
        let chunk = Hyperslab::new(chunk.collect());
        let read = if chunk.contains(slab) { chunk } else { slab.clone() };
        let size = about.ty.size();
        let bytes = into.bytes.resize(read.cells() * size);
        for (i, to) in bytes.chunks_exact_mut(size.max(1)).enumerate() {
            match offset_of(&read, i, &shape) {
                Some(at) => to.copy_from_slice(&self.cells[variable].bytes[at * size..(at + 1) * size]),
                None => to.fill(0xA5),
            }
        }
        metrics.chunk_read(bytes.len(), bytes.len());
        Ok(read)
    }

    fn read_text(&self, variable: usize, slab: &Hyperslab, _: &mut Stored, _: &ReadMetrics) -> Result<StringArray> {
        let shape = self.shape(variable);
        let at = |i| offset_of(slab, i, &shape).expect("the slab lies within the variable");
        Ok((0..slab.cells()).map(|i| self.cells[variable].strings[at(i)].as_deref()).collect())
    }
}

/// The offset into an array of `shape` of cell `i` of a box; `None` if it lies outside.
fn offset_of(slab: &Hyperslab, i: usize, shape: &[usize]) -> Option<usize> {
    let (mut rest, mut offset, mut stride) = (i, 0, 1);
    for (range, len) in slab.ranges().iter().zip(shape).rev() {
        let at = range.start + rest % range.len();
        if at >= *len {
            return None;
        }
        rest /= range.len();
        offset += at * stride;
        stride *= len;
    }
    Some(offset)
}
