//! Where rows come from: partitions that push batches into whoever consumes them.

use crate::error::Result;
use crate::metrics::Operator;
use arrow::array::{Array, ArrayRef, MutableArrayData, UInt32Array, make_array};
use arrow::compute::take;
use hyperslab_expr::{ColumnId, SqlType};
use hyperslab_plan::Column;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::{Duration, Instant};

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

    /// The bytes of these rows, without those of a larger array that they may be a part of.
    pub fn bytes(&self) -> usize {
        self.columns.iter().map(array_bytes).sum()
    }
}

/// The bytes of an array's values, without those of a larger array that it may be a part of.
pub fn array_bytes(array: &ArrayRef) -> usize {
    array.to_data().get_slice_memory_size().unwrap_or_else(|_| array.get_array_memory_size())
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
