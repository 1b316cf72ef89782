//! Runs plans: operators over blocks of grids and over batches of rows, in parallel, within a memory limit.
//!
//! [`execute`] lowers a [`hyperslab_plan::RowPlan`] into [`Source`]s: partitions that push batches. Operators that only
//! pass rows on wrap a source; those that must see all rows first run their input while the plan is lowered. Whatever
//! runs in parallel goes through [`parallel`]. Rows come from grids ([`grid`]), from files of rows ([`tables`]) or from the
//! plan itself.
//!
//! # Invariants
//! * Partitions, and the cuts between batches, are fixed by the files and the plan. Results of partitions are merged in
//!   their order: a result has the same bits for any number of threads and any memory limit.
//! * What grows with the input is reserved from the [`MemoryPool`] before it is allocated, or as soon as its size is known.
//! * Rows that do not fit the limit go by way of temporary files (`rows::spill`): an operator first tries in memory, and begins anew by
//!   way of the disk when memory runs out. Either way rows are folded in the same order.
//! * A panic on a worker becomes an [`Error`].
//!
//! # What it must never know
//! SQL text, names of columns (but for the schema of the result), how files are laid out.

pub mod catalog;
pub mod context;
pub mod error;
pub mod forecast;
pub mod grid;
pub mod lower;
pub mod memory;
pub mod metrics;
mod narrow;
mod options;
pub mod parallel;
pub mod rows;
pub mod source;
pub mod tables;

pub use context::{CancelToken, Context, Warnings, thread_pool};
pub use error::{Error, OutOfMemory, Result};
pub use lower::{execute, lower, schema};
pub use memory::{MemoryPool, Reservation};
pub use metrics::{Metrics, Operator, OperatorReport, OperatorScope};
pub use rows::key_table::{ABSENT, KeyTable};
pub use source::{Batch, Measured, Sink, Source, SourceColumn, array_bytes};
