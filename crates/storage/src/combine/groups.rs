//! Along each dimension: which files hold the same positions.

use super::Files;
use super::labels::Labels;
use crate::cf::cells::Cell;
use crate::{Error, ErrorKind, Result};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// A dimension of the dataset before joining, by the path it has in the files.
#[derive(Debug)]
pub(crate) struct Axis {
    /// Its path.
    pub(crate) path: String,
    /// Whether it can grow in some file.
    pub(crate) unlimited: bool,
    /// Whether its positions are rows in some file.
    pub(crate) multiplies_rows: bool,
    /// The distinct sets of positions.
    pub(crate) groups: Vec<Group>,
    /// For each file its group; none for files that do not have the dimension.
    pub(crate) member: Vec<Option<usize>>,
}

/// Positions that some files have in common.
#[derive(Clone, Debug)]
pub(crate) struct Group {
    /// The first file that holds them.
    pub(crate) file: usize,
    /// How many there are.
    pub(crate) len: usize,
    /// Their labels, as the first file has them.
    pub(crate) labels: Option<Arc<Labels>>,
}

impl Axis {
    /// Whether it has a coordinate.
    pub(crate) fn is_labelled(&self) -> bool {
        self.groups.iter().all(|group| group.labels.is_some())
    }

    /// Makes every file that has the dimension a group of its own.
    pub(crate) fn split_by_file(&mut self) {
        let files = (0..self.member.len()).filter(|file| self.member[*file].is_some());
        let (groups, files): (Vec<Group>, Vec<usize>) =
            files.map(|file| (Group { file, ..self.groups[self.member[file].unwrap_or(0)].clone() }, file)).unzip();
        files.iter().enumerate().for_each(|(group, file)| self.member[*file] = Some(group));
        self.groups = groups;
    }
}

/// The dimensions of all files that some column lies on, in the order of the first file that has them.
///
/// # Errors
/// If one file labels a dimension that another leaves bare, with another length.
pub(crate) fn axes(files: &Files, warnings: &mut Vec<String>) -> Result<Vec<Axis>> {
    let mut places: HashMap<&str, usize> = HashMap::new();
    let mut builders: Vec<AxisBuilder> = Vec::new();
    for (file, opened) in files.opened.iter().enumerate() {
        let table = &opened.table;
        for (dim, about) in table.dimensions.iter().enumerate() {
            if !table.columns.iter().any(|c| c.dims.contains(&dim)) {
                continue;
            }
            let at = *places.entry(&about.path).or_insert_with(|| {
                builders.push(AxisBuilder::new(&about.path, files.opened.len()));
                builders.len() - 1
            });
            let axis = &mut builders[at];
            axis.axis.unlimited |= about.unlimited;
            axis.axis.multiplies_rows |= about.multiplies_rows;
            axis.add(files, file, about.len, opened.labels[dim].as_ref())?;
        }
    }
    warnings.extend(builders.iter().filter_map(|builder| builder.warning(files)));
    Ok(builders.into_iter().map(|builder| builder.axis).collect())
}

/// An axis while files are added.
struct AxisBuilder {
    axis: Axis,
    /// Groups by the rank of their first label.
    by_first: BTreeMap<i128, Vec<usize>>,
    /// The files whose labels differ a little from those of their group.
    near: Vec<(usize, f64)>,
}

impl AxisBuilder {
    fn new(path: &str, files: usize) -> Self {
        let axis = Axis {
            path: path.to_string(),
            unlimited: false,
            multiplies_rows: false,
            groups: Vec::new(),
            member: vec![None; files],
        };
        Self { axis, by_first: BTreeMap::new(), near: Vec::new() }
    }

    fn add(&mut self, files: &Files, file: usize, len: usize, labels: Option<&Arc<Labels>>) -> Result<()> {
        let found = match labels {
            Some(labels) => {
                self.check_kind(files, file, labels)?;
                self.group_of(files, file, labels)?
            }
            None => self.bare_group(files, file, len)?,
        };
        let group = found.unwrap_or_else(|| {
            self.axis.groups.push(Group { file, len, labels: labels.cloned() });
            let group = self.axis.groups.len() - 1;
            if let Some(labels) = labels {
                self.by_first.entry(labels.first_rank()).or_default().push(group);
            }
            group
        });
        self.axis.member[file] = Some(group);
        Ok(())
    }

