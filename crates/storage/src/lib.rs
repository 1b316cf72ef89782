//! Opens NetCDF and HDF5 files, one or many as one dataset; reads hyperslabs; decodes CF. Reads and writes files of rows.
//!
//! ```no_run
//! use hyperslab_grid::Hyperslab;
//! use hyperslab_storage::{Block, Dataset, OpenOptions, ReadMetrics};
//!
//! # fn main() -> hyperslab_storage::Result<()> {
//! let dataset = Dataset::open(&["sea_level/*.nc".to_string()], &OpenOptions::default())?;
//! let sla = dataset.schema().find("sla").expect("the variable is there");
//! let (mut block, metrics) = (Block::default(), ReadMetrics::default());
//! for chunk in 0..dataset.chunk_grid(sla).axes()[0].len() {
//!     dataset.read(sla, &dataset.chunk_grid(sla).slab(&[chunk, 0, 0]), &mut block, &metrics)?;
//!     let values = block.decode(&[0..block.cover().cells()])?;
//!     println!("{} values", values.len());
//! }
//! # Ok(())
//! # }
//! ```
//!
//! From the file upwards:
//!
//! * [`formats`]: one file as stored, each format in a module of its own: names, shapes, attributes, chunks of bytes;
//! * `cf`: one file as meant: what its variables are for, which cells are missing, what numbers and times mean;
//! * `combine`: many files as one: along which dimensions they are joined, and where each part lies;
//! * `regrid`: a dataset on other axes, whose variables are computed when they are read;
//! * [`Dataset`] and [`Block`]: what the rest of Hyperslab sees, a [schema](hyperslab_grid::schema) and boxes of cells.
//!
//! Beside them stand [`tables`], files of rows (CSV and Parquet), [`NewFile`], a file that appears when it is whole, and
//! [`NewGrid`], a netCDF-4 file that is written box by box.
//!
//! # Invariants
//! * Opening reads headers and dimension coordinates, never data variables, and holds a bounded number of files open.
//! * A [`Dataset`] never changes, and any number of threads may read from it: what a read needs lies in the
//!   [`Block`] of its thread.
//! * A chunk of [`Dataset::chunk_grid`] lies within one file. Packing, fill values and time units are each file's own.
//! * The slot of a NULL holds 0: what is computed over it is finite and the same every time.
//! * Nothing that a file holds makes this crate panic; errors name the file and the variable.
//!
//! # What it must never know
//! SQL, expressions, plans, how many rows a query wants, and which threads run it.

pub mod aligned;
mod block;
mod cf;
mod combine;
mod coordinates;
mod dataset;
pub mod error;
#[cfg(test)]
mod fake;
pub mod formats;
#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzzing;
mod handles;
mod instances;
pub mod io;
pub mod metrics;
mod new_file;
mod new_grid;
mod options;
mod regrid;
mod room;
#[cfg(test)]
mod samples;
mod sources;
pub mod tables;

pub use block::Block;
pub use dataset::{Dataset, VariableStorage};
pub use error::{Error, ErrorKind, Result};
pub use formats::Engine;
pub use metrics::{ReadCounts, ReadMetrics};
pub use new_file::NewFile;
pub use new_grid::{NewDimension, NewGrid};
pub use options::{OpenOptions, Overlap};
pub use regrid::{Regrid, Target};
pub use room::{Giver, Room};
