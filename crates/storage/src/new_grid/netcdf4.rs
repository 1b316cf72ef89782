//! Writes netCDF-4 through the netCDF library, which is C.

use super::Layout;
use super::coding::Coding;
use crate::{Error, ErrorKind, Result};
use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::{
    DataType, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, UInt8Type, UInt16Type, UInt32Type,
    UInt64Type,
};
use hyperslab_grid::Hyperslab;
use netcdf::{AttributeValue, Extents, FileMut, VariableMut};
use std::path::Path;

/// As fast as can be, with most of what compression gains: with shuffle higher levels take longer for little.
const DEFLATE_LEVEL: i32 = 1;

/// A file that is open for writing.
pub(super) struct Writer {
    file: FileMut,
    names: Vec<String>,
}

fn failed(error: netcdf::Error) -> Error {
    Error::new(ErrorKind::Io, format!("netCDF cannot be written: {error}"))
}

/// Runs `$body` with `$ty` as the Arrow type of stored numbers.
macro_rules! by_number {
    ($stored:expr, $ty:ident => $body:expr, else $other:expr) => {
        match $stored {
            DataType::Int8 => {
                type $ty = Int8Type;
                $body
            }
            DataType::Int16 => {
                type $ty = Int16Type;
                $body
            }
            DataType::Int32 => {
                type $ty = Int32Type;
                $body
            }
            DataType::Int64 => {
                type $ty = Int64Type;
                $body
            }
            DataType::UInt8 => {
                type $ty = UInt8Type;
                $body
            }
            DataType::UInt16 => {
                type $ty = UInt16Type;
                $body
            }
            DataType::UInt32 => {
                type $ty = UInt32Type;
                $body
            }
            DataType::UInt64 => {
                type $ty = UInt64Type;
                $body
            }
            DataType::Float32 => {
                type $ty = Float32Type;
                $body
            }
            DataType::Float64 => {
                type $ty = Float64Type;
                $body
            }
            _ => $other,
        }
    };
}

type Native<T> = <T as arrow::datatypes::ArrowPrimitiveType>::Native;

impl Writer {
    /// Begins a file in place of what is there.
    pub(super) fn create(path: &Path) -> Result<Self> {
        Ok(Self { file: netcdf::create(path).map_err(failed)?, names: Vec::new() })
    }

    /// How many variables there are.
    pub(super) fn variables(&self) -> usize {
        self.names.len()
    }

    pub(super) fn add_dimension(&mut self, name: &str, len: usize) -> Result<()> {
        // A length of 0 means an unlimited dimension, which has no positions either.
        self.file.add_dimension(name, len).map(drop).map_err(failed)
    }

    /// Adds a variable; its number is returned.
    pub(super) fn add_variable(&mut self, layout: &Layout<'_>, coding: &Coding) -> Result<usize> {
        let (name, dims) = (layout.name, layout.dims);
        let mut variable = by_number!(&coding.stored, T => {
            let mut variable = self.file.add_variable::<Native<T>>(name, dims).map_err(failed)?;
            variable.set_chunking(&layout.chunk).map_err(failed)?;
            if !dims.is_empty() {
                variable.set_compression(DEFLATE_LEVEL, true).map_err(failed)?;
            }
            variable
        }, else self.file.add_string_variable(name, dims).map_err(failed)?);
        if dims != [name] {
            match coding.stored {
                DataType::Float32 => variable.set_fill_value(f32::NAN).map_err(failed)?,
                DataType::Float64 => variable.set_fill_value(f64::NAN).map_err(failed)?,
                // Missing integers are what netCDF fills with by itself; an attribute says so where there are any.
                _ => {}
            }
        }
        describe(&mut variable, coding)?;
        self.names.push(name.to_string());
        Ok(self.names.len() - 1)
    }

    pub(super) fn add_attribute(&mut self, name: &str, value: &str) -> Result<()> {
        self.file.add_attribute(name, value).map(drop).map_err(failed)
    }

    fn variable(&mut self, variable: usize) -> Result<VariableMut<'_>> {
        let name = &self.names[variable];
        self.file.variable_mut(name).ok_or_else(|| Error::not_found(format!("{name} is not there")))
    }

    /// Writes encoded values to a box of a variable.
    pub(super) fn write(&mut self, variable: usize, slab: &Hyperslab, values: &ArrayRef) -> Result<()> {
        if slab.is_empty() {
            return Ok(());
        }
        let mut variable = self.variable(variable)?;
        let extents = Extents::from(slab.ranges());
        by_number!(values.data_type(), T => {
            variable.put_values(values.as_primitive::<T>().values(), extents).map_err(failed)
        }, else {
            write_texts(&mut variable, slab, values)
        })
    }

    /// Says which number stands for missing values of a variable.
    pub(super) fn add_missing_value(&mut self, variable: usize, coding: &Coding) -> Result<()> {
        let mut variable = self.variable(variable)?;
        put_numbers(&mut variable, coding, "missing_value", &[coding.fill])
    }

    pub(super) fn close(self) -> Result<()> {
        self.file.close().map_err(failed)
    }
}

/// Writes the attributes of a variable.
fn describe(variable: &mut VariableMut<'_>, coding: &Coding) -> Result<()> {
    for (name, value) in &coding.texts {
        variable.put_attribute(name, value.as_str()).map_err(failed)?;
    }
    coding.numbers.iter().try_for_each(|(name, values)| {
        let values: Vec<i128> = values.iter().map(|value| i128::from(*value)).collect();
        put_numbers(variable, coding, name, &values)
    })
}

/// Writes an attribute that is numbers of the type of its variable.
fn put_numbers(variable: &mut VariableMut<'_>, coding: &Coding, name: &str, values: &[i128]) -> Result<()> {
    let value = match coding.stored {
        DataType::Int8 => AttributeValue::Schars(values.iter().map(|value| *value as i8).collect()),
        DataType::UInt8 => AttributeValue::Uchars(values.iter().map(|value| *value as u8).collect()),
        DataType::Int16 => AttributeValue::Shorts(values.iter().map(|value| *value as i16).collect()),
        DataType::UInt16 => AttributeValue::Ushorts(values.iter().map(|value| *value as u16).collect()),
        DataType::UInt32 => AttributeValue::Uints(values.iter().map(|value| *value as u32).collect()),
        DataType::Int64 => AttributeValue::Longlongs(values.iter().map(|value| *value as i64).collect()),
        DataType::UInt64 => AttributeValue::Ulonglongs(values.iter().map(|value| *value as u64).collect()),
        _ => AttributeValue::Ints(values.iter().map(|value| *value as i32).collect()),
    };
    variable.put_attribute(name, value).map(drop).map_err(failed)
}

/// Texts go one by one; NULL is not written.
fn write_texts(variable: &mut VariableMut<'_>, slab: &Hyperslab, values: &ArrayRef) -> Result<()> {
    let (start, shape) = (slab.start(), slab.shape());
    for (at, text) in values.as_string::<i32>().iter().enumerate() {
        let Some(text) = text else { continue };
        let mut rest = at;
        let mut place = start.clone();
        for (d, len) in shape.iter().enumerate().rev() {
            place[d] += rest % len;
            rest /= len;
        }
        variable.put_string(text, &place[..]).map_err(failed)?;
    }
    Ok(())
}
