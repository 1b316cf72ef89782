//! What a table is to Hyperslab: named dimensions, the coordinates that label them, and the geometry of reading them.
//!
//! A **grid** is what SQL sees as a table. A row is a cell; its coordinates are implicit, never repeated until
//! someone prints rows. This crate holds the words that every other crate speaks:
//!
//! * [`IndexSet`], [`Region`], [`Hyperslab`]: which positions of one dimension, which cells of a grid, which
//!   contiguous box;
//! * [`ChunkGrid`]: how a variable is cut on disk, and which chunks a region meets;
//! * [`Footprint`]: the set of dimensions that an expression reads;
//! * [`AxisMap`] and [`Bins`]: for each position of one dimension the position, or the group, on another;
//! * [`AxisWeights`] and [`regrid`]: for each position of one dimension a weighted sum of positions of another;
//! * [`CellRuns`]: a box cut into runs along its last dimension, the form in which cells are gathered and grouped;
//! * [`bits`]: which cells of a run are there, packed;
//! * [`Calendar`]: CF calendars, and timestamps as microseconds in one of them;
//! * [`geometry`]: shapes in the plane and their bytes;
//! * [`Packing`]: which integers stand for which values;
//! * [`schema`]: the dimensions and variables of a dataset, as planning sees them.
//!
//! # Invariants
//! * An [`IndexSet`] is ascending runs that neither touch nor overlap; a [`Hyperslab`] and a [`Region`] have one
//!   entry a dimension. Constructors check, all else trusts.
//! * Cells are counted in row-major order, the last dimension fastest.
//!
//! # What it must never know
//! Files, codecs, SQL, expressions and threads.

pub mod axis_map;
pub mod axis_weights;
pub mod bins;
pub mod bits;
pub mod calendar;
pub mod chunks;
pub mod footprint;
pub mod geometry;
pub mod index_set;
pub mod packing;
pub mod region;
pub mod regrid;
pub mod runs;
pub mod schema;

pub use axis_map::AxisMap;
pub use axis_weights::AxisWeights;
pub use bins::Bins;
pub use calendar::Calendar;
pub use chunks::{AxisChunks, ChunkGrid};
pub use footprint::Footprint;
pub use index_set::IndexSet;
pub use packing::Packing;
pub use region::{Hyperslab, Region};
pub use runs::CellRuns;
