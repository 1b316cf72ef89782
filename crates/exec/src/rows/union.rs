//! Rows of several sources, one source after the other.

use crate::error::Result;
use crate::source::{Sink, Source, SourceColumn};
use hyperslab_plan::Column;

/// The partitions of all inputs laid end to end.
pub struct Union {
    inputs: Vec<Box<dyn Source>>,
    columns: Vec<SourceColumn>,
}

impl Union {
    /// The inputs' rows as rows of `columns`, which are matched by position.
    pub fn new(inputs: Vec<Box<dyn Source>>, columns: &[Column]) -> Self {
        Self { inputs, columns: columns.iter().map(SourceColumn::from).collect() }
    }
}

impl Source for Union {
    fn columns(&self) -> &[SourceColumn] {
        &self.columns
    }

    fn partitions(&self) -> usize {
        self.inputs.iter().map(|input| input.partitions()).sum()
    }

    fn run(&self, partition: usize, sink: &mut Sink<'_>) -> Result<()> {
        let mut within = partition;
        for input in &self.inputs {
            match within.checked_sub(input.partitions()) {
                Some(rest) => within = rest,
                None => return input.run(within, sink),
            }
        }
        Ok(())
    }
}
