//! Parquet, written a row group at a time; the columns of a row group are encoded in parallel.

use crate::{Error, Result};
use ::parquet::arrow::arrow_writer::{ArrowColumnChunk, ArrowColumnWriter, ArrowRowGroupWriterFactory, compute_leaves};
use ::parquet::arrow::{ArrowSchemaConverter, add_encoded_arrow_schema_to_metadata};
use ::parquet::basic::{Compression as Codec, GzipLevel, ZstdLevel};
use ::parquet::errors::ParquetError;
use ::parquet::file::properties::WriterProperties;
use ::parquet::file::writer::SerializedFileWriter;
use arrow::array::ArrayRef;
use arrow::compute::concat;
use arrow::datatypes::{DataType, FieldRef, SchemaRef};
use arrow::record_batch::RecordBatch;
use rayon::prelude::*;
use std::io::Write;
use std::sync::Arc;

/// How pages are compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compression {
    /// Not at all.
    None,
    /// Fast.
    Snappy,
    /// Small.
    Zstd,
    /// For readers that know nothing else.
    Gzip,
    /// Faster than Snappy, for those who can read it.
    Lz4,
}

/// Writes a Parquet file.
pub struct ParquetWriter<W: Write + Send> {
    file: SerializedFileWriter<W>,
    columns: ArrowRowGroupWriterFactory,
    schema: SchemaRef,
    groups: usize,
}

/// Encodes rows.
pub struct RowGroupEncoder {
    columns: Vec<ArrowColumnWriter>,
    schema: SchemaRef,
}

/// Rows, encoded.
pub struct RowGroup(Vec<ArrowColumnChunk>);

impl<W: Write + Send> ParquetWriter<W> {
    /// Begins a file whose columns are those of `schema`; their attributes are kept.
    ///
    /// # Errors
    /// If Parquet has no type for a column, or `out` takes no bytes ([`crate::ErrorKind::Io`]).
    pub fn new(out: W, schema: &SchemaRef, compression: Compression) -> Result<Self> {
        if let Some(field) = schema.fields().iter().find(|field| matches!(field.data_type(), DataType::Interval(_))) {
            let error = Error::unsupported("Parquet has no type for an INTERVAL").in_variable(field.name());
            return Err(error.with_hint(format!("write {0}::VARCHAR AS {0}", field.name())));
        }
        let codec = match compression {
            Compression::None => Codec::UNCOMPRESSED,
            Compression::Snappy => Codec::SNAPPY,
            Compression::Zstd => Codec::ZSTD(ZstdLevel::default()),
            Compression::Gzip => Codec::GZIP(GzipLevel::default()),
            Compression::Lz4 => Codec::LZ4_RAW,
        };
        let made_by = concat!("hyperslab ", env!("CARGO_PKG_VERSION")).to_string();
        let mut properties = WriterProperties::builder().set_compression(codec).set_created_by(made_by).build();
        add_encoded_arrow_schema_to_metadata(schema, &mut properties);
        let stored = ArrowSchemaConverter::new().convert(schema).map_err(|error| failed(&error))?;
        let file = SerializedFileWriter::new(out, stored.root_schema_ptr(), Arc::new(properties));
        let file = file.map_err(|error| failed(&error))?;
        let columns = ArrowRowGroupWriterFactory::new(&file, schema.clone());
        Ok(Self { file, columns, schema: schema.clone(), groups: 0 })
    }

    /// What encodes the next row group.
    ///
    /// # Errors
    /// If the library has no encoder for a column.
    pub fn encoder(&self) -> Result<RowGroupEncoder> {
        let columns = self.columns.create_column_writers(self.groups).map_err(|error| failed(&error))?;
        Ok(RowGroupEncoder { columns, schema: self.schema.clone() })
    }

    /// Writes a row group.
    ///
    /// # Errors
    /// If the bytes cannot be written.
    pub fn append(&mut self, rows: RowGroup) -> Result<()> {
        let mut group = self.file.next_row_group().map_err(|error| failed(&error))?;
        for chunk in rows.0 {
            chunk.append_to_row_group(&mut group).map_err(|error| failed(&error))?;
        }
        group.close().map_err(|error| failed(&error))?;
        self.groups += 1;
        Ok(())
    }

    /// Writes the footer.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn finish(self) -> Result<()> {
        self.file.close().map(drop).map_err(|error| failed(&error))
    }
}

impl RowGroupEncoder {
    /// Encodes rows, their columns on the threads of the pool that this runs on.
    ///
    /// # Errors
    /// If a value cannot be encoded.
    pub fn encode(self, rows: &[RecordBatch]) -> Result<RowGroup> {
        // A column is one leaf: there are lists, but no structs.
        let column = |(at, writer): (usize, ArrowColumnWriter)| {
            encode_column(writer, self.schema.fields().get(at), rows.iter().map(|batch| batch.column(at)))
        };
        let chunks = self.columns.into_par_iter().enumerate().map(column).collect::<Result<Vec<_>, _>>();
        Ok(RowGroup(chunks.map_err(|error| failed(&error))?))
    }
}

fn encode_column<'a>(
    mut writer: ArrowColumnWriter,
    field: Option<&FieldRef>,
    arrays: impl Iterator<Item = &'a ArrayRef>,
) -> Result<ArrowColumnChunk, ParquetError> {
    let field = field.ok_or_else(|| ParquetError::General("a column has more than one leaf".to_string()))?;
    // The library ends pages where arrays end: put together, the file does not depend on how the rows were cut.
    let whole = concat(&arrays.map(AsRef::as_ref).collect::<Vec<_>>())?;
    for leaf in compute_leaves(field, &whole)? {
        writer.write(&leaf)?;
    }
    writer.close()
}

fn failed(error: &ParquetError) -> Error {
    let cause = match error {
        ParquetError::External(cause) => cause.downcast_ref::<std::io::Error>().map(ToString::to_string),
        _ => None,
    };
    Error::io(cause.unwrap_or_else(|| error.to_string()))
}
