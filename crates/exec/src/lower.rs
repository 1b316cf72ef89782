//! From a plan to what runs: one arm a node.

use crate::context::Context;
use crate::error::Result;
use crate::grid;
use crate::narrow::narrowed;
use crate::parallel::stream_ordered;
use crate::rows::stored::{StoredRows, hold};
use crate::rows::{aggregate, filter, join, limit, project, sort, top_k, union, values, window};
use crate::source::{Batch, Measured, Source};
use crate::tables;
use arrow::datatypes::{Field, Schema, SchemaRef};
use arrow::record_batch::{RecordBatch, RecordBatchOptions};
use hyperslab_expr::Expr;
use hyperslab_plan::{BoundQuery, Column, JoinKind, RowPlan};
use std::ops::ControlFlow;
use std::sync::Arc;

/// Runs a query and hands its rows to `sink`, in order, on this thread, until it breaks.
///
/// # Errors
/// What goes wrong first in the order of the rows; what `sink` gave before holds.
pub fn execute(
    query: &BoundQuery,
    context: &Context,
    sink: &mut dyn FnMut(RecordBatch) -> Result<ControlFlow<()>>,
) -> Result<()> {
    let schema = schema(query);
    let source = lower(&query.plan, query, context)?;
    stream_ordered(context, source.as_ref(), &mut |batch| {
        if batch.rows == 0 { Ok(ControlFlow::Continue(())) } else { sink(record_batch(&schema, batch)?) }
    })
}

/// The schema of the batches of a query.
pub fn schema(query: &BoundQuery) -> SchemaRef {
    Arc::new(Schema::new(query.columns().iter().map(field).collect::<Vec<_>>()))
}

fn field(column: &Column) -> Field {
    let field = column.ty.to_field(&column.name);
    let mut metadata = field.metadata().clone();
    let attributes = column.metadata.iter().filter(|(name, _)| !name.starts_with("ARROW:"));
    metadata.extend(attributes.map(|(name, value)| (name.clone(), value.clone())));
    field.with_metadata(metadata)
}

/// A batch with the names of its columns.
///
/// # Errors
/// If its columns are not those of the schema.
pub fn record_batch(schema: &SchemaRef, batch: Batch) -> Result<RecordBatch> {
    let options = RecordBatchOptions::new().with_row_count(Some(batch.rows));
    Ok(RecordBatch::try_new_with_options(schema.clone(), batch.columns, &options)?)
}

/// The rows of a plan. Operators that must see all their input run it now.
///
/// # Errors
/// What goes wrong in an input that is run now.
pub fn lower(plan: &RowPlan, query: &BoundQuery, context: &Context) -> Result<Box<dyn Source>> {
    let operator = context.metrics().enter(name(plan));
    let below = |input: &RowPlan| lower(input, query, context);
    let source: Box<dyn Source> = match plan {
        RowPlan::Values { columns, rows } => values::values(columns, rows)?,
        RowPlan::Table(scan) => tables::scan(scan, query, context, &operator)?,
        RowPlan::Materialize { grid, columns } => grid::materialize(grid, columns, query, context, &operator)?,
        RowPlan::Filter { input, predicate } => Box::new(filter::Filtered::new(below(input)?, predicate.clone())),
        RowPlan::Project { input, columns } => Box::new(project::Projected::new(below(input)?, columns)),
        RowPlan::Aggregate { input, keys, aggregates } => {
            let rows = below(input)?;
            let input = aggregate::Input { rows: rows.as_ref(), may_repeat: !query.is_volatile };
            aggregate::aggregate(context, &operator, &input, keys, aggregates)?
        }
        RowPlan::Join { left, right, kind, on, asof, filter } => {
            let is_swapped = matches!(kind, JoinKind::Left | JoinKind::Semi | JoinKind::Anti) && asof.is_none();
            if is_swapped && !left.has_cells() && right.has_cells() {
                // Of the cells on the right those matter that some row of the left, which are few, leads to.
                let rows = below(left)?;
                let (batches, memory) = hold(context, &operator, rows.as_ref(), "the left side of a join")?;
                let swapped: Vec<(Expr, Expr)> = on.iter().map(|(l, r)| (r.clone(), l.clone())).collect();
                let right = narrowed(right.as_ref().clone(), &swapped, rows.columns(), &batches, query)?;
                let rows = StoredRows::new(rows.columns().to_vec(), vec![batches], vec![memory]);
                let condition = join::Condition { kind: *kind, on, asof: None, filter: filter.as_ref() };
                let left = |_: Option<&[Batch]>| Ok(Box::new(rows.clone()) as Box<dyn Source>);
                let joined = join::join(context, &operator, &left, below(&right)?.as_ref(), &condition)?;
                return Ok(Box::new(Measured::new(joined, &operator)));
            }
            let right = below(right)?;
            let condition = join::Condition { kind: *kind, on, asof: asof.as_deref(), filter: filter.as_ref() };
            let left = |rows: Option<&[Batch]>| match (kind, rows) {
                (JoinKind::Inner | JoinKind::Semi, Some(rows)) => {
                    below(&narrowed(left.as_ref().clone(), on, right.columns(), rows, query)?)
                }
                _ => below(left),
            };
            join::join(context, &operator, &left, right.as_ref(), &condition)?
        }
        RowPlan::Window { input, window, calls } => {
            window::window(context, &operator, below(input)?.as_ref(), window, calls)?
        }
        RowPlan::Sort { input, keys } => sort::sort(context, &operator, below(input)?.as_ref(), keys)?,
        RowPlan::TopK { input, keys, limit, offset } => {
            top_k::top_k(context, &operator, below(input)?.as_ref(), keys, *limit, *offset)?
        }
        RowPlan::Limit { input, limit, offset } => limit::limit(context, &operator, below(input)?, *limit, *offset)?,
        RowPlan::Union { inputs, columns } => {
            Box::new(union::Union::new(inputs.iter().map(below).collect::<Result<_>>()?, columns))
        }
    };
    Ok(Box::new(Measured::new(source, &operator)))
}

