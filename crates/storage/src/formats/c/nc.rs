//! NetCDF files through the netCDF C library.

use super::says;
use crate::formats::cells::box_of_rows;
use crate::formats::{Attribute, FileContents, FileDimension, FileVariable, Format, Stored, StoredType, check_slab};
use crate::metrics::ReadMetrics;
use crate::{Error, Result};
use arrow::array::StringArray;
use hyperslab_grid::Hyperslab;
use netcdf::AttributeValue;
use netcdf::types::{EnumTypeValues, FloatType, IntType, NcVariableType};
use std::path::Path;

/// A file opened by netCDF.
pub(super) struct NetCdf {
    file: netcdf::File,
    contents: FileContents,
}

impl NetCdf {
    pub(super) fn open(path: &Path, format: &'static str) -> Result<Self> {
        let file = netcdf::open(path).map_err(failed)?;
        let mut contents = FileContents { format, default_fill: true, ..FileContents::default() };
        contents.attributes = attributes(file.attributes());
        add_dimensions(&mut contents, "", file.dimensions());
        add_variables(&mut contents, "", file.variables());
        // A classic file has no groups, and says so by an error.
        if let Ok(groups) = file.groups() {
            groups.for_each(|group| add_group(&mut contents, "", &group));
        }
        Ok(Self { file, contents })
    }

    fn variable(&self, variable: usize) -> Result<netcdf::Variable<'_>> {
        let missing = || says(&self.contents, variable, "there is no such variable");
        self.file.variable(&self.contents.variables[variable].path).ok_or_else(missing)
    }
}

fn failed(error: netcdf::Error) -> Error {
    Error::corrupt(format!("the C library says: {error}"))
}

fn add_group(contents: &mut FileContents, parent: &str, group: &netcdf::Group<'_>) {
    let path = format!("{parent}{}/", group.name());
    add_dimensions(contents, &path, group.dimensions());
    add_variables(contents, &path, group.variables());
    group.groups().for_each(|child| add_group(contents, &path, &child));
}

fn add_dimensions<'a>(contents: &mut FileContents, group: &str, dims: impl Iterator<Item = netcdf::Dimension<'a>>) {
    contents.dimensions.extend(dims.map(|dim| FileDimension {
        path: format!("{group}{}", dim.name()),
        len: dim.len(),
        unlimited: dim.is_unlimited(),
    }));
}

fn add_variables<'a>(contents: &mut FileContents, group: &str, variables: impl Iterator<Item = netcdf::Variable<'a>>) {
    for variable in variables {
        let path = format!("{group}{}", variable.name());
        let dims: Option<Vec<usize>> =
            variable.dimensions().iter().map(|dim| find_dimension(contents, group, &dim.name())).collect();
        let Some(dims) = dims else {
            contents.problems.push(format!("{path} has a dimension that is nowhere"));
            continue;
        };
        let ty = stored_type(&variable.vartype());
        let shape: Vec<usize> = dims.iter().map(|dim| contents.dimensions[*dim].len).collect();
        let chunk = variable.chunking().ok().flatten().filter(|chunk| chunk.len() == shape.len());
        contents.variables.push(FileVariable {
            path,
            dims,
            attributes: attributes(variable.attributes()),
            chunked: chunk.as_ref().is_some_and(|chunk| !chunk.is_empty()),
            storage: if chunk.is_some() { "chunked" } else { "contiguous" }.to_owned(),
            chunk: chunk.unwrap_or_else(|| box_of_rows(&shape, ty.size())),
            // The library fills in what was never written.
            fill: Vec::new(),
            cell_bytes: ty.size(),
            heap_bytes: 0,
            ty,
        });
    }
}

/// The dimension of a name in the group or the nearest one around it.
fn find_dimension(contents: &FileContents, group: &str, name: &str) -> Option<usize> {
    let mut scope = group;
    loop {
        let path = format!("{scope}{name}");
        if let Some(at) = contents.dimensions.iter().position(|dim| dim.path == path) {
            return Some(at);
        }
        if scope.is_empty() {
            return None;
        }
        scope = scope.trim_end_matches('/').rsplit_once('/').map_or("", |(outer, _)| &scope[..=outer.len()]);
    }
}

fn stored_type(ty: &NcVariableType) -> StoredType {
    match ty {
        NcVariableType::Int(int) => match int {
            IntType::I8 => StoredType::I8,
            IntType::I16 => StoredType::I16,
            IntType::I32 => StoredType::I32,
            IntType::I64 => StoredType::I64,
            IntType::U8 => StoredType::U8,
            IntType::U16 => StoredType::U16,
            IntType::U32 => StoredType::U32,
            IntType::U64 => StoredType::U64,
        },
        NcVariableType::Float(FloatType::F32) => StoredType::F32,
        NcVariableType::Float(FloatType::F64) => StoredType::F64,
        NcVariableType::Char => StoredType::Char,
        NcVariableType::String => StoredType::Text,
        NcVariableType::Enum(of) => match of.fieldvalues {
            EnumTypeValues::I8(_) => StoredType::I8,
            EnumTypeValues::I16(_) => StoredType::I16,
            EnumTypeValues::I32(_) => StoredType::I32,
            EnumTypeValues::I64(_) => StoredType::I64,
            EnumTypeValues::U8(_) => StoredType::U8,
            EnumTypeValues::U16(_) => StoredType::U16,
            EnumTypeValues::U32(_) => StoredType::U32,
            EnumTypeValues::U64(_) => StoredType::U64,
        },
        NcVariableType::Compound(_) => StoredType::Unsupported("compound values".to_owned()),
        NcVariableType::Opaque(_) => StoredType::Unsupported("opaque values".to_owned()),
        NcVariableType::Vlen(_) => StoredType::Unsupported("lists of variable length".to_owned()),
    }
}

