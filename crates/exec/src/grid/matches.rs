//! Rows that cells meet by their place, of which a place may have several: each cell counts in the groups of all of them.
//!
//! Places whose rows have the same keys are one **class**. Cells are folded by class, so that a cell is looked at once, and what a
//! class gives is put together for the keys of each of its rows. Of the rows nothing is held but two numbers each.

use super::bins::Numbers;
use super::program::{Label, Program};
use super::table::{Table, by_dimension};
use crate::context::Context;
use crate::error::Result;
use crate::lower::lower;
use crate::memory::Reservation;
use crate::parallel::fold_anew;
use crate::rows::evaluate::{evaluate, keep};
use crate::rows::key_table::{ABSENT, KeyTable};
use crate::source::{Batch, SourceColumn, array_bytes};
use arrow::array::{Array, ArrayRef, UInt32Array};
use arrow::buffer::BooleanBuffer;
use arrow::compute::take;
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
        (labels, on): (&[Label], &[Expr]),
        keys: &[(Column, Expr)],
        query: &BoundQuery,
        context: &Context,
    ) -> Result<(Self, Table)> {
        let operator = context.metrics().enter("Matches");
        let source = lower(rows, query, context)?;
        let places = Places::new(program, labels)?;
        let mut memory = context.memory().reserve(0, WHAT)?.counted_by(&operator);
        let run = |partition| {
            operator.timed(|| {
                let (mut met, mut own) = (Vec::new(), context.memory().reserve(0, WHAT)?);
                source.run(partition, &mut |batch| {
                    let part = places.met(source.columns(), &batch, on, keys)?;
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
        memory.grow(places.count * size_of::<u32>() + pairs.len() * size_of::<Pair>())?;
        let classes = Classes::new(pairs, places.count);
        let class = program.new_column();
        let table = Table::of_classes(places.adds, (classes.of, classes.tuples.len()), class, context)?;
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

/// The places that rows are found at: the distinct labels along some dimensions.
struct Places {
    /// For each dimension the pairs of the key that lie on it, its distinct labels, and the distance between two of them.
    axes: Vec<(Vec<usize>, KeyTable, u32)>,
    /// For each dimension what each of its positions adds to the number of a place.
    adds: Vec<(usize, Vec<Option<u64>>)>,
    count: usize,
}

impl Places {
    fn new(program: &Program, labels: &[Label]) -> Result<Self> {
        let (mut axes, mut adds, mut count) = (Vec::new(), Vec::new(), 1_usize);
        for (dim, pairs) in by_dimension(labels)? {
            let selected: UInt32Array =
                program.region.sets()[dim].iter().map(|at| at as u32).collect::<Vec<_>>().into();
            let of_pair = |pair: &usize| Ok(take(&labels[*pair].values, &selected, None)?);
            let values = pairs.iter().map(of_pair).collect::<Result<Vec<ArrayRef>>>()?;
            let mut table = KeyTable::new(&values.iter().map(|values| values.data_type().clone()).collect::<Vec<_>>())?;
            let (codes, _) = table.number(&values, selected.len())?;
            let mut along = vec![None; program.shape[dim]];
            for (rank, (at, code)) in selected.values().iter().zip(codes).enumerate() {
                let has_value = values.iter().all(|values| values.is_valid(rank));
                along[*at as usize] = has_value.then_some(u64::from(code) * count as u64);
            }
            adds.push((dim, along));
            let stride = u32::try_from(count).map_err(|_| super::table::too_many())?;
            count = count.saturating_mul(table.len().max(1));
            axes.push((pairs, table, stride));
        }
        u32::try_from(count).map_err(|_| super::table::too_many())?;
        Ok(Self { axes, adds, count })
    }

    /// The rows of a batch of which a place has the values. Of the others nothing is computed: it may fail.
    fn met(&self, columns: &[SourceColumn], batch: &Batch, on: &[Expr], keys: &[(Column, Expr)]) -> Result<Met> {
        let mut places = vec![Some(0_u32); batch.rows];
        for (own, table, stride) in &self.axes {
            let values = own.iter().map(|pair| evaluate(&on[*pair], columns, batch)).collect::<Result<Vec<_>>>()?;
            let found = table.find(&values, batch.rows)?;
            for (row, (place, code)) in places.iter_mut().zip(found).enumerate() {
                let is_found = code != ABSENT && values.iter().all(|values| values.is_valid(row));
                *place = place.filter(|_| is_found).map(|place| place + code * stride);
            }
        }
        let batch = keep(batch, &BooleanBuffer::collect_bool(places.len(), |row| places[row].is_some()))?;
        let keys = keys.iter().map(|(_, key)| evaluate(key, columns, &batch)).collect::<Result<Vec<_>>>()?;
        Ok(Met { places: places.into_iter().flatten().collect(), keys })
    }
}

/// Rows of which a place has the values.
struct Met {
    /// The number of the place of each.
    places: Vec<u32>,
    keys: Vec<ArrayRef>,
}

impl Met {
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
