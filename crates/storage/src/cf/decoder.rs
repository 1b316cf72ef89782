//! How the stored cells of one variable of one file become values: everything that depends on attributes, worked out once.

use super::attributes::{Attributes, Number, number_type};
use super::cells::Cell;
use super::kernels::Mask;
use super::masking::Marks;
use super::text;
use super::time::TimeUnits;
use crate::aligned::AlignedBytes;
use crate::formats::{Attribute, FileVariable, StoredType};
use arrow::array::{Array, ArrayRef, StringArray};
use arrow::datatypes::{ArrowPrimitiveType, DataType, Float16Type, Float32Type, Float64Type, Int64Type};
use hyperslab_grid::Packing;
use std::borrow::Cow;
use std::ops::Range;
use std::sync::Arc;

/// What a variable's attributes make of its cells.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Decoder {
    cells: Cells,
    /// What is masked and how the cells are packed, for people.
    pub(crate) masked: Vec<String>,
    /// The packing, for people.
    pub(crate) packing: Option<String>,
}

/// The type of the cells, with their meaning.
#[derive(Clone, Debug, PartialEq)]
enum Cells {
    I8(Numbers<i8>),
    U8(Numbers<u8>),
    I16(Numbers<i16>),
    U16(Numbers<u16>),
    I32(Numbers<i32>),
    U32(Numbers<u32>),
    I64(Numbers<i64>),
    U64(Numbers<u64>),
    /// Widened to `f32` before anything else.
    F16(Numbers<f32>),
    F32(Numbers<f32>),
    F64(Numbers<f64>),
    /// Characters, with the one that fills.
    Chars(Option<u8>),
    /// Strings, with those that fill.
    Strings(Vec<String>),
    /// Lists, arrays, truth values or bytes, as they are.
    Values(DataType),
}

/// Numeric cells: which are missing, and what the others mean.
#[derive(Clone, Debug, PartialEq)]
struct Numbers<T> {
    mask: Mask<T>,
    unpack: Unpack,
}

/// Runs `$body` with the numbers that cells are, of whatever type, or `$other` for cells that are none.
macro_rules! by_number {
    ($cells:expr, $numbers:ident => $body:expr, else $other:expr) => {
        match $cells {
            Cells::I8($numbers) => $body,
            Cells::U8($numbers) => $body,
            Cells::I16($numbers) => $body,
            Cells::U16($numbers) => $body,
            Cells::I32($numbers) => $body,
            Cells::U32($numbers) => $body,
            Cells::I64($numbers) => $body,
            Cells::U64($numbers) => $body,
            Cells::F16($numbers) | Cells::F32($numbers) => $body,
            Cells::F64($numbers) => $body,
            Cells::Chars(_) | Cells::Strings(_) | Cells::Values(_) => $other,
        }
    };
}

/// What a number means.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Unpack {
    /// Itself.
    Plain,
    /// A FLOAT: `v * scale + offset` in single precision.
    Single { scale: f32, offset: f32 },
    /// A DOUBLE: `v * scale + offset` in double precision.
    Double { scale: f64, offset: f64 },
    /// An instant.
    Instant(TimeUnits),
    /// An instant, unpacked first.
    PackedInstant { units: TimeUnits, scale: f64, offset: f64 },
}

/// How many stored cells make up one value: those of string-length and bounds dimensions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Width {
    /// Cells of a value.
    pub(crate) kept: usize,
    /// Cells from one value to the next: more where a chunk overhangs its dimension.
    pub(crate) stored: usize,
}

impl Width {
    /// One cell is one value.
    pub(crate) const ONE: Self = Self { kept: 1, stored: 1 };
}

/// What decoding is asked to do.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rules {
    /// Whether netCDF's default fill values stand for missing cells.
    pub(crate) default_fill: bool,
    /// Whether cells outside of the valid range are missing.
    pub(crate) valid_range: bool,
}

