//! Keys in their [form for comparing](hyperslab_expr::key_form) as words of 64 bits, for hash tables.

use crate::error::{Error, Result};
use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::{ArrowNativeType, DataType};

/// How keys are written into words of 64 bits: the words of each column, then one whose bits say which are NULL.
#[derive(Debug)]
pub(crate) struct WordLayout {
    types: Vec<DataType>,
    width: usize,
}

impl WordLayout {
    /// A layout for keys of these types in key form; none if one of them has no fixed width.
    pub(crate) fn new(types: Vec<DataType>) -> Option<Self> {
        let words: Option<usize> = types.iter().map(words_of).sum();
        (types.len() <= 64).then_some(())?;
        Some(Self { width: words? + 1, types })
    }

    /// The number of words of a key.
    pub(crate) fn width(&self) -> usize {
        self.width
    }

    /// The types of the columns.
    pub(crate) fn types(&self) -> &[DataType] {
        &self.types
    }

    /// The keys of all rows, one after the other.
    pub(crate) fn words(&self, keys: &[ArrayRef], rows: usize) -> Result<Vec<u64>> {
        let mut words = vec![0; rows * self.width];
        let mut at = 0;
        for (column, key) in keys.iter().enumerate() {
            write_words(key, &mut words, self.width, at)?;
            write_nulls(key, &mut words, self.width, column);
            at += words_of(key.data_type()).unwrap_or(0);
        }
        Ok(words)
    }
}

fn words_of(ty: &DataType) -> Option<usize> {
    match ty {
        DataType::Null => Some(0),
        DataType::Decimal128(..) => Some(2),
        DataType::Boolean => Some(1),
        other => other.primitive_width().filter(|width| *width <= 8).map(|_| 1),
    }
}

fn write_nulls(key: &ArrayRef, words: &mut [u64], width: usize, column: usize) {
    let Some(nulls) = key.logical_nulls().filter(|nulls| nulls.null_count() > 0) else { return };
    for (row, key) in words.chunks_exact_mut(width).enumerate() {
        if nulls.is_null(row) {
            key[width - 1] |= 1 << column;
        }
    }
}

/// Writes a column's words at position `at` of each key; where it is NULL they stay 0.
fn write_words(key: &ArrayRef, words: &mut [u64], width: usize, at: usize) -> Result<()> {
    use arrow::datatypes as t;
    let mut out = Words { words, width, at };
    match key.data_type() {
        DataType::Null => {}
        DataType::Boolean => out.booleans(key),
        DataType::Int8 => out.each::<t::Int8Type>(key, |v| i64::from(v) as u64),
        DataType::Int16 => out.each::<t::Int16Type>(key, |v| i64::from(v) as u64),
        DataType::Int32 => out.each::<t::Int32Type>(key, |v| i64::from(v) as u64),
        DataType::Int64 => out.each::<t::Int64Type>(key, |v| v as u64),
        DataType::UInt8 => out.each::<t::UInt8Type>(key, u64::from),
        DataType::UInt16 => out.each::<t::UInt16Type>(key, u64::from),
        DataType::UInt32 => out.each::<t::UInt32Type>(key, u64::from),
        DataType::UInt64 => out.each::<t::UInt64Type>(key, |v| v),
        DataType::Float32 => out.each::<t::Float32Type>(key, |v| u64::from(v.to_bits())),
        DataType::Float64 => out.each::<t::Float64Type>(key, f64::to_bits),
        DataType::Date32 => out.each::<t::Date32Type>(key, |v| i64::from(v) as u64),
        DataType::Time64(_) => out.each::<t::Time64MicrosecondType>(key, |v| v as u64),
        DataType::Timestamp(..) => out.each::<t::TimestampMicrosecondType>(key, |v| v as u64),
        DataType::Decimal128(..) => {
            out.each::<t::Decimal128Type>(key, |v| v as u64);
            out.at += 1;
            out.each::<t::Decimal128Type>(key, |v| (v >> 64) as u64);
        }
        other => return Err(Error::internal(format!("a key of type {other} has no words"))),
    }
    Ok(())
}

/// One word of each key.
struct Words<'a> {
    words: &'a mut [u64],
    width: usize,
    at: usize,
}

impl Words<'_> {
    fn each<T: arrow::datatypes::ArrowPrimitiveType>(&mut self, key: &ArrayRef, word: impl Fn(T::Native) -> u64)
    where
        T::Native: ArrowNativeType,
    {
        let values = key.as_primitive::<T>();
        let keys = self.words.chunks_exact_mut(self.width).zip(values.values());
        match values.nulls() {
            None => keys.for_each(|(key, value)| key[self.at] = word(*value)),
            Some(nulls) => {
                let present = keys.zip(nulls).filter(|(_, valid)| *valid);
                present.for_each(|((key, value), _)| key[self.at] = word(*value));
            }
        }
    }

    fn booleans(&mut self, key: &ArrayRef) {
        for (key, value) in self.words.chunks_exact_mut(self.width).zip(key.as_boolean()) {
            key[self.at] = u64::from(value.unwrap_or(false));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::{Float64Array, Int8Array};
    use std::sync::Arc;

    #[test]
    fn a_null_is_a_bit_and_not_what_lies_beneath_it() {
        let layout = WordLayout::new(vec![DataType::Int8, DataType::Float64]).unwrap();
        let ints: ArrayRef = Arc::new(Int8Array::from(vec![Some(-1), None]));
        let floats: ArrayRef = Arc::new(Float64Array::from(vec![None, Some(1.0)]));
        let words = layout.words(&[ints, floats], 2).unwrap();
        assert_eq!(words, [u64::MAX, 0, 0b10, 0, 1.0f64.to_bits(), 0b01]);
    }
}
