//! `COPY .. TO 'x.nc' (DIMENSIONS (..))`: rows as a grid. Each row is a cell, at the place that its labels say; cells that no row
//! stands for are missing.
//!
//! The labels are known before the first row. Cells are written slab by slab along the outermost dimension: rows may come in any
//! order within a slab, which is all of the grid where there is memory for it.

use crate::session::from_exec;
use crate::{Error, ErrorKind, Query, Result};
use arrow::array::{Array, ArrayRef, UInt32Array};
use arrow::compute::{concat, take};
use arrow::datatypes::{DataType, Schema};
use arrow::record_batch::RecordBatch;
use hyperslab_exec::{ABSENT, KeyTable, Reservation, array_bytes};
use hyperslab_grid::Hyperslab;
use hyperslab_storage::{NewDimension, NewGrid};
use std::path::Path;

/// Rows of a slab are held, put together and put in order.
const COPIES: usize = 3;

/// The part of the memory limit that slabs take.
const PART: usize = 4;

/// No row.
const NONE: u32 = u32::MAX;

/// Writes the rows of a query as a grid and says how many there were.
pub(crate) fn write_grid(rows: &mut Query, dimensions: Vec<NewDimension>, sql: &str, path: &Path) -> Result<u64> {
    let schema = rows.schema();
    let columns = Columns::new(&schema, &dimensions);
    let history = format!("hyperslab {}: {}", env!("CARGO_PKG_VERSION"), sql.trim());
    let attributes = [("Conventions", "CF-1.11".to_string()), ("history", history)];
    let fields: Vec<_> = columns.variables.iter().map(|at| schema.fields()[*at].clone()).collect();
    let file = NewGrid::create(path, &dimensions, &fields, &attributes).map_err(writing)?;
    let axes = dimensions.iter().map(Axis::new).collect::<Result<Vec<_>>>()?;
    let row_bytes: usize = columns.variables.iter().map(|at| width(schema.field(*at).data_type())).sum();
    let memory = rows.reserve("writing NetCDF")?;
    let limit = rows.memory_limit() / PART / COPIES;
    let mut grid = Slabs::new(file, axes, memory, (row_bytes + size_of::<u32>(), limit))?;
    let mut count = 0;
    while let Some(batch) = rows.next().transpose()? {
        count += batch.num_rows() as u64;
        grid.push(&columns.labels(&batch), &columns.values(&batch))?;
    }
    grid.finish()?;
    Ok(count)
}

/// Which columns of a result are labels, and which are variables.
struct Columns {
    labels: Vec<usize>,
    variables: Vec<usize>,
}

impl Columns {
    fn new(schema: &Schema, dimensions: &[NewDimension]) -> Self {
        let at = |dimension: &NewDimension| schema.fields().iter().position(|f| f.name() == dimension.field.name());
        let labels: Vec<usize> = dimensions.iter().filter_map(at).collect();
        let variables = (0..schema.fields().len()).filter(|at| !labels.contains(at)).collect();
        Self { labels, variables }
    }

    fn labels(&self, batch: &RecordBatch) -> Vec<ArrayRef> {
        self.labels.iter().map(|at| batch.column(*at).clone()).collect()
    }

    fn values(&self, batch: &RecordBatch) -> Vec<ArrayRef> {
        self.variables.iter().map(|at| batch.column(*at).clone()).collect()
    }
}

/// A dimension, and where its labels lie.
struct Axis {
    name: String,
    len: usize,
    /// The labels, by the numbers of their positions.
    places: KeyTable,
}

impl Axis {
    fn new(dimension: &NewDimension) -> Result<Self> {
        let NewDimension { field, labels } = dimension;
        let mut places = KeyTable::new(&[labels.data_type().clone()]).map_err(|error| from_exec(error, None))?;
        places.number(std::slice::from_ref(labels), labels.len()).map_err(|error| from_exec(error, None))?;
        Ok(Self { name: field.name().clone(), len: labels.len(), places })
    }

    /// The places of labels.
    fn places(&self, labels: &ArrayRef) -> Result<Vec<u32>> {
        let found =
            self.places.find(std::slice::from_ref(labels), labels.len()).map_err(|error| from_exec(error, None))?;
        if found.contains(&ABSENT) {
            let error = Error::new(ErrorKind::Internal, format!("a label of {} was not there before", self.name));
            return Err(error.with_hint("a query that gives other rows each time cannot be written as a grid"));
        }
        Ok(found)
    }
}

/// The grid, of which one slab is held.
struct Slabs {
    file: NewGrid,
    axes: Vec<Axis>,
    shape: Vec<usize>,
    /// The positions of a slab along the outermost dimension.
    rows: usize,
    /// The first position of the slab that is held.
    start: usize,
    /// For each of its cells the row that stands for it, by number among those held.
    cells: Vec<u32>,
    /// The values of rows held, by variable.
    held: Vec<Vec<ArrayRef>>,
    count: usize,
    bytes: usize,
    memory: Reservation,
}

impl Slabs {
    fn new(file: NewGrid, axes: Vec<Axis>, memory: Reservation, (bytes, limit): (usize, usize)) -> Result<Self> {
        let shape: Vec<usize> = axes.iter().map(|axis| axis.len).collect();
        let inner = shape[1..].iter().try_fold(1usize, |cells, len| cells.checked_mul(*len));
        let inner = inner.filter(|cells| *cells < NONE as usize).ok_or_else(|| {
            Error::new(ErrorKind::OutOfMemory, "the grid has too many cells at one position of its first dimension")
                .with_hint("name another dimension first")
        })?;
        let most = (limit / (inner * bytes).max(1)).min((NONE - 1) as usize / inner.max(1)).max(1);
        let rows = if most >= shape[0] { shape[0] } else { file.whole_chunks(most) };
        let held = Vec::new();
        let mut slabs = Self { file, axes, shape, rows, start: 0, cells: Vec::new(), held, count: 0, bytes: 0, memory };
        slabs.begin(0)?;
        Ok(slabs)
    }

