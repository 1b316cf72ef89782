//! The values of a dimension coordinate in one file, compared with those of another.

use crate::cf::time::REFORM;
use arrow::array::{Array, ArrayRef, AsArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Float64Type, Int64Type};
use hyperslab_grid::Calendar;
use std::cmp::Ordering;

/// Values that differ by less than this part of the step of their axis are the same.
const SAME: f64 = 1e-6;

/// The values of a dimension coordinate, decoded.
#[derive(Clone, Debug)]
pub(crate) struct Labels {
    /// As an array; instants are microseconds.
    pub(crate) array: ArrayRef,
    /// As numbers, NaN where missing; none for text.
    numbers: Option<Vec<f64>>,
    calendar: Option<Calendar>,
}

/// How labels run along their axis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Direction {
    /// Strictly upwards.
    Ascending,
    /// Strictly downwards.
    Descending,
    /// There is at most one.
    Single,
    /// Neither.
    Unsorted,
}

impl Labels {
    /// The labels in an array, instants in `calendar`.
    pub(crate) fn new(array: ArrayRef, calendar: Option<Calendar>) -> Self {
        let numbers = (*array.data_type() != DataType::Utf8).then(|| as_numbers(&array));
        Self { array, numbers, calendar }
    }

    /// What the labels are, in words; only labels of one kind are compared.
    pub(crate) fn kind(&self) -> &'static str {
        match (&self.numbers, self.calendar) {
            (None, _) => "text",
            (Some(_), None) => "numbers",
            // The same where no date lies before the reform.
            (Some(_), Some(Calendar::Standard | Calendar::ProlepticGregorian)) => "times of the standard calendar",
            (Some(_), Some(Calendar::Julian)) => "times of the julian calendar",
            (Some(_), Some(Calendar::NoLeap)) => "times of the noleap calendar",
            (Some(_), Some(Calendar::AllLeap)) => "times of the all_leap calendar",
            (Some(_), Some(Calendar::Day360)) => "times of the 360_day calendar",
        }
    }

    /// The number of positions.
    pub(crate) fn len(&self) -> usize {
        self.array.len()
    }

    /// The memory they take.
    pub(crate) fn bytes(&self) -> usize {
        self.array.get_array_memory_size() + self.numbers.as_ref().map_or(0, |numbers| 8 * numbers.len())
    }

    /// Whether both are the same to the bit.
    pub(crate) fn identical(&self, other: &Self) -> bool {
        self.calendar == other.calendar && *self.array == *other.array
    }

    /// Whether both are the same to a millionth of the step.
    pub(crate) fn same(&self, other: &Self) -> bool {
        if self.len() != other.len() || self.is_text() != other.is_text() {
            return false;
        }
        match (&self.numbers, &other.numbers) {
            (Some(a), Some(b)) => {
                let tolerance = self.tolerance();
                a.iter().zip(b).all(|(a, b)| (a - b).abs() <= tolerance || a == b || (a.is_nan() && b.is_nan()))
            }
            _ => *self.array == *other.array,
        }
    }

    /// The greatest difference to labels that are the same.
    pub(crate) fn distance(&self, other: &Self) -> f64 {
        let (Some(a), Some(b)) = (&self.numbers, &other.numbers) else { return 0.0 };
        a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max)
    }

    /// The first label, if it is a number.
    pub(crate) fn first(&self) -> Option<f64> {
        self.numbers.as_ref()?.first().copied().filter(|x| !x.is_nan())
    }

    /// How far apart labels may be and still be the same.
    pub(crate) fn tolerance(&self) -> f64 {
        match self.numbers.as_deref() {
            Some([first, .., last]) if first != last => SAME * ((last - first) / (self.len() - 1) as f64).abs(),
            Some([one, ..]) => 1e-12 * one.abs(),
            _ => 0.0,
        }
    }

    fn is_text(&self) -> bool {
        self.numbers.is_none()
    }

    /// How the labels run; missing ones make them unsorted.
    pub(crate) fn direction(&self) -> Direction {
        let missing = self.array.null_count() > 0 || self.numbers.iter().flatten().any(|x| x.is_nan());
        let runs = |wanted| (1..self.len()).all(|i| self.order(i - 1, self, i) == wanted);
        match self.len() {
            _ if missing => Direction::Unsorted,
            0 | 1 => Direction::Single,
            _ if runs(Ordering::Less) => Direction::Ascending,
            _ if runs(Ordering::Greater) => Direction::Descending,
            _ => Direction::Unsorted,
        }
    }

    /// The order of label `i` and label `j` of `other`; labels that are the same are equal.
    pub(crate) fn order(&self, i: usize, other: &Self, j: usize) -> Ordering {
        match (&self.numbers, &other.numbers) {
            (Some(a), Some(b)) => {
                let (a, b) = (a[i], b[j]);
                // Within one axis the step may vary: only what is equal is the same.
                let tolerance = if std::ptr::eq(self, other) { 0.0 } else { self.tolerance().min(other.tolerance()) };
                if (a - b).abs() <= tolerance { Ordering::Equal } else { a.total_cmp(&b) }
            }
            (None, None) => self.array.as_string::<i32>().value(i).cmp(other.array.as_string::<i32>().value(j)),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
        }
    }

    /// Label `i` for people.
    pub(crate) fn show(&self, i: usize) -> String {
        match (&self.numbers, self.calendar) {
            _ if self.array.is_null(i) => "NULL".into(),
            (None, _) => format!("'{}'", self.array.as_string::<i32>().value(i)),
            (Some(_), Some(calendar)) => calendar.format(self.array.as_primitive::<Int64Type>().value(i)),
            (Some(numbers), None) => numbers[i].to_string(),
        }
    }

    /// Whether instants in the mixed calendar lie before its reform.
    pub(crate) fn any_before_reform(array: &ArrayRef) -> bool {
        array.as_primitive_opt::<Int64Type>().is_some_and(|a| a.iter().flatten().any(|at| at < REFORM))
    }
}

