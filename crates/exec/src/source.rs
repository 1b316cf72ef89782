//! Where rows come from: partitions that push batches into whoever consumes them.

use crate::error::Result;
use crate::metrics::Operator;
use arrow::array::{Array, ArrayRef, AsArray, MutableArrayData, OffsetSizeTrait, UInt32Array, make_array};
use arrow::compute::take;
use arrow::datatypes::DataType;
use hyperslab_expr::{ColumnId, SqlType};
use hyperslab_plan::Column;
use std::ops::{ControlFlow, Range};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The most bytes that texts and lists should take in a batch.
const BATCH_BYTES: usize = 4 << 20;

/// Rows: one array a column, all of the same length.
#[derive(Clone, Debug)]
pub struct Batch {
    /// The columns, parallel to [`Source::columns`].
    pub columns: Vec<ArrayRef>,
    /// The number of rows, also where there are no columns.
    pub rows: usize,
}

impl Batch {
    /// The rows `offset..offset + rows`.
    pub fn slice(&self, offset: usize, rows: usize) -> Self {
        Self { columns: self.columns.iter().map(|column| column.slice(offset, rows)).collect(), rows }
    }

    /// The rows with these numbers.
    ///
    /// # Errors
    /// If Arrow cannot pick from one of the columns.
    pub(crate) fn take(&self, rows: &UInt32Array) -> Result<Self> {
        let columns = self.columns.iter().map(|column| take(column, rows, None)).collect::<Result<_, _>>()?;
        Ok(Self { columns, rows: rows.len() })
    }

    /// The same rows on their own: a part of a batch holds on to all of it.
    ///
    /// # Errors
    /// None but those of copying.
    pub(crate) fn copied(&self) -> Result<Self> {
        Ok(Self { columns: self.columns.iter().map(copied).collect::<Result<_>>()?, rows: self.rows })
    }

    /// The bytes of these rows, without those of a larger array that they may be a part of.
    pub fn bytes(&self) -> usize {
        self.columns.iter().map(array_bytes).sum()
    }
}

/// The bytes of an array's values, without those of a larger array that it may be a part of.
pub fn array_bytes(array: &ArrayRef) -> usize {
    if let Some(lists) = array.as_list_opt::<i32>() {
        // Arrow counts the items of all lists, also of those that are not part of it.
        let (first, last) = (lists.value_offsets()[0] as usize, lists.value_offsets()[lists.len()] as usize);
        let own = (lists.len() + 1) * size_of::<i32>() + lists.nulls().map_or(0, |_| lists.len().div_ceil(8));
        return own + array_bytes(&lists.values().slice(first, last - first));
    }
    array.to_data().get_slice_memory_size().unwrap_or_else(|_| array.get_array_memory_size())
}

/// The bytes of texts and lists in some rows of an array.
fn varying_bytes(array: &ArrayRef, rows: &Range<usize>) -> usize {
    fn between<O: OffsetSizeTrait>(offsets: &[O], rows: &Range<usize>) -> usize {
        offsets[rows.end].as_usize() - offsets[rows.start].as_usize()
    }
    match array.data_type() {
        DataType::Utf8 => between(array.as_string::<i32>().value_offsets(), rows),
        DataType::LargeUtf8 => between(array.as_string::<i64>().value_offsets(), rows),
        DataType::Binary => between(array.as_binary::<i32>().value_offsets(), rows),
        DataType::LargeBinary => between(array.as_binary::<i64>().value_offsets(), rows),
        DataType::List(_) => {
            let lists = array.as_list::<i32>();
            let offsets = lists.value_offsets();
            let items = offsets[rows.start] as usize..offsets[rows.end] as usize;
            let width = lists.value_type().primitive_width().unwrap_or(size_of::<i32>());
            items.len() * width + varying_bytes(lists.values(), &items)
        }
        _ => 0,
    }
}

/// How many rows of some columns, at least one if there is one and at most `most`, have no more texts and lists from a row on than a
/// batch should hold.
pub(crate) fn rows_of_batch(columns: &[ArrayRef], start: usize, most: usize) -> usize {
    let fits = |rows: usize| {
        let bytes = columns.iter().map(|column| varying_bytes(column, &(start..start + rows)));
        bytes.sum::<usize>() <= BATCH_BYTES
    };
    let (mut fitting, mut beyond) = (most.min(1), most + 1);
    if fits(most) {
        return most;
    }
    while fitting + 1 < beyond {
        let middle = usize::midpoint(fitting, beyond);
        if fits(middle) { fitting = middle } else { beyond = middle }
    }
    fitting
}

