//! Grids, executed block by block: the cells of a scan are read, tested, computed and grouped without ever being rows.
//!
//! [`Program`](program::Program) is a [`GridPlan`] made ready to run: what depends on one axis is computed once for the
//! axis. A [`CellReader`](cells::CellReader) runs it on one vector of cells at a time. Above it stand the two ends of a
//! grid: [`rows`] hands cells out as batches, [`dense`] folds them into groups addressed by position.
//!
//! # Invariants
//! * Where a grid is cut, into jobs and vectors, depends on the plan and on the shapes of its data, never on the number of
//!   threads or the memory limit: the same bits every time.

mod bins;
mod cells;
mod dense;
mod groups;
mod layout;
mod matches;
mod plane;
mod program;
mod repeat;
mod rows;
mod sliding;
mod spread;
mod table;
mod variable;
mod vectors;
mod window;

pub(crate) use dense::KEPT_BYTES;

use crate::context::Context;
use crate::error::Result;
use crate::metrics::Operator;
use crate::source::Source;
use hyperslab_expr::ColumnId;
use hyperslab_plan::{BoundQuery, GridPlan};
use std::sync::Arc;

/// The most cells that columns are computed on at a time.
pub(crate) const CELLS_AT_ONCE: u64 = vectors::VECTOR_CELLS as u64;

/// The present cells of a grid as rows, in row-major order, with these columns.
///
/// # Errors
/// What goes wrong in reading, or in computing a dense aggregate, which runs at once.
pub fn materialize(
    grid: &GridPlan,
    columns: &[ColumnId],
    query: &BoundQuery,
    context: &Context,
    operator: &Arc<Operator>,
) -> Result<Box<dyn Source>> {
    match grid {
        GridPlan::Aggregate { input, keys, aggregates } => {
            dense::aggregate(input, keys, aggregates, columns, query, (context, operator))
        }
        GridPlan::Scan(_)
        | GridPlan::Align(_)
        | GridPlan::Mask { .. }
        | GridPlan::Map { .. }
        | GridPlan::Join { .. }
        | GridPlan::Lookup { .. }
        | GridPlan::Matches { .. }
        | GridPlan::Window { .. } => rows::cells_as_rows(grid, columns, query, context),
    }
}
