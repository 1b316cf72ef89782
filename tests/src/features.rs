//! One column of a file against what another program read from it. Knows the JSON that `oracle/feature_files.py` writes.

use crate::setup::answer;
use arrow::array::{Array, ArrayRef, AsArray};
use arrow::compute::{cast, concat};
use arrow::datatypes::{DataType, Float64Type};
use hyperslab::Session;
use serde_json::Value;
use std::fmt::Write;
use std::path::Path;

/// What another program read.
#[derive(Debug)]
pub enum Expected {
    /// Numbers, in sum.
    Numbers(Numbers),
    /// The values themselves.
    Values(Vec<Value>),
    /// Nothing that could be compared: it must be read, or refused.
    Unknown,
}

/// What is compared of numbers.
#[derive(Debug)]
pub struct Numbers {
    cells: usize,
    count: usize,
    min: f64,
    max: f64,
    sum: f64,
    /// The sum of values times weights that tell their places apart.
    order: f64,
}

/// What came of comparing.
#[derive(Debug)]
pub enum Outcome {
    /// The same was read.
    Same,
    /// Nothing was read, for the reason given.
    Refused(String),
    /// Something else was read.
    Different(String),
}

impl Expected {
    /// From JSON.
    ///
    /// # Panics
    /// If it is not what the script writes.
    pub fn parse(about: &Value) -> Self {
        match about["kind"].as_str() {
            Some("numbers") => Self::Numbers(Numbers::parse(about)),
            Some("values") => Self::Values(about["values"].as_array().expect("a list of values").clone()),
            _ => Self::Unknown,
        }
    }
}

impl Numbers {
    fn parse(about: &Value) -> Self {
        let number = |name: &str| match &about[name] {
            Value::String(text) => text.parse().expect("inf or nan"),
            other => other.as_f64().unwrap_or(f64::NAN),
        };
        let count = |name: &str| about[name].as_u64().expect("a count") as usize;
        Self {
            cells: count("cells"),
            count: count("count"),
            min: number("min"),
            max: number("max"),
            sum: number("sum"),
            order: number("order"),
        }
    }

    fn of(values: &[Option<f64>]) -> Self {
        let kept = || values.iter().enumerate().filter_map(|(at, value)| Some((at, (*value)?)));
        let extreme = |pick: fn(f64, f64) -> f64| kept().map(|(_, value)| value).reduce(pick).unwrap_or(f64::NAN);
        Self {
            cells: values.len(),
            count: kept().count(),
            min: extreme(f64::min),
            max: extreme(f64::max),
            sum: kept().map(|(_, value)| value).sum(),
            order: kept().map(|(at, value)| value * (at % 97 + 1) as f64).sum(),
        }
    }

    fn matches(&self, other: &Self) -> bool {
        // Sums of numbers of both signs: what rounding may do depends on the largest of them.
        let room = self.min.abs().max(self.max.abs()) * 1e-9 * self.cells.max(1) as f64;
        let alike = |a: f64, b: f64, room: f64| a == b || a.is_nan() && b.is_nan() || (a - b).abs() <= room;
        self.cells == other.cells
            && self.count == other.count
            && alike(self.min, other.min, 0.0)
            && alike(self.max, other.max, 0.0)
            && alike(self.sum, other.sum, room)
            && alike(self.order, other.order, room * 97.0)
    }
}

/// Reads a column in the order of its cells and compares it.
pub fn check_column(session: &Session, file: &Path, column: &str, expected: &Expected) -> Outcome {
    let literal = |text: &str| text.replace('\'', "''");
    let path = literal(&file.to_string_lossy());
    let from = format!("grid('{path}', '{}', decode_times => false)", literal(column));
    let found = match answer(session, &format!("SELECT \"{}\" FROM {from}", column.replace('"', "\"\""))) {
        Ok(found) => found,
        Err(error) => return Outcome::Refused(error + "; " + &warnings_of(session, &path)),
    };
    let arrays: Vec<&dyn Array> = found.batches.iter().map(|batch| &**batch.column(0)).collect();
    let array = match arrays.as_slice() {
        [] => arrow::array::new_empty_array(found.schema.field(0).data_type()),
        arrays => concat(arrays).expect("batches of one type"),
    };
    match compare(&array, expected) {
        None => Outcome::Same,
        Some(what) => Outcome::Different(what),
    }
}

/// What the engine says about a file of which a column cannot be read.
fn warnings_of(session: &Session, path: &str) -> String {
    match answer(session, &format!("DESCRIBE '{path}'")) {
        Ok(found) => found.warnings.join("\n"),
        Err(error) => error,
    }
}

fn compare(array: &ArrayRef, expected: &Expected) -> Option<String> {
    match expected {
        Expected::Unknown => None,
        Expected::Numbers(expected) => {
            let flat = match array.data_type() {
                DataType::FixedSizeList(..) => array.as_fixed_size_list().values(),
                _ => array,
            };
            let reals = match cast(flat, &DataType::Float64) {
                Ok(reals) => reals,
                Err(error) => return Some(error.to_string()),
            };
            let found = Numbers::of(&reals.as_primitive::<Float64Type>().iter().collect::<Vec<_>>());
            (!found.matches(expected)).then(|| format!("{found:?} in place of {expected:?}"))
        }
        Expected::Values(expected) => {
            let flat = match array.data_type() {
                DataType::FixedSizeList(..) if array.len() != expected.len() => array.as_fixed_size_list().values(),
                _ => array,
            };
            let found: Vec<Value> = (0..flat.len()).map(|at| value(flat, at)).collect();
            let at = (0..found.len().max(expected.len())).find(|at| !same(found.get(*at), expected.get(*at)))?;
            Some(format!("{:?} in place of {:?} at {at} of {}", found.get(at), expected.get(at), expected.len()))
        }
    }
}

/// Nothing, empty text and an empty list are one to some libraries.
fn same(found: Option<&Value>, expected: Option<&Value>) -> bool {
    let (Some(found), Some(expected)) = (found, expected) else { return false };
    let empty = |value: &Value| match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Bool(_) | Value::Number(_) | Value::Object(_) => false,
    };
    match (found, expected) {
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
            a.iter().zip(b).all(|(a, b)| same(Some(a), Some(b)))
        }
        // Lists of lists of one length each may be one list.
        (Value::Array(a), Value::Array(b)) => {
            let flat: Vec<&Value> = b.iter().filter_map(Value::as_array).flatten().collect();
            flat.len() == a.len() && a.iter().zip(flat).all(|(a, b)| same(Some(a), Some(b)))
        }
        (Value::Number(a), Value::Number(b)) => a.as_f64() == b.as_f64(),
        (a, b) => a == b || empty(a) && empty(b),
    }
}

fn value(array: &ArrayRef, at: usize) -> Value {
    if array.is_null(at) {
        return Value::Null;
    }
    let items = |list: &ArrayRef| Value::Array((0..list.len()).map(|item| value(list, item)).collect());
    match array.data_type() {
        DataType::Utf8 => array.as_string::<i32>().value(at).into(),
        DataType::Boolean => array.as_boolean().value(at).into(),
        DataType::Binary => hexadecimal(array.as_binary::<i32>().value(at)).into(),
        DataType::List(_) => items(&array.as_list::<i32>().value(at)),
        DataType::FixedSizeList(..) => items(&array.as_fixed_size_list().value(at)),
        _ => match cast(&array.slice(at, 1), &DataType::Float64) {
            Ok(real) => real.as_primitive::<Float64Type>().value(0).into(),
            Err(error) => error.to_string().into(),
        },
    }
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a String does not fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}
