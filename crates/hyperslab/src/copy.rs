//! `COPY`: the rows of a query as a file, which appears when it is whole.

use crate::copy_grid::write_grid;
use crate::output::{self, CsvLayout, JsonLayout, ParquetLayout};
use crate::{Error, ErrorKind, Query, Result};
use arrow::array::{ArrayRef, Int64Array};
use arrow::datatypes::{Schema, SchemaRef};
use arrow::record_batch::RecordBatch;
use hyperslab_expr::SqlType;
use hyperslab_plan::bind::{CopyFormat, CopyTarget, ParquetCompression};
use hyperslab_storage::tables::Compression;
use hyperslab_storage::{NewDimension, NewFile};
use std::io::{BufWriter, IntoInnerError, Write};
use std::path::Path;
use std::sync::Arc;

/// Files are written in pieces of so many bytes.
const BUFFER: usize = 1 << 18;

/// Writes the rows of a query, those of a grid with its dimensions, and says how many there were. What was begun vanishes if anything goes wrong.
pub(crate) fn copy(rows: &mut Query, dimensions: Vec<NewDimension>, target: &CopyTarget, sql: &str) -> Result<u64> {
    let path = Path::new(&target.path);
    if let CopyFormat::NetCdf { .. } = target.format {
        return write_grid(rows, dimensions, sql, path).map_err(|error| error.of_output(path));
    }
    let failed = |error: &std::io::Error| Error::writing(error).in_file(path);
    let file = NewFile::create(path).map_err(|error| failed(&error))?;
    let mut out = BufWriter::with_capacity(BUFFER, file);
    let count = write(rows, &target.format, &mut out).map_err(|error| error.of_output(path))?;
    let file = out.into_inner().map_err(IntoInnerError::into_error).and_then(NewFile::finish);
    file.map(|()| count).map_err(|error| failed(&error))
}

fn write(rows: &mut Query, format: &CopyFormat, out: &mut (dyn Write + Send)) -> Result<u64> {
    match *format {
        CopyFormat::Csv { header, delimiter } => output::write_csv_as(rows, CsvLayout { header, delimiter }, out),
        CopyFormat::Json { array: true } => output::write_json(rows, JsonLayout::Array, out),
        CopyFormat::Json { array: false } => output::write_json(rows, JsonLayout::Lines, out),
        CopyFormat::Parquet { compression, row_group_rows } => {
            let compression = match compression {
                ParquetCompression::Uncompressed => Compression::None,
                ParquetCompression::Snappy => Compression::Snappy,
                ParquetCompression::Zstd => Compression::Zstd,
                ParquetCompression::Gzip => Compression::Gzip,
                ParquetCompression::Lz4 => Compression::Lz4,
            };
            output::write_parquet(rows, ParquetLayout { compression, row_group_rows }, out)
        }
        CopyFormat::NetCdf { .. } => Err(Error::new(ErrorKind::Internal, "a grid is no stream of bytes")),
    }
}

/// The result of the statement has one column and one row: the number of rows written.
pub(crate) fn schema() -> SchemaRef {
    Arc::new(Schema::new(vec![SqlType::BigInt.to_field("Count")]))
}

/// That row.
pub(crate) fn answer(rows: u64) -> Result<RecordBatch> {
    let count: ArrayRef = Arc::new(Int64Array::from_iter_values(i64::try_from(rows)));
    let batch = RecordBatch::try_new(schema(), vec![count]);
    batch.map_err(|error| Error::new(ErrorKind::Internal, error.to_string()))
}
