//! NetCDF-4 and HDF5, read by memory-safe code of our own, without any lock: what is needed to list variables and to read their
//! cells. The C libraries are the reference in tests (`formats/c.rs`), and so are h5py and netCDF4 (`tests/oracle`).
//!
//! From the bottom up: [`metadata`] reads blocks and fields; [`superblock`], [`header`], [`shared`], [`btree`], [`heap`] and
//! [`arrays`] are the structures of the format; [`links`], [`attributes`], [`datatype`], [`dataspace`] and [`layout`] what headers
//! say; [`home`] is a file, [`tree`] walks it and those that it links to; [`netcdf4`] and [`eos`] tell dimensions; [`dataset`] reads
//! cells through [`chunk_index`], [`chunk_reader`] and [`filters`], or through [`virtual_dataset`] and [`virtual_extent`]; [`numbers`] and [`values`] say what cells mean.
//!
//! # What is read
//! * Superblocks 0 to 3 behind a user block of any size; old and new groups; hard, soft and external links, one through
//!   another; dense and compact attributes; layouts 1 to 5 with every chunk index; external raw files; virtual datasets, as
//!   long as their sources are now.
//! * Filters: deflate, shuffle, fletcher32, szip, n-bit, scale-offset, lzf, zstd, lz4, bzip2, blosc, blosc2 and bitshuffle.
//! * Types: integers and floats of any size up to 16 bytes (what is not a processor's becomes the smallest type that holds it,
//!   or DOUBLE), enumerations as integers, h5py's truth values, text, lists, arrays, bytes. A compound, and so a complex number,
//!   is a variable a member, `name.member`.
//!
//! # What is refused, by name
//! Other filters (sz, sperr and the like; zfp, for which there are only raw bindings to its C library), times of the operating
//! system, VAX floats, integers of more than 64 bits. An object that cannot be read is a problem of the file; the others are read.
//!
//! Every size that a file states is checked against the size of the file before memory is set aside, and every walk
//! comes to an end on files that go in circles.

mod arrays;
mod attributes;
mod btree;
mod chunk_index;
mod chunk_reader;
mod dataset;
mod dataspace;
mod datatype;
mod eos;
mod filters;
mod header;
mod heap;
mod home;
mod layout;
mod links;
mod metadata;
mod netcdf4;
mod numbers;
mod selection;
mod shared;
mod superblock;
mod tree;
mod values;
mod virtual_dataset;
mod virtual_extent;

use super::cells::{keep_part, swap_bytes};
use super::{FileContents, FileVariable, Format, Stored, StoredType, check_slab};
use crate::io::FileSource;
use crate::metrics::ReadMetrics;
use crate::{Error, Result};
use arrow::array::{ArrayRef, AsArray, StringArray};
use dataset::Dataset;
use datatype::{Class, Datatype};
use heap::GlobalHeap;
use home::Home;
use hyperslab_grid::Hyperslab;
use layout::Layout;
use metadata::Metadata;
use netcdf4::Column;
use std::path::PathBuf;
use std::sync::Arc;
use tree::Tree;
use values::{Strided, native, values};

/// The most problems of one file that are told.
const MOST_PROBLEMS: usize = 50;

/// Whether a file starts like an HDF5 file, perhaps after a block of the user's.
pub(super) fn probe(first: &[u8]) -> bool {
    superblock::find(first).is_some()
}

/// Whether an HDF5 file begins somewhere behind the first bytes of a file.
pub(super) fn starts_later(source: &FileSource) -> bool {
    superblock::start(source).is_ok_and(|start| start.is_some())
}

/// Opens an HDF5 file.
pub(super) fn open(source: FileSource) -> Result<Arc<dyn Format>> {
    Ok(Arc::new(Hdf5::new(source)?))
}

/// Undoes one filter, for the fuzz targets.
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) fn decode_with(filter: u16, parameters: &[u32], stored: &[u8], len: usize) -> Result<()> {
    let filters: Vec<_> = filters::Filter::new(filter, parameters).into_iter().collect();
    let mut scratch = crate::aligned::Scratch::default();
    scratch.stored.resize(stored.len()).copy_from_slice(stored);
    filters::decode(&filters, 0, len, &mut scratch, &mut crate::aligned::AlignedBytes::new())
}

/// How many structures of HDF-EOS5 a text describes, for the fuzz targets.
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) fn structures_in(text: &str) -> usize {
    eos::parse(text).iter().map(|structure| 1 + (0..2).filter_map(|d| structure.labels(d)).count()).sum()
}

/// An open HDF5 file.
struct Hdf5 {
    path: PathBuf,
    contents: FileContents,
    /// What is behind the variables, in their order.
    columns: Vec<Column>,
    datasets: Vec<Dataset>,
}

impl Hdf5 {
    fn new(source: FileSource) -> Result<Self> {
        let path = source.path().to_owned();
        let home = Arc::new(Home::new(source)?);
        let metadata = home.metadata();
        let tree = Tree::read(&home, &metadata)?;
        let homes = tree.homes.clone();
        let metadatas: Vec<Metadata<'_>> = homes.iter().map(|home| home.metadata()).collect();
        let heaps: Vec<GlobalHeap<'_>> = metadatas.iter().map(GlobalHeap::new).collect();
        let (mut contents, columns, datasets) = netcdf4::interpret(tree, &heaps);
        shorten(&mut contents.problems);
        homes.iter().for_each(|home| home.listed.forget());
        // What cannot be understood is left out, but what could not be read may have been anything.
        if let Some(error) = homes.iter().find_map(|home| home.source.failure()) {
            return Err(error);
        }
        Ok(Self { path, contents, columns, datasets })
    }

