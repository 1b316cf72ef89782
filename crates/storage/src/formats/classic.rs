//! NetCDF classic files (CDF-1, 64-bit offset CDF-2, 64-bit data CDF-5): one small header, then big-endian arrays.
//!
//! Variables over the unlimited dimension are cut into records that lie interleaved: record 0 of each, record 1 of
//! each, and so on. Cells are not compressed and there are no chunks.

use super::cells::{box_of_rows, count, swap_bytes};
use super::contiguous::Contiguous;
use super::{Attribute, FileContents, FileDimension, FileVariable, Format, Stored, StoredType, check_slab};
use crate::io::{FileSource, ReadAt};
use crate::metrics::ReadMetrics;
use crate::{Error, Result};
use arrow::array::StringArray;
use hyperslab_grid::Hyperslab;
use std::path::PathBuf;
use std::sync::Arc;

/// Whether a file starts like a classic file.
pub(super) fn probe(first: &[u8]) -> bool {
    matches!(first, [b'C', b'D', b'F', 1 | 2 | 5, ..])
}

/// Opens a classic file.
pub(super) fn open(source: FileSource) -> Result<Arc<dyn Format>> {
    let path = source.path().to_owned();
    Ok(Arc::new(Classic::new(path, Box::new(source))?))
}

/// Opens a classic file that lies in memory.
#[cfg(test)]
pub(super) fn open_bytes(bytes: Vec<u8>) -> Result<Arc<dyn Format>> {
    Ok(Arc::new(Classic::new(PathBuf::from("memory"), Box::new(bytes))?))
}

/// An open classic file.
struct Classic {
    path: PathBuf,
    source: Box<dyn ReadAt>,
    contents: FileContents,
    arrays: Vec<Contiguous>,
}

impl Classic {
    fn new(path: PathBuf, source: Box<dyn ReadAt>) -> Result<Self> {
        let declared = Header::new(source.as_ref()).parse()?;
        let records = declared.records(source.len())?;
        let dimensions = declared.dimensions(records);
        let arrays = declared.arrays(&dimensions)?;
        for (variable, array) in declared.variables.iter().zip(&arrays) {
            if !array.fits(source.len()) {
                let message = format!("its cells lie beyond the end of the file, which has {} bytes", source.len());
                let error = Error::corrupt(message).in_variable(&variable.name);
                return Err(error.with_hint("the file is cut short: copy or download it again"));
            }
        }
        let contents = declared.contents(dimensions, &arrays);
        Ok(Self { path, source, contents, arrays })
    }
}

impl Format for Classic {
    fn contents(&self) -> &FileContents {
        &self.contents
    }

    fn read(&self, variable: usize, slab: &Hyperslab, into: &mut Stored, metrics: &ReadMetrics) -> Result<Hyperslab> {
        let declared = check_slab(&self.contents, variable, slab).map_err(|error| error.in_file(&self.path))?;
        let cell = declared.ty.size();
        let bytes = into.bytes.resize(slab.cells() * cell);
        if !bytes.is_empty() {
            self.arrays[variable]
                .read(self.source.as_ref(), slab, bytes, &mut into.scratch.stored, metrics)
                .map_err(|error| error.in_variable(&declared.path).in_file(&self.path))?;
            metrics.chunk_read(bytes.len(), bytes.len());
            if cfg!(target_endian = "little") {
                swap_bytes(bytes, cell);
            }
        }
        Ok(slab.clone())
    }

    fn read_text(&self, variable: usize, slab: &Hyperslab, _: &mut Stored, _: &ReadMetrics) -> Result<StringArray> {
        let declared = check_slab(&self.contents, variable, slab).map_err(|error| error.in_file(&self.path))?;
        Err(Error::unsupported("a classic file has no variables of text")
            .in_variable(&declared.path)
            .in_file(&self.path))
    }
}

/// What the header declares.
struct Declared {
    version: u8,
    /// `None`: still being written, to be told from the file's size.
    records: Option<u64>,
    dims: Vec<DeclaredDim>,
    attributes: Vec<(String, Attribute)>,
    variables: Vec<DeclaredVariable>,
}

struct DeclaredDim {
    name: String,
    /// 0: the unlimited dimension.
    len: u64,
}

struct DeclaredVariable {
    name: String,
    dims: Vec<usize>,
    attributes: Vec<(String, Attribute)>,
    ty: StoredType,
    begin: u64,
}

impl Declared {
    fn is_record(&self, variable: &DeclaredVariable) -> bool {
        variable.dims.first().is_some_and(|dim| self.dims[*dim].len == 0)
    }

    /// The bytes of one record of a record variable without padding, or of the whole of another.
    fn size(&self, variable: &DeclaredVariable) -> Result<u64> {
        let inner = &variable.dims[usize::from(self.is_record(variable))..];
        let size = inner.iter().try_fold(variable.ty.size() as u64, |size, dim| size.checked_mul(self.dims[*dim].len));
        size.ok_or_else(|| Error::corrupt("has more cells than any file can hold").in_variable(&variable.name))
    }

