//! Along which dimensions files are joined, by the first rule that fits, and in which order.

use super::Files;
use super::groups::{Axis, Group};
use super::labels::{Direction, Labels};
use crate::{Error, ErrorKind, Overlap, Result};
use hyperslab_grid::schema::Role;
use std::cmp::Ordering;
use std::collections::{HashMap, HashSet};

/// A dimension that is made of several files.
#[derive(Clone, Debug)]
pub(crate) struct Join {
    /// The dimension, by position in the dataset.
    pub(crate) dim: usize,
    /// Its parts, in order.
    pub(crate) segments: Vec<Segment>,
    /// Where each segment begins, and the length of the dimension at the end.
    pub(crate) edges: Vec<usize>,
    /// Whether the dimension is new: no file has it, each is one position.
    pub(crate) fresh: bool,
    /// For each file its group.
    pub(crate) member: Vec<Option<usize>>,
}

/// A stretch of a joined dimension: some positions of the files of one group.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Segment {
    /// The group.
    pub(crate) group: usize,
    /// The first position, counted in its files.
    pub(crate) from: usize,
    /// The number of positions.
    pub(crate) len: usize,
}

/// A dimension of the dataset.
#[derive(Debug)]
pub(crate) struct PlannedDim {
    /// The axis of the files; none for a new dimension.
    pub(crate) axis: Option<usize>,
    /// Its length.
    pub(crate) len: usize,
    /// The join that makes it up.
    pub(crate) join: Option<usize>,
}

/// How files are joined.
#[derive(Debug)]
pub(crate) struct Plan {
    /// What the files have along each of their dimensions.
    pub(crate) axes: Vec<Axis>,
    /// The dimensions of the dataset: a new one first, then those of the files.
    pub(crate) dims: Vec<PlannedDim>,
    /// The dimensions made of several files.
    pub(crate) joins: Vec<Join>,
    /// The files in the order of the dataset.
    pub(crate) order: Vec<usize>,
    /// What becomes of duplicates.
    pub(crate) overlap: Overlap,
}

/// Chooses the rule, and lays the files out along the dimensions that they are joined along.
///
/// # Errors
/// If no rule fits, or files overlap; two files are named.
pub(crate) fn plan(files: &Files, mut axes: Vec<Axis>, overlap: Overlap) -> Result<Plan> {
    let along = match rule(files, &axes)? {
        Rule::SideBySide => Vec::new(),
        Rule::NewDimension => return Ok(new_dimension(files, axes, overlap)),
        Rule::ByLabels(along) => along,
        Rule::ByFile(axis) => {
            axes[axis].split_by_file();
            vec![axis]
        }
    };
    check_product(files, &axes, &along, overlap)?;
    let joins = along.into_iter().map(|axis| Join::along(files, &axes, axis, overlap));
    let joins = joins.collect::<Result<Vec<Join>>>()?;
    let length = |(axis, about): (usize, &Axis)| {
        let join = joins.iter().position(|join: &Join| join.dim == axis);
        PlannedDim { axis: Some(axis), len: join.map_or(about.groups[0].len, |join| joins[join].len()), join }
    };
    let dims = axes.iter().enumerate().map(length).collect();
    let order = order(files.opened.len(), &joins);
    Ok(Plan { axes, dims, joins, order, overlap })
}

/// How files fit each other.
enum Rule {
    /// Nothing differs along any dimension.
    SideBySide,
    /// All coordinates are the same, data variables too: each file is one position of a new dimension.
    NewDimension,
    /// Coordinates differ along these axes.
    ByLabels(Vec<usize>),
    /// One file after the other along an axis without labels.
    ByFile(usize),
}

