//! Virtual datasets: cells that lie in other datasets, perhaps of other files (specification VII.E, "Virtual dataset storage").
//!
//! A part whose file or dataset is not there reads as the fill value, as HDF5 has it.

use super::dataset::Dataset;
use super::datatype::{Class, Datatype, Padding};
use super::header::Header;
use super::heap::GlobalHeap;
use super::home::Home;
use super::layout::Layout;
use super::links::{Found, follow};
use super::metadata::{Fields, Metadata, until_zero};
use super::selection::{Selection, Steps};
use super::values::native;
use crate::aligned::{AlignedBytes, Scratch};
use crate::formats::{Attribute, StoredType, numbers};
use crate::metrics::ReadMetrics;
use crate::{Error, ErrorKind, Result, Room};
use hyperslab_grid::Hyperslab;
use std::ops::Range;
use std::sync::{Arc, OnceLock};

/// The most parts that are believed.
const MOST_PARTS: usize = 1 << 20;

/// The most bytes that are read at a time of one source, unless cells follow each other.
const LARGEST_READ: usize = 32 << 20;

/// Sources in larger chunks are refused: a chunk is decoded as a whole.
const LARGEST_CHUNK: usize = 1 << 28;

/// A part of a virtual dataset.
#[derive(Debug)]
pub(super) struct Part {
    file: String,
    dataset: String,
    /// Its cells in the source.
    there: Selection,
    /// Its cells in the virtual dataset.
    here: Selection,
    source: OnceLock<Result<Option<Dataset>>>,
}

/// What was copied of a part.
pub(super) struct Copied<'a> {
    pub(super) source: &'a Dataset,
    /// Runs of offsets within the box.
    pub(super) cells: Vec<Range<usize>>,
}

/// Which cells go where: offsets within a box, and the places in the source.
struct Pairs {
    here: Vec<usize>,
    there: Vec<Vec<usize>>,
    /// Each pair is followed by others, so many in all, along the last dimension of both.
    run: usize,
}

/// The parts of a dataset of a shape: each number in a name makes one.
pub(super) fn parts(home: &Home, reference: &[u8], shape: &[usize]) -> Result<Vec<Part>> {
    let mut parts = Vec::new();
    for part in listed(&home.metadata(), reference)? {
        expand(part, shape, &mut parts)?;
    }
    Ok(parts)
}

/// Reads the list of parts, which a heap object holds.
pub(super) fn listed(metadata: &Metadata<'_>, reference: &[u8]) -> Result<Vec<Part>> {
    let Some(block) = GlobalHeap::new(metadata).object(reference)? else { return Ok(Vec::new()) };
    let mut fields = Fields::new(&block, metadata.widths);
    let version = fields.version("a list of virtual parts", 0..=1)?;
    let count = fields.length()? as usize;
    let mut parts: Vec<Part> = Vec::new();
    // The names of the entries, which later ones of version 1 may share.
    let mut names: Vec<(String, String)> = Vec::new();
    for _ in 0..count {
        let flags = if version == 1 { fields.u8()? } else { 0 };
        let shared = |fields: &mut Fields<'_>, pick: fn(&(String, String)) -> &String| {
            let entry = fields.length()? as usize;
            let entry =
                names.get(entry).ok_or_else(|| Error::corrupt("a virtual part shares a name that is not there"))?;
            Ok::<_, Error>(pick(entry).clone())
        };
        let file = match flags {
            _ if flags & 4 != 0 => ".".to_owned(),
            _ if flags & 1 != 0 => shared(&mut fields, |(file, _)| file)?,
            _ => text(&mut fields)?,
        };
        let dataset = if flags & 2 != 0 { shared(&mut fields, |(_, name)| name)? } else { text(&mut fields)? };
        let (there, here) = (Selection::parse(&mut fields)?, Selection::parse(&mut fields)?);
        names.push((file.clone(), dataset.clone()));
        parts.push(Part { file, dataset, there, here, source: OnceLock::new() });
    }
    Ok(parts)
}

fn text(fields: &mut Fields<'_>) -> Result<String> {
    let rest = fields.clone().bytes(fields.left())?;
    let text = until_zero(rest);
    fields.skip(text.len() + 1)?;
    Ok(crate::formats::text_of(text))
}

/// A part whose names hold a number stands for one part for each of its blocks.
fn expand(part: Part, shape: &[usize], parts: &mut Vec<Part>) -> Result<()> {
    let endless = part.endless_here().filter(|(d, _)| part.is_numbered() && *d < shape.len());
    let Some((d, steps)) = endless else {
        parts.push(part);
        return Ok(());
    };
    let blocks = shape[d].saturating_sub(steps.start).div_ceil(steps.stride.max(1));
    if parts.len().saturating_add(blocks) > MOST_PARTS {
        return Err(Error::unsupported("has more virtual parts than are read"));
    }
    parts.extend((0..blocks).map(|i| part.number(i)));
    Ok(())
}