    fn inner(&self) -> usize {
        self.shape[1..].iter().product()
    }

    /// Begins the slab that starts at a position.
    fn begin(&mut self, start: usize) -> Result<()> {
        let rows = self.rows.min(self.shape[0] - start.min(self.shape[0]));
        let cells = rows * self.inner();
        self.bytes = 0;
        self.reserve(cells)?;
        self.start = start;
        self.cells.clear();
        self.cells.resize(cells, NONE);
        self.held.iter_mut().for_each(Vec::clear);
        self.count = 0;
        Ok(())
    }

    fn reserve(&mut self, cells: usize) -> Result<()> {
        let needed = COPIES * self.bytes + cells * size_of::<u32>();
        self.memory.resize(needed).map_err(|error| from_exec(error, None))
    }

    /// Takes rows: their labels by dimension, and their values by variable.
    fn push(&mut self, labels: &[ArrayRef], values: &[ArrayRef]) -> Result<()> {
        let places =
            self.axes.iter().zip(labels).map(|(axis, labels)| axis.places(labels)).collect::<Result<Vec<_>>>()?;
        let rows = places.first().map_or(0, Vec::len);
        let mut from = 0;
        while from < rows {
            let outer = places[0][from] as usize;
            if outer < self.start {
                return Err(self.out_of_order());
            }
            if outer >= self.start + self.rows {
                self.flush()?;
                self.begin(outer - outer % self.rows)?;
            }
            let is_here = |row: &usize| (self.start..self.start + self.rows).contains(&(places[0][*row] as usize));
            let len = (from..rows).take_while(is_here).count();
            self.place(&places, from..from + len)?;
            let part = values.iter().map(|values| values.slice(from, len)).collect::<Vec<_>>();
            self.hold(part)?;
            from += len;
        }
        Ok(())
    }

    /// Notes which rows stand for which cells.
    fn place(&mut self, places: &[Vec<u32>], rows: std::ops::Range<usize>) -> Result<()> {
        for row in rows {
            let along = places.iter().zip(&self.shape).skip(1);
            let cell =
                along.fold(places[0][row] as usize - self.start, |cell, (place, len)| cell * len + place[row] as usize);
            if self.cells[cell] != NONE {
                let names: Vec<&str> = self.axes.iter().map(|axis| axis.name.as_str()).collect();
                let message = format!("two rows have the same labels of {}", names.join(", "));
                return Err(Error::new(ErrorKind::Type, message).with_hint("name all dimensions, or group by them"));
            }
            self.cells[cell] = self.count as u32;
            self.count += 1;
        }
        Ok(())
    }

    fn hold(&mut self, values: Vec<ArrayRef>) -> Result<()> {
        self.bytes += values.iter().map(array_bytes).sum::<usize>();
        self.reserve(self.cells.len())?;
        self.held.resize(values.len(), Vec::new());
        self.held.iter_mut().zip(values).for_each(|(held, values)| held.push(values));
        Ok(())
    }

    fn out_of_order(&self) -> Error {
        let names: Vec<&str> = self.axes.iter().map(|axis| axis.name.as_str()).collect();
        let error =
            Error::new(ErrorKind::OutOfMemory, "the grid is too large to be held, and its rows come in another order");
        error.with_hint(format!("add ORDER BY {}, or raise the memory limit", names.join(", ")))
    }

    /// Writes the slab that is held.
    fn flush(&mut self) -> Result<()> {
        if self.count == 0 {
            return Ok(());
        }
        let failed = |error: arrow::error::ArrowError| Error::new(ErrorKind::Internal, error.to_string());
        let outer = self.start..(self.start + self.rows).min(self.shape[0]);
        let inner = self.shape[1..].iter().map(|len| 0..*len);
        let slab = Hyperslab::new(std::iter::once(outer).chain(inner).collect());
        let is_in_order = self.count == self.cells.len() && self.cells.is_sorted();
        let rows = UInt32Array::from_iter(self.cells.iter().map(|row| (*row != NONE).then_some(*row)));
        for (variable, held) in self.held.iter_mut().enumerate() {
            let parts = std::mem::take(held);
            let together = concat(&parts.iter().map(AsRef::as_ref).collect::<Vec<_>>()).map_err(failed)?;
            drop(parts);
            let values = if is_in_order { together } else { take(&together, &rows, None).map_err(failed)? };
            self.file.write(variable, &slab, &values).map_err(writing)?;
        }
        Ok(())
    }

    fn finish(mut self) -> Result<()> {
        self.flush()?;
        self.file.finish().map_err(writing)
    }
}

/// About the bytes of a value.
fn width(ty: &DataType) -> usize {
    ty.primitive_width().unwrap_or(32)
}

fn writing(error: hyperslab_storage::Error) -> Error {
    use hyperslab_storage::ErrorKind as Kind;
    let kind = match error.kind {
        Kind::Io => ErrorKind::Io,
        _ => ErrorKind::Type,
    };
    let column = error.variable.map_or_else(String::new, |name| format!("column {name}: "));
    let told = Error::new(kind, format!("{column}{}", error.message));
    error.hint.into_iter().fold(told, Error::with_hint)
}
