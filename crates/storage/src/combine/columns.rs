//! The columns of a dataset: for each, which file holds which part, and how it is cut into chunks.

use super::Files;
use super::joins::{Join, Plan};
use super::opened::Opened;
use crate::cf::decoder::Decoder;
use crate::cf::table::TableColumn;
use crate::dataset::VariableStorage;
use crate::regrid::Regridded;
use crate::{Error, ErrorKind, Overlap, Result};
use arrow::array::ArrayRef;
use arrow::datatypes::DataType;
use hyperslab_grid::schema::Role;
use hyperslab_grid::{AxisChunks, AxisMap, Calendar, ChunkGrid};
use std::collections::HashMap;
use std::sync::Arc;

/// Where the cells of a variable lie.
#[derive(Clone, Debug)]
pub(crate) struct Column {
    /// For each of its dimensions the join that makes it up.
    pub(crate) joins: Vec<Option<usize>>,
    /// Where its values come from.
    pub(crate) source: Source,
    /// How it is cut.
    pub(crate) chunks: ChunkGrid,
    /// How it is stored, for people.
    pub(crate) storage: VariableStorage,
}

/// Where the values of a column come from. Tiles are the combinations of segments of the joins on which the column lies,
/// row-major in the order of its dimensions.
#[derive(Clone, Debug)]
pub(crate) enum Source {
    /// For each tile the file that holds it; none where no file does.
    Files(Vec<Option<Part>>),
    /// For each tile the one value of all its cells.
    Constants(ArrayRef),
    /// All values, in order.
    Values(ArrayRef),
    /// Computed from a column of another dataset.
    Regridded(Regridded),
    /// For each observation of a ragged array the value of its feature.
    Instances {
        /// One value a feature.
        values: ArrayRef,
        /// From observations to features.
        map: Arc<AxisMap>,
    },
}

/// A tile of a column, in one file.
#[derive(Clone, Debug)]
pub(crate) struct Part {
    /// The file.
    pub(crate) file: usize,
    /// The variable, by position in the file.
    pub(crate) variable: usize,
    /// The length of the dimension that is folded into values.
    pub(crate) folded: Option<usize>,
    /// How its cells are decoded.
    pub(crate) decoder: Arc<Decoder>,
}

/// The type of a column's values.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ValueType {
    /// Of one value; instants are `Int64`.
    pub(crate) item: DataType,
    /// The calendar of instants.
    pub(crate) calendar: Option<Calendar>,
    /// The number of values in a row of bounds.
    pub(crate) list: Option<usize>,
}

impl ValueType {
    fn of(column: &TableColumn) -> Self {
        Self { item: column.item_type(), calendar: column.calendar(), list: column.list_len() }
    }

    fn class(&self) -> &'static str {
        match &self.item {
            _ if self.calendar.is_some() => "times",
            DataType::Utf8 => "text",
            DataType::Boolean => "truth values",
            DataType::Binary => "bytes",
            DataType::List(_) | DataType::FixedSizeList(..) => "lists",
            _ => "numbers",
        }
    }
}

/// A column of the same path in some files.
pub(crate) struct Held<'a> {
    /// The files, in the order of the dataset, each with its column.
    holders: Vec<(usize, &'a TableColumn)>,
}

impl<'a> Held<'a> {
    /// The columns of all files by path, in the order of the first file that has them.
    pub(crate) fn all(files: &Files<'a>, plan: &Plan) -> Vec<Self> {
        let mut places: HashMap<&str, usize> = HashMap::new();
        let mut all: Vec<Self> = Vec::new();
        for (file, opened) in files.opened.iter().enumerate() {
            for column in &opened.table.columns {
                let at = *places.entry(&column.path).or_insert_with(|| {
                    all.push(Self { holders: Vec::new() });
                    all.len() - 1
                });
                all[at].holders.push((file, column));
            }
        }
        let mut place = vec![0; files.opened.len()];
        plan.order.iter().enumerate().for_each(|(at, file)| place[*file] = at);
        all.iter_mut().for_each(|held| held.holders.sort_by_key(|(file, _)| place[*file]));
        all
    }

