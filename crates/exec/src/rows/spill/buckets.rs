//! Runs an operator on rows with equal keys where all rows together do not fit the memory limit: they are written to disk by
//! the hash of their keys, and the operator runs on one bucket after the other. Buckets that are still too large are divided
//! again. What the operator gives is brought into the order of places in the end.

use super::bucket_writer::{BucketWriter, Waiting, Written};
use super::file::{Segment, SpillFile};
use super::places::{self, place};
use super::sorter::Sorter;
use crate::context::Context;
use crate::error::{Error, Result};
use crate::memory::Reservation;
use crate::metrics::Operator;
use crate::parallel::{Begun, each_partition, fold_partitions};
use crate::rows::evaluate::evaluate;
use crate::rows::key_table::KeyHasher;
use crate::rows::project::Projected;
use crate::rows::stored::{StoredRows, cuts, joined_or_empty};
use crate::source::{Batch, Sink, Source, SourceColumn};
use arrow::array::UInt32Array;
use hyperslab_expr::Expr;
use hyperslab_plan::SortKey;
use std::ops::ControlFlow;
use std::sync::Arc;

/// How many bits of a hash choose a bucket.
const BUCKET_BITS: u32 = 5;
const BUCKETS: usize = 1 << BUCKET_BITS;

/// How often a bucket may be divided again: what is too large after that has few keys.
const MOST_ROUNDS: u32 = 4;

/// An input of the operator.
pub(crate) struct Side<'a> {
    pub(crate) input: &'a dyn Source,
    pub(crate) keys: Vec<Expr>,
    /// Whether the operator holds its rows, and wants them in order; it takes others as they come.
    pub(crate) is_held: bool,
}

/// What an operator makes of its sides. Each has a last column more, the places of its rows ([`places::column`]), and so must
/// have the result, in any position.
pub(crate) type Run<'a> = dyn Fn(Vec<Box<dyn Source>>) -> Result<Box<dyn Source>> + Sync + 'a;

/// What `run` makes of all rows of the sides, in order of the places of the first side, then of the second, and without places.
/// `columns` are those of its result.
///
/// # Errors
/// What goes wrong in a side or in the operator; rows with equal keys that do not fit the memory limit.
pub(crate) fn by_key(
    context: &Context,
    operator: &Arc<Operator>,
    sides: &[Side<'_>],
    columns: &[SourceColumn],
    run: &Run<'_>,
) -> Result<Box<dyn Source>> {
    let is_place = |column: &SourceColumn| (0..sides.len() as u32).any(|side| places::column(side).id == column.id);
    let order: Vec<SortKey> =
        (0..sides.len() as u32).filter(|side| columns.contains(&places::column(*side))).map(places::order).collect();
    let sorter = Sorter::new(context, operator, columns, &order)?;
    let buckets = Buckets { context, operator, run, out: &sorter };
    let scattered = sides.iter().enumerate().map(|(number, side)| buckets.scatter(side, Some(number as u32), 0));
    buckets.work_on(&scattered.collect::<Result<Vec<_>>>()?, 0)?;
    let shown = columns.iter().filter(|column| !is_place(column)).cloned().collect();
    Ok(Box::new(Projected::keeping(sorter.finish()?, shown)))
}

/// What all rounds share.
struct Buckets<'a> {
    context: &'a Context,
    operator: &'a Arc<Operator>,
    run: &'a Run<'a>,
    out: &'a Sorter<'a>,
}

