//! The groups of a dense aggregate: for each dimension with keys, the distinct tuples of those keys along the axis; for keys that
//! depend on several dimensions together, those over the plane that they span.

mod by_label;

use super::matches::Matches;
use super::program::Program;
use crate::context::Context;
use crate::error::Result;
use crate::memory::Reservation;
use crate::rows::key_table::KeyTable;
use crate::source::array_bytes;
use arrow::array::{Array, ArrayRef, UInt32Array, new_empty_array};
use arrow::compute::{concat, take};
use arrow::datatypes::DataType;
use by_label::ByLabel;
use hyperslab_expr::{ColumnId, Expr, SqlType};
use hyperslab_grid::{Footprint, IndexSet};
use hyperslab_plan::Column;

/// What memory is reserved for.
const WHAT: &str = "the groups of the places of a grid";

/// How a dimension with keys is grouped, or several that keys depend on together.
pub(super) struct KeyAxis {
    /// The dimensions of the grid, ascending.
    pub(super) dims: Vec<usize>,
    /// For each of the dimensions what a position adds to the number of a place: places are the combinations of selected
    /// positions, row-major.
    adds: Vec<Vec<u32>>,
    /// For each place the number of its group; nothing where each is one of its own.
    group_of: Vec<u32>,
    /// For each place the first one after it that has another group; the same.
    same_until: Vec<u32>,
    /// How many groups there are.
    pub(super) groups: usize,
    /// Whether each place is a group of its own, in order.
    pub(super) one_each: bool,
    /// The keys on these dimensions: one value a group.
    pub(super) keys: Vec<(ColumnId, ArrayRef)>,
    /// Keys on one of these dimensions each, where each place is a group of its own: one value a position.
    labels: Vec<Labels>,
}

/// Keys on one of several dimensions.
#[derive(Clone)]
struct Labels {
    /// How many places lie between two neighbours.
    stride: usize,
    positions: usize,
    keys: Vec<(ColumnId, ArrayRef)>,
}

/// The keys of a dense aggregate.
pub(super) struct KeyAxes {
    /// What has keys, in the order of the grid.
    pub(super) axes: Vec<KeyAxis>,
    /// Keys of several dimensions that tell all places apart: each position of those is a group of its own.
    pub(super) planes: Vec<KeyPlane>,
    /// Keys that are the same for all cells: one value each.
    pub(super) constants: Vec<(ColumnId, ArrayRef)>,
    /// In how many groups that are given out one counts that cells are folded by.
    pub(super) times_given: usize,
    _memory: Option<Reservation>,
}

/// Keys over several dimensions, such as 2-D coordinates, of which no two places have the same.
#[derive(Clone)]
pub(super) struct KeyPlane {
    /// The dimensions of the grid, ascending.
    pub(super) dims: Vec<usize>,
    /// One value for each combination of selected positions, row-major.
    pub(super) keys: Vec<(ColumnId, ArrayRef)>,
}

