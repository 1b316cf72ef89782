//! Functions that give the value of another row, or a place.

use super::Sorted;
use super::frames::Frames;
use crate::error::Result;
use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, Int64Array, UInt32Array};
use arrow::compute::kernels::zip::zip;
use arrow::compute::take;
use arrow::datatypes::Int64Type;
use hyperslab_expr::{Error, Expr};
use hyperslab_plan::window::FramePlace;
use std::sync::Arc;

/// The rows that count: all, or those whose value is not NULL.
struct Counted {
    /// For each row how many count before it, and how many in all at the end; absent if all do.
    before: Option<(Vec<u32>, Vec<u32>)>,
}

impl Counted {
    fn new(values: &ArrayRef, ignore_nulls: bool) -> Self {
        let nulls = values.logical_nulls().filter(|nulls| ignore_nulls && nulls.null_count() > 0);
        let before = nulls.map(|nulls| {
            let rows: Vec<u32> = nulls.valid_indices().map(|row| row as u32).collect();
            let mut counts = Vec::with_capacity(values.len() + 1);
            let mut count = 0;
            for valid in nulls.iter() {
                counts.push(count);
                count += u32::from(valid);
            }
            counts.push(count);
            (counts, rows)
        });
        Self { before }
    }

    /// How many rows before `row` count.
    fn before(&self, row: usize) -> i64 {
        self.before.as_ref().map_or(row as i64, |(counts, _)| i64::from(counts[row]))
    }

    /// The row number `n` of those that count.
    fn row(&self, n: i64) -> Option<usize> {
        let n = usize::try_from(n).ok()?;
        match &self.before {
            None => Some(n),
            Some((_, rows)) => rows.get(n).map(|row| *row as usize),
        }
    }
}

/// `lag` and `lead`.
pub(super) fn shifted(
    sorted: &Sorted<'_>,
    [arg, offset]: [&Expr; 2],
    default: Option<&Expr>,
    ahead: bool,
    ignore_nulls: bool,
) -> Result<ArrayRef> {
    let (values, offsets) = (sorted.evaluate(arg)?, sorted.evaluate(offset)?);
    let offsets = offsets.as_primitive::<Int64Type>();
    let counted = Counted::new(&values, ignore_nulls);
    let target = |row: usize| -> Option<u32> {
        let offset = offsets.is_valid(row).then(|| offsets.value(row))?;
        let by = if ahead { offset } else { offset.checked_neg()? };
        // Among the rows that count, this one comes after those before it, whether it counts itself or not.
        let at = match by {
            0 => row,
            1.. => counted.row(counted.before(row + 1).checked_add(by - 1)?)?,
            _ => counted.row(counted.before(row).checked_add(by)?)?,
        };
        sorted.partition(row).contains(&at).then_some(at as u32)
    };
    let targets: UInt32Array = (0..sorted.rows.rows).map(target).collect();
    let found = take(&values, &targets, None)?;
    let Some(default) = default else { return Ok(found) };
    let has_row = BooleanArray::from_iter((0..targets.len()).map(|row| Some(targets.is_valid(row))));
    Ok(zip(&has_row, &found, &sorted.evaluate(default)?)?)
}

/// `first_value`, `last_value` and `nth_value`.
pub(super) fn picked(
    sorted: &Sorted<'_>,
    arg: &Expr,
    place: &FramePlace,
    frames: &Frames,
    ignore_nulls: bool,
) -> Result<ArrayRef> {
    let values = sorted.evaluate(arg)?;
    let counted = Counted::new(&values, ignore_nulls);
    let numbers = match place {
        FramePlace::Nth(n) => Some(sorted.evaluate(n)?),
        FramePlace::First | FramePlace::Last => None,
    };
    let target = |row: usize| -> Option<u32> {
        let frame = frames.of(row);
        let first = counted.before(frame.start);
        let at = match (place, &numbers) {
            (FramePlace::Last, _) => counted.before(frame.end) - 1,
            (FramePlace::Nth(_), Some(numbers)) => {
                let n = numbers.as_primitive::<Int64Type>();
                first.checked_add(n.is_valid(row).then(|| n.value(row))?.checked_sub(1)?)?
            }
            _ => first,
        };
        let at = counted.row(at)?;
        frame.contains(&at).then_some(at as u32)
    };
    Ok(take(&values, &(0..sorted.rows.rows).map(target).collect::<UInt32Array>(), None)?)
}

/// `ntile`: the first parts have one row more where rows cannot be shared equally.
pub(super) fn ntile(sorted: &Sorted<'_>, parts: &Expr) -> Result<ArrayRef> {
    let parts = sorted.evaluate(parts)?;
    let parts = parts.as_primitive::<Int64Type>();
    let part = |row: usize| -> Result<Option<i64>> {
        if parts.is_null(row) {
            return Ok(None);
        }
        let Some(parts) = usize::try_from(parts.value(row)).ok().filter(|parts| *parts > 0) else {
            return Err(Error::new("ntile takes a number greater than 0").into());
        };
        let partition = sorted.partition(row);
        let (at, size, larger) = (row - partition.start, partition.len() / parts, partition.len() % parts);
        let in_larger = larger * (size + 1);
        let part = if at < in_larger { at / (size + 1) } else { larger + (at - in_larger) / size.max(1) };
        Ok(Some(part as i64 + 1))
    };
    let numbers = (0..sorted.rows.rows).map(part).collect::<Result<Int64Array>>()?;
    Ok(Arc::new(numbers))
}
