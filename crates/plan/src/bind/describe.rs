//! DESCRIBE: the columns of a query or a table, each with the dimensions it lies on.

use super::binder::Binder;
use super::scope::Table;
use crate::{Column, Dataset, Result, RowPlan};
use hyperslab_expr::ColumnId;
use sqlparser::ast;
use std::collections::HashMap;

/// What `DESCRIBE` shows.
#[derive(Clone, Debug)]
pub struct Description {
    /// The columns, in order.
    pub columns: Vec<DescribedColumn>,
    /// The datasets that were opened.
    pub datasets: Vec<Dataset>,
    /// What is doubtful about them.
    pub warnings: Vec<String>,
}

/// A column and where it lies.
#[derive(Clone, Debug)]
pub struct DescribedColumn {
    /// The column.
    pub column: Column,
    /// The names of the dimensions that it lies on, if a dataset gives it as it is.
    pub dimensions: Option<Vec<String>>,
}

impl<'a> Binder<'a> {
    /// The columns of a query's result.
    ///
    /// # Errors
    /// Those of the query.
    pub(super) fn describe_query(mut self, query: &'a ast::Query) -> Result<Description> {
        let plan = self.query(query)?;
        Ok(self.described(columns_of(&plan)))
    }

    /// The columns of a table: of one grid those of `*`, of several grids all.
    ///
    /// # Errors
    /// If there is no such table.
    pub(super) fn describe_table(mut self, name: &'a ast::ObjectName) -> Result<Description> {
        let mut relation = self.named_table(name, None)?;
        let columns = match &mut relation.table {
            Table::Rows { plan, .. } => columns_of(plan),
            Table::Dataset(dataset) => dataset.describe_columns(self.name_span(name), &mut self)?,
        };
        Ok(self.described(columns))
    }

    fn described(self, columns: Vec<DescribedColumn>) -> Description {
        Description { columns, datasets: self.datasets, warnings: self.warnings }
    }
}

/// The columns of a plan; dimensions are known of those that a grid gives.
fn columns_of(plan: &RowPlan) -> Vec<DescribedColumn> {
    let mut known: HashMap<ColumnId, Vec<String>> = HashMap::new();
    plan.walk(&mut |node| {
        let RowPlan::Materialize { grid, .. } = node else { return };
        let Some(scan) = grid.base().scan() else { return };
        for column in &scan.columns {
            let names = column.footprint.dims().map(|dim| scan.dim_names[dim].clone());
            known.insert(column.column.id, names.collect());
        }
    });
    let describe = |column: Column| DescribedColumn { dimensions: known.get(&column.id).cloned(), column };
    plan.columns().into_iter().map(describe).collect()
}