fn rule(files: &Files, axes: &[Axis]) -> Result<Rule> {
    let differing: Vec<usize> = (0..axes.len()).filter(|axis| axes[*axis].groups.len() > 1).collect();
    let (labelled, bare): (Vec<usize>, Vec<usize>) = differing.into_iter().partition(|axis| axes[*axis].is_labelled());
    if !labelled.is_empty() {
        return bare.first().map_or(Ok(Rule::ByLabels(labelled)), |axis| Err(lengths_differ(files, &axes[*axis])));
    }
    if bare.is_empty() && (files.opened.len() == 1 || variables_are_disjoint(files)) {
        return Ok(Rule::SideBySide);
    }
    let any_labels = axes.iter().any(Axis::is_labelled);
    if bare.is_empty() && any_labels {
        return Ok(Rule::NewDimension);
    }
    let chosen = (0..axes.len()).find(|axis| axes[*axis].unlimited && !axes[*axis].is_labelled());
    let chosen = chosen.or_else(|| if any_labels { None } else { outer_axis(files, axes) });
    match (chosen, bare.iter().find(|axis| Some(**axis) != chosen)) {
        (_, Some(axis)) => Err(lengths_differ(files, &axes[*axis])),
        (Some(axis), None) => Ok(Rule::ByFile(axis)),
        // Without any dimension in common there is nothing to join along: files of scalars.
        (None, None) => Ok(Rule::NewDimension),
    }
}

fn variables_are_disjoint(files: &Files) -> bool {
    let mut seen = HashSet::new();
    let data = files.opened.iter().flat_map(|o| &o.table.columns).filter(|c| c.role == Role::Data);
    data.map(|c| c.path.as_str()).all(|path| seen.insert(path))
}

/// The first dimension of the data variable with the most.
fn outer_axis(files: &Files, axes: &[Axis]) -> Option<usize> {
    let table = &files.opened[0].table;
    let data = table.columns.iter().filter(|c| c.role == Role::Data);
    // The first of those with most dimensions.
    let widest = data.rev().max_by_key(|c| c.dims.len())?;
    let outer = &table.dimensions[*widest.dims.first()?].path;
    axes.iter().position(|axis| axis.path == *outer)
}

fn lengths_differ(files: &Files, axis: &Axis) -> Error {
    let [a, b, ..] = axis.groups.as_slice() else { return Error::new(ErrorKind::Disagree, "files differ") };
    let (path, a_name, b_name) = (&axis.path, files.name(a.file), files.name(b.file));
    let message = format!("dimension {path} has {} positions in {a_name} and {} in {b_name}", a.len, b.len);
    Error::new(ErrorKind::Disagree, message)
        .with_hint("files are joined along dimensions with a coordinate, or else along the unlimited one")
}

fn new_dimension(files: &Files, axes: Vec<Axis>, overlap: Overlap) -> Plan {
    let count = files.opened.len();
    let segments = (0..count).map(|group| Segment { group, from: 0, len: 1 }).collect();
    let join =
        Join { dim: 0, segments, edges: (0..=count).collect(), fresh: true, member: (0..count).map(Some).collect() };
    let own = axes.iter().enumerate().map(|(axis, about)| PlannedDim {
        axis: Some(axis),
        len: about.groups[0].len,
        join: None,
    });
    let dims = std::iter::once(PlannedDim { axis: None, len: count, join: Some(0) }).chain(own).collect();
    Plan { axes, dims, joins: vec![join], order: (0..count).collect(), overlap }
}

impl Join {
    fn along(files: &Files, axes: &[Axis], axis: usize, overlap: Overlap) -> Result<Self> {
        let about = &axes[axis];
        let all = |(group, g): (usize, &Group)| Segment { group, from: 0, len: g.len };
        let segments = if about.is_labelled() {
            Sequence::new(files, about)?.segments(overlap)?
        } else {
            about.groups.iter().enumerate().map(all).collect()
        };
        let mut edges = vec![0];
        for segment in &segments {
            edges.push(edges[edges.len() - 1] + segment.len);
        }
        Ok(Self { dim: axis, segments, edges, fresh: false, member: about.member.clone() })
    }

    /// The length of the dimension.
    pub(crate) fn len(&self) -> usize {
        self.edges[self.edges.len() - 1]
    }