    /// Checks that labels can be compared with those known.
    fn check_kind(&self, files: &Files, file: usize, labels: &Labels) -> Result<()> {
        let known = self.axis.groups.iter().find_map(|group| Some((group.file, group.labels.as_ref()?.kind())));
        match known {
            Some((other, kind)) if kind != labels.kind() => {
                let (other, file, labels) = (files.name(other), files.name(file), labels.kind());
                let message =
                    format!("the kind of values differs between files: {kind} in {other}, {labels} in {file}");
                Err(Error::new(ErrorKind::Disagree, message).in_variable(&self.axis.path))
            }
            _ => Ok(()),
        }
    }

    /// The group with the same labels.
    fn group_of(&mut self, files: &Files, file: usize, labels: &Arc<Labels>) -> Result<Option<usize>> {
        let groups = &self.axis.groups;
        if let Some(bare) = groups.iter().find(|group| group.labels.is_none()) {
            if bare.len == labels.len() && groups.len() == 1 {
                self.axis.groups[0].labels = Some(Arc::clone(labels));
                self.by_first.entry(labels.first_rank()).or_default().push(0);
                return Ok(Some(0));
            }
            return Err(self.only_one_labels(files, file, bare.file));
        }
        let known = |group: &usize| groups[*group].labels.as_deref();
        let identical = |group: &usize| known(group).is_some_and(|l| std::ptr::eq(l, Arc::as_ptr(labels)));
        let (low, high) = labels.first_ranks();
        let near = || self.by_first.range(low..=high).flat_map(|(_, groups)| groups.iter().copied());
        if let Some(group) = near().find(identical) {
            return Ok(Some(group));
        }
        let Some(group) = near().find(|group| known(group).is_some_and(|l| l.same(labels))) else { return Ok(None) };
        let distance = known(&group).map_or(0.0, |l| l.distance(labels));
        if distance > 0.0 {
            self.near.push((file, distance));
        }
        Ok(Some(group))
    }

    /// The group of a file without labels: that of the same length.
    fn bare_group(&self, files: &Files, file: usize, len: usize) -> Result<Option<usize>> {
        let groups = &self.axis.groups;
        if let Some(labelled) = groups.iter().find(|group| group.labels.is_some()) {
            let fits = groups.len() == 1 && labelled.len == len;
            return if fits { Ok(Some(0)) } else { Err(self.only_one_labels(files, labelled.file, file)) };
        }
        Ok(groups.iter().position(|group| group.len == len))
    }

    fn only_one_labels(&self, files: &Files, labelled: usize, bare: usize) -> Error {
        let (path, labelled, bare) = (&self.axis.path, files.name(labelled), files.name(bare));
        let message = format!("dimension {path} has a coordinate in {labelled} but none, or another length, in {bare}");
        Error::new(ErrorKind::Disagree, message)
    }

    /// A sentence if labels differ within their tolerance.
    fn warning(&self, files: &Files) -> Option<String> {
        let (file, _) = self.near.first()?;
        let most = self.near.iter().map(|(_, distance)| *distance).fold(0.0, f64::max);
        let group = self.axis.member[*file]?;
        let kept = files.name(self.axis.groups[group].file);
        let more = if self.near.len() > 1 { format!(" and {} more files", self.near.len() - 1) } else { String::new() };
        let (path, file) = (&self.axis.path, files.name(*file));
        Some(format!("coordinate {path} differs by at most {most:e} in {file}{more}: the values of {kept} are used"))
    }
}

impl Labels {
    /// Where the first label lies among all.
    fn first_rank(&self) -> i128 {
        self.first().map_or(0, Cell::rank)
    }

    /// Between which ranks the first label of the same labels lies.
    fn first_ranks(&self) -> (i128, i128) {
        // Twice the tolerance: the other's may be a little greater.
        let around = |first: f64| ((first - 2.0 * self.tolerance()).rank(), (first + 2.0 * self.tolerance()).rank());
        self.first().map_or((0, 0), around)
    }
}