impl KeyAxes {
    /// Numbers the groups of the selected cells of a program. Cells that are matched with rows are grouped by their class.
    pub(super) fn new(program: &Program, keys: &[(Column, Expr)], context: &Context) -> Result<Self> {
        let keys = &by_class(program, keys)[..];
        let (mut constants, mut axes, mut planes) = (Vec::new(), Vec::new(), Vec::new());
        let mut memory = context.memory().reserve(0, WHAT)?;
        for together in keys_by_dims(program, keys)? {
            if let Some(by_label) = ByLabel::new(program, &together, context)? {
                by_label.number(program, &together, &mut memory, (&mut axes, &mut planes), context)?;
                continue;
            }
            let Together { dims, keys } = together;
            let of_values = |values: Vec<ArrayRef>| keys.iter().map(|(column, _)| column.id).zip(values).collect();
            let along = positions_along(program, dims);
            let places: usize = along.iter().map(|(_, selected, _)| selected.len()).product();
            memory.grow(places.saturating_mul(2 * size_of::<u32>()))?;
            let exprs: Vec<&Expr> = keys.iter().map(|(_, key)| key).collect();
            let (numbers, _numbering) = numbered(program, &exprs, dims, context)?;
            let values = numbers.values(exprs.iter().map(|key| key.sql_type()))?;
            if dims.is_empty() {
                constants = of_values(values);
                continue;
            }
            memory.grow(values.iter().map(array_bytes).sum())?;
            let tells_apart = numbers.count() == places && !keys.iter().any(|(column, _)| is_class(program, column.id));
            if tells_apart && along.len() > 1 {
                axes.extend(along.iter().map(|(dim, selected, len)| KeyAxis::of_positions(*dim, selected, *len)));
                planes.push(KeyPlane { dims: dims.dims().collect(), keys: of_values(values) });
            } else {
                axes.push(KeyAxis::new(&along, of_values(values), numbers));
            }
        }
        // Several classes may be given out as one group: they are not cut apart.
        if let Some(matches) = &program.matches {
            axes.iter_mut().filter(|axis| axis.has_key(matches.class)).for_each(|axis| axis.one_each = false);
        }
        axes.sort_by_key(|axis: &KeyAxis| axis.dims[0]);
        let times_given = program.matches.as_ref().map_or(1, Matches::rows_a_class);
        Ok(Self { axes, planes, constants, times_given, _memory: Some(memory) })
    }

    /// Whether each selected position of a dimension is a group of its own.
    pub(super) fn is_own(&self, dim: usize) -> bool {
        self.axes.iter().any(|axis| axis.is_own(dim))
    }

    /// The same with other groups along an axis, which are not found from places and have their keys elsewhere.
    pub(super) fn with_groups(&self, axis: usize, groups: usize) -> Self {
        let mut axes: Vec<KeyAxis> = self.axes.iter().map(KeyAxis::of_groups).collect();
        axes[axis] = KeyAxis { groups, keys: Vec::new(), labels: Vec::new(), ..axes[axis].of_groups() };
        Self { axes, planes: self.planes.clone(), constants: self.constants.clone(), times_given: 1, _memory: None }
    }

    /// Groups along these axes.
    #[cfg(test)]
    pub(super) fn of(axes: Vec<KeyAxis>) -> Self {
        Self { axes, planes: Vec::new(), constants: Vec::new(), times_given: 1, _memory: None }
    }
}

/// Keys with that of the class in the place of those of rows.
fn by_class(program: &Program, keys: &[(Column, Expr)]) -> Vec<(Column, Expr)> {
    let Some(matches) = &program.matches else { return keys.to_vec() };
    let of_rows = |key: &Expr| matches.keys.iter().any(|(id, _)| key.columns().contains(id));
    let mut keys: Vec<_> = keys.iter().filter(|(_, key)| !of_rows(key)).cloned().collect();
    keys.push(matches.class_key());
    keys
}

/// Whether a column is that of the classes of cells.
fn is_class(program: &Program, id: ColumnId) -> bool {
    program.matches.as_ref().is_some_and(|matches| matches.class == id)
}

/// Keys that are numbered together.
struct Together<'k> {
    /// The dimensions that they depend on.
    dims: Footprint,
    keys: Vec<&'k (Column, Expr)>,
}

/// Keys with the dimensions that they depend on.
fn keys_by_dims<'k>(program: &Program, keys: &'k [(Column, Expr)]) -> Result<Vec<Together<'k>>> {
    let with_dims = |key: &'k (Column, Expr)| Ok((program.dims_of_key(&key.1)?, key));
    let keys = keys.iter().map(with_dims).collect::<Result<Vec<_>>>()?;
    Ok(Footprint::together(keys).into_iter().map(|(dims, keys)| Together { dims, keys }).collect())
}

/// The selected positions along some dimensions, and the lengths of these.
fn positions_along(program: &Program, dims: Footprint) -> Vec<(usize, &IndexSet, usize)> {
    dims.dims().map(|dim| (dim, &program.region.sets()[dim], program.shape[dim])).collect()
}