/// What a node is called in reports.
fn name(plan: &RowPlan) -> &'static str {
    match plan {
        RowPlan::Values { .. } => "Values",
        RowPlan::Table(_) => "Table",
        RowPlan::Materialize { .. } => "Materialize",
        RowPlan::Filter { .. } => "Filter",
        RowPlan::Project { .. } => "Project",
        RowPlan::Aggregate { .. } => "Aggregate",
        RowPlan::Join { .. } => "Join",
        RowPlan::Window { .. } => "Window",
        RowPlan::Sort { .. } => "Sort",
        RowPlan::TopK { .. } => "TopK",
        RowPlan::Limit { .. } => "Limit",
        RowPlan::Union { .. } => "Union",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::context::thread_pool;
    use crate::memory::MemoryPool;
    use arrow::array::AsArray;
    use arrow::datatypes::Int64Type;
    use hyperslab_expr::{ColumnId, Expr, Scalar, SqlType};
    use hyperslab_plan::SortKey;

    fn context() -> Context {
        Context::new(thread_pool(2).unwrap(), MemoryPool::new(1 << 24))
    }

    fn column(id: u32) -> Column {
        let metadata = [("units".to_string(), "K".to_string())].into();
        Column { id: ColumnId(id), name: format!("c{id}"), ty: SqlType::BigInt, metadata }
    }

    fn read(id: u32) -> Expr {
        Expr::Column(ColumnId(id), SqlType::BigInt)
    }

    fn int(value: i128) -> Expr {
        Expr::Literal(Scalar::Integer(value, SqlType::BigInt))
    }

    fn values(id: u32, rows: std::ops::Range<i128>) -> RowPlan {
        RowPlan::Values { columns: vec![column(id)], rows: rows.map(|value| vec![int(value)]).collect() }
    }

    fn query(plan: RowPlan) -> BoundQuery {
        BoundQuery {
            plan,
            datasets: Vec::new(),
            tables: Vec::new(),
            next_column: 100,
            warnings: Vec::new(),
            is_volatile: false,
        }
    }

    fn run(query: &BoundQuery, context: &Context) -> Vec<RecordBatch> {
        let mut out = Vec::new();
        execute(query, context, &mut |batch| {
            out.push(batch);
            Ok(ControlFlow::Continue(()))
        })
        .unwrap();
        out
    }

    #[test]
    fn a_plan_runs_and_its_report_mirrors_it() {
        let odd = Expr::Call { function: ">".to_string(), args: vec![read(3), int(1)], ty: SqlType::Boolean, at: None };
        let union = RowPlan::Union { inputs: vec![values(1, 0..3), values(2, 10..12)], columns: vec![column(3)] };
        let filter = RowPlan::Filter { input: Box::new(union), predicate: odd };
        let project = RowPlan::Project { input: Box::new(filter), columns: vec![(column(4), read(3))] };
        let keys = vec![SortKey { expr: read(4), descending: true, nulls_first: false }];
        let (query, context) = (query(RowPlan::Sort { input: Box::new(project), keys }), context());
        let batches = run(&query, &context);
        assert_eq!(batches[0].column(0).as_primitive::<Int64Type>().values(), &[11, 10, 2]);
        assert_eq!(batches[0].schema().field(0).metadata()["units"], "K");
        let report: Vec<_> = context.metrics().report().into_iter().map(|r| (r.depth, r.name, r.rows)).collect();
        let expected =
            [(0, "Sort", 3), (1, "Project", 3), (2, "Filter", 3), (3, "Union", 5), (4, "Values", 3), (4, "Values", 2)];
        assert_eq!(report, expected.map(|(depth, name, rows)| (depth, name.to_string(), rows)));
        assert!(context.metrics().report()[0].memory_bytes > 0);
        assert_eq!(context.memory().reserved(), 0);
    }

    #[test]
    fn rows_without_columns_are_counted() {
        let batches = run(&query(RowPlan::Values { columns: Vec::new(), rows: vec![Vec::new()] }), &context());
        assert_eq!((batches.len(), batches[0].num_rows(), batches[0].num_columns()), (1, 1, 0));
    }

    #[test]
    fn a_sink_that_breaks_ends_the_query_without_error() {
        let mut taken = 0;
        execute(&query(values(1, 0..40_000)), &context(), &mut |_| {
            taken += 1;
            Ok(ControlFlow::Break(()))
        })
        .unwrap();
        assert_eq!(taken, 1);
    }

    #[test]
    fn a_cancelled_query_says_so() {
        let context = context();
        context.cancel_token().cancel();
        let outcome = execute(&query(values(1, 0..3)), &context, &mut |_| Ok(ControlFlow::Continue(())));
        assert_eq!(outcome, Err(crate::Error::Cancelled));
    }
}