    /// The first file that has it, and its column there.
    pub(crate) fn first(&self) -> (usize, &'a TableColumn) {
        self.holders[0]
    }

    /// The column's dimensions in the dataset.
    pub(crate) fn dims(&self, files: &Files, plan: &Plan) -> Vec<usize> {
        let (file, column) = self.first();
        let paths = files.opened[file].table.dim_paths(column);
        let own = paths.iter().filter_map(|path| plan.dim_of(path));
        let fresh = plan.joins.iter().filter(|join| join.fresh && column.role == Role::Data).map(|join| join.dim);
        fresh.chain(own).collect()
    }

    /// The widest type of its parts, once all are found to fit each other.
    ///
    /// # Errors
    /// If two files disagree about its dimensions, type class, units or calendar.
    pub(crate) fn value_type(&self, files: &Files) -> Result<ValueType> {
        let (first_file, first) = self.first();
        let mut widest = ValueType::of(first);
        for (file, column) in &self.holders[1..] {
            let disagree = |what: &str, a: String, b: String| {
                let (a_name, b_name) = (files.name(first_file), files.name(*file));
                let message = format!("the {what} differs between files: {a} in {a_name}, {b} in {b_name}");
                Err(Error::new(ErrorKind::Disagree, message).in_variable(&first.path))
            };
            let dims = |opened: &Opened, c| format!("({})", opened.table.dim_paths(c).join(", "));
            let (a, b) = (dims(&files.opened[first_file], first), dims(&files.opened[*file], column));
            if a != b {
                return disagree("order or set of dimensions", a, b);
            }
            let other = ValueType::of(column);
            if widest.class() != other.class() || widest.list != other.list {
                return disagree("type", widest.class().into(), other.class().into());
            }
            let (a, b) = (first.units.map(|u| u.calendar), column.units.map(|u| u.calendar));
            if a != b && !same_gregorian(a, b) {
                let name = |c: Option<Calendar>| c.map_or("none", Calendar::cf_name).to_string();
                return disagree("calendar", name(a), name(b));
            }
            let units = |c: &TableColumn| c.attributes.iter().find(|(name, _)| name == "units").map(|(_, u)| u.clone());
            if units(first) != units(column) {
                let shown = |units: Option<String>| units.map_or("none".to_string(), |u| format!("'{u}'"));
                return disagree("unit", shown(units(first)), shown(units(column)));
            }
            widest.item = wider(&widest.item, &other.item);
            if other.calendar == Some(Calendar::Standard) {
                widest.calendar = other.calendar;
            }
        }
        Ok(widest)
    }

    /// Where the column's cells lie, over `dims` of the dataset.
    pub(crate) fn column(&self, files: &Files, plan: &Plan, dims: &[usize]) -> Column {
        let joins: Vec<Option<usize>> = dims.iter().map(|dim| plan.dims[*dim].join).collect();
        let parts = self.parts(plan, &joins);
        Column {
            chunks: chunks(plan, dims, &joins, &parts),
            storage: self.storage(files, &parts),
            source: Source::Files(parts.into_iter().map(|part| part.map(|(part, _)| part)).collect()),
            joins,
        }
    }

    /// For each tile the file that holds it, with its column there.
    fn parts(&self, plan: &Plan, joins: &[Option<usize>]) -> Vec<Option<(Part, &'a TableColumn)>> {
        let joins: Vec<&Join> = joins.iter().flatten().map(|join| &plan.joins[*join]).collect();
        let mut by_group: HashMap<Vec<usize>, (usize, &TableColumn)> = HashMap::new();
        let mut add = |(file, column): &(usize, &'a TableColumn)| {
            if let Some(key) = joins.iter().map(|join| join.member[*file]).collect::<Option<Vec<_>>>() {
                by_group.entry(key).or_insert((*file, column));
            }
        };
        // The file met first wins.
        match plan.overlap {
            Overlap::Last => self.holders.iter().rev().for_each(&mut add),
            Overlap::Error | Overlap::Keep | Overlap::First => self.holders.iter().for_each(&mut add),
        }
        let mut decoder: Option<Arc<Decoder>> = None;
        let mut part = |key: &[usize]| {
            let (file, column) = *by_group.get(key)?;
            let shared = decoder.take().filter(|known| **known == column.decoder);
            let shared = shared.unwrap_or_else(|| Arc::new(column.decoder.clone()));
            decoder = Some(Arc::clone(&shared));
            Some((Part { file, variable: column.variable, folded: column.folded, decoder: shared }, column))
        };
        tiles(&joins).iter().map(|key| part(key)).collect()
    }