impl Decoder {
    /// The decoder of a variable whose numbers are times in `units`, if given; and what is doubtful, in words. `None`
    /// for cells of a type that cannot be read.
    pub(crate) fn new(variable: &FileVariable, units: Option<TimeUnits>, rules: Rules) -> Option<(Self, Vec<String>)> {
        let attributes = variable.attributes.as_slice();
        let effective = effective_type(&variable.ty, attributes);
        let unpack = units.map_or_else(
            || unpacking(attributes, &effective),
            |units| match scale_and_offset(attributes) {
                Some((scale, offset)) => Unpack::PackedInstant { units, scale, offset },
                None => Unpack::Instant(units),
            },
        );
        let packed = scale_and_offset(attributes).is_some();
        let mut marks = Marks::new(attributes, &variable.ty, &effective, packed, rules.default_fill);
        if !rules.valid_range {
            marks.ignore_valid_range();
        }
        let cells = match effective {
            StoredType::I8 => Cells::I8(Numbers::new(&mut marks, unpack)),
            StoredType::U8 => Cells::U8(Numbers::new(&mut marks, unpack)),
            StoredType::I16 => Cells::I16(Numbers::new(&mut marks, unpack)),
            StoredType::U16 => Cells::U16(Numbers::new(&mut marks, unpack)),
            StoredType::I32 => Cells::I32(Numbers::new(&mut marks, unpack)),
            StoredType::U32 => Cells::U32(Numbers::new(&mut marks, unpack)),
            StoredType::I64 => Cells::I64(Numbers::new(&mut marks, unpack)),
            StoredType::U64 => Cells::U64(Numbers::new(&mut marks, unpack)),
            StoredType::F16 => Cells::F16(Numbers::new(&mut marks, unpack)),
            StoredType::F32 => Cells::F32(Numbers::new(&mut marks, unpack)),
            StoredType::F64 => Cells::F64(Numbers::new(&mut marks, unpack)),
            StoredType::Char => return Some((Self::of_text(Cells::Chars(fill_char(attributes))), Vec::new())),
            StoredType::Text => return Some((Self::of_text(Cells::Strings(fill_texts(attributes))), Vec::new())),
            StoredType::Values(ty) => return Some((Self::of_text(Cells::Values(ty)), Vec::new())),
            StoredType::Unsupported(_) => return None,
        };
        let packing = packing_in_words(attributes);
        Some((Self { cells, masked: marks.in_words(), packing }, marks.warnings))
    }

    fn of_text(cells: Cells) -> Self {
        let masked = match &cells {
            Cells::Chars(Some(fill)) => vec![format!("_FillValue {:?}", char::from(*fill))],
            Cells::Strings(missing) => missing.iter().map(|text| format!("_FillValue {text:?}")).collect(),
            _ => Vec::new(),
        };
        Self { cells, masked, packing: None }
    }

    /// The type of a value; instants are `Int64` microseconds.
    pub(crate) fn data_type(&self) -> DataType {
        by_number!(&self.cells, numbers => numbers.data_type(), else match &self.cells {
            Cells::Values(ty) => ty.clone(),
            _ => DataType::Utf8,
        })
    }

    /// How integers stand for the values, if they do and each for another.
    pub(crate) fn packing(&self) -> Option<Packing> {
        by_number!(&self.cells, numbers => numbers.packing(), else None)
    }

    /// The same cells as [`decode`](Self::decode) gives with scale and offset left out, NULL where these are. `None` for cells
    /// that are not [packed](Self::packing).
    pub(crate) fn decode_packed(&self, stored: &AlignedBytes, runs: &[Range<usize>], width: Width) -> Option<ArrayRef> {
        self.packing()?;
        by_number!(&self.cells, numbers => Some(numbers.decode_packed(&gather(stored.as_slice(), runs, width))), else None)
    }

    /// Whether the cells are strings, which are read as such and not as bytes.
    pub(crate) fn reads_strings(&self) -> bool {
        matches!(self.cells, Cells::Strings(_))
    }

    /// Whether the cells are read as values and not as bytes.
    pub(crate) fn reads_values(&self) -> bool {
        matches!(self.cells, Cells::Values(_))
    }