    /// The distance between records: each variable's part is padded to 4 bytes, unless there is only one.
    fn record_size(&self) -> Result<u64> {
        let records = self.variables.iter().filter(|v| self.is_record(v));
        let sizes = records.map(|v| self.size(v)).collect::<Result<Vec<_>>>()?;
        let padded = |sum: u64, size: &u64| sum.checked_add(size.checked_next_multiple_of(4)?);
        match sizes.as_slice() {
            [only] => Ok(*only),
            several => several
                .iter()
                .try_fold(0u64, padded)
                .ok_or_else(|| Error::corrupt("has records larger than any file can hold")),
        }
    }

    /// The number of records.
    fn records(&self, file_len: u64) -> Result<u64> {
        if let Some(records) = self.records {
            return Ok(records);
        }
        let first = self.variables.iter().filter(|v| self.is_record(v)).map(|v| v.begin).min();
        let space = first.map_or(0, |first| file_len.saturating_sub(first));
        Ok(space.checked_div(self.record_size()?).unwrap_or(0))
    }

    fn dimensions(&self, records: u64) -> Vec<FileDimension> {
        let len = |dim: &DeclaredDim| if dim.len == 0 { records as usize } else { dim.len as usize };
        let dimension =
            |dim: &DeclaredDim| FileDimension { path: dim.name.clone(), len: len(dim), unlimited: dim.len == 0 };
        self.dims.iter().map(dimension).collect()
    }

    fn arrays(&self, dimensions: &[FileDimension]) -> Result<Vec<Contiguous>> {
        let record_size = self.record_size()?;
        let array = |variable: &DeclaredVariable| Contiguous {
            offset: variable.begin,
            shape: variable.dims.iter().map(|dim| dimensions[*dim].len).collect(),
            cell: variable.ty.size(),
            record: self.is_record(variable).then_some(record_size),
        };
        let arrays: Vec<_> = self.variables.iter().map(array).collect();
        match arrays.iter().position(|array| count(&array.shape).is_none()) {
            Some(i) => {
                let error = Error::corrupt("has more cells than any file can hold");
                Err(error.in_variable(&self.variables[i].name))
            }
            None => Ok(arrays),
        }
    }

    fn contents(self, dimensions: Vec<FileDimension>, arrays: &[Contiguous]) -> FileContents {
        let variable = |(variable, array): (DeclaredVariable, &Contiguous)| FileVariable {
            chunk: box_of_rows(&array.shape, array.cell),
            path: variable.name,
            dims: variable.dims,
            ty: variable.ty,
            cell_bytes: array.cell,
            heap_bytes: 0,
            attributes: variable.attributes,
            chunked: false,
            fill: Vec::new(),
            storage: if array.record.is_some() { "records" } else { "contiguous" }.to_owned(),
        };
        FileContents {
            format: match self.version {
                1 => "netCDF classic (CDF-1)",
                2 => "netCDF classic (CDF-2)",
                _ => "netCDF classic (CDF-5)",
            },
            dimensions,
            variables: self.variables.into_iter().zip(arrays).map(variable).collect(),
            attributes: self.attributes,
            default_fill: true,
            problems: Vec::new(),
        }
    }
}

const DIMENSIONS: u32 = 0x0A;
const VARIABLES: u32 = 0x0B;
const ATTRIBUTES: u32 = 0x0C;

/// Reads the header from front to back; more of the file is fetched as it is needed.
struct Header<'a> {
    source: &'a dyn ReadAt,
    fetched: Vec<u8>,
    at: usize,
    version: u8,
}

impl<'a> Header<'a> {
    fn new(source: &'a dyn ReadAt) -> Self {
        Self { source, fetched: Vec::new(), at: 0, version: 1 }
    }

    fn parse(mut self) -> Result<Declared> {
        self.version = self.take(4)?[3];
        let records = self.count_or_streaming()?;
        let dims = self.list(DIMENSIONS, Self::dim)?;
        let attributes = self.list(ATTRIBUTES, Self::attribute)?;
        let variables = self.list(VARIABLES, Self::variable)?;
        let declared = Declared { version: self.version, records, dims, attributes, variables };
        check_dims(&declared)?;
        Ok(declared)
    }

    /// The next `len` bytes.
    fn take(&mut self, len: u64) -> Result<&[u8]> {
        let beyond = || Error::corrupt("its header goes on beyond the end of the file");
        let end = (self.at as u64).checked_add(len).filter(|end| *end <= self.source.len()).ok_or_else(beyond)?;
        if end > self.fetched.len() as u64 {
            let old = self.fetched.len();
            let wanted = end.max(2 * old as u64).max(8192).min(self.source.len()) as usize;
            self.fetched.resize(wanted, 0);
            self.source.read_exact_at(old as u64, &mut self.fetched[old..], &ReadMetrics::default())?;
        }
        let start = std::mem::replace(&mut self.at, end as usize);
        Ok(&self.fetched[start..self.at])
    }

