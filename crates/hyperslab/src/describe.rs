//! The answer to `DESCRIBE`: a row a column of a query.

use crate::{Error, ErrorKind, Result};
use arrow::array::{ArrayRef, StringArray};
use arrow::record_batch::RecordBatch;
use hyperslab_expr::{ColumnId, SqlType};
use hyperslab_plan::{BoundQuery, RowPlan};
use std::collections::HashMap;
use std::sync::Arc;

/// The columns of a query: name, type, dimensions, units and long name, the latter NULL where they are unknown.
pub(crate) fn describe(query: &BoundQuery) -> Result<RecordBatch> {
    let columns = query.columns();
    let dimensions = dimensions(&query.plan);
    let attribute = |name: &str| -> ArrayRef {
        Arc::new(columns.iter().map(|c| c.metadata.get(name).cloned()).collect::<StringArray>())
    };
    let text = |texts: StringArray| -> ArrayRef { Arc::new(texts) };
    let described = [
        ("column_name", text(columns.iter().map(|c| Some(&c.name)).collect())),
        ("column_type", text(columns.iter().map(|c| Some(c.ty.to_string())).collect())),
        ("dimensions", text(columns.iter().map(|c| dimensions.get(&c.id)).collect())),
        ("units", attribute("units")),
        ("long_name", attribute("long_name")),
    ];
    texts(&described)
}

/// A batch of text columns.
pub(crate) fn texts(columns: &[(&str, ArrayRef)]) -> Result<RecordBatch> {
    let fields: Vec<_> = columns.iter().map(|(name, _)| SqlType::Varchar.to_field(name)).collect();
    let arrays = columns.iter().map(|(_, array)| array.clone()).collect();
    let batch = RecordBatch::try_new(Arc::new(arrow::datatypes::Schema::new(fields)), arrays);
    batch.map_err(|e| Error::new(ErrorKind::Internal, e.to_string()))
}

/// For each column that a grid gives, the names of the dimensions it lies on.
fn dimensions(plan: &RowPlan) -> HashMap<ColumnId, String> {
    let mut all = HashMap::new();
    plan.walk(&mut |node| {
        let RowPlan::Materialize { grid, .. } = node else { return };
        let scan = grid.scan();
        for column in &scan.columns {
            let names: Vec<&str> = column.footprint.dims().map(|dim| scan.dim_names[dim].as_str()).collect();
            all.insert(column.column.id, names.join(", "));
        }
    });
    all
}
