//! Parquet: row groups, of which only the columns wanted are read.

use super::sequential::Sequential;
use super::{BATCH_ROWS, Batches, PartSize, check_columns};
use crate::io::{FileSource, ReadAt};
use crate::metrics::ReadMetrics;
use crate::{Error, Result};
use ::parquet::arrow::ProjectionMask;
use ::parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder,
};
use ::parquet::errors::ParquetError;
use ::parquet::file::reader::{ChunkReader, Length};
use arrow::compute::{CastOptions, cast_with_options};
use arrow::datatypes::{DataType, Field, FieldRef, IntervalUnit, Schema, SchemaRef, TimeUnit};
use arrow::record_batch::{RecordBatch, RecordBatchOptions};
use bytes::Bytes;
use std::io::BufReader;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What of a column chunk is held at a time: writers cut columns into pages of about 1 MB, some into larger ones.
const MAX_PAGE_BYTES: usize = 8 << 20;

/// Headers of pages are shorter; what is read of the page itself with them is read again.
const HEADER_BYTES: usize = 512;

/// Parquet files with the same columns.
#[derive(Debug)]
pub(super) struct ParquetFiles {
    files: Vec<ParquetFile>,
    /// The columns that have a type in SQL: where they stand in the files, and as what they are handed out.
    columns: Vec<(usize, FieldRef)>,
    /// The file of each row group, and its number in it.
    groups: Vec<(usize, usize)>,
}

#[derive(Debug)]
struct ParquetFile {
    source: Arc<FileSource>,
    footer: ArrowReaderMetadata,
}

impl ParquetFiles {
    /// Reads the footers of all files.
    pub(super) fn open(paths: &[PathBuf]) -> Result<(Self, Vec<FieldRef>, Vec<String>)> {
        let files = paths.iter().map(|path| ParquetFile::open(path)).collect::<Result<Vec<_>>>()?;
        let (columns, left_out) = files[0].columns();
        for file in &files[1..] {
            check_columns(&typed(&file.columns().0), &typed(&columns), file.source.path())?;
        }
        if columns.is_empty() {
            let error = Error::unsupported("has no column of a type that can be read").in_file(&paths[0]);
            return Err(error.with_hint("structs, maps and DECIMALs of more than 38 digits cannot"));
        }
        let warning =
            |name: &String| format!("{}: column {name} is left out: its type cannot be read", paths[0].display());
        let of_file =
            |(at, file): (usize, &ParquetFile)| (0..file.footer.metadata().num_row_groups()).map(move |g| (at, g));
        let groups = files.iter().enumerate().flat_map(of_file).collect();
        let fields = columns.iter().map(|(_, field)| field.clone()).collect();
        Ok((Self { files, columns, groups }, fields, left_out.iter().map(warning).collect()))
    }

    pub(super) fn len(&self) -> usize {
        self.files.len()
    }

    pub(super) fn parts(&self) -> usize {
        self.groups.len()
    }

    pub(super) fn rows(&self) -> u64 {
        let rows = |file: &ParquetFile| file.footer.metadata().file_metadata().num_rows();
        self.files.iter().map(|file| u64::try_from(rows(file)).unwrap_or(0)).sum()
    }

    pub(super) fn size(&self, part: usize, columns: &[usize]) -> PartSize {
        let (file, group) = self.groups[part];
        let footer = &self.files[file].footer;
        let roots: Vec<usize> = columns.iter().map(|column| self.columns[*column].0).collect();
        let mut size = PartSize::default();
        for (leaf, chunk) in footer.metadata().row_group(group).columns().iter().enumerate() {
            if roots.contains(&footer.parquet_schema().get_column_root_idx(leaf)) {
                let [stored, bytes] = [chunk.compressed_size(), chunk.uncompressed_size()]
                    .map(|bytes| usize::try_from(bytes).unwrap_or(0));
                size.chunks += 1;
                size.bytes += bytes;
                // A page, and its dictionary.
                size.held += stored.min(MAX_PAGE_BYTES) + 2 * bytes.min(MAX_PAGE_BYTES);
            }
        }
        size
    }

    pub(super) fn read(&self, part: usize, columns: &[usize], metrics: &Arc<ReadMetrics>) -> Result<Batches> {
        let (file, group) = self.groups[part];
        let file = &self.files[file];
        let mut roots: Vec<usize> = columns.iter().map(|column| self.columns[*column].0).collect();
        let fields: Vec<FieldRef> = columns.iter().map(|column| self.columns[*column].1.clone()).collect();
        let mask = ProjectionMask::roots(file.footer.parquet_schema(), roots.iter().copied());
        let order = roots.clone();
        roots.sort_unstable();
        roots.dedup();
        let size = self.size(part, columns);
        (0..size.chunks).for_each(|at| metrics.chunk_read(0, if at == 0 { size.bytes } else { 0 }));
        let pages = Pages { source: file.source.clone(), metrics: metrics.clone() };
        let builder = ParquetRecordBatchReaderBuilder::new_with_metadata(pages, file.footer.clone());
        let builder = builder.with_row_groups(vec![group]).with_projection(mask).with_batch_size(BATCH_ROWS);
        let reader = contained(&file.source, || builder.build().map_err(|error| failed(&error, &file.source)))?;
        Ok(Box::new(ParquetBatches {
            reader: Some(reader),
            schema: Arc::new(Schema::new(fields)),
            order: order.iter().filter_map(|root| roots.binary_search(root).ok()).collect(),
            source: file.source.clone(),
        }))
    }
}

