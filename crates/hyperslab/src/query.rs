//! A running query: batches of rows, made on a thread of their own and handed over through a bounded channel.

use crate::session::from_exec;
use crate::{Error, ErrorKind, Result};
use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use hyperslab_exec::{CancelToken, Context, OperatorReport, Reservation};
use hyperslab_storage::metrics::ReadCounts;
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, sync_channel};
use std::thread::JoinHandle;

/// How many batches may wait to be taken.
const WAITING: usize = 4;

/// The stack of the thread that runs a query: deep plans and expressions are walked on it.
const STACK: usize = 64 << 20;

/// What the rows of a query are, for those who show them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Rows of a table.
    Rows,
    /// Lines of text: a plan.
    Plan,
    /// Nothing: a statement such as `SET`.
    Nothing,
}

/// A running query: an iterator over its rows, in order. Dropping it stops the query.
#[derive(Debug)]
pub struct Query {
    answer: Answer,
    schema: SchemaRef,
    context: Context,
    plan_warnings: Vec<String>,
    warnings_are_errors: bool,
    running: Option<Running>,
}

#[derive(Debug)]
struct Running {
    batches: Receiver<RecordBatch>,
    thread: JoinHandle<Result<()>>,
}

/// Takes the batches of a query on the thread that runs it; breaks when nobody wants more.
pub(crate) struct Outlet(SyncSender<RecordBatch>);

impl Outlet {
    /// Hands over a batch, as soon as there is room.
    pub(crate) fn give(&mut self, batch: RecordBatch) -> std::ops::ControlFlow<()> {
        match self.0.send(batch) {
            Ok(()) => std::ops::ControlFlow::Continue(()),
            Err(_) => std::ops::ControlFlow::Break(()),
        }
    }
}

/// Stops a query from any thread.
#[derive(Clone, Debug)]
pub struct CancelHandle(CancelToken);

impl CancelHandle {
    /// Asks the query to stop. Its iterator then ends with an error of kind [`ErrorKind::Cancelled`].
    pub fn cancel(&self) {
        self.0.cancel();
    }
}

/// How far a query is, from any thread.
#[derive(Clone, Debug)]
pub struct ProgressHandle(Context);

/// How far a query is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Chunks read, or found to be needless.
    pub chunks_done: u64,
    /// Chunks that the query will read, as far as is known yet.
    pub chunks_total: u64,
    /// Bytes read from disk.
    pub bytes_read: u64,
}

impl ProgressHandle {
    /// How far the query is now.
    pub fn now(&self) -> Progress {
        let (chunks_done, chunks_total) = self.0.metrics().progress();
        Progress { chunks_done, chunks_total, bytes_read: self.0.metrics().reads().snapshot().stored_bytes }
    }
}

/// What a query did so far.
#[derive(Clone, Debug)]
pub struct QueryMetrics {
    /// Chunks and bytes read.
    pub reads: ReadCounts,
    /// Rows, time and memory of each operator, outermost first.
    pub operators: Vec<OperatorReport>,
    /// The most bytes that the session's queries had reserved at a time.
    pub peak_memory: usize,
}

impl Query {
    /// Starts `run` on a thread of its own.
    pub(crate) fn start(
        (answer, schema): (Answer, SchemaRef),
        context: Context,
        warnings_are_errors: bool,
        plan_warnings: Vec<String>,
        run: impl FnOnce(&Context, Outlet) -> Result<()> + Send + 'static,
    ) -> Result<Self> {
        let (sender, batches) = sync_channel(WAITING);
        let shared = context.clone();
        let thread = std::thread::Builder::new().name("hyperslab query".to_string()).stack_size(STACK);
        let thread = thread.spawn(move || run(&shared, Outlet(sender))).map_err(|e| no_thread(&e))?;
        let running = Some(Running { batches, thread });
        let query = Self { answer, schema, context, plan_warnings, warnings_are_errors, running };
        query.check_warnings()?;
        Ok(query)
    }

