//! Keeps the rows where a predicate is true.

use super::evaluate::{evaluate_mask, keep};
use crate::error::Result;
use crate::source::{Sink, Source, SourceColumn};
use hyperslab_expr::Expr;
use std::ops::ControlFlow;

/// The rows of a source where a predicate is true.
pub struct Filtered {
    input: Box<dyn Source>,
    predicate: Expr,
}

impl Filtered {
    /// The rows of `input` where `predicate`, BOOLEAN over its columns, is true.
    pub fn new(input: Box<dyn Source>, predicate: Expr) -> Self {
        Self { input, predicate }
    }
}

impl Source for Filtered {
    fn columns(&self) -> &[SourceColumn] {
        self.input.columns()
    }

    fn partitions(&self) -> usize {
        self.input.partitions()
    }

    fn run(&self, partition: usize, sink: &mut Sink<'_>) -> Result<()> {
        self.input.run(partition, &mut |batch| {
            let mask = evaluate_mask(&self.predicate, self.input.columns(), &batch)?;
            let kept = keep(&batch, &mask)?;
            if kept.rows == 0 { Ok(ControlFlow::Continue(())) } else { sink(kept) }
        })
    }
}