/// Names and types, for people.
fn typed(columns: &[(usize, FieldRef)]) -> Vec<String> {
    columns.iter().map(|(_, field)| format!("{} {}", field.name(), field.data_type())).collect()
}

impl ParquetFile {
    fn open(path: &Path) -> Result<Self> {
        let metrics = Arc::new(ReadMetrics::default());
        let source = Arc::new(FileSource::open(path, &metrics)?);
        let pages = Pages { source: source.clone(), metrics };
        let load = || ArrowReaderMetadata::load(&pages, ArrowReaderOptions::new());
        let footer = contained(&source, || load().map_err(|error| failed(&error, &source)))?;
        Ok(Self { source, footer })
    }

    /// The columns that have a type in SQL, and the names of the others.
    fn columns(&self) -> (Vec<(usize, FieldRef)>, Vec<String>) {
        let (mut columns, mut left_out) = (Vec::new(), Vec::new());
        for (at, field) in self.footer.schema().fields().iter().enumerate() {
            match readable(field.data_type()) {
                Some(ty) => {
                    let mut metadata = field.metadata().clone();
                    metadata.retain(|key, _| !key.starts_with("PARQUET:"));
                    columns.push((at, Arc::new(Field::new(field.name(), ty, true).with_metadata(metadata))));
                }
                None => left_out.push(field.name().clone()),
            }
        }
        (columns, left_out)
    }
}

/// The type as which values of an Arrow type are handed out: one of those that hold a type of SQL.
fn readable(ty: &DataType) -> Option<DataType> {
    let item = |item: &FieldRef| Some(Arc::new(Field::new("item", readable(item.data_type())?, true)));
    Some(match ty {
        DataType::Null
        | DataType::Boolean
        | DataType::Int8
        | DataType::Int16
        | DataType::Int32
        | DataType::Int64
        | DataType::UInt8
        | DataType::UInt16
        | DataType::UInt32
        | DataType::UInt64
        | DataType::Float32
        | DataType::Float64
        | DataType::Utf8
        | DataType::Binary
        | DataType::Date32
        | DataType::Interval(IntervalUnit::MonthDayNano) => ty.clone(),
        DataType::Float16 => DataType::Float32,
        DataType::LargeUtf8 | DataType::Utf8View => DataType::Utf8,
        DataType::LargeBinary | DataType::BinaryView | DataType::FixedSizeBinary(_) => DataType::Binary,
        DataType::Date64 => DataType::Date32,
        DataType::Time32(_) | DataType::Time64(_) => DataType::Time64(TimeUnit::Microsecond),
        DataType::Timestamp(..) => DataType::Timestamp(TimeUnit::Microsecond, None),
        DataType::Decimal32(precision, scale)
        | DataType::Decimal64(precision, scale)
        | DataType::Decimal128(precision, scale)
            if *scale >= 0 =>
        {
            DataType::Decimal128(*precision, *scale)
        }
        DataType::Dictionary(_, values) => readable(values)?,
        DataType::List(of) | DataType::LargeList(of) => DataType::List(item(of)?),
        DataType::FixedSizeList(of, len) => DataType::FixedSizeList(item(of)?, *len),
        _ => return None,
    })
}

/// The Parquet library panics on some damaged files.
fn contained<T>(source: &FileSource, read: impl FnOnce() -> Result<T>) -> Result<T> {
    let contradicts = || Error::corrupt("cannot be read as Parquet: it contradicts itself").in_file(source.path());
    catch_unwind(AssertUnwindSafe(read)).unwrap_or_else(|_| Err(contradicts()))
}

fn failed(error: &ParquetError, source: &FileSource) -> Error {
    let cause = match error {
        ParquetError::External(cause) => cause.downcast_ref::<Error>().cloned(),
        _ => None,
    };
    cause.unwrap_or_else(|| Error::corrupt(format!("cannot be read as Parquet: {error}")).in_file(source.path()))
}

/// Positioned reads, as the Parquet library wants them.
struct Pages {
    source: Arc<FileSource>,
    metrics: Arc<ReadMetrics>,
}

impl Length for Pages {
    fn len(&self) -> u64 {
        self.source.len()
    }
}

impl ChunkReader for Pages {
    type T = BufReader<Sequential>;

