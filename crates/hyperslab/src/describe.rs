//! The answer to `DESCRIBE`: a row a column.

use crate::{Error, ErrorKind, Result};
use arrow::array::{ArrayRef, StringArray};
use arrow::record_batch::RecordBatch;
use hyperslab_expr::SqlType;
use hyperslab_plan::bind::Description;
use std::sync::Arc;

/// The columns described: name, type, dimensions, units and long name, the latter NULL where they are unknown.
pub(crate) fn describe(description: &Description) -> Result<RecordBatch> {
    let columns = || description.columns.iter().map(|described| &described.column);
    let attribute = |name: &str| -> ArrayRef {
        Arc::new(columns().map(|c| c.metadata.get(name).cloned()).collect::<StringArray>())
    };
    let dimensions = description.columns.iter().map(|described| Some(described.dimensions.as_ref()?.join(", ")));
    let text = |texts: StringArray| -> ArrayRef { Arc::new(texts) };
    let described = [
        ("column_name", text(columns().map(|c| Some(&c.name)).collect())),
        ("column_type", text(columns().map(|c| Some(c.ty.to_string())).collect())),
        ("dimensions", text(dimensions.collect())),
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