impl Buckets<'_> {
    /// Writes the rows of a side by the hash of their keys, with places if they have none yet.
    fn scatter(&self, side: &Side<'_>, unplaced: Option<u32>, round: u32) -> Result<Scattered> {
        let columns = side.input.columns().iter().cloned().chain(unplaced.map(places::column)).collect();
        let scatter = Scatter::new(self.context, self.operator, columns, side, round)?;
        let run = |partition, begun: &Begun| scatter.take_partition(side.input, partition, unplaced.is_some(), begun);
        each_partition(self.context, side.input.partitions(), run)?;
        scatter.finish()
    }

    /// Runs the operator on each bucket.
    fn work_on(&self, sides: &[Scattered], round: u32) -> Result<()> {
        let run = |bucket| self.work_on_bucket(sides, bucket, round);
        fold_partitions(self.context, BUCKETS, run, |_, ()| Ok(ControlFlow::Continue(())))
    }

    fn work_on_bucket(&self, sides: &[Scattered], bucket: usize, round: u32) -> Result<()> {
        let held = sides.iter().filter(|side| side.is_held).map(|side| side.bytes(bucket)).sum::<usize>();
        let share = self.context.memory().limit() / (16 * self.context.threads().current_num_threads());
        if held > share && round < MOST_ROUNDS {
            return self.divide(sides, bucket, round);
        }
        match self.rows_of_bucket(sides, bucket) {
            Err(Error::OutOfMemory(_)) if round < MOST_ROUNDS => self.divide(sides, bucket, round),
            outcome => self.give(outcome?),
        }
    }

    /// Makes buckets of a bucket.
    fn divide(&self, sides: &[Scattered], bucket: usize, round: u32) -> Result<()> {
        let again = |side: &Scattered| {
            let input = side.streamed(bucket);
            let side = Side { input: &input, keys: side.keys.clone(), is_held: side.is_held };
            self.scatter(&side, None, round + 1)
        };
        self.work_on(&sides.iter().map(again).collect::<Result<Vec<_>>>()?, round + 1)
    }

    /// What the operator makes of a bucket. Nothing is given before all of it is known: if it does not fit, the bucket is
    /// begun anew, and nothing must be there twice.
    fn rows_of_bucket(&self, sides: &[Scattered], bucket: usize) -> Result<(Vec<Batch>, Reservation)> {
        let mut rows = Vec::new();
        let mut memory = self.context.memory().reserve(0, "the rows of a part of the keys")?;
        if sides.iter().all(|side| side.buckets[bucket].is_empty()) {
            return Ok((rows, memory));
        }
        let source = |side: &Scattered| -> Result<Box<dyn Source>> {
            if side.is_held { side.loaded(self.context, bucket) } else { Ok(Box::new(side.streamed(bucket))) }
        };
        let result = (self.run)(sides.iter().map(source).collect::<Result<_>>()?)?;
        for partition in 0..result.partitions() {
            result.run(partition, &mut |batch| {
                self.context.check()?;
                memory.grow(batch.bytes())?;
                rows.push(batch);
                Ok(ControlFlow::Continue(()))
            })?;
        }
        Ok((rows, memory))
    }

    /// Gives rows, whose places tell all of them apart.
    fn give(&self, (rows, mut memory): (Vec<Batch>, Reservation)) -> Result<()> {
        for batch in rows {
            memory.shrink(batch.bytes());
            self.out.push(0, batch)?;
        }
        Ok(())
    }
}

/// The rows of a side while they are written.
struct Scatter<'a> {
    columns: Vec<SourceColumn>,
    side: &'a Side<'a>,
    hasher: KeyHasher,
    shift: u32,
    writer: BucketWriter<()>,
}

impl<'a> Scatter<'a> {
    fn new(
        context: &Context,
        operator: &Arc<Operator>,
        columns: Vec<SourceColumn>,
        side: &'a Side<'a>,
        round: u32,
    ) -> Result<Self> {
        let types: Vec<_> = side.keys.iter().map(|key| key.sql_type().to_arrow()).collect();
        let writer = BucketWriter::new(context, operator, &columns, BUCKETS)?;
        Ok(Self { columns, side, hasher: KeyHasher::new(&types)?, shift: round * BUCKET_BITS, writer })
    }

    fn take_partition(&self, input: &dyn Source, partition: usize, adds_places: bool, begun: &Begun) -> Result<()> {
        let mut waiting = self.writer.begin();
        let mut row = 0;
        let outcome = input.run(partition, &mut |mut batch| {
            let keys = self.side.keys.iter().map(|key| evaluate(key, input.columns(), &batch));
            let hashes = self.hasher.hashes(&keys.collect::<Result<Vec<_>>>()?)?;
            if adds_places {
                let start = place(partition, row)?;
                row += batch.rows;
                let end = start + batch.rows as u64;
                batch = places::with(batch, start..end);
            }
            begun.begin();
            self.share_out(&batch, &hashes, &mut waiting)?;
            Ok(ControlFlow::Continue(()))
        });
        // Rows of other partitions may wait there too.
        self.writer.give_back(waiting);
        outcome
    }

