//! A bound query: a plan, and the datasets and tables it names.

use crate::{Column, DatasetId, DatasetSource, RowPlan, Source, TableFormat, TableId, TableSource};
use std::sync::Arc;

/// A dataset that a query reads.
#[derive(Clone, Debug)]
pub struct Dataset {
    /// How the query names it.
    pub source: Source,
    /// What it was opened as.
    pub opened: Arc<dyn DatasetSource>,
}

/// A table that a query reads.
#[derive(Clone, Debug)]
pub struct Table {
    /// What its files are.
    pub format: TableFormat,
    /// How the query names it.
    pub source: Source,
    /// What it was opened as.
    pub opened: Arc<dyn TableSource>,
}

/// A query with names resolved and types known.
#[derive(Clone, Debug)]
pub struct BoundQuery {
    /// What to do.
    pub plan: RowPlan,
    /// The datasets, addressed by [`DatasetId`].
    pub datasets: Vec<Dataset>,
    /// The tables, addressed by [`TableId`].
    pub tables: Vec<Table>,
    /// The first number that no column of the plan has: passes make new columns from here on.
    pub next_column: u32,
    /// What is doubtful about the query.
    pub warnings: Vec<String>,
    /// Whether it has a function that gives another value each time: nothing of it may be computed twice.
    pub is_volatile: bool,
}

impl BoundQuery {
    /// The dataset with this number.
    pub fn dataset(&self, id: DatasetId) -> &dyn DatasetSource {
        self.datasets[id.0].opened.as_ref()
    }

    /// The table with this number.
    pub fn table(&self, id: TableId) -> &Table {
        &self.tables[id.0]
    }

    /// The columns of the result.
    pub fn columns(&self) -> Vec<Column> {
        self.plan.columns()
    }
}