    /// Decodes the values at `runs`, which count values of `width` cells from the start of `stored`. Chars make one text a
    /// value, numbers `width.kept` numbers a value.
    pub(crate) fn decode(&self, stored: &AlignedBytes, runs: &[Range<usize>], width: Width) -> ArrayRef {
        if let Cells::F16(numbers) = &self.cells {
            return numbers.decode(&widen(&gather(stored.as_slice(), runs, width)));
        }
        by_number!(&self.cells, numbers => numbers.decode(&gather(stored.as_slice(), runs, width)), else match &self.cells {
            Cells::Chars(fill) => text::decode_chars(&gather(stored.as_slice(), runs, width), width.kept, *fill),
            // Read as values; as bytes there are none.
            Cells::Values(ty) => arrow::array::new_empty_array(ty),
            // Read by `decode_strings`; as bytes there are none.
            _ => text::decode_strings(std::iter::empty(), &[]),
        })
    }

    /// Decodes the strings at `runs`.
    pub(crate) fn decode_strings(&self, strings: &StringArray, runs: &[Range<usize>]) -> ArrayRef {
        let missing = if let Cells::Strings(missing) = &self.cells { missing.as_slice() } else { &[] };
        let text = |at: usize| strings.is_valid(at).then(|| strings.value(at));
        text::decode_strings(runs.iter().flat_map(Clone::clone).map(text), missing)
    }
}

impl<T: Cell> Numbers<T> {
    fn new(marks: &mut Marks, unpack: Unpack) -> Self {
        let mask = match unpack {
            Unpack::Plain => marks.mask::<T>(T::to_f64, matches!(T::Plain::DATA_TYPE, DataType::Float32)),
            Unpack::Single { scale, offset } => marks.mask::<T>(|v| f64::from(v.to_f32() * scale + offset), true),
            Unpack::Double { scale, offset } | Unpack::PackedInstant { scale, offset, .. } => {
                marks.mask::<T>(|v| v.to_f64() * scale + offset, false)
            }
            Unpack::Instant(_) => marks.mask::<T>(T::to_f64, matches!(T::Plain::DATA_TYPE, DataType::Float32)),
        };
        Self { mask, unpack }
    }

    fn data_type(&self) -> DataType {
        match self.unpack {
            Unpack::Plain => T::Plain::DATA_TYPE,
            Unpack::Single { .. } => DataType::Float32,
            Unpack::Double { .. } => DataType::Float64,
            Unpack::Instant(_) | Unpack::PackedInstant { .. } => Int64Type::DATA_TYPE,
        }
    }

    fn packing(&self) -> Option<Packing> {
        match self.unpack {
            Unpack::Single { scale, offset } => {
                Packing::new(T::Plain::DATA_TYPE, f64::from(scale), f64::from(offset), true)
            }
            Unpack::Double { scale, offset } => Packing::new(T::Plain::DATA_TYPE, scale, offset, false),
            Unpack::Plain | Unpack::Instant(_) | Unpack::PackedInstant { .. } => None,
        }
    }

    fn decode_packed(&self, cells: &[T]) -> ArrayRef {
        Arc::new(self.mask.decode::<T::Plain>(cells, |v| v))
    }

    fn decode(&self, cells: &[T]) -> ArrayRef {
        let mask = &self.mask;
        match self.unpack {
            Unpack::Plain => Arc::new(mask.decode::<T::Plain>(cells, |v| v)),
            Unpack::Single { scale, offset: 0.0 } => {
                Arc::new(mask.decode::<Float32Type>(cells, |v| v.to_f32() * scale))
            }
            Unpack::Single { scale, offset } => {
                Arc::new(mask.decode::<Float32Type>(cells, |v| v.to_f32() * scale + offset))
            }
            Unpack::Double { scale, offset: 0.0 } => {
                Arc::new(mask.decode::<Float64Type>(cells, |v| v.to_f64() * scale))
            }
            Unpack::Double { scale, offset } => {
                Arc::new(mask.decode::<Float64Type>(cells, |v| v.to_f64() * scale + offset))
            }
            Unpack::Instant(units) => Arc::new(mask.decode_instants(cells, |v| v.instant(&units))),
            Unpack::PackedInstant { units, scale, offset } => {
                Arc::new(mask.decode_instants(cells, |v| units.of_real(v.to_f64() * scale + offset)))
            }
        }
    }
}

