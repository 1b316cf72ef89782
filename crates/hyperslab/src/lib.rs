//! Hyperslab, the embedded library: SQL over NetCDF and HDF5 files, far larger than memory, on all cores, without a
//! server or an import step.
//!
//! A [`Session`] runs SQL; a [`Query`] is an iterator over Arrow record batches, computed while they are taken.
//!
//! ```
//! use hyperslab::Session;
//! use hyperslab::arrow::array::AsArray;
//! use hyperslab::arrow::datatypes::Float64Type;
//!
//! # std::env::set_current_dir("../../fixtures/real").expect("the fixtures are part of the repository");
//! let session = Session::new()?;
//! let mut query = session.query("SELECT lat, avg(air) AS air FROM 'air.nc' GROUP BY lat ORDER BY lat")?;
//! let mut means = Vec::new();
//! for batch in &mut query {
//!     means.extend(batch?.column(1).as_primitive::<Float64Type>().values().iter().copied());
//! }
//! for warning in query.warnings() {
//!     eprintln!("warning: {warning}");
//! }
//! // Colder by the degree of latitude, from 50 to 75 degrees north in October.
//! assert!(means.len() == 11 && means[0] > means[10]);
//! # Ok::<(), hyperslab::Error>(())
//! ```
//!
//! # The life of a query
//! 1. [`Session::query`] takes SQL. [`parse`](hyperslab_plan::bind::parse) cuts it into statements that remember their
//!    places in the text.
//! 2. [`bind`](hyperslab_plan::bind::bind) resolves names and types. For each dataset in FROM it asks a
//!    [`Catalog`](hyperslab_plan::Catalog), here [`FileCatalog`](hyperslab_exec::catalog::FileCatalog), which opens
//!    headers and coordinates as a [`Dataset`]: never data. The variables that are read
//!    decide the grid. The result is a [`BoundQuery`](hyperslab_plan::BoundQuery): a
//!    [`RowPlan`](hyperslab_plan::RowPlan) over `Materialize(Scan)`, slow and plainly right.
//! 3. [`optimize`](hyperslab_plan::passes::optimize) runs the list of [`PASSES`](hyperslab_plan::passes::PASSES). Each
//!    moves work beneath `Materialize` into the [`GridPlan`](hyperslab_plan::GridPlan): filters on coordinates narrow
//!    what is read, group keys become bins of an axis. [`explain`](hyperslab_plan::explain::explain) shows the plan.
//! 4. [`execute`](hyperslab_exec::execute()) lowers the plan into sources of batches cut into partitions, which run in
//!    parallel and are merged in order, within a [`MemoryPool`](hyperslab_exec::MemoryPool). Chunks are read and decoded
//!    on the same threads.
//! 5. [`Query`] hands the batches over through a bounded channel; [`output`] formats them. What was doubtful is in
//!    [`Query::warnings`], what was read in [`Query::metrics`].
//!
//! # Invariants
//! * Everything that can go wrong is an [`Error`] with a kind, and with a place and a hint where they are known.
//! * Dropping a [`Query`] stops it and waits until it has let go of files and memory.
//! * A file that `COPY` writes appears when it is whole: the old file or the new one, never half.
//!
//! # What it must never know
//! Terminals, colours, and where results go but for the files that `COPY` names.

mod analyze;
mod caret;
mod copy;
mod copy_grid;
mod describe;
mod error;
pub mod output;
mod query;
mod session;
mod settings;

pub use arrow;
pub use error::{Error, ErrorKind, Result};
pub use hyperslab_expr::{Scalar, SqlType};
pub use hyperslab_grid::schema;
pub use hyperslab_plan::bind::Parameters;
pub use hyperslab_plan::numbers::{bytes, count};
pub use hyperslab_storage::{Dataset, NewFile, VariableStorage, formats};
pub use query::{Answer, CancelHandle, Progress, ProgressHandle, Query, QueryMetrics};
pub use session::{Session, Statement};
pub use settings::{SETTINGS, Setting, Settings, parse_size};