impl Part {
    /// The dimension of the virtual dataset along which the part has no end, and its steps there.
    pub(super) fn endless_here(&self) -> Option<(usize, Steps)> {
        self.here.endless()
    }

    /// Likewise of its source.
    pub(super) fn endless_there(&self) -> Option<(usize, Steps)> {
        self.there.endless()
    }

    /// Where its cells end along each dimension of a virtual dataset of a shape; those that have no end aside.
    pub(super) fn ends_here(&self, shape: &[usize]) -> Vec<usize> {
        let end = |steps: &Steps| if steps.endless() { 0 } else { steps.end() };
        match &self.here {
            Selection::All => shape.to_vec(),
            Selection::Regular(steps) => steps.iter().map(end).collect(),
            Selection::None | Selection::Cells(_) => Vec::new(),
        }
    }

    /// Whether its names hold the number of a block.
    pub(super) fn is_numbered(&self) -> bool {
        [&self.file, &self.dataset].into_iter().any(|name| name.replace("%%", "").contains("%b"))
    }

    /// One of the parts that a part of numbered names stands for.
    pub(super) fn number(&self, i: usize) -> Self {
        // The halves of a name between doubled signs hold no doubled ones.
        let halves = |name: &str| name.split("%%").map(|half| half.replace("%b", &i.to_string())).collect::<Vec<_>>();
        let named = |name: &str| halves(name).join("%");
        let mut here = self.here.clone();
        if let (Some((d, _)), Selection::Regular(steps)) = (self.here.endless(), &mut here) {
            steps[d].start = steps[d].start.saturating_add(i.saturating_mul(steps[d].stride));
            steps[d].count = 1;
        }
        let (file, dataset) = (named(&self.file), named(&self.dataset));
        Self { file, dataset, there: self.there.clone(), here, source: OnceLock::new() }
    }

    /// The shape of the source now, if it is there.
    pub(super) fn source_shape(&self, home: &Arc<Home>) -> Result<Option<Vec<usize>>> {
        home.may_look()?;
        match self.open(home) {
            Err(error) if error.kind == ErrorKind::NotFound => Ok(None),
            other => Ok(other?.map(|source| source.dataspace.shape)),
        }
    }

    /// The dataset that holds the cells, if it is there.
    fn source(&self, home: &Arc<Home>) -> Result<Option<&Dataset>> {
        let source = self.source.get_or_init(|| match self.open(home) {
            Err(error) if error.kind == ErrorKind::NotFound => Ok(None),
            other => other,
        });
        source.as_ref().map(Option::as_ref).map_err(Clone::clone)
    }

    fn open(&self, home: &Arc<Home>) -> Result<Option<Dataset>> {
        let (mut there, mut path) = (Arc::new(home.open(&self.file)?), self.dataset.clone());
        // Links may lead on to other files, as many as may be opened one from another.
        loop {
            let metadata = there.metadata();
            match follow(&there, &metadata, there.root, &path)? {
                Some(Found::Here(address)) => {
                    let dataset = Dataset::parse(&metadata, &Header::read(&metadata, address)?, &there);
                    there.count(&metadata);
                    return dataset;
                }
                Some(Found::There { file, path: next }) => {
                    let next_home = there.open(&file)?;
                    drop(metadata);
                    (there, path) = (Arc::new(next_home), next);
                }
                None => return Ok(None),
            }
        }
    }

    /// Puts the cells of this part that lie in `slab` into `into`, which holds cells of the type `of` over that box. Nothing
    /// where there is no source.
    pub(super) fn read(
        &self,
        home: &Arc<Home>,
        (of, shape): (&Datatype, &[usize]),
        slab: &Hyperslab,
        into: &mut [u8],
        (room, metrics): (&Room, &ReadMetrics),
    ) -> Result<Option<Copied<'_>>> {
        let touched = self.here.steps(shape).is_none_or(|steps| {
            steps.len() == slab.rank()
                && steps.iter().zip(slab.ranges()).all(|(steps, range)| !steps.numbers(range).is_empty())
        });
        let Some(source) = (if touched { self.source(home)? } else { None }) else { return Ok(None) };
        let pairs = self.pairs(slab, shape, &source.dataspace.shape)?;
        if let Layout::Chunked(chunked) = &source.layout
            && source.chunk_bytes(chunked)? > LARGEST_CHUNK
        {
            return Err(Error::unsupported("has a virtual part in chunks of more than 256 MiB"));
        }
        let reader = PairReader { source, of, run: pairs.run, room, metrics };
        reader.copy(&pairs.here, &pairs.there, into)?;
        Ok(Some(Copied { source, cells: pairs.here.iter().map(|at| *at..at + pairs.run).collect() }))
    }

    fn pairs(&self, slab: &Hyperslab, here: &[usize], there: &[usize]) -> Result<Pairs> {
        let steps = self.there.steps(there).zip(self.here.steps(here));
        if let Some(pairs) = steps.and_then(|(from, into)| stepwise(slab, &into, here, &from, there)) {
            return Ok(pairs);
        }
        let mut pairs = Pairs { here: Vec::new(), there: Vec::new(), run: 1 };
        for (into, from) in self.here.cells(here)?.iter().zip(self.there.cells(there)?) {
            let inside = from.iter().zip(there).all(|(i, len)| i < len);
            if inside && into.len() == slab.rank() && slab.ranges().iter().zip(into).all(|(range, i)| range.contains(i))
            {
                let at = into.iter().zip(slab.ranges()).fold(0, |at, (i, range)| at * range.len() + (i - range.start));
                pairs.here.push(at);
                pairs.there.push(from);
            }
        }
        Ok(pairs)
    }
}

