//! One file, opened: its table, and the values of its dimension coordinates.

use super::labels::Labels;
use crate::aligned::AlignedBytes;
use crate::cf::decoder::{Decoder, Rules, Width};
use crate::cf::table::{Reading, Table, TableColumn};
use crate::cf::time::REFORM;
use crate::formats::{Format, Stored};
use crate::handles::Handles;
use crate::metrics::ReadMetrics;
use crate::{Error, OpenOptions, Result, Room};
use arrow::array::{Array, ArrayRef};
use hyperslab_grid::schema::Role;
use hyperslab_grid::{Calendar, Hyperslab};
use rayon::prelude::*;
use std::slice;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

/// Auxiliary coordinates of at most this length are read to see which calendar their times need.
const SHORT: usize = 1_000_000;

/// The most labels that one file may have for an axis: they are held in memory, however small a file can state them. A year of
/// seconds is less.
const MOST_LABELS: usize = 1 << 25;

/// So many files are read at once whose labels take less than this part of what labels may.
const FILES_AT_ONCE: usize = 16;

/// The most bytes of a chunk of labels.
const LARGEST_CHUNK: usize = 1 << 28;

/// A file's table with the labels of its dimensions.
#[derive(Debug)]
pub(crate) struct Opened {
    /// Its dimensions and columns.
    pub(crate) table: Table,
    /// For each dimension its labels, shared with other files that have the same.
    pub(crate) labels: Vec<Option<Arc<Labels>>>,
}

/// What files are opened with.
struct Opening<'a> {
    reading: Reading,
    /// The most bytes that labels may take.
    label_bytes: usize,
    metrics: &'a ReadMetrics,
    /// Held while a file of many labels is read: of several at a time each might take all that labels may.
    many: Mutex<()>,
}

/// Opens all files, in parallel. Labels that equal those of the first file are kept once; room is taken for all.
///
/// # Errors
/// That of the first file that cannot be opened.
pub(crate) fn open_all(
    handles: &Handles,
    options: &OpenOptions,
    room: &Room,
    metrics: &ReadMetrics,
) -> Result<Vec<Opened>> {
    let reading = Reading { valid_range: options.valid_range, decode_times: options.decode_times };
    let opening = Opening { reading, label_bytes: options.label_bytes, metrics, many: Mutex::default() };
    let held = AtomicUsize::new(0);
    let open = |file, first: Option<&Opened>| {
        let mut opened = Opened::new(handles, file, &opening)?;
        let own = opened.share_labels(first);
        check_room(held.fetch_add(own, Ordering::Relaxed) + own, options.label_bytes)
            .and_then(|()| room.take(own))
            .map_err(|error| error.in_file(handles.path(file)))?;
        Ok(opened)
    };
    let first = open(0, None)?;
    let rest: Vec<Result<Opened>> =
        (1..handles.paths().len()).into_par_iter().map(|file| open(file, Some(&first))).collect();
    let rest = rest.into_iter().collect::<Result<Vec<_>>>()?;
    Ok(std::iter::once(first).chain(rest).collect())
}

impl Opened {
    fn new(handles: &Handles, file: usize, opening: &Opening<'_>) -> Result<Self> {
        let format = handles.get(file, opening.metrics)?;
        let opened = opening.read(&*format);
        opened.map_err(|error| error.in_file(handles.path(file)))
    }

    /// Lets go of labels that those of the first file equal; gives the bytes of those that are its own.
    fn share_labels(&mut self, first: Option<&Self>) -> usize {
        let mut bytes = 0;
        for (dim, labels) in self.table.dimensions.iter().zip(&mut self.labels) {
            let Some(own) = labels else { continue };
            let known = first.and_then(|first| {
                let at = first.table.dimensions.iter().position(|d| d.path == dim.path)?;
                first.labels[at].as_ref().filter(|known| own.identical(known))
            });
            match known {
                Some(known) => *labels = Some(Arc::clone(known)),
                None => bytes += own.bytes(),
            }
        }
        bytes
    }
}