    fn refused(&self, declared: &FileVariable) -> Error {
        let message = match &declared.ty {
            StoredType::Unsupported(what) => format!("holds {what}, which are not read yet"),
            StoredType::Text => "holds text, which is read as such".to_owned(),
            StoredType::Values(_) => "holds lists, arrays, truth values or bytes, which are read as such".to_owned(),
            _ => "holds numbers".to_owned(),
        };
        Error::unsupported(message).in_variable(&declared.path).in_file(&self.path)
    }

    /// Reads the cells of a variable's dataset, as stored.
    fn read_cells(
        &self,
        variable: usize,
        slab: &Hyperslab,
        into: &mut Stored,
        metrics: &ReadMetrics,
    ) -> Result<Hyperslab> {
        let Stored { bytes, scratch, room } = into;
        let dataset = &self.datasets[self.columns[variable].dataset];
        dataset.read(slab, bytes, scratch, (room, metrics))
    }

    /// Reads numbers as this machine has them.
    fn read_numbers(
        &self,
        variable: usize,
        slab: &Hyperslab,
        into: &mut Stored,
        metrics: &ReadMetrics,
    ) -> Result<Hyperslab> {
        let held = self.read_cells(variable, slab, into, metrics)?;
        let column = &self.columns[variable];
        let cell = self.datasets[column.dataset].datatype.size;
        match column.datatype.innermost() {
            (0, whole @ Datatype { class: Class::Number { .. } | Class::FixedText { .. }, .. })
                if whole.size == cell =>
            {
                if whole.is_foreign() {
                    swap_bytes(&mut into.bytes, cell);
                }
            }
            (at, member) => {
                let Stored { bytes, scratch, room } = into;
                room.take(held.cells() * member.stored_type().size())?;
                std::mem::swap(bytes, &mut scratch.chunk);
                let cells = scratch.chunk.chunks_exact(cell).map(|cell| &cell[at..at + member.size]);
                let len = cells.len() * member.stored_type().size();
                native(member, cells, bytes.resize(len))?;
            }
        }
        Ok(held)
    }

    /// Reads cells of a variable that is declared as one of some types.
    fn read_as(
        &self,
        is_wanted: fn(&StoredType) -> bool,
        variable: usize,
        slab: &Hyperslab,
        space: &mut Stored,
        metrics: &ReadMetrics,
    ) -> Result<ArrayRef> {
        let declared = check_slab(&self.contents, variable, slab).map_err(|error| error.in_file(&self.path))?;
        if !is_wanted(&declared.ty) {
            return Err(self.refused(declared));
        }
        let values = self.values(variable, slab, space, metrics);
        values.map_err(|error| error.in_variable(&declared.path).in_file(&self.path))
    }

    /// Reads values that are no numbers of this machine.
    fn values(&self, variable: usize, slab: &Hyperslab, space: &mut Stored, metrics: &ReadMetrics) -> Result<ArrayRef> {
        let column = &self.columns[variable];
        let dataset = &self.datasets[column.dataset];
        if let Layout::Virtual(reference) = &dataset.layout
            && column.datatype.refers_to_heap()
        {
            return dataset.read_virtual_values(reference, &column.datatype, slab, space, metrics);
        }
        let held = self.read_cells(variable, slab, space, metrics)?;
        keep_part(&mut space.bytes, &held, slab, dataset.datatype.size);
        let metadata = dataset.home.metadata();
        let cells = Strided::new(&space.bytes, dataset.datatype.size);
        values(&column.datatype, cells, &GlobalHeap::within(&metadata, &space.room))
    }
}

/// Keeps the first problems of a file: a thousand say no more than a few.
fn shorten(problems: &mut Vec<String>) {
    if problems.len() > MOST_PROBLEMS {
        let more = problems.len() - MOST_PROBLEMS;
        problems.truncate(MOST_PROBLEMS);
        problems.push(format!("{more} more objects or attributes cannot be read"));
    }
}

impl Format for Hdf5 {
    fn contents(&self) -> &FileContents {
        &self.contents
    }

    fn read(&self, variable: usize, slab: &Hyperslab, into: &mut Stored, metrics: &ReadMetrics) -> Result<Hyperslab> {
        let declared = check_slab(&self.contents, variable, slab).map_err(|error| error.in_file(&self.path))?;
        if declared.ty.size() == 0 {
            return Err(self.refused(declared));
        }
        let read = self.read_numbers(variable, slab, into, metrics);
        read.map_err(|error| error.in_variable(&declared.path).in_file(&self.path))
    }

    fn read_text(
        &self,
        variable: usize,
        slab: &Hyperslab,
        space: &mut Stored,
        metrics: &ReadMetrics,
    ) -> Result<StringArray> {
        let values = self.read_as(|ty| *ty == StoredType::Text, variable, slab, space, metrics)?;
        Ok(values.as_string::<i32>().clone())
    }

    fn read_values(
        &self,
        variable: usize,
        slab: &Hyperslab,
        space: &mut Stored,
        metrics: &ReadMetrics,
    ) -> Result<ArrayRef> {
        self.read_as(|ty| matches!(ty, StoredType::Values(_)), variable, slab, space, metrics)
    }
}