/// The pairs of two products of steps that have the same lengths, those of one position aside: dimension by dimension.
fn stepwise(slab: &Hyperslab, into: &[Steps], here: &[usize], from: &[Steps], there: &[usize]) -> Option<Pairs> {
    let lens = |steps: &[Steps], shape: &[usize]| -> Vec<(usize, usize)> {
        let lens = steps.iter().zip(shape).map(|(steps, len)| steps.within(*len)).enumerate();
        lens.filter(|(_, len)| *len != 1).collect()
    };
    let (wide_here, wide_there) = (lens(into, here), lens(from, there));
    let alike = wide_here.len() == wide_there.len()
        && wide_here.iter().zip(&wide_there).all(|((d, a), (e, b))| a == b || into[*d].endless() || from[*e].endless());
    if !alike || into.len() != slab.rank() {
        return None;
    }
    let mut numbers: Vec<_> = into.iter().zip(slab.ranges()).map(|(steps, range)| steps.numbers(range)).collect();
    for ((d, _), (_, len)) in wide_here.iter().zip(&wide_there) {
        numbers[*d].end = numbers[*d].end.min(*len);
    }
    let run = match (wide_here.last(), wide_there.last()) {
        (Some((d, _)), Some((e, _))) if *d + 1 == into.len() && *e + 1 == from.len() => {
            let numbers = &mut numbers[*d];
            let follow = |steps: &Steps| {
                numbers.start < numbers.end && {
                    steps.position(numbers.end - 1) - steps.position(numbers.start) == numbers.len() - 1
                }
            };
            let run = if follow(&into[*d]) && follow(&from[*e]) { numbers.len() } else { 1 };
            numbers.end -= run - 1;
            run
        }
        _ => 1,
    };
    let total = numbers.iter().map(ExactSizeIterator::len).product();
    let mut pairs = Pairs { here: Vec::with_capacity(total), there: Vec::with_capacity(total), run };
    let first: Vec<usize> = from.iter().map(|steps| steps.position(0)).collect();
    for number in 0..total {
        let (mut rest, mut at, mut stride, mut cell) = (number, 0, 1, first.clone());
        for d in (0..into.len()).rev() {
            let i = numbers[d].start + rest % numbers[d].len();
            rest /= numbers[d].len();
            at += (into[d].position(i) - slab.ranges()[d].start) * stride;
            stride *= slab.ranges()[d].len();
            if let Some(wide) = wide_here.iter().position(|(wide, _)| *wide == d) {
                let e = wide_there[wide].0;
                cell[e] = from[e].position(i);
            }
        }
        if cell.iter().zip(there).all(|(i, len)| i < len) {
            pairs.here.push(at);
            pairs.there.push(cell);
        }
    }
    Some(pairs)
}

/// Copies cells of a source.
struct PairReader<'a> {
    source: &'a Dataset,
    of: &'a Datatype,
    run: usize,
    room: &'a Room,
    metrics: &'a ReadMetrics,
}