    fn u32(&mut self) -> Result<u32> {
        Ok(u32::from_be_bytes(self.take(4)?.try_into().expect("four bytes were taken")))
    }

    fn u64(&mut self) -> Result<u64> {
        Ok(u64::from_be_bytes(self.take(8)?.try_into().expect("eight bytes were taken")))
    }

    /// A count or length: 4 bytes, or 8 in CDF-5.
    fn count(&mut self) -> Result<u64> {
        if self.version == 5 { self.u64() } else { self.u32().map(u64::from) }
    }

    /// The number of records, or `None` where it is left open.
    fn count_or_streaming(&mut self) -> Result<Option<u64>> {
        let open = if self.version == 5 { u64::MAX } else { u64::from(u32::MAX) };
        Ok(Some(self.count()?).filter(|count| *count != open))
    }

    /// A list of things behind its tag. What is absent has the tag 0 and no elements.
    fn list<T>(&mut self, tag: u32, element: fn(&mut Self) -> Result<T>) -> Result<Vec<T>> {
        let found = self.u32()?;
        let len = self.count()?;
        if found != tag && (found, len) != (0, 0) {
            return Err(Error::corrupt(format!("its header has the tag {found:#x} where {tag:#x} belongs")));
        }
        let mut elements = Vec::new();
        for _ in 0..len {
            // No room is set aside for `len` elements: a damaged count ends where the file does.
            elements.push(element(self)?);
        }
        Ok(elements)
    }

    fn name(&mut self) -> Result<String> {
        let len = self.count()?;
        self.padded(len).map(text)
    }

    /// `len` bytes, and what pads them to a multiple of 4.
    fn padded(&mut self, len: u64) -> Result<&[u8]> {
        let padded = len.checked_next_multiple_of(4).unwrap_or(u64::MAX);
        self.take(padded).map(|bytes| &bytes[..len as usize])
    }

    fn dim(&mut self) -> Result<DeclaredDim> {
        Ok(DeclaredDim { name: self.name()?, len: self.count()? })
    }

    fn ty(&mut self) -> Result<StoredType> {
        Ok(match self.u32()? {
            1 => StoredType::I8,
            2 => StoredType::Char,
            3 => StoredType::I16,
            4 => StoredType::I32,
            5 => StoredType::F32,
            6 => StoredType::F64,
            7 => StoredType::U8,
            8 => StoredType::U16,
            9 => StoredType::U32,
            10 => StoredType::I64,
            11 => StoredType::U64,
            other => return Err(Error::corrupt(format!("its header has the unknown type {other}"))),
        })
    }

    fn attribute(&mut self) -> Result<(String, Attribute)> {
        let name = self.name()?;
        let ty = self.ty()?;
        let len = self.count()?.saturating_mul(ty.size() as u64);
        let value = attribute_value(ty, self.padded(len)?);
        Ok((name, value))
    }

    fn variable(&mut self) -> Result<DeclaredVariable> {
        let name = self.name()?;
        let rank = self.count()?;
        let mut dims = Vec::new();
        for _ in 0..rank {
            dims.push(self.count()? as usize);
        }
        let attributes = self.list(ATTRIBUTES, Self::attribute)?;
        let ty = self.ty()?;
        // The size of the variable is stated here, and wrong for large ones: it follows from the shape anyway.
        self.count()?;
        let begin = if self.version == 1 { self.u32()?.into() } else { self.u64()? };
        Ok(DeclaredVariable { name, dims, attributes, ty, begin })
    }
}

fn text(bytes: &[u8]) -> String {
    super::text_of(bytes).trim_end_matches('\0').to_owned()
}

fn attribute_value(ty: StoredType, bytes: &[u8]) -> Attribute {
    if ty == StoredType::Char {
        return Attribute::Text(text(bytes));
    }
    let mut cells = bytes.to_vec();
    if cfg!(target_endian = "little") {
        swap_bytes(&mut cells, ty.size());
    }
    super::numbers(ty, &cells)
}

/// Every variable's dimensions exist, and only the first may be the unlimited one.
fn check_dims(declared: &Declared) -> Result<()> {
    if declared.dims.iter().filter(|dim| dim.len == 0).count() > 1 {
        return Err(Error::corrupt("it has more than one unlimited dimension"));
    }
    for variable in &declared.variables {
        let known = |dim: &usize| *dim < declared.dims.len();
        let fixed = |dim: &usize| declared.dims[*dim].len != 0;
        if !variable.dims.iter().all(known) || !variable.dims.iter().skip(1).all(fixed) {
            return Err(Error::corrupt("it has a dimension that it cannot have").in_variable(&variable.name));
        }
    }
    Ok(())
}