    /// The Arrow schema of all batches; the fields' metadata are the attributes that still hold.
    pub fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }

    /// What the rows are.
    pub fn answer(&self) -> Answer {
        self.answer
    }

    /// What is doubtful about the result, as far as is known yet: all of it once the iterator has ended.
    pub fn warnings(&self) -> Vec<String> {
        let mut all = self.plan_warnings.clone();
        for warning in self.context.warnings().said() {
            if !all.contains(&warning) {
                all.push(warning);
            }
        }
        all
    }

    /// What the query did so far.
    pub fn metrics(&self) -> QueryMetrics {
        metrics(&self.context)
    }

    /// Stops the query from any thread.
    pub fn cancel_handle(&self) -> CancelHandle {
        CancelHandle(self.context.cancel_token().clone())
    }

    /// Tells from any thread how far the query is.
    pub fn progress_handle(&self) -> ProgressHandle {
        ProgressHandle(self.context.clone())
    }

    /// How far the query is.
    pub fn progress(&self) -> Progress {
        self.progress_handle().now()
    }

    /// How many threads the query runs on.
    pub(crate) fn threads(&self) -> usize {
        self.context.threads().current_num_threads()
    }

    /// The most memory that the query may take.
    pub(crate) fn memory_limit(&self) -> usize {
        self.context.memory().limit()
    }

    /// Memory for what is made of its rows, none yet.
    pub(crate) fn reserve(&self, what: &'static str) -> Result<Reservation> {
        self.context.memory().reserve(0, what).map_err(|error| from_exec(error, None))
    }

    /// The next batch if there is one to take without waiting; `None` is not the end.
    pub(crate) fn next_ready(&mut self) -> Option<Result<RecordBatch>> {
        match self.running.as_ref()?.batches.try_recv() {
            Ok(batch) => Some(Ok(batch)),
            Err(TryRecvError::Empty | TryRecvError::Disconnected) => None,
        }
    }

    /// Waits for the thread of the query and takes its outcome.
    fn finish(&mut self) -> Result<()> {
        let Some(Running { batches, thread }) = self.running.take() else { return Ok(()) };
        drop(batches);
        thread.join().unwrap_or_else(|panic| Err(from_panic(panic.as_ref())))?;
        self.check_warnings()
    }

    fn check_warnings(&self) -> Result<()> {
        match self.warnings().first() {
            Some(warning) if self.warnings_are_errors => {
                Err(Error::new(ErrorKind::Warning, warning).with_hint("SET warnings = 'warning' lets it pass"))
            }
            Some(_) | None => Ok(()),
        }
    }
}

impl Iterator for Query {
    type Item = Result<RecordBatch>;

    fn next(&mut self) -> Option<Result<RecordBatch>> {
        match self.running.as_ref()?.batches.recv() {
            Ok(batch) => Some(Ok(batch)),
            Err(_) => self.finish().err().map(Err),
        }
    }
}

impl Drop for Query {
    /// Stops the query and waits until it has let go of files and memory.
    fn drop(&mut self) {
        if let Some(Running { batches, thread }) = self.running.take() {
            self.context.cancel_token().cancel();
            drop(batches);
            // The outcome of a query that nobody wants any more is of no interest.
            drop(thread.join());
        }
    }
}

/// What a query with this context did so far.
pub(crate) fn metrics(context: &Context) -> QueryMetrics {
    let (reads, operators) = (context.metrics().reads().snapshot(), context.metrics().report());
    QueryMetrics { reads, operators, peak_memory: context.memory().peak() }
}

/// Runs `work` on a thread with a stack for deep expressions and waits for it: callers may have small stacks.
pub(crate) fn on_deep_stack<T: Send>(work: impl FnOnce() -> Result<T> + Send) -> Result<T> {
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().name("hyperslab plan".to_string()).stack_size(STACK);
        let thread = thread.spawn_scoped(scope, work).map_err(|e| no_thread(&e))?;
        thread.join().unwrap_or_else(|panic| Err(from_panic(panic.as_ref())))
    })
}

fn no_thread(error: &std::io::Error) -> Error {
    Error::new(ErrorKind::Internal, format!("a thread cannot be started: {error}"))
}

