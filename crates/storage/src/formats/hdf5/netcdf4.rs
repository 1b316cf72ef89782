//! NetCDF-4's conventions on top of HDF5: which datasets are dimensions, and over which dimensions variables are.
//!
//! A dimension is a dataset marked as a scale. Variables refer to their scales by address, or by the number that netCDF
//! gives each dimension. A scale may be a variable at the same time: the coordinate of its dimension.

use super::dataset::Dataset;
use super::datatype::Datatype;
use super::eos::{self, Structure};
use super::heap::GlobalHeap;
use super::layout::in_words;
use super::tree::{Address, Object, Tree};
use super::values::native;
use crate::formats::{FileContents, FileDimension, FileVariable, StoredType};
use crate::io::ReadAt;
use std::collections::HashMap;

/// How the name of a scale starts that is a dimension only.
const NO_VARIABLE: &str = "This is a netCDF dimension but not a netCDF variable";

/// What netCDF puts before the name of a variable that is named like a dimension and is not its coordinate.
const NOT_A_COORDINATE: &str = "_nc4_non_coord_";

/// A text that is longer than most.
const LONG_TEXT: usize = 1 << 14;

/// Attributes that only hold the format together.
const INTERNAL: [&str; 6] =
    ["_Netcdf4Dimid", "_Netcdf4Coordinates", "_NCProperties", "_nc3_strict", "DIMENSION_LIST", "REFERENCE_LIST"];

/// Attributes of the same kind, but only of scales: elsewhere they may mean anything.
const INTERNAL_OF_SCALES: [&str; 2] = ["CLASS", "NAME"];

/// What the cells of a variable are.
pub(super) struct Column {
    /// Its dataset.
    pub(super) dataset: usize,
    /// Their type within the cells of the dataset.
    pub(super) datatype: Datatype,
}

