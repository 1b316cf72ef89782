//! HDF-EOS5: what the dimensions of its grids, swaths and zonal averages are stands in a text, `StructMetadata`, and the axes of
//! grids only as the corners of their area (HDF-EOS5 data model, file specification and library, chapters 2 and 6).

use super::attributes::RawAttribute;
use super::dataset::Dataset;
use super::heap::GlobalHeap;
use super::tree::{Object, Tree};
use super::values::{Strided, values};
use crate::Room;
use crate::aligned::{AlignedBytes, Scratch};
use crate::metrics::ReadMetrics;
use arrow::array::AsArray;
use hyperslab_grid::Hyperslab;

/// Where the text is, cut into numbered pieces.
const TEXT: &str = "HDFEOS INFORMATION/StructMetadata.";

/// The longest piece that is believed.
const LONGEST_TEXT: usize = 1 << 24;

/// A grid, a swath, or zonal averages.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Structure {
    /// The path of its group.
    pub(super) path: String,
    /// Its dimensions and their lengths.
    pub(super) dimensions: Vec<(String, usize)>,
    /// Its fields and their dimensions.
    pub(super) fields: Vec<(String, Vec<String>)>,
    projection: String,
    origin: String,
    registration: String,
    /// The first corner, x and y, and the one opposite.
    corners: [Option<Vec<f64>>; 2],
}

/// The structures that the text of a file describes.
pub(super) fn structures(tree: &Tree, heap: &GlobalHeap<'_>) -> Vec<Structure> {
    let piece = |i: usize| {
        let path = format!("{TEXT}{i}");
        tree.objects.iter().find(|object| object.path == path).and_then(|object| text_of(&object.dataset, heap))
    };
    let text: String = (0..).map_while(piece).collect();
    parse(&text)
}

fn text_of(dataset: &Dataset, heap: &GlobalHeap<'_>) -> Option<String> {
    let all = Hyperslab::all(&dataset.dataspace.shape);
    dataset.dataspace.cells().filter(|cells| *cells == 1 && dataset.datatype.size <= LONGEST_TEXT)?;
    let (mut bytes, mut scratch) = (AlignedBytes::new(), Scratch::default());
    dataset.read(&all, &mut bytes, &mut scratch, (&Room::default(), &ReadMetrics::default())).ok()?;
    let cell = Strided::new(bytes.get(..dataset.datatype.size)?, dataset.datatype.size);
    let texts = values(&dataset.datatype, cell, heap).ok()?;
    texts.as_string_opt::<i32>().map(|texts| texts.value(0).to_owned())
}

pub(super) fn parse(text: &str) -> Vec<Structure> {
    let mut found: Vec<Structure> = Vec::new();
    let mut folder = "";
    let mut field = String::new();
    for line in text.lines() {
        let Some((key, value)) = line.trim().split_once('=') else { continue };
        let (key, value) = (key.trim(), value.trim());
        match (key, value) {
            ("GROUP", "GridStructure") => folder = "GRIDS",
            ("GROUP", "SwathStructure") => folder = "SWATHS",
            ("GROUP", "ZaStructure") => folder = "ZAS",
            ("GROUP", "PointStructure") => folder = "",
            ("GridName" | "SwathName" | "ZaName", name) if !folder.is_empty() => {
                found.push(Structure { path: format!("HDFEOS/{folder}/{}", unquoted(name)), ..Structure::default() });
            }
            _ => {
                if let Some(structure) = found.last_mut() {
                    structure.state(key, value, &mut field);
                }
            }
        }
    }
    found
}

fn unquoted(text: &str) -> &str {
    text.trim_matches('"')
}

fn list(text: &str) -> impl Iterator<Item = &str> {
    text.trim_matches(['(', ')']).split(',').map(|item| unquoted(item.trim()))
}

impl Structure {
    /// Takes what a line says; `name` is what the lines before named.
    fn state(&mut self, key: &str, value: &str, name: &mut String) {
        let point = || list(value).map(|number| number.parse().ok()).collect::<Option<Vec<f64>>>();
        match key {
            "XDim" | "YDim" => self.dimensions.extend(value.parse().ok().map(|len| (key.to_owned(), len))),
            "DimensionName" | "DataFieldName" | "GeoFieldName" => unquoted(value).clone_into(name),
            "Size" => self.dimensions.extend(value.parse().ok().map(|len| (name.clone(), len))),
            "DimList" => self.fields.push((name.clone(), list(value).map(str::to_owned).collect())),
            "Projection" => value.clone_into(&mut self.projection),
            "GridOrigin" => value.clone_into(&mut self.origin),
            "PixelRegistration" => value.clone_into(&mut self.registration),
            "UpperLeftPointMtrs" => self.corners[0] = point(),
            "LowerRightMtrs" => self.corners[1] = point(),
            _ => {}
        }
    }

