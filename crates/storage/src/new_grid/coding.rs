//! How values of SQL lie in a netCDF-4 file: their type there, what stands for NULL, and the attributes that say what they mean
//! (CF sections 2.5.1, 3.5 and 4.4).

use crate::{Error, ErrorKind, Result};
use arrow::array::{Array, ArrayRef, AsArray, Int64Array, PrimitiveArray};
use arrow::compute::cast;
use arrow::datatypes::{
    ArrowPrimitiveType, DataType, Field, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, TimeUnit,
    UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use hyperslab_grid::schema::CALENDAR_EXTENSION;
use std::sync::Arc;

/// How a column is stored.
#[cfg_attr(not(feature = "c-engine"), expect(dead_code, reason = "nothing is written without the library"))]
pub(super) struct Coding {
    /// The type in the file: a number of at most 64 bits, or text.
    pub(super) stored: DataType,
    /// What stands for NULL, as a whole number; NaN in floats.
    pub(super) fill: i128,
    /// Attributes that are texts.
    pub(super) texts: Vec<(String, String)>,
    /// Attributes that are numbers of the stored type.
    pub(super) numbers: Vec<(String, Vec<i64>)>,
    /// What times are counted in, in microseconds.
    unit: i64,
}

/// Units of time, the longest first, in microseconds.
const UNITS: [(&str, i64); 6] = [
    ("days", 86_400_000_000),
    ("hours", 3_600_000_000),
    ("minutes", 60_000_000),
    ("seconds", 1_000_000),
    ("milliseconds", 1000),
    ("microseconds", 1),
];

/// Attributes that name other variables, which the file does not have, or tell of times in other words.
const LEFT_OUT: [&str; 8] = [
    "bounds",
    "coordinates",
    "grid_mapping",
    "cell_measures",
    "ancillary_variables",
    "formula_terms",
    "calendar",
    "_FillValue",
];

impl Coding {
    /// That of a variable.
    pub(super) fn of(field: &Field) -> Result<Self> {
        Self::with_unit(field, UNITS[UNITS.len() - 1])
    }

    /// That of labels: times are counted in the longest unit of which all of them are multiples.
    pub(super) fn of_labels(field: &Field, labels: &ArrayRef) -> Result<Self> {
        if labels.null_count() > 0 {
            return Err(Error::new(ErrorKind::Unsupported, "a label of a dimension is NULL")
                .with_hint("leave such rows out: WHERE .. IS NOT NULL"));
        }
        let times = microseconds(field, labels);
        let divides =
            |unit: i64| times.as_ref().is_some_and(|times| times.values().iter().all(|time| time % unit == 0));
        let unit = UNITS.into_iter().find(|(_, unit)| divides(*unit));
        Self::with_unit(field, unit.unwrap_or(UNITS[UNITS.len() - 1]))
    }

    fn with_unit(field: &Field, (unit_name, unit): (&str, i64)) -> Result<Self> {
        let since = |unit: &str| vec![("units".to_string(), format!("{unit} since 1970-01-01"))];
        let mut own = Vec::new();
        let mut numbers = Vec::new();
        let stored = match field.data_type() {
            DataType::Boolean => {
                own.push(("flag_meanings".to_string(), "false true".to_string()));
                numbers.push(("flag_values".to_string(), vec![0, 1]));
                DataType::Int8
            }
            DataType::Decimal128(..) => DataType::Float64,
            DataType::Date32 => {
                own = since("days");
                own.push(("calendar".to_string(), "proleptic_gregorian".to_string()));
                DataType::Int32
            }
            DataType::Timestamp(TimeUnit::Microsecond, None) => {
                own = since(unit_name);
                own.push(("calendar".to_string(), "proleptic_gregorian".to_string()));
                DataType::Int64
            }
            DataType::Int64 if calendar(field).is_some() => {
                own = since(unit_name);
                own.push(("calendar".to_string(), calendar(field).unwrap_or_default().to_string()));
                DataType::Int64
            }
            ty if is_number(ty) || *ty == DataType::Utf8 => ty.clone(),
            _ => {
                let error = Error::new(ErrorKind::Unsupported, "netCDF has no type for such values");
                return Err(error.with_hint("write numbers, texts, truth values or times: CAST what is none of these"));
            }
        };
        let is_told = |name: &String| own.iter().any(|(told, _)| told == name);
        let is_kept =
            |name: &String| !name.starts_with("ARROW:") && !LEFT_OUT.contains(&name.as_str()) && !is_told(name);
        let mut given: Vec<_> = field.metadata().iter().filter(|(name, _)| is_kept(name)).collect();
        given.sort();
        let mut texts = Vec::new();
        for (name, value) in given {
            let listed: Option<Vec<i64>> = value.split(',').map(|word| word.trim().parse().ok()).collect();
            match listed {
                Some(listed) if matches!(name.as_str(), "flag_values" | "flag_masks") => {
                    numbers.push((name.clone(), listed))
                }
                _ => texts.push((name.clone(), value.clone())),
            }
        }
        texts.extend(own);
        Ok(Self { fill: fill_of(&stored), stored, texts, numbers, unit })
    }

    /// About the bytes of a cell.
    pub(super) fn cell_bytes(&self) -> usize {
        self.stored.primitive_width().unwrap_or(16)
    }

    /// Whether the fill value is a value like others as long as nothing is missing: netCDF has no default for bytes.
    pub(super) fn is_byte(&self) -> bool {
        matches!(self.stored, DataType::Int8 | DataType::UInt8)
    }

    /// Whether missing values are a number that an attribute has to name.
    pub(super) fn has_fill(&self) -> bool {
        self.stored.is_integer()
    }

    /// Values as they are stored, and whether one of them is the fill value.
    pub(super) fn encode(&self, values: &ArrayRef) -> Result<(ArrayRef, bool)> {
        let failed = |error: arrow::error::ArrowError| Error::new(ErrorKind::Unsupported, error.to_string());
        let wide = match values.data_type() {
            DataType::Timestamp(..) => cast(values, &DataType::Int64).map_err(failed)?,
            _ => values.clone(),
        };
        if self.unit > 1 && self.stored == DataType::Int64 {
            let times = wide.as_primitive::<Int64Type>();
            return Ok((Arc::new(times.unary::<_, Int64Type>(|time| time.div_euclid(self.unit))), false));
        }
        let stored = cast(&wide, &self.stored).map_err(failed)?;
        match &self.stored {
            DataType::Int8 => self.filled::<Int8Type>(&stored),
            DataType::Int16 => self.filled::<Int16Type>(&stored),
            DataType::Int32 => self.filled::<Int32Type>(&stored),
            DataType::Int64 => self.filled::<Int64Type>(&stored),
            DataType::UInt8 => self.filled::<UInt8Type>(&stored),
            DataType::UInt16 => self.filled::<UInt16Type>(&stored),
            DataType::UInt32 => self.filled::<UInt32Type>(&stored),
            DataType::UInt64 => self.filled::<UInt64Type>(&stored),
            DataType::Float32 => Ok((with_nulls(stored.as_primitive::<Float32Type>(), f32::NAN), false)),
            DataType::Float64 => Ok((with_nulls(stored.as_primitive::<Float64Type>(), f64::NAN), false)),
            _ => Ok((stored, false)),
        }
    }

    /// Integers with the fill value in the place of NULL, and whether it is a value too.
    fn filled<T: ArrowPrimitiveType>(&self, stored: &ArrayRef) -> Result<(ArrayRef, bool)>
    where
        T::Native: TryFrom<i128>,
    {
        let stored = stored.as_primitive::<T>();
        let fill = T::Native::try_from(self.fill).ok().unwrap_or_default();
        let is_met = stored.iter().flatten().any(|value| value == fill);
        if is_met && !self.is_byte() {
            return Err(self.taken());
        }
        Ok((with_nulls(stored, fill), is_met))
    }

    /// The fill value is a value.
    pub(super) fn taken(&self) -> Error {
        let error =
            Error::new(ErrorKind::Unsupported, format!("the value {} stands for missing ones in the file", self.fill));
        error.with_hint("CAST the column to a wider type")
    }
}

fn with_nulls<T: ArrowPrimitiveType>(values: &PrimitiveArray<T>, fill: T::Native) -> ArrayRef {
    Arc::new(PrimitiveArray::<T>::from_iter_values(values.iter().map(|value| value.unwrap_or(fill))))
}

/// What netCDF takes for missing by itself, which readers know; 0 for what has no such number.
fn fill_of(stored: &DataType) -> i128 {
    match stored {
        DataType::Int8 => -127,
        DataType::UInt8 => 255,
        DataType::Int16 => -32_767,
        DataType::UInt16 => 65_535,
        DataType::Int32 => -2_147_483_647,
        DataType::UInt32 => 4_294_967_295,
        DataType::Int64 => -9_223_372_036_854_775_806,
        DataType::UInt64 => 18_446_744_073_709_551_614,
        _ => 0,
    }
}

fn is_number(ty: &DataType) -> bool {
    ty.is_integer() || matches!(ty, DataType::Float32 | DataType::Float64)
}

/// The calendar of times that are no ordinary timestamps.
fn calendar(field: &Field) -> Option<&str> {
    let is_time = field.metadata().get("ARROW:extension:name").is_some_and(|name| name == CALENDAR_EXTENSION);
    field.metadata().get("ARROW:extension:metadata").filter(|_| is_time).map(String::as_str)
}

/// Times as microseconds; none if they are no times.
fn microseconds(field: &Field, labels: &ArrayRef) -> Option<Int64Array> {
    let is_time =
        matches!(labels.data_type(), DataType::Timestamp(TimeUnit::Microsecond, None)) || calendar(field).is_some();
    let times = cast(labels, &DataType::Int64).ok().filter(|_| is_time)?;
    Some(times.as_primitive::<Int64Type>().clone())
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::{BooleanArray, Float32Array, Int16Array, TimestampMicrosecondArray};
    use std::collections::HashMap;

    fn field(ty: DataType, metadata: &[(&str, &str)]) -> Field {
        let metadata: HashMap<_, _> = metadata.iter().map(|(k, v)| (k.to_string(), v.to_string())).collect();
        Field::new("x", ty, true).with_metadata(metadata)
    }

    #[test]
    fn times_are_counted_in_the_longest_unit_that_fits() {
        let labels = |times: Vec<i64>| -> ArrayRef { Arc::new(TimestampMicrosecondArray::from(times)) };
        let ty = field(
            DataType::Timestamp(TimeUnit::Microsecond, None),
            &[("units", "hours since 1900-01-01"), ("axis", "T")],
        );
        for (times, unit, first) in [
            (vec![-86_400_000_000, 0], "days", -1),
            (vec![86_400_000_000, 3_600_000_000], "hours", 24),
            (vec![1, 2], "microseconds", 1),
        ] {
            let labels = labels(times);
            let coding = Coding::of_labels(&ty, &labels).expect("is a time");
            assert!(coding.texts.contains(&("units".into(), format!("{unit} since 1970-01-01"))), "{:?}", coding.texts);
            assert!(coding.texts.contains(&("axis".into(), "T".into())));
            assert_eq!(coding.encode(&labels).expect("encodes").0.as_primitive::<Int64Type>().value(0), first);
        }
    }

    #[test]
    fn null_is_nan_or_a_number_that_is_no_value() {
        let floats: ArrayRef = Arc::new(Float32Array::from(vec![Some(1.5), None]));
        let encoded = Coding::of(&field(DataType::Float32, &[])).expect("a number").encode(&floats).expect("encodes").0;
        assert!(encoded.as_primitive::<Float32Type>().value(1).is_nan() && encoded.null_count() == 0);
        let coding = Coding::of(&field(DataType::Int16, &[])).expect("a number");
        let shorts: ArrayRef = Arc::new(Int16Array::from(vec![Some(-1), None]));
        assert_eq!(coding.encode(&shorts).expect("encodes").0.as_primitive::<Int16Type>().values(), &[-1, -32_767]);
        let taken: ArrayRef = Arc::new(Int16Array::from(vec![-32_767]));
        assert!(coding.encode(&taken).is_err());
        let bytes: ArrayRef = Arc::new(arrow::array::UInt8Array::from(vec![255]));
        assert!(Coding::of(&field(DataType::UInt8, &[])).expect("a number").encode(&bytes).expect("encodes").1);
    }

    #[test]
    fn truth_values_are_flags_and_other_types_are_refused() {
        let coding = Coding::of(&field(DataType::Boolean, &[("bounds", "b")])).expect("a flag");
        let truths: ArrayRef = Arc::new(BooleanArray::from(vec![Some(true), Some(false), None]));
        assert_eq!(coding.encode(&truths).expect("encodes").0.as_primitive::<Int8Type>().values(), &[1, 0, -127]);
        assert_eq!(coding.numbers, [("flag_values".to_string(), vec![0, 1])]);
        assert!(coding.texts.iter().all(|(name, _)| name != "bounds"));
        assert!(Coding::of(&field(DataType::Binary, &[])).is_err());
    }
}