/// What a file holds, the columns behind its variables, in their order, and the datasets.
pub(super) fn interpret(mut tree: Tree, heaps: &[GlobalHeap<'_>]) -> (FileContents, Vec<Column>, Vec<Dataset>) {
    let structures = eos::structures(&tree, &heaps[0]);
    for structure in &structures {
        let axes = structure.axes(&tree);
        tree.objects.extend(axes);
    }
    let mut dimensions = Dimensions::find(&tree, heaps);
    structures.iter().for_each(|structure| dimensions.add_structure(structure, &tree));
    let Tree { objects, attributes, mut problems, homes: _, attribute_bytes: _, spent: _ } = tree;
    let netcdf = dimensions.netcdf || attributes.iter().any(|attribute| attribute.name == "_NCProperties");
    let shown: Vec<Object> =
        objects.into_iter().filter(|object| !dimensions.without_variable.contains(&object.address)).collect();
    let dims: Vec<Vec<usize>> = shown.iter().map(|object| dimensions.of(object, &heaps[object.address.0])).collect();
    let mut variables = Vec::new();
    let (mut columns, mut datasets) = (Vec::new(), Vec::new());
    for (object, dims) in shown.into_iter().zip(dims) {
        let is_scale = dimensions.by_address.contains_key(&object.address);
        let whole = variable(&object, dims, is_scale, &heaps[object.address.0], &mut problems);
        for (suffix, datatype) in object.dataset.datatype.columns() {
            variables.push(column(&whole, &suffix, &datatype, object.dataset.fill()));
            columns.push(Column { dataset: datasets.len(), datatype });
        }
        datasets.push(object.dataset);
    }
    let mut values = Vec::new();
    for attribute in attributes.iter().filter(|attribute| !INTERNAL.contains(&attribute.name.as_str())) {
        match attribute.value(&heaps[0]) {
            Ok(value) => values.push((attribute.name.clone(), value)),
            Err(error) => problems.push(error.to_string()),
        }
    }
    let contents = FileContents {
        format: if netcdf { "netCDF-4" } else { "HDF5" },
        dimensions: dimensions.all,
        variables,
        attributes: values,
        default_fill: netcdf,
        problems,
    };
    (contents, columns, datasets)
}

fn variable(
    object: &Object,
    dims: Vec<usize>,
    is_scale: bool,
    heap: &GlobalHeap<'_>,
    problems: &mut Vec<String>,
) -> FileVariable {
    let dataset = &object.dataset;
    let mut attributes = Vec::new();
    for attribute in &object.attributes {
        let name = attribute.name.as_str();
        if INTERNAL.contains(&name) || is_scale && INTERNAL_OF_SCALES.contains(&name) {
            continue;
        }
        match attribute.value(heap) {
            Ok(value) => attributes.push((name.to_owned(), value)),
            Err(error) => problems.push(format!("{}: {error}", object.path)),
        }
    }
    FileVariable {
        path: shown_path(&object.path),
        dims,
        fill: Vec::new(),
        ty: dataset.datatype.stored_type(),
        cell_bytes: dataset.datatype.size,
        heap_bytes: heap_bytes(dataset),
        attributes,
        chunk: dataset.chunk(),
        chunked: dataset.is_chunked(),
        storage: in_words(&dataset.layout, &dataset.filters),
    }
}

/// What a cell may refer to, if all of the file were that; in large files hardly more than a long text.
fn heap_bytes(dataset: &Dataset) -> usize {
    let cells = dataset.dataspace.cells().unwrap_or(usize::MAX).max(1);
    let each = dataset.home.source.len() as usize / cells;
    if dataset.datatype.refers_to_heap() { each.min(LONG_TEXT) } else { 0 }
}

/// One of the variables that a dataset makes; `fill` is the fill value of its cells as stored.
fn column(whole: &FileVariable, suffix: &str, datatype: &Datatype, fill: &[u8]) -> FileVariable {
    let ty = datatype.stored_type();
    let (at, innermost) = datatype.innermost();
    let fill = fill.get(at..).and_then(|rest| rest.get(..innermost.size));
    let mut native_fill = vec![0; ty.size()];
    let fill = match (fill, &ty) {
        (_, StoredType::Text | StoredType::Values(_) | StoredType::Unsupported(_)) | (None, _) => None,
        (Some(fill), _) => native(innermost, std::iter::once(fill), &mut native_fill).ok(),
    };
    FileVariable {
        path: format!("{}{suffix}", whole.path),
        fill: fill.map_or_else(Vec::new, |()| native_fill),
        ty,
        // What attributes say of a compound is hardly true of each member.
        attributes: if suffix.is_empty() { whole.attributes.clone() } else { Vec::new() },
        ..whole.clone()
    }
}

fn shown_path(path: &str) -> String {
    match path.rsplit_once('/') {
        Some((group, name)) => format!("{group}/{}", name.strip_prefix(NOT_A_COORDINATE).unwrap_or(name)),
        None => path.strip_prefix(NOT_A_COORDINATE).unwrap_or(path).to_owned(),
    }
}

/// The dimensions of a file.
#[derive(Default)]
struct Dimensions {
    all: Vec<FileDimension>,
    by_address: HashMap<Address, usize>,
    /// By the number that netCDF gave them.
    by_number: HashMap<i128, usize>,
    /// Those that HDF-EOS states, by the path of the group that has them.
    of_structures: Vec<(String, Vec<usize>)>,
    /// Those of fields that HDF-EOS lists.
    of_fields: HashMap<Address, Vec<usize>>,
    /// Those invented for variables without scales, by group.
    phony: HashMap<String, Vec<usize>>,
    /// The addresses of scales that are no variables.
    without_variable: Vec<Address>,
    /// Whether netCDF made one of them.
    netcdf: bool,
}

impl Dimensions {
    fn find(tree: &Tree, heaps: &[GlobalHeap<'_>]) -> Self {
        let mut scales: Vec<(i128, &Object)> = Vec::new();
        for object in &tree.objects {
            let class = object.attribute("CLASS").and_then(|attribute| attribute.text(&heaps[object.address.0]));
            if class.as_deref() == Some("DIMENSION_SCALE") && !object.dataset.dataspace.shape.is_empty() {
                scales.push((number(object).unwrap_or(i128::MAX), object));
            }
        }
        scales.sort_by_key(|(number, _)| *number);
        let mut dimensions = Self::default();
        for (_, object) in scales {
            dimensions.add(object, &heaps[object.address.0]);
        }
        dimensions
    }

    fn add(&mut self, object: &Object, heap: &GlobalHeap<'_>) {
        let space = &object.dataset.dataspace;
        let at = self.all.len();
        self.all.push(FileDimension {
            path: object.path.clone(),
            len: space.shape[0],
            unlimited: space.limits[0].is_none(),
        });
        self.by_address.insert(object.address, at);
        if let Some(number) = number(object) {
            self.netcdf = true;
            self.by_number.entry(number).or_insert(at);
        }
        let name = object.attribute("NAME").and_then(|attribute| attribute.text(heap));
        if name.is_some_and(|name| name.starts_with(NO_VARIABLE)) {
            self.netcdf = true;
            self.without_variable.push(object.address);
        }
    }

    /// The dimensions of a grid, swath or zonal averages, and which of them its fields have.
    fn add_structure(&mut self, structure: &Structure, tree: &Tree) {
        let first = self.all.len();
        for (name, len) in &structure.dimensions {
            let path = format!("{}/{name}", structure.path);
            self.all.push(FileDimension { path, len: *len, unlimited: false });
        }
        let by_name = |name: &String| structure.dimensions.iter().position(|(dim, _)| dim == name).map(|d| first + d);
        for (field, over) in &structure.fields {
            let places =
                ["Data Fields", "Geolocation Fields"].map(|group| format!("{}/{group}/{field}", structure.path));
            let dims: Option<Vec<usize>> = over.iter().map(by_name).collect();
            let object = tree.objects.iter().find(|object| places.contains(&object.path));
            if let (Some(dims), Some(object)) = (dims, object) {
                self.of_fields.insert(object.address, dims);
            }
        }
        self.of_structures.push((format!("{}/", structure.path), (first..self.all.len()).collect()));
    }

    /// The dimensions of a variable. Unlimited ones become as long as their longest variable.
    fn of(&mut self, object: &Object, heap: &GlobalHeap<'_>) -> Vec<usize> {
        let stated = self.stated(object, heap);
        let space = &object.dataset.dataspace;
        let mut dims = Vec::with_capacity(space.shape.len());
        for (d, len) in space.shape.iter().enumerate() {
            let unlimited = space.limits[d].is_none();
            let known = stated.get(d).copied().flatten().filter(|dim| self.fits(*dim, *len));
            let dim = known.unwrap_or_else(|| self.phony(object.group(), *len, unlimited, &dims));
            self.all[dim].len = self.all[dim].len.max(*len);
            dims.push(dim);
        }
        dims
    }

    fn fits(&self, dim: usize, len: usize) -> bool {
        self.all[dim].unlimited || self.all[dim].len == len
    }

    /// The dimensions that the file states, each `None` where it does not.
    fn stated(&self, object: &Object, heap: &GlobalHeap<'_>) -> Vec<Option<usize>> {
        let rank = object.dataset.dataspace.shape.len();
        let own = self.by_address.get(&object.address).copied();
        if own.is_some() && rank == 1 {
            return vec![own];
        }
        let numbers = object.attribute("_Netcdf4Coordinates").and_then(|attribute| attribute.integers());
        let by_number = numbers.filter(|numbers| numbers.len() == rank);
        let by_number: Vec<_> =
            by_number.into_iter().flatten().map(|number| self.by_number.get(&number).copied()).collect();
        if rank > 0 && by_number.len() == rank && by_number.iter().all(Option::is_some) {
            return by_number;
        }
        let references = object.attribute("DIMENSION_LIST").map(|list| list.first_references(heap));
        match references {
            Some(Ok(addresses)) => {
                let dim = |address: Option<u64>| self.by_address.get(&(object.address.0, address?)).copied();
                addresses.into_iter().map(dim).collect()
            }
            Some(Err(_)) | None if own.is_some() => vec![own],
            Some(Err(_)) | None => self.by_structure(object),
        }
    }

    /// The dimensions that HDF-EOS states, or those of the right lengths that it states for other fields beside.
    fn by_structure(&self, object: &Object) -> Vec<Option<usize>> {
        if let Some(dims) = self.of_fields.get(&object.address).filter(|_| !object.is_computed()) {
            return dims.iter().copied().map(Some).collect();
        }
        let within = |(path, _): &&(String, Vec<usize>)| object.path.starts_with(path.as_str());
        let Some((_, dims)) = self.of_structures.iter().find(within) else { return Vec::new() };
        let named = dims.iter().find(|dim| self.all[**dim].path == object.path);
        if let Some(own) = named.filter(|_| object.is_computed()) {
            return vec![Some(*own)];
        }
        let mut taken: Vec<usize> = Vec::new();
        let lens = object.dataset.dataspace.shape.iter();
        lens.map(|len| {
            let dim = dims.iter().copied().find(|dim| self.all[*dim].len == *len && !taken.contains(dim));
            taken.extend(dim);
            dim
        })
        .collect()
    }

    /// A dimension of the group with this length that the variable does not use yet.
    fn phony(&mut self, group: &str, len: usize, unlimited: bool, used: &[usize]) -> usize {
        let same =
            |dim: &&usize| self.all[**dim].len == len && self.all[**dim].unlimited == unlimited && !used.contains(*dim);
        if let Some(dim) = self.phony.get(group).and_then(|dims| dims.iter().find(same)) {
            return *dim;
        }
        let dim = self.all.len();
        let name = format!("phony_dim_{dim}");
        let path = if group.is_empty() { name } else { format!("{group}/{name}") };
        self.all.push(FileDimension { path, len, unlimited });
        self.phony.entry(group.to_owned()).or_default().push(dim);
        dim
    }
}

fn number(object: &Object) -> Option<i128> {
    object.attribute("_Netcdf4Dimid")?.integers()?.first().copied()
}
