//! From SQL text to a plan: bind, optimize, explain.
//!
//! The plan as bound is a [`RowPlan`] over `Materialize(Scan)`: slow and plainly right. Every array-native feature is a
//! pass ([`passes::PASSES`]) that moves work beneath [`RowPlan::Materialize`], into the [`GridPlan`].
//!
//! # Invariants
//! * A plan is plain data: it names datasets by [`DatasetId`], tables by [`TableId`], and columns by [`hyperslab_expr::ColumnId`], unique within
//!   a query. A node never renumbers the columns that it passes on.
//! * A pass changes neither the columns of a plan (ids, names, types) nor its rows.
//! * The grid of each mention of a dataset is fixed when the query is bound, before any pass.
//!
//! # What it must never know
//! The values of data variables and the rows of tables: datasets are seen through [`DatasetSource`] (axes, chunk grids,
//! coordinates), tables through [`TableSource`] (columns). Files, threads, memory.

pub mod align;
pub mod axis;
pub mod bind;
pub mod catalog;
pub mod explain;
pub mod grid_plan;
pub mod numbers;
pub mod passes;
pub mod query;
pub mod row_plan;
pub mod window;

pub use align::{Align, Base};
pub use catalog::{Catalog, DatasetId, DatasetSource, Regrid, RegridTarget, Source, TableFormat, TableId, TableSource};
pub use grid_plan::{Along, ColumnSource, GridColumn, GridPlan, Reach, Scan, ScanColumn};
pub use hyperslab_expr::{Error, Result, Span};
pub use query::{BoundQuery, Dataset, Table};
pub use row_plan::{AsOf, AsOfSide, Column, JoinKind, RowPlan, SortKey, TableScan};