/// The tuples of keys for the places of some dimensions, and the memory that numbering them takes.
fn numbered(program: &Program, keys: &[&Expr], dims: Footprint, context: &Context) -> Result<(Numbers, Reservation)> {
    let (mut numbers, mut memory) = (Numbers::default(), context.memory().reserve(0, WHAT)?);
    program.visit_plane(keys, dims, context, &mut |values, places| {
        numbers.add(&values, places)?;
        memory.resize(numbers.memory())
    })?;
    Ok((numbers, memory))
}

/// Tuples of keys, numbered by first appearance.
#[derive(Default)]
pub(super) struct Numbers {
    table: Option<KeyTable>,
    of: Vec<u32>,
    /// For each key its values where a tuple came first.
    firsts: Vec<Vec<ArrayRef>>,
}

impl Numbers {
    /// Numbers the tuples of the next places.
    pub(super) fn add(&mut self, keys: &[ArrayRef], places: usize) -> Result<()> {
        if keys.is_empty() {
            // There is one tuple, that of nothing.
            self.of.resize(self.of.len() + places, 0);
            return Ok(());
        }
        let types: Vec<DataType> = keys.iter().map(|key| key.data_type().clone()).collect();
        let table = match &mut self.table {
            Some(table) => table,
            none => none.insert(KeyTable::new(&types)?),
        };
        let (numbers, new) = table.number(keys, places)?;
        self.of.extend(numbers);
        self.firsts.resize_with(keys.len(), Vec::new);
        let new = UInt32Array::from(new);
        for (firsts, key) in self.firsts.iter_mut().zip(keys) {
            firsts.push(take(key, &new, None)?);
        }
        Ok(())
    }

    /// How many different tuples there are.
    fn count(&self) -> usize {
        self.table.as_ref().map_or(0, KeyTable::len)
    }

    /// The bytes it holds.
    pub(super) fn memory(&self) -> usize {
        let values = self.firsts.iter().flatten().map(array_bytes).sum::<usize>();
        values + self.table.as_ref().map_or(0, KeyTable::memory) + self.of.capacity() * size_of::<u32>()
    }

    /// The numbers of the places.
    pub(super) fn of(&self) -> &[u32] {
        &self.of
    }

    /// Lets go of the numbers of places, not of the tuples.
    pub(super) fn forget_places(&mut self) {
        self.of.clear();
    }

    /// For each key, of these types, one value a tuple.
    pub(super) fn values(&self, types: impl Iterator<Item = SqlType>) -> Result<Vec<ArrayRef>> {
        let joined = |(at, ty): (usize, SqlType)| match self.firsts.get(at) {
            Some(firsts) => Ok(concat(&firsts.iter().map(AsRef::as_ref).collect::<Vec<&dyn Array>>())?),
            None => Ok(new_empty_array(&ty.to_arrow())),
        };
        types.enumerate().map(joined).collect()
    }
}

impl KeyAxis {
    /// From the numbers of the places of some dimensions, of which the selected positions and the length are given.
    fn new(along: &[(usize, &IndexSet, usize)], keys: Vec<(ColumnId, ArrayRef)>, numbers: Numbers) -> Self {
        let dims: Vec<usize> = along.iter().map(|(dim, ..)| *dim).collect();
        let (mut adds, mut places) = (Vec::new(), 1);
        for (_, selected, len) in along.iter().rev() {
            let mut along = vec![0; *len];
            selected.iter().enumerate().for_each(|(rank, at)| along[at] = (rank * places) as u32);
            adds.insert(0, along);
            places *= selected.len();
        }
        let groups = numbers.count();
        let one_each = groups == places && dims.len() == 1;
        let same_until = stretches(&numbers.of);
        Self { dims, adds, group_of: numbers.of, same_until, groups, one_each, keys, labels: Vec::new() }
    }