    /// The segment that holds position `at`.
    pub(crate) fn segment_of(&self, at: usize) -> usize {
        self.edges.partition_point(|edge| *edge <= at).saturating_sub(1).min(self.segments.len().saturating_sub(1))
    }
}

/// The groups of one axis in coordinate order.
struct Sequence<'a> {
    files: &'a Files<'a>,
    axis: &'a Axis,
    sorted: Vec<usize>,
    descending: bool,
}

impl<'a> Sequence<'a> {
    fn new(files: &'a Files, axis: &'a Axis) -> Result<Self> {
        let mut way: Option<(Direction, usize)> = None;
        for (group, about) in axis.groups.iter().enumerate() {
            match (labels(axis, group).direction(), way) {
                (Direction::Single, _) => {}
                (Direction::Unsorted, _) => {
                    let message =
                        format!("the values of {} are not sorted or have gaps: it cannot be joined", axis.path);
                    return Err(Error::new(ErrorKind::Disagree, message).in_file(files.name(about.file)));
                }
                (direction, None) => way = Some((direction, about.file)),
                (direction, Some((first, _))) if direction == first => {}
                (_, Some((_, other))) => {
                    let (path, a, b) = (&axis.path, files.name(other), files.name(about.file));
                    let message = format!("{path} runs one way in {a} and the other way in {b}");
                    return Err(Error::new(ErrorKind::Disagree, message));
                }
            }
        }
        let descending = matches!(way, Some((Direction::Descending, _)));
        let mut sequence = Self { files, axis, sorted: (0..axis.groups.len()).collect(), descending };
        let mut sorted: Vec<usize> = sequence.sorted.iter().copied().filter(|g| axis.groups[*g].len > 0).collect();
        sorted.sort_by(|a, b| sequence.order((*a, 0), (*b, 0)).then(a.cmp(b)));
        sequence.sorted = sorted;
        Ok(sequence)
    }

    /// The order of two labels, each given by its group and position.
    fn order(&self, a: (usize, usize), b: (usize, usize)) -> Ordering {
        let order = labels(self.axis, a.0).order(a.1, labels(self.axis, b.0), b.1);
        if self.descending { order.reverse() } else { order }
    }

    fn segments(&self, overlap: Overlap) -> Result<Vec<Segment>> {
        let mut segments: Vec<Segment> = Vec::new();
        for group in &self.sorted {
            let next = Segment { group: *group, from: 0, len: self.axis.groups[*group].len };
            let Some(last) = segments.last() else {
                segments.push(next);
                continue;
            };
            let overlaps = self.order((last.group, last.from + last.len - 1), (next.group, 0)).is_ge();
            match overlap {
                _ if !overlaps => segments.push(next),
                Overlap::Keep => segments.push(next),
                Overlap::Error => return Err(self.overlap_error(last, &next)),
                Overlap::First | Overlap::Last if !self.coincide(last, &next) => {
                    return Err(self.overlap_error(last, &next));
                }
                Overlap::First => segments.extend(self.after(&next, (last.group, last.from + last.len - 1))),
                Overlap::Last => segments = self.replace(&segments, next),
            }
        }
        Ok(segments)
    }

    /// What of a segment lies after a label.
    fn after(&self, segment: &Segment, label: (usize, usize)) -> Option<Segment> {
        let skipped = self.count(segment, |at| self.order(at, label).is_le());
        let rest = Segment { group: segment.group, from: segment.from + skipped, len: segment.len - skipped };
        (rest.len > 0).then_some(rest)
    }

    /// What of a segment lies before a label.
    fn before(&self, segment: &Segment, label: (usize, usize)) -> Option<Segment> {
        let kept = self.count(segment, |at| self.order(at, label).is_lt());
        (kept > 0).then(|| Segment { len: kept, ..segment.clone() })
    }

    /// Segments with those positions taken out that `next` covers, and `next` put there.
    fn replace(&self, segments: &[Segment], next: Segment) -> Vec<Segment> {
        let (first, last) = ((next.group, 0), (next.group, next.len - 1));
        let earlier = segments.iter().filter_map(|segment| self.before(segment, first));
        let later: Vec<Segment> = segments.iter().filter_map(|segment| self.after(segment, last)).collect();
        earlier.chain([next]).chain(later).collect()
    }

