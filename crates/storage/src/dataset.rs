//! One file, or many read as one: what there is, and reading boxes of it.

use crate::aligned::AlignedBytes;
use crate::block::{Block, Content, conform};
use crate::cf::decoder::Width;
use crate::combine::columns::{Column, Part, Source};
use crate::combine::opened::open_all;
use crate::combine::{Layout, combine};
use crate::formats::cells::{Cells, copy_part};
use crate::handles::{Handles, Opener};
use crate::metrics::ReadMetrics;
use crate::{Error, ErrorKind, OpenOptions, Result, Room, formats, instances, sources};
use arrow::array::{Array, ArrayRef};
use hyperslab_grid::schema::DatasetSchema;
use hyperslab_grid::{ChunkGrid, Hyperslab, Packing, Region};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

/// One file, or many files read as one.
#[derive(Debug)]
pub struct Dataset {
    pub(crate) handles: Arc<Handles>,
    pub(crate) layout: Layout,
    /// For each variable all its values, once they are asked for.
    pub(crate) values: Vec<OnceLock<ArrayRef>>,
    /// Where room is asked for these values; it goes back with the dataset.
    pub(crate) room: Room,
}

/// How a variable is stored, for people.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct VariableStorage {
    /// The type in netCDF's words.
    pub stored_type: String,
    /// The shape of what is read at a time.
    pub chunk: Vec<usize>,
    /// Whether that is the chunk shape of the file; contiguous storage is read in pieces.
    pub chunked: bool,
    /// The decoded bytes of the largest chunk, also where it reaches beyond the variable; 0 if there are none.
    pub chunk_bytes: usize,
    /// About the bytes that a cell refers to beside those that are stored for it: texts and lists of any length.
    pub heap_bytes: usize,
    /// Storage and filters.
    pub storage: String,
    /// Scale and offset.
    pub packing: Option<String>,
    /// Which cells read as NULL, each reason by itself.
    pub masked: Vec<String>,
    /// How many files hold a part.
    pub files: usize,
    /// Whether all parts are stored alike; what is said above is that of the first.
    pub uniform: bool,
}

impl VariableStorage {
    /// That of a column made of the names of files and folders.
    pub(crate) fn of_paths() -> Self {
        Self { stored_type: "string".into(), storage: "from paths".into(), uniform: true, ..Self::default() }
    }
}

/// A box of one variable in one file.
struct Place<'a> {
    part: &'a Part,
    /// The box, in positions of the file.
    file: Hyperslab,
    /// For each dimension of the dataset: where its positions lie in the file.
    dims: Vec<PlaceDim>,
}

/// One dimension of a [`Place`].
enum PlaceDim {
    /// None of the file's: the file as a whole is this position.
    Fresh(usize),
    /// Position `dataset` of the dataset is position `file` of the file, which takes part with the positions `within`.
    Own { dataset: usize, file: usize, within: Range<usize>, joined: bool },
}

impl Dataset {
    /// Opens files as one dataset. Each of `sources` is a path or a glob (`dir/*.nc`, `**` for any folders). Reads headers
    /// and coordinates only.
    ///
    /// # Errors
    /// If there is no such file, one cannot be read, or they do not fit each other.
    pub fn open(sources: &[String], options: &OpenOptions) -> Result<Self> {
        Self::open_within(sources, options, &Room::default())
    }

    /// The same; room is asked for what the dataset holds, now and later, and goes back with it.
    ///
    /// # Errors
    /// As [`open`](Self::open); if there is no room for the labels of its dimensions.
    pub fn open_within(sources: &[String], options: &OpenOptions, room: &Room) -> Result<Self> {
        let engine = options.engine;
        Self::open_with(sources::expand(sources)?, options, Box::new(move |path| formats::open(path, engine)), room)
    }

    /// Opens files by other means.
    pub(crate) fn open_with(paths: Vec<PathBuf>, options: &OpenOptions, opener: Opener, room: &Room) -> Result<Self> {
        let handles = Arc::new(Handles::new(paths, opener));
        let (room, opening) = (room.for_now(), room.for_now());
        let opened = open_all(&handles, options, &opening, &ReadMetrics::default())?;
        let mut layout = combine(&handles, &opened, options)?;
        // What is held now is all or most of what was taken.
        drop((opened, opening));
        room.take(layout.known.iter().flatten().map(|known| known.get_array_memory_size()).sum())?;
        let values = layout.known.drain(..).map(|known| known.map_or_else(OnceLock::new, OnceLock::from)).collect();
        let mut dataset = Self { handles, layout, values, room };
        instances::attach(&mut dataset);
        Ok(dataset)
    }