    /// Each place of some dimensions as a group of its own; `own` has the keys of each dimension.
    fn of_places(along: &[(usize, &IndexSet, usize)], keys: Vec<(ColumnId, ArrayRef)>, own: Vec<Self>) -> Self {
        let groups: usize = along.iter().map(|(_, selected, _)| selected.len()).product();
        let mut labels: Vec<Labels> = Vec::new();
        let mut stride = 1;
        for axis in own.into_iter().rev() {
            labels.push(Labels { stride, positions: axis.groups, keys: axis.keys });
            stride *= axis.groups;
        }
        Self { groups, labels, ..Self::new(along, keys, Numbers::default()) }
    }

    /// Whether labels tell each of its groups from all others.
    pub(super) fn has_labels(&self) -> bool {
        !self.labels.is_empty()
    }

    /// How many keys lie on it.
    pub(super) fn key_count(&self) -> usize {
        self.keys.len() + self.labels.iter().map(|labels| labels.keys.len()).sum::<usize>()
    }

    /// The keys of some groups.
    pub(super) fn keys_of(&self, groups: &UInt32Array) -> Result<Vec<(ColumnId, ArrayRef)>> {
        let mut out = Vec::new();
        for (id, values) in &self.keys {
            out.push((*id, take(values, groups, None)?));
        }
        for Labels { stride, positions, keys } in &self.labels {
            let rank = |group: &u32| (*group as usize / stride % positions) as u32;
            let ranks: UInt32Array = groups.values().iter().map(rank).collect::<Vec<_>>().into();
            for (id, values) in keys {
                out.push((*id, take(values, &ranks, None)?));
            }
        }
        Ok(out)
    }

    /// Each selected position of a dimension as a group of its own, without keys.
    fn of_positions(dim: usize, selected: &IndexSet, len: usize) -> Self {
        let numbers = Numbers { of: (0..selected.len() as u32).collect(), ..Numbers::default() };
        let axis = Self::new(&[(dim, selected, len)], Vec::new(), numbers);
        Self { groups: selected.len(), one_each: true, ..axis }
    }

    /// Whether each selected position of this dimension is a group of its own.
    pub(super) fn is_own(&self, dim: usize) -> bool {
        self.one_each && self.dims == [dim]
    }

    /// Its groups, without the places that they are found from.
    fn of_groups(&self) -> Self {
        let (dims, keys) = (self.dims.clone(), self.keys.clone());
        let (group_of, same_until) = (Vec::new(), Vec::new());
        let (adds, groups, one_each) = (Vec::new(), self.groups, self.one_each);
        Self { dims, adds, group_of, same_until, groups, one_each, keys, labels: self.labels.clone() }
    }

    /// Whether a key lies on it.
    pub(super) fn has_key(&self, id: ColumnId) -> bool {
        self.keys.iter().any(|(own, _)| *own == id)
    }

    /// Whether it lies on a dimension.
    pub(super) fn lies_on(&self, dim: usize) -> bool {
        self.dims.contains(&dim)
    }

    /// The last of its dimensions.
    pub(super) fn last_dim(&self) -> usize {
        self.dims[self.dims.len() - 1]
    }

    /// What a selected position of one of its dimensions adds to the number of a place.
    pub(super) fn add(&self, dim: usize, at: usize) -> usize {
        let own = self.dims.iter().position(|own| *own == dim).expect("the axis lies on the dimension");
        self.adds[own][at] as usize
    }

    /// The group of a place.
    pub(super) fn group(&self, place: usize) -> usize {
        if self.group_of.is_empty() { place } else { self.group_of[place] as usize }
    }

    /// The first place after this one that has another group.
    pub(super) fn same_until(&self, place: usize) -> usize {
        if self.same_until.is_empty() { place + 1 } else { self.same_until[place] as usize }
    }

    /// Groups along a dimension whose positions are all selected.
    #[cfg(test)]
    pub(super) fn on_dim(dim: usize, group_of: &[u32], one_each: bool) -> Self {
        let groups = group_of.iter().max().map_or(0, |max| *max as usize + 1);
        let adds = vec![(0..group_of.len() as u32).collect()];
        let (group_of, same_until) = (group_of.to_vec(), stretches(group_of));
        Self { dims: vec![dim], adds, group_of, same_until, groups, one_each, keys: Vec::new(), labels: Vec::new() }
    }
}