/// The cells at `runs`: in place if they lie in one piece.
fn gather<'a, T: Copy>(cells: &'a [T], runs: &[Range<usize>], width: Width) -> Cow<'a, [T]> {
    let whole = width.kept == width.stored;
    match runs {
        [run] if whole => Cow::Borrowed(&cells[run.start * width.stored..run.end * width.stored]),
        _ if whole => {
            let count: usize = runs.iter().map(ExactSizeIterator::len).sum();
            let mut out = Vec::with_capacity(count * width.stored);
            runs.iter().for_each(|run| out.extend_from_slice(&cells[run.start * width.stored..run.end * width.stored]));
            Cow::Owned(out)
        }
        _ => {
            let value = |at: usize| &cells[at * width.stored..at * width.stored + width.kept];
            Cow::Owned(runs.iter().flat_map(Clone::clone).flat_map(value).copied().collect())
        }
    }
}

fn widen(halves: &[u16]) -> Vec<f32> {
    type Half = <Float16Type as ArrowPrimitiveType>::Native;
    halves.iter().map(|bits| Half::from_bits(*bits).to_f32()).collect()
}

/// The type as which cells are taken: `_Unsigned` says that signed integers hold unsigned ones, or the reverse.
pub(crate) fn effective_type(ty: &StoredType, attributes: &[(String, Attribute)]) -> StoredType {
    let flag = attributes.text("_Unsigned").map(str::to_ascii_lowercase);
    match (ty, flag.as_deref()) {
        (StoredType::I8, Some("true")) => StoredType::U8,
        (StoredType::I16, Some("true")) => StoredType::U16,
        (StoredType::I32, Some("true")) => StoredType::U32,
        (StoredType::I64, Some("true")) => StoredType::U64,
        (StoredType::U8, Some("false")) => StoredType::I8,
        (StoredType::U16, Some("false")) => StoredType::I16,
        (StoredType::U32, Some("false")) => StoredType::I32,
        (StoredType::U64, Some("false")) => StoredType::I64,
        _ => ty.clone(),
    }
}

/// FLOAT if the stored type has at most 16 bits and what is present of scale and offset is float32, otherwise DOUBLE.
fn unpacking(attributes: &[(String, Attribute)], effective: &StoredType) -> Unpack {
    let Some((scale, offset)) = scale_and_offset(attributes) else { return Unpack::Plain };
    let single = |name| attributes.find(name).is_none_or(|a| number_type(a) == Some(&StoredType::F32));
    if effective.size() <= 2 && single("scale_factor") && single("add_offset") {
        Unpack::Single { scale: scale as f32, offset: offset as f32 }
    } else {
        Unpack::Double { scale, offset }
    }
}

/// Scale and offset if either is given and both are finite.
fn scale_and_offset(attributes: &[(String, Attribute)]) -> Option<(f64, f64)> {
    let (scale, offset) = (attributes.number("scale_factor"), attributes.number("add_offset"));
    if scale.is_none() && offset.is_none() {
        return None;
    }
    let (scale, offset) = (scale.map_or(1.0, Number::as_f64), offset.map_or(0.0, Number::as_f64));
    (scale.is_finite() && offset.is_finite()).then_some((scale, offset))
}

fn packing_in_words(attributes: &[(String, Attribute)]) -> Option<String> {
    let words = |name: &str, verb: &str| attributes.number(name).map(|n| format!("{verb} {n}"));
    let both = [words("scale_factor", "times"), words("add_offset", "plus")];
    let both: Vec<String> = both.into_iter().flatten().collect();
    (!both.is_empty()).then(|| both.join(", "))
}

fn fill_char(attributes: &[(String, Attribute)]) -> Option<u8> {
    match attributes.find("_FillValue")? {
        Attribute::Text(text) if text.is_empty() => Some(0),
        Attribute::Text(text) => text.bytes().next(),
        Attribute::Integers(_, values) => values.first().and_then(|n| u8::try_from(*n).ok()),
        Attribute::Texts(_) | Attribute::Floats(..) => None,
    }
}

fn fill_texts(attributes: &[(String, Attribute)]) -> Vec<String> {
    match attributes.find("_FillValue") {
        Some(Attribute::Text(text)) => vec![text.clone()],
        Some(Attribute::Texts(texts)) => texts.clone(),
        Some(Attribute::Integers(..) | Attribute::Floats(..)) | None => Vec::new(),
    }
}