impl Opening<'_> {
    fn read(&self, format: &dyn Format) -> Result<Opened> {
        let contents = format.contents();
        let mut table = Table::new(contents, self.reading, &[]);
        let bytes = room_for_labels(&table, self.label_bytes)?;
        let _alone = (bytes > self.label_bytes / FILES_AT_ONCE).then(|| self.many.lock());
        let file = LabelReader { format, opening: self, room: Room::of(self.label_bytes) };
        let mut values = file.read_labels(&table)?;
        let mut raw = Vec::new();
        let mut warnings = Vec::new();
        for (column, array) in table.dimensions.iter().zip(&values).filter_map(|(d, v)| Some((d.label?, v.as_ref()?))) {
            let column = &table.columns[column];
            if let Some(lost) = file.lost_instants(column, array)? {
                raw.push(column.variable);
                let sentence = format!("{lost} of {} values are no times: they stay numbers", array.len());
                warnings.push((column.path.clone(), sentence));
            }
        }
        if !raw.is_empty() {
            table = Table::new(contents, self.reading, &raw);
            table.warnings.extend(warnings);
            values = file.read_labels(&table)?;
        }
        file.settle_calendars(&mut table, &values)?;
        let labels = table.dimensions.iter().zip(values).map(|(dim, values)| {
            let calendar = table.columns[dim.label?].calendar();
            Some(Arc::new(Labels::new(values?, calendar)))
        });
        let labels = labels.collect();
        Ok(Opened { table, labels })
    }
}

/// The bytes that reading the labels of a file takes, checked before they are read: as stored, decoded, and as numbers.
fn room_for_labels(table: &Table, room: usize) -> Result<usize> {
    let mut bytes = 0usize;
    for column in table.dimensions.iter().filter_map(|dim| dim.label).map(|label| &table.columns[label]) {
        let labels = column.dims.iter().fold(1usize, |cells, dim| cells.saturating_mul(table.dimensions[*dim].len));
        let chunk = column.chunk.iter().fold(column.cell_bytes, |bytes, len| bytes.saturating_mul(*len));
        let all = labels.saturating_mul(column.cell_bytes + 2 * size_of::<f64>());
        bytes = bytes.saturating_add(all).saturating_add(chunk);
        check_labels(labels, &column.chunk, column.cell_bytes)
            .and_then(|()| check_room(bytes, room))
            .map_err(|error| error.in_variable(&column.path))?;
    }
    Ok(bytes)
}

fn check_room(bytes: usize, room: usize) -> Result<()> {
    if bytes <= room {
        return Ok(());
    }
    let message = format!("has labels of axes that take {bytes} bytes of memory, and {room} bytes are for labels");
    Err(Error::unsupported(message).with_hint("raise the memory limit, of which they may take half"))
}

/// Reads labels of one file.
struct LabelReader<'a> {
    format: &'a dyn Format,
    opening: &'a Opening<'a>,
    /// For texts of any length.
    room: Room,
}