    fn storage(&self, files: &Files, parts: &[Option<(Part, &'a TableColumn)>]) -> VariableStorage {
        let (file, first) = self.first();
        let other =
            |c: &TableColumn| c.storage != first.storage || c.decoder != first.decoder || c.chunk != first.chunk;
        let shown = |dim: &usize| files.opened[file].table.dimensions[*dim].len;
        VariableStorage {
            stored_type: first.stored_type.clone(),
            chunk: first
                .chunk
                .iter()
                .zip(first.dims.iter().map(shown))
                .map(|(size, len)| *size.min(&len.max(1)))
                .collect(),
            chunked: first.chunked,
            chunk_bytes: parts.iter().flatten().map(|(_, column)| column.chunk_bytes()).max().unwrap_or(0),
            heap_bytes: parts.iter().flatten().map(|(_, column)| column.heap_bytes).max().unwrap_or(0),
            storage: first.storage.clone(),
            packing: first.decoder.packing.clone(),
            masked: first.decoder.masked.clone(),
            files: parts.iter().flatten().map(|(part, _)| part.file).collect::<std::collections::HashSet<_>>().len(),
            uniform: !parts.iter().flatten().any(|(_, column)| other(column)),
        }
    }
}

impl Plan {
    /// The dimension of the dataset that the dimension of this path in the files is.
    pub(crate) fn dim_of(&self, path: &str) -> Option<usize> {
        self.dims.iter().position(|dim| dim.axis.is_some_and(|axis| self.axes[axis].path == path))
    }
}

/// How a column over `dims` is cut: as the first file along each segment is, and at the borders of files.
fn chunks(plan: &Plan, dims: &[usize], joins: &[Option<usize>], parts: &[Option<(Part, &TableColumn)>]) -> ChunkGrid {
    let of_joins: Vec<&Join> = joins.iter().flatten().map(|join| &plan.joins[*join]).collect();
    let tiles = tiles_shape(&of_joins);
    let mut axes = Vec::with_capacity(dims.len());
    let mut joined = 0;
    for (at, dim) in dims.iter().enumerate() {
        let size = |part: Option<&(Part, &TableColumn)>| {
            // A new dimension is none of the file's.
            let own = at - joins[..at].iter().flatten().filter(|join| plan.joins[**join].fresh).count();
            part.and_then(|(_, column)| column.chunk.get(own).copied()).unwrap_or(usize::MAX).max(1)
        };
        let Some(join) = joins[at] else {
            let first = parts.iter().flatten().next();
            axes.push(AxisChunks::regular(plan.dims[*dim].len, size(first).min(plan.dims[*dim].len.max(1))));
            continue;
        };
        let stride: usize = tiles[joined + 1..].iter().product();
        let segments = plan.joins[join].segments.iter().enumerate().map(|(segment, about)| {
            let part = parts.get(segment * stride).and_then(Option::as_ref);
            clipped(about.from, about.len, if plan.joins[join].fresh { 1 } else { size(part) })
        });
        axes.push(AxisChunks::concat(&segments.flatten().collect::<Vec<_>>()));
        joined += 1;
    }
    ChunkGrid::new(axes)
}

/// The number of segments along each join.
fn tiles_shape(joins: &[&Join]) -> Vec<usize> {
    joins.iter().map(|join| join.segments.len()).collect()
}

/// For each tile the groups of its segments.
pub(crate) fn tiles(joins: &[&Join]) -> Vec<Vec<usize>> {
    let shape = tiles_shape(joins);
    let group_of = |mut tile: usize| {
        let mut groups = vec![0; joins.len()];
        for (at, count) in shape.iter().enumerate().rev() {
            groups[at] = joins[at].segments[tile % count].group;
            tile /= count;
        }
        groups
    };
    (0..shape.iter().product()).map(group_of).collect()
}

/// The cuts of a stretch of a file's dimension that is cut every `size` positions: a first piece up to the next cut,
/// then whole ones.
fn clipped(from: usize, len: usize, size: usize) -> Vec<AxisChunks> {
    let first = (size - from % size).min(len);
    [AxisChunks::whole(first), AxisChunks::regular(len - first, size.min((len - first).max(1)))].to_vec()
}

/// Both calendars count the same where no date lies before the reform; what does is told by the calendar of the column.
fn same_gregorian(a: Option<Calendar>, b: Option<Calendar>) -> bool {
    let gregorian = |c: Option<Calendar>| matches!(c, Some(Calendar::Standard | Calendar::ProlepticGregorian));
    gregorian(a) && gregorian(b)
}

/// The smallest type that holds the values of both.
fn wider(a: &DataType, b: &DataType) -> DataType {
    if a == b || !a.is_numeric() {
        return a.clone();
    }
    let Some(((a_signed, a_bits), (b_signed, b_bits))) = integer(a).zip(integer(b)) else {
        let single = |ty: &DataType| *ty == DataType::Float32 || integer(ty).is_some_and(|(_, bits)| bits <= 16);
        return if single(a) && single(b) { DataType::Float32 } else { DataType::Float64 };
    };
    let signed = a_signed || b_signed;
    // An unsigned integer needs a bit more to be signed.
    let needed = |own_signed: bool, bits: u32| if signed && !own_signed { bits * 2 } else { bits };
    match (signed, needed(a_signed, a_bits).max(needed(b_signed, b_bits))) {
        (true, 8) => DataType::Int8,
        (true, 16) => DataType::Int16,
        (true, 32) => DataType::Int32,
        (true, 64) => DataType::Int64,
        (false, 8) => DataType::UInt8,
        (false, 16) => DataType::UInt16,
        (false, 32) => DataType::UInt32,
        (false, 64) => DataType::UInt64,
        _ => DataType::Float64,
    }
}

fn integer(ty: &DataType) -> Option<(bool, u32)> {
    Some(match ty {
        DataType::Int8 => (true, 8),
        DataType::Int16 => (true, 16),
        DataType::Int32 => (true, 32),
        DataType::Int64 => (true, 64),
        DataType::UInt8 => (false, 8),
        DataType::UInt16 => (false, 16),
        DataType::UInt32 => (false, 32),
        DataType::UInt64 => (false, 64),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_widest_type_holds_both() {
        let cases = [
            (DataType::Int8, DataType::Int16, DataType::Int16),
            (DataType::UInt8, DataType::Int8, DataType::Int16),
            (DataType::UInt32, DataType::Int8, DataType::Int64),
            (DataType::UInt64, DataType::Int8, DataType::Float64),
            (DataType::Int16, DataType::Float32, DataType::Float32),
            (DataType::Int32, DataType::Float32, DataType::Float64),
            (DataType::Float32, DataType::Float64, DataType::Float64),
        ];
        for (a, b, expected) in cases {
            assert_eq!(wider(&a, &b), expected, "{a} {b}");
            assert_eq!(wider(&b, &a), expected, "{b} {a}");
        }
    }

    #[test]
    fn a_stretch_keeps_the_cuts_of_its_file() {
        let edges = |from, len, size| {
            let chunks = AxisChunks::concat(&clipped(from, len, size));
            (0..chunks.len()).map(|i| chunks.range(i)).collect::<Vec<_>>()
        };
        assert_eq!(edges(0, 10, 4), [0..4, 4..8, 8..10]);
        assert_eq!(edges(3, 7, 4), [0..1, 1..5, 5..7]);
        assert_eq!(edges(0, 3, usize::MAX), std::iter::once(0..3).collect::<Vec<_>>());
    }
}
