//! The harness of Hyperslab's tests: `.slt` files, run with passes off and on, with one and two threads, over copies of
//! the same values in NetCDF classic, NetCDF-4 and HDF5.
//!
//! * [`script`]: the text format: records of SQL and what is expected of it;
//! * [`setup`]: in which format, with which passes and threads the engine runs;
//! * [`shown`]: a result as lines of text;
//! * [`check`]: one record against the engine, and the new text where expectations are rewritten;
//! * [`classic`]: files that are made while a test runs;
//! * [`cpu`]: the time that work took of processors;
//! * [`damage`]: files with bytes that are wrong;
//! * [`features`]: a column of a file against what another program read from it;
//! * [`oracle`]: the Python that tests compare with.
//!
//! # Invariants
//! * Expected values come from other programs (DuckDB, numpy, netCDF4, xarray) or from reasoning; what the engine itself
//!   printed is only accepted after review, for the words of errors and plans.
//! * Every test runs with a folder of `fixtures/` as the current one, so that paths in SQL and in errors are short and equal.
//!
//! # What it must never know
//! How a query is planned or executed: it sees SQL, Arrow batches, errors and warnings.

pub mod check;
pub mod classic;
pub mod cpu;
pub mod damage;
pub mod features;
pub mod oracle;
pub mod script;
pub mod setup;
pub mod shown;