fn from_panic(panic: &(dyn std::any::Any + Send)) -> Error {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("without a message");
    Error::new(ErrorKind::Internal, format!("internal error: {text}")).with_hint("please report it with the query")
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::{Int64Array, RecordBatchOptions};
    use arrow::datatypes::{DataType, Field, Schema};
    use hyperslab_exec::{MemoryPool, thread_pool};
    use std::ops::ControlFlow;
    use std::sync::Arc;
    use std::time::Duration;

    fn schema() -> SchemaRef {
        Arc::new(Schema::new(vec![Field::new("n", DataType::Int64, true)]))
    }

    fn batch(first: i64, rows: i64) -> RecordBatch {
        let numbers = Arc::new(Int64Array::from_iter_values(first..first + rows));
        let options = RecordBatchOptions::new().with_row_count(Some(rows as usize));
        RecordBatch::try_new_with_options(schema(), vec![numbers], &options).expect("one column of numbers")
    }

    fn start(strict: bool, run: impl FnOnce(&Context, Outlet) -> Result<()> + Send + 'static) -> Query {
        let context = Context::new(thread_pool(2).expect("two threads"), MemoryPool::new(1 << 20));
        Query::start((Answer::Rows, schema()), context, strict, Vec::new(), run).expect("a query that starts")
    }

    /// `batches` batches of 100 rows, counted up.
    fn numbers(batches: i64) -> Query {
        start(false, move |_, mut outlet| {
            for at in 0..batches {
                if outlet.give(batch(at * 100, 100)).is_break() {
                    break;
                }
            }
            Ok(())
        })
    }

    #[test]
    fn text_is_written_in_order_however_many_threads_format_it() {
        let mut text = Vec::new();
        let rows = crate::output::write_csv(&mut numbers(500), &mut text).expect("all is written");
        let wanted: String = std::iter::once("n\n".to_string()).chain((0..50_000).map(|n| format!("{n}\n"))).collect();
        assert!(rows == 50_000 && text == wanted.as_bytes());
    }

    #[test]
    fn large_batches_are_cut_and_stay_in_order() {
        let mut query = start(false, |_, mut outlet| {
            let _ = outlet.give(batch(0, 100_000));
            Ok(())
        });
        let mut text = Vec::new();
        let layout = crate::output::JsonLayout::Array;
        let rows = crate::output::write_json(&mut query, layout, &mut text).expect("all is written");
        let value: serde_json::Value = serde_json::from_slice(&text).expect("valid JSON");
        let last = value.as_array().and_then(|rows| rows.last()).and_then(|row| row["n"].as_i64());
        assert_eq!((rows, last), (100_000, Some(99_999)));
    }

    #[test]
    fn an_empty_result_is_an_empty_array() {
        let mut text = Vec::new();
        crate::output::write_json(&mut numbers(0), crate::output::JsonLayout::Array, &mut text)
            .expect("all is written");
        assert_eq!(text, b"[]\n");
    }

    #[test]
    fn errors_and_panics_end_the_rows() {
        let failing = start(false, |_, mut outlet| {
            let _ = outlet.give(batch(0, 1));
            Err(Error::new(ErrorKind::Type, "overflow"))
        });
        let outcomes: Vec<_> = failing.map(|batch| batch.map(|b| b.num_rows()).map_err(|e| e.kind())).collect();
        assert_eq!(outcomes, [Ok(1), Err(ErrorKind::Type)]);
        let panicking = start(false, |_, _| panic!("a bug"));
        let outcomes: Vec<_> = panicking.map(|batch| batch.map(drop).map_err(|e| e.kind())).collect();
        assert_eq!(outcomes, [Err(ErrorKind::Internal)]);
    }

    #[test]
    fn a_dropped_query_stops() {
        let (stopped, seen) = std::sync::mpsc::channel();
        let query = start(false, move |context, mut outlet| {
            while outlet.give(batch(0, 1)) == ControlFlow::Continue(()) && context.check().is_ok() {}
            stopped.send(()).map_err(|e| Error::new(ErrorKind::Internal, e.to_string()))
        });
        drop(query);
        assert_eq!(seen.recv_timeout(Duration::from_secs(5)), Ok(()));
    }

    #[test]
    fn warnings_come_with_the_result_or_are_errors() {
        let run = |context: &Context, mut outlet: Outlet| {
            let _ = outlet.give(batch(0, 1));
            context.warnings().say("labels were lost");
            Ok(())
        };
        let mut lenient = start(false, run);
        assert!(lenient.by_ref().all(|batch| batch.is_ok()));
        assert_eq!(lenient.warnings(), ["labels were lost"]);
        let outcomes: Vec<_> = start(true, run).map(|batch| batch.map(drop).map_err(|e| e.kind())).collect();
        assert_eq!(outcomes, [Ok(()), Err(ErrorKind::Warning)]);
    }
}
