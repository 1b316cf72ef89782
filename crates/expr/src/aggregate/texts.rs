//! `string_agg`: the texts of each group, one after another in the order of the rows.

use super::AggregateFunction;
use super::native::held;
use super::rows::{Fold, Mask, fold};
use super::types::{Bound, Types};
use crate::{Accumulator, Error, Groups, Result, Scalar, SqlType};
use arrow::array::{ArrayRef, AsArray, GenericStringArray, LargeStringArray, OffsetSizeTrait, StringArray};
use arrow::buffer::BooleanBuffer;
use std::sync::Arc;

/// `string_agg(x [, separator])`
pub(super) const STRING_AGG: AggregateFunction = AggregateFunction {
    names: &["string_agg", "group_concat", "listagg"],
    signature: "string_agg(any), string_agg(any, separator)",
    doc: "The values that are not NULL as text, one after another in the order of the rows; a comma between two unless said.",
    parameters: 1..2,
    keeps_units: false,
    bind,
    create: |_, parameters| {
        Ok(Box::new(Texts { separator: separator(parameters)?.to_string(), texts: Vec::new(), bytes: 0 }))
    },
};

fn bind(args: &[SqlType], parameters: &[Scalar]) -> Bound {
    separator(parameters)?;
    Ok((args.len() == 1).then(|| Types { args: vec![SqlType::Varchar], result: SqlType::Varchar }))
}

fn separator(parameters: &[Scalar]) -> Result<&str> {
    match parameters {
        [] => Ok(","),
        [Scalar::Varchar(separator)] => Ok(separator),
        _ => {
            Err(Error::new("what stands between the texts of string_agg is a text")
                .with_hint("write string_agg(x, ', ')"))
        }
    }
}

/// The texts of all groups so far.
struct Texts {
    separator: String,
    texts: Vec<Option<String>>,
    bytes: usize,
}

struct Append<'a, O: OffsetSizeTrait> {
    separator: &'a str,
    values: &'a GenericStringArray<O>,
    texts: &'a mut [Option<String>],
    bytes: &'a mut usize,
}

impl<O: OffsetSizeTrait> Fold for Append<'_, O> {
    fn one(&mut self, group: usize, row: usize) {
        let value = self.values.value(row);
        match &mut self.texts[group] {
            Some(text) => {
                let before = text.capacity();
                text.push_str(self.separator);
                text.push_str(value);
                *self.bytes += text.capacity() - before;
            }
            none => {
                *self.bytes += value.len();
                *none = Some(value.to_string());
            }
        }
    }
}

impl Texts {
    fn append<O: OffsetSizeTrait>(&mut self, groups: &Groups<'_>, args: &[ArrayRef], present: Option<&BooleanBuffer>) {
        let (separator, texts, bytes) = (self.separator.as_str(), &mut self.texts[..], &mut self.bytes);
        let mut append = Append { separator, values: args[0].as_string::<O>(), texts, bytes };
        fold(groups, Mask::of(args, present).as_ref(), &mut append);
    }

    fn take(&mut self) -> Vec<Option<String>> {
        self.bytes = 0;
        std::mem::take(&mut self.texts)
    }
}

impl Accumulator for Texts {
    fn resize(&mut self, groups: usize) {
        self.texts.resize(groups.max(self.texts.len()), None);
    }

    fn update(&mut self, groups: &Groups<'_>, args: &[ArrayRef], present: Option<&BooleanBuffer>) -> Result<()> {
        self.append::<i32>(groups, args, present);
        Ok(())
    }

    fn state(&mut self) -> Result<Vec<ArrayRef>> {
        Ok(vec![Arc::new(LargeStringArray::from(self.take()))])
    }

    fn merge(&mut self, groups: &Groups<'_>, state: &[ArrayRef]) -> Result<()> {
        self.append::<i64>(groups, state, None);
        Ok(())
    }

    fn finish(&mut self) -> Result<ArrayRef> {
        let texts = self.take();
        let length: usize = texts.iter().flatten().map(String::len).sum();
        if i32::try_from(length).is_err() {
            let error = Error::new(format!("the texts of all groups have {length} bytes, more than a result holds"));
            return Err(error.with_hint("put fewer rows together"));
        }
        Ok(Arc::new(StringArray::from(texts)))
    }

    fn memory(&self) -> usize {
        held(&self.texts) + self.bytes
    }
}
