//! NetCDF-4 and HDF5, read by memory-safe code of our own, without any lock: just what is needed to list variables and
//! to read their chunks. The C libraries are the reference in tests (`formats/c.rs`).
//!
//! From the bottom up: [`metadata`] reads blocks and fields; [`superblock`], [`header`], [`btree`], [`heap`] and
//! [`arrays`] are the structures of the format; [`links`], [`attributes`], [`datatype`] and [`layout`] what headers
//! say; [`tree`] walks the file; [`netcdf4`] tells dimensions; [`dataset`] reads chunks through [`chunk_index`] and
//! [`filters`].
//!
//! Every size that a file states is checked against the size of the file before memory is set aside, and every walk
//! comes to an end on files that go in circles.

mod arrays;
mod attributes;
mod btree;
mod chunk_index;
mod dataset;
mod datatype;
mod filters;
mod header;
mod heap;
mod layout;
mod links;
mod metadata;
mod netcdf4;
mod superblock;
mod tree;

use super::cells::{Cells, copy_common};
use super::{FileContents, FileVariable, Format, Stored, StoredType, check_slab};
use crate::io::{FileSource, ReadAt};
use crate::metrics::ReadMetrics;
use crate::{Error, Result};
use dataset::{Dataset, Place};
use datatype::Class;
use heap::GlobalHeap;
use hyperslab_grid::Hyperslab;
use metadata::{Metadata, Widths};
use std::path::PathBuf;
use std::sync::Arc;
use superblock::Superblock;
use tree::Tree;

/// Whether a file starts like an HDF5 file, perhaps after a block of the user's.
pub(super) fn probe(first: &[u8]) -> bool {
    superblock::find(first).is_some()
}

/// Opens an HDF5 file.
pub(super) fn open(source: FileSource) -> Result<Arc<dyn Format>> {
    Ok(Arc::new(Hdf5::new(source)?))
}

/// An open HDF5 file.
struct Hdf5 {
    path: PathBuf,
    source: Box<dyn ReadAt>,
    base: u64,
    widths: Widths,
    contents: FileContents,
    /// The datasets of the variables, in their order.
    datasets: Vec<Dataset>,
}

impl Hdf5 {
    fn new(source: FileSource) -> Result<Self> {
        let Superblock { widths, base, root } = Superblock::read(&source)?;
        let metadata = Metadata::new(&source, base, widths);
        let tree = Tree::read(&metadata, root)?;
        let (contents, datasets) = netcdf4::interpret(tree, &GlobalHeap::new(&metadata));
        drop(metadata);
        let path = source.path().to_owned();
        Ok(Self { path, source: Box::new(source), base, widths, contents, datasets })
    }

    fn place(&self) -> Place<'_> {
        Place { source: self.source.as_ref(), base: self.base, widths: self.widths }
    }

    fn not_numbers(&self, declared: &FileVariable, message: String) -> Error {
        Error::unsupported(message).in_variable(&declared.path).in_file(&self.path)
    }

    fn read_cells(
        &self,
        variable: usize,
        slab: &Hyperslab,
        into: &mut Stored,
        metrics: &ReadMetrics,
    ) -> Result<Hyperslab> {
        let Stored { bytes, scratch } = into;
        let path = &self.contents.variables[variable].path;
        let read = self.datasets[variable].read(&self.place(), slab, bytes, scratch, metrics);
        read.map_err(|error| error.in_variable(path).in_file(&self.path))
    }
}

impl Format for Hdf5 {
    fn contents(&self) -> &FileContents {
        &self.contents
    }

    fn read(&self, variable: usize, slab: &Hyperslab, into: &mut Stored, metrics: &ReadMetrics) -> Result<Hyperslab> {
        let declared = check_slab(&self.contents, variable, slab).map_err(|error| error.in_file(&self.path))?;
        match &declared.ty {
            StoredType::Text => Err(self.not_numbers(declared, "holds text, not numbers".to_owned())),
            StoredType::Unsupported(what) => {
                Err(self.not_numbers(declared, format!("holds {what}, which are not read yet")))
            }
            _ => self.read_cells(variable, slab, into, metrics),
        }
    }

    fn read_text(&self, variable: usize, slab: &Hyperslab, metrics: &ReadMetrics) -> Result<Vec<Option<String>>> {
        let declared = check_slab(&self.contents, variable, slab).map_err(|error| error.in_file(&self.path))?;
        let dataset = &self.datasets[variable];
        let mut stored = Stored::default();
        let held = self.read_cells(variable, slab, &mut stored, metrics)?;
        let cell = dataset.datatype.size;
        let mut cells = vec![0; slab.cells() * cell];
        let mut target = Cells { bytes: cells.as_mut_slice(), slab };
        copy_common(&Cells { bytes: &stored.bytes[..], slab: &held }, &mut target, cell);
        let metadata = self.place().metadata();
        let heap = GlobalHeap::new(&metadata);
        let text = |cell: &[u8]| match &dataset.datatype.class {
            Class::FixedText { padding } => Ok(Some(attributes::fixed_text(cell, *padding))),
            Class::HeapText => attributes::heap_text(&heap, cell),
            Class::Number { .. } | Class::HeapList(_) | Class::Reference | Class::Other(_) => {
                Err(Error::unsupported("holds no text"))
            }
        };
        cells
            .chunks_exact(cell)
            .map(text)
            .collect::<Result<_>>()
            .map_err(|error| error.in_variable(&declared.path).in_file(&self.path))
    }
}