fn as_numbers(array: &ArrayRef) -> Vec<f64> {
    // Every number casts to a double.
    cast(array, &DataType::Float64).map_or_else(
        |_| vec![f64::NAN; array.len()],
        |numbers| numbers.as_primitive::<Float64Type>().iter().map(|x| x.unwrap_or(f64::NAN)).collect(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::{Float64Array, Int64Array, StringArray};
    use std::sync::Arc;

    fn numbers(values: &[f64]) -> Labels {
        Labels::new(Arc::new(Float64Array::from(values.to_vec())), None)
    }

    #[test]
    fn a_millionth_of_the_step_is_no_difference() {
        let axis = numbers(&[0.0, 0.25, 0.5]);
        assert!(axis.same(&numbers(&[1e-14, 0.25, 0.5])));
        assert!(axis.same(&numbers(&[2e-7, 0.25, 0.5])));
        assert!(!axis.same(&numbers(&[3e-7, 0.25, 0.5])));
        assert!(!axis.same(&numbers(&[0.0, 0.25])));
        assert!(!numbers(&[25567.0]).same(&numbers(&[25568.0])));
        assert!(axis.distance(&numbers(&[1e-14, 0.25, 0.5])) > 0.0);
    }

    #[test]
    fn directions_and_labels_are_told() {
        assert_eq!(numbers(&[1.0, 2.0]).direction(), Direction::Ascending);
        assert_eq!(numbers(&[2.0, 1.0]).direction(), Direction::Descending);
        assert_eq!(numbers(&[2.0]).direction(), Direction::Single);
        assert_eq!(numbers(&[1.0, 1.0]).direction(), Direction::Unsorted);
        assert_eq!(numbers(&[f64::NAN]).direction(), Direction::Unsorted);
        let texts = Labels::new(Arc::new(StringArray::from(vec!["a", "b"])), None);
        assert_eq!((texts.direction(), texts.show(1).as_str()), (Direction::Ascending, "'b'"));
        let days = Labels::new(Arc::new(Int64Array::from(vec![59 * 86_400_000_000])), Some(Calendar::Day360));
        assert_eq!(days.show(0), "1970-02-30 00:00:00");
    }
}