    /// Puts a variable onto another dimension, with other values behind it.
    pub(crate) fn replace_column(&mut self, variable: usize, dim: usize, source: Source, chunks: ChunkGrid) {
        self.layout.schema.variables[variable].dims = vec![dim];
        let column = &mut self.layout.columns[variable];
        column.joins = vec![self.layout.joins.iter().position(|join| join.dim == dim)];
        (column.source, column.chunks) = (source, chunks);
        self.values[variable] = OnceLock::new();
    }

    /// Its dimensions and variables.
    pub fn schema(&self) -> &DatasetSchema {
        &self.layout.schema
    }

    /// What is doubtful about the files or how they fit, in words.
    pub fn warnings(&self) -> &[String] {
        &self.layout.warnings
    }

    /// The name of the format of the first file.
    ///
    /// # Errors
    /// If it has to be opened again and cannot be.
    pub fn format(&self) -> Result<&'static str> {
        Ok(self.handles.get(0, &ReadMetrics::default())?.contents().format)
    }

    /// The files, sorted by path.
    pub fn files(&self) -> Vec<&Path> {
        self.handles.paths().iter().map(PathBuf::as_path).collect()
    }

    /// How a variable is stored.
    pub fn describe(&self, variable: usize) -> VariableStorage {
        self.layout.columns[variable].storage.clone()
    }

    /// The most bytes that decoding one chunk of a variable takes, also where chunks reach beyond the variable.
    pub fn chunk_bytes(&self, variable: usize) -> usize {
        self.layout.columns[variable].storage.chunk_bytes
    }

    /// About the bytes that reading a cell of a variable takes, with what it refers to.
    pub fn cell_bytes(&self, variable: usize) -> usize {
        self.layout.schema.variables[variable].stored_size + self.layout.columns[variable].storage.heap_bytes
    }

    /// What is read at a time of a variable, over its dimensions. A chunk lies within one file.
    pub fn chunk_grid(&self, variable: usize) -> ChunkGrid {
        self.layout.columns[variable].chunks.clone()
    }

    /// How integers stand for the values of a variable: if they do, and in all files alike.
    pub fn packing(&self, variable: usize) -> Option<Packing> {
        let Source::Files(parts) = &self.layout.columns[variable].source else { return None };
        let of_part = |part: &Part| part.folded.is_none().then(|| part.decoder.packing()).flatten();
        let mut parts = parts.iter().flatten();
        let first = parts.next()?;
        let packing = of_part(first)?;
        let is_same =
            |part: &Part| Arc::ptr_eq(&part.decoder, &first.decoder) || of_part(part).as_ref() == Some(&packing);
        parts.all(is_same).then_some(packing)
    }

    /// Whether a box of a variable lies within one file: only then it can be [read](Self::read) at once.
    pub fn is_in_one_file(&self, variable: usize, slab: &Hyperslab) -> bool {
        self.tile(&self.layout.columns[variable], slab).is_ok()
    }

    /// Reads the box `slab` of a variable, in positions of the dataset over the variable's dimensions, into `block`. A box
    /// within one chunk of [`chunk_grid`](Self::chunk_grid) reads just that chunk, and is not copied.
    ///
    /// # Errors
    /// If the box lies outside of the variable or in more than one file, or reading fails.
    pub fn read(&self, variable: usize, slab: &Hyperslab, block: &mut Block, metrics: &ReadMetrics) -> Result<()> {
        let about = &self.layout.schema.variables[variable];
        self.read_box(variable, slab, block, metrics).map_err(|error| error.in_variable(&about.name))
    }

    /// Reads the cells of a region that lies in one file. Those between its ranges are left out, so that just the chunks
    /// that it meets are read, but for strings.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub fn read_region(
        &self,
        variable: usize,
        region: &Region,
        block: &mut Block,
        metrics: &ReadMetrics,
    ) -> Result<()> {
        if let Source::Regridded(_) = &self.layout.columns[variable].source {
            return self.read_computed(variable, region, block, metrics);
        }
        let Some(bounds) = region.bounds() else {
            let none = Hyperslab::new(region.sets().iter().map(|set| set.bounds().unwrap_or(0..0)).collect());
            return self.read(variable, &none, block, metrics);
        };
        if region.sets().iter().all(|set| set.runs().len() == 1) || !self.can_join(variable, &bounds) {
            return self.read(variable, &bounds, block, metrics);
        }
        let mut joined = std::mem::take(&mut block.joined);
        let outcome = self.join_boxes(variable, region, block, &mut joined, metrics);
        std::mem::swap(&mut block.stored.bytes, &mut joined);
        block.joined = joined;
        outcome
    }

    fn read_computed(&self, variable: usize, region: &Region, block: &mut Block, metrics: &ReadMetrics) -> Result<()> {
        let (about, column) = (&self.layout.schema.variables[variable], &self.layout.columns[variable]);
        match (&column.source, region.bounds()) {
            (Source::Regridded(computed), Some(bounds)) => {
                self.check_within(&about.dims, &bounds)?;
                computed.read(region, about.data_type(), block, metrics)
            }
            _ => {
                block.hold(region.clone(), about.data_type(), Content::Nulls);
                Ok(())
            }
        }
    }

    /// The cells of files that a region of a variable is read from, and how these are cut: the region itself, unless the
    /// variable is computed from another.
    pub fn stored(&self, variable: usize, region: &Region) -> (Region, ChunkGrid) {
        match &self.layout.columns[variable].source {
            Source::Regridded(computed) => computed.stored(region),
            Source::Files(_) | Source::Constants(_) | Source::Values(_) | Source::Instances { .. } => {
                (region.clone(), self.chunk_grid(variable))
            }
        }
    }

    /// How many chunks are read more than once for a region of a variable that is computed, each time after the first.
    pub fn read_again(&self, variable: usize, region: &Region) -> usize {
        let column = &self.layout.columns[variable];
        match &column.source {
            Source::Regridded(computed) => computed.read_again(region, &column.chunks),
            Source::Files(_) | Source::Constants(_) | Source::Values(_) | Source::Instances { .. } => 0,
        }
    }

    /// The cells to read for those of a region, as few boxes as can be that need no other chunk than the region does.
    pub fn covering(&self, variable: usize, region: &Region) -> Region {
        let column = &self.layout.columns[variable];
        match &column.source {
            Source::Regridded(computed) => computed.covering(region, &column.chunks),
            Source::Files(_) | Source::Constants(_) | Source::Values(_) | Source::Instances { .. } => {
                column.chunks.covering(region)
            }
        }
    }

    /// Whether boxes of a variable, all in the file of `slab`, are numbers that can be put together as stored.
    fn can_join(&self, variable: usize, slab: &Hyperslab) -> bool {
        let column = &self.layout.columns[variable];
        match (&column.source, self.tile(column, slab)) {
            (Source::Files(parts), Ok(tile)) => parts[tile].as_ref().is_some_and(|part| {
                part.folded.is_none() && !part.decoder.reads_strings() && !part.decoder.reads_values()
            }),
            _ => false,
        }
    }

    /// Reads the boxes of a region one by one, and leaves the cells of all of them in `joined`.
    fn join_boxes(
        &self,
        variable: usize,
        region: &Region,
        block: &mut Block,
        joined: &mut AlignedBytes,
        metrics: &ReadMetrics,
    ) -> Result<()> {
        let (shape, mut content) = (region.shape(), None);
        for slab in region.boxes() {
            self.read(variable, &slab, block, metrics)?;
            let held = block.cover().bounds().unwrap_or_else(|| slab.clone());
            let taken = block.take_content();
            let cell = if let Content::Cells { size, .. } = &taken { *size } else { 0 };
            let into = joined.resize(region.cells() * cell);
            // Where the box comes to lie in what is put together, moved so that both count positions alike.
            let ranges = slab.ranges().iter().zip(region.sets()).zip(&shape);
            let moved = ranges.map(|((range, set), len)| {
                let start = range.start - set.rank(range.start);
                start..start + len
            });
            let moved = Hyperslab::new(moved.collect());
            let from = Cells { bytes: &block.stored.bytes[..], slab: &held };
            copy_part(&from, &mut Cells { bytes: into, slab: &moved }, &slab, cell);
            content = Some(taken);
        }
        let content = content.unwrap_or(Content::Nulls);
        block.hold(region.clone(), self.layout.schema.variables[variable].data_type(), content);
        Ok(())
    }

    fn read_box(&self, variable: usize, slab: &Hyperslab, block: &mut Block, metrics: &ReadMetrics) -> Result<()> {
        let (about, column) = (&self.layout.schema.variables[variable], &self.layout.columns[variable]);
        self.check_within(&about.dims, slab)?;
        let ty = about.data_type();
        if slab.is_empty() {
            block.hold(Region::all_of(slab), ty, Content::Nulls);
            return Ok(());
        }
        let tile = self.tile(column, slab)?;
        match &column.source {
            Source::Constants(values) => block.hold(Region::all_of(slab), ty, Content::Constant(values.slice(tile, 1))),
            Source::Values(values) => {
                let (first, cells) = (slab.start().first().copied().unwrap_or(0), slab.cells());
                block.hold(Region::all_of(slab), ty, Content::Values(values.slice(first, cells)));
            }
            Source::Regridded(computed) => computed.read(&Region::all_of(slab), ty, block, metrics)?,
            Source::Instances { values, map } => {
                let first = slab.ranges().first().map_or(0, |range| range.start);
                let (values, map) = (Arc::clone(values), Arc::clone(map));
                block.hold(Region::all_of(slab), ty, Content::Instances { values, map, first });
            }
            Source::Files(parts) => match &parts[tile] {
                None => block.hold(Region::all_of(slab), ty, Content::Nulls),
                Some(part) => {
                    let place = self.place(column, part, &about.dims, slab);
                    self.read_part(variable, &place, block, metrics)
                        .map_err(|error| error.in_file(self.handles.path(part.file)))?;
                }
            },
        }
        Ok(())
    }

    fn check_within(&self, dims: &[usize], slab: &Hyperslab) -> Result<()> {
        let shape = self.layout.schema.shape(dims);
        let fits = shape.len() == slab.rank() && slab.ranges().iter().zip(&shape).all(|(range, len)| range.end <= *len);
        let outside =
            || Error::new(ErrorKind::Options, format!("{:?} lies outside of its shape {shape:?}", slab.ranges()));
        if fits { Ok(()) } else { Err(outside()) }
    }

    /// The tile of a column that holds a box.
    fn tile(&self, column: &Column, slab: &Hyperslab) -> Result<usize> {
        let mut tile = 0;
        for (range, join) in slab.ranges().iter().zip(&column.joins) {
            let Some(join) = join.map(|join| &self.layout.joins[join]) else { continue };
            let segment = join.segment_of(range.start);
            if range.end > join.edges[segment + 1] {
                return Err(Error::new(ErrorKind::Options, format!("{:?} lies in several files", slab.ranges())));
            }
            tile = tile * join.segments.len() + segment;
        }
        Ok(tile)
    }

    /// Where a box lies in the file of its part.
    fn place<'a>(&self, column: &Column, part: &'a Part, dims: &[usize], slab: &Hyperslab) -> Place<'a> {
        let mut places = Vec::with_capacity(slab.rank());
        let mut ranges = Vec::with_capacity(slab.rank() + 1);
        for ((range, join), dim) in slab.ranges().iter().zip(&column.joins).zip(dims) {
            let (dataset, file, len, joined) = match join.map(|join| &self.layout.joins[join]) {
                Some(join) if join.fresh => {
                    places.push(PlaceDim::Fresh(range.start));
                    continue;
                }
                Some(join) => {
                    let at = join.segment_of(range.start);
                    (join.edges[at], join.segments[at].from, join.segments[at].len, true)
                }
                None => (0, 0, self.layout.schema.dimensions[*dim].len, false),
            };
            ranges.push(range.start - dataset + file..range.end - dataset + file);
            places.push(PlaceDim::Own { dataset, file, within: file..file + len, joined });
        }
        ranges.extend(part.folded.map(|len| 0..len));
        Place { part, file: Hyperslab::new(ranges), dims: places }
    }

    fn read_part(&self, variable: usize, place: &Place, block: &mut Block, metrics: &ReadMetrics) -> Result<()> {
        let ty = self.layout.schema.variables[variable].data_type();
        let decoder = Arc::clone(&place.part.decoder);
        let format = self.handles.get(place.part.file, metrics)?;
        let about = format.contents().variables.get(place.part.variable);
        let Some(about) = about.filter(|about| about.path == self.layout.schema.variables[variable].path) else {
            return Err(Error::corrupt("the file has changed since it was opened"));
        };
        if decoder.reads_values() {
            let values = format.read_values(place.part.variable, &place.file, &mut block.stored, metrics)?;
            let content = Content::Values(conform(values, ty)?);
            block.hold(Region::all_of(&place.in_dataset(&place.file)), ty, content);
            return Ok(());
        }
        if decoder.reads_strings() {
            let strings = format.read_text(place.part.variable, &place.file, &mut block.stored, metrics)?;
            if strings.len() != place.file.cells() {
                return Err(Error::corrupt(format!("{} strings were read of {}", strings.len(), place.file.cells())));
            }
            block.hold(Region::all_of(&place.in_dataset(&place.file)), ty, Content::Strings { decoder, strings });
            return Ok(());
        }
        if place.part.folded == Some(0) {
            block.stored.bytes.resize(0);
            let (width, size) = (Width { kept: 0, stored: 0 }, about.ty.size());
            block.hold(Region::all_of(&place.in_dataset(&place.file)), ty, Content::Cells { decoder, width, size });
            return Ok(());
        }
        let read = format.read(place.part.variable, &place.file, &mut block.stored, metrics)?;
        let size = about.ty.size();
        if read.rank() != place.file.rank()
            || !read.contains(&place.file)
            || block.stored.bytes.len() < read.cells() * size
        {
            return Err(Error::corrupt("fewer cells were read than were asked for"));
        }
        let held = place.without_other_files(&read);
        if held.is_whole_prefix_of(&read) {
            // The cells wanted come first: those after them are simply not counted.
        } else {
            block.cut(&read, &held, size);
        }
        let width = place.width(&held);
        block.hold(Region::all_of(&place.in_dataset(&held)), ty, Content::Cells { decoder, width, size });
        Ok(())
    }
}

