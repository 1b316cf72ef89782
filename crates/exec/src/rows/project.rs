//! Computes columns row by row.

use super::evaluate::evaluate;
use crate::error::Result;
use crate::source::{Batch, Sink, Source, SourceColumn};
use hyperslab_expr::Expr;
use hyperslab_plan::Column;

/// The rows of a source with other columns.
pub struct Projected {
    input: Box<dyn Source>,
    columns: Vec<SourceColumn>,
    exprs: Vec<Expr>,
}

impl Projected {
    /// Some columns of `input` as they are.
    pub(crate) fn keeping(input: Box<dyn Source>, columns: Vec<SourceColumn>) -> Self {
        let exprs = columns.iter().map(|column| Expr::Column(column.id, column.ty.clone())).collect();
        Self { input, columns, exprs }
    }

    /// Columns computed from those of `input`.
    pub fn new(input: Box<dyn Source>, columns: &[(Column, Expr)]) -> Self {
        let exprs = columns.iter().map(|(_, expr)| expr.clone()).collect();
        Self { input, columns: columns.iter().map(|(column, _)| column.into()).collect(), exprs }
    }
}

impl Source for Projected {
    fn columns(&self) -> &[SourceColumn] {
        &self.columns
    }

    fn partitions(&self) -> usize {
        self.input.partitions()
    }

    fn run(&self, partition: usize, sink: &mut Sink<'_>) -> Result<()> {
        self.input.run(partition, &mut |batch| {
            let compute = |expr| evaluate(expr, self.input.columns(), &batch);
            let columns = self.exprs.iter().map(compute).collect::<Result<_>>()?;
            sink(Batch { columns, rows: batch.rows })
        })
    }
}