    /// How many labels of a segment, from its start, fulfil a condition that stays false once it is.
    fn count(&self, segment: &Segment, holds: impl Fn((usize, usize)) -> bool) -> usize {
        let (mut low, mut high) = (0, segment.len);
        while low < high {
            let middle = (low + high) / 2;
            if holds((segment.group, segment.from + middle)) { low = middle + 1 } else { high = middle }
        }
        low
    }

    /// Whether two segments have a label in common.
    fn coincide(&self, a: &Segment, b: &Segment) -> bool {
        (b.from..b.from + b.len).any(|at| {
            let below = self.count(a, |place| self.order(place, (b.group, at)).is_lt());
            below < a.len && self.order((a.group, a.from + below), (b.group, at)).is_eq()
        })
    }

    fn overlap_error(&self, a: &Segment, b: &Segment) -> Error {
        let (a_labels, b_labels) = (labels(self.axis, a.group), labels(self.axis, b.group));
        let (a_name, b_name) =
            (self.files.name(self.axis.groups[a.group].file), self.files.name(self.axis.groups[b.group].file));
        let range = |labels: &Labels| format!("{} to {}", labels.show(0), labels.show(labels.len() - 1));
        let (a_range, b_range) = (range(a_labels), range(b_labels));
        let path = &self.axis.path;
        let (how, hint) = if self.coincide(a, b) {
            ("overlap", "overlap => 'first', 'last' or 'keep' says which values to take")
        } else {
            ("interleave", "open them as datasets of their own, or keep all with overlap => 'keep'")
        };
        let message = format!("files {how} along {path}: {a_name} holds {a_range}, {b_name} holds {b_range}");
        Error::new(ErrorKind::Disagree, message).with_hint(hint)
    }
}

fn labels(axis: &Axis, group: usize) -> &Labels {
    axis.groups[group].labels.as_deref().expect("only axes whose groups all have labels are put in sequence")
}

/// Checks that every combination of groups has a file, and that no two files hold the same.
fn check_product(files: &Files, axes: &[Axis], along: &[usize], overlap: Overlap) -> Result<()> {
    if along.is_empty() {
        return Ok(());
    }
    let mut tiles: HashMap<Vec<usize>, Vec<usize>> = HashMap::new();
    for file in 0..files.opened.len() {
        // Files without one of the dimensions hold what is static along it.
        if let Some(tile) = along.iter().map(|axis| axes[*axis].member[file]).collect::<Option<Vec<_>>>() {
            tiles.entry(tile).or_default().push(file);
        }
    }
    for held in tiles.values().filter(|held| held.len() > 1) {
        check_disjoint(files, axes, along, held, overlap)?;
    }
    let wanted: usize = along.iter().map(|axis| axes[*axis].groups.len()).product();
    if tiles.len() == wanted {
        return Ok(());
    }
    Err(stranger(files, axes, along).unwrap_or_else(|| incomplete(files, axes, along, &tiles)))
}

/// An error if the files fall into sets that have nothing in common: neither a data variable nor labels of a joined
/// dimension.
fn stranger(files: &Files, axes: &[Axis], along: &[usize]) -> Option<Error> {
    let variables = |file: usize| {
        let data = files.opened[file].table.columns.iter().filter(|c| c.role == Role::Data);
        data.map(|c| c.path.as_str()).collect::<HashSet<&str>>()
    };
    let labels = |file: usize| {
        along.iter().filter_map(|axis| Some((*axis, axes[*axis].member[file]?))).collect::<HashSet<(usize, usize)>>()
    };
    let (mut known, mut places) = (variables(0), labels(0));
    let mut strangers: Vec<usize> = (1..files.opened.len()).collect();
    let mut before = usize::MAX;
    while strangers.len() < before {
        before = strangers.len();
        strangers.retain(|file| {
            let (own, at) = (variables(*file), labels(*file));
            let is_stranger = own.is_disjoint(&known) && at.is_disjoint(&places);
            if !is_stranger {
                known.extend(own);
                places.extend(at);
            }
            is_stranger
        });
    }
    let (a, b) = (files.name(0), files.name(*strangers.first()?));
    let dims: Vec<&str> = along.iter().map(|axis| axes[*axis].path.as_str()).collect();
    let message = format!("{a} and {b} have no variable in common and differ along {}", dims.join(" and "));
    Some(Error::new(ErrorKind::Disagree, message).with_hint("open them as tables of their own and join these"))
}