    fn is_geographic(&self) -> bool {
        self.projection == "HE5_GCTP_GEO"
    }

    /// The labels of a grid's dimension: 0 for x, 1 for y; `None` where the text does not tell them.
    pub(super) fn labels(&self, d: usize) -> Option<Vec<f64>> {
        let name = ["XDim", "YDim"][d];
        let len = self.dimensions.iter().find(|(dim, _)| dim == name)?.1;
        let corner = |i: usize| {
            let packed = *self.corners[i].as_ref()?.get(d)?;
            Some(if self.is_geographic() { degrees(packed) } else { packed })
        };
        let (mut from, mut upto) = (corner(0)?, corner(1)?);
        // The first cell is upper left, unless it is said to be at another corner: LL, LR, UR.
        let turned = [self.origin.ends_with('R'), self.origin.ends_with("LL") || self.origin.ends_with("LR")][d];
        if turned {
            std::mem::swap(&mut from, &mut upto);
        }
        if from == upto || len == 0 || len > 1 << 24 {
            return None;
        }
        let within = if self.registration.ends_with("CORNER") { 0.0 } else { 0.5 };
        let step = (upto - from) / len as f64;
        Some((0..len).map(|i| from + (i as f64 + within) * step).collect())
    }

    /// The axes of a grid as datasets, with the address that they have by courtesy.
    pub(super) fn axes(&self, tree: &Tree) -> Vec<Object> {
        let home = &tree.homes[0];
        let words = match self.is_geographic() {
            true => [("longitude", "degrees_east"), ("latitude", "degrees_north")],
            false => [("projection_x_coordinate", "m"), ("projection_y_coordinate", "m")],
        };
        let axis = |(d, (standard_name, units)): (usize, (&str, &str))| {
            let path = format!("{}/{}", self.path, ["XDim", "YDim"][d]);
            let taken = tree.objects.iter().any(|object| object.path == path);
            let labels = self.labels(d).filter(|_| !taken)?;
            let text = |name: &str, value: &str| RawAttribute::of_text(name, value);
            Some(Object {
                path,
                address: (0, u64::MAX),
                dataset: Dataset::of_numbers(&labels, home),
                attributes: vec![text("standard_name", standard_name), text("units", units)],
            })
        };
        words.into_iter().enumerate().filter_map(axis).collect()
    }
}

/// Degrees, minutes and seconds packed into a number, as degrees.
fn degrees(packed: f64) -> f64 {
    let size = packed.abs();
    let (whole, minutes) = ((size / 1e6).trunc(), (size % 1e6 / 1e3).trunc());
    (whole + minutes / 60.0 + size % 1e3 / 3600.0) * packed.signum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn axes_come_from_corners() {
        let text = "GROUP=GridStructure\n\tGROUP=GRID_1\n\t\tGridName=\"G\"\n\t\tXDim=4\n\t\tYDim=2\n\
            \t\tUpperLeftPointMtrs=(-180000000.0,90000000.0)\n\t\tLowerRightMtrs=(180000000.0,-90000000.0)\n\
            \t\tProjection=HE5_GCTP_GEO\n\t\tGridOrigin=HE5_HDFE_GD_LL\n\
            \t\t\t\tDataFieldName=\"o3\"\n\t\t\t\tDimList=(\"YDim\",\"XDim\")\n";
        let found = parse(text);
        assert_eq!(found[0].path, "HDFEOS/GRIDS/G");
        assert_eq!(found[0].labels(0), Some(vec![-135.0, -45.0, 45.0, 135.0]));
        assert_eq!(found[0].labels(1), Some(vec![-45.0, 45.0]), "the first row is the lowest");
        assert_eq!(found[0].fields, [("o3".to_owned(), vec!["YDim".to_owned(), "XDim".to_owned()])]);
        assert_eq!(degrees(-10_030_036.0), -10.51);
    }

    #[test]
    fn text_that_is_none_describes_nothing() {
        assert_eq!(parse("GROUP=GridStructure\nXDim=9\nEND"), []);
        assert_eq!(parse("GROUP=SwathStructure\nSwathName=\"s\"\nSize=x\nDimList=(")[0].dimensions, []);
    }
}