    fn get_read(&self, start: u64) -> ::parquet::errors::Result<Self::T> {
        Ok(BufReader::with_capacity(HEADER_BYTES, Sequential::new(&self.source, &self.metrics, start)))
    }

    fn get_bytes(&self, start: u64, length: usize) -> ::parquet::errors::Result<Bytes> {
        let left = self.source.len().saturating_sub(start);
        if length as u64 > left {
            return Err(ParquetError::EOF(format!("{length} bytes should begin at byte {start}, but {left} do")));
        }
        let mut bytes = vec![0; length];
        let read = self.source.read_exact_at(start, &mut bytes, &self.metrics);
        read.map_err(|error| ParquetError::External(Box::new(error)))?;
        self.metrics.chunk_continues(length);
        Ok(bytes.into())
    }
}

/// Reads the batches of a row group.
struct ParquetBatches {
    /// None after an error.
    reader: Option<ParquetRecordBatchReader>,
    schema: SchemaRef,
    /// Where the columns wanted stand in what is read, which is in the order of the file.
    order: Vec<usize>,
    source: Arc<FileSource>,
}

impl ParquetBatches {
    fn convert(&self, batch: &RecordBatch) -> Result<RecordBatch, arrow::error::ArrowError> {
        let exact = CastOptions { safe: false, ..CastOptions::default() };
        let column = |(at, field): (&usize, &FieldRef)| {
            let array = batch.column(*at);
            if array.data_type() == field.data_type() {
                Ok(array.clone())
            } else {
                cast_with_options(array, field.data_type(), &exact)
            }
        };
        let columns = self.order.iter().zip(self.schema.fields()).map(column).collect::<Result<Vec<_>, _>>()?;
        let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
        RecordBatch::try_new_with_options(self.schema.clone(), columns, &options)
    }
}

impl Iterator for ParquetBatches {
    type Item = Result<RecordBatch>;

    fn next(&mut self) -> Option<Self::Item> {
        let mut reader = self.reader.take()?;
        let failed = |error: arrow::error::ArrowError| {
            Error::corrupt(format!("cannot be read as Parquet: {error}")).in_file(self.source.path())
        };
        let next = contained(&self.source, || {
            let batch = reader.next().transpose().map_err(failed)?;
            batch.map(|batch| self.convert(&batch).map_err(failed)).transpose()
        });
        if matches!(next, Ok(Some(_))) {
            self.reader = Some(reader);
        }
        next.transpose()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tables::{Table, TableOptions};
    use arrow::array::AsArray;
    use arrow::datatypes::{Float64Type, Int8Type};

    fn fixture(name: &str) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/tables").join(name)
    }

    fn open(path: &Path) -> Result<Table> {
        Table::open(&[path.to_str().expect("plain").to_string()], &TableOptions::Parquet)
    }

    fn read_all(table: &Table) -> Result<usize> {
        let columns: Vec<usize> = (0..table.columns().len()).collect();
        let batches = (0..table.parts()).map(|part| table.read(part, &columns, &Arc::default()));
        let rows = |batches: Result<Batches>| batches?.map(|batch| Ok(batch?.num_rows())).sum::<Result<usize>>();
        batches.map(rows).sum()
    }

    #[test]
    fn columns_come_in_the_order_asked_for_and_only_they_are_read() {
        let table = open(&fixture("types.parquet")).expect("it is sound");
        assert_eq!((table.parts(), table.rows(), table.columns().len()), (3, Some(5), 11));
        let metrics = Arc::default();
        let batches = table.read(1, &[3, 0], &metrics).expect("it is sound").collect::<Result<Vec<_>>>();
        let batch = &batches.expect("it is sound")[0];
        assert_eq!(batch.column(0).as_primitive::<Float64Type>().value(1), 1e300);
        assert_eq!(batch.column(1).as_primitive::<Int8Type>().values(), &[-128, 3]);
        let (counts, all) = (metrics.snapshot(), table.size(1, &(0..11).collect::<Vec<_>>()));
        assert!(counts.chunks_read == 2 && (counts.decoded_bytes as usize) < all.bytes, "{counts:?} of {all:?}");
    }

    #[test]
    fn a_damaged_file_is_an_error_or_other_values() {
        let whole = std::fs::read(fixture("types.parquet")).expect("part of the repository");
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("x.parquet");
        for (at, mask) in (0..whole.len()).step_by(3).flat_map(|at| [(at, 0xff), (at, 0x10)]) {
            let mut damaged = whole.clone();
            damaged[at] ^= mask;
            std::fs::write(&path, damaged).expect("a small file");
            if let Err(error) = open(&path).and_then(|table| read_all(&table)) {
                assert!(error.file.is_some(), "byte {at}: {error}");
            }
        }
        for cut in (0..whole.len()).step_by(50) {
            std::fs::write(&path, &whole[..cut]).expect("a small file");
            assert!(open(&path).is_err(), "cut at {cut}");
        }
    }
}