fn attributes<'a>(attributes: impl Iterator<Item = netcdf::Attribute<'a>>) -> Vec<(String, Attribute)> {
    let value = |attribute: netcdf::Attribute<'_>| {
        let value = attribute.value().ok().map(attribute_value)?;
        Some((attribute.name().to_owned(), value))
    };
    attributes.filter_map(value).filter(|(name, _)| name != "_NCProperties").collect()
}

fn attribute_value(value: AttributeValue) -> Attribute {
    fn integers<T: Into<i128>>(ty: StoredType, values: Vec<T>) -> Attribute {
        Attribute::Integers(ty, values.into_iter().map(Into::into).collect())
    }
    fn floats<T: Into<f64>>(ty: StoredType, values: Vec<T>) -> Attribute {
        Attribute::Floats(ty, values.into_iter().map(Into::into).collect())
    }
    match value {
        AttributeValue::Uchar(value) => integers(StoredType::U8, vec![value]),
        AttributeValue::Uchars(values) => integers(StoredType::U8, values),
        AttributeValue::Schar(value) => integers(StoredType::I8, vec![value]),
        AttributeValue::Schars(values) => integers(StoredType::I8, values),
        AttributeValue::Ushort(value) => integers(StoredType::U16, vec![value]),
        AttributeValue::Ushorts(values) => integers(StoredType::U16, values),
        AttributeValue::Short(value) => integers(StoredType::I16, vec![value]),
        AttributeValue::Shorts(values) => integers(StoredType::I16, values),
        AttributeValue::Uint(value) => integers(StoredType::U32, vec![value]),
        AttributeValue::Uints(values) => integers(StoredType::U32, values),
        AttributeValue::Int(value) => integers(StoredType::I32, vec![value]),
        AttributeValue::Ints(values) => integers(StoredType::I32, values),
        AttributeValue::Ulonglong(value) => integers(StoredType::U64, vec![value]),
        AttributeValue::Ulonglongs(values) => integers(StoredType::U64, values),
        AttributeValue::Longlong(value) => integers(StoredType::I64, vec![value]),
        AttributeValue::Longlongs(values) => integers(StoredType::I64, values),
        AttributeValue::Float(value) => floats(StoredType::F32, vec![value]),
        AttributeValue::Floats(values) => floats(StoredType::F32, values),
        AttributeValue::Double(value) => floats(StoredType::F64, vec![value]),
        AttributeValue::Doubles(values) => floats(StoredType::F64, values),
        AttributeValue::Str(text) => Attribute::Text(text.trim_end_matches('\0').to_owned()),
        AttributeValue::Strs(texts) => Attribute::Texts(texts),
    }
}

impl Format for NetCdf {
    fn contents(&self) -> &FileContents {
        &self.contents
    }

    fn read(&self, variable: usize, slab: &Hyperslab, into: &mut Stored, metrics: &ReadMetrics) -> Result<Hyperslab> {
        let declared = check_slab(&self.contents, variable, slab)?;
        match &declared.ty {
            StoredType::Text | StoredType::Values(_) | StoredType::Unsupported(_) => {
                let message = format!("holds {:?}, not numbers", declared.ty);
                return Err(Error::unsupported(message).in_variable(&declared.path));
            }
            _ => {}
        }
        let bytes = into.bytes.resize(slab.cells() * declared.ty.size());
        if !bytes.is_empty() {
            self.variable(variable)?
                .get_raw_values_into(bytes, (slab.start(), slab.shape()))
                .map_err(|error| says(&self.contents, variable, error))?;
            metrics.chunk_read(bytes.len(), bytes.len());
        }
        Ok(slab.clone())
    }

    fn read_text(&self, variable: usize, slab: &Hyperslab, _: &mut Stored, _: &ReadMetrics) -> Result<StringArray> {
        check_slab(&self.contents, variable, slab)?;
        let read = self.variable(variable)?;
        let shape = slab.shape();
        let text = |cell: usize| {
            let mut at = slab.start();
            let mut rest = cell;
            for d in (0..shape.len()).rev() {
                at[d] += rest % shape[d];
                rest /= shape[d];
            }
            let one = vec![1; at.len()];
            read.get_string((at, one)).map(Some).map_err(|error| says(&self.contents, variable, error))
        };
        (0..slab.cells()).map(text).collect()
    }
}