impl Place<'_> {
    /// How many cells make up a value in a box of the file.
    fn width(&self, held: &Hyperslab) -> Width {
        let stored = self.part.folded.and(held.ranges().last()).map_or(1, ExactSizeIterator::len);
        Width { kept: self.part.folded.unwrap_or(1), stored }
    }

    /// A box of the file without positions along joined dimensions that are other files' in the dataset.
    fn without_other_files(&self, read: &Hyperslab) -> Hyperslab {
        let mut ranges = read.ranges().to_vec();
        let own = self.dims.iter().filter(|dim| matches!(dim, PlaceDim::Own { .. }));
        for (dim, range) in own.zip(&mut ranges) {
            if let PlaceDim::Own { within, joined: true, .. } = dim {
                *range = range.start.max(within.start)..range.end.min(within.end);
            }
        }
        Hyperslab::new(ranges)
    }

    /// A box of the file in positions of the dataset, folded dimensions left out.
    fn in_dataset(&self, file: &Hyperslab) -> Hyperslab {
        let mut own = file.ranges().iter();
        let range = |dim: &PlaceDim| match dim {
            PlaceDim::Fresh(at) => *at..at + 1,
            PlaceDim::Own { dataset, file, .. } => {
                let range = own.next().expect("a file's box has a range for each dimension that is the file's own");
                range.start - file + dataset..range.end - file + dataset
            }
        };
        Hyperslab::new(self.dims.iter().map(range).collect())
    }
}

trait Prefix {
    /// Whether the cells of this box are the first of those of `other`, in the same order.
    fn is_whole_prefix_of(&self, other: &Self) -> bool;
}

impl Prefix for Hyperslab {
    fn is_whole_prefix_of(&self, other: &Self) -> bool {
        let inner_same = self.ranges().iter().zip(other.ranges()).skip(1).all(|(a, b)| a == b);
        let outer = self.ranges().first().zip(other.ranges().first());
        inner_same && outer.is_none_or(|(a, b)| a.start == b.start && a.end <= b.end)
    }
}
