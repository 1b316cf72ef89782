//! The columns of rows that cells look up: in memory as one array each, or in pieces that may lie on disk.

use super::found::{Found, Stretch};
use crate::context::Context;
use crate::error::Result;
use crate::memory::Reservation;
use crate::rows::spill::kept::Kept;
use crate::rows::stored::joined_or_empty;
use crate::source::{Batch, SourceColumn};
use arrow::array::{Array, ArrayRef, MutableArrayData, UInt32Array, make_array, new_empty_array, new_null_array};
use arrow::compute::{concat, interleave, take};
use arrow::datatypes::DataType;
use hyperslab_expr::ColumnId;
use std::collections::BTreeMap;
use std::ops::Range;

/// Rows in batches that may lie on disk.
pub(super) struct Pieces {
    columns: Vec<SourceColumn>,
    rows: Kept,
    /// The first row of each batch.
    starts: Vec<usize>,
}

/// Columns of rows.
pub(super) enum Values {
    Joined(Vec<(ColumnId, ArrayRef)>),
    Pieces(Box<Pieces>),
}

impl Values {
    /// These columns of rows, which come before all others of them; each as one array if no row is on disk and there is room. `starts`
    /// are the first rows of the batches.
    pub(super) fn new(
        columns: Vec<SourceColumn>,
        (rows, starts): (Kept, Vec<usize>),
        context: &Context,
    ) -> Result<(Self, Option<Reservation>)> {
        let largest = match rows.held_bytes(columns.len()) {
            Some(bytes) => bytes.into_iter().max().unwrap_or(0),
            None => return Ok((Self::Pieces(Box::new(Pieces { columns, rows, starts })), None)),
        };
        // While a column is joined it is there twice.
        let Ok(_joining) = context.memory().reserve(largest, super::WHAT) else {
            return Ok((Self::Pieces(Box::new(Pieces { columns, rows, starts })), None));
        };
        let (batches, mut memory) = rows.into_held();
        let keep = |batch: Batch| Batch { columns: batch.columns[..columns.len()].to_vec(), ..batch };
        let joined = joined_or_empty(&columns, batches.into_iter().map(keep).collect())?;
        memory.resize(joined.bytes().min(memory.bytes()))?;
        Ok((Self::Joined(columns.iter().map(|column| column.id).zip(joined.columns).collect()), Some(memory)))
    }

    /// Whether a column is among them.
    pub(super) fn has(&self, id: ColumnId) -> bool {
        match self {
            Self::Joined(columns) => columns.iter().any(|(own, _)| *own == id),
            Self::Pieces(pieces) => pieces.columns.iter().any(|column| column.id == id),
        }
    }

    /// The values of a column that it has, for the rows found.
    pub(super) fn of(&self, id: ColumnId, found: &Found) -> Option<Result<ArrayRef>> {
        match self {
            Self::Joined(columns) => {
                let (_, column) = columns.iter().find(|(own, _)| *own == id)?;
                Some(match found {
                    Found::Run(rows) => Ok(column.slice(rows.start, rows.len())),
                    Found::Runs(stretches) => stretched(column, stretches),
                    Found::Each(rows) => take(column, rows, None).map_err(Into::into),
                })
            }
            Self::Pieces(pieces) => {
                let column = pieces.columns.iter().position(|column| column.id == id)?;
                Some(match found {
                    Found::Run(rows) => pieces.run(column, rows),
                    Found::Runs(stretches) => pieces.each(column, stretches.iter().flat_map(Stretch::rows)),
                    Found::Each(rows) => pieces.each(column, rows),
                })
            }
        }
    }
}

/// The values of stretches of cells.
fn stretched(column: &ArrayRef, stretches: &[Stretch]) -> Result<ArrayRef> {
    let values = column.to_data();
    let (cells, has_gaps) =
        stretches.iter().fold((0, false), |(cells, gaps), one| (cells + one.cells, gaps || one.row.is_none()));
    let mut out = MutableArrayData::new(vec![&values], has_gaps, cells);
    for Stretch { row, cells } in stretches {
        match row {
            Some(row) => out.try_extend(0, *row as usize, *row as usize + cells)?,
            None => out.try_extend_nulls(*cells)?,
        }
    }
    Ok(make_array(out.freeze()))
}

impl Pieces {
    fn piece(&self, column: usize, at: usize) -> Result<ArrayRef> {
        Ok(self.rows.batch(at)?.columns.swap_remove(column))
    }

    fn ty(&self, column: usize) -> DataType {
        self.columns[column].ty.to_arrow()
    }

    /// The piece that a row is in.
    fn piece_of(&self, row: usize) -> usize {
        self.starts.partition_point(|start| *start <= row).saturating_sub(1)
    }

    fn run(&self, column: usize, rows: &Range<usize>) -> Result<ArrayRef> {
        let mut parts = Vec::new();
        let mut row = rows.start;
        while row < rows.end {
            let at = self.piece_of(row);
            let (piece, start) = (self.piece(column, at)?, self.starts[at]);
            let end = rows.end.min(start + piece.len());
            parts.push(piece.slice(row - start, end - row));
            row = end;
        }
        match parts.as_slice() {
            [] => Ok(new_empty_array(&self.ty(column))),
            [one] => Ok(one.clone()),
            parts => Ok(concat(&parts.iter().map(AsRef::as_ref).collect::<Vec<&dyn Array>>())?),
        }
    }

    /// Of each piece that has one of the rows only those are held.
    fn each(&self, column: usize, rows: impl IntoIterator<Item = Option<u32>>) -> Result<ArrayRef> {
        let mut wanted: BTreeMap<usize, Vec<u32>> = BTreeMap::new();
        let mut places = Vec::new();
        for row in rows {
            places.push(row.map(|row| {
                let piece = self.piece_of(row as usize);
                let of_piece = wanted.entry(piece).or_default();
                of_piece.push(row - self.starts[piece] as u32);
                (piece, of_piece.len() - 1)
            }));
        }
        let mut parts = vec![new_null_array(&self.ty(column), 1)];
        let mut number = BTreeMap::new();
        for (piece, rows) in wanted {
            number.insert(piece, parts.len());
            parts.push(take(&self.piece(column, piece)?, &UInt32Array::from(rows), None)?);
        }
        let place = |place: Option<(usize, usize)>| place.map_or((0, 0), |(piece, row)| (number[&piece], row));
        let places: Vec<(usize, usize)> = places.into_iter().map(place).collect();
        Ok(interleave(&parts.iter().map(AsRef::as_ref).collect::<Vec<&dyn Array>>(), &places)?)
    }
}