/// For each place the first one after it that has another group.
fn stretches(group_of: &[u32]) -> Vec<u32> {
    let mut until = vec![group_of.len() as u32; group_of.len()];
    for place in (1..group_of.len()).rev() {
        until[place - 1] = if group_of[place - 1] == group_of[place] { until[place] } else { place as u32 };
    }
    until
}

/// For each place the number of its tuple of values: the same for equal ones, by first appearance.
pub(super) fn numbers(keys: &[ArrayRef], places: usize) -> Result<Vec<u32>> {
    let mut numbers = Numbers::default();
    numbers.add(keys, places)?;
    Ok(numbers.of)
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::{AsArray, Float64Array, Int64Array};
    use std::sync::Arc;

    fn axis(along: &[(usize, &IndexSet, usize)], keys: &[ArrayRef]) -> KeyAxis {
        let mut numbers = Numbers::default();
        // In two parts.
        let len = keys[0].len();
        for part in [0..len / 2, len / 2..len] {
            let keys: Vec<ArrayRef> = keys.iter().map(|key| key.slice(part.start, part.len())).collect();
            numbers.add(&keys, part.len()).unwrap();
        }
        let types = keys.iter().map(|key| SqlType::from_arrow(key.data_type()).unwrap());
        let values = numbers.values(types).unwrap();
        KeyAxis::new(along, (0..keys.len() as u32).map(ColumnId).zip(values).collect(), numbers)
    }

    #[test]
    fn groups_are_numbered_by_first_appearance_among_selected_positions() {
        let months: ArrayRef = Arc::new(Int64Array::from(vec![6, 7, 6, 5]));
        let axis = axis(&[(0, &IndexSet::range(1..5), 6)], &[months]);
        assert_eq!((&axis.group_of[..], axis.groups, axis.one_each), (&[0, 1, 0, 2][..], 3, false));
        assert_eq!(axis.keys[0].1.as_primitive::<arrow::datatypes::Int64Type>().values(), &[6, 7, 5]);
        assert_eq!(axis.group(axis.add(0, 3)), 0);
    }

    #[test]
    fn places_of_a_plane_are_numbered_row_major() {
        let bands: ArrayRef = Arc::new(Int64Array::from(vec![1, 2, 3, 2, 3, 4]));
        let (rows, columns) = (IndexSet::from_ascending([0, 2]), IndexSet::range(4..7));
        let axis = axis(&[(1, &rows, 3), (3, &columns, 9)], &[bands]);
        assert_eq!((&axis.group_of[..], axis.groups, axis.one_each), (&[0, 1, 2, 1, 2, 3][..], 4, false));
        let group = |row: usize, column: usize| axis.group(axis.add(1, row) + axis.add(3, column));
        assert_eq!([group(0, 4), group(0, 6), group(2, 4), group(2, 6)], [0, 2, 1, 3]);
        assert!(axis.lies_on(3) && !axis.is_own(3) && axis.last_dim() == 3);
    }

    #[test]
    fn zeros_of_both_signs_nans_and_nulls_are_one_group_each() {
        let labels: ArrayRef =
            Arc::new(Float64Array::from(vec![Some(0.0), Some(-0.0), None, Some(f64::NAN), Some(-f64::NAN), None]));
        assert_eq!(axis(&[(0, &IndexSet::all(6), 6)], &[labels]).group_of, [0, 0, 1, 2, 2, 1]);
    }

    #[test]
    fn keys_of_one_dimension_are_numbered_together() {
        let year: ArrayRef = Arc::new(Int64Array::from(vec![2000, 2000, 2001, 2001]));
        let month: ArrayRef = Arc::new(Int64Array::from(vec![1, 2, 1, 1]));
        let axis = axis(&[(0, &IndexSet::all(4), 4)], &[year, month]);
        assert_eq!((axis.group_of, axis.groups), (vec![0, 1, 2, 2], 3));
    }
}