impl LabelReader<'_> {
    /// The decoded labels of each dimension.
    fn read_labels(&self, table: &Table) -> Result<Vec<Option<ArrayRef>>> {
        let of = |label: Option<usize>| label.map(|at| self.read_whole(table, &table.columns[at])).transpose();
        table.dimensions.iter().map(|dim| of(dim.label)).collect()
    }

    /// All values of a column over at most one dimension.
    fn read_whole(&self, table: &Table, column: &TableColumn) -> Result<ArrayRef> {
        let shape: Vec<usize> = column.dims.iter().map(|dim| table.dimensions[*dim].len).collect();
        self.decode_whole(column, &column.decoder, &shape).map_err(|error| error.in_variable(&column.path))
    }

    fn decode_whole(&self, column: &TableColumn, decoder: &Decoder, shape: &[usize]) -> Result<ArrayRef> {
        let (format, metrics) = (self.format, self.opening.metrics);
        let cells: usize = shape.iter().product();
        let full: Vec<usize> = shape.iter().copied().chain(column.folded).collect();
        let slab = Hyperslab::all(&full);
        if slab.is_empty() {
            return Ok(decoder.decode(&AlignedBytes::new(), &[], Width::ONE));
        }
        check_labels(cells, &column.chunk, column.cell_bytes)?;
        let mut stored = Stored { room: self.room.clone(), ..Stored::default() };
        if decoder.reads_strings() {
            let strings = format.read_text(column.variable, &slab, &mut stored, metrics)?;
            return if strings.len() == cells {
                Ok(decoder.decode_strings(&strings, slice::from_ref(&(0..cells))))
            } else {
                Err(short())
            };
        }
        let read = format.read(column.variable, &slab, &mut stored, metrics)?;
        let folded = column.folded.and(read.ranges().last()).map_or(1, ExactSizeIterator::len);
        let width = Width { kept: column.folded.unwrap_or(1), stored: folded };
        if !read.contains(&slab) || stored.bytes.len() < read.cells() * column.stored_size {
            return Err(short());
        }
        Ok(decoder.decode(&stored.bytes, slice::from_ref(&(0..cells)), width))
    }

    /// How many values of a time axis are present but no instants; `None` if all are.
    fn lost_instants(&self, column: &TableColumn, instants: &ArrayRef) -> Result<Option<usize>> {
        if column.units.is_none() || instants.null_count() == 0 {
            return Ok(None);
        }
        let contents = self.format.contents();
        let rules = Rules { default_fill: contents.default_fill, valid_range: self.opening.reading.valid_range };
        let Some((plain, _)) = Decoder::new(&contents.variables[column.variable], None, rules) else { return Ok(None) };
        let numbers = self.decode_whole(column, &plain, &[instants.len()])?;
        let lost = instants.null_count().saturating_sub(numbers.null_count());
        Ok((lost > 0).then_some(lost))
    }

    /// Finds out for times in the mixed calendar whether any lies before its reform; bounds follow what they bound.
    fn settle_calendars(&self, table: &mut Table, labels: &[Option<ArrayRef>]) -> Result<()> {
        let mixed = |c: &TableColumn| c.units.is_some_and(|units| units.calendar == Calendar::Standard);
        for at in 0..table.columns.len() {
            let column = &table.columns[at];
            if !mixed(column) {
                continue;
            }
            let label = table.dimensions.iter().position(|dim| dim.label == Some(at));
            let known = label.and_then(|dim| labels[dim].clone());
            let values = match known {
                Some(values) => Some(values),
                None if is_short_coordinate(table, column) => Some(self.read_whole(table, column)?),
                None => None,
            };
            if let Some(values) = values {
                let early = Labels::any_before_reform(&values);
                settle(table, at, early);
            }
        }
        Ok(())
    }
}

/// Checks that so many labels of a file can be held, and a chunk of them.
pub(crate) fn check_labels(labels: usize, chunk: &[usize], size: usize) -> Result<()> {
    let chunk = chunk.iter().fold(size, |bytes, len| bytes.saturating_mul(*len));
    if labels <= MOST_LABELS && chunk <= LARGEST_CHUNK {
        return Ok(());
    }
    let message = format!("has {labels} labels of an axis, in chunks of {chunk} bytes: more than are held in memory");
    Err(Error::unsupported(message).with_hint("cut the file along that axis"))
}

fn short() -> Error {
    Error::corrupt("fewer cells were read than the variable has")
}

/// Whether a column is a coordinate that may be read to find out, and whose reference leaves doubt.
fn is_short_coordinate(table: &Table, column: &TableColumn) -> bool {
    let len: usize = column.dims.iter().map(|dim| table.dimensions[*dim].len).product();
    let doubtful = column.units.is_some_and(|units| units.reference < REFORM);
    let coordinate = matches!(column.role, Role::AuxiliaryCoordinate | Role::Hidden);
    doubtful && coordinate && column.dims.len() <= 1 && len <= SHORT
}

fn settle(table: &mut Table, at: usize, early: bool) {
    table.columns[at].early = early;
    let path = table.columns[at].path.clone();
    let bounds = table.columns.iter_mut().filter(|c| c.bounds_of.as_ref() == Some(&path));
    bounds.for_each(|bounds| bounds.early = early);
}
