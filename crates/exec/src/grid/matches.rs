//! Rows that cells meet by their place, of which a place may have several: each cell counts in the groups of all of them.
//!
//! Places whose rows have the same keys are one **class**. Cells are folded by class, so that a cell is looked at once, and what a
//! class gives is put together for the keys of each of its rows. Of the rows nothing is held but two numbers each.

use super::bins::Numbers;
use super::program::Program;
use super::table::{Numbering, Table, too_many};
use crate::context::Context;
use crate::error::Result;
use crate::lower::lower;
use crate::memory::Reservation;
use crate::parallel::fold_anew;
use crate::rows::evaluate::{evaluate, keep};
use crate::rows::key_table::ABSENT;
use crate::source::{Batch, SourceColumn, array_bytes};
use arrow::array::ArrayRef;
use arrow::buffer::BooleanBuffer;
use hyperslab_expr::{ColumnId, Expr, SqlType};
use hyperslab_plan::{BoundQuery, Column, RowPlan};
use std::collections::HashMap;
use std::ops::ControlFlow;

/// The type of a class.
const CLASS: SqlType = SqlType::UInteger;

/// What memory is reserved for.
const WHAT: &str = "the rows that places have";

/// The rows of places, by their keys.
pub(super) struct Matches {
    /// The column of the class of a cell.
    pub(super) class: ColumnId,
    /// For each class the numbers of the tuples of keys that its rows have, once for each row, in their order.
    pub(super) tuples: Vec<Vec<u32>>,
    /// The keys: one value a tuple.
    pub(super) keys: Vec<(ColumnId, ArrayRef)>,
    _memory: Reservation,
}

/// A row: the number of its place, and of its keys.
type Pair = (u32, u32);

impl Matches {
    /// Runs a plan and finds the places of its rows, where `labels` are equal to `on` over the rows; with the table of the classes
    /// of places.
    pub(super) fn new(
        program: &mut Program,
        rows: &RowPlan,
        on: &[(Expr, Expr)],
        keys: &[(Column, Expr)],
        query: &BoundQuery,
        context: &Context,
    ) -> Result<(Self, Table)> {
        let operator = context.metrics().enter("Matches");
        let source = lower(rows, query, context)?;
        let labels = on.iter().map(|(left, _)| program.label_of(left)).collect::<Result<Vec<_>>>()?;
        let numbering = Numbering::new(&program.region, &program.shape, &labels)?;
        let places = u32::try_from(numbering.count).map_err(|_| too_many())? as usize;
        let mut memory = context.memory().reserve(0, WHAT)?.counted_by(&operator);
        let run = |partition| {
            operator.timed(|| {
                let (mut met, mut own) = (Vec::new(), context.memory().reserve(0, WHAT)?);
                source.run(partition, &mut |batch| {
                    let part = Met::new(&numbering, source.columns(), &batch, on, keys)?;
                    own.grow(part.bytes())?;
                    met.push(part);
                    Ok(ControlFlow::Continue(()))
                })?;
                Ok((met, own))
            })
        };
        let (mut tuples, mut pairs) = (Numbers::default(), Vec::<Pair>::new());
        fold_anew(context, source.partitions(), run, |_, (met, _own)| {
            for Met { places, keys } in met {
                tuples.add(&keys, places.len())?;
                pairs.extend(places.into_iter().zip(tuples.of().iter().copied()));
                tuples.forget_places();
                memory.resize(pairs.capacity() * size_of::<Pair>() + tuples.memory())?;
            }
            Ok(ControlFlow::Continue(()))
        })?;
        operator.gave(pairs.len());
        // The classes of places, and as much again while they are found.
        memory.grow(places * size_of::<u32>() + pairs.len() * size_of::<Pair>())?;
        let classes = Classes::new(pairs, places);
        let class = program.new_column();
        let table = Table::of_classes(&numbering, (classes.of, classes.tuples.len()), class, context)?;
        let values = tuples.values(keys.iter().map(|(_, key)| key.sql_type()))?;
        let keys = keys.iter().map(|(column, _)| column.id).zip(values).collect();
        let of_classes: usize = classes.tuples.iter().map(|tuples| size_of_val(&tuples[..])).sum();
        memory.resize(of_classes + tuples.memory())?;
        Ok((Self { class, tuples: classes.tuples, keys, _memory: memory }, table))
    }
}

impl Matches {
    /// How many rows a class has, at most: in so many groups a cell counts.
    pub(super) fn rows_a_class(&self) -> usize {
        self.tuples.iter().map(Vec::len).max().unwrap_or(1).max(1)
    }

    /// The class as a key.
    pub(super) fn class_key(&self) -> (Column, Expr) {
        let column = Column { id: self.class, name: "class".into(), ty: CLASS, metadata: Default::default() };
        (column, Expr::Column(self.class, CLASS))
    }
}

/// Rows of which a place has the values.
struct Met {
    /// The number of the place of each.
    places: Vec<u32>,
    keys: Vec<ArrayRef>,
}

impl Met {
    /// The rows of a batch of which a place has the values. Of the others nothing is computed: it may fail.
    fn new(
        numbering: &Numbering,
        columns: &[SourceColumn],
        batch: &Batch,
        on: &[(Expr, Expr)],
        keys: &[(Column, Expr)],
    ) -> Result<Self> {
        let numbered = numbering.number(batch.rows, |pair| evaluate(&on[pair].1, columns, batch))?;
        let places = numbered.numbers;
        let batch = keep(batch, &BooleanBuffer::collect_bool(places.len(), |row| places[row].is_some()))?;
        let keys = keys.iter().map(|(_, key)| evaluate(key, columns, &batch)).collect::<Result<Vec<_>>>()?;
        Ok(Self { places: places.into_iter().flatten().map(|place| place as u32).collect(), keys })
    }

    fn bytes(&self) -> usize {
        size_of_val(&self.places[..]) + self.keys.iter().map(array_bytes).sum::<usize>()
    }
}

/// Places by the keys of their rows.
struct Classes {
    /// For each place the number of its class; [`ABSENT`] if it has no row.
    of: Vec<u32>,
    tuples: Vec<Vec<u32>>,
}

impl Classes {
    fn new(mut pairs: Vec<Pair>, places: usize) -> Self {
        // Stable: the rows of a place stay in their order.
        pairs.sort_by_key(|(place, _)| *place);
        let mut classes = Self { of: vec![ABSENT; places], tuples: Vec::new() };
        let mut known: HashMap<Vec<u32>, u32> = HashMap::new();
        for of_place in pairs.chunk_by(|(one, _), (other, _)| one == other) {
            let tuples: Vec<u32> = of_place.iter().map(|(_, tuple)| *tuple).collect();
            let next = known.len() as u32;
            let class = *known.entry(tuples.clone()).or_insert(next);
            if class == next {
                classes.tuples.push(tuples);
            }
            classes.of[of_place[0].0 as usize] = class;
        }
        classes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_with_the_same_rows_are_one_class() {
        // Place 3 has no row; 0 and 2 lie in both regions, 1 in one of them twice.
        let classes = Classes::new(vec![(2, 0), (0, 0), (1, 1), (0, 1), (2, 1), (1, 1)], 4);
        assert_eq!(classes.of, [0, 1, 0, ABSENT]);
        assert_eq!(classes.tuples, [vec![0, 1], vec![1, 1]]);
    }
}