    fn share_out(&self, batch: &Batch, hashes: &[u64], waiting: &mut [Waiting<()>]) -> Result<()> {
        let mut rows: Vec<Vec<u32>> = vec![Vec::new(); BUCKETS];
        for (row, hash) in hashes.iter().enumerate() {
            rows[(hash >> self.shift) as usize % BUCKETS].push(row as u32);
        }
        for (bucket, rows) in rows.into_iter().enumerate().filter(|(_, rows)| !rows.is_empty()) {
            self.writer.push(waiting, bucket, batch.take(&UInt32Array::from(rows))?, ())?;
        }
        Ok(())
    }

    fn finish(self) -> Result<Scattered> {
        let (file, written) = self.writer.finish()?;
        let segments = |written: Vec<Written<()>>| written.into_iter().map(|written| written.segment).collect();
        Ok(Scattered {
            columns: self.columns,
            keys: self.side.keys.clone(),
            is_held: self.side.is_held,
            file: Arc::new(file),
            buckets: written.into_iter().map(segments).collect(),
        })
    }
}

/// The rows of a side on disk, by bucket.
struct Scattered {
    columns: Vec<SourceColumn>,
    keys: Vec<Expr>,
    is_held: bool,
    file: Arc<SpillFile>,
    buckets: Vec<Vec<Segment>>,
}

impl Scattered {
    fn bytes(&self, bucket: usize) -> usize {
        self.buckets[bucket].iter().map(|segment| segment.bytes).sum()
    }

    /// The rows of a bucket in no order.
    fn streamed(&self, bucket: usize) -> Streamed {
        let segments = self.buckets[bucket].clone();
        Streamed { columns: self.columns.clone(), file: self.file.clone(), segments }
    }

    /// The rows of a bucket in order, in the partitions that they came from: sums over partitions stay what they are.
    fn loaded(&self, context: &Context, bucket: usize) -> Result<Box<dyn Source>> {
        let mut memory = context.memory().reserve(2 * self.bytes(bucket), "the rows of a part of the keys")?;
        let batches = self.buckets[bucket].iter().map(|segment| self.file.read(segment)).collect::<Result<_>>()?;
        let rows = in_order(&joined_or_empty(&self.columns, batches)?)?;
        memory.resize(rows.bytes())?;
        let partition_of = |place: &u64| places::partition(*place);
        let mut partitions = Vec::new();
        if places::of(&rows).values().first().is_some_and(|place| partition_of(place) > 0) {
            // Whoever merges partitions begins with the first one there was, which had no row with these keys.
            partitions.push(Vec::new());
        }
        let mut start = 0;
        for run in places::of(&rows).values().chunk_by(|a, b| partition_of(a) == partition_of(b)) {
            partitions.push(cuts(run.len()).map(|cut| rows.slice(start + cut.start, cut.len())).collect());
            start += run.len();
        }
        Ok(Box::new(StoredRows::new(self.columns.clone(), partitions, vec![memory])))
    }
}

fn in_order(rows: &Batch) -> Result<Batch> {
    let of_rows = places::of(rows).values();
    let mut order: Vec<u32> = (0..rows.rows as u32).collect();
    order.sort_unstable_by_key(|row| of_rows[*row as usize]);
    rows.take(&UInt32Array::from(order))
}

/// Rows of a bucket as they are read: a segment is a partition.
struct Streamed {
    columns: Vec<SourceColumn>,
    file: Arc<SpillFile>,
    segments: Vec<Segment>,
}

impl Source for Streamed {
    fn columns(&self) -> &[SourceColumn] {
        &self.columns
    }

    fn partitions(&self) -> usize {
        self.segments.len()
    }

    fn run(&self, partition: usize, sink: &mut Sink<'_>) -> Result<()> {
        sink(self.file.read(&self.segments[partition])?).map(drop)
    }
}
