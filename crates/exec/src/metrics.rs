//! What a query did, for EXPLAIN ANALYZE and progress. Only counts; never used to synchronise.

use hyperslab_storage::metrics::ReadMetrics;
use std::ops::Deref;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The counts of one query, shared by all its threads.
#[derive(Debug, Default)]
pub struct Metrics {
    operators: Mutex<Operators>,
    reads: Arc<ReadMetrics>,
    chunks_done: AtomicU64,
    chunks_total: AtomicU64,
}

/// The operators met so far, outermost first, as the plan is lowered.
#[derive(Debug, Default)]
struct Operators {
    depth: usize,
    entered: Vec<(usize, String, Arc<Operator>)>,
}

/// The running counts of one operator.
#[derive(Debug, Default)]
pub struct Operator {
    rows: AtomicU64,
    nanoseconds: AtomicU64,
    memory: AtomicUsize,
    memory_peak: AtomicUsize,
    spilled: AtomicU64,
}

/// What one operator did.
#[derive(Clone, Debug, PartialEq)]
pub struct OperatorReport {
    /// How far beneath the outermost operator.
    pub depth: usize,
    /// Its name in the plan.
    pub name: String,
    /// The rows that it gave.
    pub rows: u64,
    /// The time spent in it, its inputs left out, summed over threads.
    pub seconds: f64,
    /// The most bytes it had reserved at a time.
    pub memory_bytes: usize,
    /// The bytes that it wrote to temporary files.
    pub spilled_bytes: u64,
}

impl Metrics {
    /// Notes that a node of the plan is being lowered; nodes entered before the scope ends are its inputs.
    pub fn enter(self: &Arc<Self>, name: impl Into<String>) -> OperatorScope {
        let operator = Arc::new(Operator::default());
        let mut operators = self.operators.lock().unwrap_or_else(PoisonError::into_inner);
        let depth = operators.depth;
        operators.entered.push((depth, name.into(), operator.clone()));
        operators.depth += 1;
        drop(operators);
        OperatorScope { metrics: self.clone(), operator }
    }

    /// What each operator did so far, in the order of the plan.
    pub fn report(&self) -> Vec<OperatorReport> {
        let operators = self.operators.lock().unwrap_or_else(PoisonError::into_inner);
        let entered = &operators.entered;
        let report = |(at, (depth, name, operator)): (usize, &(usize, String, Arc<Operator>))| {
            let beneath = entered[at + 1..].iter().take_while(|(below, ..)| below > depth);
            let inputs = beneath.filter(|(below, ..)| *below == depth + 1).map(|(_, _, input)| input.busy());
            let own = operator.busy().saturating_sub(inputs.sum());
            OperatorReport {
                depth: *depth,
                name: name.clone(),
                rows: operator.rows.load(Ordering::Relaxed),
                seconds: own.as_secs_f64(),
                memory_bytes: operator.memory_peak.load(Ordering::Relaxed),
                spilled_bytes: operator.spilled_bytes(),
            }
        };
        entered.iter().enumerate().map(report).collect()
    }

    /// What reading files counts.
    pub fn reads(&self) -> &Arc<ReadMetrics> {
        &self.reads
    }

    /// Adds chunks that the query will read.
    pub fn expect_chunks(&self, chunks: u64) {
        self.chunks_total.fetch_add(chunks, Ordering::Relaxed);
    }

    /// Counts chunks that the query has read, or need not read any more.
    pub fn chunks_done(&self, chunks: u64) {
        self.chunks_done.fetch_add(chunks, Ordering::Relaxed);
    }

    /// Chunks done, and chunks in all: those done where more were read than expected, as by an operator that begins anew
    /// because rows do not fit.
    pub fn progress(&self) -> (u64, u64) {
        let done = self.chunks_done.load(Ordering::Relaxed);
        (done, self.chunks_total.load(Ordering::Relaxed).max(done))
    }
}

/// A node of the plan while it is lowered, and its counts.
#[derive(Debug)]
pub struct OperatorScope {
    metrics: Arc<Metrics>,
    operator: Arc<Operator>,
}

impl Deref for OperatorScope {
    type Target = Arc<Operator>;

    fn deref(&self) -> &Arc<Operator> {
        &self.operator
    }
}

impl Drop for OperatorScope {
    fn drop(&mut self) {
        self.metrics.operators.lock().unwrap_or_else(PoisonError::into_inner).depth -= 1;
    }
}

impl Operator {
    /// Counts rows that it gives.
    pub fn gave(&self, rows: usize) {
        self.rows.fetch_add(rows as u64, Ordering::Relaxed);
    }

    /// Adds time spent in it and in its inputs, on any thread.
    pub fn spent(&self, time: Duration) {
        self.nanoseconds.fetch_add(time.as_nanos() as u64, Ordering::Relaxed);
    }

    /// Runs a part of it, on this thread, and adds the time.
    pub fn timed<T>(&self, part: impl FnOnce() -> T) -> T {
        let start = Instant::now();
        let out = part();
        self.spent(start.elapsed());
        out
    }

    /// Counts bytes that it wrote to temporary files.
    pub fn spilled(&self, bytes: usize) {
        self.spilled.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// The bytes that it wrote to temporary files so far.
    pub fn spilled_bytes(&self) -> u64 {
        self.spilled.load(Ordering::Relaxed)
    }

    pub(crate) fn memory_grew(&self, bytes: usize) {
        let now = self.memory.fetch_add(bytes, Ordering::Relaxed) + bytes;
        self.memory_peak.fetch_max(now, Ordering::Relaxed);
    }

    pub(crate) fn memory_shrank(&self, bytes: usize) {
        self.memory.fetch_sub(bytes, Ordering::Relaxed);
    }

    fn busy(&self) -> Duration {
        Duration::from_nanos(self.nanoseconds.load(Ordering::Relaxed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_report_mirrors_the_plan_and_leaves_out_the_time_of_inputs() {
        let metrics = Arc::new(Metrics::default());
        {
            let join = metrics.enter("Join");
            join.spent(Duration::from_secs(5));
            for seconds in [1, 2] {
                let side = metrics.enter("Filter");
                side.spent(Duration::from_secs(seconds));
                let leaf = metrics.enter("Values");
                leaf.spent(Duration::from_secs(1));
                leaf.gave(7);
            }
        }
        let report = metrics.report();
        let seen: Vec<_> = report.iter().map(|r| (r.depth, r.name.as_str(), r.rows, r.seconds as u64)).collect();
        let expected =
            [(0, "Join", 0, 2), (1, "Filter", 0, 0), (2, "Values", 7, 1), (1, "Filter", 0, 1), (2, "Values", 7, 1)];
        assert_eq!(seen, expected);
    }
}
