//! Small tables of random rows, cut at random places, for tests of the operators.

use super::stored::{StoredRows, joined};
use crate::context::{Context, thread_pool};
use crate::error::Result;
use crate::memory::MemoryPool;
use crate::parallel::stream_ordered;
use crate::source::{Batch, Sink, Source, SourceColumn};
use arrow::array::{Array, ArrayRef, AsArray, Float64Array, Int64Array, StringArray};
use arrow::datatypes::{DataType, Float64Type, Int64Type};
use hyperslab_expr::{ColumnId, Expr, Scalar, SqlType};
use hyperslab_plan::Column;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A row of a table with a BIGINT, a DOUBLE and a VARCHAR.
pub(crate) type Row = (Option<i64>, Option<f64>, Option<String>);

/// A value of a result, comparable bit by bit.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Cell {
    Null,
    Boolean(bool),
    Int(i64),
    Float(u64),
    Text(String),
}

impl Cell {
    /// The cells of a row.
    pub(crate) fn of((int, float, text): &Row) -> Vec<Self> {
        let text = text.clone().map_or(Self::Null, Self::Text);
        vec![int.map_or(Self::Null, Self::Int), float.map_or(Self::Null, |float| Self::Float(float.to_bits())), text]
    }

    fn at(array: &ArrayRef, row: usize) -> Self {
        if array.is_null(row) {
            return Self::Null;
        }
        match array.data_type() {
            DataType::Boolean => Self::Boolean(array.as_boolean().value(row)),
            DataType::Int64 => Self::Int(array.as_primitive::<Int64Type>().value(row)),
            DataType::Float64 => Self::Float(array.as_primitive::<Float64Type>().value(row).to_bits()),
            DataType::Utf8 => Self::Text(array.as_string::<i32>().value(row).to_string()),
            other => panic!("no test has {other}"),
        }
    }
}

/// A sequence of numbers that is the same every time.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    /// A number below `end`.
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % end
    }

    /// Rows with few distinct values, NULL, both zeros and NaN among them.
    pub(crate) fn rows(&mut self, count: usize) -> Vec<Row> {
        (0..count).map(|_| self.row()).collect()
    }

    fn row(&mut self) -> Row {
        const FLOATS: [f64; 6] = [0.0, -0.0, 1.5, -2.25, f64::NAN, f64::INFINITY];
        let int = self.below(9).checked_sub(1).map(|int| int as i64 - 3);
        let float = FLOATS.get(self.below(7) as usize).copied();
        let text = self.below(6).checked_sub(1).map(|len| "ab".repeat(len as usize));
        (int, float, text)
    }
}

/// The columns of a table, numbered from `first`.
pub(crate) fn columns(first: u32) -> Vec<SourceColumn> {
    let types = [SqlType::BigInt, SqlType::Double, SqlType::Varchar];
    (first..).zip(types).map(|(id, ty)| SourceColumn { id: ColumnId(id), ty }).collect()
}

/// An expression that is a column of a table.
pub(crate) fn column(columns: &[SourceColumn], at: usize) -> Expr {
    Expr::Column(columns[at].id, columns[at].ty.clone())
}

/// A BIGINT constant.
pub(crate) fn int(value: i128) -> Expr {
    Expr::Literal(Scalar::Integer(value, SqlType::BigInt))
}

/// A call of a scalar function that gives BOOLEAN.
pub(crate) fn test(function: &str, args: Vec<Expr>) -> Expr {
    Expr::Call { function: function.to_string(), args, ty: SqlType::Boolean, at: None }
}

/// A column for a result, with a number that no table has.
pub(crate) fn named(id: u32, ty: SqlType) -> Column {
    Column { id: ColumnId(1000 + id), name: format!("c{id}"), ty, metadata: Default::default() }
}

fn batch(rows: &[Row]) -> Batch {
    let ints: Int64Array = rows.iter().map(|row| row.0).collect();
    let floats: Float64Array = rows.iter().map(|row| row.1).collect();
    let texts: StringArray = rows.iter().map(|row| row.2.as_deref()).collect();
    Batch { columns: vec![Arc::new(ints), Arc::new(floats), Arc::new(texts)], rows: rows.len() }
}

/// A table as a source of several partitions with several batches each.
pub(crate) fn source(random: &mut Random, first: u32, rows: &[Row]) -> Box<dyn Source> {
    let (mut partitions, mut rest) = (vec![Vec::new()], rows);
    while !rest.is_empty() {
        let (head, tail) = rest.split_at((random.below(40) as usize).min(rest.len()));
        partitions.last_mut().expect("there is one").push(batch(head));
        rest = tail;
        if random.below(3) == 0 {
            partitions.push(Vec::new());
        }
    }
    Box::new(StoredRows::new(columns(first), partitions, Vec::new()))
}

/// A context with so many threads, and memory enough.
pub(crate) fn context(threads: usize) -> Context {
    Context::new(thread_pool(threads).expect("threads can be started"), MemoryPool::new(1 << 30))
}

/// The same threads with so much memory of their own.
pub(crate) fn with_memory(context: &Context, limit: usize) -> Context {
    Context::new(context.threads().clone(), MemoryPool::new(limit))
}

/// All rows of a source.
pub(crate) fn cells(context: &Context, source: &dyn Source) -> Result<Vec<Vec<Cell>>> {
    let mut batches = Vec::new();
    stream_ordered(context, source, &mut |batch| {
        batches.push(batch);
        Ok(ControlFlow::Continue(()))
    })?;
    if batches.is_empty() {
        return Ok(Vec::new());
    }
    let all = joined(&batches)?;
    Ok((0..all.rows).map(|row| all.columns.iter().map(|column| Cell::at(column, row)).collect()).collect())
}

/// What an operator makes of its context and its inputs, with 1 thread and with 2, which must be the same.
pub(crate) fn on_any_threads(run: impl Fn(&Context) -> Result<Box<dyn Source>>) -> Vec<Vec<Cell>> {
    let [one, two] = [1, 2].map(|threads| {
        let context = context(threads);
        let source = run(&context).expect("the operator succeeds");
        let rows = cells(&context, source.as_ref()).expect("its output can be read");
        drop(source);
        assert_eq!(context.memory().reserved(), 0, "all memory is given back");
        rows
    });
    assert_eq!(one, two);
    one
}

/// Counts the batches that are taken from a source.
pub(crate) struct Counted {
    source: Box<dyn Source>,
    batches: Arc<AtomicUsize>,
}

impl Counted {
    /// The source, and the count.
    pub(crate) fn around(source: Box<dyn Source>) -> (Box<dyn Source>, Arc<AtomicUsize>) {
        let batches = Arc::new(AtomicUsize::new(0));
        (Box::new(Self { source, batches: batches.clone() }), batches)
    }
}

impl Source for Counted {
    fn columns(&self) -> &[SourceColumn] {
        self.source.columns()
    }

    fn partitions(&self) -> usize {
        self.source.partitions()
    }

    fn run(&self, partition: usize, sink: &mut Sink<'_>) -> Result<()> {
        self.source.run(partition, &mut |batch| {
            self.batches.fetch_add(1, Ordering::SeqCst);
            sink(batch)
        })
    }
}