/// A copy of an array's values: a part of an array holds on to all of it.
///
/// # Errors
/// None but those of copying.
pub(crate) fn copied(array: &ArrayRef) -> Result<ArrayRef> {
    let values = array.to_data();
    let mut copy = MutableArrayData::new(vec![&values], false, array.len());
    copy.try_extend(0, 0, array.len())?;
    Ok(make_array(copy.freeze()))
}

/// A column of a source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceColumn {
    /// Its number in the query.
    pub id: ColumnId,
    /// The type of its values.
    pub ty: SqlType,
}

impl From<&Column> for SourceColumn {
    fn from(column: &Column) -> Self {
        Self { id: column.id, ty: column.ty.clone() }
    }
}

/// What takes the batches of a partition. After it breaks it must not be called again.
pub type Sink<'a> = dyn FnMut(Batch) -> Result<ControlFlow<()>> + 'a;

/// Rows in an order, cut into partitions: the partitions laid end to end are the rows.
///
/// An implementor gives the same batches of a partition each time, from any thread. Where the cuts between partitions
/// and between batches are depends on the data and the plan, never on the number of threads or on the memory limit.
pub trait Source: Send + Sync {
    /// The columns.
    fn columns(&self) -> &[SourceColumn];

    /// How many partitions there are.
    fn partitions(&self) -> usize;

    /// Pushes the rows of a partition, in order, and stops when the sink breaks, which is no error.
    ///
    /// # Errors
    /// What goes wrong here, or in the sink.
    fn run(&self, partition: usize, sink: &mut Sink<'_>) -> Result<()>;
}

impl Source for Arc<dyn Source> {
    fn columns(&self) -> &[SourceColumn] {
        self.as_ref().columns()
    }

    fn partitions(&self) -> usize {
        self.as_ref().partitions()
    }

    fn run(&self, partition: usize, sink: &mut Sink<'_>) -> Result<()> {
        self.as_ref().run(partition, sink)
    }
}

/// Counts the rows that a source gives, and the time it takes, the sink's left out.
pub struct Measured {
    source: Box<dyn Source>,
    operator: Arc<Operator>,
}

impl Measured {
    /// The same source, counted as an operator's output.
    pub fn new(source: Box<dyn Source>, operator: &Arc<Operator>) -> Self {
        Self { source, operator: operator.clone() }
    }
}

impl Source for Measured {
    fn columns(&self) -> &[SourceColumn] {
        self.source.columns()
    }

    fn partitions(&self) -> usize {
        self.source.partitions()
    }

    fn run(&self, partition: usize, sink: &mut Sink<'_>) -> Result<()> {
        let start = Instant::now();
        let mut in_sink = Duration::ZERO;
        let outcome = self.source.run(partition, &mut |batch| {
            self.operator.gave(batch.rows);
            let given = Instant::now();
            let flow = sink(batch);
            in_sink += given.elapsed();
            flow
        });
        self.operator.spent(start.elapsed().saturating_sub(in_sink));
        outcome
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::{Int64Array, ListArray, StringArray};
    use arrow::datatypes::Int64Type;

    #[test]
    fn lists_are_counted_without_those_of_others() {
        let lists = ListArray::from_iter_primitive::<Int64Type, _, _>((0..100).map(|n| Some((0..n).map(Some))));
        let lists: ArrayRef = Arc::new(lists);
        let all = array_bytes(&lists);
        assert!((99 * 50 * 8..99 * 50 * 8 + 2000).contains(&all), "{all}");
        let part = array_bytes(&lists.slice(10, 2));
        assert!(((10 + 11) * 8..300).contains(&part), "{part}");
    }

    #[test]
    fn a_batch_holds_few_rows_with_long_texts() {
        let texts: ArrayRef = Arc::new(StringArray::from_iter_values((0..100).map(|n| "x".repeat(n * 10_000))));
        let numbers: ArrayRef = Arc::new(Int64Array::from_iter_values(0..100));
        let columns = [numbers, texts];
        let (mut start, mut batches) = (0, Vec::new());
        while start < 100 {
            let rows = rows_of_batch(&columns, start, 100 - start);
            let bytes = |rows: usize| (start..start + rows).map(|n| n * 10_000).sum::<usize>();
            assert!(bytes(rows) <= BATCH_BYTES && (start + rows == 100 || bytes(rows + 1) > BATCH_BYTES));
            batches.push(rows);
            start += rows;
        }
        assert!(batches.len() > 10 && batches[0] == 29, "{batches:?}");
        assert_eq!(rows_of_batch(&columns[..1], 0, 100), 100);
        assert_eq!(rows_of_batch(&columns, 0, 0), 0);
    }
}