impl PairReader<'_> {
    /// Reads a box that holds all cells, or, if they lie far apart, one for each half of them.
    fn copy(&self, here: &[usize], there: &[Vec<usize>], into: &mut [u8]) -> Result<()> {
        let size = self.of.size;
        let Some(bounds) = bounds(there, self.run) else { return Ok(()) };
        let len = bounds.cells().saturating_mul(self.source.datatype.size.max(size));
        if len > LARGEST_READ && there.len() > 1 {
            let half = there.len() / 2;
            self.copy(&here[..half], &there[..half], into)?;
            return self.copy(&here[half..], &there[half..], into);
        }
        // The cells, those of a chunk that they are taken from, and the cells as they are here.
        let chunk = self.source.chunk().iter().fold(self.source.datatype.size, |bytes, len| bytes.saturating_mul(*len));
        let needed = len.saturating_mul(2).saturating_add(chunk);
        self.room.take(needed)?;
        let (mut bytes, mut scratch) = (AlignedBytes::new(), Scratch::default());
        let held = self.source.read(&bounds, &mut bytes, &mut scratch, (self.room, self.metrics))?;
        let cells = converted(&self.source.datatype, self.of, &bytes)?;
        for (here, there) in here.iter().zip(there) {
            let at = there.iter().zip(held.ranges()).fold(0, |at, (i, range)| at * range.len() + (i - range.start));
            let len = self.run * size;
            into[here * size..][..len].copy_from_slice(&cells[at * size..][..len]);
        }
        self.room.give_back(needed);
        Ok(())
    }
}

/// The smallest box that holds some cells, each followed by others up to `run` in all.
fn bounds(there: &[Vec<usize>], run: usize) -> Option<Hyperslab> {
    let first = there.first()?;
    let mut ranges: Vec<_> = first.iter().map(|i| *i..i + 1).collect();
    for cell in there {
        for (range, i) in ranges.iter_mut().zip(cell) {
            *range = range.start.min(*i)..range.end.max(i + 1);
        }
    }
    if let Some(last) = ranges.last_mut() {
        last.end += run - 1;
    }
    Some(Hyperslab::new(ranges))
}

/// Cells of one type as cells of another: the same bytes, or numbers.
fn converted(from: &Datatype, into: &Datatype, bytes: &[u8]) -> Result<Vec<u8>> {
    if from == into {
        return Ok(bytes.to_vec());
    }
    if let (Class::FixedText { .. }, Class::FixedText { padding }) = (&from.class, &into.class) {
        return Ok(resized(bytes, from.size, into.size, *padding));
    }
    let Class::Number { ty, big_endian } = &into.class else {
        return Err(Error::unsupported("has a virtual part of another type than its own"));
    };
    let stored = from.stored_type();
    if !matches!(from.class, Class::Number { .. } | Class::Odd(_)) {
        return Err(Error::unsupported("has a virtual part that holds no numbers"));
    }
    let mut plain = vec![0; bytes.len() / from.size * stored.size()];
    native(from, bytes.chunks_exact(from.size), &mut plain)?;
    let mut cells = match numbers(stored, &plain) {
        Attribute::Integers(_, values) => written(ty, values.into_iter(), |v| v, |v| v as f64),
        Attribute::Floats(_, values) => written(ty, values.into_iter(), |v| v as i128, |v| v),
        Attribute::Text(_) | Attribute::Texts(_) => Vec::new(),
    };
    if *big_endian != cfg!(target_endian = "big") {
        crate::formats::cells::swap_bytes(&mut cells, into.size);
    }
    Ok(cells)
}

/// Texts of one length as texts of another: what is too long is cut.
fn resized(bytes: &[u8], from: usize, into: usize, padding: Padding) -> Vec<u8> {
    let fill = if padding == Padding::Spaces { b' ' } else { 0 };
    let mut out = Vec::with_capacity(bytes.len() / from * into);
    for cell in bytes.chunks_exact(from) {
        let text = until_zero(cell);
        out.extend(text.iter().copied().chain(std::iter::repeat(fill)).take(into));
    }
    out
}

/// Numbers as bytes of a type; what lies beyond its range becomes its nearest end, as in HDF5.
fn written<T: Copy>(
    ty: &StoredType,
    values: impl Iterator<Item = T>,
    integer: fn(T) -> i128,
    real: fn(T) -> f64,
) -> Vec<u8> {
    macro_rules! integers {
        ($t:ty) => {
            values.flat_map(|v| (integer(v).clamp(<$t>::MIN.into(), <$t>::MAX.into()) as $t).to_ne_bytes()).collect()
        };
    }
    match ty {
        StoredType::I8 => integers!(i8),
        StoredType::U8 | StoredType::Char => integers!(u8),
        StoredType::I16 => integers!(i16),
        StoredType::U16 => integers!(u16),
        StoredType::I32 => integers!(i32),
        StoredType::U32 => integers!(u32),
        StoredType::I64 => integers!(i64),
        StoredType::U64 => integers!(u64),
        StoredType::F32 => values.flat_map(|v| (real(v) as f32).to_ne_bytes()).collect(),
        StoredType::F64 => values.flat_map(|v| real(v).to_ne_bytes()).collect(),
        StoredType::F16 | StoredType::Text | StoredType::Values(_) | StoredType::Unsupported(_) => Vec::new(),
    }
}