fn check_disjoint(files: &Files, axes: &[Axis], along: &[usize], held: &[usize], overlap: Overlap) -> Result<()> {
    if matches!(overlap, Overlap::First | Overlap::Last) {
        return Ok(());
    }
    let mut seen: HashMap<&str, usize> = HashMap::new();
    for file in held {
        let table = &files.opened[*file].table;
        let joined = |dim: &usize| along.iter().any(|axis| axes[*axis].path == table.dimensions[*dim].path);
        for column in table.columns.iter().filter(|c| c.role == Role::Data && c.dims.iter().any(joined)) {
            if let Some(other) = seen.insert(&column.path, *file) {
                let dims: Vec<&str> = along.iter().map(|axis| axes[*axis].path.as_str()).collect();
                let (dims, a, b) = (dims.join(" and "), files.name(other), files.name(*file));
                let message = format!("{a} and {b} hold {} for the same {dims}", column.path);
                return Err(Error::new(ErrorKind::Disagree, message)
                    .with_hint("overlap => 'first' or 'last' says which one to take"));
            }
        }
    }
    Ok(())
}

/// Names a combination that no file holds.
fn incomplete(files: &Files, axes: &[Axis], along: &[usize], tiles: &HashMap<Vec<usize>, Vec<usize>>) -> Error {
    let counts: Vec<usize> = along.iter().map(|axis| axes[*axis].groups.len()).collect();
    let tile_at = |mut i: usize| {
        let digit = |n: &usize| {
            let digit = i % n;
            i /= n;
            digit
        };
        counts.iter().map(digit).collect::<Vec<usize>>()
    };
    let all: usize = counts.iter().product();
    let missing = (0..all).map(tile_at).find(|tile| !tiles.contains_key(tile)).unwrap_or_default();
    let place = |(axis, group): (&usize, &usize)| {
        let group = &axes[*axis].groups[*group];
        let from = group.labels.as_ref().filter(|l| l.len() > 0).map_or(String::new(), |l| l.show(0));
        format!("{} from {from} (as in {})", axes[*axis].path, files.name(group.file))
    };
    let places: Vec<String> = along.iter().zip(&missing).map(place).collect();
    let dims: Vec<&str> = along.iter().map(|axis| axes[*axis].path.as_str()).collect();
    let message = format!(
        "files differ along {} but {} of {all} combinations are missing, such as {}",
        dims.join(" and "),
        all - tiles.len(),
        places.join(" with "),
    );
    Error::new(ErrorKind::Disagree, message)
        .with_hint("files that differ along several dimensions must fill their product")
}

/// The files by the place of their first segment along each join; static files come last.
fn order(files: usize, joins: &[Join]) -> Vec<usize> {
    let first_segments = |join: &Join| {
        let mut first = HashMap::new();
        for (at, segment) in join.segments.iter().enumerate() {
            first.entry(segment.group).or_insert(at);
        }
        (0..files).map(|file| first.get(&join.member[file]?).copied()).collect::<Vec<Option<usize>>>()
    };
    let places: Vec<Vec<Option<usize>>> = joins.iter().map(first_segments).collect();
    let mut order: Vec<usize> = (0..files).collect();
    order.sort_by_key(|file| places.iter().map(|at| at[*file].unwrap_or(usize::MAX)).collect::<Vec<_>>());
    order
}
